"""Digests by name: those of `hashlib`, and the CRC-32 that object stores keep of large files."""

from __future__ import annotations

import hashlib
import re
import zlib
from functools import lru_cache
from typing import Protocol

#: The polynomial of zip and PNG; object stores call it CRC32 (ISO 3309).
CRC32 = "crc32"
#: That polynomial without its highest term. The highest of 32 bits is the coefficient of 1, the lowest that of x**31.
_POLYNOMIAL = 0xEDB88320
_ONE, _X = 1 << 31, 1 << 30
_ALL_BITS = (1 << 32) - 1


class Digest(Protocol):
    """What computes a digest, piece by piece."""

    def update(self, piece: bytes | bytearray | memoryview, /) -> None:
        """Take note of the next bytes."""
        ...

    def hexdigest(self) -> str:
        """Return the digest of all bytes so far."""
        ...


class Crc32:
    """CRC-32 with the methods of a hash."""

    digest_size = 4

    def __init__(self) -> None:
        self._value = 0

    def update(self, piece: bytes | bytearray | memoryview, /) -> None:
        """Take note of the next bytes."""
        self._value = zlib.crc32(piece, self._value)

    def append(self, value: int, size: int) -> None:
        """Take note of the next ``size`` bytes, of which only their own CRC-32 is given."""
        self._value = crc32_combine(self._value, value, size)

    def hexdigest(self) -> str:
        """Return the digest of all bytes so far."""
        return f"{self._value:08x}"


def crc32_combine(first: int, second: int, size: int) -> int:
    """Return the CRC-32 of two byte strings, one behind the other, from those of each.

    A CRC-32 is a remainder of polynomials (ISO 3309): appending ``size`` bytes multiplies it by ``x**(8 * size)``.

    :param first: The CRC-32 of the first one.
    :param second: The CRC-32 of the second one.
    :param size: The length of the second one in bytes.
    """
    return _times(first, _power_of_x(8 * size)) ^ second


@lru_cache(maxsize=16)
def _power_of_x(exponent: int) -> int:
    """Return ``x**exponent``, the remainder of it."""
    power, factor = _ONE, _X
    while exponent:
        if exponent & 1:
            power = _times(power, factor)
        factor = _times(factor, factor)
        exponent >>= 1
    return power


def _times(left: int, right: int) -> int:
    """Return the remainder of a product of two polynomials, whose coefficients are bits."""
    product = 0
    while left:
        if left & _ONE:
            product ^= right
        left = left << 1 & _ALL_BITS
        right = right >> 1 ^ (_POLYNOMIAL if right & 1 else 0)
    return product


def new_digest(algorithm: str) -> Digest:
    """Return a fresh digest.

    :raises ValueError: if there is no such algorithm, or one whose digests have no length of their own.
    """
    if algorithm == CRC32:
        return Crc32()
    if algorithm.startswith("shake"):
        raise ValueError(f"unsupported hash type {algorithm}: its digests have no length of their own")
    return hashlib.new(algorithm, usedforsecurity=False)


def split_checksum(checksum: str) -> tuple[str, str]:
    """Take ``"sha256:<hex>"`` apart.

    :raises ValueError: if the algorithm is unknown or the digest has not its length.
    """
    algorithm, _, digest = checksum.partition(":")
    if algorithm != CRC32 and (algorithm not in hashlib.algorithms_guaranteed or algorithm.startswith("shake")):
        raise ValueError(f"checksum must look like 'sha256:<hex>'; {algorithm!r} is no algorithm of hashlib, nor crc32")
    length = len(new_digest(algorithm).hexdigest())
    if not re.fullmatch(f"[0-9a-f]{{{length}}}", digest):
        raise ValueError(f"a {algorithm} checksum has {length} lower-case hexadecimal digits")
    return algorithm, digest
