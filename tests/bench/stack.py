# SPDX-License-Identifier: MIT
"""The deepest stack of a function, from gcc's call graph (-fcallgraph-info=su) and the image."""

import functools
import re
import subprocess

OBJDUMP = "arm-none-eabi-objdump"
REGISTER_BYTES = 4
INDIRECT = "__indirect_call"


def _short(title):
    """A static function's title without the directory of its file."""
    return title.rpartition("/")[2]


class Graph:
    """`apart` says whose stack is not counted: a function's name in, true or false out. Calls
    through pointers are hooks and the transport, which are apart as well, except nanopb's stream,
    whose callback is known."""

    def __init__(self, call_graph_files, elf, apart):
        self.elf = elf
        self.apart = apart
        self.frames, self.calls = {}, {}
        for file in call_graph_files:
            self._read(file)

    def _read(self, file):
        with open(file, encoding="utf-8") as lines:
            for line in lines:
                if node := re.match(r'node: { title: "([^"]+)" label: "([^"]+)"', line):
                    used = re.search(r"\\n(\d+) bytes \((\w+)\)", node[2])
                    if used:
                        assert used[2] == "static", line
                        self.frames[_short(node[1])] = int(used[1])
                elif edge := re.match(r'edge: { sourcename: "([^"]+)" targetname: "([^"]+)"', line):
                    caller, callee = _short(edge[1]), _short(edge[2])
                    self.calls.setdefault(caller, set()).add(self._target(caller, callee))

    @staticmethod
    def _target(caller, callee):
        return "pb_encode.c:buf_write" if callee == INDIRECT and caller == "pb_write" else callee

    @functools.lru_cache(maxsize=None)
    def _assembled(self, name):
        """The frame of a function that came as machine code: what it pushes. It calls nothing."""
        text = subprocess.run([OBJDUMP, "-d", f"--disassemble={name}", self.elf], check=True,
                              capture_output=True, text=True).stdout
        assert f"<{name}>:" in text, f"{name} is in no call graph and not in {self.elf}"
        pushed = sum(self._registers(group)
                     for group in re.findall(r"\t(?:push|stmdb\tsp!,)\s*{([^}]*)}", text))
        reserved = re.findall(r"\tsub\tsp, #(\d+)", text)
        return pushed * REGISTER_BYTES + sum(map(int, reserved))

    @staticmethod
    def _registers(group):
        count = 0
        for item in group.split(","):
            ends = re.findall(r"r(\d+)", item)
            count += int(ends[1]) - int(ends[0]) + 1 if len(ends) == 2 else 1
        return count

    def deepest(self, name, path=()):
        """(bytes, the functions on the way down) of calling `name`."""
        if name in path:
            raise SystemExit("recursion: " + " > ".join(path + (name,)))
        if name not in self.frames:
            return self._assembled(name), (name,)
        below = [self.deepest(callee, path + (name,)) for callee in self.calls.get(name, ())
                 if callee != INDIRECT and not self.apart(callee.rpartition(":")[2])]
        depth, way = max(below, default=(0, ()))
        return self.frames[name] + depth, (name,) + way
