"""Serving from real stores: the same answers, whichever keeps the files and whoever sends them."""

from __future__ import annotations

import functools
import io
import socket
import threading
from collections.abc import Callable
from typing import Any, BinaryIO
from urllib.error import HTTPError
from urllib.parse import urlsplit
from urllib.request import Request, urlopen

import pytest
from flask import Flask

from tests import gcsv4, sigv4
from tests.backends import test_contract_gcs, test_contract_s3
from tests.servers.app import running_app
from tests.servers.stores import S3Server
from tests.testing.streamed import StreamedBackend
from uploadkit import SaveOptions
from uploadkit.backends import Backend
from uploadkit.models import FileInfo

from .kit import client_of, made_set, put, query_of, signed

CONTENT = bytes(range(256)) * 8000  # more than one window of the readers
HARD = "f/ä b+%~&?#'\".txt"


@pytest.fixture(params=["moto_server", "seaweed_server", "fake_gcs_server"])
def store(request: pytest.FixtureRequest) -> Backend:
    """A backend on a real server, with a bucket of its own."""
    server = request.getfixturevalue(request.param)
    if isinstance(server, S3Server):
        return test_contract_s3.open_bucket(server, server.make_bucket())
    return test_contract_gcs.open_bucket(server, server.make_bucket(), test_contract_gcs.throw_away_account())


class TestProxy:
    def test_whole_in_part_and_not_at_all(self, app: Flask, store: Backend) -> None:
        files = made_set(app, store, SERVE=True, DELIVERY="proxy")
        put(app, files, CONTENT, "a.bin")
        client = client_of(app)
        whole = client.get("/_uploads/files/a.bin")
        assert (whole.status_code, whole.data) == (200, CONTENT)
        ask = functools.partial(client.get, "/_uploads/files/a.bin")
        assert ask(headers={"Range": "bytes=1048570-1048585"}).data == CONTENT[1048570:1048586]
        assert ask(headers={"Range": "bytes=-7"}).data == CONTENT[-7:]
        several = ask(headers={"Range": "bytes=0-4,-5"})
        assert (several.status_code, several.content_length) == (206, len(several.data))
        assert CONTENT[:5] in several.data
        assert CONTENT[-5:] in several.data
        assert ask(headers={"Range": f"bytes={len(CONTENT)}-"}).status_code == 416
        assert ask(headers={"If-None-Match": whole.headers["ETag"]}).status_code == 304
        assert ask(headers={"If-Modified-Since": whole.headers["Last-Modified"]}).status_code == 304
        head = client.head("/_uploads/files/a.bin")
        assert (head.data, head.content_length, head.headers["ETag"]) == (b"", len(CONTENT), whole.headers["ETag"])
        assert client.get("/_uploads/files/none.bin").status_code == 404

    def test_a_signed_link_of_the_app(self, app: Flask, store: Backend) -> None:
        files = made_set(app, store, ACCESS="private", DELIVERY="proxy")
        store.save(HARD, io.BytesIO(b"content"), SaveOptions())
        assert client_of(app).get(signed(app, files, HARD)).data == b"content"


class TestRedirect:
    def test_the_store_accepts_the_link(self, app: Flask, store: Backend) -> None:
        files = made_set(app, store, SERVE=True)
        store.save(HARD, io.BytesIO(b"content"), SaveOptions())
        with app.test_request_context():
            answer = client_of(app).get(files.url(HARD))
        assert answer.status_code == 302
        with urlopen(str(answer.location), timeout=10) as found:
            assert found.read() == b"content"

    def test_the_link_of_a_set_is_signed_as_the_store_demands(self, app: Flask, store: Backend) -> None:
        files = made_set(app, store, ACCESS="private", URL_WINDOW=600)
        url = signed(app, files, HARD, 3600, download="Ünï.pdf")
        if store.name == "s3":
            secret = store._calls.client._request_signer._credentials.secret_key  # type: ignore[attr-defined]
            sigv4.verify("GET", url, secret)
            life = int(query_of(url)["X-Amz-Expires"])
        else:
            account = test_contract_gcs.throw_away_account()
            gcsv4.verify("GET", url, keys={account["client_email"]: public_key_of(account)})
            life = int(query_of(url)["X-Goog-Expires"])
        assert life == 4200
        assert query_of(url)["response-content-disposition"].endswith("filename*=UTF-8''%C3%9Cn%C3%AF.pdf")

    def test_what_is_missing_is_the_apps_own_404(self, app: Flask, store: Backend) -> None:
        made_set(app, store, SERVE=True)
        assert client_of(app).get("/_uploads/files/none.txt").status_code == 404


