"""Backends that break one promise each about streams."""

from __future__ import annotations

import io
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any, BinaryIO, cast

from tests.testing.streamed import StreamedBackend
from uploadkit.backends.memory import MemoryBackend
from uploadkit.exceptions import NotFoundError, UnavailableError
from uploadkit.keys import check_key
from uploadkit.models import FileInfo
from uploadkit.testing.subject import Source

_Opened = tuple[FileInfo, BinaryIO]


class TrustsKeysOfStreams(StreamedBackend):
    def open_stream(self, key: str, start: int = 0, length: int | None = None) -> _Opened:
        try:
            return super().open_stream(key, start, length)
        except ValueError:
            return FileInfo(key, 0), io.BytesIO()


class HidesItsStreams(StreamedBackend):
    def capabilities(self) -> Any:
        from uploadkit.backends.capabilities import capabilities

        return capabilities(MemoryBackend())


class LosesTheEndOfStreams(StreamedBackend):
    def stream_of(self, content: bytes) -> BinaryIO:
        return super().stream_of(content[: 64 * 1024])


class TellsLessWithStreams(StreamedBackend):
    def open_stream(self, key: str, start: int = 0, length: int | None = None) -> _Opened:
        info, stream = super().open_stream(key, start, length)
        return replace(info, content_type=None), stream


class TellsTheSizeOfThePart(StreamedBackend):
    def open_stream(self, key: str, start: int = 0, length: int | None = None) -> _Opened:
        info, stream = super().open_stream(key, start, length)
        size = min(max(info.size - start, 0), info.size if length is None else length)
        return replace(info, size=size), stream


class StreamsOneByteMore(StreamedBackend):
    """Takes the last byte of a range, as HTTP names it, for its end."""

    def open_stream(self, key: str, start: int = 0, length: int | None = None) -> _Opened:
        return super().open_stream(key, start, None if length is None else length + 1)


class RefusesToStartAtTheEnd(StreamedBackend):
    def open_stream(self, key: str, start: int = 0, length: int | None = None) -> _Opened:
        if start and start >= self.stat(key).size:
            raise NotFoundError("there is nothing there", key=key, backend=self.name)
        return super().open_stream(key, start, length)


class StreamsLazily(StreamedBackend):
    def open_stream(self, key: str, start: int = 0, length: int | None = None) -> _Opened:
        try:
            return super().open_stream(key, start, length)
        except NotFoundError:
            return FileInfo(key, 0), io.BytesIO()


class LooksForNothingWhereNothingIsAsked(StreamedBackend):
    def open_stream(self, key: str, start: int = 0, length: int | None = None) -> _Opened:
        if length == 0:
            return FileInfo(check_key(key), 0), io.BytesIO()
        return super().open_stream(key, start, length)


class StreamsFromTheEnd(StreamedBackend):
    """Takes a negative start as HTTP does, and Python."""

    def open_stream(self, key: str, start: int = 0, length: int | None = None) -> _Opened:
        info, stream = super().open_stream(key, max(start, 0), None if length is None else max(length, 0))
        return info, io.BytesIO(stream.read()[start:]) if start < 0 else stream


class _Blocks(Source):
    """Gives whole blocks of what came, however little was asked for."""

    def read(self, size: int = -1, /) -> bytes:
        return super().read(max(size, 10_000) if size > 0 else size)


class StreamsInBlocks(StreamedBackend):
    def stream_of(self, content: bytes) -> BinaryIO:
        return cast("BinaryIO", _Blocks(content))


class _OneRead(Source):
    """Takes one read for all of the rest."""

    def readall(self) -> bytes:
        return self.read(50_000)


class StreamsTheRestInOneRead(StreamedBackend):
    def stream_of(self, content: bytes) -> BinaryIO:
        return cast("BinaryIO", _OneRead(content))


class _FillsWrong(io.BytesIO):
    def readinto(self, buffer: Any, /) -> int:
        """Fill no more than the first kilobyte, and tell otherwise."""
        view = memoryview(buffer)
        piece = self.read(len(view))
        view[: len(piece)] = piece[:1024] + bytes(max(len(piece) - 1024, 0))
        return len(piece)


class FillsBuffersWrong(StreamedBackend):
    def stream_of(self, content: bytes) -> BinaryIO:
        return _FillsWrong(content)


class _Ended(Source):
    """Calls ``leave`` when it is read to its end, or closed."""

    leave: Callable[[], None]
    at_end = at_close = True

    def readinto(self, buffer: Any, /) -> int:
        count = super().readinto(buffer)
        if not count and self.at_end:
            self.leave()
        return count

    def close(self) -> None:
        if self.at_close:
            self.leave()
        super().close()


