"""Text: whether it is, and what it begins with that a browser, a server or a shell would run."""

from __future__ import annotations

import codecs
import re

from . import kinds as k

_BOMS = (
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
    # A tag in UTF-16 that lacks the mark, which browsers recognise.
    (b"<\x00", "utf-16-le"),
    (b"\x00<", "utf-16-be"),
)
_MARKED = re.compile(rb"\s*[<#{%]")
_SHEBANG = re.compile(rb"#!\s*(?:/|[a-z]:[\\/])", re.IGNORECASE)
_PHP = re.compile(rb"<\?(?:php(?![a-z0-9-])|=|\s)", re.IGNORECASE)
#: The tags that browsers go by (https://mimesniff.spec.whatwg.org/#identifying-a-resource-with-an-unknown-mime-type),
#: first those that only a page begins with. The standard wants a space or ``>`` behind them; parsers take these, too.
_PAGE = re.compile(rb"<(?:!doctype\s+html|html|head|body|script|iframe)(?![a-z0-9_.:-])", re.IGNORECASE)
_TAG = re.compile(rb"<(?:!--|(?:h1|div|font|table|a|style|title|b|br|p)[\s/>])", re.IGNORECASE)
_ROOT = re.compile(rb"<(?:[\w.-]{1,64}:)?([\w.-]{1,64})[\s/>]")
_SPACE = re.compile(rb"\s*")
_DOCTYPE = re.compile(rb"<!doctype\s", re.IGNORECASE)
_SUBSET_END = re.compile(rb"\]\s*>")
#: What comes before is asked for last: a search for plain letters is ten times as fast.
_SCRIPT = re.compile(rb"script(?<=[<:]script)[\s/>]")
_LIVE = (
    _SCRIPT,
    re.compile(rb"iframe(?<=[<:]iframe)[\s/>]"),
    re.compile(rb"on(?<=[\s/\"']on)[a-z]{3,20}\s*="),
    re.compile(rb"javascript:"),
)
#: Control characters that no encoding of text makes much use of.
_CONTROLS = bytes(set(range(0x20)) - set(b"\b\t\n\v\f\r\x1a\x1b")) + b"\x7f"
#: How many of a hundred bytes may be such.
_FEW = 5


def as_utf8(head: bytes) -> bytes:
    """Return text without its mark and in UTF-8; whatever else it is stays as it is."""
    for mark, encoding in _BOMS:
        if head.startswith(mark):
            return head.decode(encoding, "replace").encode("utf-8", "replace")
    return head


def markup_kind(text: bytes) -> str | None:
    """Return the type of text that begins with markup or a mark, None for any other.

    :param text: The beginning as `as_utf8` returns it.
    """
    if not _MARKED.match(text):
        return None
    if _SHEBANG.match(text):
        return k.SCRIPT
    start = text.lstrip()
    if start.startswith(b"{\\rt"):
        return k.RTF
    if start.startswith(b"%!PS-Adobe"):
        return k.POSTSCRIPT
    return _tagged(start) if start.startswith(b"<") else None


def _tagged(start: bytes) -> str | None:
    if _PHP.match(start):
        return k.PHP
    if _PAGE.match(start):
        return k.HTML
    at = _after_prolog(start)
    root = _ROOT.match(start, at)
    name = root[1].lower() if root else b""
    if name == b"svg" and not _PAGE.match(start, at):
        return k.SVG
    return _page_or_xml(start, at, name)


def _page_or_xml(start: bytes, at: int, name: bytes) -> str | None:
    """Tell XML from what is HTML behind comments."""
    if start[:5].lower() == b"<?xml":
        return k.XHTML if name == b"html" else k.XML
    if _PAGE.match(start, at):
        return k.HTML
    if _TAG.match(start):
        return None if _is_remark(start, at) else k.FRAGMENT
    return k.XML if _DOCTYPE.match(start) else None


def _is_remark(start: bytes, at: int) -> bool:
    """Return whether only words follow a comment, as in notes; ends of comments are not the same to all parsers."""
    return start.startswith(b"<!--") and at < len(start) and start[at] != ord("<") and not is_live(start)


def _after_prolog(start: bytes) -> int:
    """Return where declarations, comments and a document type end that is not HTML's; ``len(start)`` if they do not."""
    at = 0
    while True:
        space = _SPACE.match(start, at)
        at = space.end() if space else at
        end = _end_of_preface(start, at)
        if end == at:
            return at
        if end < 0:
            return len(start)
        at = end


def _end_of_preface(start: bytes, at: int) -> int:
    """Return where one piece of a prolog ends: ``at`` if there is none, -1 if its end is missing."""
    if start.startswith(b"<?", at) and not _PHP.match(start, at):
        return _behind(start, b"?>", at)
    if start.startswith(b"<!--", at):
        return _behind(start, b"-->", at)
    if _DOCTYPE.match(start, at) and not _PAGE.match(start, at):
        return _end_of_doctype(start, at)
    return at


def _end_of_doctype(start: bytes, at: int) -> int:
    """Return where a document type ends, its own declarations in square brackets included; -1 if it does not."""
    end = start.find(b">", at)
    bracket = start.find(b"[", at, end) if end >= 0 else -1
    if bracket < 0:
        return end + 1 or -1
    close = _SUBSET_END.search(start, bracket)
    return close.end() if close else -1


def _behind(start: bytes, what: bytes, at: int) -> int:
    end = start.find(what, at)
    return -1 if end < 0 else end + len(what)


def has_script(text: bytes) -> bool:
    """Return whether there is an element ``script``, of HTML or with a prefix, anywhere."""
    return _SCRIPT.search(text.lower()) is not None


def is_live(text: bytes) -> bool:
    """Return whether there is anything in HTML that runs by the common ways."""
    small = text.lower()
    return any(pattern.search(small) for pattern in _LIVE)


def is_text(head: bytes) -> bool:
    """Return whether this is text in any encoding: Unicode, or without the bytes that only binaries have."""
    encoding = next((encoding for mark, encoding in _BOMS[:5] if head.startswith(mark)), "utf-8")
    try:
        # A character may be cut at the end of the head.
        return "\x00" not in codecs.getincrementaldecoder(encoding)().decode(head)
    except UnicodeDecodeError:
        return encoding == "utf-8" and _is_legacy_text(head)


def _is_legacy_text(head: bytes) -> bool:
    if b"\x00" in head:
        return False
    controls = len(head) - len(head.translate(None, _CONTROLS))
    return controls * 100 <= len(head) * _FEW
