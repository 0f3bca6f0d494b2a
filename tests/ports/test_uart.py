# SPDX-License-Identifier: MIT
"""What otel_uart puts on the wire, decoded by somebody else's COBS."""

import os
import pathlib
import random
import struct
import subprocess

import pytest
from cobs import cobs

PROGRAMS = pathlib.Path(os.environ["BUILD"]) / "ports"
ENCODERS = [PROGRAMS / "uart_encode", PROGRAMS / "uart_encode_bytewise"]
COPIED, WRITTEN, PULLED, TRICKLED = range(4)
QUEUE_BYTES = 64


def random_bytes(source, length):
    """Bytes with runs between zeros from none to several blocks."""
    density = source.choice([0, 0, 0.001, 0.01, 0.1, 0.5, 1])
    return bytes(0 if source.random() < density else source.randrange(1, 256)
                 for _ in range(length))


def cut(source, data):
    """`data` in pieces, none of them empty."""
    count = min(len(data) - 1, source.choice([0, 1, 2, 5, 30, 500]))
    places = [0, *sorted(source.sample(range(1, len(data)), count)), len(data)]
    return [data[start:end] for start, end in zip(places, places[1:])]


def run(encoder, cases):
    """[(way, capacity, text, pieces)] through an encoder; yields (wire, frame came back once)."""
    words = []
    for way, capacity, text, pieces in cases:
        words.append(struct.pack(f"<{4 + len(pieces)}I", way, capacity, len(text), len(pieces),
                                 *map(len, pieces)))
        words += [text, *pieces]
    done = subprocess.run([encoder], input=b"".join(words), capture_output=True, timeout=120)
    assert done.returncode == 0, done.stderr.decode()
    at = 0
    for _ in cases:
        (length,) = struct.unpack_from("<I", done.stdout, at)
        wire = done.stdout[at + 4:at + 4 + length]
        (came_back,) = struct.unpack_from("<I", done.stdout, at + 4 + length)
        at += 8 + length
        yield wire, came_back
    assert at == len(done.stdout)


def framed(data):
    return b"\0" + cobs.encode(data) + b"\0"


def check(cases):
    """Each way's whole wire, byte by byte: the shortest encoding, and text only around it."""
    for encoder in ENCODERS:
        for case, (wire, came_back) in zip(cases, run(encoder, cases), strict=True):
            way, _, text, pieces = case
            data = b"".join(pieces)
            before = text if way in (PULLED, TRICKLED) else b""
            after = text if way != COPIED else b""
            assert wire == before + framed(data) + after, (way, data)
            assert cobs.decode(wire[len(before):len(wire) - len(after)].strip(b"\0")) == data
            assert came_back == 1


def every_way(source, data, text=b""):
    return [(COPIED, len(data) * 2 + 8, b"", cut(source, data)),
            (WRITTEN, 0, text, cut(source, data)),
            (PULLED, source.choice([1, 1, 2, 7, 64, 4096]), text, cut(source, data)),
            (TRICKLED, source.choice([1, 2, 7, 64]), text, cut(source, data))]


@pytest.mark.parametrize("length", [1, 2, 3, 4, 5, 253, 254, 255, 256, 507, 508, 509, 510, 762, 763])
def test_runs_without_a_zero(length):
    source = random.Random(length)
    data = bytes(source.randrange(1, 256) for _ in range(length))
    check(every_way(source, data) + every_way(source, data + b"\0")
          + every_way(source, b"\0" + data) + every_way(source, data + b"\0" + data))


def test_a_zero_at_every_place():
    source = random.Random(1)
    data = bytes(source.randrange(1, 256) for _ in range(520))
    check([case for place in range(len(data))
           for case in every_way(source, data[:place] + b"\0" + data[place + 1:])])


@pytest.mark.parametrize("length", [1, 2, 3, 254, 255, 600])
def test_zeros_only(length):
    check(every_way(random.Random(2), bytes(length)))


@pytest.mark.parametrize("seed", range(8))
def test_random_frames(seed):
    source = random.Random(seed)
    cases = []
    for _ in range(500):
        data = random_bytes(source, source.choice([1, 2, 10, 100, 300, 1200, 3000]))
        text = b"console text\n" * source.randrange(0, QUEUE_BYTES // 13 + 1)
        cases += every_way(source, data, text)
    check(cases)


def test_the_largest_frame():
    source = random.Random(3)
    check(every_way(source, random_bytes(source, 65507)))


def test_a_buffer_that_may_be_too_small_is_refused():
    data = bytes(range(1, 251)) * 4
    enough = len(data) + len(data) // 128 + 3
    refused, taken = run(ENCODERS[0], [(COPIED, enough - 1, b"", [data]), (COPIED, enough, b"", [data])])
    assert refused[0] == b""
    assert taken[0] == framed(data)
