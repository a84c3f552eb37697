"""Streams that tests give to the S3 backend."""

from __future__ import annotations

import io
from io import BytesIO
from typing import BinaryIO, cast


class Unseekable(io.RawIOBase):
    """A stream that gives its bytes once, in odd pieces."""

    def __init__(self, content: bytes, fails: BaseException | None = None) -> None:
        self._inner = BytesIO(content)
        self._fails = fails

    def readable(self) -> bool:
        return True

    def read(self, size: int | None = -1, /) -> bytes:
        piece = self._inner.read(min(size or -1, 100_003))
        if not piece and self._fails is not None:
            raise self._fails
        return piece


def unseekable(content: bytes, fails: BaseException | None = None) -> BinaryIO:
    return cast("BinaryIO", Unseekable(content, fails))


class Failing(BytesIO):
    """A seekable stream that fails after ``good`` bytes."""

    def __init__(self, content: bytes, good: int, fails: BaseException) -> None:
        super().__init__(content)
        self._good = good
        self._fails = fails

    def read(self, size: int | None = -1, /) -> bytes:
        if self.tell() >= self._good:
            raise self._fails
        return super().read(size)