def test_a_store_that_verifies_refuses_what_was_changed(app: Flask, seaweed_server: S3Server) -> None:
    store = test_contract_s3.open_bucket(seaweed_server, seaweed_server.make_bucket())
    files = made_set(app, store, ACCESS="private")
    put(app, files, b"<script>", "a.html")
    url = signed(app, files, "a.html")
    with urlopen(url, timeout=10) as found:
        assert found.headers["Content-Disposition"] == "attachment"
    for changed in (url.replace("attachment", "inline"), url.replace("a.html", "b.html"), url + "0"):
        with pytest.raises(HTTPError, match="403"):
            urlopen(changed, timeout=10)
    with pytest.raises(HTTPError, match="403"):
        urlopen(Request(url, method="HEAD"), timeout=10)
    with urlopen(Request(signed(app, files, "a.html", method="HEAD"), method="HEAD"), timeout=10) as found:
        assert found.status == 200


def test_what_a_bucket_hands_out_itself_is_as_safe(app: Flask, seaweed_server: S3Server) -> None:
    store = test_contract_s3.open_bucket(seaweed_server, seaweed_server.make_bucket())
    files = made_set(app, store, INLINE="pdf")
    for name in ("a.html", "a.svg", "a.js", "noextension", "a.png", "a.pdf"):
        put(app, files, b"<script>", name)
    with app.app_context():
        kinds = {
            info.key: str(files.stat(info.key).content_disposition).partition(";")[0] for info in files.list_files()
        }
    assert {name for name, kind in kinds.items() if kind == "inline"} == {"a.png", "a.pdf"}
    assert set(kinds.values()) == {"inline", "attachment"}


class Watched(StreamedBackend):
    """Tells when a stream that was opened is closed again."""

    def __init__(self) -> None:
        super().__init__()
        self.closed = threading.Event()

    def open_stream(self, key: str, start: int = 0, length: int | None = None) -> tuple[FileInfo, BinaryIO]:
        info, stream = super().open_stream(key, start, length)
        close: Callable[[], None] = stream.close

        def closing() -> None:
            close()
            self.closed.set()

        stream.close = closing  # type: ignore[method-assign]
        return info, stream


@pytest.mark.parametrize("asked", ["", "Range: bytes=5-\r\n", "Range: bytes=0-60000000,60000002-\r\n"])
def test_a_visitor_who_goes_away_ends_the_reading(app: Flask, asked: str) -> None:
    store = Watched()
    files = made_set(app, store, SERVE=True)
    put(app, files, bytes(64 * 1024 * 1024), "long.bin")  # more than any socket buffers
    with running_app(app) as url:
        with socket.create_connection(urlsplit(url).netloc.split(":"), timeout=10) as visitor:  # type: ignore[arg-type]
            visitor.sendall(f"GET /_uploads/files/long.bin HTTP/1.1\r\nHost: x\r\n{asked}\r\n".encode())
            assert visitor.recv(1000).startswith(b"HTTP/1.1 20")
            assert not store.closed.is_set()
        assert store.closed.wait(30)


def public_key_of(account: dict[str, str]) -> Any:
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    return load_pem_private_key(account["private_key"].encode(), None).public_key()
