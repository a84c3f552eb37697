"""Writing ZIP archives: honest ones, and byte by byte."""

from __future__ import annotations

import io
import random
import struct
import zipfile
import zlib


def zipped(*files: tuple[str | zipfile.ZipInfo, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", method) as archive:
        for name, data in files:
            archive.writestr(name, data)
    return target.getvalue()


def noise(length: int) -> bytes:
    return random.Random(length).randbytes(length)


def info_of(name: str, mode: int = 0) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name)
    info.filename = name  # as it is, on every system
    info.external_attr = mode << 16
    return info


def local(name: bytes, data: bytes, size: int, method: int = 8, crc: int = 0) -> bytes:
    return struct.pack("<4s5H3L2H", b"PK\3\4", 20, 0, method, 0, 0, crc, len(data), size, len(name), 0) + name + data


def central(name: bytes, start: int, packed: int, size: int, method: int = 8, crc: int = 0) -> bytes:
    sides = (len(name), 0, 0, 0, 0, 0, start)
    return struct.pack("<4s6H3L5H2L", b"PK\1\2", 20, 20, 0, method, 0, 0, crc, packed, size, *sides) + name


def end_of(count: int, size: int, start: int, comment: bytes = b"") -> bytes:
    return struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, count, count, size, start, len(comment)) + comment


def handmade(*entries: tuple[bytes, bytes, int]) -> bytes:
    """Write files whose sizes may be lies."""
    body = directory = b""
    for name, data, size in entries:
        directory += central(name, len(body), len(data), size)
        body += local(name, data, size)
    return body + directory + end_of(len(entries), len(directory), len(body))


def deflated(data: bytes) -> bytes:
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    return packer.compress(data) + packer.flush()


class _Unseekable(io.RawIOBase):
    """A file that can only be written on."""

    def __init__(self) -> None:
        self.data = b""

    def writable(self) -> bool:
        return True

    def write(self, data: object) -> int:
        self.data += bytes(data)  # type: ignore[call-overload]
        return len(memoryview(data))  # type: ignore[arg-type]


def streamed() -> bytes:
    target = _Unseekable()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.txt", noise(500))
    return target.data


def large_form() -> bytes:
    target = io.BytesIO()
    with (
        zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive,
        archive.open("a", "w", force_zip64=True) as file,
    ):
        file.write(noise(500))
    return target.getvalue()


def same_bytes_many_times() -> bytes:
    """Let each entry of a directory point to the same file."""
    kernel = local(b"a", deflated(bytes(1_000_000)), 1_000_000)
    packed = len(kernel) - 31
    directory = central(b"a", 0, packed, 1_000_000) * 500
    return kernel + directory + end_of(500, len(directory), len(kernel))


def quoted_files(count: int) -> bytes:
    """Let each file hold the header of the next as bytes that are not packed, and then all that is in the next."""
    size, names = 200_000, [b"%04d" % number for number in range(count)]
    body = local(names[-1], deflated(bytes(size)), size)
    head, entries = 34, [(0, len(body) - 34, size)]
    for name in reversed(names[:-1]):
        quote = struct.pack("<BHH", 0, head, head ^ 0xFFFF)
        size += head
        body = local(name, quote + body, size)
        # what is packed ends where the last file does: the header quoted here is not a part of it
        entries = [(0, len(body) - head, size), *((start + head + 5, packed, size) for start, packed, size in entries)]
    directory = b"".join(central(name, *entry) for name, entry in zip(names, entries, strict=True))
    return body + directory + end_of(count, len(directory), len(body))


def directory_of(count: int, said: int) -> bytes:
    directory = central(b"aaaaaaaa", 0, 0, 0, 0) * count
    return directory + end_of(said, len(directory), 0)


def with_large_end(data: bytes) -> bytes:
    """Let the end of an archive be said in the form for large ones."""
    start, end = data.find(b"PK\1\2"), data.find(b"PK\5\6")
    large = struct.pack("<4sQ2H2L4Q", b"PK\6\6", 44, 45, 45, 0, 0, 1, 1, end - start, start)
    locator = struct.pack("<4sLQL", b"PK\6\7", 0, end, 1)
    full = b"\xff" * 12
    return data[:end] + large + locator + data[end : end + 8] + full + b"\0\0"
