"""What the tests of receiving share: an app that receives, and visitors who write their requests by hand."""

from __future__ import annotations

import http.client
import io
import os
import socket
import sys
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from queue import Queue
from typing import Any
from urllib.parse import urlsplit

from flask import Flask, Response, request
from werkzeug.test import EnvironBuilder

from tests.servers.app import running_app
from uploadkit import ALL, UploadNotAllowed, UploadSet, configure_uploads, receive
from uploadkit.backends import Backend

BOUNDARY = "----a-boundary"
MIB = 1024 * 1024
PATIENCE = 30.0


def part(name: str, content: bytes, filename: str | None = None, content_type: str | None = None) -> bytes:
    """Return one part of a form with the boundary before it."""
    shown = "" if filename is None else f'; filename="{filename}"'
    kind = "" if content_type is None else f"\r\nContent-Type: {content_type}"
    head = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"{shown}{kind}\r\n\r\n'
    return head.encode() + content + b"\r\n"


def form_of(*parts: bytes) -> bytes:
    return b"".join(parts) + f"--{BOUNDARY}--\r\n".encode()


def content_of(size: int, seed: int = 0) -> bytes:
    """Return bytes that differ everywhere, with many line ends in them."""
    block = bytes((number * 7 + seed) % 256 for number in range(255)) + b"\r\n--"
    return (block * (size // len(block) + 1))[:size]


def send(client: Any, *parts: bytes, path: str = "/", **options: Any) -> Any:
    """Post a form with Flask's test client."""
    return client.post(path, data=form_of(*parts), content_type=f"multipart/form-data; boundary={BOUNDARY}", **options)


class Unseekable(io.RawIOBase):
    """A body as servers hand it out."""

    def __init__(self, content: bytes) -> None:
        self._inner = io.BytesIO(content)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any, /) -> int:
        return self._inner.readinto(buffer)


def environ_of(body: Any, length: int | None, method: str = "POST", **more: Any) -> dict[str, Any]:
    """Return the WSGI environment of a request whose body cannot seek.

    :param length: What ``Content-Length`` says, if anything.
    """
    environ: dict[str, Any] = EnvironBuilder(method=method).get_environ()
    environ.update({"wsgi.input": body, "CONTENT_TYPE": f"multipart/form-data; boundary={BOUNDARY}"})
    if length is not None:
        environ["CONTENT_LENGTH"] = str(length)
    return {**environ, **more}


def receiving_app(backend: Backend | str, **settings: Any) -> tuple[Flask, UploadSet, Queue[object]]:
    """Return an app that saves each file of the field ``file`` on a set that accepts everything but ``.exe``.

    What came of a request is put into the queue: what was saved, or the error.
    """
    app, files, outcomes = Flask("receiving"), UploadSet("files", ALL), Queue[object]()
    app.config.update(UPLOADED_FILES_BACKEND=backend, UPLOADED_FILES_CONTENT_CHECK=False, MAX_CONTENT_LENGTH=2**40)
    app.config.update({f"UPLOADED_FILES_{name}": value for name, value in settings.items()})
    files.extension_allowed = lambda ext: ext != "exe"  # type: ignore[method-assign]
    configure_uploads(app, files)

    @app.post("/")
    def post() -> dict[str, Any]:
        try:
            with receive(request, {"file": files}) as form:
                for incoming in form:
                    incoming.save()
        except BaseException as error:
            outcomes.put(error)
            raise
        outcomes.put(form.files)
        return {"files": [file.filename for file in form.files], "fields": form.fields.to_dict(flat=False)}

    @app.put("/<path:name>")
    def put(name: str) -> dict[str, Any]:
        try:
            info = files.save_stream(request.stream, name)
        except BaseException as error:
            outcomes.put(error)
            raise
        outcomes.put(info)
        return {"name": info.key, "size": info.size}

    @app.errorhandler(UploadNotAllowed)
    def refused(error: UploadNotAllowed) -> Response:
        return Response(error.reason, 422)

    return app, files, outcomes


def read(uset: UploadSet, name: str) -> bytes:
    with uset.open(name) as file:
        return file.read()


class Visitor:
    """Somebody who writes requests by hand, and may leave at any time."""

    def __init__(self, url: str) -> None:
        where = urlsplit(url)
        self._socket = socket.create_connection((where.hostname, where.port or 80), timeout=PATIENCE)

    def __enter__(self) -> Visitor:
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()

    def begin(self, length: int | None, *headers: str, method: str = "POST", path: str = "/") -> None:
        """Send the head of a request; without a length its body comes in chunks."""
        framing = "Transfer-Encoding: chunked" if length is None else f"Content-Length: {length}"
        kind = f"Content-Type: multipart/form-data; boundary={BOUNDARY}"
        lines = [f"{method} {path} HTTP/1.1", "Host: localhost", framing, kind, *headers, "", ""]
        self.send("\r\n".join(lines).encode())

    def send(self, content: bytes) -> None:
        self._socket.sendall(content)

    def send_chunks(self, content: bytes, size: int) -> None:
        for at in range(0, len(content), size):
            piece = content[at : at + size]
            self.send(f"{len(piece):x}\r\n".encode() + piece + b"\r\n")

    def read_line(self) -> str:
        """Return the next line of the answer, byte by byte."""
        line = b""
        while not line.endswith(b"\r\n"):
            line += self._socket.recv(1) or b"\r\n"
        return line.decode().strip()

    def read_answer(self) -> tuple[int, str]:
        """Return status and body of the answer."""
        with http.client.HTTPResponse(self._socket) as answer:
            answer.begin()
            return answer.status, answer.read().decode()


@contextmanager
def visited(app: Flask) -> Iterator[str]:
    """Run an app; when its views have ended, no thread of a backend and no open file is left."""
    before = set(threading.enumerate())
    descriptors = open_files()
    with running_app(app) as url:
        yield url
    left = {thread.name for thread in set(threading.enumerate()) - before if "uploadkit" in thread.name}
    assert left == set()
    assert open_files() - descriptors == set()


def open_files() -> set[str]:
    """Return the files that this process has open, sockets aside: pools keep those."""
    if sys.platform != "linux":
        return set()
    found = set()
    for number in os.listdir("/proc/self/fd"):
        try:
            found.add(os.readlink(f"/proc/self/fd/{number}"))
        except FileNotFoundError:
            continue
    return {name for name in found if name.startswith("/") and not name.startswith(("/dev/", "/proc/"))}


def places(body: bytes, count: int = 10) -> Iterable[int]:
    """Return where a visitor may vanish: from nothing sent to all but the last byte."""
    return [len(body) * number // count for number in range(count - 1)] + [len(body) - 3]
