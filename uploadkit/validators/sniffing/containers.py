"""Formats that take more than a few letters to know."""

from __future__ import annotations

import re
from itertools import islice

from . import kinds as k

_ZIP = (b"PK\x03\x04", b"PK\x05\x06", b"PK\x07\x08", b"PK00PK\x03\x04")
_ENTRY = re.compile(rb"PK\x03\x04.{22}(..)..", re.DOTALL)
#: How many entries of a zip are looked at; office programs begin with those that tell.
_ENTRIES = 64
_OOXML_FOLDERS = {b"word": k.DOCX, b"xl": k.XLSX, b"ppt": k.PPTX}
_OOXML_NAMES = frozenset({b"[Content_Types].xml", b"_rels", b"docProps", b"customXml"})
_ODF_NAMES = frozenset({b"content.xml", b"styles.xml", b"meta.xml", b"settings.xml", b"META-INF/manifest.xml"})
_MIMETYPE = re.compile(rb"mimetype(application/[a-z0-9.+-]{1,80})")
#: The classes of installers, their patches and transforms.
_MSI_CLASSES = frozenset(
    bytes((number, 0x10, 0x0C)) + bytes(5) + b"\xc0" + bytes(6) + b"\x46" for number in (0x82, 0x84, 0x86)
)
_GIF = re.compile(rb"GIF8[79]a.{4}(.)", re.DOTALL)
#: An extension, a picture, the end; and the padding that some programs put between.
_GIF_BLOCKS = b"\x21\x2c\x3b\x00"
_BITMAP_HEADERS = frozenset({12, 16, 40, 52, 56, 64, 108, 124})
_BLOCK = 512
_CHECKSUM = re.compile(rb"[ \x00]*([0-7]{1,7})[ \x00]")


def zip_kind(head: bytes) -> str | None:
    """Return the type of a zip: an office document's if its entries say so."""
    if not head.startswith(_ZIP):
        return None
    names = [_name(head, found) for found in islice(_ENTRY.finditer(head), _ENTRIES)]
    return _opendocument(head, names) or _openxml(names) or k.ZIP


def _name(head: bytes, entry: re.Match[bytes]) -> bytes:
    length = int.from_bytes(entry[1], "little")
    return head[entry.end() : entry.end() + length].replace(b"\\", b"/")


def _openxml(names: list[bytes]) -> str | None:
    """Return the type by the first folder that tells it, else whether it is OOXML at all."""
    tops = [name.partition(b"/")[0] for name in names]
    told = next((_OOXML_FOLDERS[top] for top in tops if top in _OOXML_FOLDERS), None)
    return told or (k.OOXML if _OOXML_NAMES.intersection(tops) else None)


def _opendocument(head: bytes, names: list[bytes]) -> str | None:
    """Return the type that the entry ``mimetype`` names, if OpenDocument has it."""
    told = _MIMETYPE.search(head, 30, 4096) if b"mimetype" in names else None
    if told:
        kind = told[1].decode("ascii")
        own = kind.removesuffix("-template")
        return own if own in k.OPENDOCUMENT else k.ODF if own.startswith(k.ODF + ".") else None
    return k.ODF if _ODF_NAMES.intersection(names) else None


def ends_in_zip(head: bytes) -> bool:
    """Return whether a whole file ends with the directory of a zip."""
    at = head.rfind(b"PK\x05\x06")
    if at < 0 or len(head) < at + 22:
        return False
    directory = at - int.from_bytes(head[at + 12 : at + 16], "little")
    comment = int.from_bytes(head[at + 20 : at + 22], "little")
    return at + 22 + comment == len(head) and 0 <= directory == head.find(b"PK\x01\x02", directory, directory + 4)


def ole2_kind(head: bytes) -> str | None:
    """Return the type of an OLE2 container; installers are told by the class of their root."""
    if not head.startswith(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"):
        return None
    shift = int.from_bytes(head[30:32], "little")
    if shift not in {9, 12}:
        return k.OLE2
    root = (int.from_bytes(head[48:52], "little") + 1) << shift
    return k.MSI if head[root + 80 : root + 96] in _MSI_CLASSES else k.OLE2


def gif(head: bytes) -> str | None:
    """Return GIF's type, if blocks follow where its header says so: what only pretends goes on with something else."""
    found = _GIF.match(head)
    if not found:
        return None
    flags = found[1][0]
    colours = 3 << ((flags & 7) + 1) if flags & 0x80 else 0
    block = head[13 + colours : 14 + colours]
    return k.GIF if block in _GIF_BLOCKS else None


def bmp(head: bytes) -> str | None:
    """Return BMP's type, if the size of its second header is one that exists."""
    real = head[:2] == b"BM" and int.from_bytes(head[14:18], "little") in _BITMAP_HEADERS
    return k.BMP if real else None


def windows_program(head: bytes) -> str | None:
    """Return the type of what DOS and Windows run; text may begin with the same two letters."""
    return k.PE if head[:2] in {b"MZ", b"ZM"} and b"\x00" in head[2:64] else None


def tar(head: bytes) -> str | None:
    """Return tar's type by its mark, by the checksum of old ones, or as the zeros of an empty one."""
    block = head[:_BLOCK]
    if block[257:262] == b"ustar" or (len(block) == _BLOCK and _checksum_fits(block)):
        return k.TAR
    empty = len(head) >= 2 * _BLOCK and not len(head) % _BLOCK and not head.strip(b"\x00")
    return k.TAR if empty else None


def _checksum_fits(block: bytes) -> bool:
    told = _CHECKSUM.match(block, 148)
    return told is not None and int(told[1], 8) == sum(block[:148]) + 8 * ord(" ") + sum(block[156:])
