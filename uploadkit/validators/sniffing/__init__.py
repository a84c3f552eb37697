"""What the beginning of a file says about its type."""

from __future__ import annotations

from . import kinds
from .markup import as_utf8, is_text, markup_kind
from .signatures import binary_kind, frame_kind

__all__ = ["sniff"]


def sniff(head: bytes) -> str:
    """Return the media type that the beginning of a file shows.

    Markup comes first, as it does in browsers. What shows nothing is ``text/plain`` or ``application/octet-stream``.
    """
    told = markup_kind(as_utf8(head)) or binary_kind(head)
    return told or (kinds.TEXT if is_text(head) else frame_kind(head) or kinds.UNKNOWN)
