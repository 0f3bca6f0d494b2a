# SPDX-License-Identifier: MIT
"""The second implementation of the link against the page's published values, and its vectors."""

import random

import pytest

from gateway import link


def test_the_vectors_in_the_tree_are_those_of_this_program():
    assert link.VECTORS.read_text() == link.vectors()


@pytest.mark.parametrize("decoded, encoded", [
    ("", "01"), ("00", "0101"), ("0000", "010101"), ("001100", "01021101"), ("11220033", "0311220233"),
    ("11223344", "0511223344"), ("11000000", "0211010101"),
    (bytes(range(1, 255)).hex(), "ff" + bytes(range(1, 255)).hex()),
    (bytes(range(255)).hex(), "01ff" + bytes(range(1, 255)).hex()),
    (bytes(range(1, 256)).hex(), "ff" + bytes(range(1, 255)).hex() + "02ff"),
    ((bytes(range(2, 256)) + b"\0").hex(), "ff" + bytes(range(2, 256)).hex() + "0101"),
    ((bytes(range(3, 256)) + b"\0\1").hex(), "fe" + bytes(range(3, 256)).hex() + "0201"),
])
def test_cobs_is_the_published_one(decoded, encoded):
    assert link.cobs_encode(bytes.fromhex(decoded)).hex() == encoded
    assert link.cobs_decode(bytes.fromhex(encoded)).hex() == decoded


def test_cobs_comes_back():
    generator = random.Random(1)
    for _ in range(2000):
        data = bytes(generator.choice((0, 1, 255)) for _ in range(generator.randrange(700)))
        assert 0 not in link.cobs_encode(data)
        assert link.cobs_decode(link.cobs_encode(data)) == data


def test_the_check_values():
    assert link.crc(b"123456789") == (0xCBF43926).to_bytes(4, "little")
    # RFC 4231, test case 2, for the function that the tags stand on.
    assert link.hmac.new(b"Jefe", b"what do ya want for nothing?", "sha256").hexdigest() == (
        "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843")
