"""What Google Cloud Storage checks of a V4 signature in a URL, written from its description alone.

See https://cloud.google.com/storage/docs/authentication/signatures and the page on canonical requests beside it. No
emulator checks any of it.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

ALGORITHM = "GOOG4-RSA-SHA256"
LONGEST = 7 * 24 * 3600
#: How far the clock of who signed may be ahead.
SKEW = timedelta(minutes=15)

_UNRESERVED = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")
_URL = re.compile(r"(https?)://([^/?#]+)(/[^?#]*)\?([^#]*)")
_ESCAPE = re.compile(rb"%([0-9A-Fa-f]{2})")
_NEEDED = ("Algorithm", "Credential", "Date", "Expires", "SignedHeaders", "Signature")


class Refused(Exception):
    """The store would answer 400 or 403."""


@dataclass(frozen=True)
class Verified:
    """What a signature allows."""

    path: str
    query: dict[str, str]
    expires_at: datetime


def verify(
    method: str,
    url: str,
    headers: Mapping[str, str] | None = None,
    *,
    keys: Mapping[str, rsa.RSAPublicKey],
    now: datetime | None = None,
) -> Verified:
    """Check a request whose URL is signed.

    :param headers: What is sent beside ``Host``.
    :param keys: The public keys of the service accounts by their addresses.
    :raises Refused: saying why.
    """
    found = _URL.fullmatch(url)
    if found is None:
        raise Refused("this is no URL with a query")
    host, path, query = found[2], found[3], _parameters(found[4])
    email, scope = _credential(query)
    expires_at = _life(query, scope, now or datetime.now(timezone.utc))
    signed_headers = _signed_headers(query, {"host": host, **(headers or {})})
    text = _text_to_sign(method, path, query, signed_headers, scope)
    if email not in keys:
        raise Refused(f"nobody knows {email}")
    try:
        signature = bytes.fromhex(query["X-Goog-Signature"])
        keys[email].verify(signature, text.encode(), padding.PKCS1v15(), hashes.SHA256())
    except (InvalidSignature, ValueError) as error:
        raise Refused("this was not signed") from error
    return Verified(_decoded(path), query, expires_at)


def _parameters(query: str) -> dict[str, str]:
    """Return the parameters; each is there once, and written as it has to be."""
    found: dict[str, str] = {}
    for pair in query.split("&"):
        name, equals, value = pair.partition("=")
        if not equals or _encoded(_decoded(name)) != name or _encoded(_decoded(value)) != value:
            raise Refused(f"{pair} is written otherwise than it is signed")
        if _decoded(name) in found:
            raise Refused(f"{name} is there twice")
        found[_decoded(name)] = _decoded(value)
    missing = [word for word in _NEEDED if f"X-Goog-{word}" not in found]
    if missing:
        raise Refused(f"{missing} is missing")
    return found


def _credential(query: Mapping[str, str]) -> tuple[str, str]:
    """Return who signed, and for what."""
    if query["X-Goog-Algorithm"] != ALGORITHM:
        raise Refused("no such algorithm")
    email, _, scope = query["X-Goog-Credential"].partition("/")
    if not re.fullmatch(r"[0-9]{8}/[a-z0-9-]+/storage/goog4_request", scope):
        raise Refused(f"{scope} is no scope")
    return email, scope


def _life(query: Mapping[str, str], scope: str, now: datetime) -> datetime:
    """Return when the URL ends, which is yet to come."""
    date, seconds = query["X-Goog-Date"], query["X-Goog-Expires"]
    if not re.fullmatch(r"[0-9]{8}T[0-9]{6}Z", date) or date[:8] != scope[:8]:
        raise Refused(f"{date} is no date, or another one than in {scope}")
    if not re.fullmatch(r"[0-9]{1,6}", seconds) or not 1 <= int(seconds) <= LONGEST:
        raise Refused(f"{seconds} seconds are no life")
    begins = datetime.strptime(date, "%Y%m%dT%H%M%SZ").replace(tzinfo=timezone.utc)
    ends = begins + timedelta(seconds=int(seconds))
    if begins > now + SKEW:
        raise Refused(f"it is not {begins} yet")
    if now >= ends:
        raise Refused(f"it ended at {ends}")
    return ends


def _signed_headers(query: Mapping[str, str], sent: Mapping[str, str]) -> dict[str, str]:
    """Return the headers that are signed, which must be all of the store's own."""
    lower = {name.lower(): " ".join(value.split()) for name, value in sent.items()}
    names = query["X-Goog-SignedHeaders"].split(";")
    if names != sorted(set(names)) or "host" not in names:
        raise Refused(f"{names} must be sorted, and have the host")
    if [name for name in names if name not in lower]:
        raise Refused("a header that is signed was not sent")
    if [name for name in lower if name.startswith("x-goog-") and name not in names]:
        raise Refused("a header that was sent is not signed")
    return {name: lower[name] for name in names}


def _text_to_sign(
    method: str, path: str, query: Mapping[str, str], signed_headers: Mapping[str, str], scope: str
) -> str:
    pairs = sorted((_encoded(name), _encoded(value)) for name, value in query.items() if name != "X-Goog-Signature")
    lines = [method, "/".join(_encoded(_decoded(part)) for part in path.split("/"))]
    lines.append("&".join(f"{name}={value}" for name, value in pairs))
    lines += [f"{name}:{value}" for name, value in signed_headers.items()]
    lines += ["", ";".join(signed_headers), "UNSIGNED-PAYLOAD"]
    digest = hashlib.sha256("\n".join(lines).encode()).hexdigest()
    return "\n".join([ALGORITHM, query["X-Goog-Date"], scope, digest])


def _encoded(text: str) -> str:
    return "".join(chr(byte) if byte in _UNRESERVED else f"%{byte:02X}" for byte in text.encode())


def _decoded(text: str) -> str:
    return _ESCAPE.sub(lambda found: bytes([int(found[1], 16)]), text.encode()).decode()
