"""Sources: what an app gives to be stored."""

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO, Protocol, cast

from werkzeug.datastructures import FileStorage

from .settings import SetSettings
from .streams import length_of


class ReadableSource(Protocol):
    """A binary stream, as far as saving needs one."""

    def read(self, size: int, /) -> bytes: ...


Source = bytes | bytearray | memoryview | ReadableSource | FileStorage | str | os.PathLike[str]


@contextmanager
def as_storage(source: Source, filename: str) -> Iterator[FileStorage]:
    """Wrap bytes, a binary stream, a path or a form's file as a `FileStorage` called ``filename``.

    Streams of the caller are left open.

    :raises TypeError: if it is none of these.
    """
    if isinstance(source, FileStorage):
        yield FileStorage(source.stream, filename)
    elif isinstance(source, (bytes, bytearray, memoryview)):
        yield FileStorage(io.BytesIO(bytes(source)), filename)
    elif isinstance(source, (str, os.PathLike)):
        with open(source, "rb") as file:
            yield FileStorage(file, filename)
    elif hasattr(source, "read"):
        yield FileStorage(cast("BinaryIO", source), filename)
    else:
        raise TypeError(f"cannot store a {type(source).__name__}; give bytes, a binary stream, a path or a FileStorage")


def limited(stream: BinaryIO, settings: SetSettings) -> BinaryIO:
    """Hold a stream to the set's size.

    :raises UploadNotAllowed: now if the length is known, else as soon as more arrives.
    """
    length = length_of(stream)
    settings.require_size(length)
    bounded = settings.max_size is not None or settings.min_size is not None
    if length is not None:  # the backend is told, and holds the stream to it
        return stream
    return cast("BinaryIO", _Limited(stream, settings)) if bounded else stream


class _Limited(io.RawIOBase):
    """Passes a stream on until it is longer than allowed, or ends before it is long enough."""

    def __init__(self, stream: BinaryIO, settings: SetSettings) -> None:
        self._stream = stream
        self._settings = settings
        self._passed = 0

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        piece = self._stream.read(size)
        self._passed += len(piece or b"")
        self._settings.require_no_more(self._passed)
        if piece == b"" and size:
            self._settings.require_size(self._passed)
        return piece
