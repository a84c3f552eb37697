"""Names: from what a visitor or an app calls a file to the name it is stored under.

Two manners, chosen by ``UPLOADED_<NAME>_NAMES``:

- ``"ascii"`` follows Werkzeug's `secure_filename`: letters become their ASCII relatives (``ünï`` → ``uni``). A stem
  that has none is replaced by a short random one, with the extension kept.
- ``"unicode"`` keeps letters, marks, digits and symbols of every script in normal form C.

In both, separators, control, bidirectional and invisible characters go, leading dots, dashes and underscores go,
Windows device names get an underscore, and 255 bytes are the limit. Cleaning a cleaned name changes nothing.
"""

from __future__ import annotations

import base64
import hashlib
import os.path
import re
import secrets
import unicodedata
from typing import Literal

from werkzeug.utils import secure_filename

from .exceptions import InvalidFilenameError
from .filetypes import lowercase_ext
from .keys import MAX_SEGMENT_BYTES

NameStyle = Literal["ascii", "unicode"]

#: No l, o, 0 or 1, which people mix up; 32 of them, so that a random byte means each as often.
_LETTERS = "abcdefghijkmnpqrstuvwxyz23456789"
_LONGEST_EXTENSION = 32
_LONGEST_SHOWN = 60
_LONGEST_KEPT = 512
#: In characters; more than a segment or a key can hold, so nothing is lost by looking no further.
_LONGEST_INPUT = 1024
_LONGEST_FOLDER = 4096
_EDGE = " ._-"
#: Letters, marks and symbols that show nothing: Unicode's Default_Ignorable_Code_Point, and the Braille blank.
_INVISIBLE = frozenset(
    "\u034f\u115f\u1160\u17b4\u17b5\u180b\u180c\u180d\u180e\u180f\u2800\u3164\uffa0"
    + "".join(map(chr, (*range(0xFE00, 0xFE10), *range(0xE0100, 0xE01F0))))
)
_DEVICE = re.compile(r"(con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³]|conin\$|conout\$)(?=\.|$)", re.IGNORECASE)


def clean_filename(filename: str, names: NameStyle = "ascii") -> str:
    """Return a safe name, one segment long, for a file that somebody calls ``filename``.

    :raises InvalidFilenameError: if nothing is left that could be a name (``""``, ``".."``, ``"___"``).
    """
    text = _one_segment(filename)
    if not _has_substance(text):
        raise InvalidFilenameError(f"Invalid filename after sanitization: the name {_shown(filename)} cannot be used.")
    cleaned = _clean_once(text, names)
    while cleaned != text:  # cutting or dropping what stood at the end can bring up work for another step
        text, cleaned = cleaned, _clean_once(cleaned, names)
    return cleaned


def clean_folder(folder: str, names: NameStyle = "ascii") -> str:
    """Return a safe folder, ``/``-separated, perhaps empty.

    Empty segments, ``.`` and ``..`` are dropped. White space becomes an underscore, dots and underscores at a
    segment's ends go; whatever else a segment loses is made up for by a short hash of the whole, so that two
    folders that differ otherwise stay two folders.

    :raises InvalidFilenameError: if it is far longer than any key.
    """
    if not folder:
        return ""
    if len(folder) > _LONGEST_FOLDER:
        raise InvalidFilenameError(f"The folder is {len(folder)} characters long, which is too long.", code="folder")
    segments = (segment.strip() for segment in folder.replace("\\", "/").split("/"))
    return "/".join(_clean_segment(segment, names) for segment in segments if segment.strip(". "))


def shorten(name: str, room: int = 0) -> str:
    """Cut a name's stem, at a character's border, until name and ``room`` bytes fit into a segment."""
    stem, ext = os.path.splitext(name)
    if len(ext.encode()) > _LONGEST_EXTENSION:
        stem, ext = name, ""
    limit = MAX_SEGMENT_BYTES - room - len(ext.encode())
    return _cut(stem, limit) + ext if len(stem.encode()) > limit else name


def with_suffix(name: str, suffix: str) -> str:
    """Put ``_suffix`` between a name's stem and its extension: ``a.tar.gz`` → ``a.tar_1.gz``."""
    stem, ext = os.path.splitext(shorten(name, len(suffix.encode()) + 1))
    return f"{stem}_{suffix}{ext}"


def random_word(length: int = 10) -> str:
    """Return a word that nobody can guess; ten letters are 50 bits."""
    return "".join([_LETTERS[byte % len(_LETTERS)] for byte in secrets.token_bytes(length)])


