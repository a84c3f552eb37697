"""Signed URLs of S3, of which a page may need a thousand: the SDK signs one as a sample, the rest is made after it."""

from __future__ import annotations

import hmac
import time
from dataclasses import dataclass, field
from datetime import datetime, timezone
from functools import lru_cache
from math import floor
from typing import Any, cast
from urllib.parse import quote, unquote, urlsplit
from weakref import WeakKeyDictionary

from ...exceptions import NotSupportedError
from ...models import MAX_EXPIRY, LinkMethod, LinkOptions, SignedURL, check_expiry
from .._cloud.translate import translating
from .._cloud.v4 import canonical_path, canonical_query, string_to_sign
from .client import BACKEND, S3Calls
from .credentials import signing_credentials
from .errors import meaning
from .signing import refuse_secrets

_ALGORITHM = "AWS4-HMAC-SHA256"
_TIME = "%Y%m%dT%H%M%SZ"
_OPERATIONS: dict[LinkMethod, str] = {"GET": "get_object", "HEAD": "head_object"}
#: What has to travel as a header, which a link in a page cannot.
_NEEDS_HEADERS = ("RequestPayer", "ExpectedBucketOwner")

#: What the sample is signed with: enough to find out whether all that needs quoting is quoted alike.
_SAMPLE_NAME = "uploadkit/a b+%~'ü?#&=;.txt"
_SAMPLE_SECONDS = 60
_SAMPLE_TYPE = "a/b; c=~+%2F"
_SAMPLE_DISPOSITION = 'attachment; filename="\' &=?#*()"'
#: The parameters that each URL has of its own.
_OWN = frozenset(
    {
        *("X-Amz-Algorithm", "X-Amz-Credential", "X-Amz-Date", "X-Amz-Expires", "X-Amz-SignedHeaders"),
        *("X-Amz-Signature", "X-Amz-Security-Token", "response-content-type", "response-content-disposition"),
    }
)
#: What takes part in making a URL, and may be somebody's own.
_EVENTS = (
    "provide-client-params",
    "before-parameter-build",
    "before-endpoint-resolution",
    "choose-signer",
    "before-sign",
)


@dataclass(frozen=True)
class _Stamp:
    """What the URLs of one second, with one length of life, have in common.

    :param key: What signs them.
    :param time: When their life begins.
    :param query: The parameters that say so, and who signed, quoted and in order.
    """

    key: bytes = field(repr=False)
    time: str
    scope: str
    query: str = field(repr=False)


@dataclass(frozen=True)
class _Place:
    """How the URLs of a bucket look.

    :param origin: Scheme and host.
    :param host: The host as it is signed.
    :param path: What comes before the object's name.
    :param scope: Region, service and what they end with.
    :param extra: Parameters that all the URLs have, quoted.
    """

    method: LinkMethod
    origin: str
    host: str
    path: str
    scope: str
    extra: tuple[tuple[str, str], ...]

    def url(self, credentials: Any, name: str, begins: int, seconds: int, options: LinkOptions) -> str:
        """Return the URL of an object."""
        who = credentials.access_key, credentials.secret_key, credentials.token
        stamp = _stamp(*who, self.scope, begins, seconds)
        path, query = self.path + canonical_path(name), stamp.query + self._wishes(options)
        text = string_to_sign(
            _ALGORITHM, stamp.time, stamp.scope, method=self.method, host=self.host, path=path, query=query
        )
        signature = hmac.digest(stamp.key, text.encode(), "sha256").hex()
        return f"{self.origin}{path}?{query}&X-Amz-Signature={signature}"

    def _wishes(self, options: LinkOptions) -> str:
        """Return the parameters that say how to answer; in the alphabet they come after the others."""
        pairs = [*self.extra]
        if options.content_type is not None:
            pairs.append(("response-content-type", _quoted(options.content_type)))
        if options.content_disposition is not None:
            pairs.append(("response-content-disposition", _quoted(options.content_disposition)))
        return "".join([f"&{name}={value}" for name, value in sorted(pairs)])


@dataclass(frozen=True, eq=False)
class _Known:
    """What was found out of a client with these credentials; no place where only the SDK knows how it signs."""

    client: Any
    credentials: Any = field(repr=False)
    place: _Place | None


_known: WeakKeyDictionary[S3Calls, dict[LinkMethod, _Known]] = WeakKeyDictionary()


def signed_url(calls: S3Calls, key: str, expires_in: int, options: LinkOptions) -> SignedURL:
    """Return a URL that reads a file, see `SupportsSigning.signed_url`.

    Where it is not known how the SDK signs (the old ``"s3"`` signatures, S3 Express, keys of several regions, event
    handlers of a client that was handed in), the SDK does it: then the life of the URL begins now, whatever
    ``options.signed_at`` says, and ends when it was asked to.
    """
    check_expiry(expires_in)
    name = calls.place.stored(key)
    with translating(meaning, "sign a URL of", key, BACKEND):
        client = calls.client
        credentials, end = signing_credentials(client)
        place = _place(calls, client, credentials, options.method, key)
        begins = floor(time.time() if options.signed_at is None else options.signed_at.timestamp())
        ends = begins + expires_in if end is None else max(min(begins + expires_in, end), begins + 1)
        if place is None:
            return _by_the_sdk(calls, client, name, ends, options)
        return SignedURL(place.url(credentials, name, begins, ends - begins, options), _moment(ends))


