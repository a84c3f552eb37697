"""A memory backend that gives its files as streams that cannot seek: the checks of streams are tried on it."""

from __future__ import annotations

from typing import BinaryIO

from uploadkit.backends.memory import MemoryBackend
from uploadkit.models import FileInfo
from uploadkit.streams import check_range
from uploadkit.testing.subject import source


class StreamedBackend(MemoryBackend):
    """Each step is a method, so that a broken backend can leave it out."""

    def open_stream(self, key: str, start: int = 0, length: int | None = None) -> tuple[FileInfo, BinaryIO]:
        check_range(start, length)
        info, stream = self.open_snapshot(key)
        content = stream.read()
        return info, self.stream_of(content[start : None if length is None else start + length])

    def stream_of(self, content: bytes) -> BinaryIO:
        """Return what gives ``content``, in pieces that are often smaller than asked for."""
        return source(content, piece=50_000)
