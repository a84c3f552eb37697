"""Listing objects page by page, and removing many of them."""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any
from urllib.parse import urlsplit

from ...exceptions import BackendError
from .errors import NO_BUCKET
from .wire import Request, Wire

_PAGE = 1000
#: How many requests the store takes in one (https://cloud.google.com/storage/docs/batch#overview).
_BATCH = 100
_STATUS = re.compile(rb"^HTTP/1\.[01] (\d{3})", re.MULTILINE)
_GONE = (b"200", b"204", b"404")


def objects(wire: Wire, prefix: str, fields: str) -> Iterator[dict[str, Any]]:
    """Yield the objects whose name starts with ``prefix``, in the order of their names' code points.

    :param fields: What of each object is needed.
    """
    params = {"prefix": prefix, "maxResults": str(_PAGE), "fields": f"nextPageToken,items({fields})"}
    while True:
        page = wire.send(Request("list", None, "GET", wire.url(), dict(params), missing=NO_BUCKET)).json()
        yield from page.get("items") or ()
        if not page.get("nextPageToken"):
            return
        params["pageToken"] = page["nextPageToken"]


def remove_all(wire: Wire, names: Sequence[str]) -> None:
    """Remove objects; missing ones are no error.

    :raises BackendError: if some could not be removed, the first one's; the others are.
    """
    problem: BackendError | None = None
    left = iter(names)
    while batch := list(islice(left, _BATCH)):
        if len(batch) > 1 and _removed_at_once(wire, batch):
            continue
        for name in batch:
            try:
                wire.remove(wire.place.key(name), name)
            except BackendError as error:
                problem = problem or error
    if problem is not None:
        raise problem


def _removed_at_once(wire: Wire, names: Sequence[str]) -> bool:
    """Remove objects in one request; return whether all of them are gone for certain."""
    boundary = secrets.token_hex(16)
    payer = f"?userProject={wire.options.user_project}" if wire.options.user_project else ""
    parts = (
        f"--{boundary}\r\nContent-Type: application/http\r\nContent-ID: <{number}>\r\n\r\n"
        f"DELETE {urlsplit(wire.url(name)).path}{payer} HTTP/1.1\r\n\r\n\r\n"
        for number, name in enumerate(names, start=1)
    )
    request = Request("delete", None, "POST", f"{wire.client.api_endpoint}/batch/storage/v1", foreign=True, media=True)
    request.headers = {"Content-Type": f"multipart/mixed; boundary={boundary}"}
    request.body = ("".join(parts) + f"--{boundary}--\r\n").encode()
    try:
        statuses = _STATUS.findall(wire.send(request).content)
    except BackendError:
        return False
    return len(statuses) == len(names) and all(status in _GONE for status in statuses)
