"""Limits of requests: as long as the files of a set may be, whatever the app allows elsewhere."""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import suppress
from functools import wraps
from inspect import iscoroutinefunction, unwrap
from typing import TYPE_CHECKING, Any, TypeVar, cast

from flask import current_app, request

from .exceptions import ConfigError

if TYPE_CHECKING:
    from flask import Flask

    from .targets import Rules

#: What a form has beside its files, in bytes: other fields, names, boundaries.
FORM_OVERHEAD = 1024 * 1024
_MARK = "__uploadkit_limit__"
#: On the view itself: somewhere there is another one of it, with a limit.
_LIMITED = "__uploadkit_limited__"

_log = logging.getLogger("uploadkit")

ViewT = TypeVar("ViewT", bound=Callable[..., Any])


def limited(view: ViewT, limit: Callable[[], int]) -> ViewT:
    """Return a view whose requests may have as many bytes as ``limit()`` says, no more and no fewer."""
    if iscoroutinefunction(view):

        @wraps(view)
        async def limited_view(*args: Any, **kwargs: Any) -> Any:
            _apply(limit)
            return await view(*args, **kwargs)
    else:

        @wraps(view)
        def limited_view(*args: Any, **kwargs: Any) -> Any:
            _apply(limit)
            return view(*args, **kwargs)

    setattr(limited_view, _MARK, limit)
    with suppress(AttributeError):  # a bound method takes no mark
        setattr(view, _LIMITED, True)
    return cast("ViewT", limited_view)


def request_limit(rules: Rules, max_size: int | None, files: int) -> int:
    """Return how many bytes a request with so many files of a set may have.

    :param max_size: The longest file in bytes; None means as the set is configured.
    :raises ConfigError: if the set has no limit either.
    """
    longest = max_size if max_size is not None else rules.config.settings.max_size
    if longest is None:
        key = f"UPLOADED_{rules.name.upper()}_MAX_SIZE"
        raise ConfigError(f"limit() needs the longest file: set {key}, or write limit(max_size='5 MB').")
    return files * longest + FORM_OVERHEAD


def limit_early(app: Flask) -> None:
    """Let limits hold before the app's own ``before_request`` functions, which may read the form.

    Flask-WTF's ``CSRFProtect`` does, for one.
    """
    if "uploadkit_limits" not in app.extensions:
        app.extensions["uploadkit_limits"] = True
        app.before_request_funcs.setdefault(None, []).insert(0, _apply_to_view)


def _apply_to_view() -> None:
    view = current_app.view_functions.get(request.endpoint or "")
    limit = getattr(view, _MARK, None)
    if limit is not None:
        _apply(limit)
    elif getattr(view, _LIMITED, False):
        _warn_if_in_vain(view)


def _warn_if_in_vain(view: Any) -> None:
    """Warn once of a limit that was put above ``route()``: it makes another function than the one that answers."""
    looked_at: set[str | None] = current_app.extensions.setdefault("uploadkit_limits_in_vain", set())
    if request.endpoint in looked_at:
        return
    looked_at.add(request.endpoint)
    if not any(hasattr(other, _MARK) and unwrap(other) is view for other in current_app.view_functions.values()):
        _log.warning("The limit() of the view %r has no effect: put it below route().", request.endpoint)


def _apply(limit: Callable[[], int]) -> None:
    request.max_content_length = limit()
