"""The frozen values that travel between upload sets and backends."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from typing import Literal

from .digests import split_checksum

#: Where the visitor's own file name is kept, when the file is stored under another one.
ORIGINAL_FILENAME = "original-filename"

#: Total size of the metadata, in UTF-8 bytes. S3 keeps 2 KB of user-defined metadata
#: (https://docs.aws.amazon.com/AmazonS3/latest/userguide/UsingMetadata.html); the rest is for what headers need to
#: carry other letters than ASCII, and for the backend's own words.
MAX_METADATA_BYTES = 1024
#: How many entries metadata may have: each is a header of the answers, of which Python's HTTP client takes 100.
MAX_METADATA_ENTRIES = 32
#: Names of metadata that begin so are the backends' own.
RESERVED_METADATA = "uploadkit-"
#: The longest life of a signed request, in seconds: seven days, the limit of AWS and of Google for V4 signatures
#: (https://docs.aws.amazon.com/AmazonS3/latest/userguide/using-presigned-url.html,
#: https://cloud.google.com/storage/docs/access-control/signed-urls).
MAX_EXPIRY = 7 * 24 * 3600

LinkMethod = Literal["GET", "HEAD"]
LINK_METHODS: tuple[LinkMethod, ...] = ("GET", "HEAD")

#: One type with parameters (RFC 9110, section 8.3.1). Browsers read more than that: of several types with commas
#: between them, they take the last (https://fetch.spec.whatwg.org/#concept-header-extract-mime-type).
_WORD = r"[\w!#$%&'*+.^`|~-]+"
_MEDIA_TYPE = rf"""\s*({_WORD}/{_WORD})(?:\s*;\s*{_WORD}=(?:{_WORD}|"[^",;\\]*"))*\s*"""
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
    :param pending: Whether it waits in quarantine for its release.
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
    pending: bool = False

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
        are text without control characters; together at most 1,024 bytes and 32 entries. ``uploadkit-…`` is
        reserved.
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
        _check_header("content_type", self.content_type)
        _check_header("content_disposition", self.content_disposition)
        _check_header("cache_control", self.cache_control)
        _check_all_metadata(self.metadata)
        if self.size is not None and self.size < 0:
            raise ValueError(f"size must not be negative: {self.size}")
        if self.checksum is not None:
            split_checksum(self.checksum)


@dataclass(frozen=True)
class LinkOptions:
    """What a signed URL allows, and what is answered to it.

    :param method: ``"GET"`` or ``"HEAD"``, and only that one.
    :param content_type: The media type to answer with instead of the stored one.
    :param content_disposition: The ``Content-Disposition`` to answer with instead of the stored one.
    :param signed_at: When the life of the URL begins, with a time zone; None means now. The same moment, in whole
        seconds, makes the same URL again, which browsers and caches can then recognise.
    :raises ValueError: if a value could not be answered as given.
    """

    method: LinkMethod = "GET"
    content_type: str | None = None
    content_disposition: str | None = None
    signed_at: datetime | None = None

    def __post_init__(self) -> None:
        if self.method not in LINK_METHODS:
            raise ValueError(f"method must be 'GET' or 'HEAD', not {self.method!r}; a signed URL only reads")
        _check_header("content_type", self.content_type)
        _check_header("content_disposition", self.content_disposition)
        if self.content_type is not None and media_type(self.content_type) is None:
            raise ValueError(
                f"content_type must be one media type (RFC 9110, section 8.3.1), not {self.content_type!r}"
            )
        if self.signed_at is not None and self.signed_at.tzinfo is None:
            raise ValueError("signed_at must have a time zone")


@dataclass(frozen=True)
class SignedURL:
    """A URL that reads one file until it expires, for whoever has it. It is a secret.

    :param url: The URL.
    :param expires_at: When it stops working; sooner than was asked for where the credentials that signed it end.
    """

    url: str = field(repr=False)
    expires_at: datetime


def check_expiry(expires_in: int) -> int:
    """Return ``expires_in`` if a signature may live so many seconds.

    :raises ValueError: if it is not between one second and seven days.
    """
    if not 1 <= expires_in <= MAX_EXPIRY:
        raise ValueError(f"expires_in must be between 1 second and {MAX_EXPIRY} (seven days), not {expires_in}")
    return expires_in


def media_type(content_type: str) -> str | None:
    """Return the one type that a header names; None if browsers could find several, or none, in it."""
    match = _media_types().fullmatch(content_type)
    return match[1].lower() if match else None


@cache
def _media_types() -> re.Pattern[str]:
    return re.compile(_MEDIA_TYPE, re.ASCII)  # here, not when every app imports this: it takes a third of a millisecond


def _check_header(name: str, value: str | None) -> None:
    if value is not None and (_HEADER_BREAKER.search(value) or not value.isascii() or len(value) > _LONGEST_HEADER):
        raise ValueError(f"{name} must be printable ASCII (RFC 9110, section 5.5), not too long, not {value!r:.80}")


def _check_all_metadata(metadata: Mapping[str, str]) -> None:
    for name, value in metadata.items():
        _check_metadata(name, value)
    if len(metadata) > MAX_METADATA_ENTRIES:
        raise ValueError(f"metadata has {len(metadata)} entries; the limit is {MAX_METADATA_ENTRIES}")
    total = sum(len(name) + len(value.encode()) for name, value in metadata.items())
    if total > MAX_METADATA_BYTES:
        raise ValueError(f"metadata is {total} bytes long; the limit is {MAX_METADATA_BYTES}")


def _check_metadata(name: str, value: str) -> None:
    if not _METADATA_NAME.fullmatch(name):
        raise ValueError(f"metadata name {name!r} must be lower-case letters, digits and hyphens, at most 64")
    if name.startswith(RESERVED_METADATA):
        raise ValueError(f"metadata name {name!r} is reserved: {RESERVED_METADATA!r} begins names of the backends")
    if _HEADER_BREAKER.search(value) or any("\ud800" <= letter <= "\udfff" for letter in value):
        raise ValueError(f"metadata value of {name!r} has control characters or is no valid Unicode")
