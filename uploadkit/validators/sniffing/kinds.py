"""The media types that sniffing tells apart, and what a visitor is told of them."""

from __future__ import annotations

import re

#: Nothing about the beginning tells what it is; or only that it is text.
UNKNOWN = "application/octet-stream"
TEXT = "text/plain"

HTML = "text/html"
#: Markup that a browser would take for HTML, and that text formats of their own begin with as well.
FRAGMENT = "text/x-html-fragment"
XHTML = "application/xhtml+xml"
XML = "application/xml"
SVG = "image/svg+xml"
PHP = "application/x-httpd-php"
SCRIPT = "application/x-shellscript"
RTF = "application/rtf"
PDF = "application/pdf"
POSTSCRIPT = "application/postscript"
BINARY_PLIST = "application/x-bplist"

PNG, JPEG, GIF, BMP, WEBP = "image/png", "image/jpeg", "image/gif", "image/bmp", "image/webp"
TIFF, ICON, AVIF, HEIC = "image/tiff", "image/vnd.microsoft.icon", "image/avif", "image/heic"
JPEG_2000, JPEG_XL = "image/jp2", "image/jxl"

WAV, MPEG_AUDIO, AAC, OGG, FLAC = "audio/wav", "audio/mpeg", "audio/aac", "audio/ogg", "audio/flac"
AIFF, AMR, MIDI = "audio/aiff", "audio/amr", "audio/midi"
MP4, WEBM, AVI = "video/mp4", "video/webm", "video/x-msvideo"

ZIP, GZIP, BZIP2, XZ, SEVEN_ZIP = (
    *("application/zip", "application/gzip", "application/x-bzip2", "application/x-xz"),
    "application/x-7z-compressed",
)
TAR, RAR, ZSTD, COMPRESS = "application/x-tar", "application/vnd.rar", "application/zstd", "application/x-compress"

#: The container of Office programs before 2007, and of later files with a password.
OLE2 = "application/x-ole-storage"
OOXML = "application/x-ooxml"
_OPENXML = "application/vnd.openxmlformats-officedocument."
DOCX, XLSX, PPTX = (
    f"{_OPENXML}{name}" for name in ("wordprocessingml.document", "spreadsheetml.sheet", "presentationml.presentation")
)
ODF = "application/vnd.oasis.opendocument"
ODT, ODS, ODP, ODG, FORMULA = (
    f"{ODF}.{name}" for name in ("text", "spreadsheet", "presentation", "graphics", "formula")
)

PE, ELF, MACHO = "application/vnd.microsoft.portable-executable", "application/x-elf", "application/x-mach-binary"
JAVA, WASM, SHORTCUT = "application/java-vm", "application/wasm", "application/x-ms-shortcut"
MSI, FLASH, DEX = "application/x-msi", "application/vnd.adobe.flash.movie", "application/x-dex"

RASTER = frozenset({PNG, JPEG, GIF, BMP, WEBP, TIFF, ICON, AVIF, HEIC, JPEG_2000, JPEG_XL})
SOUND = frozenset({WAV, MPEG_AUDIO, AAC, OGG, FLAC, AIFF, AMR, MIDI, MP4, WEBM, AVI})
MEDIA = RASTER | SOUND
#: What shows no type of its own.
VAGUE = frozenset({TEXT, UNKNOWN})
PACKED = frozenset({ZIP, GZIP, BZIP2, XZ, SEVEN_ZIP, TAR, RAR, ZSTD, COMPRESS})
OPENDOCUMENT = frozenset({ODF, ODT, ODS, ODP, ODG, FORMULA})
OPENXML = frozenset({OOXML, DOCX, XLSX, PPTX})
PROGRAMS = frozenset({PE, ELF, MACHO, JAVA, WASM, SHORTCUT, MSI, FLASH, DEX})
#: What runs somewhere: on a server, in a browser, on the visitor's machine.
ACTIVE = PROGRAMS | {HTML, XHTML, SVG, PHP, SCRIPT}

_LOOKS: dict[str, str] = {
    **dict.fromkeys(PROGRAMS, "a program"),
    **dict.fromkeys((HTML, XHTML, FRAGMENT), "a web page"),
    **dict.fromkeys((PHP, SCRIPT), "a script"),
    **dict.fromkeys(RASTER, "a picture"),
    **{kind: f"a {name} picture" for kind, name in ((PNG, "PNG"), (JPEG, "JPEG"), (GIF, "GIF"), (WEBP, "WebP"))},
    **dict.fromkeys(SOUND, "sound or video"),
    **dict.fromkeys(PACKED, "an archive"),
    **dict.fromkeys(OPENDOCUMENT | OPENXML | {OLE2, RTF, POSTSCRIPT}, "an office document"),
    SVG: "an SVG drawing",
    XML: "XML",
    PDF: "a PDF",
    BINARY_PLIST: "a property list",
    TEXT: "plain text",
    UNKNOWN: "something else",
}
_SAME = {
    "application/x-gzip": GZIP,
    "application/x-zip-compressed": ZIP,
    "audio/mp3": MPEG_AUDIO,
    "audio/mp4": MP4,
    "audio/vnd.wave": WAV,
    "audio/wave": WAV,
    "audio/x-aac": AAC,
    "audio/x-flac": FLAC,
    "audio/x-wav": WAV,
    "image/heif": HEIC,
    "image/jpg": JPEG,
    "image/pjpeg": JPEG,
    "image/x-bmp": BMP,
    "image/x-icon": ICON,
    "image/x-ms-bmp": BMP,
    "text/rtf": RTF,
    "text/xml": XML,
    "video/quicktime": MP4,
}
_TYPE = re.compile(r"[a-z0-9!#$&^_.+-]+/[a-z0-9!#$&^_.+-]+")


def looks_like(kind: str) -> str:
    """Return what a visitor understands of a type."""
    return _LOOKS.get(kind, "something else")


def canonical(media_type: str) -> str:
    """Return the one name of a type that has several.

    :raises ValueError: It is not one type and one subtype; that includes wildcards, parameters and lists.
    """
    plain = media_type.lower() if isinstance(media_type, str) else ""
    if not _TYPE.fullmatch(plain):
        raise ValueError(
            f"Not a media type: {media_type!r}. Name one type and subtype, as in 'image/png'; a wildcard such as "
            f"'image/*' would let SVG in, which is a document that can run scripts."
        )
    return _SAME.get(plain, plain)


def essence(content_type: str) -> str:
    """Return the one name of a type without its parameters; what is no type tells nothing."""
    try:
        return canonical(content_type.partition(";")[0].strip(" \t"))
    except ValueError:
        return UNKNOWN
