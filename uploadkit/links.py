"""Signed links to files: who signs them, how long they live, and what is answered to them."""

from __future__ import annotations

import time
from datetime import datetime, timezone
from functools import lru_cache
from math import ceil
from typing import TYPE_CHECKING, NamedTuple, cast

from flask import current_app

from .backends.capabilities import SupportsSigning
from .config import UploadConfiguration
from .disposition import answered_type, disposition, safe_disposition, safe_kind
from .exceptions import NotSupportedError
from .filetypes import content_type_for
from .keys import file_key, split
from .models import MAX_EXPIRY, LinkMethod, LinkOptions, SignedURL, check_expiry
from .tokens import AppLink, signed_query
from .urls import public_url, route_url

if TYPE_CHECKING:
    from .signers.request import URLSigner
    from .targets import Rules

#: How many seconds a signed link lives at least where nothing else is asked.
DEFAULT_EXPIRY = 3600
_DEFAULT_WINDOW = 300
#: How many seconds a link is remembered that ends before it was to.
_SHORTENED = 60


class Link(NamedTuple):
    """What is asked of a signed link.

    :param expires_in: How many seconds it has to live at least.
    :param download: Offer the file as a download, under this name or, if true, its own.
    :param content_type: The media type to answer with; None means that of the extension.
    :param method: ``"GET"`` or ``"HEAD"``.
    """

    expires_in: int = DEFAULT_EXPIRY
    download: str | bool | None = None
    content_type: str | None = None
    method: LinkMethod = "GET"


def signed_link(rules: Rules, prefix: str, filename: str, link: Link) -> SignedURL:
    """Return a link to a file that ends, the same one for a while so that browsers can keep what it leads to.

    :param prefix: The folder that ``filename`` is relative to.
    :raises InvalidKeyError: if the name leads out of the set.
    :raises ValueError: if the life is not between one second and seven days, or another value means nothing.
    """
    config = rules.config
    try:
        known = config.signed.get((prefix, filename, link))
    except TypeError:  # it is no text; what it is instead is said below
        known = None
    if known is not None:
        made, since, until = known
        if since <= time.time() < until:
            return made
    return _made(rules.name, config, prefix, filename, link)


def _made(set_name: str, config: UploadConfiguration, prefix: str, filename: str, link: Link) -> SignedURL:
    """Return a new link, to be remembered if others than the app sign."""
    _check(link)
    key = file_key(prefix, filename)
    now = time.time()
    begins, ends = life(now, link.expires_in, config.settings.url_window)
    if not signed_elsewhere(config):
        return _by_app(set_name, config, key, link, ends)
    made = _elsewhere(set_name, config, key, link, begins, ends)
    until = made.expires_at.timestamp() - link.expires_in
    if until <= now:  # the credentials end first; soon there may be later ones
        until = min(now + _SHORTENED, made.expires_at.timestamp())
    config.signed.keep((prefix, filename, link), (made, begins, until))
    return made


def life(now: float, expires_in: int, window: int | None) -> tuple[int, int]:
    """Return when a link that is asked for now begins and ends, in whole seconds since 1970.

    All that are asked for within a window begin together, and end when the last of them has to.

    :param window: In seconds; None is five minutes, but not longer than ``expires_in``.
    """
    if window is None:
        window = min(_DEFAULT_WINDOW, expires_in)
    window = min(window, MAX_EXPIRY - expires_in)
    begins = int(now)
    if window <= 0:
        return begins, min(ceil(now) + expires_in, begins + MAX_EXPIRY)
    begins -= begins % window
    return begins, begins + window + expires_in


def signed_elsewhere(config: UploadConfiguration) -> bool:
    """Whether links are signed for the store or a CDN, so that files do not go through the app."""
    settings = config.settings
    return settings.url_signer is not None or (settings.delivery != "proxy" and config.signing is not None)


def answers_to(config: UploadConfiguration, key: str, link: Link) -> tuple[str, str]:
    """Return the type and the disposition that the app answers with."""
    content_type = link.content_type or content_type_for(key)
    if link.download:
        return answered_type(content_type), _download(key, link)
    return answered_type(content_type), safe_disposition(key, content_type, config.settings.inline)


def _download(key: str, link: Link) -> str:
    return disposition("attachment", link.download if isinstance(link.download, str) else split(key)[1])


def _check(link: Link) -> None:
    if isinstance(link.expires_in, bool):
        raise TypeError("expires_in must be whole seconds or a timedelta; a download is asked for by download=True")
    check_expiry(link.expires_in)
    if link.download == "":
        raise ValueError("download must be a file name, or True; it is empty")
    if not isinstance(link.download, (str, bool, type(None))):
        raise TypeError(f"download must be a file name, or True, not {link.download!r:.60}")


def _elsewhere(set_name: str, config: UploadConfiguration, key: str, link: Link, begins: int, ends: int) -> SignedURL:
    options = _options(config, key, link, begins)
    if config.settings.url_signer is not None:
        overrides = bool(link.download) or link.content_type is not None
        return _by_signer(set_name, config, key, options, _moment(ends), overrides=overrides)
    return _by_backend(set_name, cast("SupportsSigning", config.signing), key, ends - begins, options)


def _options(config: UploadConfiguration, key: str, link: Link, begins: int) -> LinkOptions:
    """Return what a link asks the store for; the name of a file is the last part of the link in any case."""
    content_type = link.content_type or content_type_for(key)
    disposed = _download(key, link) if link.download else safe_kind(content_type, config.settings.inline)
    return _made_options(link.method, answered_type(content_type), disposed, begins)


@lru_cache(maxsize=128)
def _made_options(method: LinkMethod, content_type: str, disposed: str, begins: int) -> LinkOptions:
    return LinkOptions(method, content_type, disposed, _moment(begins))


def _by_backend(set_name: str, power: SupportsSigning, key: str, seconds: int, options: LinkOptions) -> SignedURL:
    try:
        return power.signed_url(key, seconds, options)
    except NotSupportedError as error:
        raise NotSupportedError(
            f"{error} With UPLOADED_{set_name.upper()}_DELIVERY = 'proxy' the app signs, and sends the files itself.",
            key=key,
            backend=error.backend,
        ) from error


def _by_signer(
    set_name: str, config: UploadConfiguration, key: str, options: LinkOptions, ends: datetime, *, overrides: bool
) -> SignedURL:
    from .signers.request import LinkRequest  # late: few apps have a signer of their own

    signer = cast("URLSigner", config.settings.url_signer)
    begins, location = cast("datetime", options.signed_at), str(config.backend.path(key))
    url: object = signer(
        LinkRequest(set_name, key, public_url(config, key), location, begins, ends, options, overrides)
    )
    if not isinstance(url, str):
        raise TypeError(f"the URL signer of upload set {set_name!r} returned a {type(url).__name__}, not a str")
    return SignedURL(url, ends)


def _by_app(set_name: str, config: UploadConfiguration, key: str, link: Link, ends: int) -> SignedURL:
    LinkOptions(link.method, link.content_type, _download(key, link) if link.download else None)  # as for the stores
    name = split(key)[1] if link.download is True else link.download or None
    if name is not None:
        name = name.encode("utf-8", "replace").decode()  # what has no place in a URL
    asked = AppLink(set_name, key, link.method, ends, name, link.content_type)
    url = route_url(set_name, config, key, signed_query(current_app, asked))
    return SignedURL(url, _moment(ends))


def _moment(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, timezone.utc)
