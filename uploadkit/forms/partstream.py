"""The bytes of one part of a form, as a stream that can be read once."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer


class PartStream(io.RawIOBase):
    """Reads a part while it is arriving.

    :param next_piece: Returns the part's next bytes, and None when it has ended.
    """

    def __init__(self, next_piece: Callable[[], bytes | None]) -> None:
        self._next_piece = next_piece
        self._piece = b""
        self._at = 0
        self._ended = False

    def readable(self) -> bool:
        """Whether it can be read."""
        return True

    def read(self, size: int = -1) -> bytes:
        """Return the next bytes, at most ``size``; perhaps fewer, but none only at the end."""
        if size < 0:
            return self.readall()
        if size == 0 or not self._has_more():
            return b""
        start, self._at = self._at, self._at + size
        return self._piece[start : self._at]  # no copy where it is the whole piece

    def readinto(self, buffer: WriteableBuffer, /) -> int:
        """Read the next bytes into ``buffer`` and return how many."""
        view = memoryview(buffer).cast("B")
        piece = self.read(len(view))
        view[: len(piece)] = piece
        return len(piece)

    def pass_over(self) -> None:
        """Read the rest and forget it. After that nothing can be read here any more."""
        self._piece = b""
        while not self._ended:
            self._ended = self._next_piece() is None
        self.close()

    def _has_more(self) -> bool:
        """Have a piece to read from, unless the part has ended."""
        if self.closed:
            raise ValueError("the form has gone on to its next part; the bytes of this one are gone")
        while self._at >= len(self._piece) and not self._ended:
            piece = self._next_piece()
            self._ended = piece is None
            self._piece, self._at = piece or b"", 0
        return self._at < len(self._piece)


class TakenStream(io.RawIOBase):
    """Stands for the body of a request that `receive` reads: a byte that anybody else took would be missing."""

    def readable(self) -> bool:
        """Whether it can be read."""
        return True

    def readinto(self, buffer: WriteableBuffer, /) -> int:
        """Refuse.

        :raises RuntimeError: always.
        """
        raise RuntimeError("receive() reads the body of this request; its parts have what belongs to a file.")
