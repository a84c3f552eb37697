"""Signed URLs of CloudFront, verified as CloudFront does: from nothing but the URL and the public key."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from dataclasses import FrozenInstanceError, replace
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

import pytest

pytest.importorskip("cryptography")

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa

from tests.signers.edge import EC, EXPIRES_AT, KEYS, RSA, SIGNED_AT, URL, opened, pem, request_for, signer_with, verify
from uploadkit.exceptions import ConfigError, NotSupportedError
from uploadkit.signers import CloudFrontSigner

HARD_NAMES = [
    "a b.png",
    "ü.png",
    "it's.png",
    "a+b.png",
    "a%23b.png",
    "a#b?.png",
    "日本/~x*.png",
    "a&Expires=1.png",
    '"\\',
]

every_kind = pytest.mark.parametrize(
    ("kind", "options"),
    [
        (kind, {"policy": policy, "hash_algorithm": algorithm})
        for kind in KEYS
        for policy in ("canned", "custom")
        for algorithm in ("SHA1", "SHA256")
    ],
)


@every_kind
def test_cloudfront_accepts_the_url_until_it_expires(kind: str, options: dict[str, Any]) -> None:
    url = signer_with(KEYS[kind], **options)(request_for())
    policy = verify(url, KEYS[kind])
    assert policy["Statement"] == [
        {"Resource": URL, "Condition": {"DateLessThan": {"AWS:EpochTime": int(EXPIRES_AT.timestamp())}}}
    ]
    verify(url, KEYS[kind], now=EXPIRES_AT - timedelta(seconds=1))
    with pytest.raises(PermissionError, match="late"):
        verify(url, KEYS[kind], now=EXPIRES_AT)


@every_kind
def test_the_same_request_makes_the_same_url(kind: str, options: dict[str, Any]) -> None:
    from cryptography.hazmat.backends.openssl.backend import backend

    if kind == "EC" and not backend.ecdsa_deterministic_supported():
        pytest.skip("OpenSSL before 3.2 signs with a random number")
    signer = signer_with(KEYS[kind], **options)
    with ThreadPoolExecutor(4) as pool:
        urls = set(pool.map(signer, [request_for()] * 40))
    assert urls == {signer_with(KEYS[kind], **options)(request_for())}


@every_kind
@pytest.mark.parametrize("name", HARD_NAMES)
def test_hard_names_arrive_as_they_were_signed(kind: str, options: dict[str, Any], name: str) -> None:
    url = signer_with(KEYS[kind], **options)(request_for("https://cdn.example.com/photos/" + quote(name)))
    verify(url, KEYS[kind])
    assert unquote(opened(url)[0].removeprefix("https://cdn.example.com/photos/")) == name


@every_kind
def test_a_url_that_was_changed_is_refused(kind: str, options: dict[str, Any]) -> None:
    url = signer_with(KEYS[kind], **options)(request_for())
    base, own = opened(url)
    other = signer_with(KEYS[kind], **options)(request_for(URL.replace("me", "you")))
    changes = [url.replace("me.png", "you.png"), url.replace("https:", "http:"), url.replace(base, base + "?size=1")]
    changes += [url.replace(own["Signature"], opened(other)[1]["Signature"])]
    if "Expires" in own:
        changes += [url.replace(own["Expires"], str(int(own["Expires"]) + 1))]
    else:
        changes += [url.replace(own["Policy"], opened(other)[1]["Policy"])]
    for changed in changes:
        assert changed != url
        with pytest.raises((InvalidSignature, PermissionError)):
            verify(changed, KEYS[kind])
    stranger = (
        rsa.generate_private_key(public_exponent=65537, key_size=2048)
        if kind == "RSA"
        else ec.generate_private_key(EC.curve)
    )
    with pytest.raises(InvalidSignature):
        verify(url, stranger)


@pytest.mark.parametrize("policy", ["canned", "custom"])
def test_a_url_with_a_query_keeps_it_and_has_it_signed(policy: Any) -> None:
    url = signer_with(policy=policy)(request_for(URL + "?size=large&license=yes"))
    assert url.startswith(URL + "?size=large&license=yes&")
    verify(url, RSA)
    with pytest.raises((InvalidSignature, PermissionError)):
        verify(url.replace("large", "small"), RSA)


def test_the_parameters_come_in_the_documented_order() -> None:
    url = signer_with(hash_algorithm="SHA256")(request_for())
    assert re.fullmatch(
        re.escape(URL) + r"\?Expires=1769864400&Signature=[\w~-]+&Key-Pair-Id=K2JCJMDEHXQW5F&Hash-Algorithm=SHA256", url
    )
    url = signer_with(policy="custom")(request_for())
    assert re.fullmatch(re.escape(URL) + r"\?Policy=[\w~-]+&Signature=[\w~-]+&Key-Pair-Id=K2JCJMDEHXQW5F", url)


@pytest.mark.parametrize("url", [URL, URL + "?size=large", "http://d111111abcdef8.cloudfront.net/" + quote("ü +'.png")])
@pytest.mark.parametrize(
    "options",
    [{}, {"not_before": True}, {"ip_address": "192.0.2.0/24"}, {"ip_address": "192.0.2.7", "not_before": True}],
)
def test_botocore_makes_the_same_urls(url: str, options: dict[str, Any]) -> None:
    signers = pytest.importorskip("botocore.signers")
    theirs = signers.CloudFrontSigner(
        "K2JCJMDEHXQW5F", lambda message: RSA.sign(message, padding.PKCS1v15(), hashes.SHA1())
    )
    assert signer_with()(request_for(url)) == theirs.generate_presigned_url(url, date_less_than=EXPIRES_AT)
    begin = SIGNED_AT if options.get("not_before") else None
    policy = theirs.build_policy(url, EXPIRES_AT, begin, options.get("ip_address"))
    expected = theirs.generate_presigned_url(url, policy=policy)
    assert signer_with(policy="custom", **options)(request_for(url)) == expected


def test_a_custom_policy_can_have_a_beginning() -> None:
    url = signer_with(policy="custom", not_before=True)(request_for())
    verify(url, RSA)
    with pytest.raises(PermissionError, match="early"):
        verify(url, RSA, now=SIGNED_AT - timedelta(seconds=1))


@pytest.mark.parametrize(("allowed", "signed"), [("192.0.2.7", "192.0.2.7/32"), ("192.0.2.0/24", "192.0.2.0/24")])
def test_a_custom_policy_can_be_for_one_address_or_network(allowed: str, signed: str) -> None:
    url = signer_with(EC, policy="custom", ip_address=allowed)(request_for())
    assert verify(url, EC)["Statement"][0]["Condition"]["IpAddress"] == {"AWS:SourceIp": signed}
    with pytest.raises(PermissionError, match="address"):
        verify(url, EC, visitor="192.0.3.7")


@pytest.mark.parametrize(
    "resource",
    ["https://cdn.example.com/photos/*", "*://cdn.example.com/*.png", "*", "https://cdn.example.com/photos/??.png"],
)
def test_the_signature_of_a_wildcard_is_good_for_all_that_it_matches(resource: str) -> None:
    url = signer_with(policy="custom", resource=resource)(request_for())
    assert url.startswith(URL + "?Policy=")
    verify(url.replace("me.png", "it.png"), RSA)
    if resource != "*":
        with pytest.raises(PermissionError, match="resource"):
            verify(url.replace("photos", "secrets").replace("png", "jpg"), RSA)


@pytest.mark.parametrize(
    "resource",
    ["https://cdn.example.com/other/*", "https://cdn.example.com/photos/?.png", "https://CDN.example.com/*", "*.jpg"],
)
def test_a_url_outside_the_resource_is_not_signed(resource: str) -> None:
    with pytest.raises(ConfigError, match=r"resource '.*' does not allow 'https://cdn\.example\.com/photos/me\.png'"):
        signer_with(policy="custom", resource=resource)(request_for())


def test_overrides_are_left_out_unless_they_are_forwarded() -> None:
    request = request_for(content_type="text/plain; charset=utf-8", content_disposition='attachment; filename="a b"')
    assert signer_with()(request) == signer_with()(request_for())
    url = signer_with(forward_overrides=True)(request)
    assert opened(url)[0] == (
        URL + "?response-content-type=text%2Fplain%3B%20charset%3Dutf-8"
        "&response-content-disposition=attachment%3B%20filename%3D%22a%20b%22"
    )
    verify(url, RSA)
    with pytest.raises(InvalidSignature):
        verify(url.replace("text%2Fplain", "text%2Fhtml"), RSA)
    assert signer_with(forward_overrides=True)(request_for()) == signer_with()(request_for())


def test_what_was_asked_for_is_refused_rather_than_left_out() -> None:
    request = replace(request_for(content_disposition='attachment; filename="x"'), overrides=True)
    with pytest.raises(NotSupportedError, match="forward_overrides=True"):
        signer_with()(request)
    assert "response-content-disposition" in signer_with(forward_overrides=True)(request)


def test_overrides_join_a_query_that_is_there() -> None:
    url = signer_with(forward_overrides=True, policy="custom")(request_for(URL + "?v=1", content_type="image/png"))
    assert opened(url)[0] == URL + "?v=1&response-content-type=image%2Fpng"
    verify(url, RSA)


def test_a_url_is_not_of_one_method() -> None:
    assert signer_with()(request_for(method="HEAD")) == signer_with()(request_for())


def test_the_key_is_given_as_text_bytes_or_file(tmp_path: Path) -> None:
    path = tmp_path / "key.pem"
    path.write_text(pem(RSA))
    expected = signer_with()(request_for())
    for given in (pem(RSA).encode(), path, str(path), pem(RSA, form="TraditionalOpenSSL"), "\n" + pem(RSA)):
        assert CloudFrontSigner("K2JCJMDEHXQW5F", given)(request_for()) == expected
    verify(CloudFrontSigner("K2JCJMDEHXQW5F", pem(EC, form="TraditionalOpenSSL"))(request_for()), EC)


def test_a_signer_neither_shows_its_key_nor_changes() -> None:
    signer = signer_with(policy="custom", ip_address="192.0.2.7")
    assert repr(signer) == (
        "CloudFrontSigner(key_id='K2JCJMDEHXQW5F', policy='custom', ip_address='192.0.2.7/32', not_before=False, "
        "resource=None, hash_algorithm='SHA1', forward_overrides=False)"
    )
    with pytest.raises(FrozenInstanceError):
        signer.resource = "*"  # type: ignore[misc]
    assert not any(line in str(vars(signer)) for line in pem(RSA).splitlines())


def test_fractions_of_a_second_are_left_out() -> None:
    request = replace(request_for(), expires_at=EXPIRES_AT + timedelta(milliseconds=900))
    assert signer_with()(request) == signer_with()(request_for())
