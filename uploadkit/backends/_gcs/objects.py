"""Between the JSON API's objects and uploadkit's values."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any

import google_crc32c
from google.api_core.datetime_helpers import from_rfc3339

from ...models import FileInfo, SaveOptions
from ...streams import CHUNK_SIZE
from .._cloud.metadata import as_headers, from_headers, own_words, stored_sha256, users_words
from .options import GCSOptions

#: How each operation calls the ACL and the key of Cloud KMS.
_PARAMS = {
    "insert": ("predefinedAcl", "kmsKeyName"),
    "compose": ("destinationPredefinedAcl", "kmsKeyName"),
    "rewrite": ("destinationPredefinedAcl", "destinationKmsKeyName"),
}


def info_of(key: str, found: Mapping[str, Any]) -> FileInfo:
    """Return what the store tells of an object."""
    words = from_headers(found.get("metadata") or {})
    stored = found.get("timeCreated") or found.get("updated")
    return FileInfo(
        key=key,
        size=int(found["size"]),
        content_type=found.get("contentType"),
        last_modified=from_rfc3339(stored) if stored else None,
        etag=str(found["generation"]),
        checksum=stored_sha256(words) or md5_of(found),
        content_disposition=found.get("contentDisposition"),
        cache_control=found.get("cacheControl"),
        metadata=users_words(words),
    )


def md5_of(found: Mapping[str, Any]) -> str | None:
    """Return ``"md5:<hex>"`` as the store computed it; composed objects have none."""
    stored = found.get("md5Hash")
    return f"md5:{base64.b64decode(stored).hex()}" if stored else None


def attributes(
    name: str, key: str, options: SaveOptions, defaults: GCSOptions, word: str, sha256: str | None = None
) -> dict[str, Any]:
    """Return what is to be stored beside the content of a file.

    :param word: The upload word.
    :param sha256: The digest of the content in hexadecimal, if it is known.
    """
    chosen = defaults.filled_in(key, options)
    found = {
        "name": name,
        "contentType": chosen["content_type"],
        "contentDisposition": chosen["content_disposition"],
        "cacheControl": chosen["cache_control"],
        "storageClass": defaults.storage_class,
        "metadata": as_headers({**chosen["metadata"], **own_words(word, sha256)}),
    }
    return {field: value for field, value in found.items() if value is not None}


def sha256_of(checksum: str | None) -> str | None:
    """Return the digest of a ``"sha256:…"`` checksum; None for any other."""
    digest = (checksum or "").removeprefix("sha256:")
    return digest if digest and digest != checksum else None


def extra_params(options: GCSOptions, operation: str = "insert", *, internal: bool = False) -> dict[str, str]:
    """Return the parameters that new objects are made with.

    :param operation: ``"insert"``, ``"compose"`` or ``"rewrite"``.
    :param internal: Whether the object is the backend's own; it is never made public.
    """
    acl, kms_key = _PARAMS[operation]
    params = {acl: None if internal else options.acl, kms_key: options.kms_key}
    return {name: value for name, value in params.items() if value is not None}


class Crc32c:
    """The digest that the store has of every object."""

    def __init__(self, content: bytes | bytearray = b"") -> None:
        self._value = 0
        self.update(content)

    def update(self, content: bytes | bytearray) -> None:
        """Take note of the next bytes."""
        view = memoryview(content)
        for start in range(0, len(view), CHUNK_SIZE):  # the library takes nothing but bytes, so they are copied
            self._value = google_crc32c.extend(self._value, bytes(view[start : start + CHUNK_SIZE]))

    def __str__(self) -> str:
        """Write it as the JSON API does."""
        return base64.b64encode(self._value.to_bytes(4, "big")).decode()
