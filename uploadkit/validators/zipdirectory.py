"""Reading the directory of a ZIP archive strictly, and no more of it than was asked for.

Python's ``zipfile`` reads a directory of any length into memory, searches on where an archive contradicts itself, and
does not look at the headers before the files; tools that do look there would unpack something else.
"""

from __future__ import annotations

import io
import os
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

STORED, DEFLATED = 0, 8
_END, _LOCATOR, _END64 = struct.Struct("<4s4H2LH"), struct.Struct("<4sLQL"), struct.Struct("<4sQ2H2L4Q")
_CENTRAL, _LOCAL = struct.Struct("<4s6H3L5H2L"), struct.Struct("<4s5H3L2H")
_END_SIGN, _LOCATOR_SIGN, _END64_SIGN = b"PK\5\6", b"PK\6\7", b"PK\6\6"
_CENTRAL_SIGN, _LOCAL_SIGN = b"PK\1\2", b"PK\3\4"
_FULL_16, _FULL_32 = 0xFFFF, 0xFFFFFFFF
_EXTRA_64, _EXTRA_NAME = 0x0001, 0x7075
_UTF_8, _SIZES_FOLLOW, _MASKED, _SECRET = 0x0800, 0x0008, 0x2000, 0x0001
#: How long a directory may be, in bytes: for each file, and in all.
_PER_FILE, _IN_ALL = 600, 64 * 1024
_BLOCK = 64 * 1024


class BrokenZipError(Exception):
    """The archive cannot be read, or could be read in two ways."""


@dataclass(frozen=True)
class Layout:
    """Where the directory of an archive is.

    :param start: Its first byte.
    :param end: The byte after its last.
    :param count: How many files it says it lists.
    :param length: The length of the archive in bytes.
    """

    start: int
    end: int
    count: int
    length: int


@dataclass(frozen=True)
class Entry:
    """A file or folder in an archive.

    :param names: Its name, and the other name that some tools use instead, if it has one.
    :param flags: The flags of the format.
    :param method: How it is compressed.
    :param crc: The checksum of its content.
    :param packed: Its compressed size in bytes, as the directory says.
    :param size: The size of its content in bytes, as the directory says.
    :param mode: Its Unix mode; 0 if it has none.
    :param start: Where its header begins.
    :param data: Where its content begins.
    """

    names: tuple[str, ...]
    flags: int
    method: int
    crc: int
    packed: int
    size: int
    mode: int
    start: int
    data: int

    @property
    def end(self) -> int:
        """The byte after its content."""
        return self.data + self.packed


def read_layout(stream: BinaryIO) -> Layout:
    """Find the directory.

    :raises BrokenZipError: if there is none, or more than one.
    """
    length = stream.seek(0, os.SEEK_END)
    first = max(length - _END.size - _FULL_16, 0)
    tail = _read(stream, first, length - first)
    found = list(_ends(tail))
    if len(found) != 1:
        raise BrokenZipError
    at = first + found[0]
    _, disk, disk_of_start, here, count, size, start, _ = _END.unpack_from(tail, found[0])
    end = at
    if at >= _LOCATOR.size and (locator := _read(stream, at - _LOCATOR.size, _LOCATOR.size)).startswith(_LOCATOR_SIGN):
        end, large = _read_end64(stream, locator, at)
        said = (disk, disk_of_start, here, count, size, start)
        if any(little not in (much, _FULL_16, _FULL_32) for little, much in zip(said, large, strict=True)):
            raise BrokenZipError
        disk, disk_of_start, here, count, size, start = large
    if disk or disk_of_start or here != count or start + size != end:
        raise BrokenZipError
    return Layout(start, end, count, length)


def _ends(tail: bytes) -> Iterator[int]:
    """Yield each place at which the end of a directory can begin."""
    at = tail.find(_END_SIGN)
    while at >= 0:
        if len(tail) - at >= _END.size and at + _END.size + _END.unpack_from(tail, at)[-1] == len(tail):
            yield at
        at = tail.find(_END_SIGN, at + 1)


def _read_end64(stream: BinaryIO, locator: bytes, at: int) -> tuple[int, tuple[int, ...]]:
    """Return where the large form of a directory's end begins, and what it says."""
    _, disk, start, disks = _LOCATOR.unpack(locator)
    if disk or disks > 1 or start + _END64.size > at:
        raise BrokenZipError
    sign, size, _, _, *large = _END64.unpack(_read(stream, start, _END64.size))
    if sign != _END64_SIGN or start + 12 + size != at - _LOCATOR.size:
        raise BrokenZipError
    return start, tuple(large)


def read_entries(stream: BinaryIO, layout: Layout, most: int) -> list[Entry]:
    """Read the directory, and the header before each file.

    :param most: How many files there may be; more have been refused before.
    :raises BrokenZipError: if it is too long, or they contradict each other.
    """
    size = layout.end - layout.start
    if size > most * _PER_FILE + _IN_ALL:
        raise BrokenZipError
    directory, at = _read(stream, layout.start, size), 0
    entries: list[Entry] = []
    while at < size and len(entries) < layout.count:
        entry, at = _read_entry(stream, directory, at)
        entries.append(entry)
    if at != size or len(entries) != layout.count:
        raise BrokenZipError
    return entries


