"""What checks need to act as somebody without credentials: requests, forms, and URLs that were meddled with."""

from __future__ import annotations

import http.client
import secrets
import time
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass
from http import HTTPStatus
from urllib.parse import parse_qsl, quote, unquote, urlsplit

from ..directmodels import PresignedRequest
from .subject import must

_TIMEOUT = 20.0
#: How long a check waits for something to expire, in seconds.
_PATIENCE = 5.0
_PAUSE = 0.2


@dataclass(frozen=True)
class Answer:
    """What a server said."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def refused(self) -> bool:
        """Whether it is an error."""
        return self.status >= HTTPStatus.BAD_REQUEST


def send(method: str, url: str, body: bytes | None = None, headers: Mapping[str, str] | None = None) -> Answer:
    """Send one request with exactly these headers, but for the host and a length that is missing."""
    parts = urlsplit(url)
    kinds = {"http": http.client.HTTPConnection, "https": http.client.HTTPSConnection}
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    with closing(kinds[parts.scheme](parts.netloc, timeout=_TIMEOUT)) as connection:
        connection.request(method, target, body, dict(headers or {}))
        answer = connection.getresponse()
        return Answer(answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read())


def fetch(url: str) -> Answer:
    """Read a URL."""
    return send("GET", url)


def store(
    request: PresignedRequest,
    content: bytes,
    *,
    url: str | None = None,
    headers: Mapping[str, str | None] | None = None,
    fields: Mapping[str, str] | None = None,
) -> Answer:
    """Send a presigned request with a file.

    :param url: Instead of the presigned one.
    :param headers: Instead of presigned ones; None leaves one out. The length is always the content's.
    :param fields: Instead of presigned ones, or beside them.
    """
    if request.method == "POST":
        body, content_type = form({**request.fields, **(fields or {})}, content)
        return send("POST", url or request.url, body, {"Content-Type": content_type})
    changed = {name.lower() for name in (headers or {})} | {"content-length"}
    kept = {name: value for name, value in request.headers.items() if name.lower() not in changed}
    new = {name: value for name, value in (headers or {}).items() if value is not None}
    return send("PUT", url or request.url, content, {**kept, **new, "Content-Length": str(len(content))})


def form(fields: Mapping[str, str], content: bytes) -> tuple[bytes, str]:
    """Write ``multipart/form-data`` with the file as the last field; return it with its content type."""
    boundary = secrets.token_hex(16)
    lines = []
    for name, value in fields.items():
        lines += [f"--{boundary}", f'Content-Disposition: form-data; name="{name}"', "", value]
    lines += [f"--{boundary}", 'Content-Disposition: form-data; name="file"; filename="local name.bin"']
    lines += ["Content-Type: application/octet-stream", "", ""]
    body = "\r\n".join(lines).encode() + content + f"\r\n--{boundary}--\r\n".encode()
    return body, f"multipart/form-data; boundary={boundary}"


def with_key(url: str, key: str, other: str) -> str:
    """Return ``url`` for another key."""
    parts = urlsplit(url)
    head, found, tail = unquote(parts.path).rpartition(key)
    must(found, f"the key {key!r} is not in the path of the URL")
    return parts._replace(path=quote(head + other + tail)).geturl()


def with_parameter(url: str, wanted: Callable[[str, str], bool], change: Callable[[str], str]) -> str | None:
    """Return ``url`` with the first query parameter changed that is ``wanted`` by name and value; None without one."""
    parts = urlsplit(url)
    pairs = [pair.partition("=") for pair in parts.query.split("&")]
    for number, (name, _, value) in enumerate(pairs):
        if wanted(unquote(name), unquote(value)):
            pairs[number] = (name, "=", quote(change(unquote(value)), safe=""))
            return parts._replace(query="&".join("".join(pair) for pair in pairs)).geturl()
    return None


def parameter(url: str, wanted: Callable[[str, str], bool]) -> str | None:
    """Return the first query parameter that is ``wanted`` by name and value; None without one."""
    return next((value for name, value in parse_qsl(urlsplit(url).query) if wanted(name, value)), None)


def with_other_signature(url: str) -> str:
    """Return ``url`` with one letter of its signature changed."""
    changed = with_parameter(url, lambda name, _: is_signature(name), misspell)
    must(changed, "the URL has no parameter whose name ends in 'signature' or 'sig'")
    return changed or url


def is_signature(name: str) -> bool:
    """Whether a parameter or field of this name is a signature."""
    return name.lower().endswith(("signature", "sig"))


def misspell(text: str) -> str:
    """Change the first letter."""
    return ("0" if text[:1] != "0" else "1") + text[1:]


def wait_until_refused(ask: Callable[[], Answer], what: str) -> None:
    """Ask again until the answer is an error; fail if none is within five seconds."""
    end = time.monotonic() + _PATIENCE
    while not ask().refused:
        must(time.monotonic() < end, f"{what} still works {_PATIENCE:.0f} seconds after it was made for one")
        time.sleep(_PAUSE)
