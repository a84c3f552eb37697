"""A store that keeps names and forgets contents, in a process of its own: a sink for measurements.

Run it as a program: it prints its port, and ends when its standard input does.
"""

from __future__ import annotations

import asyncio
import re
import sys
import threading

_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_XML = b'<?xml version="1.0"?><%b xmlns="http://s3.amazonaws.com/doc/2006-03-01/">%b</%b>'
_BEGUN = (b"InitiateMultipartUploadResult", b"<UploadId>u</UploadId>")
_ENDED = (b"CompleteMultipartUploadResult", b"<ETag>&quot;e&quot;</ETag>")
_names: set[bytes] = set()


class Discard(asyncio.BufferedProtocol):
    """Answers S3's requests for storing, without keeping any byte of a body."""

    def __init__(self) -> None:
        self._buffer = bytearray(1024 * 1024)
        self._head = b""
        self._left = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport: asyncio.WriteTransport = transport  # type: ignore[assignment]

    def get_buffer(self, sizehint: int) -> bytearray:
        return self._buffer

    def buffer_updated(self, count: int) -> None:
        if self._left > count:
            self._left -= count
            return
        arrived = bytes(memoryview(self._buffer)[self._left : count])
        if self._left:
            self._left = 0
            self._answer()
        self._begin(self._head + arrived if not self._complete else arrived)

    @property
    def _complete(self) -> bool:
        return b"\r\n\r\n" in self._head

    def _begin(self, arrived: bytes) -> None:
        """Read the head of a request, if all of it is there."""
        head, end, body = arrived.partition(b"\r\n\r\n")
        self._head = head + end
        if not end:
            return
        if b"100-continue" in head.lower():
            self._transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        found = _LENGTH.search(head)
        self._left = max(0, (int(found[1]) if found else 0) - len(body))
        if not self._left:
            self._answer()

    def _answer(self) -> None:
        status, body = answer(self._head)
        self._head = b""
        length = f"Content-Length: {len(body)}\r\n".encode() if status != b"204 No Content" else b""
        date = b"Date: Sun, 22 Nov 2026 12:00:00 GMT\r\n"
        self._transport.write(b'HTTP/1.1 %b\r\nETag: "e"\r\n%b%b\r\n%b' % (status, date, length, body))


def answer(head: bytes) -> tuple[bytes, bytes]:
    """Return status and body for a request."""
    method, target = head.split(b" ", 2)[:2]
    name, _, query = target.partition(b"?")
    stores = (method == b"PUT" and b"uploadId" not in query) or (method == b"POST" and b"uploadId" in query)
    if stores and b"\r\nif-none-match:" in head.lower() and name in _names:
        return b"412 Precondition Failed", _XML % (b"Error", b"<Code>PreconditionFailed</Code>", b"Error")
    if stores:
        _names.add(name)
    if method == b"POST":
        tag, content = _ENDED if stores else _BEGUN
        return b"200 OK", _XML % (tag, content, tag)
    if method == b"DELETE":
        _names.discard(name)
        return b"204 No Content", b""
    return (b"200 OK" if method == b"PUT" else b"404 Not Found"), b""


async def serve() -> None:
    """Listen on a free port until standard input ends."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(Discard, "127.0.0.1", 0)
    ended = asyncio.Event()
    threading.Thread(target=lambda: (sys.stdin.read(), loop.call_soon_threadsafe(ended.set)), daemon=True).start()
    print(server.sockets[0].getsockname()[1], flush=True)  # noqa: T201
    await ended.wait()


if __name__ == "__main__":
    asyncio.run(serve())
