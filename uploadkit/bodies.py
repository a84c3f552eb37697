"""Bodies of requests: which of them are whole when they end."""

from __future__ import annotations

from typing import Any, cast

from flask import has_request_context
from flask import request as current_request
from werkzeug.exceptions import ClientDisconnected, HTTPException, LengthRequired
from werkzeug.wrappers import Request

from .sources import ReadableSource


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
    if not _is_body(stream):
        return None
    request = unwrapped(current_request)
    require_visible_end(request)
    return request.content_length


def arriving(stream: ReadableSource) -> ReadableSource:
    """Return ``stream``, behind an `ArrivingBody` if it is the body of the current request."""
    if not _is_body(stream):
        return stream
    return ArrivingBody(stream, unwrapped(current_request).content_length)


def _is_body(stream: object) -> bool:
    # `request.stream` itself would open the body, which may be refused.
    return has_request_context() and vars(unwrapped(current_request)).get("stream") is stream


def unwrapped(request: Request) -> Request:
    """Return the request itself, if this is Flask's stand-in for the current one."""
    itself = getattr(request, "_get_current_object", None)
    return cast("Any", itself)() if itself is not None else request


class ArrivingBody:
    """Reads a body. However the server says that it broke off, nobody has to know that server to understand it.

    Most raise an `OSError` or a ``ValueError``, which pass. What gunicorn raises for a broken chunk (RFC 9112, section
    7.1) is neither; and a body that is shorter than its ``Content-Length`` it shows as one that has ended.

    :param length: How many bytes the body has, if that is known and nobody else looks.
    """

    def __init__(self, stream: ReadableSource, length: int | None = None) -> None:
        self._stream = stream
        self._missing = length

    def read(self, size: int, /) -> bytes:
        """Return the next bytes, at most ``size``.

        :raises ClientDisconnected: if the body broke off.
        """
        try:
            piece = self._stream.read(size)
        except (HTTPException, OSError, ValueError, MemoryError):
            raise
        except Exception as error:
            raise ClientDisconnected("The body broke off.") from error
        if self._missing is not None:
            self._missing -= len(piece)
            if not piece and size and self._missing > 0:
                raise ClientDisconnected("The body broke off.")
        return piece
