"""Long bodies that nobody keeps in memory, and forms that hold them."""

from __future__ import annotations

import io
import random
from collections.abc import Iterator
from typing import Any

from .model import MIB

#: What a photo begins with, so that a look at the content finds what the name promises.
JPEG = b"\xff\xd8\xff\xe0\x00\x10JFIF\x00\x01\x01\x00\x00\x01\x00\x01\x00\x00"
BLOCK = random.Random(0).randbytes(MIB)
BOUNDARY = "----benchmark-0f1e2d3c4b5a"
FORM_TYPE = f"multipart/form-data; boundary={BOUNDARY}"


def photo(size: int) -> Iterator[bytes | memoryview]:
    """Yield what looks like a photo of ``size`` bytes, in pieces."""
    yield JPEG[:size]
    left = size - len(JPEG)
    while left > 0:
        yield memoryview(BLOCK)[: min(left, len(BLOCK))]
        left -= len(BLOCK)


def form(filename: str, size: int, field: str = "photo") -> Iterator[bytes | memoryview]:
    """Yield a form with a photo and a caption, in pieces."""
    yield (
        f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="caption"\r\n\r\nA photo\r\n'
        f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{field}"; filename="{filename}"\r\n'
        "Content-Type: image/jpeg\r\n\r\n"
    ).encode()
    yield from photo(size)
    yield f"\r\n--{BOUNDARY}--\r\n".encode()


def form_length(filename: str, size: int) -> int:
    """Return how long such a form is, in bytes."""
    return sum(map(len, form(filename, 0))) + size


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
