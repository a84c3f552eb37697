"""Who may have a file by the route: everybody, whoever has a signed link, or whom the app lets."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from flask import abort, current_app
from werkzeug.wrappers import Request, Response

from ..tokens import AppLink, read_link
from ..urls import not_served
from .caching import NOT_KEPT, for_visitor
from .delivery import Grant

if TYPE_CHECKING:
    from ..targets import Authorizer, Rules


def grant_for(rules: Rules, key: str, request: Request) -> Grant:
    """Return what the visitor may have, or end the request.

    Whether there is such a file is not looked at: who may not have it is not told. The same 404 answers a link that is
    not genuine; only one that was, and has expired, is called so.
    """
    if "signature" in request.args:
        link = read_link(current_app, rules.name, key, request.method, request.args)
        if link is None:
            abort(404, "The link was changed, or is for another method, file or app." if current_app.debug else None)
        return _by_link(rules, link)
    if rules.authorizer is not None:
        _ask(rules.name, rules.authorizer, key)
        return Grant(public=False, cache=NOT_KEPT)
    settings = rules.config.settings
    if not settings.serve:
        abort(404, not_served(rules.name, rules.config) if current_app.debug else None)
    return Grant(public=True)


def _ask(set_name: str, authorizer: Authorizer, key: str) -> None:
    """End the request unless the app lets the visitor have the file; nothing but True does.

    :raises TypeError: if it says neither yes nor no, such as an object, which somebody might take for a yes.
    """
    answer = authorizer(key)
    if isinstance(answer, Response):
        abort(answer)
    if answer is False or answer is None:
        abort(404, f"The function under @{set_name}.authorize refused it." if current_app.debug else None)
    if answer is not True:
        raise TypeError(
            f"The function under @{set_name}.authorize returned a {type(answer).__name__}; it must return True or "
            f"False, or a response."
        )


def _by_link(rules: Rules, link: AppLink) -> Grant:
    seconds = link.expires - time.time()
    if seconds <= 0:
        abort(403, "This link has expired.")
    settings = rules.config.settings
    public = settings.serve and rules.authorizer is None
    never_kept = settings.access == "private" or rules.authorizer is not None
    cache = None if public else NOT_KEPT if never_kept else for_visitor(seconds)
    return Grant(public, cache, download=link.download, content_type=link.content_type)
