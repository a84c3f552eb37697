"""What S3 tells of a file, and what it is told when one is stored."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timezone
from email.utils import parsedate_to_datetime
from typing import Any

from ...exceptions import BackendError, NotFoundError, PermissionDeniedError
from ...models import FileInfo, SaveOptions
from .._cloud.metadata import UPLOAD, as_headers, from_headers, own_words, stored_sha256, users_words
from .checksums import stored_checksum
from .client import S3Calls
from .errors import code_of

#: An answer to HEAD has no body, so a bad request (expired credentials, a missing key of SSE-C) has no code.
_NO_REASON = "400"


def look_up(calls: S3Calls, key: str) -> dict[str, Any]:
    """Return the answer of HEAD. It needs no permission to list: whatever is forbidden stays forbidden.

    :raises NotFoundError: if there is no such file.
    """
    asked = {"ChecksumMode": "ENABLED"} if calls.options.checksum_mode else {}
    try:
        return calls("head_object", key, **asked)
    except BackendError as error:
        if code_of(error) != _NO_REASON:
            raise
        told = _with_reason(calls, key, error)
        raise told from told.__cause__


def _with_reason(calls: S3Calls, key: str, error: BackendError) -> BackendError:
    """Return a better error, if GET tells what HEAD could not."""
    try:
        calls("get_object", key, Range="bytes=0-0")["Body"].close()
    except PermissionDeniedError as told:
        return told
    except BackendError:
        return error
    return error


def info_of(key: str, answer: Mapping[str, Any], size: int | None = None) -> FileInfo:
    """Return what an answer of HEAD or GET tells.

    :param size: The length of the whole file, where the answer has only a range of it.
    """
    metadata = from_headers(answer.get("Metadata", {}))
    return FileInfo(
        key=key,
        size=answer["ContentLength"] if size is None else size,
        content_type=answer.get("ContentType"),
        last_modified=answer.get("LastModified"),
        etag=bare_etag(answer),
        checksum=stored_sha256(metadata) or (stored_checksum(answer) if size is None else None),
        content_disposition=answer.get("ContentDisposition"),
        cache_control=answer.get("CacheControl"),
        metadata=users_words(metadata),
    )


def saved_info(key: str, size: int, attributes: Mapping[str, Any], answer: Mapping[str, Any]) -> FileInfo:
    """Return what `info_of` would, from the request that stored the file and its answer."""
    metadata = from_headers(attributes["Metadata"])
    return FileInfo(
        key=key,
        size=size,
        content_type=attributes["ContentType"],
        last_modified=time_of(answer),
        etag=bare_etag(answer),
        checksum=stored_sha256(metadata) or stored_checksum(answer),
        content_disposition=attributes.get("ContentDisposition"),
        cache_control=attributes.get("CacheControl"),
        metadata=users_words(metadata),
    )


def attributes_of(calls: S3Calls, key: str, options: SaveOptions, word: str, sha256: str | None) -> dict[str, Any]:
    """Return the parameters that store a file's attributes.

    :param word: By which this call recognises its own file.
    :param sha256: The content's digest in hexadecimal, where it is known before the request is sent.
    """
    wanted = calls.options.filled_in(key, options)
    attributes = {
        "ContentType": wanted["content_type"],
        "ContentDisposition": wanted["content_disposition"],
        "CacheControl": wanted["cache_control"],
        "Metadata": as_headers({**wanted["metadata"], **own_words(word, sha256)}),
    }
    return {name: value for name, value in attributes.items() if value is not None}


def recognised(calls: S3Calls, key: str, word: str) -> FileInfo | None:
    """Return what is known of the file at ``key`` if it is the one that was stored with ``word``.

    It is asked after a failure, so a failure to find out is an answer too: None.
    """
    try:
        answer = look_up(calls, key)
    except BackendError:
        return None
    return info_of(key, answer) if answer.get("Metadata", {}).get(UPLOAD) == word else None


def is_taken(calls: S3Calls, key: str) -> bool:
    """Whether there is a file; it may be gone, or come, a moment later."""
    try:
        look_up(calls, key)
    except NotFoundError:
        return False
    return True


def bare_etag(answer: Mapping[str, Any]) -> str | None:
    """Return the etag of an answer without its quotes."""
    return str(answer.get("ETag", "")).strip('"') or None


def time_of(answer: Mapping[str, Any]) -> datetime:
    """Return the time of an answer by the store's clock."""
    date = answer.get("ResponseMetadata", {}).get("HTTPHeaders", {}).get("date")
    try:
        return parsedate_to_datetime(date).astimezone(timezone.utc)
    except (TypeError, ValueError):
        return datetime.now(timezone.utc)
