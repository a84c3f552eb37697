"""Digests by name, and the CRC-32 of a whole from those of its parts."""

from __future__ import annotations

import hashlib
import zlib
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from uploadkit.digests import CRC32, Crc32, crc32_combine, new_digest, split_checksum

MIB = 1024 * 1024


class TestCombining:
    @given(st.binary(max_size=2000), st.lists(st.integers(0, 2000)))
    def test_the_crc_of_a_whole_follows_from_those_of_its_parts(self, content: bytes, cuts: list[int]) -> None:
        ends = sorted({0, len(content), *(min(cut, len(content)) for cut in cuts)})
        whole = Crc32()
        for start, end in pairwise(ends):
            whole.append(zlib.crc32(content[start:end]), end - start)
        assert whole.hexdigest() == f"{zlib.crc32(content):08x}"

    @given(st.binary(), st.binary(), st.binary())
    def test_parts_may_come_as_bytes_or_as_their_crc(self, first: bytes, second: bytes, third: bytes) -> None:
        whole = Crc32()
        whole.update(first)
        whole.append(zlib.crc32(second), len(second))
        whole.update(memoryview(third))
        assert whole.hexdigest() == f"{zlib.crc32(first + second + third):08x}"

    @pytest.mark.parametrize("size", [8 * MIB, 8 * MIB - 1, 5 * MIB + 12_345])
    def test_parts_may_be_long(self, size: int) -> None:
        first, second = b"first", bytes(size)
        assert crc32_combine(zlib.crc32(first), zlib.crc32(second), size) == zlib.crc32(second, zlib.crc32(first))

    def test_terabytes_are_combined_too(self) -> None:
        """Were it a loop over bytes, this would not end."""
        half = 2 * 1024 * 1024 * MIB
        zeros, value = _of_zeros(half), zlib.crc32(b"x")
        twice = crc32_combine(crc32_combine(value, zeros, half), zeros, half)
        assert twice == crc32_combine(value, _of_zeros(2 * half), 2 * half)

    def test_nothing_behind_it_changes_nothing(self) -> None:
        assert crc32_combine(zlib.crc32(b"x"), zlib.crc32(b""), 0) == zlib.crc32(b"x")
        assert crc32_combine(zlib.crc32(b""), zlib.crc32(b"x"), 1) == zlib.crc32(b"x")


class TestByName:
    @pytest.mark.parametrize(
        ("algorithm", "digest"),
        [("sha256", hashlib.sha256(b"hello").hexdigest()), (CRC32, f"{zlib.crc32(b'hello'):08x}")],
    )
    def test_pieces_of_any_kind_make_one_digest(self, algorithm: str, digest: str) -> None:
        found = new_digest(algorithm)
        for piece in (b"he", bytearray(b"l"), memoryview(b"lo")):
            found.update(piece)
        assert found.hexdigest() == digest
        assert split_checksum(f"{algorithm}:{digest}") == (algorithm, digest)


def _of_zeros(size: int) -> int:
    """Return the CRC-32 of ``size`` zeros, a power of two."""
    value = zlib.crc32(b"\0")
    length = 1
    while length < size:
        value = crc32_combine(value, value, length)
        length *= 2
    return value
