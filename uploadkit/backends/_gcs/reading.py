"""Reading files, whole or in ranges, each pinned to the generation that was there when it was opened."""

from __future__ import annotations

from functools import partial
from typing import BinaryIO

from ...exceptions import IntegrityError, NotFoundError, PreconditionError, UnavailableError
from ...models import FileInfo
from .._cloud.ranged import FIRST_WINDOW, Expected, RangedReader, buffered
from .._cloud.translate import Meaning
from .objects import info_of
from .wire import Answer, Request, Wire

PARTIAL = 206
OUT_OF_RANGE = 416
CHANGED = Meaning(PreconditionError, "the file changed while it was read", retryable=True)
#: How often a file may be replaced between looking it up and reading its first bytes, or these arrive damaged.
TRIES = 30


def open_file(wire: Wire, key: str, start: int = 0, length: int | None = None) -> tuple[FileInfo, BinaryIO]:
    """Look a file up and open it, or a range of it, at its first window.

    :raises NotFoundError: if there is no such file.
    """
    name = wire.place.stored(key)
    for attempt in range(1, TRIES + 1):
        info = info_of(key, wire.get(key, name, "open"))
        begin = min(start, info.size)
        end = info.size if length is None else min(begin + length, info.size)
        fetch = partial(_fetch, wire, key, name, str(info.etag))
        try:
            first = fetch(begin, min(begin + min(FIRST_WINDOW, wire.options.read_ahead), end))
            return info, _reader(wire, info, fetch, begin, end, first)
        except (PreconditionError, NotFoundError, IntegrityError):
            if attempt == TRIES:
                raise
    raise AssertionError


def _reader(wire: Wire, info: FileInfo, fetch: partial[bytes], begin: int, end: int, first: bytes) -> BinaryIO:
    whole = (begin, end) == (0, info.size)
    reader = RangedReader(
        fetch,
        begin,
        end,
        first=first,
        expected=Expected.known(info.checksum) if whole and info.checksum else None,
        read_ahead=wire.options.read_ahead,
        backend=wire.name,
        key=info.key,
    )
    return buffered(reader)


def _fetch(wire: Wire, key: str, name: str, generation: str, start: int, end: int) -> bytes:
    """Return the bytes from ``start`` to before ``end`` of one generation.

    :raises PreconditionError: if there is another one now.
    """
    if start >= end:
        return b""
    request = Request("read", key, "GET", wire.url(name), refused=CHANGED, media=True)
    request.params = {"alt": "media", "ifGenerationMatch": generation}
    request.headers = {"Range": f"bytes={start}-{end - 1}"}
    request.accept = frozenset({OUT_OF_RANGE})
    answer = wire.send(request)
    if answer.status == OUT_OF_RANGE or answer.headers.get("x-goog-generation", generation) != generation:
        raise PreconditionError(  # of a server that ignores the condition
            f"Could not read {key!r} on the {wire.name!r} backend: {CHANGED.reason}.",
            key=key,
            backend=wire.name,
            retryable=True,
        )
    return _exactly(answer, start, end, key, wire.name)


def _exactly(answer: Answer, start: int, end: int, key: str, backend: str) -> bytes:
    content = answer.content if answer.status == PARTIAL else answer.content[start:end]
    if len(content) != end - start:
        raise UnavailableError(
            f"Could not read {key!r} on the {backend!r} backend: {len(content)} of {end - start} bytes arrived.",
            key=key,
            backend=backend,
        )
    return content
