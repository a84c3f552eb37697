"""Reading a file of Google Cloud Storage from front to end as it arrives: one request, while nothing breaks."""

from __future__ import annotations

import io
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, BinaryIO, cast

import requests

from ...exceptions import NotFoundError, PreconditionError, UnavailableError
from ...models import FileInfo
from .._cloud.deadline import Deadline
from .._cloud.translate import translating
from .errors import NO_FILE, meaning
from .objects import info_of
from .reading import CHANGED, OUT_OF_RANGE, PARTIAL, TRIES
from .wire import Request, Wire

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

#: How much is taken from the connection at once, at most.
_PIECE = 256 * 1024
#: For those who read little at a time.
_BUFFER = 64 * 1024
_MEANING = partial(meaning, missing=NO_FILE, refused=CHANGED)


def open_stream(wire: Wire, key: str, start: int, length: int | None) -> tuple[FileInfo, BinaryIO]:
    """Open a file, or a part of it, see `SupportsStreaming.open_stream`."""
    name = wire.place.stored(key)
    for attempt in range(1, TRIES + 1):
        info = info_of(key, wire.get(key, name, "open"))
        begin = min(start, info.size)
        end = info.size if length is None else min(begin + length, info.size)
        stream = StreamReader(_Content(wire, key, name, str(info.etag), info.size), begin, end)
        try:
            stream.connect()
        except (PreconditionError, NotFoundError):  # replaced or removed since; looking it up again tells which
            if attempt == TRIES:
                raise
        else:
            return info, cast("BinaryIO", io.BufferedReader(stream, _BUFFER))
    raise AssertionError


@dataclass(frozen=True)
class _Content:
    """One generation of an object, which can be asked for from any offset."""

    wire: Wire
    key: str
    name: str
    generation: str
    size: int

    def request(self, start: int, end: int, attempts: int) -> Request:
        """Return the request for the bytes from ``start`` to before ``end``."""
        request = Request("read", self.key, "GET", self.wire.url(self.name), refused=CHANGED, media=True)
        request.params = {"alt": "media", "ifGenerationMatch": self.generation}
        if (start, end) != (0, self.size):
            request.headers = {"Range": f"bytes={start}-{end - 1}"}
        request.accept = frozenset({OUT_OF_RANGE})
        request.attempts = attempts
        return request

    def check(self, response: requests.Response) -> None:
        """Refuse another generation, of a server that ignores the condition.

        :raises PreconditionError: for one.
        """
        other = response.headers.get("x-goog-generation", self.generation) != self.generation
        if other or response.status_code == OUT_OF_RANGE:
            response.close()
            message = f"Could not read {self.key!r} on the {self.wire.name!r} backend: {CHANGED.reason}."
            raise PreconditionError(message, key=self.key, backend=self.wire.name, retryable=True)


class StreamReader(io.RawIOBase):
    """Hands out the body of one answer as it arrives; where that breaks off, another request goes on from there.

    It closes itself when it fails: the buffer around it loses what it had collected for that call, and whoever read on
    would get a file with a gap.

    :param content: What is read.
    :param start: Where the range begins in it.
    :param end: Where the range ends; not behind the content's end.
    """

    def __init__(self, content: _Content, start: int, end: int) -> None:
        self._content = content
        self._at = start
        self._end = end
        self._response: requests.Response | None = None
        self._surplus = 0
        self._attempts = 0

    def connect(self) -> None:
        """Ask for what is still to be read, if anything is.

        :raises PreconditionError: if the file was replaced.
        """
        if self._at >= self._end:
            return
        request = self._content.request(self._at, self._end, self._attempts)
        try:
            response = self._content.wire.open(request)
        finally:
            self._attempts = request.attempts
        self._content.check(response)
        self._response = response
        # A server that ignores ranges begins at the front.
        self._surplus = 0 if response.status_code == PARTIAL else self._at

    def readable(self) -> bool:
        """Tell that it can be read."""
        return True

    def readinto(self, buffer: WriteableBuffer, /) -> int:
        """Fill the front of ``buffer`` with what is there, and wait only if nothing is."""
        self._checkClosed()  # of io.IOBase
        view = memoryview(buffer).cast("B")[: min(_PIECE, self._end - self._at)]
        try:
            piece = self._insist(len(view)) if view else b""
        except BaseException:
            self.close()
            raise
        view[: len(piece)] = piece
        self._at += len(piece)
        if self._at >= self._end:
            self._hang_up()
        return len(piece)

    def close(self) -> None:
        """Give the connection back, or close it if its answer was not read to the end."""
        self._hang_up()
        super().close()

    def _insist(self, size: int) -> bytes:
        """Return the next bytes, at most ``size`` and at least one, by as many requests as it takes."""
        while True:
            try:
                if self._response is None:
                    self.connect()
                piece = self._receive(size)
            except UnavailableError:
                self._hang_up()
                if not self._pause():
                    raise
            else:
                self._attempts = 0
                return piece

    def _receive(self, size: int) -> bytes:
        """Return the next bytes of the answer that is open."""
        with translating(_MEANING, "read", self._content.key, self._content.wire.name):
            while self._surplus:
                self._surplus -= len(self._read(min(_PIECE, self._surplus)))
            return self._read(size)

    def _read(self, size: int) -> bytes:
        raw = self._response.raw  # type: ignore[union-attr]
        read = getattr(raw, "read1", raw.read)  # of urllib3 2: what is there, without waiting for more
        piece: bytes = read(size, decode_content=False)
        if not piece:
            raise requests.ConnectionError("the answer ended too soon")
        return piece

    def _pause(self) -> bool:
        """Wait before the next request; return False if there must be none."""
        wire = self._content.wire
        return wire.pause(self._attempts, Deadline(wire.options.deadline))

    def _hang_up(self) -> None:
        response, self._response = self._response, None
        if response is not None:
            response.close()  # keeps a connection that is read to the end
