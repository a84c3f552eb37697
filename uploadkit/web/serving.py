"""Answering with a file so that it cannot run in the app's origin."""

from __future__ import annotations

import re
from contextlib import ExitStack
from typing import TYPE_CHECKING
from urllib.parse import quote

from werkzeug.wrappers import Response
from werkzeug.wsgi import wrap_file

from ..backends.protocol import Backend
from ..filetypes import content_type_for
from ..keys import split
from ..operations import open_current
from ..streams import window

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

#: Types that browsers show without running anything; whatever else is a download.
INLINE_TYPES = frozenset(
    {
        *("text/plain", "image/png", "image/jpeg", "image/gif", "image/bmp", "image/x-ms-bmp", "image/webp"),
        *("audio/wav", "audio/x-wav", "audio/ogg", "audio/webm", "audio/mpeg", "audio/flac", "audio/aac"),
        *("video/mp4", "video/webm", "video/ogg"),
    }
)

_NOT_PLAIN = re.compile(r"""[^ -~]|["\\%]""")


def file_response(backend: Backend, key: str, environ: WSGIEnvironment) -> Response:
    """Return the response for a file, with conditional and range requests answered (RFC 9110, sections 13 and 14).

    The type is that of the extension, which the set has checked, never what a client claimed.

    :raises NotFoundError: if there is no such file.
    """
    info, opened = open_current(backend, key)
    with ExitStack() as stack:
        stream = stack.enter_context(window(opened, 0, info.size))  # never more than is announced
        response = Response(wrap_file(environ, stream), direct_passthrough=True)
        response.headers.update(safe_headers(key))
        if info.cache_control:
            response.headers["Cache-Control"] = info.cache_control
        response.content_length = info.size
        response.last_modified = info.last_modified
        if info.etag:
            response.set_etag(info.etag)
        response.make_conditional(environ, accept_ranges=True, complete_length=info.size)
        stack.pop_all()
    response.call_on_close(stream.close)
    return response


def safe_headers(key: str) -> dict[str, str]:
    """Return the headers that keep a file from being taken for something that runs."""
    content_type = content_type_for(key)
    inline = content_type in INLINE_TYPES
    return {
        "Content-Type": f"{content_type}; charset=utf-8" if content_type == "text/plain" else content_type,
        "Content-Disposition": disposition("inline" if inline else "attachment", split(key)[1]),
        "Content-Security-Policy": "default-src 'none'; sandbox",
        "X-Content-Type-Options": "nosniff",
    }


def disposition(kind: str, filename: str) -> str:
    """Return a ``Content-Disposition`` with an ASCII name and, where that is not all, the full one.

    See RFC 6266, and RFC 8187 for ``filename*``.
    """
    ascii_name = _NOT_PLAIN.sub("_", filename)
    header = f'{kind}; filename="{ascii_name}"'
    return header if ascii_name == filename else f"{header}; filename*=UTF-8''{quote(filename, safe='')}"
