"""Conditional requests: what to answer to a client that knows a file already (RFC 9110, sections 13.1 and 13.2)."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

from werkzeug.datastructures import Headers
from werkzeug.http import parse_date, parse_etags, unquote_etag

from ..models import FileInfo

NOT_MODIFIED = 304
PRECONDITION_FAILED = 412

#: How old a file has to be for its date to tell it from the next one.
_CERTAIN = timedelta(seconds=2)
_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)

#: The headers that make a request conditional; ``If-Range`` only says how to read ``Range``.
CONDITIONS = ("If-Match", "If-None-Match", "If-Modified-Since", "If-Unmodified-Since")


def status_without_file(info: FileInfo, headers: Headers) -> int | None:
    """Return the status to answer with instead of the file; None if it is to be sent."""
    if "If-Match" in headers:
        wanted = parse_etags(headers["If-Match"])
        if not (wanted.star_tag or (info.etag is not None and wanted.is_strong(info.etag))):
            return PRECONDITION_FAILED
    elif _is_newer(info, _date(headers.get("If-Unmodified-Since"))) is True:
        return PRECONDITION_FAILED
    if "If-None-Match" in headers:
        known = parse_etags(headers["If-None-Match"])
        return NOT_MODIFIED if info.etag is not None and known.contains_weak(info.etag) else None
    return NOT_MODIFIED if _is_newer(info, _date(headers.get("If-Modified-Since"))) is False else None


def has_parts_of(info: FileInfo, if_range: str | None) -> bool:
    """Whether a client that asks for a range goes on with the same file; weak validators cannot tell."""
    if if_range is None:
        return True
    etag, is_weak = unquote_etag(if_range)
    if if_range.lstrip().startswith('"') or is_weak:
        return etag == info.etag and not is_weak
    return _is_of_long_ago(info) and _date(if_range) == (info.last_modified or _EPOCH).replace(microsecond=0)


def _is_of_long_ago(info: FileInfo) -> bool:
    """Whether no other file can have been stored in the same second since (RFC 9110, section 8.8.2.2)."""
    return info.last_modified is not None and datetime.now(timezone.utc) - info.last_modified > _CERTAIN


def _date(header: str | None) -> datetime | None:
    """Return the moment that a header names; None for what is none."""
    try:
        return parse_date(header)
    except (OverflowError, ValueError):
        return None


def _is_newer(info: FileInfo, moment: datetime | None) -> bool | None:
    """Whether a file was stored after a moment, in the whole seconds that headers know; None if nobody knows."""
    if moment is None or info.last_modified is None:
        return None
    return info.last_modified.replace(microsecond=0) > moment
