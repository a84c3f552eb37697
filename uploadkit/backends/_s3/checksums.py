"""Checksums as S3 wants them: in the headers of a request, for the store to verify what arrives."""

from __future__ import annotations

import base64
import hashlib
import zlib
from collections.abc import Mapping
from typing import Any

from ...digests import CRC32

#: The algorithms that S3 keeps for a file in parts as a checksum of the whole, not of the parts' checksums
#: (https://docs.aws.amazon.com/AmazonS3/latest/userguide/checking-object-integrity.html).
_WHOLE = ("CRC32", "CRC32C", "CRC64NVME")


def checksum_headers(algorithm: str, content: bytes | bytearray) -> dict[str, Any]:
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


def _base64(digest: bytes) -> str:
    return base64.b64encode(digest).decode()
