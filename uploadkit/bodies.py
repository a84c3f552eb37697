"""Bodies of requests: which of them are whole when they end."""

from __future__ import annotations

from typing import Any, cast

from flask import has_request_context
from flask import request as current_request
from werkzeug.exceptions import LengthRequired
from werkzeug.wrappers import Request


def require_visible_end(request: Request) -> None:
    """Refuse a body that the server hands out without saying where it ends; Werkzeug shows it as an empty one.

    :raises LengthRequired: (411) then.
    """
    is_open = request.content_length is None and "HTTP_TRANSFER_ENCODING" in request.environ
    if is_open and "wsgi.input_terminated" not in request.environ:
        raise LengthRequired("This server does not take bodies without a Content-Length (RFC 9110, section 8.6).")


def announced_length(stream: object) -> int | None:
    """Return the ``Content-Length`` of the current request, if ``stream`` is its body; None if there is none.

    Some servers hand out a body that was cut off as if it had ended, so its length has to be held against this.

    :raises LengthRequired: (411) if it is the body, and the server cannot say where it ends.
    """
    if not has_request_context():
        return None
    request = unwrapped(current_request)
    if vars(request).get("stream") is not stream:  # `request.stream` itself would open the body, which may be refused
        return None
    require_visible_end(request)
    return request.content_length


def unwrapped(request: Request) -> Request:
    """Return the request itself, if this is Flask's stand-in for the current one."""
    itself = getattr(request, "_get_current_object", None)
    return cast("Any", itself)() if itself is not None else request
