"""Presigned requests of the Google Cloud Storage backend, with signatures verified here: no emulator verifies any."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping
from datetime import datetime, timedelta, timezone
from typing import Any
from urllib.parse import urlsplit

import pytest

pytest.importorskip("google.cloud.storage")

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from tests import gcsv4
from tests.gcsv4 import Refused
from uploadkit import NotFoundError, NotSupportedError, SaveOptions
from uploadkit.backends.gcs import GCSBackend, GCSOptions
from uploadkit.directmodels import PresignedRequest, UploadPolicy

EMAIL = "throwaway@project.iam.gserviceaccount.com"
KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
PEM = KEY.private_bytes(
    serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
).decode()
ACCOUNT = {
    "type": "service_account",
    "private_key": PEM,
    "private_key_id": "1",
    "client_email": EMAIL,
    "token_uri": "http://127.0.0.1:9/nobody-is-asked",
}
DAY = 24 * 3600


def backend_with(**options: Any) -> GCSBackend:
    """Return a backend that can reach nobody, with the throw-away key."""
    return GCSBackend("bucket/p", GCSOptions(**{"credentials": ACCOUNT, **options}))


def verify(method: str, url: str, headers: Mapping[str, str] | None = None, **more: Any) -> dict[str, str]:
    """Verify a V4 signature of the throw-away key as the store does; return the URL's parameters."""
    return gcsv4.verify(method, url, headers, keys={EMAIL: KEY.public_key()}, **more).query


@pytest.mark.parametrize("seconds", [0, -1, 7 * DAY + 1])
def test_lives_out_of_bounds_are_value_errors(seconds: int) -> None:
    backend = backend_with()
    upload_id = f"{'0' * 32}-{hashlib.sha256(b'a').hexdigest()[:16]}"
    for call in (
        lambda: backend.presign_upload("a", UploadPolicy(1, 1), seconds),
        lambda: backend.presign_upload("a", UploadPolicy(1, method="POST"), seconds),
        lambda: backend.presign_part("a", upload_id, 1, seconds),
    ):
        with pytest.raises(ValueError, match="expires_in"):
            call()


def test_a_presigned_put_stores_exactly_one_file() -> None:
    content = b"content"
    md5 = hashlib.md5(content)
    options = SaveOptions(
        content_type="image/jpeg",
        content_disposition="attachment;  filename=x",
        metadata={"name": "ü"},
        checksum=f"md5:{md5.hexdigest()}",
    )
    backend = backend_with(cache_control="no-store", acl="bucketOwnerRead", storage_class="NEARLINE", kms_key="k")
    request = backend.presign_upload("a", UploadPolicy(7, 7, options=options), 60)
    assert request.method == "PUT"
    assert request.headers == {
        "content-type": "image/jpeg",
        "content-disposition": "attachment;  filename=x",
        "cache-control": "no-store",
        "content-md5": base64.b64encode(md5.digest()).decode(),
        "x-goog-content-length-range": "7,7",
        "x-goog-if-generation-match": "0",
        "x-goog-meta-name": "=?utf-8?b?w7w=?=",
        "x-goog-acl": "bucket-owner-read",
        "x-goog-storage-class": "NEARLINE",
        "x-goog-encryption-kms-key-name": "k",
    }
    verify("PUT", request.url, request.headers)
    for name in request.headers:
        with pytest.raises(Refused):
            verify("PUT", request.url, {**request.headers, name: "1"})
    assert request.expires_at is not None
    assert abs(request.expires_at - datetime.now(timezone.utc) - timedelta(seconds=60)) < timedelta(seconds=5)


def test_a_presigned_put_overwrites_only_when_asked() -> None:
    request = backend_with().presign_upload("a", UploadPolicy(1, 1, options=SaveOptions(overwrite=True)), 60)
    assert "x-goog-if-generation-match" not in request.headers
    verify("PUT", request.url, request.headers)


def test_a_presigned_request_shows_no_signature() -> None:
    request = backend_with().presign_upload("a", UploadPolicy(1, 1), 60)
    assert "X-Goog-Signature" in request.url
    assert "X-Goog-Signature" not in repr(request)


@pytest.mark.parametrize(
    ("policy", "words"),
    [
        (UploadPolicy(1, 1, options=SaveOptions(checksum="sha256:" + "0" * 64)), "sha256"),
        (UploadPolicy(1, method="POST"), "always replaces"),
        (
            UploadPolicy(1, method="POST", options=SaveOptions(overwrite=True, checksum="md5:" + "0" * 32)),
            "checksum",
        ),
    ],
)
def test_what_the_store_cannot_enforce_is_not_signed(policy: UploadPolicy, words: str) -> None:
    with pytest.raises(NotSupportedError, match=words):
        backend_with().presign_upload("a", policy, 60)


def presigned_form(**options: Any) -> PresignedRequest:
    saved = SaveOptions(content_type="image/png", cache_control="no-store", metadata={"x": "ü"}, overwrite=True)
    policy = UploadPolicy(10, 5, method="POST", options=saved)
    return backend_with(**options).presign_upload("ü.png", policy, 60)


def test_a_form_has_a_condition_for_each_field() -> None:
    request = presigned_form(acl="publicRead")
    fields = dict(request.fields)
    assert request.url == "https://storage.googleapis.com/bucket"
    document = fields.pop("policy")
    signature = bytes.fromhex(fields.pop("x-goog-signature"))
    KEY.public_key().verify(signature, document.encode(), padding.PKCS1v15(), hashes.SHA256())
    policy = json.loads(base64.b64decode(document))
    exact = {name: value for found in policy["conditions"] if isinstance(found, dict) for name, value in found.items()}
    assert exact == {**fields, "bucket": "bucket"}
    assert fields["key"] == "p/ü.png"
    assert fields["acl"] == "public-read"
    assert fields["Content-Type"] == "image/png"
    assert fields["x-goog-meta-x"] == "=?utf-8?b?w7w=?="
    assert ["content-length-range", 5, 10] in policy["conditions"]
    assert policy["expiration"].endswith("Z")


def test_a_presigned_part_has_its_length_and_the_class_of_the_file() -> None:
    upload_id = f"{'0' * 32}-{hashlib.sha256(b'a').hexdigest()[:16]}"
    backend = backend_with(acl="publicRead", storage_class="NEARLINE")
    request = backend.presign_part("a", upload_id, 7, 60, size=5)
    assert request.headers == {"x-goog-content-length-range": "5,5", "x-goog-storage-class": "NEARLINE"}
    assert urlsplit(request.url).path == f"/bucket/p/.uploadkit/multipart/{upload_id}/00007"
    verify("PUT", request.url, request.headers)
    open_length = backend.presign_part("a", upload_id, 7, 60)
    assert open_length.headers["x-goog-content-length-range"] == f"0,{5 * 1024**3}"
    for number in (0, 10_001):
        with pytest.raises(ValueError, match="part numbers"):
            backend.presign_part("a", upload_id, number, 60)
    with pytest.raises(NotFoundError):
        backend.presign_part("b", upload_id, 1, 60)
