"""A small S3 over a socket that writes down every request, and what tests of the S3 backend need to use it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from socket import SHUT_RDWR, socket
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

import pytest

from uploadkit.backends._cloud.clients import close_clients
from uploadkit.backends._s3 import probe
from uploadkit.backends.s3 import S3Backend, S3Options

from .s3_sink_store import Reply, Seen, Store, Stored, error

__all__ = [
    "BUCKET",
    "MIB",
    "MakeS3",
    "Reply",
    "Seen",
    "Sink",
    "Stored",
    "at_aws",
    "clean_environment",
    "error",
    "make_s3",
    "nothing_known",
    "options_for",
    "sink",
    "sink_server",
]

BUCKET = "bucket"
MIB = 1024 * 1024
ACCESS_KEY, SECRET_KEY = "AKIDSINK", "sink-secret-key"

MakeS3 = Callable[..., S3Backend]


class Sink(Store):
    """The store with a socket. It is an HTTP proxy too: it answers whatever host is asked for."""

    def __init__(self) -> None:
        super().__init__()
        self.closing = threading.Event()
        self.server = _Server(("127.0.0.1", 0), _Handler)
        self.server.sink = self
        self.endpoint = f"http://127.0.0.1:{self.server.server_port}"


class _Server(ThreadingHTTPServer):
    daemon_threads = False  # so that closing waits for all of them
    sink: Sink

    def __init__(self, *args: Any) -> None:
        self.connections: set[socket] = set()
        super().__init__(*args)

    def process_request(self, request: Any, client_address: Any) -> None:
        self.connections.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        self.connections.discard(request)
        super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """The clients go away as they like."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: _Server

    def _serve(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        url = urlsplit(self.path)
        bucket, _, key = unquote(url.path).lstrip("/").partition("/")
        headers = {name.lower(): value for name, value in self.headers.items()}
        query = dict(parse_qsl(url.query, keep_blank_values=True))
        reply = self.server.sink.answer(Seen(self.command, bucket, key, query, headers, body))
        if reply.silent:
            self.server.sink.closing.wait(20)
            self.close_connection = True
            return
        self._send(reply)

    def _send(self, reply: Reply) -> None:
        self.send_response(reply.status)
        for name, value in reply.headers.items():
            self.send_header(name, value)
        if "Content-Length" not in reply.headers:
            self.send_header("Content-Length", str(len(reply.body)))
        if reply.cut is not None:
            self.send_header("Connection", "close")
            self.close_connection = True
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(reply.body if reply.cut is None else reply.body[: reply.cut])

    do_GET = do_PUT = do_POST = do_HEAD = do_DELETE = _serve

    def log_message(self, format: str, *args: Any) -> None:
        """The sink writes down what counts."""


@contextmanager
def running_sink() -> Iterator[Sink]:
    sink = Sink()
    thread = threading.Thread(target=sink.server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield sink
    finally:
        sink.closing.set()
        sink.server.shutdown()
        thread.join()
        for connection in list(sink.server.connections):
            with suppress(OSError):
                connection.shutdown(SHUT_RDWR)
        sink.server.server_close()


def options_for(sink: Sink, **options: Any) -> dict[str, Any]:
    """Return options for the sink; with a ready-made client those that go beside one."""
    if "client" in options:
        return options
    credentials = {"access_key_id": ACCESS_KEY, "secret_access_key": SECRET_KEY}
    return {"endpoint_url": sink.endpoint, "region": "us-east-1", **credentials, **options}


@pytest.fixture(scope="module")
def sink_server() -> Iterator[Sink]:
    with running_sink() as sink:
        yield sink
        close_clients()


@pytest.fixture
def sink(sink_server: Sink) -> Sink:
    """An empty store that behaves."""
    sink_server.reset()
    return sink_server


@pytest.fixture
def make_s3(sink: Sink) -> MakeS3:
    """Make a backend on the sink; those that agree in their client's options share a client."""

    def make(destination: Any = BUCKET, **options: Any) -> S3Backend:
        return S3Backend(destination, S3Options(**options_for(sink, **options)))

    return make


@pytest.fixture
def nothing_known() -> Iterator[None]:
    """Of no store it is known what it keeps."""
    for known in (probe._kept, probe._refused):
        known.clear()
    yield
    for known in (probe._kept, probe._refused):
        known.clear()


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Let no credentials of this machine, and no proxy, take part."""
    for name in ("AWS_PROFILE", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_REGION"):
        monkeypatch.delenv(name, raising=False)
    for name in ("AWS_DEFAULT_REGION", "AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3", "HTTP_PROXY", "http_proxy"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "no-config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "no-credentials"))


@contextmanager
def at_aws(sink: Sink) -> Iterator[S3Backend]:
    """A backend that talks to Amazon's host, for which the sink stands in as a proxy."""
    from botocore.config import Config
    from botocore.session import Session

    proxied = Config(proxies={"http": sink.endpoint}, s3={"addressing_style": "path"})
    client = Session().create_client(
        "s3",
        region_name="us-east-1",
        use_ssl=False,
        aws_access_key_id=ACCESS_KEY,
        aws_secret_access_key=SECRET_KEY,
        config=proxied,
    )
    with closing(client):
        yield S3Backend(BUCKET, S3Options(client=client))
