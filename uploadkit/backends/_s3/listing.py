"""Listing what is in the bucket, and sweeping what killed processes left in it: uploads in parts, probes, claims."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta, timezone
from typing import Any

from ...exceptions import NotFoundError
from .client import S3Calls


def sweep(calls: S3Calls, older_than: timedelta) -> int:
    """Remove what is below the prefix and was begun longer ago than ``older_than``; return how many.

    A multipart upload of another program below the prefix is removed too: S3 does not say whose it is.
    """
    before = datetime.now(timezone.utc) - older_than
    old_uploads = [upload for upload in _uploads(calls) if upload["Initiated"] <= before]
    old_objects = [found["Key"] for found in _internal(calls) if found["LastModified"] <= before]
    for name in old_objects:
        calls("delete_object", None, Key=name)
    return sum(_aborted(calls, upload) for upload in old_uploads) + len(old_objects)


def _uploads(calls: S3Calls) -> Iterator[dict[str, Any]]:
    page: dict[str, Any] = {"IsTruncated": True}
    while page.get("IsTruncated"):
        markers = {"KeyMarker": page.get("NextKeyMarker"), "UploadIdMarker": page.get("NextUploadIdMarker")}
        given = {name: value for name, value in markers.items() if value}
        page = calls("list_multipart_uploads", None, Prefix=calls.place.prefix, **given)
        yield from page.get("Uploads", ())


def _internal(calls: S3Calls) -> Iterator[dict[str, Any]]:
    return listed(calls, calls.place.internal)


def listed(calls: S3Calls, prefix: str) -> Iterator[dict[str, Any]]:
    """Yield what S3 tells of each object whose name begins with ``prefix``, page by page."""
    page: dict[str, Any] = {"IsTruncated": True}
    while page.get("IsTruncated"):
        token = {"ContinuationToken": page["NextContinuationToken"]} if "NextContinuationToken" in page else {}
        page = calls("list_objects_v2", None, Prefix=prefix, **token)
        yield from page.get("Contents", ())


def _aborted(calls: S3Calls, upload: Mapping[str, Any]) -> bool:
    """Abort an upload; whether it was still there."""
    try:
        calls("abort_multipart_upload", None, Key=upload["Key"], UploadId=upload["UploadId"])
    except NotFoundError:
        return False
    return True
