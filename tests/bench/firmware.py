# SPDX-License-Identifier: MIT
"""Runs a benchmark's firmware under QEMU with the counting plugin, and reads ELF files."""

import bisect
import collections
import dataclasses
import os
import re
import subprocess
import tempfile

NM = os.environ.get("ARM_NM", "arm-none-eabi-nm")
QEMU = os.environ.get("QEMU_ARM", "qemu-system-arm")
RUN_TIMEOUT_S = 60


@dataclasses.dataclass
class Symbol:
    address: int
    size: int
    kind: str
    name: str


@dataclasses.dataclass
class Region:
    """What insn_count.c says of one region; `trace` is the last repetition, address by address."""

    repetitions: int
    min: int
    max: int
    trace: list


@dataclasses.dataclass
class Run:
    regions: dict
    masked: list
    shown: dict


class Symbols:
    def __init__(self, elf):
        lines = subprocess.run([NM, "-S", elf], check=True, capture_output=True, text=True).stdout
        found = re.findall(r"^([0-9a-f]+) (?:([0-9a-f]+) )?(\w) (\S+)$", lines, re.MULTILINE)
        self.all = [Symbol(int(address, 16) & ~1 if kind in "tT" else int(address, 16),
                           int(size or "0", 16), kind, name)
                    for address, size, kind, name in found if not name.startswith("$")]
        self.by_name = {symbol.name: symbol for symbol in self.all}
        self.code = sorted((symbol for symbol in self.all if symbol.kind in "tTwW"),
                           key=lambda symbol: (symbol.address, symbol.size))
        self.code_addresses = [symbol.address for symbol in self.code]

    def function_at(self, address):
        at = bisect.bisect_right(self.code_addresses, address) - 1
        return self.code[at].name if at >= 0 else "?"

    def regions(self):
        """Names of the regions that BENCH_REGION() defined."""
        return [name.removeprefix("bench_begin_") for name in self.by_name
                if name.startswith("bench_begin_")]


def run(elf, machine, plugin):
    """The firmware's regions, stretches with interrupts masked, and the lines that it showed."""
    symbols = Symbols(elf)
    with tempfile.NamedTemporaryFile("r", suffix=".insn") as out:
        arguments = f"{plugin},out={out.name}"
        for name in symbols.regions():
            begin = symbols.by_name["bench_begin_" + name].address
            end = symbols.by_name["bench_end_" + name].address
            arguments += f",region={name}:{begin:x}:{end:x}"
        done = subprocess.run(
            [QEMU, "-M", machine, "-display", "none", "-monitor", "none", "-serial", "stdio",
             "-semihosting-config", "enable=on,target=native", "-plugin", arguments,
             "-kernel", elf], stdin=subprocess.DEVNULL, capture_output=True, timeout=RUN_TIMEOUT_S)
        if done.returncode != 0:
            raise SystemExit(f"{elf} ended with {done.returncode}\n"
                             f"{done.stdout[-2000:]!r}\n{done.stderr.decode()}")
        return _parse(out.read(), done.stdout)


def _parse(text, console):
    regions, masked = {}, []
    for line in text.splitlines():
        kind, *words = line.split()
        if kind == "region":
            regions[words[0]] = Region(*map(int, words[1:]), [])
        elif kind == "trace":
            regions[words[0]].trace = [int(word, 16) for word in words[1:]]
        elif kind == "masked":
            masked.append((int(words[0]), [int(word, 16) for word in words[1:]]))
    shown = collections.defaultdict(bytes)
    for name, digits in re.findall(rb"^(\w+) ((?:[0-9a-f]{2})+)$", console, re.MULTILINE):
        shown[name.decode()] += bytes.fromhex(digits.decode())
    return Run(regions, sorted(masked, reverse=True), dict(shown))
