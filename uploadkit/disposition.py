"""How a file is offered to a browser, so that nothing in it can run in the origin that serves it."""

from __future__ import annotations

import re
from collections.abc import Container
from functools import cache, lru_cache
from urllib.parse import quote

from .filetypes import content_type_for
from .keys import split
from .models import media_type

#: Types that browsers show without running anything; whatever else is a download.
INLINE_TYPES = frozenset(
    {
        *("text/plain", "image/png", "image/jpeg", "image/gif", "image/bmp", "image/x-ms-bmp", "image/webp"),
        *("audio/wav", "audio/x-wav", "audio/ogg", "audio/webm", "audio/mpeg", "audio/flac", "audio/aac", "audio/mp4"),
        *("video/mp4", "video/webm", "video/ogg"),
    }
)

#: Types that ``<script>`` and ``<link>`` take; all the names of JavaScript that browsers know are among them
#: (https://mimesniff.spec.whatwg.org/#javascript-mime-type).
_CODE = frozenset(
    {
        *("text/css", "application/wasm", "application/ecmascript", "application/javascript"),
        *("application/x-ecmascript", "application/x-javascript", "text/ecmascript", "text/javascript"),
        *("text/javascript1.0", "text/javascript1.1", "text/javascript1.2", "text/javascript1.3"),
        *("text/javascript1.4", "text/javascript1.5", "text/jscript", "text/livescript", "text/x-ecmascript"),
        "text/x-javascript",
    }
)
_NOT_PLAIN = re.compile(r"""[^ -~]|["\\%]""")
#: What no file name has, and what would turn the direction of the letters behind it.
_UNSHOWN = "[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff/\\\\]"


@lru_cache(maxsize=1024)
def safe_disposition(key: str, content_type: str | None = None, inline: Container[str] = ()) -> str:
    """Return the ``Content-Disposition`` to offer a file with: shown only if its type cannot run anything.

    :param content_type: The type it is offered with; None means that of its extension.
    :param inline: Further types to show.
    """
    return disposition(safe_kind(content_type or content_type_for(key), inline), split(key)[1])


def safe_kind(content_type: str, inline: Container[str] = ()) -> str:
    """Return ``"inline"`` for a type that cannot run anything, else ``"attachment"``.

    :param inline: Further types to show.
    """
    found = media_type(content_type)
    return "inline" if found in INLINE_TYPES or found in inline else "attachment"


def disposition(kind: str, filename: str) -> str:
    """Return a ``Content-Disposition`` with an ASCII name and, where that is not all, the full one.

    Slashes, control characters and those that turn the direction of writing become ``_``. See RFC 6266, and RFC 8187
    for ``filename*``.

    :param kind: ``"inline"`` or ``"attachment"``.
    """
    shown = _unshown().sub("_", filename)
    ascii_name = _NOT_PLAIN.sub("_", shown)
    header = f'{kind}; filename="{ascii_name}"'
    return header if ascii_name == shown else f"{header}; filename*=UTF-8''{quote(shown, safe='')}"


def answered_type(content_type: str) -> str:
    """Return a type as it is answered: text with its charset, which would be guessed at, and code as text.

    A page may take scripts and styles from its own origin, whatever their disposition, unless their type is another.
    """
    found = media_type(content_type)
    if found is None:
        return "application/octet-stream"
    plain = content_type == "text/plain" or found in _CODE
    return "text/plain; charset=utf-8" if plain else content_type


@cache
def _unshown() -> re.Pattern[str]:
    return re.compile(_UNSHOWN)  # here, not when every app imports this: it takes a third of a millisecond
