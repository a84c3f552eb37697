"""Signed URLs and presigned requests of the Google Cloud Storage backend, with signatures verified here.

No emulator verifies any: what the store would compare is computed again from what a client would send.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping
from datetime import datetime, timedelta, timezone
from typing import Any
from urllib.parse import parse_qsl, quote, urlsplit

import pytest

pytest.importorskip("google.cloud.storage")

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from google.auth.credentials import AnonymousCredentials, Credentials

from tests.backends.test_gcs_options import Sink
from uploadkit import (
    NotFoundError,
    NotSupportedError,
    PermissionDeniedError,
    SaveOptions,
    UnavailableError,
)
from uploadkit.backends._gcs import signing
from uploadkit.backends.gcs import GCSBackend, GCSOptions
from uploadkit.models import PresignedRequest, UploadPolicy

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


def verify(method: str, url: str, headers: Mapping[str, str] | None = None) -> dict[str, str]:
    """Verify a V4 signature as the store does; return the URL's parameters.

    :raises InvalidSignature: if it is not one of this request.
    """
    parts = urlsplit(url)
    given = parse_qsl(parts.query, keep_blank_values=True)
    query = dict(given)
    signature = bytes.fromhex(query.pop("X-Goog-Signature"))
    all_headers = {"host": parts.netloc, **{name.lower(): value for name, value in (headers or {}).items()}}
    signed = query["X-Goog-SignedHeaders"].split(";")
    assert signed == sorted(all_headers), "every header has to be signed"
    canonical = "\n".join(
        [
            method,
            parts.path,
            "&".join(f"{quote(name, safe='-_.~')}={quote(query[name], safe='-_.~')}" for name in sorted(query)),
            *(f"{name}:{' '.join(all_headers[name].split())}" for name in signed),
            "",
            ";".join(signed),
            "UNSIGNED-PAYLOAD",
        ]
    )
    scope = query["X-Goog-Credential"].partition("/")[2]
    digest = hashlib.sha256(canonical.encode()).hexdigest()
    text = f"GOOG4-RSA-SHA256\n{query['X-Goog-Date']}\n{scope}\n{digest}"
    KEY.public_key().verify(signature, text.encode(), padding.PKCS1v15(), hashes.SHA256())
    return query


def test_a_signed_url_reads_one_key_for_so_long() -> None:
    url = backend_with().signed_url("f/ü +%~.txt", 600)
    query = verify("GET", url)
    assert urlsplit(url).netloc == "storage.googleapis.com"
    assert urlsplit(url).path == "/bucket/p/f/%C3%BC%20%2B%25~.txt"
    assert query["X-Goog-Expires"] == "600"
    assert query["X-Goog-Credential"].startswith(EMAIL)
    assert "response-content-type" not in query
    for wrong in (url.replace("f/", "g/"), url.replace("Expires=600", "Expires=601")):
        with pytest.raises(InvalidSignature):
            verify("GET", wrong)
    with pytest.raises(InvalidSignature):
        verify("PUT", url)


def test_a_signed_url_answers_as_asked() -> None:
    backend = backend_with(user_project="payer")
    url = backend.signed_url("a", 1, content_type="text/x-own", content_disposition='attachment; filename="ü.txt"')
    query = verify("GET", url)
    assert query["response-content-type"] == "text/x-own"
    assert query["response-content-disposition"] == 'attachment; filename="ü.txt"'
    assert query["userProject"] == "payer"


@pytest.mark.parametrize("seconds", [0, -1, 7 * DAY + 1])
def test_lives_out_of_bounds_are_value_errors(seconds: int) -> None:
    backend = backend_with()
    upload_id = f"{'0' * 32}-{hashlib.sha256(b'a').hexdigest()[:16]}"
    for call in (
        lambda: backend.signed_url("a", seconds),
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
        with pytest.raises(InvalidSignature):
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


class Machine(Credentials):  # type: ignore[misc, unused-ignore]
    """Credentials of a virtual machine: a token, an account, and no key."""

    def __init__(self, email: str | None = EMAIL) -> None:
        super().__init__()  # type: ignore[no-untyped-call, unused-ignore]
        self.token = "machine-token"
        self.service_account_email = email

    def refresh(self, request: object) -> None:
        if self.service_account_email == "default":
            self.service_account_email = EMAIL


@pytest.mark.parametrize("email", [EMAIL, "default"])
def test_without_a_key_google_signs(monkeypatch: pytest.MonkeyPatch, email: str) -> None:
    with Sink() as sink:
        monkeypatch.setattr(signing, "_IAM", sink.endpoint)
        signature = base64.b64encode(b"\x01\x02").decode()
        sink.answers["signBlob"] = (200, {}, json.dumps({"signedBlob": signature}).encode())
        url = backend_with(credentials=Machine(email), user_project="payer").signed_url("a", 60)
        (seen,) = sink.requests
    assert url.endswith("X-Goog-Signature=0102")
    assert seen.path == f"/{EMAIL}:signBlob"
    assert seen.query == {}
    assert seen.headers["authorization"] == "Bearer machine-token"
    assert base64.b64decode(json.loads(seen.body)["payload"]).startswith(b"GOOG4-RSA-SHA256\n")


@pytest.mark.parametrize(("status", "kind"), [(403, PermissionDeniedError), (503, UnavailableError)])
def test_google_may_refuse_to_sign(monkeypatch: pytest.MonkeyPatch, status: int, kind: type[Exception]) -> None:
    with Sink(signBlob=(status, {}, b"{}")) as sink:
        monkeypatch.setattr(signing, "_IAM", sink.endpoint)
        with pytest.raises(kind):
            backend_with(credentials=Machine(), max_attempts=1).signed_url("a", 60)


@pytest.mark.parametrize("credentials", [AnonymousCredentials(), Machine(None)])
def test_credentials_that_cannot_sign_say_the_way_out(credentials: Any) -> None:
    backend = backend_with(credentials=credentials)
    for call in (
        lambda: backend.signed_url("a", 60),
        lambda: backend.presign_upload("a", UploadPolicy(1, 1), 60),
    ):
        with pytest.raises(NotSupportedError, match="'credentials'"):
            call()


def test_a_key_file_is_read(tmp_path: Any) -> None:
    file = tmp_path / "key.json"
    file.write_text(json.dumps(ACCOUNT))
    for credentials in (file, str(file)):
        verify("GET", backend_with(credentials=credentials).signed_url("a", 60))
