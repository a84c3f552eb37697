"""Lasting links to files."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import TYPE_CHECKING
from urllib.parse import quote

from flask import url_for
from werkzeug.routing import BuildError

from .config import UploadConfiguration
from .exceptions import ConfigError

if TYPE_CHECKING:
    from .targets import Rules

#: The endpoint of the route that serves sets without a base URL.
ENDPOINT = "_uploads.uploaded_file"

_log = logging.getLogger("uploadkit")


def lasting_url(rules: Rules, key: str) -> str:
    """Return the link to ``key`` of a set that never expires."""
    config = rules.config
    if config.base_url is not None or config.settings.access == "public":
        found = public_url(config, key)
        if found is not None:
            return found
    if not config.settings.serve and rules.authorizer is None:
        _warn_once(rules.name, config)
    return route_url(rules.name, config, key)


def public_url(config: UploadConfiguration, key: str) -> str | None:
    """Return the link to ``key`` below the set's base URL, else the backend's own; None if there is neither."""
    if config.base_url is not None:
        return config.base_url + quote(key, safe="/")
    return config.backend.url(key)


def route_url(set_name: str, config: UploadConfiguration, key: str, query: Mapping[str, str] | None = None) -> str:
    """Return the link to ``key`` that leads to the route.

    :raises ConfigError: if the app has no route, since all of its sets have base URLs.
    """
    values = {"setname": set_name, "filename": key, **(query or {})}
    try:
        return url_for(ENDPOINT, **values, _external=config.settings.external_urls)
    except BuildError as error:
        raise ConfigError(
            f"Signed links to the upload set {set_name!r} lead to uploadkit's route, which is registered where a set "
            f"has no base URL, or is private: set UPLOADED_{set_name.upper()}_ACCESS = 'private'."
        ) from error


def not_served(set_name: str, config: UploadConfiguration) -> str:
    """Return the sentence that says what would let a set be served."""
    prefix = f"UPLOADED_{set_name.upper()}_"
    if config.settings.access is None and config.backend.url("x") is not None:
        return (
            f"The files of the upload set {set_name!r} have public URLs on the {config.backend.name!r} backend, which "
            f"are handed out with {prefix}ACCESS = 'public' only; links to them through the app answer 404."
        )
    if config.settings.access == "private":
        return (
            f"The upload set {set_name!r} is private, so links to its files through the app answer 404 without a "
            f"signature: hand out signed_url(), or decide who may have a file in a function under "
            f"@{set_name}.authorize."
        )
    return (
        f"The upload set {set_name!r} has no base URL and may not be served, so links to its files answer 404. Set "
        f"{prefix}URL to where a web server offers them, or {prefix}SERVE = True (or UPLOADS_AUTOSERVE = True for "
        f"all sets) to let the app serve them to everybody; or hand out signed_url(), or decide who may have a file in "
        f"a function under @{set_name}.authorize."
    )


def _warn_once(set_name: str, config: UploadConfiguration) -> None:
    if not config.warned:
        config.warned = True
        _log.warning("%s", not_served(set_name, config))
