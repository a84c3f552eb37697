"""What `CloudFrontSigner` refuses, and in which words."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("cryptography")

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from tests.signers.edge import RSA, URL, pem, request_for, signer_with
from uploadkit.exceptions import ConfigError
from uploadkit.signers import CloudFrontSigner

ENCRYPTED = pem(RSA, serialization.BestAvailableEncryption(b"secret"))
PUBLIC = RSA.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
BAD_KEYS = {
    "encrypted": (ENCRYPTED, "this one is encrypted"),
    "encrypted in the old form": (
        pem(RSA, serialization.BestAvailableEncryption(b"secret"), "TraditionalOpenSSL"),
        "this one is encrypted",
    ),
    "public": (PUBLIC, "cannot be read as one"),
    "one line": (pem(RSA).replace("\n", "\\n"), r"line ends may have become '\\n'"),
    "cut": (pem(RSA)[:500], "cannot be read as one"),
    "no PEM": (b"MIIEvQIBADANBgkqhkiG9w0BAQEFAASC", "cannot be read as one"),
    "empty": (b"", "cannot be read as one"),
    "without its frame": ("MIIEvQIBADANBgkqhkiG9w0BAQEFAASC", "what was given is neither: No such file"),
    "no path": ("MIIEvQIBAD\0", "what was given is neither: it cannot be a path"),
    "a number": (5, "5 is neither: it cannot be a path"),
    "a curve that CloudFront does not know": (pem(ec.generate_private_key(ec.SECP384R1())), "on the curve secp384r1"),
    "too short": (pem(rsa.generate_private_key(public_exponent=65537, key_size=1024)), "RSA with 1,024 bits"),
    "too long": (pem(rsa.generate_private_key(public_exponent=65537, key_size=3072)), "RSA with 3,072 bits"),
    "another kind": (pem(ed25519.Ed25519PrivateKey.generate()), "of another kind"),
}


@pytest.mark.parametrize("case", BAD_KEYS)
def test_a_key_that_cloudfront_would_not_know_is_refused_without_showing_it(case: str) -> None:
    given, reason = BAD_KEYS[case]
    with pytest.raises(ConfigError, match=rf"RSA with 2,048 bits or ECDSA on the curve P-256.*{reason}") as caught:
        CloudFrontSigner("K2JCJMDEHXQW5F", given)  # type: ignore[arg-type]
    text = given.decode() if isinstance(given, bytes) else str(given)
    lines = [line for line in text.replace("\\n", "\n").splitlines() if len(line) > 8 and "-----" not in line]
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None
    assert not any(line in str(caught.value) for line in lines)


def test_a_missing_file_is_named_where_it_can_only_be_a_file(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"none\.pem.* is neither: No such file"):
        CloudFrontSigner("K2JCJMDEHXQW5F", tmp_path / "none.pem")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"ip_address": "192.0.2.7"}, "need policy='custom'"),
        ({"not_before": True}, "need policy='custom'"),
        ({"resource": "*"}, "need policy='custom'"),
        ({"policy": "own"}, "policy must be 'canned' or 'custom', not 'own'"),
        ({"hash_algorithm": "sha256"}, "hash_algorithm must be 'SHA1' or 'SHA256', not 'sha256'"),
        ({"policy": "custom", "ip_address": "192.0.2.7/24"}, "has host bits set"),
        ({"policy": "custom", "ip_address": "192.0.2"}, "must be an IPv4 address or network"),
        ({"policy": "custom", "ip_address": "2001:db8::/32"}, "knows no IPv6"),
        ({"policy": "custom", "resource": "cdn.example.com/*"}, "resource must begin with"),
        ({"policy": "custom", "resource": "/photos/*"}, "resource must begin with"),
        ({"policy": "custom", "resource": "https://cdn.example.com/a b/*"}, "resource must begin with"),
        ({"policy": "custom", "resource": 'https://cdn.example.com/"*'}, "resource must begin with"),
        ({"policy": "custom", "resource": ""}, "resource must begin with"),
        ({"policy": "custom", "resource": "*", "forward_overrides": True}, "exclude each other"),
    ],
)
def test_options_that_contradict_each_other_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        signer_with(**options)


@pytest.mark.parametrize("key_id", ["", "K 1", "K1&Expires=9", pem(RSA)])
def test_a_key_id_that_is_none_is_refused_without_showing_it(key_id: str) -> None:
    with pytest.raises(ConfigError) as caught:
        CloudFrontSigner(key_id, pem(RSA))
    assert str(caught.value) == "CloudFrontSigner's key_id must be the id that CloudFront gave the public key."


@pytest.mark.parametrize(
    "url", [None, "", "/photos/me.png", "//cdn.example.com/me.png", "ftp://cdn.example.com/x", "https:///x"]
)
def test_a_set_without_a_url_of_the_distribution_is_told_what_to_set(url: str | None) -> None:
    with pytest.raises(ConfigError, match=r"Set UPLOADED_PHOTOS_URL to .* slash at its end, .* 'custom_domain'"):
        signer_with()(request_for(url))


@pytest.mark.parametrize(
    ("url", "message"),
    [
        (URL + "?a b", "' ' has to be quoted"),
        (URL + "ü", "'ü' has to be quoted"),
        (URL + "#top", "'#' has to be quoted"),
        (URL + '"', "'\"' has to be quoted"),
        (URL + "*", r"'\*' has to be quoted"),
        (URL + "\n", r"has to be quoted"),
        (URL.replace("cdn", "CDN"), "host in lower case"),
        (URL + "?Expires=1", "own parameter 'Expires'"),
        (URL + "?a=1&Hash%2DAlgorithm=", "own parameter 'Hash-Algorithm'"),
    ],
)
def test_a_url_that_cloudfront_would_read_differently_is_refused(url: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        signer_with()(request_for(url))


def test_without_cryptography_the_error_names_the_extra() -> None:
    program = (
        "import sys; sys.modules['cryptography'] = None\n"
        "from uploadkit.signers import CloudFrontSigner\n"
        "try:\n    CloudFrontSigner('K1', '-----BEGIN')\n"
        "except Exception as error:\n    print(type(error).__name__, error)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("ConfigError CloudFrontSigner needs cryptography")
    assert "pip install 'uploadkit[cloudfront]'" in done.stdout
