"""Making small files of formats that have containers."""

from __future__ import annotations

import io
import struct
import tarfile
import zipfile

OLE2 = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"


def zipped(*names: str, method: int = zipfile.ZIP_DEFLATED, content: str = "<x/>" * 20) -> bytes:
    """Return a zip with such entries."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", method) as archive:
        for name in names:
            archive.writestr(name, content)
    return file.getvalue()


def opendocument(kind: str, *, first: bool = True) -> bytes:
    """Return an OpenDocument file, with the entry that tells its type at the beginning or at the end."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        names = ["mimetype", "content.xml", "META-INF/manifest.xml"]
        for name in names if first else names[::-1]:
            content = f"application/vnd.oasis.opendocument.{kind}" if name == "mimetype" else "<x/>"
            archive.writestr(name, content, zipfile.ZIP_STORED if name == "mimetype" else None)
    return file.getvalue()


def streamed_zip(name: str) -> bytes:
    """Return a zip as it is written to a pipe: its entries do not know their sizes in advance."""

    class Pipe(io.BytesIO):
        def seekable(self) -> bool:
            return False

        def tell(self) -> int:
            raise OSError

    file = Pipe()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr(name, "text")
    return file.getvalue()


def tarred(form: int) -> bytes:
    """Return a tar of one file whose name is long and not ASCII."""
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w", format=form) as archive:
        entry = tarfile.TarInfo("ä" * 20 if form == tarfile.USTAR_FORMAT else "ä" * 200)
        entry.size = 5
        archive.addfile(entry, io.BytesIO(b"hello"))
    return file.getvalue()


def old_tar() -> bytes:
    """Return a tar as it was before there was a mark in it."""
    header = bytearray(512)
    for at, value in ((0, b"a.txt"), (100, b"0000644\0"), (108, b"0000000\0"), (116, b"0000000\0")):
        header[at : at + len(value)] = value
    header[124:148] = b"00000000005\0" + b"14000000000\0"
    header[148:156] = b" " * 8
    header[148:156] = b"%06o\0 " % sum(header)
    return bytes(header) + b"hello".ljust(512, b"\0") + bytes(1024)


def pdf(before: bytes = b"", version: bytes = b"1.7") -> bytes:
    """Return a small PDF, with something before its first line."""
    return (
        before + b"%PDF-" + version + b"\n%\xe2\xe3\xcf\xd3\n1 0 obj\n<</Type/Catalog>>\nendobj\ntrailer<<>>\n%%EOF\n"
    )


def container(*streams: str) -> bytes:
    """Return the beginning of an OLE2 file with such streams."""
    header = OLE2 + bytes(16) + struct.pack("<HHHHH", 0x3E, 3, 0xFFFE, 9, 6) + bytes(14) + struct.pack("<I", 0)
    entries = b"".join(name.encode("utf-16-le").ljust(64, b"\0") + bytes(64) for name in ("Root Entry", *streams))
    return header.ljust(512, b"\xff") + entries.ljust(512, b"\0") + bytes(2048)


def wav(start: bytes = b"RIFF") -> bytes:
    """Return a short silence."""
    body = (
        b"WAVEfmt " + struct.pack("<IHHIIHH", 16, 1, 1, 8000, 8000, 1, 8) + b"data" + struct.pack("<I", 99) + bytes(99)
    )
    return start + struct.pack("<I", len(body)) + body


def with_chunk(jpeg: bytes, marker: int, content: bytes) -> bytes:
    """Return a JPEG picture with one more segment behind its first two bytes."""
    return jpeg[:2] + bytes((0xFF, marker)) + struct.pack(">H", len(content) + 2) + content + jpeg[2:]