class HasFewConnections(StreamedBackend):
    """Streams leave their connection as they should, and there are ten."""

    stream: type[_Ended] = _Ended

    def __init__(self) -> None:
        super().__init__()
        self._busy: set[object] = set()

    def stream_of(self, content: bytes) -> BinaryIO:
        if len(self._busy) == 10:
            raise UnavailableError("no connection is left", backend=self.name)
        stream, connection = self.stream(content), object()
        self._busy.add(connection)
        stream.leave = lambda: self._busy.discard(connection)
        return cast("BinaryIO", stream)


class KeepsConnectionsWhenClosed(HasFewConnections):
    class stream(_Ended):
        at_close = False


class KeepsConnectionsAtTheEnd(HasFewConnections):
    class stream(_Ended):
        at_end = False


class _Once(Source):
    """Can be closed once."""

    def close(self) -> None:
        if self.closed:
            raise io.UnsupportedOperation("closed already")
        super().close()


class ClosesOnlyOnce(StreamedBackend):
    def stream_of(self, content: bytes) -> BinaryIO:
        return cast("BinaryIO", _Once(content))


class _StaysOpen(io.BytesIO):
    def close(self) -> None: ...


class StaysOpen(StreamedBackend):
    def stream_of(self, content: bytes) -> BinaryIO:
        return _StaysOpen(content)


class HasOneStream(StreamedBackend):
    """Begins a stream on the connection of the one before."""

    def stream_of(self, content: bytes) -> BinaryIO:
        self._stream = getattr(self, "_stream", io.BytesIO())
        self._stream.seek(0)
        self._stream.truncate()
        self._stream.write(content)
        self._stream.seek(0)
        return self._stream


class _Live(io.RawIOBase):
    """Gives whatever is there by now, from where it is."""

    def __init__(self, look: Callable[[], bytes]) -> None:
        self._look = look
        self._at = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any, /) -> int:
        view = memoryview(buffer)
        piece = self._look()[self._at : self._at + len(view)]
        view[: len(piece)] = piece
        self._at += len(piece)
        return len(piece)


class MixesStreams(StreamedBackend):
    def open_stream(self, key: str, start: int = 0, length: int | None = None) -> _Opened:
        return self.stat(key), cast("BinaryIO", _Live(lambda: self._get(key).content))


class EndsStreamsOfReplacedFiles(StreamedBackend):
    def open_stream(self, key: str, start: int = 0, length: int | None = None) -> _Opened:
        stored = self._get(key)
        look = lambda: stored.content if self._get(key) is stored else b""  # noqa: E731
        return self.stat(key), cast("BinaryIO", _Live(look))


class StreamsByTwoCalls(StreamedBackend):
    def open_stream(self, key: str, start: int = 0, length: int | None = None) -> _Opened:
        info, end = self.stat(key), time.monotonic() + 0.5
        while self.stat(key).etag == info.etag and time.monotonic() < end:
            time.sleep(0)
        return info, super().open_stream(key, start, length)[1]


#: Each with a check that has to notice it.
BROKEN: list[tuple[type[MemoryBackend], str]] = [
    (TrustsKeysOfStreams, "refuses_unsafe_keys"),
    (HidesItsStreams, "powers_are_declared_honestly"),
    (LosesTheEndOfStreams, "streams_give_the_file"),
    (TellsLessWithStreams, "streams_give_the_file"),
    (TellsTheSizeOfThePart, "streams_of_parts_give_their_bytes"),
    (StreamsOneByteMore, "streams_of_parts_give_their_bytes"),
    (RefusesToStartAtTheEnd, "streams_of_parts_give_their_bytes"),
    (StreamsLazily, "streams_refuse_at_once"),
    (LooksForNothingWhereNothingIsAsked, "streams_refuse_at_once"),
    (StreamsFromTheEnd, "streams_refuse_at_once"),
    (StreamsInBlocks, "streams_are_read_in_any_pieces"),
    (StreamsTheRestInOneRead, "streams_are_read_in_any_pieces"),
    (FillsBuffersWrong, "streams_are_read_in_any_pieces"),
    (KeepsConnectionsWhenClosed, "streams_may_be_left"),
    (KeepsConnectionsAtTheEnd, "streams_may_be_left"),
    (ClosesOnlyOnce, "streams_may_be_left"),
    (StaysOpen, "streams_may_be_left"),
    (HasOneStream, "streams_run_beside_each_other"),
    (MixesStreams, "an_open_stream_is_never_mixed"),
    (EndsStreamsOfReplacedFiles, "an_open_stream_is_never_mixed"),
    (StreamsByTwoCalls, "streams_are_of_one_content"),
]