def presentable(filename: str, room: int = _LONGEST_KEPT) -> str:
    """Return a visitor's file name as it may be kept beside the file: valid Unicode, no control characters, short.

    :param room: The longest result in bytes; never more than 512.
    """
    text = filename[:_LONGEST_INPUT].encode("utf-8", "replace").decode()
    if not text.isprintable():
        text = "".join(letter for letter in text if unicodedata.category(letter) not in ("Cc", "Zl", "Zp"))
    return _cut(text, max(0, min(room, _LONGEST_KEPT)))


def _one_segment(filename: str) -> str:
    if not isinstance(filename, str):
        raise InvalidFilenameError("Filename must not be empty!" if filename is None else "Filename must be a str.")
    if not filename:
        raise InvalidFilenameError("Filename must not be empty!")
    if len(filename) > _LONGEST_INPUT:  # Unicode's normal forms take quadratic time on hostile names
        filename = filename[: _LONGEST_INPUT - _LONGEST_SHOWN] + filename[-_LONGEST_SHOWN:]
    parts = re.split(r"[/\\]", filename)
    return "_".join(part for part in parts if part not in ("", ".", ".."))


def _has_substance(text: str) -> bool:
    return any(unicodedata.category(letter)[0] in "LNS" for letter in text)


def _clean(text: str, names: NameStyle) -> str:
    cleaned = secure_filename(text) if names == "ascii" else _clean_unicode(text)
    return cleaned.lstrip(_EDGE).rstrip(" ._")


def _clean_unicode(text: str) -> str:
    """Keep letters, marks, numbers and symbols of every script; NFC again, for what stood between is gone."""
    text = "_".join(unicodedata.normalize("NFC", text).split())
    kept = (letter for letter in text if letter in "-_." or _is_kept(letter))
    return unicodedata.normalize("NFC", "".join(kept))


def _is_kept(letter: str) -> bool:
    if letter in _INVISIBLE:
        return False
    category = unicodedata.category(letter)
    # Of the symbols only So (emoji and the like): the others are operators such as < > | $ + ~ ` ^.
    return category[0] in "LMN" or category == "So"


def _clean_once(text: str, names: NameStyle) -> str:
    cleaned = _clean(text, names)
    stem, ext = os.path.splitext(_without_lost_end(text))
    if not _has_substance(_clean(stem, names)):
        cleaned = _named_by_extension(_clean(ext, names).lower())
    return shorten(_avoid_device(unicodedata.normalize("NFC", lowercase_ext(cleaned))))


def _without_lost_end(text: str) -> str:
    """Drop from the end what no cleaned name ends with, so that it does not hide the extension."""
    end = len(text)
    while end and text[end - 1] != "-" and not _is_kept(text[end - 1]):
        end -= 1
    return text[:end]


def _named_by_extension(ext: str) -> str:
    return f"{random_word()}.{ext}" if ext else random_word()


def _avoid_device(name: str) -> str:
    """Windows takes CON.txt for the console, whatever the extension; the same file may travel there later."""
    match = _DEVICE.match(name)
    return f"{match[0]}_{name[match.end() :]}" if match else name


def _clean_segment(segment: str, names: NameStyle) -> str:
    expected = "_".join(unicodedata.normalize("NFC", segment).split()).strip("._")
    cleaned = _clean(segment, names)
    changed, cleaned = cleaned != expected, _avoid_device(cleaned)
    if not cleaned or changed or len(cleaned.encode()) > MAX_SEGMENT_BYTES:
        mark = _fingerprint(unicodedata.normalize("NFC", segment))
        cleaned = _cut(cleaned, MAX_SEGMENT_BYTES - len(mark) - 1).rstrip(_EDGE)
        cleaned = f"{cleaned}-{mark}" if cleaned else mark
    return cleaned


def _fingerprint(text: str) -> str:
    digest = hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=10).digest()
    return base64.b32encode(digest).decode().lower()


def _cut(text: str, limit: int) -> str:
    """Cut to ``limit`` UTF-8 bytes between characters, and not between a letter and its combining marks."""
    if len(text.encode()) <= limit:
        return text
    cut = text.encode()[:limit].decode(errors="ignore")
    end = len(cut)
    while end and unicodedata.combining(text[end]):
        end -= 1
    return cut[: end or len(cut)].rstrip(_EDGE)


def _shown(filename: str) -> str:
    text = ascii(filename)
    return text if len(text) <= _LONGEST_SHOWN else text[:_LONGEST_SHOWN] + "..."
