"""The parts of a multipart/form-data body (RFC 7578), one event after another.

The push parser of `multipart <https://multipart.readthedocs.io/>`_ finds where parts begin and end; what their headers
mean is left to Werkzeug, so that names and charsets are read as in any other Flask app.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import inf
from typing import BinaryIO

from multipart import MultipartSegment, PushMultipartParser
from werkzeug.datastructures import Headers
from werkzeug.exceptions import RequestEntityTooLarge
from werkzeug.http import parse_options_header

from ..bodies import ArrivingBody

#: How much of a body is read at a time, in bytes.
BUFFER_SIZE = 256 * 1024
#: How many lines of all headers of a form may go on with the one before; none that a browser sends does.
_MOST_FOLDED = 100


@dataclass(frozen=True)
class PartHead:
    """What a part says of itself before its bytes.

    :param name: The form field; None if the part names none.
    :param filename: What the visitor's file is called, empty if none was chosen; None for a text field.
    :param headers: All headers of the part. The order is the sender's, the names are in title case.
    """

    name: str | None
    filename: str | None
    headers: Headers


PartEvent = PartHead | bytes | None


def form_events(
    stream: BinaryIO,
    boundary: bytes,
    *,
    max_parts: int | None = None,
    max_header_size: int | None = None,
    buffer_size: int = BUFFER_SIZE,
) -> Iterator[PartEvent]:
    """Yield a `PartHead`, then the part's bytes in pieces, then None, for each part; read ``stream`` to its end.

    :param stream: The body, limited to its length as `werkzeug.wsgi.get_input_stream` does.
    :param boundary: The parameter of that name in the request's content type.
    :param max_parts: How many parts are accepted; None for any number.
    :param max_header_size: How many bytes of headers a part may have, and how many may stand before the first and
        behind the last part; None for any number. It is held to within one ``buffer_size``.
    :param buffer_size: How many bytes are read at a time, and the longest piece.
    :raises ValueError: if the body is malformed, or ends before its last boundary.
    :raises RequestEntityTooLarge: if it is more than a limit allows.
    :raises ClientDisconnected: if the server says in words of its own that the body broke off.
    """
    decoder, body = _Decoder(boundary), ArrivingBody(stream)
    parts, silent = 0, 0
    while chunk := body.read(buffer_size):
        silent += len(chunk)
        for event in decoder.feed(chunk):
            silent = 0
            if isinstance(event, PartHead):
                parts += 1
                _require_no_more(parts, max_parts)
            yield event
        _require_no_more(silent, max_header_size)
    decoder.finish()


class _Parser(PushMultipartParser):  # type: ignore[misc]  # it comes without types
    """The push parser, which copies a whole header for each line that goes on with it (RFC 5322, section 2.2.3)."""

    _folded = 0

    def _on_segment_headerline(self, line: bytes) -> None:
        if line[:1] in (b" ", b"\t"):
            self._folded += 1
            if self._folded > _MOST_FOLDED:
                raise ValueError("the headers of the form have too many lines that go on with the one before")
        super()._on_segment_headerline(line)


class _Decoder:
    """The push parser, with Werkzeug's reading of the headers."""

    def __init__(self, boundary: bytes) -> None:
        # Limits of single headers are not Werkzeug's; form_events() has one for all of them together.
        self._parser = _Parser(boundary, max_header_size=inf, max_header_count=inf)
        self._delimiter = b"--" + boundary
        self._opening = b""

    def feed(self, chunk: bytes) -> Iterator[PartEvent]:
        for event in self._parser.parse(chunk):
            if isinstance(event, MultipartSegment):
                self._opening = b""
                yield _head(event)
            else:
                if event and len(self._opening) < len(self._delimiter):
                    self._refuse_missing_line(event)
                yield event

    def finish(self) -> None:
        self._parser.close()

    def _refuse_missing_line(self, piece: bytes) -> None:
        """Refuse a boundary right behind the headers' empty line: the parser takes it for the part's first bytes."""
        self._opening += piece[: len(self._delimiter) - len(self._opening)]
        if self._opening == self._delimiter:
            raise ValueError("a part ends before the line break that follows its headers")


def _head(segment: MultipartSegment) -> PartHead:
    headers = Headers([(name, value.strip(" \t")) for name, value in segment.headerlist])  # refuses single CR and LF
    options = parse_options_header(headers["content-disposition"])[1]
    return PartHead(options.get("name"), options.get("filename"), headers)


def _require_no_more(count: int, most: int | None) -> None:
    if most is not None and count > most:
        raise RequestEntityTooLarge
