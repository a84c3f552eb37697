"""Reading a file of S3 from front to end as it arrives: one request, and a further one only where its body breaks."""

from __future__ import annotations

import io
import re
from collections.abc import Mapping
from contextlib import closing
from typing import Any, BinaryIO, cast

from botocore.exceptions import IncompleteReadError

from ...exceptions import BackendError, UnavailableError
from ...models import FileInfo
from .._cloud.translate import translating
from .client import BACKEND, S3Calls
from .errors import meaning
from .files import bare_etag, info_of, look_up
from .reading import changed, is_behind_the_end, some_of, total_of

_FIRST = re.compile(r"bytes (\d+)-")
#: How much is kept for those who read little at a time.
_BUFFER = 64 * 1024
_LARGEST_PIECE = 256 * 1024
_TRIES = 5


def open_stream(calls: S3Calls, key: str, start: int, length: int | None) -> tuple[FileInfo, BinaryIO]:
    """Open a file, or a part of it, see `SupportsStreaming.open_stream`."""
    for _ in range(_TRIES):
        if length != 0:
            try:
                return _opened(calls, key, start, length)
            except BackendError as error:
                if not is_behind_the_end(error):
                    raise
        info = info_of(key, look_up(calls, key))
        if length == 0 or start >= info.size:  # else it has grown since
            return info, cast("BinaryIO", io.BytesIO())
    raise changed(key)


def _opened(calls: S3Calls, key: str, start: int, length: int | None) -> tuple[FileInfo, BinaryIO]:
    answer = _ask(calls, key, start, None if length is None else start + length)
    ranged = "ContentRange" in answer
    info = info_of(key, answer, total_of(answer) if ranged else None)
    end = info.size if length is None else min(start + length, info.size)
    if start >= end:
        return info, _nothing(answer["Body"], info)
    return info, cast("BinaryIO", _Arriving(calls, info, answer, start, end))


def _nothing(body: Any, info: FileInfo) -> BinaryIO:
    """Return an empty stream for an empty file, or for a range behind the end on a store that knows no ranges."""
    with closing(body):
        if not info.size:
            body.read()  # an empty body too is at its end, and its connection free, only after somebody has looked
    return cast("BinaryIO", io.BytesIO())


def _ask(calls: S3Calls, key: str, begin: int, end: int | None) -> dict[str, Any]:
    """Ask for the bytes from ``begin`` to before ``end``. A checksum of the whole file comes with all of it only."""
    if end is not None or begin:
        return calls("get_object", key, Range=f"bytes={begin}-{'' if end is None else end - 1}")
    return calls("get_object", key, **({"ChecksumMode": "ENABLED"} if calls.options.checksum_mode else {}))


class _Arriving(io.BufferedIOBase):
    """The bytes of a file as they arrive. It closes itself when it fails, so that nobody reads on behind a gap.

    What is asked for in large pieces is handed out as it came, without a copy; `io.BufferedReader` would make two.

    :param info: The whole file, of which all bytes have to be.
    :param answer: The first answer.
    :param at: Where the next byte is in the file.
    :param end: Where the last one was.
    """

    def __init__(self, calls: S3Calls, info: FileInfo, answer: Mapping[str, Any], at: int, end: int) -> None:
        self._calls = calls
        self._info = info
        self._at = at
        self._end = end
        self._held = b""
        self._failures = 0
        self._body: Any = None
        self._take(answer)

    def readable(self) -> bool:
        """Whether it can be read: yes."""
        return True

    def read(self, size: int | None = -1, /) -> bytes:
        """Return ``size`` bytes, fewer only at the end."""
        left = len(self._held) + self._end - self._at
        wanted = left if size is None or size < 0 else min(size, left)
        pieces = [self.read1(wanted)]
        missing = wanted - len(pieces[0])
        while missing:
            pieces.append(self.read1(missing))
            missing -= len(pieces[-1])
        return b"".join(pieces) if len(pieces) > 1 else pieces[0]

    def read1(self, size: int = -1, /) -> bytes:
        """Return what has arrived, at most ``size`` bytes; none at the end."""
        self._checkClosed()  # of io.IOBase
        size = _LARGEST_PIECE if size < 0 else min(size, _LARGEST_PIECE)
        if self._held or size < _BUFFER:
            piece = self.peek()[:size]
            self._held = self._held[len(piece) :]
            return piece
        return self._piece(size)

    def peek(self, size: int = 0, /) -> bytes:
        """Return what comes next without going on, at least a byte; nothing at the end."""
        self._checkClosed()
        self._held = self._held or self._piece(_BUFFER)
        return self._held

    def close(self) -> None:
        """Let go of the connection."""
        self._drop()
        super().close()

    def _piece(self, size: int) -> bytes:
        wanted = min(size, self._end - self._at)
        try:
            return self._with_patience(wanted) if wanted > 0 else b""
        except BaseException:
            self.close()
            raise

    def _with_patience(self, size: int) -> bytes:
        """Return the next bytes, at most ``size``, with as many new requests as it takes and the options allow."""
        while True:
            try:
                return self._arrived(size)
            except UnavailableError:
                self._failures += 1
                if self._failures >= self._calls.options.max_attempts:
                    raise
            self._drop()
            self._take(self._ask_again())

    def _arrived(self, size: int) -> bytes:
        with translating(meaning, "read", self._info.key, BACKEND):
            while self._skip:
                self._skip -= len(self._next(min(self._skip, _LARGEST_PIECE)))
            piece = self._next(size)
        self._failures = 0
        self._at += len(piece)
        if self._at == self._end:
            self._drop()
        return piece

    def _next(self, size: int) -> bytes:
        piece = some_of(self._body, size)
        if not piece:
            raise IncompleteReadError(actual_bytes=self._at, expected_bytes=self._end)
        return piece

    def _ask_again(self) -> dict[str, Any]:
        try:
            return _ask(self._calls, self._info.key, self._at, self._end)
        except BackendError as error:
            if is_behind_the_end(error):  # the file is shorter by now
                raise changed(self._info.key) from error
            raise

    def _take(self, answer: Mapping[str, Any]) -> None:
        """Go on with the body of ``answer``, if it is of the same file."""
        found = _FIRST.match(answer.get("ContentRange", ""))
        self._body = answer["Body"]
        #: What comes before the wanted bytes: a store that knows no ranges sends the file from its start.
        self._skip = self._at - (int(found[1]) if found else 0)
        if bare_etag(answer) != self._info.etag or self._skip < 0:
            raise changed(self._info.key)

    def _drop(self) -> None:
        """Close the body; a connection whose body was read to its end is in the pool already, and stays there."""
        body, self._body = self._body, None
        if body is not None:
            body.close()
