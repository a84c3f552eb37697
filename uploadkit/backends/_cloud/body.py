"""The body of a request, from memory."""

from __future__ import annotations

import io

from .deadline import current_deadline


class Body(io.RawIOBase):
    """Bytes that an HTTP library sends piece by piece, and again when it retries.

    A whole ``bytes`` object would be handed to the socket in one call, and then the connect timeout is the time for
    all of it: eight megabytes in five seconds is more than many an uplink can do. Pieces get that time each.

    :param content: The bytes; they are not copied.
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

    def read(self, size: int | None = -1, /) -> bytes:
        limit = current_deadline()
        if limit is not None:
            limit.check()
        end = len(self._content) if size is None or size < 0 else min(self._at + size, len(self._content))
        piece = bytes(self._content[self._at : end])
        self._at = end
        return piece
