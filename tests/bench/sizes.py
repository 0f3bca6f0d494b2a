# SPDX-License-Identifier: MIT
"""Flash and RAM that a linked image owes to the library and what it brings along."""

import collections
import pathlib
import re

FLASH_SECTIONS = (".text", ".ARM.exidx", ".data")
RAM_SECTIONS = (".data", ".bss", ".noinit")
FILL = "(alignment)"


def contributions(elf):
    """{(output section, object file): bytes} of an image, from its map."""
    text = pathlib.Path(elf).with_suffix(".map").read_text()
    text = text[text.index("Linker script and memory map"):]
    text = re.sub(r"^( [.\w*][^\s]*)\n\s+(?=0x)", r"\1 ", text, flags=re.MULTILINE)
    sizes = collections.Counter()
    section = None
    for line in text.splitlines():
        if output := re.match(r"(\.[\w.]+)\b", line):
            section = output[1]
        elif piece := re.match(r" \S+\s+0x[0-9a-f]+\s+0x([0-9a-f]+)\s+(\S.*)$", line):
            sizes[section, piece[2].strip()] += int(piece[1], 16)
        elif fill := re.match(r" \*fill\*\s+0x[0-9a-f]+\s+0x([0-9a-f]+)", line):
            sizes[section, FILL] += int(fill[1], 16)
    return sizes


def total(elf, sections, application):
    """Bytes in `sections`, without those of the object whose name ends with `application`."""
    return sum(size for (section, owner), size in contributions(elf).items()
               if section in sections and not owner.endswith(application))


def owed(elf, empty_elf, application):
    """(flash, RAM) that `elf` needs more than `empty_elf`, the application's own objects apart."""
    return tuple(total(elf, sections, application) - total(empty_elf, sections, application)
                 for sections in (FLASH_SECTIONS, RAM_SECTIONS))
