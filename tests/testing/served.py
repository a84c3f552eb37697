"""A memory backend behind a server that verifies signed requests: the checks of signatures are tried on it."""

from __future__ import annotations

import base64
import hashlib
import hmac
import io
import json
import secrets
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from datetime import datetime, timedelta, timezone
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple
from urllib.parse import parse_qsl, quote, unquote, urlencode, urlsplit

from werkzeug.formparser import FormDataParser
from werkzeug.http import parse_options_header

from tests.testing.streamed import StreamedBackend
from uploadkit.directmodels import PresignedRequest, UploadPolicy
from uploadkit.disposition import safe_disposition
from uploadkit.exceptions import AlreadyExistsError, BackendError, NotFoundError
from uploadkit.filetypes import content_type_for
from uploadkit.keys import check_key
from uploadkit.models import FileInfo, LinkOptions, SaveOptions, SignedURL, check_expiry

#: Which header carries which attribute; metadata is JSON, which is ASCII.
_ATTRIBUTES = {
    "content_type": "content-type",
    "content_disposition": "content-disposition",
    "cache_control": "cache-control",
    "metadata": "x-metadata",
}


class Request(NamedTuple):
    """What arrived: header names are in lower case, the path is unquoted and begins with the key."""

    method: str
    key: str
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes


class Response(NamedTuple):
    """What goes back."""

    status: int
    headers: Mapping[str, str] = {}
    body: bytes = b""


class RefusedError(Exception):
    """A request that the signature does not cover."""


class ServedBackend(StreamedBackend):
    """Signs with a secret of its own; its server asks it about every request."""

    name = "served"

    def __init__(self, server: Server) -> None:
        super().__init__()
        self._secret = secrets.token_bytes(32)
        self._base = server.mount(self.answer)

    def signed_url(self, key: str, expires_in: int, options: LinkOptions | None = None) -> SignedURL:
        options = options or LinkOptions()
        end = _end(expires_in, options.signed_at)
        asked = {"as-type": options.content_type, "as-disposition": options.content_disposition}
        query = {name: value for name, value in asked.items() if value}
        return SignedURL(self._sign(options.method, key, end, query), end)

    def presign_upload(self, key: str, policy: UploadPolicy, expires_in: int) -> PresignedRequest:
        attributes = _attributes(key, policy.options)
        end = _end(expires_in)
        if policy.method == "POST":
            return PresignedRequest("POST", self._base, end, self._form(key, policy, attributes, end))
        once = {} if policy.options.overwrite else {"if-none-match": "*"}
        headers = {**attributes, **once, "content-length": str(policy.max_size)}
        return PresignedRequest("PUT", self._sign("PUT", key, end, {}, headers), end, headers=headers)

    def presign_part(
        self, key: str, upload_id: str, number: int, expires_in: int, *, size: int | None = None
    ) -> PresignedRequest:
        query = {"upload": upload_id, "part": str(self.part_limits.check_number(number))}
        headers = {} if size is None else {"content-length": str(size)}
        end = _end(expires_in)
        return PresignedRequest("PUT", self._sign("PUT", key, end, query, headers), end, headers=headers)

    # The server's side: each step is a method, so that a broken backend can leave it out.

    def answer(self, request: Request) -> Response:
        """Answer a request."""
        try:
            act = {"GET": self.read, "HEAD": self.look_up, "PUT": self.store, "POST": self.store_form}[request.method]
            return act(request)
        except NotFoundError:
            return Response(404)
        except AlreadyExistsError:
            return Response(412)
        except (KeyError, ValueError, BackendError, RefusedError) as error:
            return Response(403, {}, str(error).encode())

    def read(self, request: Request) -> Response:
        self.verify(request)
        info, stream = self.open_snapshot(request.key)
        content_type = request.query.get("as-type") or str(info.content_type)
        disposition = request.query.get("as-disposition") or info.content_disposition
        found = {"Content-Type": content_type, "Content-Disposition": disposition or self.usual_disposition(info)}
        return Response(200, found, stream.read())

    def look_up(self, request: Request) -> Response:
        return self.read(request)

    def usual_disposition(self, info: FileInfo) -> str:
        """Return what is answered for a file that was stored without a disposition."""
        return safe_disposition(info.key, info.content_type)

    def store(self, request: Request) -> Response:
        self.verify(request)
        if "upload" in request.query:
            return self.store_part(request)
        options = _options(request.headers, overwrite="if-none-match" not in request.headers)
        self.save(request.key, io.BytesIO(request.body), options)
        return Response(200)

    def store_part(self, request: Request) -> Response:
        upload_id, number = request.query["upload"], int(request.query["part"])
        return Response(200, {"ETag": self.put_part(request.key, upload_id, number, io.BytesIO(request.body)).etag})

    def store_form(self, request: Request) -> Response:
        fields, content = _parsed(request)
        self.verify_form(fields)
        policy = json.loads(base64.b64decode(fields["policy"]))
        self.verify_time(policy["expires"])
        self.verify_fields(fields, policy["fields"])
        self.verify_length(content, policy["min"], policy["max"])
        self.save(fields["key"], io.BytesIO(content), _options(fields, overwrite=policy["overwrite"]))
        return Response(204)

    def verify(self, request: Request) -> None:
        """Hold method, key, query and the signed headers against the signature."""
        self.verify_time(request.query["expires"])
        query = {name: value for name, value in request.query.items() if name != "signature"}
        signed = {name: request.headers.get(name, "") for name in query["headers"].split()}
        expected = self._signature(self.signed_text(request.method, request.key, query, signed))
        self.verify_signature(request.query["signature"], expected)

    def verify_form(self, fields: Mapping[str, str]) -> None:
        self.verify_signature(fields["signature"], self._signature(fields["policy"]))

    def verify_fields(self, fields: Mapping[str, str], demanded: Mapping[str, str]) -> None:
        if {name: value for name, value in fields.items() if name not in ("policy", "signature")} != demanded:
            raise RefusedError("other fields than the policy has")

    def verify_length(self, content: bytes, least: int, most: int) -> None:
        if not least <= len(content) <= most:
            raise RefusedError("too long or too short")

    def verify_time(self, expires: str) -> None:
        if time.time() >= float(expires):
            raise RefusedError("expired")

    def verify_signature(self, signature: str, expected: str) -> None:
        if not hmac.compare_digest(signature, expected):
            raise RefusedError("another signature")

    def signed_text(self, method: str, key: str, query: Mapping[str, str], headers: Mapping[str, str]) -> str:
        """Return what is signed of a request."""
        return json.dumps([method, key, sorted(query.items()), sorted(headers.items())])

    def _sign(
        self, method: str, key: str, end: datetime, query: Mapping[str, str], headers: Mapping[str, str] | None = None
    ) -> str:
        names = " ".join(sorted(headers or {}))
        signed = {**query, "expires": str(end.timestamp()), "headers": names}
        signature = self._signature(self.signed_text(method, check_key(key), signed, headers or {}))
        return f"{self._base}/{quote(key)}?{urlencode({**signed, 'signature': signature}, quote_via=quote)}"

    def _form(self, key: str, policy: UploadPolicy, attributes: Mapping[str, str], end: datetime) -> dict[str, str]:
        fields = {"key": check_key(key), **attributes}
        demands = {"expires": str(end.timestamp()), "min": policy.min_size, "max": policy.max_size}
        text = json.dumps({**demands, "fields": fields, "overwrite": policy.options.overwrite})
        encoded = base64.b64encode(text.encode()).decode()
        return {**fields, "policy": encoded, "signature": self._signature(encoded)}

    def _signature(self, text: str) -> str:
        return hmac.new(self._secret, text.encode(), hashlib.sha256).hexdigest()


