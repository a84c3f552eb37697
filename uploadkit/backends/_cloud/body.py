"""The body of a request, from memory."""

from __future__ import annotations

import io
from collections.abc import Iterator

from .deadline import current_deadline

_LEAST_PIECE = 16 * 1024
_LONGEST_PIECE = 1024 * 1024


class Body(io.RawIOBase):
    """Bytes that an HTTP library sends piece by piece, and again when it retries.

    A whole ``bytes`` object would be handed to the socket in one call, and then the connect timeout is the time for
    all of it: eight megabytes in five seconds is more than many an uplink can do. Pieces get that time each.

    :param content: The bytes; they are not copied, unless by `read`.
    """

    def __init__(self, content: bytes | bytearray | memoryview) -> None:
        self._content = memoryview(content)
        self._at = 0

    def __len__(self) -> int:
        return len(self._content)

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        self._at = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: len(self._content)}[whence] + offset
        return self._at

    def pieces(self) -> BodyPieces:
        """Return the same bytes for an HTTP library to send in pieces of our choice, not of its own."""
        return BodyPieces(self, self._content)

    def read(self, size: int | None = -1, /) -> bytes:
        limit = current_deadline()
        if limit is not None:
            limit.check()
        end = len(self._content) if size is None or size < 0 else min(self._at + size, len(self._content))
        piece = bytes(self._content[self._at : end])
        self._at = end
        return piece


class BodyPieces:
    """What is left of a `Body`, as views of it.

    Libraries read 16 KiB at a time: of eight megabytes, 512 copies, 512 calls, and as many times the thread waits
    until no other one runs. These pieces are as long as what has to be sent in a second for the request to end within
    its deadline. Over a slower line it would not end in time anyway.
    """

    def __init__(self, body: Body, content: memoryview) -> None:
        self._body = body
        self._content = content

    def __len__(self) -> int:
        return len(self._body)

    def __iter__(self) -> Iterator[memoryview]:
        limit = current_deadline()
        size = _LEAST_PIECE if limit is None else _piece_size(len(self), limit.seconds)
        for at in range(self.tell(), len(self), size):
            if limit is not None:
                limit.check()
            yield self._content[at : at + size]

    def tell(self) -> int:
        """Return where the body is."""
        return self._body.tell()

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Move the body; sending does not."""
        return self._body.seek(offset, whence)


def _piece_size(length: int, seconds: float) -> int:
    """Return what to send at a time, in whole TLS records of 16 KiB (RFC 8446, 5.1)."""
    records = int(length / max(seconds, 1) / _LEAST_PIECE)
    return min(max(_LEAST_PIECE, records * _LEAST_PIECE), _LONGEST_PIECE)
