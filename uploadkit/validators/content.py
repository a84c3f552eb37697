"""Whether a file is what its extension says."""

from __future__ import annotations

import re
from typing import BinaryIO

from ..candidate import HEAD_SIZE, Candidate
from ..exceptions import UploadNotAllowed
from .sniffing import kinds as k
from .sniffing import sniff
from .sniffing.claims import Claim, claim_of, is_media
from .sniffing.containers import ends_in_zip
from .sniffing.markup import as_utf8, has_script, is_live

_PAGES = frozenset({k.HTML, k.XHTML, k.FRAGMENT})
#: How far into a file readers look for a PDF's first line.
_PDF_REACH = 1024
_PHP = re.compile(rb"<\?php\s")


class ContentType:
    """Refuses files whose content is not what their extension says. The type that a client sends plays no part.

    Only what is certain is refused: see "What may come in" in the design notes for what cannot be seen. Empty files
    pass; extensions of programs, scripts and source code, and unknown ones, may have any content.

    :param allowed: The only types that may come in, by content: ``ContentType("image/png", "image/jpeg")``. Types of
        text, which look all the same, go by the extension. None given means whatever honours its extension.
    :param strict: Whether to refuse as well what honest files are often named wrongly, as a WebP picture ``.jpg``.
    :param vague: Whether content may pass that shows no type of its own, as words named ``.jpg``: it is broken, but
        runs nowhere.
    :raises ValueError: One of ``allowed`` is not a type and a subtype.
    """

    head_only: bool = True

    def __init__(self, *allowed: str, strict: bool = False, vague: bool = False) -> None:
        self.allowed: frozenset[str] = frozenset(k.canonical(media_type) for media_type in allowed)
        self.strict = strict
        self.vague = vague
        self._named = allowed

    def __repr__(self) -> str:
        switches = [f"{name}=True" for name in ("strict", "vague") if getattr(self, name)]
        arguments = [*map(repr, self._named), *switches]
        return f"{type(self).__name__}({', '.join(arguments)})"

    def __call__(self, candidate: Candidate, /) -> None:
        """Judge a file.

        :raises UploadNotAllowed: It is not what its extension says, or not among the types that may come in.
        """
        head = _head(candidate.stream)
        if not head:
            return
        kind, claim = sniff(head), claim_of(candidate.extension)
        if not self._is_honest(kind, claim, head, k.essence(candidate.content_type)):
            named = f"This file is named .{candidate.extension}"
            raise _refused(candidate, f"{named}, but its content looks like {k.looks_like(kind)}.")
        if _is_media_file(kind, claim, self.allowed) and _is_more(head):
            raise _refused(candidate, "Something else is hidden in this file.")
        if self.allowed and not self._welcome(k.essence(candidate.content_type), kind, claim):
            reason = "The content of this file is not of a type that is accepted here."
            raise UploadNotAllowed(reason, code="content_type", allowed=self._named)

    def _is_honest(self, kind: str, claim: Claim | None, head: bytes, named: str) -> bool:
        if claim is None:
            return kind not in k.ACTIVE or not is_media(named)
        if self.vague and kind in k.VAGUE:
            return True
        return claim.honoured_by(kind, head, strict=self.strict) and not _runs(kind, claim, head)

    def _welcome(self, named: str, kind: str, claim: Claim | None) -> bool:
        """Return whether the type of an honest file is among those that may come in."""
        if claim is None and named not in {k.UNKNOWN, *self.allowed}:
            return False  # what is served as a page must not come in as a picture
        goes_by_name = kind in k.VAGUE or (claim is not None and kind in claim.same)
        return (named if goes_by_name and named != k.UNKNOWN else kind) in self.allowed


def _head(stream: BinaryIO) -> bytes:
    """Read the beginning, from streams as well that return less than they are asked for."""
    head = bytearray()
    while len(head) < HEAD_SIZE and (more := stream.read(HEAD_SIZE - len(head))):
        head += more
    return bytes(head)


def _is_media_file(kind: str, claim: Claim | None, allowed: frozenset[str]) -> bool:
    """Return whether a file is to be shown or played, or at least named so."""
    pretends = claim is not None and kind in k.VAGUE and bool(claim.same & k.MEDIA)
    return pretends or (kind in k.MEDIA and (claim is not None or bool(allowed)))


def _is_more(head: bytes) -> bool:
    """Return whether a picture or a sound is a second thing as well, made for something that takes it for that."""
    small = head.lower()
    hidden = b"<script" in small or _PHP.search(small)
    return bool(hidden) or b"%PDF-" in head[: _PDF_REACH + 4] or (len(head) < HEAD_SIZE and ends_in_zip(head))


def _runs(kind: str, claim: Claim, head: bytes) -> bool:
    """Return whether markup that only passes for the extension has a script."""
    if kind in claim.same:
        return False
    return (kind in _PAGES and is_live(as_utf8(head))) or (kind == k.XML and has_script(as_utf8(head)))


def _refused(candidate: Candidate, reason: str) -> UploadNotAllowed:
    return UploadNotAllowed(reason, code="content_type", allowed=(candidate.content_type,))


#: What every upload set does by default.
default_content_check: ContentType = ContentType(vague=True)
