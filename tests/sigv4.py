"""What a store makes of a signed URL: AWS Signature Version 4 in the query, written from its description.

https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-query-string-auth.html. It knows nothing of what signs.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from urllib.parse import SplitResult, unquote_to_bytes, urlsplit

LONGEST = 7 * 24 * 3600
MOST_SKEW = timedelta(minutes=15)

_UNRESERVED = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")
_NEEDED = ("Algorithm", "Credential", "Date", "Expires", "SignedHeaders", "Signature")
_PORTS = {"http": ":80", "https": ":443"}


class Refused(AssertionError):
    """The store would not do what the URL asks for."""


@dataclass(frozen=True)
class Seal:
    """What stands in the query of a signed request; ``names`` are the headers that are signed."""

    access_key: str
    scope: tuple[str, ...]
    date: datetime
    expires: int
    names: tuple[str, ...]
    signature: str

    @property
    def ends(self) -> datetime:
        return self.date + timedelta(seconds=self.expires)


def verify(
    method: str, url: str, secret_key: str, headers: Mapping[str, str] | None = None, *, now: datetime | None = None
) -> Seal:
    """Return what the signature says of itself.

    :param headers: What is sent with the request, beside ``Host``.
    :param now: The store's clock.
    :raises Refused: if a store would refuse the request.
    """
    parts = urlsplit(url)
    query = _parameters(parts.query)
    seal = _seal(query)
    sent = {name.lower(): " ".join(value.split()) for name, value in (headers or {}).items()} | {"host": _host(parts)}
    _check_names(seal, sent)
    _check_time(seal, now or datetime.now(timezone.utc))
    if not hmac.compare_digest(_signature(method, parts, query, seal, sent, secret_key), seal.signature):
        raise Refused("SignatureDoesNotMatch")
    return seal


def accepts(
    method: str, url: str, secret_key: str, headers: Mapping[str, str] | None = None, *, now: datetime | None = None
) -> bool:
    """Whether a store would do what the request asks for."""
    try:
        verify(method, url, secret_key, headers, now=now)
    except Refused:
        return False
    return True


def parameters_of(url: str) -> dict[str, str]:
    """Return the query as a store reads it."""
    return {name.decode(): value.decode() for name, value in _parameters(urlsplit(url).query)}


def _parameters(query: str) -> list[tuple[bytes, bytes]]:
    pairs = [pair.partition("=") for pair in query.split("&")]
    return [(unquote_to_bytes(name), unquote_to_bytes(value)) for name, _, value in pairs]


def _seal(query: list[tuple[bytes, bytes]]) -> Seal:
    found = {name: [value.decode() for word, value in query if word == f"X-Amz-{name}".encode()] for name in _NEEDED}
    if any(len(values) != 1 for values in found.values()):
        raise Refused(f"AuthorizationQueryParametersError: {found}")
    given = {name: values[0] for name, values in found.items()}
    if given["Algorithm"] != "AWS4-HMAC-SHA256":
        raise Refused(f"algorithm {given['Algorithm']}")
    if not re.fullmatch(r"\d{8}T\d{6}Z", given["Date"]) or not re.fullmatch(r"\d{1,6}", given["Expires"]):
        raise Refused(f"date {given['Date']}, expires {given['Expires']}")
    access_key, *scope = given["Credential"].rsplit("/", 4)
    if len(scope) != 4 or not all((access_key, *scope)) or scope[-1] != "aws4_request":
        raise Refused(f"credential {given['Credential']}")
    if scope[0] != given["Date"][:8]:
        raise Refused(f"a key of {scope[0]} signed on {given['Date']}")
    date = datetime.strptime(given["Date"], "%Y%m%dT%H%M%SZ").replace(tzinfo=timezone.utc)
    names = tuple(given["SignedHeaders"].split(";"))
    return Seal(access_key, tuple(scope), date, int(given["Expires"]), names, given["Signature"])


def _check_names(seal: Seal, sent: Mapping[str, str]) -> None:
    if list(seal.names) != sorted({name.lower() for name in seal.names}) or "host" not in seal.names:
        raise Refused(f"signed headers {seal.names}")
    missing = [name for name in seal.names if name not in sent]
    unsigned = [name for name in sent if name.startswith("x-amz-") and name not in seal.names]
    if missing or unsigned:
        raise Refused(f"headers that are not sent: {missing}, that are not signed: {unsigned}")


def _check_time(seal: Seal, now: datetime) -> None:
    if not 1 <= seal.expires <= LONGEST:
        raise Refused(f"a life of {seal.expires} seconds")
    if seal.date > now + MOST_SKEW:
        raise Refused(f"signed at {seal.date}, which is to come")
    if now >= seal.ends:
        raise Refused(f"expired at {seal.ends}")


def _host(parts: SplitResult) -> str:
    """Return what an HTTP client sends as the host: the port only where it is not the usual one."""
    return parts.netloc.rpartition("@")[2].lower().removesuffix(_PORTS[parts.scheme])


def _signature(
    method: str,
    parts: SplitResult,
    query: list[tuple[bytes, bytes]],
    seal: Seal,
    sent: Mapping[str, str],
    secret_key: str,
) -> str:
    pairs = sorted((_quoted(name), _quoted(value)) for name, value in query if name != b"X-Amz-Signature")
    canonical = [
        method,
        _quoted(unquote_to_bytes(parts.path), b"/"),
        "&".join(f"{name}={value}" for name, value in pairs),
        *(f"{name}:{sent[name]}" for name in seal.names),
        "",
        ";".join(seal.names),
        "UNSIGNED-PAYLOAD",
    ]
    digest = hashlib.sha256("\n".join(canonical).encode()).hexdigest()
    text = "\n".join(["AWS4-HMAC-SHA256", f"{seal.date:%Y%m%dT%H%M%SZ}", "/".join(seal.scope), digest])
    return mac(signing_key(secret_key, seal.scope), text).hex()


def signing_key(secret_key: str, scope: tuple[str, ...]) -> bytes:
    """Return the key of a day, region and service."""
    key = f"AWS4{secret_key}".encode()
    for word in scope:
        key = mac(key, word)
    return key


def mac(key: bytes, text: str) -> bytes:
    """Return the HMAC-SHA256 of a text."""
    return hmac.new(key, text.encode(), hashlib.sha256).digest()


def _quoted(text: bytes, safe: bytes = b"") -> str:
    return "".join(chr(byte) if byte in _UNRESERVED or byte in safe else f"%{byte:02X}" for byte in text)
