"""Answering with a file so that it cannot run in the app's origin: whole, in part, or not at all if it is known."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, suppress
from typing import BinaryIO

from werkzeug.http import http_date, quote_etag
from werkzeug.wrappers import Request, Response

from ..backends.protocol import Backend
from ..exceptions import PreconditionError, UnavailableError
from ..models import FileInfo
from ..operations import open_stream
from ..streams import read_some
from .conditions import CONDITIONS, has_parts_of, status_without_file
from .ranges import ByteRange, Multipart, requested_ranges

_BLOCK = 128 * 1024
_TRIES = 10


def safe_headers(content_type: str, disposition: str) -> dict[str, str]:
    """Return the headers that keep a file from being taken for something that runs."""
    styles = " style-src 'unsafe-inline';" if content_type == "image/svg+xml" else ""
    return {
        "Content-Type": content_type,
        "Content-Disposition": disposition,
        "Content-Security-Policy": f"default-src 'none';{styles} sandbox",
        "X-Content-Type-Options": "nosniff",
    }


def file_response(
    backend: Backend, key: str, request: Request, headers: Mapping[str, str]
) -> tuple[FileInfo, Response]:
    """Return the response for a file, and what is known of it.

    Conditional requests and ranges are answered (RFC 9110, sections 13 and 14). The file is opened only if its content
    is sent, and read while it is sent, with little memory.

    :param headers: Of the answer, if it has the file or a part of it.
    :raises NotFoundError: if there is no such file.
    :raises UnavailableError: if it changes faster than it can be opened.
    """
    reads = request.method in ("GET", "HEAD")
    if request.method != "HEAD" and not (reads and any(name in request.headers for name in (*CONDITIONS, "Range"))):
        info, stream = open_stream(backend, key)
        return info, _whole(info, stream, headers)
    for _ in range(_TRIES):
        info = backend.stat(key)
        response = _known(info, request) or _without_content(info, request, headers)
        with suppress(_Replaced):
            return info, response or _content(backend, info, request, headers)
    raise UnavailableError(f"{key!r} changes all the time; try again.", key=key, backend=backend.name)


class _Replaced(Exception):
    """The file is another one than a moment ago."""


def _known(info: FileInfo, request: Request) -> Response | None:
    """Return the answer without a file for somebody who has it, or who wants another one."""
    status = status_without_file(info, request.headers)
    return None if status is None else _described(info, Response(status=status))


def _without_content(info: FileInfo, request: Request, headers: Mapping[str, str]) -> Response | None:
    if request.method != "HEAD":
        return None
    response = _described(info, Response(headers=dict(headers), direct_passthrough=True))
    response.content_length = info.size
    return response


def _content(backend: Backend, info: FileInfo, request: Request, headers: Mapping[str, str]) -> Response:
    ranges = _ranges(info, request)
    if ranges is None:
        return _whole(info, _opened(backend, info, ByteRange(0, info.size)), headers)
    if not ranges:
        nothing = {"Content-Range": f"bytes */{info.size}"}
        return _described(info, Response(status=416, headers=nothing))
    if len(ranges) == 1:
        return _part(backend, info, ranges[0], headers)
    return _parts(backend, info, ranges, headers)


def _ranges(info: FileInfo, request: Request) -> list[ByteRange] | None:
    """Return the ranges to send; None for the whole file, also where the asker has parts of another one."""
    same = has_parts_of(info, request.headers.get("If-Range"))
    return requested_ranges(request.headers.get("Range"), info.size) if same else None


def _whole(info: FileInfo, stream: BinaryIO, headers: Mapping[str, str]) -> Response:
    return _streamed(info, _Exactly(info, stream, info.size), info.size, headers)


def _part(backend: Backend, info: FileInfo, part: ByteRange, headers: Mapping[str, str]) -> Response:
    stream = _opened(backend, info, part)
    response = _streamed(info, _Exactly(info, stream, part.length), part.length, headers)
    response.status_code = 206
    response.headers["Content-Range"] = part.content_range(info.size)
    return response


def _parts(backend: Backend, info: FileInfo, ranges: Sequence[ByteRange], headers: Mapping[str, str]) -> Response:
    frame = Multipart(ranges, info.size, headers["Content-Type"])
    response = _streamed(info, _Parts(backend, info, ranges, frame), frame.length, headers)
    response.status_code = 206
    response.headers["Content-Type"] = frame.content_type
    return response


def _opened(backend: Backend, info: FileInfo, part: ByteRange) -> BinaryIO:
    newer, stream = open_stream(backend, info.key, part.start, part.length)
    if newer.etag != info.etag:
        stream.close()
        raise _Replaced
    return stream


class _Exactly:
    """Sends as many bytes as were announced, and breaks the answer off if there are not so many."""

    def __init__(self, info: FileInfo, stream: BinaryIO, length: int) -> None:
        self._info = info
        self._stream = stream
        self._left = length

    def __iter__(self) -> Iterator[bytes]:
        while self._left:
            block = read_some(self._stream, min(_BLOCK, self._left))
            if not block:
                raise UnavailableError(f"{self._info.key!r} became shorter while it was sent.", key=self._info.key)
            self._left -= len(block)
            yield block
        self.close()

    def close(self) -> None:
        self._stream.close()


class _Parts:
    """Sends several ranges of a file, each opened when its turn comes."""

    def __init__(self, backend: Backend, info: FileInfo, ranges: Sequence[ByteRange], frame: Multipart) -> None:
        self._backend = backend
        self._info = info
        self._frame = frame
        self._open = ExitStack()
        self._first = self._open.enter_context(_opened(backend, info, ranges[0]))
        self._ranges = ranges

    def __iter__(self) -> Iterator[bytes]:
        for number, (head, part) in enumerate(zip(self._frame.heads, self._ranges, strict=True)):
            stream = self._first if number == 0 else self._next(part)
            yield head
            yield from _Exactly(self._info, stream, part.length)
            self._open.close()
        yield self._frame.tail

    def close(self) -> None:
        self._open.close()

    def _next(self, part: ByteRange) -> BinaryIO:
        try:
            return self._open.enter_context(_opened(self._backend, self._info, part))
        except _Replaced:  # the answer has begun: all that is left is to break it off
            key, backend = self._info.key, self._backend.name
            raise PreconditionError(f"{key!r} was replaced while it was sent.", key=key, backend=backend) from None


def _streamed(info: FileInfo, content: _Exactly | _Parts, length: int, headers: Mapping[str, str]) -> Response:
    response = _described(info, Response(content, headers=dict(headers), direct_passthrough=True))
    response.content_length = length
    return response


def _described(info: FileInfo, response: Response) -> Response:
    """Say which file it is, by what a client can ask for it again."""
    response.headers["Accept-Ranges"] = "bytes"
    if info.last_modified is not None:
        response.headers["Last-Modified"] = http_date(info.last_modified)
    if info.etag:
        response.headers["ETag"] = quote_etag(info.etag)
    return response
