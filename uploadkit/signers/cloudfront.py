"""Signed URLs of Amazon CloudFront.

See https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/private-content-signed-urls.html.
"""

from __future__ import annotations

import base64
import json
import os
import re
from collections.abc import Callable
from dataclasses import KW_ONLY, InitVar, dataclass, field
from ipaddress import IPv4Network
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import parse_qsl, quote, urlsplit

from ..exceptions import ConfigError, NotSupportedError
from .request import LinkRequest

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric import ec, rsa

    PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey

_RSA_BITS = 2048
_EXPECTED = "a private key in PEM, RSA with 2,048 bits or ECDSA on the curve P-256, without a passphrase"
#: What CloudFront's own parameters are called; see "Create a signed URL using a custom policy".
_OWN = frozenset({"Expires", "Policy", "Signature", "Key-Pair-Id", "Hash-Algorithm"})
#: What a URL has to quote to be the same in a policy, in JSON, and in a request. ``*`` would be a wildcard.
_UNQUOTED = re.compile(r"""[^!-~]|["\\#*]""")
_RESOURCE = re.compile(r"""(https?://|\*)[!$-\[\]-~]*""")
_URL_SAFE = bytes.maketrans(b"+=/", b"-_~")


@dataclass(frozen=True, eq=False)
class CloudFrontSigner:
    """Signs URLs for an Amazon CloudFront distribution whose behaviour has a trusted key group.

    A URL of CloudFront is not bound to a method: it allows all that the distribution's behaviour does. Without
    ``forward_overrides`` it is not bound to a content type or disposition either: CloudFront answers with what is
    stored with the file. The same request makes the same URL again.

    :param key_id: The id of the public key in CloudFront, such as ``K2JCJMDEHXQW5F``.
    :param private_key: The private key in PEM (RSA with 2,048 bits, or ECDSA on P-256), or the path of its file.
    :param policy: ``"canned"`` allows one URL until it expires. ``"custom"`` makes longer URLs that can do more:
    :param ip_address: Whom to allow, as an IPv4 address or network: ``"192.0.2.0/24"``. Needs a custom policy.
    :param not_before: Whether to refuse requests before the URL's life begins. Needs a custom policy.
    :param resource: Which URLs are allowed by the signature, with ``*`` for any characters and ``?`` for one:
        ``"https://cdn.example.com/photos/*"``. Needs a custom policy; else it is the one URL.
    :param hash_algorithm: ``"SHA1"``, which CloudFront supposes, or ``"SHA256"``.
    :param forward_overrides: Whether to ask S3, through CloudFront, for the content type and disposition of the
        request. The distribution has to forward ``response-content-type`` and ``response-content-disposition``, to
        have them in its cache key, and to sign its requests to S3. Excludes ``resource``, which would let a visitor
        change them.
    :raises ConfigError: if a value means nothing, the key is another one, or cryptography is not installed.
    """

    key_id: str
    private_key: InitVar[str | bytes | os.PathLike[str]]
    _: KW_ONLY
    policy: Literal["canned", "custom"] = "canned"
    ip_address: str | None = None
    not_before: bool = False
    resource: str | None = None
    hash_algorithm: Literal["SHA1", "SHA256"] = "SHA1"
    forward_overrides: bool = False
    _sign: Callable[[bytes], bytes] = field(init=False, repr=False)

    def __post_init__(self, private_key: str | bytes | os.PathLike[str]) -> None:
        self._check()
        if self.ip_address is not None:
            object.__setattr__(self, "ip_address", _network(self.ip_address))
        object.__setattr__(self, "_sign", _signing_with(_load(_pem(private_key)), self.hash_algorithm))

    def __call__(self, request: LinkRequest) -> str:
        """Return the URL of ``request``, signed.

        :raises ConfigError: if it has no URL that CloudFront could serve, or one that ``resource`` does not allow.
        :raises NotSupportedError: if a download or another type is asked for, without ``forward_overrides``.
        """
        url = _checked_url(request)
        if request.overrides and not self.forward_overrides:
            raise NotSupportedError(
                "CloudFront answers with the type and disposition that are stored. For downloads and other types, let "
                "the distribution forward them to S3 and give CloudFrontSigner forward_overrides=True.",
                key=request.key,
            )
        if self.forward_overrides:
            url = _extended(url, _overrides(request))
        if self.resource is not None and not _matches(self.resource, url):
            raise ConfigError(f"CloudFrontSigner's resource {self.resource!r} does not allow {url!r}.")
        statement = self._statement(url, request)
        return _extended(url, [*self._terms(statement, request), ("Key-Pair-Id", self.key_id), *self._hash()])

    def _statement(self, url: str, request: LinkRequest) -> bytes:
        """Return the policy; of a canned one CloudFront makes each byte anew, so its form is fixed."""
        condition: dict[str, Any] = {"DateLessThan": {"AWS:EpochTime": int(request.expires_at.timestamp())}}
        if self.ip_address is not None:
            condition["IpAddress"] = {"AWS:SourceIp": self.ip_address}
        if self.not_before:
            condition["DateGreaterThan"] = {"AWS:EpochTime": int(request.signed_at.timestamp())}
        statement = {"Resource": self.resource or url, "Condition": condition}
        return json.dumps({"Statement": [statement]}, separators=(",", ":")).encode()

    def _terms(self, statement: bytes, request: LinkRequest) -> list[tuple[str, str]]:
        if self.policy == "canned":
            first = ("Expires", str(int(request.expires_at.timestamp())))
        else:
            first = ("Policy", _encoded(statement))
        return [first, ("Signature", _encoded(self._sign(statement)))]

    def _hash(self) -> list[tuple[str, str]]:
        return [] if self.hash_algorithm == "SHA1" else [("Hash-Algorithm", self.hash_algorithm)]

    def _check(self) -> None:
        _check_choice("policy", self.policy, ("canned", "custom"))
        _check_choice("hash_algorithm", self.hash_algorithm, ("SHA1", "SHA256"))
        if not re.fullmatch("[A-Za-z0-9]{1,64}", self.key_id):  # the private key, perhaps: it is not shown
            raise ConfigError("CloudFrontSigner's key_id must be the id that CloudFront gave the public key.")
        if self.policy == "canned" and (self.ip_address is not None or self.not_before or self.resource is not None):
            raise ConfigError("CloudFrontSigner's ip_address, not_before and resource need policy='custom'.")
        if self.resource is not None and not _RESOURCE.fullmatch(self.resource):
            raise ConfigError(
                f"CloudFrontSigner's resource must begin with 'http://', 'https://' or '*' and be quoted as in a "
                f"URL, not {self.resource!r}."
            )
        if self.resource is not None and self.forward_overrides:
            raise ConfigError(
                "CloudFrontSigner's resource and forward_overrides exclude each other: a visitor could change what "
                "was asked for. Leave out resource, so that each URL is signed as a whole."
            )


