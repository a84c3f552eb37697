"""Getting a file to a visitor who may have it: sent by the app, by the web server before it, or by the store."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import quote

from flask import current_app
from werkzeug.wrappers import Request, Response

from ..config import UploadConfiguration
from ..links import Link, answers_to, signed_elsewhere, signed_link
from ..models import FileInfo, LinkMethod
from .caching import NOT_KEPT, for_redirect, never_kept, privately
from .serving import file_response, safe_headers

if TYPE_CHECKING:
    from ..targets import Rules

#: How long the links live at least that visitors are redirected to, in seconds.
REDIRECT_LIFE = 300
#: How much sooner caches have to forget the redirect: the way to the store takes its time, too.
_MARGIN = 10


class Grant(NamedTuple):
    """What a visitor may have, and how.

    :param public: Whether everybody may have it.
    :param cache: The ``Cache-Control`` that holds in any case; None means that of the file or of the set.
    :param otherwise: The ``Cache-Control`` if there is no other.
    :param download: Offer it as a download, under this name or, if true, its own.
    :param content_type: The media type to answer with; None means that of the extension.
    :param through_app: Send it through the app also where the store could: its address is nobody's business.
    """

    public: bool
    cache: str | None = None
    otherwise: str | None = None
    download: str | bool | None = None
    content_type: str | None = None
    through_app: bool = False


def deliver(rules: Rules, key: str, grant: Grant, request: Request) -> Response:
    """Return the response for a file.

    :raises NotFoundError: if there is no such file.
    """
    config = rules.config
    may_redirect = config.settings.delivery != "proxy" and not grant.through_app
    if may_redirect and (signed_elsewhere(config) or _lasting(config, key, grant)):
        return _redirect(rules, key, grant, request)
    asked = Link(download=grant.download, content_type=grant.content_type)
    headers = safe_headers(*answers_to(config, key, asked))
    handed_over = _handed_over(config, key)
    if handed_over:
        info = config.backend.stat(key)
        response = Response(headers={**headers, **handed_over})
    else:
        info, response = file_response(config.backend, key, request, headers)
    rule = _rule(config, info, grant)
    if rule is not None:
        response.headers["Cache-Control"] = rule
    return response


def _redirect(rules: Rules, key: str, grant: Grant, request: Request) -> Response:
    """Return a redirect to where the store answers, which only this app's own backend or signer can have named."""
    config = rules.config
    info = config.backend.stat(key)  # so that what is missing is the same 404 everywhere
    rule = _rule(config, info, grant)
    url, seconds = _lasting(config, key, grant), float(REDIRECT_LIFE)
    if url is None:
        method: LinkMethod = "HEAD" if request.method == "HEAD" else "GET"
        link = signed_link(rules, "", key, Link(REDIRECT_LIFE, grant.download, grant.content_type, method))
        url, seconds = link.url, min(REDIRECT_LIFE, link.expires_at.timestamp() - time.time()) - _MARGIN
    status = 302 if request.method in ("GET", "HEAD") else 303  # so that a form is not sent on to the store
    response = Response(status=status, headers={"Location": url, "X-Content-Type-Options": "nosniff"})
    response.headers["Cache-Control"] = for_redirect(rule, seconds)
    return response


def _lasting(config: UploadConfiguration, key: str, grant: Grant) -> str | None:
    """Return the store's own lasting URL, if that may be given away and answers as is asked."""
    as_asked = grant.download is None and grant.content_type is None
    return config.backend.url(key) if grant.public and as_asked and config.settings.access == "public" else None


def _handed_over(config: UploadConfiguration, key: str) -> dict[str, str]:
    """Return the header that makes the web server send the file, where the configuration says so, and only it."""
    path = config.backend.path(key)
    if not isinstance(path, str):
        return {}
    if config.settings.x_accel_redirect is not None:
        return {"X-Accel-Redirect": config.settings.x_accel_redirect + quote(key)}
    # A header has bytes, which WSGI writes as Latin-1.
    return {"X-Sendfile": os.fsencode(path).decode("latin-1")} if current_app.config["USE_X_SENDFILE"] else {}


def _rule(config: UploadConfiguration, info: FileInfo, grant: Grant) -> str | None:
    """Return the ``Cache-Control`` of a file; one that is never to be kept stays so."""
    if grant.cache is not None:
        return NOT_KEPT if never_kept(info.cache_control) else grant.cache
    rule = info.cache_control or config.settings.cache_control or grant.otherwise
    return rule if grant.public else privately(rule)