def _by_the_sdk(calls: S3Calls, client: Any, name: str, ends: int, options: LinkOptions) -> SignedURL:
    now = floor(time.time())
    seconds = min(max(ends - now, 1), MAX_EXPIRY)
    return SignedURL(_presigned(calls, client, name, seconds, options), _moment(now + seconds))


def _presigned(calls: S3Calls, client: Any, name: str, seconds: int, options: LinkOptions) -> str:
    operation = _OPERATIONS[options.method]
    asked = {"ResponseContentType": options.content_type, "ResponseContentDisposition": options.content_disposition}
    given = {parameter: value for parameter, value in asked.items() if value is not None}
    place = {"Bucket": calls.place.bucket, "Key": name}
    parameters = {**calls.parameters(operation), **given, **place}
    return cast("str", client.generate_presigned_url(operation, Params=parameters, ExpiresIn=seconds))


def _place(calls: S3Calls, client: Any, credentials: Any, method: LinkMethod, key: str) -> _Place | None:
    """Return how the client's URLs look, learned once for each client and its credentials."""
    known = _known.get(calls, {}).get(method)
    if known is None or known.client is not client or known.credentials != credentials:
        _refuse_headers(calls, _OPERATIONS[method])
        refuse_secrets(calls, key)
        place = None if credentials is None else _learn(calls, client, credentials, method)
        known = _Known(client, credentials, place)
        _known.setdefault(calls, {})[method] = known
    return known.place


def _learn(calls: S3Calls, client: Any, credentials: Any, method: LinkMethod) -> _Place | None:
    """Let the SDK sign a sample; return how it looks if one of ours is the same."""
    if calls.options.client is not None and _has_own_handlers(client, calls, method):
        return None
    name = calls.place.prefix + _SAMPLE_NAME
    options = LinkOptions(method, _SAMPLE_TYPE, _SAMPLE_DISPOSITION)
    url = _presigned(calls, client, name, _SAMPLE_SECONDS, options)
    pairs = _pairs(url)
    begins, path = dict(pairs).get("X-Amz-Date"), urlsplit(url).path
    if begins is None or not path.endswith(canonical_path(name)):
        return None
    moment = datetime.strptime(begins, _TIME).replace(tzinfo=timezone.utc)
    place = _seen(url, pairs, path.removesuffix(canonical_path(name)), method)
    ours = place.url(credentials, name, int(moment.timestamp()), _SAMPLE_SECONDS, options)
    same = ours.partition("?")[0] == url.partition("?")[0] and _pairs(ours) == pairs
    return place if same else None


def _seen(url: str, pairs: list[tuple[str, str]], path: str, method: LinkMethod) -> _Place:
    parts = urlsplit(url)
    usual_port = ":443" if parts.scheme == "https" else ":80"
    scope = unquote(dict(pairs).get("X-Amz-Credential", "")).rsplit("/", 3)[1:]
    return _Place(
        method=method,
        origin=f"{parts.scheme}://{parts.netloc}",
        host=parts.netloc.lower().removesuffix(usual_port),
        path=path,
        scope="/".join(scope),
        extra=tuple(pair for pair in pairs if pair[0] not in _OWN),
    )


def _pairs(url: str) -> list[tuple[str, str]]:
    """Return the parameters of a URL as they stand there, in their order."""
    found = (pair.partition("=") for pair in url.partition("?")[2].split("&"))
    return sorted((name, value) for name, _, value in found)


def _has_own_handlers(client: Any, calls: S3Calls, method: LinkMethod) -> bool:
    """Whether somebody has a hand in what the client signs: one sample says nothing of what that does to others."""
    operation = client.meta.method_to_api_mapping[_OPERATIONS[method]]
    handlers = getattr(getattr(client.meta.events, "_emitter", None), "_handlers", None)
    if handlers is None:
        return True
    found = (handler for event in _EVENTS for handler in handlers.prefix_search(f"{event}.s3.{operation}"))
    return not all(str(getattr(handler, "__module__", "")).startswith("botocore.") for handler in found)


@lru_cache(maxsize=64)
def _stamp(access_key: str, secret_key: str, token: str | None, place_scope: str, begins: int, seconds: int) -> _Stamp:
    moment = _moment(begins).strftime(_TIME)
    scope = f"{moment[:8]}/{place_scope}"
    parameters = {
        "X-Amz-Algorithm": _ALGORITHM,
        "X-Amz-Credential": f"{access_key}/{scope}",
        "X-Amz-Date": moment,
        "X-Amz-Expires": str(seconds),
        **({} if token is None else {"X-Amz-Security-Token": token}),
        "X-Amz-SignedHeaders": "host",
    }
    return _Stamp(_signing_key(secret_key, scope), moment, scope, canonical_query(parameters.items()))


@lru_cache(maxsize=64)
def _signing_key(secret_key: str, scope: str) -> bytes:
    key = f"AWS4{secret_key}".encode()
    for word in scope.split("/"):
        key = hmac.digest(key, word.encode(), "sha256")
    return key


@lru_cache(maxsize=256)
def _quoted(value: str) -> str:
    return quote(value, safe="~")


def _moment(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, timezone.utc)


def _refuse_headers(calls: S3Calls, operation: str) -> None:
    needed = [name for name in _NEEDS_HEADERS if name in calls.parameters(operation)]
    if needed:
        raise NotSupportedError(
            f"A link cannot carry the headers that {', '.join(needed)} need; serve the files through the app instead.",
            backend=BACKEND,
        )