def _check_choice(name: str, value: str, choices: tuple[str, ...]) -> None:
    if value not in choices:
        raise ConfigError(f"CloudFrontSigner's {name} must be {' or '.join(map(repr, choices))}, not {value!r}.")


def _network(address: str) -> str:
    try:
        return str(IPv4Network(address))
    except ValueError as error:
        raise ConfigError(
            f"CloudFrontSigner's ip_address must be an IPv4 address or network such as '192.0.2.0/24': {error}. "
            f"CloudFront knows no IPv6 there."
        ) from error


def _checked_url(request: LinkRequest) -> str:
    """Return the URL to sign if CloudFront can serve and compare it."""
    url = request.url or ""
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ConfigError(
            f"The upload set {request.set_name!r} has no URL that CloudFront could serve. Set "
            f"UPLOADED_{request.set_name.upper()}_URL to where the distribution offers its files, with the slash at "
            f"its end, or give its backend the option 'custom_domain'."
        )
    if found := _UNQUOTED.search(url):
        raise ConfigError(f"CloudFront cannot compare {url!r}: {found[0]!r} has to be quoted.")
    if parts.netloc != parts.netloc.lower():
        raise ConfigError(f"CloudFront cannot compare {url!r}: browsers ask for its host in lower case.")
    if taken := _OWN.intersection(name for name, _ in parse_qsl(parts.query, keep_blank_values=True)):
        raise ConfigError(f"The URL {url!r} may not have CloudFront's own parameter {min(taken)!r}.")
    return url


