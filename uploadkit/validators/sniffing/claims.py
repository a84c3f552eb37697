"""What a file's extension claims, and which contents honour the claim."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import NamedTuple

from . import kinds as k


class Claim(NamedTuple):
    """What a file with some extension may be.

    :param same: The types that its content shows if it is what the extension says.
    :param also: The types that honest files of that name turn out to have.
    :param later: What must be found further on where the beginning shows nothing.
    :param reach: How far on.
    :param vague: Whether the beginning may show nothing at all.
    """

    same: frozenset[str]
    also: frozenset[str] = frozenset()
    later: re.Pattern[bytes] | None = None
    reach: int = 1 << 30
    vague: bool = False

    def honoured_by(self, kind: str, head: bytes, *, strict: bool) -> bool:
        """Return whether content of this type may bear the extension."""
        if kind in self.same or (kind in self.also and not strict):
            return True
        shows_nothing = kind in k.VAGUE
        if shows_nothing and self.later:
            return self.later.search(head, 0, self.reach) is not None
        return shows_nothing and self.vague and not strict


def _claim(*same: str, also: Iterable[str] = ()) -> Claim:
    return Claim(frozenset(same), frozenset(also))


_PLAIN = _claim(k.TEXT)
#: A comment of YAML may look like a script's first line, and playbooks have one on purpose.
_YAML = _claim(k.TEXT, also=(k.SCRIPT,))
#: Readers want the first line to begin within 1,024 bytes.
_PDF = Claim(frozenset({k.PDF}), later=re.compile(rb"%PDF-|%!PS-Adobe-\d\.\d PDF-"), reach=1024 + 4)
_MP3 = Claim(frozenset({k.MPEG_AUDIO}), k.SOUND, re.compile(rb"\xff[\xe2-\xe7\xf2-\xf7\xfa-\xfd][\x10-\xef]"))
_AAC = Claim(frozenset({k.AAC}), k.SOUND, re.compile(rb"\xff[\xf0\xf1\xf8\xf9][\x40-\xbf]|\x56[\xe0-\xff]"))
_ZIP = Claim(frozenset({k.ZIP, *k.OPENXML, *k.OPENDOCUMENT}), k.PACKED, re.compile(rb"PK\x03\x04"))
#: Before 2007 it could be many things, and programs export tables and pages under the same names.
_OLD_OFFICE = Claim(
    frozenset({k.OLE2}), k.OPENXML | {k.RTF, k.XML, k.TEXT, k.HTML, k.FRAGMENT, k.XHTML, k.ZIP}, vague=True
)
#: Gnumeric and AbiWord pack their XML or leave it.
_GNOME = _claim(k.GZIP, k.XML, k.TEXT)

_CLAIMS: dict[str, Claim] = {
    "txt": _claim(k.TEXT, also=(k.XML, k.RTF, k.POSTSCRIPT)),
    "md": _claim(k.TEXT, k.FRAGMENT),
    **dict.fromkeys(("csv", "tsv", "json", "ini"), _PLAIN),
    **dict.fromkeys(("yaml", "yml"), _YAML),
    "plist": _claim(k.TEXT, k.XML, k.BINARY_PLIST),
    "xml": _claim(k.XML, k.XHTML, k.SVG, k.TEXT, k.FRAGMENT),
    "svg": _claim(k.SVG),
    "pdf": _PDF,
    "rtf": _claim(k.RTF, also=k.OPENXML | {k.OLE2}),
    **dict.fromkeys(("doc", "xls", "ppt"), _OLD_OFFICE),
    # With a password they are OLE2.
    "docx": _claim(k.DOCX, k.OOXML, k.OLE2, also=k.OPENXML),
    "xlsx": _claim(k.XLSX, k.OOXML, k.OLE2, also=k.OPENXML),
    "pptx": _claim(k.PPTX, k.OOXML, k.OLE2, also=k.OPENXML),
    "odt": _claim(k.ODT, k.ODF, also=k.OPENDOCUMENT),
    "ods": _claim(k.ODS, k.ODF, also=k.OPENDOCUMENT),
    "odp": _claim(k.ODP, k.ODF, also=k.OPENDOCUMENT),
    "odg": _claim(k.ODG, k.ODF, also=k.OPENDOCUMENT),
    # Meant for formulas, used for anything that OpenDocument has.
    "odf": _claim(*k.OPENDOCUMENT),
    **dict.fromkeys(("gnumeric", "abw"), _GNOME),
    **dict.fromkeys(("jpg", "jpe", "jpeg", "jfif"), _claim(k.JPEG, also=k.RASTER)),
    "png": _claim(k.PNG, also=k.RASTER),
    "gif": _claim(k.GIF, also=k.RASTER),
    "bmp": _claim(k.BMP, also=k.RASTER),
    "webp": _claim(k.WEBP, also=k.RASTER),
    "ico": _claim(k.ICON, also=k.RASTER),
    "avif": _claim(k.AVIF, also=k.RASTER),
    **dict.fromkeys(("heic", "heif"), _claim(k.HEIC, also=k.RASTER)),
    **dict.fromkeys(("tif", "tiff"), _claim(k.TIFF, also=k.RASTER)),
    "wav": _claim(k.WAV, also=k.SOUND),
    "mp3": _MP3,
    "aac": _AAC,
    **dict.fromkeys(("ogg", "oga"), _claim(k.OGG, also=k.SOUND)),
    "flac": _claim(k.FLAC, also=k.SOUND),
    **dict.fromkeys(("mp4", "m4a", "m4v", "mov"), _claim(k.MP4, also=k.SOUND)),
    **dict.fromkeys(("webm", "mkv"), _claim(k.WEBM, also=k.SOUND)),
    "zip": _ZIP,
    **dict.fromkeys(("gz", "tgz"), _claim(k.GZIP, also=k.PACKED)),
    "bz2": _claim(k.BZIP2, also=k.PACKED),
    "txz": _claim(k.XZ, also=k.PACKED),
    "tar": _claim(k.TAR, also=k.PACKED),
    "7z": _claim(k.SEVEN_ZIP, also=k.PACKED),
}
_MEDIA = frozenset({"image", "audio", "video", "font"})


def claim_of(extension: str) -> Claim | None:
    """Return what an extension claims; None if its files have no beginning that could be asked for."""
    return _CLAIMS.get(extension)


def is_media(content_type: str) -> bool:
    """Return whether a type promises something to look at or to listen to, which nothing that runs may claim."""
    return content_type.partition("/")[0] in _MEDIA
