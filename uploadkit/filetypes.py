"""File types by extension: the presets, the containers for "all" and "all except", and a name's content type."""

from __future__ import annotations

import mimetypes
import os.path
from collections.abc import Container
from functools import cache, lru_cache

#: Plain text.
TEXT = ("txt",)
#: Office documents; the macro-enabled Office formats are left out.
DOCUMENTS = ("rtf", "odf", "ods", "gnumeric", "abw", "doc", "docx", "xls", "xlsx", "pdf")
#: Images that browsers show. SVG can carry scripts: uploadkit serves it as a download.
IMAGES = ("jpg", "jpe", "jpeg", "png", "gif", "svg", "bmp", "webp")
#: Audio files.
AUDIO = ("wav", "mp3", "aac", "ogg", "oga", "flac")
#: Structured data.
DATA = ("csv", "ini", "json", "plist", "xml", "yaml", "yml")
#: Scripts. For use with `AllExcept`; what a web server runs depends on the server.
SCRIPTS = ("js", "php", "pl", "py", "rb", "sh")
#: Archives and compressed files.
ARCHIVES = ("gz", "bz2", "zip", "tar", "tgz", "txz", "7z")
#: Source code that has to be compiled before it can run.
SOURCE = (
    *("c", "cpp", "c++", "h", "hpp", "h++", "cxx", "hxx", "hdl"),
    *("ada", "rs", "go", "f", "for", "f90", "f95", "f03", "d", "dd", "di"),
    *("java", "hs", "cs", "fs", "cbl", "cob", "asm", "s"),
)
#: Shared libraries and programs. For use with `AllExcept`.
EXECUTABLES = ("so", "exe", "dll")
#: What an upload set accepts that names nothing else.
DEFAULTS = TEXT + DOCUMENTS + IMAGES + DATA

#: Types that Python's own table lacks or that differ between its versions.
_CONTENT_TYPES = {
    "7z": "application/x-7z-compressed",
    "aac": "audio/aac",
    "abw": "application/x-abiword",
    "avif": "image/avif",
    "docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    "epub": "application/epub+zip",
    "bz2": "application/x-bzip2",
    "flac": "audio/flac",
    "gnumeric": "application/x-gnumeric",
    "gz": "application/gzip",
    "heic": "image/heic",
    "ini": "text/plain",
    "js": "text/javascript",
    "m4a": "audio/mp4",
    "m4v": "video/mp4",
    "md": "text/markdown",
    "mkv": "video/x-matroska",
    "odf": "application/vnd.oasis.opendocument.formula",
    "ods": "application/vnd.oasis.opendocument.spreadsheet",
    "odp": "application/vnd.oasis.opendocument.presentation",
    "odt": "application/vnd.oasis.opendocument.text",
    "oga": "audio/ogg",
    "ogg": "audio/ogg",
    "plist": "application/x-plist",
    "pptx": "application/vnd.openxmlformats-officedocument.presentationml.presentation",
    "rtf": "application/rtf",
    "tgz": "application/gzip",
    "txz": "application/x-xz",
    "webp": "image/webp",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "xml": "application/xml",
    "yaml": "application/yaml",
    "yml": "application/yaml",
}


class All:
    """A container that holds every extension; `ALL` is the one you need."""

    def __contains__(self, item: object) -> bool:
        return True


#: Allows every extension. Prefer a list of what you expect.
ALL = All()


class AllExcept:
    """A container that holds every extension but some: ``AllExcept(SCRIPTS + EXECUTABLES)``.

    A list of what is forbidden is never complete (``phtml``, ``asp``, ``shtml`` …): prefer a list of what you expect.

    :param items: The extensions to refuse, in any container.
    """

    def __init__(self, items: Container[str]) -> None:
        self.items = items

    def __contains__(self, item: object) -> bool:
        return item not in as_extensions(self.items)


def extension(filename: str) -> str:
    """Return the extension without its dot: ``"gz"`` for ``"a.tar.gz"``, nothing for ``"foo"`` and ``".foo"``."""
    return os.path.splitext(filename)[1][1:]


def lowercase_ext(filename: str) -> str:
    """Return ``filename`` with its extension, if it has one, in lower case."""
    stem, ext = os.path.splitext(filename)
    return stem + ext.lower()


def as_extensions(value: str | Container[str] | None) -> Container[str]:
    """Read a setting or argument that names extensions.

    A string means one extension, or several with commas or spaces between; None means none. Case, a leading dot and
    a leading ``*.`` do not matter. Any other container is taken as it is, for it may know only ``in``.
    """
    if value is None:
        return ()
    if isinstance(value, str):
        return _plain(tuple(value.replace(",", " ").split()) or ("",))
    if isinstance(value, (tuple, list, set, frozenset)):
        return _plain(tuple(value))
    return value


@lru_cache(maxsize=256)
def _plain(extensions: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(str(ext).lower().removeprefix("*").removeprefix(".") for ext in extensions)


@lru_cache(maxsize=1024)
def content_type_for(filename: str) -> str:
    """Return the media type that belongs to a name's extension, the same on every machine.

    Unknown extensions are ``application/octet-stream``.
    """
    ext = extension(filename).lower()
    known = _CONTENT_TYPES.get(ext)
    return known or _python_types().get("." + ext) or "application/octet-stream"


@cache
def _python_types() -> dict[str, str]:
    """Python's own table, without what this machine adds. `mimetypes` reads the machine's files first in any case."""
    return mimetypes.MimeTypes(filenames=()).types_map[True]
