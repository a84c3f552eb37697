"""Digests by name: those of `hashlib`, and the CRC-32 that object stores keep of large files."""

from __future__ import annotations

import hashlib
import re
import zlib
from typing import Protocol

#: The polynomial of zip and PNG; object stores call it CRC32 (ISO 3309).
CRC32 = "crc32"


class Digest(Protocol):
    """What computes a digest, piece by piece."""

    def update(self, piece: bytes | bytearray, /) -> None:
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

    def update(self, piece: bytes | bytearray, /) -> None:
        """Take note of the next bytes."""
        self._value = zlib.crc32(piece, self._value)

    def hexdigest(self) -> str:
        """Return the digest of all bytes so far."""
        return f"{self._value:08x}"


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
