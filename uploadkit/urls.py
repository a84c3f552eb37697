"""Lasting links to files."""

from __future__ import annotations

import logging
from urllib.parse import quote

from flask import url_for

from .config import UploadConfiguration

#: The endpoint of the route that serves sets without a base URL.
ENDPOINT = "_uploads.uploaded_file"

_log = logging.getLogger("uploadkit")


def lasting_url(set_name: str, config: UploadConfiguration, key: str) -> str:
    """Return the link to ``key`` of a set that never expires."""
    if config.base_url is not None:
        return config.base_url + quote(key, safe="/")
    public = config.backend.url(key) if config.settings.access == "public" else None
    if public is not None:
        return public
    if not config.settings.serve:
        _warn_once(set_name, config)
    return url_for(ENDPOINT, setname=set_name, filename=key, _external=True)


def not_served(set_name: str, config: UploadConfiguration) -> str:
    """Return the sentence that says which setting would let a set be served."""
    if config.settings.access == "private":
        return f"The upload set {set_name!r} is private, so links to its files through the app answer 404."
    prefix = f"UPLOADED_{set_name.upper()}_"
    return (
        f"The upload set {set_name!r} has no base URL and may not be served, so links to its files answer 404. Set "
        f"{prefix}URL to where a web server offers them, or {prefix}SERVE = True (or UPLOADS_AUTOSERVE = True for "
        f"all sets) to let the app serve them to everybody."
    )


def _warn_once(set_name: str, config: UploadConfiguration) -> None:
    if not config.warned:
        config.warned = True
        _log.warning("%s", not_served(set_name, config))
