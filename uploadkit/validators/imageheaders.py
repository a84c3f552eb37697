"""Reading the dimensions of images from their headers, without decoding a pixel.

The headers are read here, rather than by a library, because libraries that answer "how large is this image?" trust the
file: they pass over frames that are larger than the canvas, believe the first of two headers that contradict each
other, and have no bound for the work that a file can make them do. An upload is judged by the greatest size that any
decoder may take from it, and what decoders read differently is refused.
"""

from __future__ import annotations

import os
import struct
import zlib
from collections.abc import Callable, Iterator
from typing import BinaryIO

#: How much work a file may make; honest files need a hundredth of it.
_BUDGET, _READ_COST, _BLOCK_COST = 1_000_000, 25, 1
_WINDOW = 64 * 1024

#: A width and a height in pixels, and how many frames the file says are of that size.
Size = tuple[int, int, int]

_JPEG_SCAN = 0xDA
_JPEG_BARE = frozenset((0x01, *range(0xD0, 0xD8)))
#: Markers that say dimensions, and all that have a length. What is in neither is read differently by each decoder.
_JPEG_SIZES = frozenset((*range(0xC0, 0xD0), 0xDE)) - {0xC4, 0xC8, 0xCC}
_JPEG_LONG = frozenset((0xC4, 0xCC, *range(0xDA, 0xF0), 0xFE)) | _JPEG_SIZES
_BMP_CORE, _BMP_HEADERS = 12, (16, 40, 52, 56, 64, 108, 124)
_PNG_LONGEST = 2**31 - 1


class UnreadableError(Exception):
    """The headers of an image cannot be read."""


class _Source:
    """The bytes of a file, with a bound for the work that they can make.

    :param stream: The file; its position is moved.
    """

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._end = stream.seek(0, os.SEEK_END)
        self._start, self._at, self._window = 0, 0, b""
        self._left = _BUDGET

    def take(self, length: int) -> bytes:
        """Return the next bytes; `UnreadableError` if there are not so many."""
        self._spend(_READ_COST)
        if self._at + length > len(self._window):
            self._fill()
        taken = self._window[self._at : self._at + length]
        if len(taken) < length:
            raise UnreadableError
        self._at += length
        return taken

    def skip(self, length: int) -> None:
        """Go past bytes; `UnreadableError` if the file is shorter."""
        if not 0 <= length <= self.left():
            raise UnreadableError
        self._at += length

    def tell(self) -> int:
        """Return the position, in bytes."""
        return self._start + self._at

    def left(self) -> int:
        """Return how many bytes are left."""
        return self._end - self.tell()

    def at_end(self) -> bool:
        """Return whether nothing is left."""
        return self.left() <= 0

    def skip_blocks(self) -> None:
        """Go past blocks that each begin with their length in one byte, and the empty one that ends them."""
        length = -1
        while length:
            if self._at >= len(self._window):
                self._fill()
            if not self._window:
                raise UnreadableError
            length, self._at = self._skip_within_window()

    def _skip_within_window(self) -> tuple[int, int]:
        window, at, count, end = self._window, self._at, 0, len(self._window)
        length = -1
        while length and at < end:
            length = window[at]
            at += length + 1
            count += 1
        self._spend(count * _BLOCK_COST)
        return length, at

    def _fill(self) -> None:
        self._start, self._at = self._start + self._at, 0
        self._stream.seek(self._start)
        self._window = self._stream.read(_WINDOW)

    def _spend(self, cost: int) -> None:
        self._left -= cost
        if self._left < 0:
            raise UnreadableError


def _png(source: _Source) -> Iterator[Size]:
    source.skip(8)
    head = source.take(25)
    if head[:8] != b"\0\0\0\x0dIHDR" or zlib.crc32(head[4:21]) != int.from_bytes(head[21:], "big"):
        raise UnreadableError
    width, height = struct.unpack(">II", head[8:16])
    if max(width, height) > _PNG_LONGEST:
        raise UnreadableError
    yield width, height, 0
    kind = b""
    while kind != b"IDAT":
        length, kind = struct.unpack(">I4s", source.take(8))
        if kind == b"acTL":
            yield width, height, int.from_bytes(source.take(4), "big")
            length -= 4
        source.skip(length + 4)


def _jpeg(source: _Source) -> Iterator[Size]:
    source.skip(2)
    marker = 0
    while marker != _JPEG_SCAN:
        marker = _next_marker(source)
        if marker in _JPEG_BARE:
            continue
        if marker not in _JPEG_LONG:
            raise UnreadableError
        length = int.from_bytes(source.take(2), "big") - 2
        if marker in _JPEG_SIZES:
            height, width = struct.unpack(">xHH", source.take(5))
            yield width, height, 0
            length -= 5
        source.skip(length)


