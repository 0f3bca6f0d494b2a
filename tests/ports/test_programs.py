# SPDX-License-Identifier: MIT
"""The checks that are C programs: each must find its own checks good."""

import os
import pathlib
import subprocess

import pytest

PROGRAMS = pathlib.Path(os.environ["BUILD"]) / "ports"


def check(command):
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=60, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert ", 0 failed, 0 skipped" in done.stdout.splitlines()[-1]


@pytest.mark.parametrize("name", ["posix_port_asan", "posix_port_tsan", "udp_posix"])
def test_on_this_machine(name):
    check([PROGRAMS / name])


@pytest.mark.parametrize("machine, name", [("mps2-an386", "mps2_an386_systick"),
                                           ("mps2-an386", "mps2_an386_counter"),
                                           ("microbit", "microbit_systick")])
def test_on_a_board(machine, name):
    """Time goes on with the instructions (-icount), so that a busy machine changes nothing."""
    check([os.environ.get("QEMU_ARM", "qemu-system-arm"), "-M", machine, "-display", "none",
           "-monitor", "none", "-semihosting-config", "enable=on,target=native", "-icount", "shift=6",
           "-serial", "stdio", "-kernel", PROGRAMS / f"{name}.elf"])