def _read_entry(stream: BinaryIO, directory: bytes, at: int) -> tuple[Entry, int]:
    if at + _CENTRAL.size > len(directory):
        raise BrokenZipError
    (sign, _, _, flags, method, _, _, crc, packed, size, *lengths, disk, _, mode, start) = _CENTRAL.unpack_from(
        directory, at
    )
    name_at = at + _CENTRAL.size
    extra_at = name_at + lengths[0]
    end = extra_at + lengths[1] + lengths[2]
    if sign != _CENTRAL_SIGN or end > len(directory) or flags & _MASKED:
        raise BrokenZipError
    name = directory[name_at:extra_at]
    extras = _extras(directory[extra_at : extra_at + lengths[1]])
    size, packed, start = _large(extras, (size, packed, start))
    if disk not in (0, _FULL_16):
        raise BrokenZipError
    data = _data_start(stream, start, name, (flags, method, packed, size))
    return Entry(_names(name, flags, extras), flags, method, crc, packed, size, mode >> 16, start, data), end


def _extras(data: bytes) -> dict[int, bytes]:
    """Return the extra fields of an entry; bytes after the last whole one are left, as every tool does."""
    found: dict[int, bytes] = {}
    at = 0
    while at + 4 <= len(data):
        kind, length = struct.unpack_from("<2H", data, at)
        if kind in found and kind in (_EXTRA_64, _EXTRA_NAME):
            raise BrokenZipError
        found[kind] = data[at + 4 : at + 4 + length]
        at += 4 + length
    return found


def _large(extras: dict[int, bytes], values: tuple[int, ...]) -> list[int]:
    """Replace the values that did not fit by those in the extra field for large files."""
    field = extras.get(_EXTRA_64, b"")
    result = []
    for value in values:
        if value == _FULL_32 and _EXTRA_64 in extras:
            if len(field) < 8:  # noqa: PLR2004 - the length of a number
                raise BrokenZipError
            value, field = int.from_bytes(field[:8], "little"), field[8:]  # noqa: PLW2901
        result.append(value)
    return result


def _names(name: bytes, flags: int, extras: dict[int, bytes]) -> tuple[str, ...]:
    names = [name.decode("utf-8" if flags & _UTF_8 else "cp437", "replace")]
    if _EXTRA_NAME in extras:
        names.append(extras[_EXTRA_NAME][5:].decode("utf-8", "replace"))
    return tuple(names)


def _data_start(stream: BinaryIO, start: int, name: bytes, said: tuple[int, ...]) -> int:
    """Return where the content of a file begins; its header must say what the directory says."""
    head = _read(stream, start, _LOCAL.size)
    sign, _, flags, method, _, _, _, packed, size, name_length, extra_length = _LOCAL.unpack(head)
    rest = _read(stream, start + _LOCAL.size, name_length + extra_length)
    if sign != _LOCAL_SIGN or rest[:name_length] != name or method != said[1] or (flags ^ said[0]) & _SECRET:
        raise BrokenZipError
    size, packed = _large(_extras(rest[name_length:]), (size, packed))
    follow = flags & _SIZES_FOLLOW
    if (packed, size) != said[2:] and not (follow and (packed, size) == (0, 0)):
        raise BrokenZipError
    return start + len(head) + len(rest)


def _read(stream: BinaryIO, start: int, length: int) -> bytes:
    stream.seek(0, io.SEEK_END)
    if start + length > stream.tell():  # some numbers are too large to go to
        raise BrokenZipError
    stream.seek(start)
    data = stream.read(length)
    if len(data) != length:
        raise BrokenZipError
    return data


def check_content(stream: BinaryIO, entry: Entry) -> None:
    """Unpack a file, throw it away, and see that its size and checksum are those that were said.

    :raises BrokenZipError: as soon as they are not.
    """
    size = crc = 0
    for block in _unpacked(stream, entry):
        size, crc = size + len(block), zlib.crc32(block, crc)
        if size > entry.size:
            raise BrokenZipError
    if size != entry.size or crc != entry.crc:
        raise BrokenZipError


def _unpacked(stream: BinaryIO, entry: Entry) -> Iterator[bytes]:
    packed = _packed(stream, entry)
    if entry.method == STORED or not entry.packed:
        yield from packed
        return
    inflater = zlib.decompressobj(-zlib.MAX_WBITS)
    try:
        for block in packed:
            yield inflater.decompress(block, _BLOCK)
            while inflater.unconsumed_tail:
                yield inflater.decompress(inflater.unconsumed_tail, _BLOCK)
        while block := inflater.decompress(b"", _BLOCK):
            yield block
    except zlib.error:
        raise BrokenZipError from None
    if not inflater.eof or inflater.unused_data:
        raise BrokenZipError


def _packed(stream: BinaryIO, entry: Entry) -> Iterator[bytes]:
    for start in range(entry.data, entry.end, _BLOCK):
        yield _read(stream, start, min(_BLOCK, entry.end - start))
