"""HTTP/1.1 as bytes: requests read without losing a byte, and answers written."""

from __future__ import annotations

import http.client
import socket
import struct
from collections.abc import Iterable
from dataclasses import dataclass
from email.message import Message
from http import HTTPStatus
from io import BytesIO
from typing import BinaryIO
from urllib.parse import urlsplit

#: Headers that say how a body is framed on one connection.
FRAMING = {"connection", "content-length", "keep-alive", "transfer-encoding"}
BODILESS = {HTTPStatus.NO_CONTENT, HTTPStatus.NOT_MODIFIED}


@dataclass(frozen=True)
class Head:
    """The head of a request, parsed and as it was sent."""

    raw: bytes
    method: str
    target: str
    headers: Message

    @property
    def path(self) -> str:
        return urlsplit(self.target).path

    @property
    def query(self) -> str:
        return urlsplit(self.target).query

    @property
    def chunked(self) -> bool:
        return "chunked" in (self.headers.get("Transfer-Encoding") or "").lower()

    @property
    def length(self) -> int:
        return int(self.headers.get("Content-Length") or 0)

    @property
    def expects_continue(self) -> bool:
        return (self.headers.get("Expect") or "").lower() == "100-continue"

    @property
    def closes(self) -> bool:
        return (self.headers.get("Connection") or "").lower() == "close"


@dataclass(frozen=True)
class Body:
    """A body as it was sent, with its framing, and how long it is without."""

    raw: bytes = b""
    length: int = 0


@dataclass(frozen=True)
class Answer:
    """An answer of a server, or one made up."""

    status: int
    body: bytes = b""
    headers: tuple[tuple[str, str], ...] = ()


def read_head(stream: BinaryIO) -> Head | None:
    """Read the head of the next request; None when the client is gone."""
    lines = [stream.readline()]
    while lines[-1] not in (b"\r\n", b"\n", b""):
        lines.append(stream.readline())
    if not lines[0].strip() or not lines[-1]:
        return None
    method, target, _ = lines[0].decode("latin-1").split(" ", 2)
    headers = http.client.parse_headers(BytesIO(b"".join(lines[1:])))
    return Head(b"".join(lines), method, target, headers)


def read_body(head: Head, stream: BinaryIO) -> Body:
    """Read the whole body of a request."""
    return read_chunks(stream) if head.chunked else read_plain(stream, head.length)


def read_plain(stream: BinaryIO, length: int) -> Body:
    """Read a body of known length."""
    data = stream.read(length)
    if len(data) < length:
        raise ConnectionError("The client went away within its body")
    return Body(data, length)


def read_chunks(stream: BinaryIO) -> Body:
    """Read a chunked body with its trailers."""
    raw, length = [], 0
    while True:
        line = _line(stream)
        size = int(line.split(b";")[0], 16)
        raw.append(line)
        if size == 0:
            break
        raw += [read_plain(stream, size).raw, _line(stream)]
        length += size
    while raw[-1] != b"\r\n":
        raw.append(_line(stream))
    return Body(b"".join(raw), length)


def _line(stream: BinaryIO) -> bytes:
    line = stream.readline()
    if not line.endswith(b"\n"):
        raise ConnectionError("The client went away within its body")
    return line


def exchange(upstream: socket.socket, head: Head, body: Body) -> Answer:
    """Send a request on as it came, Host and all, and read the answer."""
    upstream.sendall(head.raw + body.raw)
    response = http.client.HTTPResponse(upstream, method=head.method)
    try:
        response.begin()
        return Answer(response.status, response.read(), tuple(response.getheaders()))
    except http.client.HTTPException as error:
        raise ConnectionError("The upstream broke off its answer") from error
    finally:
        response.close()


def answer_head(answer: Answer, method: str) -> bytes:
    """Write the head of an answer that announces the whole body."""
    phrase = HTTPStatus(answer.status).phrase if answer.status in set(HTTPStatus) else "Unknown"
    lines = [f"HTTP/1.1 {answer.status} {phrase}"]
    lines += [f"{name}: {value}" for name, value in answer.headers if name.lower() not in FRAMING]
    length = _announced(answer, method)
    lines += [] if length is None else [f"Content-Length: {length}"]
    return "\r\n".join([*lines, "", ""]).encode("latin-1")


def _announced(answer: Answer, method: str) -> str | None:
    if answer.status in BODILESS:
        return None
    lengths: Iterable[str] = (value for name, value in answer.headers if name.lower() == "content-length")
    # The answer to HEAD announces the body that GET would bring.
    return next(iter(lengths), "0") if method == "HEAD" else str(len(answer.body))


def reset(connection: socket.socket) -> None:
    """Make the coming close a reset, so that the client sees ECONNRESET."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
