"""Holding the content of a file against its extension, for `ContentType`."""

from __future__ import annotations

import re
from collections.abc import Sequence
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
_SECOND = re.compile(rb"<(?:script|\?php\s)", re.IGNORECASE)


def require_honest(
    candidate: Candidate, allowed: frozenset[str], named: Sequence[str], *, strict: bool, vague: bool
) -> None:
    """Judge a file.

    :param allowed: The only types that may come in; empty for all.
    :param named: What the app calls them.
    :param strict: Whether to refuse as well what honest files are often named wrongly.
    :param vague: Whether content may pass that shows no type of its own.
    :raises UploadNotAllowed: It is not what its extension says, or not among the types that may come in.
    """
    head = _head(candidate.stream)
    if not head:
        return
    kind, claim, promised = sniff(head), claim_of(candidate.extension), k.essence(candidate.content_type)
    if not _is_honest(kind, claim, head, promised, strict=strict, vague=vague):
        name = f"This file is named .{candidate.extension}"
        raise _refused(candidate, f"{name}, but its content looks like {k.looks_like(kind)}.")
    if _is_media_file(kind, claim, allowed) and _is_more(head):
        raise _refused(candidate, "Something else is hidden in this file.")
    if allowed and not _is_welcome(promised, kind, claim, allowed):
        reason = "The content of this file is not of a type that is accepted here."
        params = {"extension": candidate.extension}
        raise UploadNotAllowed(reason, code="content_type", allowed=tuple(named), params=params)


def _is_honest(kind: str, claim: Claim | None, head: bytes, promised: str, *, strict: bool, vague: bool) -> bool:
    if claim is None:
        return kind not in k.ACTIVE or not is_media(promised)
    if vague and kind in k.VAGUE:
        return True
    return claim.honoured_by(kind, head, strict=strict) and not _runs(kind, claim, head)


def _is_welcome(promised: str, kind: str, claim: Claim | None, allowed: frozenset[str]) -> bool:
    """Return whether the type of an honest file is among those that may come in."""
    if claim is None and promised not in {k.UNKNOWN, *allowed}:
        return False  # what is served as a page must not come in as a picture
    goes_by_name = kind in k.VAGUE or (claim is not None and kind in claim.same)
    return (promised if goes_by_name and promised != k.UNKNOWN else kind) in allowed


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
    if _SECOND.search(head) or b"%PDF-" in head[: _PDF_REACH + 4]:
        return True
    return len(head) < HEAD_SIZE and ends_in_zip(head)


def _runs(kind: str, claim: Claim, head: bytes) -> bool:
    """Return whether markup that only passes for the extension has a script."""
    if kind in claim.same:
        return False
    return (kind in _PAGES and is_live(as_utf8(head))) or (kind == k.XML and has_script(as_utf8(head)))


def _refused(candidate: Candidate, reason: str) -> UploadNotAllowed:
    params = {"extension": candidate.extension}
    return UploadNotAllowed(reason, code="content_type", allowed=(candidate.content_type,), params=params)
