"""Long bodies that nobody keeps in memory, and forms that hold them."""

from __future__ import annotations

import io
import os
import random
from collections.abc import Iterator
from typing import Any

from .model import MIB

#: What a photo begins with, so that a look at the content finds what the name promises.
JPEG = b"\xff\xd8\xff\xe0\x00\x10JFIF\x00\x01\x01\x00\x00\x01\x00\x01\x00\x00"
BLOCK = random.Random(0).randbytes(MIB)


def photo(size: int) -> Iterator[bytes | memoryview]:
    """Yield what looks like a photo of ``size`` bytes, in pieces."""
    yield JPEG[:size]
    left = size - len(JPEG)
    while left > 0:
        yield memoryview(BLOCK)[: min(left, len(BLOCK))]
        left -= len(BLOCK)


class Form:
    """A form with a photo and a caption, in pieces.

    Its boundary is its own: browsers, curl and Python's clients make a new one for each form.

    :param filename: What the photo is called.
    :param size: The length of the photo in bytes.
    """

    def __init__(self, filename: str, size: int) -> None:
        boundary = f"----WebKitFormBoundary{os.urandom(8).hex()}"
        self.content_type = f"multipart/form-data; boundary={boundary}"
        self._size = size
        self._head = (
            f'--{boundary}\r\nContent-Disposition: form-data; name="caption"\r\n\r\nA photo\r\n'
            f'--{boundary}\r\nContent-Disposition: form-data; name="photo"; filename="{filename}"\r\n'
            "Content-Type: image/jpeg\r\n\r\n"
        ).encode()
        self._end = f"\r\n--{boundary}--\r\n".encode()

    @property
    def length(self) -> int:
        """Its length in bytes."""
        return len(self._head) + self._size + len(self._end)

    def __iter__(self) -> Iterator[bytes | memoryview]:
        yield self._head
        yield from photo(self._size)
        yield self._end


class Pieces(io.RawIOBase):
    """A stream that cannot seek, of pieces."""

    def __init__(self, pieces: Iterator[bytes | memoryview]) -> None:
        self._pieces = pieces
        self._now = memoryview(b"")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any, /) -> int:
        piece = self._next(len(buffer))
        buffer[: len(piece)] = piece
        return len(piece)

    def read(self, size: int | None = -1, /) -> bytes:
        if size is None or size < 0:
            return b"".join([bytes(self._now), *map(bytes, self._pieces)])
        return bytes(self._next(size))

    def _next(self, most: int) -> memoryview:
        while not self._now:
            piece = next(self._pieces, None)
            if piece is None:
                return memoryview(b"")
            self._now = memoryview(piece)
        piece, self._now = self._now[:most], self._now[most:]
        return piece
