"""Conditional requests: what to answer to a client that knows a file already (RFC 9110, sections 13.1 and 13.2)."""

from __future__ import annotations

from datetime import datetime

from werkzeug.datastructures import Headers
from werkzeug.http import parse_date, parse_etags, parse_if_range_header

from ..models import FileInfo

NOT_MODIFIED = 304
PRECONDITION_FAILED = 412

#: The headers that make a request conditional; ``If-Range`` only says how to read ``Range``.
CONDITIONS = ("If-Match", "If-None-Match", "If-Modified-Since", "If-Unmodified-Since")


def status_without_file(info: FileInfo, headers: Headers) -> int | None:
    """Return the status to answer with instead of the file; None if it is to be sent."""
    if "If-Match" in headers:
        wanted = parse_etags(headers["If-Match"])
        if not (wanted.star_tag or (info.etag is not None and wanted.is_strong(info.etag))):
            return PRECONDITION_FAILED
    elif _is_newer(info, parse_date(headers.get("If-Unmodified-Since"))) is True:
        return PRECONDITION_FAILED
    if "If-None-Match" in headers:
        known = parse_etags(headers["If-None-Match"])
        return NOT_MODIFIED if info.etag is not None and known.contains_weak(info.etag) else None
    return NOT_MODIFIED if _is_newer(info, parse_date(headers.get("If-Modified-Since"))) is False else None


def has_parts_of(info: FileInfo, if_range: str | None) -> bool:
    """Whether a client that asks for a range goes on with the same file; weak validators cannot tell."""
    if if_range is None:
        return True
    asked = parse_if_range_header(if_range)
    if asked.date is not None:
        return info.last_modified is not None and info.last_modified.replace(microsecond=0) == asked.date
    return asked.etag == info.etag and not if_range.lstrip().upper().startswith("W/")


def _is_newer(info: FileInfo, moment: datetime | None) -> bool | None:
    """Whether a file was stored after a moment, in the whole seconds that headers know; None if nobody knows."""
    if moment is None or info.last_modified is None:
        return None
    return info.last_modified.replace(microsecond=0) > moment
