# SPDX-License-Identifier: MIT
"""The checks that are C programs: each must find its own checks good."""

import os
import pathlib
import subprocess

import pytest

PROGRAMS = pathlib.Path(os.environ["BUILD"]) / "ports"


@pytest.mark.parametrize("name", ["posix_port_asan", "posix_port_tsan", "udp_posix"])
def test_on_this_machine(name):
    done = subprocess.run([PROGRAMS / name], capture_output=True, timeout=60, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert ", 0 failed, 0 skipped" in done.stdout.splitlines()[-1]
