"""What a test of CloudFront's signatures needs: keys, requests, and the part of CloudFront that lets visitors in.

It knows a URL and the public key, nothing else, and follows the vendor's description of the policies.
"""

from __future__ import annotations

import base64
import json
import re
from datetime import datetime, timedelta, timezone
from ipaddress import ip_address, ip_network
from typing import Any

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa

from uploadkit.models import LinkOptions
from uploadkit.signers import CloudFrontSigner, LinkRequest

SIGNED_AT = datetime(2026, 1, 31, 12, 0, tzinfo=timezone.utc)
EXPIRES_AT = SIGNED_AT + timedelta(hours=1)
NOW = SIGNED_AT + timedelta(minutes=5)
URL = "https://cdn.example.com/photos/me.png"
RSA = rsa.generate_private_key(public_exponent=65537, key_size=2048)
EC = ec.generate_private_key(ec.SECP256R1())
KEYS = {"RSA": RSA, "EC": EC}


def pem(key: Any, encryption: Any = None, form: str = "PKCS8") -> str:
    """Return a private key as PEM."""
    encryption = encryption or serialization.NoEncryption()
    private_format = getattr(serialization.PrivateFormat, form)
    return str(key.private_bytes(serialization.Encoding.PEM, private_format, encryption).decode())


def signer_with(key: Any = RSA, **options: Any) -> CloudFrontSigner:
    return CloudFrontSigner("K2JCJMDEHXQW5F", pem(key), **options)


def request_for(url: str | None = URL, **options: Any) -> LinkRequest:
    asked = LinkOptions(signed_at=SIGNED_AT, **options)
    return LinkRequest("photos", "me.png", url, "s3://bucket/photos/me.png", SIGNED_AT, EXPIRES_AT, asked)


def decoded(value: str) -> bytes:
    """Undo CloudFront's own form of Base64."""
    assert not set(value) & set("+/="), "not for a query"
    return base64.b64decode(value.replace("-", "+").replace("_", "=").replace("~", "/"), validate=True)


def opened(url: str) -> tuple[str, dict[str, str]]:
    """Take CloudFront's parameters, which come last, off a URL."""
    base, own = re.split(r"[?&](?=(?:Expires|Policy)=[^?]*$)", url)
    return base, dict(term.split("=", 1) for term in own.split("&"))


def verify(url: str, key: Any, *, now: datetime = NOW, visitor: str = "192.0.2.7") -> dict[str, Any]:
    """Let a request in as CloudFront does, and return the policy.

    :raises InvalidSignature: if the URL is not one that the key signed.
    :raises PermissionError: if the policy does not allow the request.
    """
    base, own = opened(url)
    assert own["Key-Pair-Id"] == "K2JCJMDEHXQW5F"
    if "Expires" in own:
        condition = '{"DateLessThan":{"AWS:EpochTime":' + own["Expires"] + "}}"
        text = '{"Statement":[{"Resource":"' + base + '","Condition":' + condition + "}]}"
    else:
        text = decoded(own["Policy"]).decode()
    algorithm = {"SHA1": hashes.SHA1(), "SHA256": hashes.SHA256()}[own.get("Hash-Algorithm", "SHA1")]
    how = (padding.PKCS1v15(), algorithm) if isinstance(key, rsa.RSAPrivateKey) else (ec.ECDSA(algorithm),)
    key.public_key().verify(decoded(own["Signature"]), text.encode(), *how)
    policy: dict[str, Any] = json.loads(text)
    allow(policy, base, now, visitor, exact="Expires" in own)
    return policy


def allow(policy: dict[str, Any], base: str, now: datetime, visitor: str, *, exact: bool) -> None:
    statement = policy["Statement"][0]
    condition, resource = statement["Condition"], statement["Resource"]
    pattern = re.escape(resource).replace(r"\*", ".*").replace(r"\?", ".")
    if not (resource == base if exact else re.fullmatch(pattern, base)):
        raise PermissionError("resource")
    if now.timestamp() >= condition["DateLessThan"]["AWS:EpochTime"]:
        raise PermissionError("late")
    if now.timestamp() <= condition.get("DateGreaterThan", {}).get("AWS:EpochTime", 0):
        raise PermissionError("early")
    if ip_address(visitor) not in ip_network(condition.get("IpAddress", {}).get("AWS:SourceIp", "0.0.0.0/0")):
        raise PermissionError("address")
