"""The frozen values that travel between upload sets and backends."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

#: Where the visitor's own file name is kept, when the file is stored under another one.
ORIGINAL_FILENAME = "original-filename"

#: Total size of the metadata, in UTF-8 bytes: the limit of S3 for user-defined metadata
#: (https://docs.aws.amazon.com/AmazonS3/latest/userguide/UsingMetadata.html).
MAX_METADATA_BYTES = 2048

_LONGEST_HEADER = 4096
_METADATA_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,63}")
_HEADER_BREAKER = re.compile(r"[\x00-\x1f\x7f]")


@dataclass(frozen=True)
class FileInfo:
    """What a backend knows of one file.

    :param key: The key; for an upload set it is the filename that the set's methods take.
    :param size: The length in bytes.
    :param content_type: The media type, or None where a listing does not tell.
    :param last_modified: When the file was stored, with a time zone.
    :param etag: An opaque word that changes whenever the content does.
    :param checksum: ``"sha256:<hex>"`` (or another algorithm) as computed while the bytes were stored, if it was.
    :param content_disposition: As set when the file was saved.
    :param cache_control: As set when the file was saved.
    :param metadata: Small words that were saved with the file; empty in listings of backends that do not tell.
    """

    key: str
    size: int
    content_type: str | None = None
    last_modified: datetime | None = None
    etag: str | None = None
    checksum: str | None = None
    content_disposition: str | None = None
    cache_control: str | None = None
    metadata: Mapping[str, str] = field(default_factory=dict)

    @property
    def filename(self) -> str:
        """The key, by the name that an upload set's methods use for it."""
        return self.key

    @property
    def original_filename(self) -> str | None:
        """The name the visitor's browser sent, if it differs from the stored one. Escape it before showing it."""
        return self.metadata.get(ORIGINAL_FILENAME)


@dataclass(frozen=True)
class SaveOptions:
    """How to store a file. The defaults are the safe ones; what is None is left to the backend.

    :param content_type: The media type to store; None lets the backend derive it from the key.
    :param content_disposition: The ``Content-Disposition`` to keep with the file, for whoever serves it.
    :param cache_control: The ``Cache-Control`` to serve the file with.
    :param metadata: Small words to keep with the file. Names are lower-case letters, digits and hyphens; values
        are text without control characters; together at most 2,048 bytes.
    :param checksum: ``"algorithm:hex"`` of the bytes to come; a backend refuses other bytes with `IntegrityError`.
    :param size: The announced length in bytes; a backend refuses another one with `IntegrityError`.
    :param overwrite: Replace a file that exists, in one step; otherwise it is an `AlreadyExistsError`.
    :raises ValueError: if a value could not be stored as given on every backend.
    """

    content_type: str | None = None
    content_disposition: str | None = None
    cache_control: str | None = None
    metadata: Mapping[str, str] = field(default_factory=dict)
    checksum: str | None = None
    size: int | None = None
    overwrite: bool = False

    def __post_init__(self) -> None:
        for name in ("content_type", "content_disposition", "cache_control"):
            _check_header(name, getattr(self, name))
        for name, value in self.metadata.items():
            _check_metadata(name, value)
        total = sum(len(name) + len(value.encode()) for name, value in self.metadata.items())
        if total > MAX_METADATA_BYTES:
            raise ValueError(f"metadata is {total} bytes long; the limit is {MAX_METADATA_BYTES}")
        if self.size is not None and self.size < 0:
            raise ValueError(f"size must not be negative: {self.size}")
        if self.checksum is not None:
            split_checksum(self.checksum)


def split_checksum(checksum: str) -> tuple[str, str]:
    """Take ``"sha256:<hex>"`` apart.

    :raises ValueError: if the algorithm is unknown to `hashlib` or the digest has not its length.
    """
    algorithm, _, digest = checksum.partition(":")
    if algorithm not in hashlib.algorithms_guaranteed or algorithm.startswith("shake"):
        raise ValueError(f"checksum must look like 'sha256:<hex>'; {algorithm!r} is no algorithm of hashlib")
    length = hashlib.new(algorithm, usedforsecurity=False).digest_size * 2
    if not re.fullmatch(f"[0-9a-f]{{{length}}}", digest):
        raise ValueError(f"a {algorithm} checksum has {length} lower-case hexadecimal digits")
    return algorithm, digest


def _check_header(name: str, value: str | None) -> None:
    if value is not None and (_HEADER_BREAKER.search(value) or not value.isascii() or len(value) > _LONGEST_HEADER):
        raise ValueError(f"{name} must be printable ASCII (RFC 9110, section 5.5), not too long, not {value!r:.80}")


def _check_metadata(name: str, value: str) -> None:
    if not _METADATA_NAME.fullmatch(name):
        raise ValueError(f"metadata name {name!r} must be lower-case letters, digits and hyphens, at most 64")
    if _HEADER_BREAKER.search(value) or any("\ud800" <= letter <= "\udfff" for letter in value):
        raise ValueError(f"metadata value of {name!r} has control characters or is no valid Unicode")