def _overrides(request: LinkRequest) -> list[tuple[str, str]]:
    asked = {
        "response-content-type": request.options.content_type,
        "response-content-disposition": request.options.content_disposition,
    }
    return [(name, quote(value, safe="")) for name, value in asked.items() if value is not None]


def _extended(url: str, parameters: list[tuple[str, str]]) -> str:
    query = "&".join(f"{name}={value}" for name, value in parameters)
    if not query:
        return url
    return f"{url}{'&' if '?' in url else '?'}{query}"


def _matches(resource: str, url: str) -> bool:
    pattern = "".join({"*": ".*", "?": "."}.get(letter) or re.escape(letter) for letter in resource)
    return re.fullmatch(pattern, url) is not None


def _encoded(content: bytes) -> str:
    return base64.b64encode(content).translate(_URL_SAFE).decode()


def _pem(private_key: str | bytes | os.PathLike[str]) -> bytes:
    """Return the PEM that was given, or that the file holds; what is no path might be a key, and is never shown."""
    if isinstance(private_key, bytes):
        return private_key
    if isinstance(private_key, str) and "-----BEGIN" in private_key:
        return private_key.encode()
    try:
        return Path(private_key).read_bytes()
    except OSError as error:
        reason = error.strerror
    except (TypeError, ValueError):
        reason = "it cannot be a path"
    shown = "what was given" if isinstance(private_key, str) else repr(private_key)
    raise ConfigError(f"CloudFrontSigner needs {_EXPECTED}, or the path of its file; {shown} is neither: {reason}.")


def _load(pem: bytes) -> PrivateKey:
    """Return the key; the errors of cryptography are not chained, since they may quote from it."""
    try:
        from cryptography.exceptions import UnsupportedAlgorithm
        from cryptography.hazmat.primitives.serialization import load_pem_private_key
    except ImportError as error:
        raise ConfigError(
            "CloudFrontSigner needs cryptography, which is not installed: pip install 'uploadkit[cloudfront]'."
        ) from error
    try:
        return _accepted(load_pem_private_key(pem, password=None))
    except TypeError:
        reason = "this one is encrypted"
    except (ValueError, UnsupportedAlgorithm):
        reason = "this cannot be read as one. In an environment variable, line ends may have become '\\n'"
    raise ConfigError(f"CloudFrontSigner needs {_EXPECTED}; {reason}.")


def _accepted(key: object) -> PrivateKey:
    from cryptography.hazmat.primitives.asymmetric import ec, rsa

    if isinstance(key, rsa.RSAPrivateKey):
        if key.key_size == _RSA_BITS:
            return key
        found = f"RSA with {key.key_size:,} bits"
    elif isinstance(key, ec.EllipticCurvePrivateKey):
        if isinstance(key.curve, ec.SECP256R1):
            return key
        found = f"on the curve {key.curve.name}"
    else:
        found = "of another kind"
    raise ConfigError(f"CloudFrontSigner needs {_EXPECTED}; this one is {found}.")


def _signing_with(key: PrivateKey, hash_algorithm: str) -> Callable[[bytes], bytes]:
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import padding, rsa

    # What CloudFront supposes where the URL does not say otherwise, so it is no choice of ours.
    algorithm = hashes.SHA1() if hash_algorithm == "SHA1" else hashes.SHA256()  # noqa: S303
    if isinstance(key, rsa.RSAPrivateKey):
        return lambda message: key.sign(message, padding.PKCS1v15(), algorithm)
    scheme = _ecdsa(algorithm)
    return lambda message: key.sign(message, scheme)


def _ecdsa(algorithm: Any) -> ec.ECDSA:
    """Return ECDSA that signs the same text the same way (RFC 6979), where OpenSSL can: since 3.2."""
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric import ec

    try:
        return ec.ECDSA(algorithm, deterministic_signing=True)
    except UnsupportedAlgorithm:
        return ec.ECDSA(algorithm)
