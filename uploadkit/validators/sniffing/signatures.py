"""Binary formats by how they begin; the patterns ask for enough that no text matches."""

from __future__ import annotations

import re

from . import kinds as k
from .containers import bmp, gif, ole2_kind, tar, windows_program, zip_kind

#: Brands of ISO media files that are still pictures.
_PICTURES = {b"avif": k.AVIF, b"avis": k.AVIF, **dict.fromkeys((b"heic", b"heix", b"heim", b"hevc", b"hevx"), k.HEIC)}
_PICTURES |= dict.fromkeys((b"mif1", b"msf1"), k.HEIC)

_SIGNATURES: tuple[tuple[re.Pattern[bytes], str], ...] = tuple(
    (re.compile(pattern, re.DOTALL), kind)
    for pattern, kind in (
        (rb"\xff\xd8\xff", k.JPEG),
        (rb"\x89PNG\r\n\x1a\n", k.PNG),
        (rb"RIFF.{4}WEBP", k.WEBP),
        (rb"%PDF-", k.PDF),
        (rb"(?:RIFF|RIFX|RF64|BW64).{4}WAVE", k.WAV),
        (rb"RIFF.{4}AVI ", k.AVI),
        (rb"ID3[\x02-\x04][\x00-\x1f]", k.MPEG_AUDIO),
        # Four letters, a version and a flag of five, where no text has its controls.
        (rb"OggS\x00[\x00-\x07]", k.OGG),
        (rb"fLaC[\x00\x80]\x00\x00\x22", k.FLAC),
        (rb"\x1f\x8b\x08", k.GZIP),
        (rb"BZh[1-9](?:1AY&SY|\x17rE8P\x90)", k.BZIP2),
        (rb"\xfd7zXZ\x00", k.XZ),
        (rb"7z\xbc\xaf\x27\x1c", k.SEVEN_ZIP),
        (rb"Rar!\x1a\x07[\x00\x01]", k.RAR),
        (rb"\x28\xb5\x2f\xfd", k.ZSTD),
        (rb"\x1f\x9d[\x80-\x9f]", k.COMPRESS),
        (rb"\x7fELF[\x01\x02]", k.ELF),
        (rb"\xfe\xed\xfa[\xce\xcf]|[\xce\xcf]\xfa\xed\xfe", k.MACHO),
        (rb"\xca\xfe\xba[\xbe\xbf]\x00", k.JAVA),
        (rb"\xbe\xba\xfe\xca.{2}\x00\x00", k.MACHO),
        (rb"\x00asm[\x01-\x0f]\x00", k.WASM),
        (rb"dex\n0[0-9]{2}\x00", k.DEX),
        (rb"\x4c\x00{3}\x01\x14\x02\x00", k.SHORTCUT),
        (rb"[FCZ]WS[\x01-\x32].{3}\x00", k.FLASH),
        (rb"II\x2a\x00|MM\x00[\x2a\x2b]|II\x2b\x00", k.TIFF),
        (rb"\x00\x00[\x01\x02]\x00[\x01-\xff]\x00", k.ICON),
        (rb"\x00{3}\x0cjP  \r\n\x87\n|\xff\x4f\xff\x51", k.JPEG_2000),
        (rb"\x00{3}\x0cJXL \r\n\x87\n", k.JPEG_XL),
        (rb"\x1a\x45\xdf\xa3", k.WEBM),
        (rb"FORM.{4}AIF[FC]", k.AIFF),
        (rb"#!AMR(?:-WB)?\n", k.AMR),
        (rb"MThd\x00{3}\x06", k.MIDI),
        (rb"bplist[0-9]{2}", k.BINARY_PLIST),
        (rb"ADIF[\x00-\x3f]", k.AAC),
    )
)
_ISO_MEDIA = re.compile(rb"[\x00-\x08].{3}(?:ftyp|styp|moov|moof|mdat|wide|free|skip|pnot)", re.DOTALL)
#: The first frame of sound that has no header before it; text of Western Europe may begin like that.
_FRAMES = (
    (re.compile(rb"\xff[\xf0\xf1\xf8\xf9][\x40-\xbf]|\x56[\xe0-\xff]"), k.AAC),
    (re.compile(rb"\xff[\xe2-\xe7\xf2-\xf7\xfa-\xfd][\x10-\xef]"), k.MPEG_AUDIO),
)
#: Formats whose few letters need more than a pattern.
_JUDGES = (zip_kind, gif, windows_program, ole2_kind, bmp, tar)


def binary_kind(head: bytes) -> str | None:
    """Return the type of a binary format, None if it is none that has a certain beginning."""
    simple = next((kind for pattern, kind in _SIGNATURES if pattern.match(head)), None)
    return simple or _iso_media(head) or next(filter(None, (judge(head) for judge in _JUDGES)), None)


def _iso_media(head: bytes) -> str | None:
    """Return the type of a film, or of a picture in the same container."""
    if not _ISO_MEDIA.match(head):
        return None
    return _PICTURES.get(head[8:12], k.MP4) if head[4:8] == b"ftyp" else k.MP4


def frame_kind(head: bytes) -> str | None:
    """Return the type of sound that begins with a frame, of a file that is not text."""
    return next((kind for pattern, kind in _FRAMES if pattern.match(head)), None)
