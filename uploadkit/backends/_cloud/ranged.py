"""A seekable reader over a store that answers ranged requests."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO, cast

from ...digests import new_digest, split_checksum
from ...exceptions import IntegrityError

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

#: How much the first request of a reader asks for; further ones in a row ask for twice as much each.
FIRST_WINDOW = 1024 * 1024

#: Returns exactly the bytes from the first offset to before the second; it raises if the file is another one by now.
Fetch = Callable[[int, int], bytes]


@dataclass(frozen=True)
class Expected:
    """The checksum that a whole file must have.

    :param algorithm: What to compute while reading.
    :param tell: Returns the checksum as ``"algorithm:hex"`` when the end is reached, or None if the store has none.
    """

    algorithm: str
    tell: Callable[[], str | None]

    @classmethod
    def known(cls, checksum: str) -> Expected:
        """One that needs no looking up."""
        return cls(split_checksum(checksum)[0], lambda: checksum)


class RangedReader(io.RawIOBase):
    """Reads a file, or a range of it, window by window; no connection is held between two windows.

    Whoever reads the whole file from its start to its end gets it verified: before the last bytes are handed out,
    all of them are held against the checksum.

    After a window that could not be fetched, nothing is read until somebody seeks: a buffer around the reader loses
    what it had collected for the call that failed, and whoever just read on would get a file with a gap.

    :param fetch: See `Fetch`.
    :param start: Where the range begins in the file.
    :param end: Where it ends; not behind the file's end.
    :param first: What is there already of the range's first bytes.
    :param expected: The checksum of the whole file; None for a range of it, or if there is none.
    :param read_ahead: The largest window in bytes.
    :param backend: For the error message.
    :param key: For the error message.
    """

    def __init__(
        self,
        fetch: Fetch,
        start: int,
        end: int,
        *,
        first: bytes,
        expected: Expected | None,
        read_ahead: int,
        backend: str,
        key: str,
    ) -> None:
        self._fetch = fetch
        self._start = start
        self._size = end - start
        self._window = first
        self._window_at = 0
        self._next_size = min(2 * FIRST_WINDOW, read_ahead)
        self._read_ahead = read_ahead
        self._at = 0
        self._failure: Exception | None = None
        self._backend = backend
        self._key = key
        self._verifier = None if expected is None else _Verifier(expected, self._size, backend, key)
        self._verify(0, first)

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._size}[whence]
        if base + offset < 0:
            raise ValueError(f"negative seek position {base + offset}")
        self._at = base + offset
        self._failure = None
        return self._at

    def readinto(self, buffer: WriteableBuffer, /) -> int:
        view = memoryview(buffer).cast("B")
        piece = self._piece(len(view))
        view[: len(piece)] = piece
        return len(piece)

    def readall(self) -> bytes:
        pieces = []
        while piece := self._piece(self._read_ahead):
            pieces.append(bytes(piece))
        return b"".join(pieces)

    def close(self) -> None:
        self._window = b""
        super().close()

    def _piece(self, size: int) -> memoryview:
        """Return the next bytes, at most ``size`` and none at the end."""
        self._checkClosed()  # of io.IOBase
        if self._failure is not None:
            raise self._failure
        if self._at >= self._size or not size:
            return memoryview(b"")
        if not self._window_at <= self._at < self._window_at + len(self._window):
            self._load_or_fail()
        offset = self._at - self._window_at
        piece = memoryview(self._window)[offset : offset + size]
        self._at += len(piece)
        return piece

    def _load_or_fail(self) -> None:
        try:
            self._load()
        except Exception as error:
            self._failure = error
            raise

    def _load(self) -> None:
        """Fetch the window that begins where the reader stands."""
        in_a_row = self._at == self._window_at + len(self._window)
        size = self._next_size if in_a_row else min(FIRST_WINDOW, self._read_ahead)
        end = min(self._at + size, self._size)
        window = self._fetch(self._start + self._at, self._start + end)
        self._verify(self._at, window)  # before anybody can see it
        self._window, self._window_at = window, self._at
        self._next_size = min(2 * size, self._read_ahead)

    def _verify(self, at: int, window: bytes) -> None:
        if self._verifier is not None:
            self._verifier.add(at, window)


class _Verifier:
    """Follows a reader as long as it reads in a row."""

    def __init__(self, expected: Expected, size: int, backend: str, key: str) -> None:
        self._expected = expected
        self._digest = new_digest(expected.algorithm)
        self._size = size
        self._at = 0
        self._damage: IntegrityError | None = None
        self._backend = backend
        self._key = key

    def add(self, at: int, window: bytes) -> None:
        """Take note of the bytes at ``at``; at the end of the file, judge."""
        if self._damage is not None:
            raise self._damage
        if at != self._at:
            return
        self._digest.update(window)
        self._at += len(window)
        if self._at == self._size:
            self._judge()

    def _judge(self) -> None:
        checksum = self._expected.tell()
        if checksum is None or checksum == f"{self._expected.algorithm}:{self._digest.hexdigest()}":
            return
        self._damage = IntegrityError(
            f"{self._key!r} arrived damaged from the {self._backend!r} backend: its checksum is not {checksum}.",
            key=self._key,
            backend=self._backend,
            retryable=True,
        )
        raise self._damage


def buffered(reader: RangedReader) -> BinaryIO:
    """Return ``reader`` with a buffer, for those who read little at a time."""
    return cast("BinaryIO", io.BufferedReader(reader, 64 * 1024))
