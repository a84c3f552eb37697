"""What signs URLs in place of a backend: a CDN's scheme, or any other."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from .request import LinkRequest, URLSigner

if TYPE_CHECKING:
    from .cloudfront import CloudFrontSigner

__all__ = ["CloudFrontSigner", "LinkRequest", "URLSigner"]

if not TYPE_CHECKING:  # else type checkers believe that the module has every name

    def __getattr__(name: str) -> object:
        if name != "CloudFrontSigner":  # apps that sign otherwise do not wait for it
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        return import_module(".cloudfront", __name__).CloudFrontSigner
