# SPDX-License-Identifier: MIT
"""The instruments measure what is known beforehand."""

import os
import pathlib
import subprocess
import sys

import pytest

HERE = pathlib.Path(__file__).parent
sys.path.insert(0, str(HERE))
import firmware
import sizes
import stack
import standard_span

BUILD = pathlib.Path(os.environ["BUILD"]) / "bench"
PLUGIN = BUILD / "insn_count.so"


@pytest.fixture(scope="module")
def known():
    return firmware.run(str(BUILD / "m4_known.elf"), "mps2-an386", PLUGIN)


@pytest.mark.parametrize("name, instructions, repetitions",
                         [("known_empty", 0, 1), ("known_seven", 7, 1), ("known_loop", 201, 3)])
def test_region(known, name, instructions, repetitions):
    region = known.regions[name]
    assert (region.min, region.max, region.repetitions) == (instructions, instructions, repetitions)
    assert len(region.trace) == instructions


def test_masked(known):
    assert [length for length, _ in known.masked] == [9, 5]


def test_trace_names_functions(known):
    symbols = firmware.Symbols(str(BUILD / "m4_known.elf"))
    names = map(symbols.function_at, known.regions["known_loop"].trace)
    assert set(names) == {"main"}


def test_shown_bytes(known):
    assert known.shown["shown"] == b"\x01\xab"


def test_firmware_that_fails_is_an_error(tmp_path):
    with pytest.raises((SystemExit, subprocess.CalledProcessError)):
        firmware.run(str(tmp_path / "missing.elf"), "mps2-an386", PLUGIN)


@pytest.mark.parametrize("level", ["os", "o2"])
def test_floor_writes_the_standard_span(level):
    shown = firmware.run(str(BUILD / f"m4_floor_{level}.elf"), "mps2-an386", PLUGIN).shown
    assert standard_span.check_scope_spans(shown["spans"]) == 1


def test_other_bytes_are_not_the_standard_span():
    shown = firmware.run(str(BUILD / "m4_floor_os.elf"), "mps2-an386", PLUGIN).shown["spans"]
    with pytest.raises(AssertionError):
        standard_span.check_scope_spans(shown.replace(b"bme280", b"bme281"))


def test_sizes_add_up_to_what_the_linker_says():
    elf = str(BUILD / "m4_known.elf")
    text = subprocess.run(["arm-none-eabi-size", elf], check=True, capture_output=True, text=True)
    code, data, zeroed = map(int, text.stdout.splitlines()[1].split()[:3])
    assert sizes.total(elf, sizes.FLASH_SECTIONS, "no such object") == code + data
    assert sizes.total(elf, sizes.RAM_SECTIONS, "no such object") == data + zeroed
    assert sizes.owed(elf, elf, "m4_known.o") == (0, 0)


GRAPH = """\
node: { title: "top" label: "top\\na.c:1:1\\n16 bytes (static)\\n0 dynamic objects" }
node: { title: "/x/a.c:low" label: "low\\na.c:1:1\\n%d bytes (static)\\n0 dynamic objects" }
node: { title: "otel_port_lock" label: "otel_port_lock\\na.c:1:1\\n900 bytes (static)" }
edge: { sourcename: "top" targetname: "/x/a.c:low" label: "a.c:2:2" }
edge: { sourcename: "top" targetname: "otel_port_lock" label: "a.c:2:2" }
edge: { sourcename: "/x/a.c:low" targetname: "%s" label: "a.c:2:2" }
"""


def graph_of(tmp_path, low_bytes, low_calls):
    file = tmp_path / "a.ci"
    file.write_text(GRAPH % (low_bytes, low_calls))
    elf = str(BUILD / "m4_known.elf")
    return stack.Graph([file], elf, lambda name: name.startswith("otel_port_"))


def test_stack_is_the_deepest_way_without_the_port(tmp_path):
    assert graph_of(tmp_path, 24, "__indirect_call").deepest("top") == (40, ("top", "a.c:low"))


def test_stack_finds_recursion(tmp_path):
    with pytest.raises(SystemExit, match="recursion"):
        graph_of(tmp_path, 24, "top").deepest("top")