def _next_marker(source: _Source) -> int:
    if source.take(1) != b"\xff":
        raise UnreadableError
    marker = 0xFF
    while marker == 0xFF:  # noqa: PLR2004 - any number of these may fill the space before a marker
        marker = source.take(1)[0]
    return marker


def _gif(source: _Source) -> Iterator[Size]:
    source.skip(6)
    width, height, flags = struct.unpack("<HHBxx", source.take(7))
    yield width, height, 0
    source.skip(_colours(flags))
    frames, kind = 0, b""
    while kind != b";" and not (frames and source.at_end()):
        kind = source.take(1)
        if kind == b",":
            frames += 1
            yield _gif_frame(source)
        elif kind == b"!":
            source.skip(1)
            source.skip_blocks()
        elif kind not in b";\0":
            raise UnreadableError
    if not frames:
        raise UnreadableError


def _gif_frame(source: _Source) -> Size:
    left, top, width, height, flags = struct.unpack("<HHHHB", source.take(9))
    source.skip(_colours(flags) + 1)
    source.skip_blocks()
    return (width and left + width), (height and top + height), 1


def _colours(flags: int) -> int:
    """Return the length of a table of colours, in bytes."""
    return 3 << (flags & 7) + 1 if flags & 0x80 else 0


def _webp(source: _Source) -> Iterator[Size]:
    source.skip(4)
    end = 8 + int.from_bytes(source.take(4), "little")
    source.skip(4)
    while source.tell() < end and not source.at_end():
        kind, length = struct.unpack("<4sI", source.take(8))
        needed, read = _WEBP_CHUNKS.get(kind, (0, None))
        if read is not None:
            yield read(source.take(needed))
        if kind != b"ANMF":  # what a frame holds is looked at next, as if it stood outside
            source.skip(length - needed)
            source.skip(length & 1 if source.left() else 0)


def _webp_canvas(data: bytes) -> Size:
    return int.from_bytes(data[4:7], "little") + 1, int.from_bytes(data[7:10], "little") + 1, 0


def _webp_frame(data: bytes) -> Size:
    left, top, width, height = (int.from_bytes(data[start : start + 3], "little") for start in (0, 3, 6, 9))
    return 2 * left + width + 1, 2 * top + height + 1, 1


def _webp_lossy(data: bytes) -> Size:
    if data[0] & 1 or data[3:6] != b"\x9d\x01\x2a":
        raise UnreadableError
    width, height = struct.unpack("<HH", data[6:10])
    return width & 0x3FFF, height & 0x3FFF, 0


def _webp_lossless(data: bytes) -> Size:
    if data[0] != 0x2F:  # noqa: PLR2004 - the signature of the format
        raise UnreadableError
    bits = int.from_bytes(data[1:5], "little")
    return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1, 0


_WEBP_CHUNKS: dict[bytes, tuple[int, Callable[[bytes], Size] | None]] = {
    b"VP8X": (10, _webp_canvas),
    b"ANMF": (16, _webp_frame),
    b"VP8 ": (10, _webp_lossy),
    b"VP8L": (5, _webp_lossless),
}


def _bmp(source: _Source) -> Iterator[Size]:
    source.skip(14)
    length = int.from_bytes(source.take(4), "little")
    if length == _BMP_CORE:
        width, height = struct.unpack("<HH", source.take(4))
    elif length in _BMP_HEADERS:
        width, height = struct.unpack("<ii", source.take(8))
    else:
        raise UnreadableError
    yield max(width, 0), abs(height), 1


_Reader = Callable[[_Source], Iterator[Size]]
_READERS: dict[str, _Reader] = {"png": _png, "jpeg": _jpeg, "gif": _gif, "webp": _webp, "bmp": _bmp}


_SIGNATURES = {
    b"\x89PNG\r\n\x1a\n": "png",
    b"\xff\xd8\xff": "jpeg",
    b"GIF87a": "gif",
    b"GIF89a": "gif",
    b"BM": "bmp",
}
#: Every format that can be read.
FORMATS = tuple(_READERS)


def format_of(stream: BinaryIO) -> str | None:
    """Return the format that the beginning of a file announces; None if it is none of `FORMATS`."""
    stream.seek(0)
    head = stream.read(12)
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "webp"
    return next((name for signature, name in _SIGNATURES.items() if head.startswith(signature)), None)


def sizes_in(stream: BinaryIO, name: str) -> Iterator[Size]:
    """Yield each size that a file of a format says it has, the one of the whole image first.

    :raises UnreadableError: if the headers are cut off, contradictory, or take too much work to read.
    """
    return _READERS[name](_Source(stream))