class Server:
    """One server on the loopback for all backends, each under a first segment of its own."""

    def __init__(self) -> None:
        self._mounted: dict[str, Callable[[Request], Response]] = {}
        server = self

        class Handler(BaseHTTPRequestHandler):
            def answer(self) -> None:
                server.answer(self)

            do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = answer

            def log_message(self, *_: object) -> None: ...

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = False  # so that closing waits for them
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})
        self._thread.start()

    def mount(self, answer: Callable[[Request], Response]) -> str:
        """Serve a backend; return its URL."""
        name = secrets.token_hex(8)
        self._mounted[name] = answer
        return f"http://127.0.0.1:{self._server.server_port}/{name}"

    def answer(self, handler: BaseHTTPRequestHandler) -> None:
        """Read a request whole, let the backend answer it, send the answer."""
        parts = urlsplit(handler.path)
        _, name, *rest = parts.path.split("/", 2)
        headers = {name.lower(): value for name, value in handler.headers.items()}
        body = handler.rfile.read(int(headers.get("content-length", "0")))
        query = dict(parse_qsl(parts.query.replace("+", "%2B"), keep_blank_values=True))
        request = Request(handler.command, unquote("".join(rest)), query, headers, body)
        response = self._mounted[name](request)
        handler.send_response(response.status)
        for header, value in {**response.headers, "Content-Length": str(len(response.body))}.items():
            handler.send_header(header, value)
        handler.end_headers()
        if handler.command != "HEAD":
            handler.wfile.write(response.body)

    def close(self) -> None:
        """Stop, and wait for what is still being answered."""
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


@contextmanager
def serving() -> Iterator[Server]:
    """Run a server for the time of a block."""
    server = Server()
    try:
        yield server
    finally:
        server.close()


def _attributes(key: str, options: SaveOptions) -> dict[str, str]:
    given: dict[str, str | None] = {
        "content_type": options.content_type or content_type_for(key),
        "content_disposition": options.content_disposition,
        "cache_control": options.cache_control,
        "metadata": json.dumps(dict(options.metadata)) if options.metadata else None,
    }
    return {_ATTRIBUTES[name]: value for name, value in given.items() if value}


def _options(headers: Mapping[str, str], *, overwrite: bool) -> SaveOptions:
    given: dict[str, Any] = {name: headers[header] for name, header in _ATTRIBUTES.items() if header in headers}
    given["metadata"] = json.loads(given.get("metadata", "{}"))
    return SaveOptions(**given, overwrite=overwrite)


def _parsed(request: Request) -> tuple[dict[str, str], bytes]:
    """Return the fields of a form and the file."""
    kind, options = parse_options_header(request.headers["content-type"])
    stream = io.BytesIO(request.body)
    _, fields, files = FormDataParser().parse(stream, kind, len(request.body), options)
    with closing(files["file"]) as file:
        return {name.lower(): value for name, value in fields.items()}, file.read()


def _end(expires_in: int, signed_at: datetime | None = None) -> datetime:
    """Return when a life ends that began at ``signed_at``, in whole seconds, or now."""
    began = datetime.now(timezone.utc) if signed_at is None else signed_at.replace(microsecond=0)
    return began + timedelta(seconds=check_expiry(expires_in))
