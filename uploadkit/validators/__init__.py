"""Validators: small callables that look at a file before it is stored, and refuse it."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from ..candidate import HEAD_SIZE, Candidate, Validator

if TYPE_CHECKING:
    from .archives import Archive
    from .content import ContentType, default_content_check
    from .images import ImageSize
    from .sizes import MaxSize, MinSize
    from .svg import SafeSvg

__all__ = [
    "HEAD_SIZE",
    "Archive",
    "Candidate",
    "ContentType",
    "ImageSize",
    "MaxSize",
    "MinSize",
    "SafeSvg",
    "Validator",
    "default_content_check",
]

#: Where each of them is: apps that need none of it do not wait for it.
_HOMES = {
    "Archive": "archives",
    "ContentType": "content",
    "ImageSize": "images",
    "MaxSize": "sizes",
    "MinSize": "sizes",
    "SafeSvg": "svg",
    "default_content_check": "content",
}

if not TYPE_CHECKING:  # else type checkers believe that the module has every name

    def __getattr__(name: str) -> object:
        if name not in _HOMES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        return getattr(import_module(f".{_HOMES[name]}", __name__), name)
