# SPDX-License-Identifier: MIT
"""The program of the README, compiled in an empty directory exactly as the README says."""

import os
import re
import subprocess

import pytest

from interop import peers

PROGRAM_LINES_MAX = 25


def block_after(marker, language):
    """The first fenced block of this language behind the marker."""
    readme = (peers.ROOT / "README.md").read_text(encoding="utf-8")
    _, found, rest = readme.partition(f"<!-- {marker} -->")
    assert found, f"README.md has no marker {marker}"
    return re.search(rf"```{language}\n(.*?)```", rest, re.DOTALL)[1]


def test_the_program_of_the_readme_shows_its_spans_in_the_gateway(tmp_path, run_gateway):
    program, build = block_after("first-program", "c"), block_after("first-program-build", "sh")
    assert len(program.splitlines()) <= PROGRAM_LINES_MAX
    port = int(re.search(r'"127\.0\.0\.1", (\d+)\)', program)[1])
    if peers.listens_udp(port):
        pytest.skip(f"UDP port {port}, which the README's program sends to, is taken")
    gateway = run_gateway(f"udp:127.0.0.1:{port}")
    peers.wait_until(lambda: peers.listens_udp(port), "the gateway to listen")

    (tmp_path / "first.c").write_text(program, encoding="utf-8")
    built = subprocess.run(["sh", "-euc", build], cwd=tmp_path, stdin=subprocess.DEVNULL,
                           env={**os.environ, "OTEL": str(peers.ROOT)}, capture_output=True,
                           timeout=60, text=True)
    assert built.returncode == 0, built.stdout + built.stderr
    assert built.stderr == "", "the compiler has something to say"

    names = re.findall(r'otel_span_start\("([^"]+)"\)', program)
    assert names
    peers.wait_until(lambda: all(name in gateway.stdout() for name in names), "the waterfall", 10)
    shown = gateway.stdout()
    assert re.search(r"^◆ thermostat · .* · 2 spans", shown, re.MULTILINE)
    assert re.search(r"^  control\.cycle .*█", shown, re.MULTILINE)
    assert re.search(r"^  └─ sensor\.read .*█", shown, re.MULTILINE)
    assert "sensor.model=bme280  sensor.celsius=21.5" in shown
    assert re.search(r"• .* calibrated", shown)
