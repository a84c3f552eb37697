"""Which parts of a file a request asks for (RFC 9110, section 14), and how several are put into one answer."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from typing import NamedTuple

from werkzeug.http import parse_range_header

#: A request for more ranges than this gets the whole file: nobody who reads files needs them.
MOST_RANGES = 10


class ByteRange(NamedTuple):
    """Some bytes of a file; never empty, never behind its end."""

    start: int
    length: int

    def content_range(self, size: int) -> str:
        """Return it as the header ``Content-Range`` has it."""
        return f"bytes {self.start}-{self.start + self.length - 1}/{size}"


def requested_ranges(header: str | None, size: int) -> list[ByteRange] | None:
    """Return the ranges that a ``Range`` header asks for; none of it can be had if the list is empty.

    None means that the whole file is to be sent: there is no header, or it means nothing or asks for too much.
    """
    asked = parse_range_header(header)
    if asked is None or asked.units != "bytes" or len(asked.ranges) > MOST_RANGES:
        return None
    found = [_within(start, stop, size) for start, stop in asked.ranges]
    return [part for part in found if part is not None]


def _within(start: int, stop: int | None, size: int) -> ByteRange | None:
    """Return a range as far as it lies in the file.

    :param start: Counted from the end if it is negative.
    :param stop: Behind the last byte; None for the file's end.
    """
    begin = max(0, size + start) if start < 0 else start
    end = size if stop is None else min(stop, size)
    return ByteRange(begin, end - begin) if begin < end else None


class Multipart:
    """The frame of an answer with several ranges: what stands before each of them, and at the end.

    :param ranges: In the order in which they are sent.
    :param size: The length of the whole file.
    :param content_type: Of the file.
    """

    def __init__(self, ranges: Sequence[ByteRange], size: int, content_type: str) -> None:
        self.boundary: str = secrets.token_hex(16)  # nobody can know it, so no file has it
        self.heads: tuple[bytes, ...] = tuple(
            f"\r\n--{self.boundary}\r\nContent-Type: {content_type}\r\n"
            f"Content-Range: {part.content_range(size)}\r\n\r\n".encode()
            for part in ranges
        )
        self.tail: bytes = f"\r\n--{self.boundary}--\r\n".encode()
        self.length: int = sum(map(len, self.heads)) + sum(part.length for part in ranges) + len(self.tail)
        self.content_type: str = f"multipart/byteranges; boundary={self.boundary}"
