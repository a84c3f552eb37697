"""Options of the Google Cloud Storage backend: what is refused, and that each arrives at the store."""

from __future__ import annotations

import dataclasses
import io
import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import pytest
import requests
import urllib3

pytest.importorskip("google.cloud.storage")

from google.auth.credentials import AnonymousCredentials
from google.cloud import storage

from uploadkit import ConfigError, RemotePath, SaveOptions
from uploadkit.backends._gcs.client import client_for, session_of
from uploadkit.backends._gcs.options import GCSOptions
from uploadkit.backends.gcs import GCSBackend

STORED = {
    "kind": "storage#object",
    "name": "a.txt",
    "size": "1",
    "generation": "7",
    "timeCreated": "2026-01-02T03:04:05.6Z",
}


@dataclass
class Seen:
    """A request that the sink got."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes = field(repr=False)

    def resource(self) -> dict[str, Any]:
        """Return the metadata of an upload in one request."""
        found: dict[str, Any] = json.loads(self.body.split(b"\r\n\r\n")[1].split(b"\r\n--")[0])
        return found


class Sink:
    """A server that keeps what it is sent, and answers as told.

    :param answers: Status, headers and body by the path's last words; whatever else is a stored object, but no look
        at whether there is one: that is a 404.
    """

    def __init__(self, **answers: tuple[int, dict[str, str], bytes]) -> None:
        self.answers = answers
        self.requests: list[Seen] = []
        sink = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def handle_any(self) -> None:
                url = urlsplit(self.path)
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                query = {name: values[0] for name, values in parse_qs(url.query).items()}
                seen = Seen(self.command, unquote(url.path), query, dict(self.headers.items()), body)
                sink.requests.append(seen)
                status, headers, content = sink.answer(seen)
                self.send_response(status)
                for name, value in {**headers, "Content-Length": str(len(content))}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(content)

            do_GET = do_POST = do_PUT = do_DELETE = handle_any

            def log_message(self, *args: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.endpoint = f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Sink:
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def answer(self, seen: Seen) -> tuple[int, dict[str, str], bytes]:
        for word, answer in self.answers.items():
            if word in f"{seen.method} {seen.path} {seen.query}":
                return answer
        if seen.method == "GET":
            return 404, {}, b"{}"
        return 200, {"Content-Type": "application/json"}, json.dumps(STORED).encode()

    def only(self, method: str) -> Seen:
        """Return the one request with this method."""
        (found,) = (seen for seen in self.requests if seen.method == method)
        return found


@pytest.fixture
def sink() -> Iterator[Sink]:
    with Sink() as sink:
        yield sink


def save(sink: Sink, **options: Any) -> Seen:
    """Save one byte and return the request that stored it."""
    backend = GCSBackend("bucket/p", GCSOptions(endpoint=sink.endpoint, **options))
    backend.save("a.txt", io.BytesIO(b"x"), SaveOptions())
    return sink.only("POST")


@pytest.mark.parametrize(
    ("options", "word"),
    [
        ({"chunk_size": 1000}, "multiple"),
        ({"chunk_size": 0}, "chunk_size"),
        ({"chunk_size": "8MB"}, "chunk_size"),
        ({"acl": "public"}, "publicRead"),
        ({"endpoint": "127.0.0.1:4443"}, "endpoint"),
        ({"endpoint": "http://user:secret@host"}, "endpoint"),
        ({"client": object(), "project": "p"}, "client"),
        ({"deadline": -1}, "deadline"),
        ({"cache_control": "a\nb"}, "cache_control"),
    ],
)
def test_options_that_mean_nothing_are_refused(options: dict[str, Any], word: str) -> None:
    with pytest.raises(ConfigError, match=word):
        GCSOptions(**options)


def test_no_message_shows_the_secrets_of_an_option() -> None:
    shown = repr(GCSOptions(credentials={"private_key": "secret"}))
    with pytest.raises(ConfigError) as caught:
        GCSOptions(endpoint="http://user:secret@host")
    assert "secret" not in shown + str(caught.value)


@pytest.mark.parametrize("credentials", ["/no/such/file.json", {"private_key": "secret"}, 42])
def test_credentials_that_are_none_are_a_config_error(credentials: Any) -> None:
    with pytest.raises(ConfigError, match="credentials") as caught:
        client_for(GCSOptions(credentials=credentials))
    assert "secret" not in str(caught.value)


def test_missing_default_credentials_say_the_way_out(monkeypatch: pytest.MonkeyPatch) -> None:
    from google.auth import exceptions

    def none(*_: object, **__: object) -> None:
        raise exceptions.DefaultCredentialsError("none")

    monkeypatch.setattr("google.auth.default", none)
    with pytest.raises(ConfigError, match="'credentials'"):
        client_for(GCSOptions(project="without-credentials"))


def test_backends_with_equal_options_share_a_client() -> None:
    first, same, other = (GCSOptions(endpoint="http://127.0.0.1:1", pool_size=size) for size in (7, 7, 8))
    assert client_for(first) is client_for(same)
    assert client_for(first) is not client_for(other)
    assert session_of(client_for(first)).get_adapter("http://127.0.0.1:1")._pool_maxsize == 7


def test_a_client_that_is_handed_in_is_used(sink: Sink) -> None:
    client = storage.Client("p", AnonymousCredentials(), client_options={"api_endpoint": sink.endpoint})
    backend = GCSBackend("bucket", GCSOptions(client=client))
    backend.save("a.txt", io.BytesIO(b"x"), SaveOptions())
    assert sink.only("POST").path == "/upload/storage/v1/b/bucket/o"
    client.close()


def test_a_small_file_is_one_request_to_google() -> None:
    """Only a server that may ignore the condition is asked first whether there is a file."""
    sent: list[requests.PreparedRequest] = []

    class Canned(requests.adapters.BaseAdapter):
        def send(self, request: requests.PreparedRequest, *_: Any, **__: Any) -> requests.Response:
            sent.append(request)
            response = requests.Response()
            response.status_code = 200
            response.raw = urllib3.HTTPResponse(io.BytesIO(json.dumps(STORED).encode()), preload_content=False)
            return response

        def close(self) -> None:
            pass

    client = storage.Client("p", AnonymousCredentials())
    session_of(client).mount("https://", Canned())
    GCSBackend("bucket", GCSOptions(client=client)).save("a.txt", io.BytesIO(b"x"), SaveOptions())
    (request,) = sent
    expected = "https://storage.googleapis.com/upload/storage/v1/b/bucket/o?uploadType=multipart&ifGenerationMatch=0"
    assert request.url == expected
    client.close()


def test_a_file_is_stored_with_what_the_options_ask_for(sink: Sink) -> None:
    seen = save(
        sink,
        acl="publicRead",
        storage_class="NEARLINE",
        kms_key="projects/p/locations/l/keyRings/r/cryptoKeys/k",
        user_project="payer",
        cache_control="no-store",
        content_disposition="attachment",
        metadata={"app": "demo"},
    )
    assert seen.query == {
        "uploadType": "multipart",
        "predefinedAcl": "publicRead",
        "kmsKeyName": "projects/p/locations/l/keyRings/r/cryptoKeys/k",
        "ifGenerationMatch": "0",
        "userProject": "payer",
    }
    resource = seen.resource()
    metadata = resource.pop("metadata")
    assert resource == {
        "name": "p/a.txt",
        "contentType": "text/plain",
        "contentDisposition": "attachment",
        "cacheControl": "no-store",
        "storageClass": "NEARLINE",
        "crc32c": resource["crc32c"],
    }
    assert metadata["app"] == "demo"
    assert set(metadata) == {"app", "uploadkit-sha256", "uploadkit-upload"}


def test_nothing_is_sent_that_was_not_asked_for(sink: Sink) -> None:
    seen = save(sink)
    assert seen.query == {"uploadType": "multipart", "ifGenerationMatch": "0"}
    assert set(seen.resource()) == {"name", "contentType", "contentDisposition", "metadata", "crc32c"}


def test_a_large_file_is_stored_with_what_the_options_ask_for() -> None:
    with Sink() as sink:
        sink.answers["resumable"] = (200, {"Location": f"{sink.endpoint}/session"}, b"")
        sink.answers["PUT"] = (200, {}, json.dumps({**STORED, "size": str(300 * 1024)}).encode())
        options = GCSOptions(endpoint=sink.endpoint, chunk_size=512 * 1024, acl="private", user_project="payer")
        small = dataclasses.replace(options, chunk_size=256 * 1024)
        sink.answers["PUT"] = (308, {"Range": f"bytes=0-{256 * 1024 - 1}"}, b"")
        with pytest.raises(ConnectionError):
            GCSBackend("bucket", small).save("a.txt", io.BytesIO(bytes(300 * 1024)), SaveOptions())
    begin = next(seen for seen in sink.requests if seen.query.get("uploadType") == "resumable")
    assert begin.query["predefinedAcl"] == "private"
    assert begin.query["ifGenerationMatch"] == "0"
    assert begin.query["userProject"] == "payer"
    put = next(seen for seen in sink.requests if seen.method == "PUT")
    assert put.path == "/session"
    assert put.query == {}, "the URL of a session is complete as the store made it"


@pytest.mark.parametrize(
    ("options", "url"),
    [
        ({}, None),
        ({"public": True}, "https://storage.googleapis.com/b/p/a%20b.txt"),
        ({"public": True, "endpoint": "http://127.0.0.1:1/"}, "http://127.0.0.1:1/b/p/a%20b.txt"),
        ({"custom_domain": "cdn.example"}, "https://cdn.example/p/a%20b.txt"),
    ],
)
def test_a_lasting_url_is_given_where_the_bucket_is_public(options: dict[str, Any], url: str | None) -> None:
    assert GCSBackend("gs://b/p", GCSOptions(**options)).url("a b.txt") == url


def test_a_path_is_the_uri() -> None:
    backend = GCSBackend("gs://b/p", GCSOptions())
    assert backend.path("a.txt") == RemotePath("gs://b/p/a.txt", "gcs")
    assert repr(backend) == "GCSBackend('gs://b/p/')"
