"""Checksums as S3 wants them: in the headers of a request, for the store to verify what arrives."""

from __future__ import annotations

import base64
import hashlib
import zlib
from collections.abc import Mapping
from typing import Any

from ...digests import CRC32, Crc32
from ...models import SaveOptions
from ...streams import Tally
from .client import BACKEND

#: The algorithms that S3 keeps for a file in parts as a checksum of the whole, not of the parts' checksums
#: (https://docs.aws.amazon.com/AmazonS3/latest/userguide/checking-object-integrity.html).
_WHOLE = ("CRC32", "CRC32C", "CRC64NVME")


def checksum_headers(algorithm: str, content: bytes | bytearray | memoryview) -> dict[str, Any]:
    """Return the parameters that let the store verify ``content`` by ``algorithm``."""
    if algorithm == "none":
        return {}
    if algorithm == "MD5":
        return {"ContentMD5": _base64(hashlib.md5(content, usedforsecurity=False).digest())}
    if algorithm == "SHA256":
        return {"ChecksumSHA256": _base64(hashlib.sha256(content).digest())}
    if algorithm == "SHA1":
        return {"ChecksumSHA1": _base64(hashlib.sha1(content, usedforsecurity=False).digest())}
    if algorithm == "CRC32":
        return {"ChecksumCRC32": _base64(zlib.crc32(content).to_bytes(4, "big"))}
    return {"ChecksumAlgorithm": algorithm}  # the SDK computes it


class PartsTally:
    """Counts and hashes the parts of one file: for the store to verify each part and the whole by.

    The CRC-32 of the whole follows from those of the parts, so that no byte is hashed twice.

    :param options: The announced size and checksum.
    :param key: For the error messages.
    :param algorithm: What the store verifies the parts by.
    """

    def __init__(self, options: SaveOptions, key: str, algorithm: str) -> None:
        self._algorithm = algorithm
        self._crc32 = Crc32() if algorithm == "CRC32" else None
        self._tally = Tally(options, key, BACKEND, CRC32 if algorithm == "CRC32" else None)
        self._is_all_from_parts = self._crc32 is not None and self._tally.is_served_by(_named(self._crc32))

    @property
    def size(self) -> int:
        """The length of all parts in bytes."""
        return self._tally.size

    def add(self, part: memoryview) -> dict[str, Any]:
        """Take note of the next part; return the parameters that let the store verify it.

        :raises IntegrityError: as soon as there is more than was announced.
        """
        if self._is_all_from_parts:
            self._tally.count(len(part))
        else:
            self._tally.add(part)
        if self._crc32 is None:
            return checksum_headers(self._algorithm, part)
        value = zlib.crc32(part)
        self._crc32.append(value, len(part))
        return {"ChecksumCRC32": _base64(value.to_bytes(4, "big"))}

    def finish(self) -> dict[str, Any]:
        """Return the parameters that let the store verify the whole at its completion.

        :raises IntegrityError: if size or checksum are not the announced ones.
        """
        if self._crc32 is not None and self._is_all_from_parts:
            self._tally.take_over(self.size, _named(self._crc32))
        self._tally.finish()
        if self._crc32 is None:
            return {}
        return {"ChecksumCRC32": from_hex(self._crc32.hexdigest()), "ChecksumType": "FULL_OBJECT"}


def upload_parameters(algorithm: str) -> dict[str, str]:
    """Return the parameters with which an upload in parts begins."""
    if algorithm in ("none", "MD5"):
        return {}
    return {"ChecksumAlgorithm": algorithm, **({"ChecksumType": "FULL_OBJECT"} if algorithm in _WHOLE else {})}


def from_hex(digest: str) -> str:
    """Return a hexadecimal digest as S3 writes it."""
    return _base64(bytes.fromhex(digest))


def stored_checksum(answer: Mapping[str, Any]) -> str | None:
    """Return the whole file's checksum that S3 tells of, as ``"algorithm:hex"``.

    One of parts' checksums (``…-3``) says nothing about the whole.
    """
    for name, algorithm in (("ChecksumSHA256", "sha256"), ("ChecksumCRC32", CRC32)):
        value = str(answer.get(name, ""))
        if value and "-" not in value and answer.get("ChecksumType") != "COMPOSITE":
            return f"{algorithm}:{base64.b64decode(value).hex()}"
    return None


def _named(crc32: Crc32) -> str:
    return f"{CRC32}:{crc32.hexdigest()}"


def _base64(digest: bytes) -> str:
    return base64.b64encode(digest).decode()
