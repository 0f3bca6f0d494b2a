# SPDX-License-Identifier: MIT
"""The checks that are C programs: each must find its own checks good."""

import os
import pathlib
import re
import subprocess

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
PROGRAMS = pathlib.Path(os.environ["BUILD"]) / "ports"


def check(command):
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=60, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert ", 0 failed, 0 skipped" in done.stdout.splitlines()[-1]


@pytest.mark.parametrize("name", ["posix_port_asan", "posix_port_tsan", "udp_posix", "uart_threads"])
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


def test_the_template_asks_for_each_function():
    """It compiles; the linker then names all that is to be filled in."""
    contract = (ROOT / "otel_port.h").read_text()
    wanted = set(re.findall(r"^\w+ (otel_port_\w+)\(", contract, re.MULTILINE))
    assert len(wanted) == 10
    done = subprocess.run([os.environ.get("CC", "cc"), "-std=c99", f"-I{ROOT}", "-x", "c", "-", "-o", os.devnull,
                           ROOT / "ports/template/otel_port_template.c"],
                          input="int main(void) { return 0; }", capture_output=True, text=True)
    assert done.returncode != 0
    assert set(re.findall(r"fill_in_(\w+)", done.stderr)) == wanted
