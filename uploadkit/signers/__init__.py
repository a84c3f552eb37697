"""What signs URLs in place of a backend: a CDN's scheme, or any other."""

from __future__ import annotations

from .cloudfront import CloudFrontSigner
from .request import LinkRequest, URLSigner

__all__ = ["CloudFrontSigner", "LinkRequest", "URLSigner"]
