"""Public and signed URLs, and presigned requests: what they hold the sender to. Signatures are computed again here."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from contextlib import closing
from datetime import datetime, timedelta, timezone
from http.client import HTTPConnection
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.sigv4 import accepts, mac, parameters_of, signing_key
from uploadkit.backends._s3.client import make_client
from uploadkit.backends.s3 import S3Backend, S3Options
from uploadkit.directmodels import PresignedRequest, UploadPolicy
from uploadkit.exceptions import InvalidKeyError, NotSupportedError
from uploadkit.models import LinkOptions, SaveOptions

from .s3_sink import ACCESS_KEY, SECRET_KEY, MakeS3, Sink, clean_environment, make_s3, sink, sink_server

__all__ = ["clean_environment", "make_s3", "sink", "sink_server"]

KEY = "f/ä b+%&?#.txt"
QUOTED = "f/%C3%A4%20b%2B%25%26%3F%23.txt"
PUT = UploadPolicy(5, 5)
ANNOUNCED = SaveOptions(
    content_type="text/x-odd",
    cache_control="private",
    content_disposition="attachment",
    metadata={"a": "é"},
    checksum="sha256:2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824",
)


def is_signed(method: str, url: str, headers: Mapping[str, str] | None = None) -> bool:
    """Whether a store would accept the request."""
    return accepts(method, url, SECRET_KEY, headers)


@pytest.fixture
def backend(make_s3: MakeS3) -> S3Backend:
    return make_s3("bucket/pre")


class TestPublic:
    @pytest.mark.parametrize(
        ("options", "start"),
        [
            ({"custom_domain": "cdn.example"}, "https://cdn.example/"),
            ({"custom_domain": "http://cdn.example:8080/files/"}, "http://cdn.example:8080/files/"),
            ({"custom_domain": "cdn.example", "public": True}, "https://cdn.example/"),
        ],
    )
    def test_a_custom_domain(self, make_s3: MakeS3, sink: Sink, options: dict[str, Any], start: str) -> None:
        assert make_s3("bucket/pre", **options).url(KEY) == f"{start}pre/{QUOTED}"
        assert sink.requests == []

    @pytest.mark.parametrize(
        ("options", "base"),
        [({"addressing_style": "path"}, "{}/bucket"), ({"signature_version": "unsigned"}, "{}/bucket")],
    )
    def test_the_buckets_own_url(self, make_s3: MakeS3, sink: Sink, options: dict[str, Any], base: str) -> None:
        url = make_s3("bucket/pre", public=True, **options).url(KEY)
        assert url == f"{base.format(sink.endpoint)}/pre/{QUOTED}"
        assert sink.requests == []

    def test_the_store_finds_the_file_by_it(self, make_s3: MakeS3, sink: Sink) -> None:
        url = make_s3("bucket/pre", public=True).url(KEY)
        connection = HTTPConnection(urlsplit(sink.endpoint).netloc, timeout=10)
        connection.request("GET", urlsplit(url or "").path)
        connection.getresponse().read()
        connection.close()
        assert (sink.requests[0].bucket, sink.requests[0].key) == ("bucket", f"pre/{KEY}")

    def test_a_private_bucket_has_none(self, backend: S3Backend) -> None:
        assert backend.url(KEY) is None

    @pytest.mark.parametrize("options", [{}, {"public": True}, {"custom_domain": "cdn.example"}])
    def test_an_unsafe_key_has_none(self, make_s3: MakeS3, options: dict[str, Any]) -> None:
        for key in ("../a", "", ".uploadkit/x"):
            with pytest.raises(InvalidKeyError):
                make_s3(**options).url(key)

    def test_path_is_the_uri(self, backend: S3Backend, make_s3: MakeS3) -> None:
        assert str(backend.path(KEY)) == f"s3://bucket/pre/{KEY}"
        assert str(backend.path("")) == "s3://bucket/pre/"
        assert str(make_s3("bucket").path("")) == "s3://bucket/"
        with pytest.raises(InvalidKeyError):
            backend.path("../a")


class TestSignedUrls:
    def test_it_reads_one_file_for_a_while(self, backend: S3Backend, sink: Sink) -> None:
        url = backend.signed_url(KEY, 60).url
        assert is_signed("GET", url)
        assert not is_signed("GET", url.replace("pre/f", "pre/g"))
        assert not is_signed("PUT", url)
        assert urlsplit(url).path == f"/bucket/pre/{QUOTED}"
        query = parameters_of(url)
        assert (query["X-Amz-Expires"], query["X-Amz-SignedHeaders"]) == ("60", "host")
        assert query["X-Amz-Credential"].startswith(f"{ACCESS_KEY}/")
        assert SECRET_KEY not in url
        assert sink.requests == []

    def test_type_and_disposition_of_the_answer_are_part_of_it(self, backend: S3Backend) -> None:
        wished = LinkOptions(content_type="text/x-odd", content_disposition='attachment; filename="a b.txt"')
        url = backend.signed_url("a", 60, wished).url
        query = parameters_of(url)
        assert query["response-content-type"] == "text/x-odd"
        assert query["response-content-disposition"] == 'attachment; filename="a b.txt"'
        assert is_signed("GET", url)

    def test_a_session_token_is_part_of_it(self, make_s3: MakeS3) -> None:
        assert parameters_of(make_s3(session_token="token").signed_url("a", 60).url)["X-Amz-Security-Token"] == "token"

    @pytest.mark.parametrize("expires_in", [0, -1, 7 * 24 * 3600 + 1])
    def test_its_life_has_bounds(self, backend: S3Backend, expires_in: int) -> None:
        for sign in (
            lambda: backend.signed_url("a", expires_in),
            lambda: backend.presign_upload("a", PUT, expires_in),
            lambda: backend.presign_part("a", "w.u", 1, expires_in),
        ):
            with pytest.raises(ValueError, match="expires_in"):
                sign()
        backend.signed_url("a", 7 * 24 * 3600)

    @pytest.mark.parametrize(
        "options", [{"sse_customer_key": b"k" * 32}, {"requester_pays": True}, {"expected_bucket_owner": "1"}]
    )
    def test_what_needs_headers_cannot_be_a_link(self, make_s3: MakeS3, options: dict[str, Any]) -> None:
        with pytest.raises(NotSupportedError):
            make_s3(**options).signed_url("a", 60)

    def test_who_has_no_credentials_signs_nothing(self, make_s3: MakeS3) -> None:
        with pytest.raises(NotSupportedError):
            make_s3(signature_version="unsigned").signed_url("a", 60)


class TestPut:
    def request(self, backend: S3Backend, options: SaveOptions = ANNOUNCED) -> PresignedRequest:
        return backend.presign_upload(KEY, UploadPolicy(5, 5, options=options), 60)

    def test_every_header_that_is_handed_out_is_signed(self, backend: S3Backend, sink: Sink) -> None:
        request = self.request(backend)
        assert (request.method, dict(request.fields)) == ("PUT", {})
        assert is_signed("PUT", request.url, request.headers)
        signed = set(parameters_of(request.url)["X-Amz-SignedHeaders"].split(";"))
        assert {name.lower() for name in request.headers} | {"host"} == signed
        assert sink.requests == []

    def test_length_type_checksum_and_condition_are_among_them(self, backend: S3Backend) -> None:
        headers = {name.lower(): value for name, value in self.request(backend).headers.items()}
        assert headers["content-length"] == "5"
        assert headers["content-type"] == "text/x-odd"
        assert headers["cache-control"] == "private"
        assert headers["content-disposition"] == "attachment"
        assert headers["if-none-match"] == "*"
        assert headers["x-amz-checksum-sha256"] == "LPJNul+wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ="
        assert headers["x-amz-meta-a"] == "=?utf-8?b?w6k=?="

    @pytest.mark.parametrize("name", ["Content-Length", "Content-Type", "If-None-Match", "x-amz-checksum-sha256"])
    def test_whoever_changes_one_is_refused(self, backend: S3Backend, name: str) -> None:
        request = self.request(backend)
        assert not is_signed("PUT", request.url, {**request.headers, name: "6"})

    def test_overwriting_has_no_condition(self, backend: S3Backend) -> None:
        request = self.request(backend, SaveOptions(overwrite=True))
        assert "If-None-Match" not in request.headers
        assert is_signed("PUT", request.url, request.headers)

    @pytest.mark.parametrize(
        "options",
        [
            {"acl": "public-read", "tags": {"a": "b c"}, "sse": "AES256", "storage_class": "STANDARD_IA"},
            {"sse": "aws:kms", "kms_key_id": "k", "requester_pays": True, "expected_bucket_owner": "1"},
            pytest.param({"extra_args": {"BucketKeyEnabled": True}}),
            pytest.param({"extra_args": {"Expires": datetime(2030, 1, 1, tzinfo=timezone.utc)}}),
        ],
        ids=lambda options: next(iter(options.get("extra_args", options))),
    )
    def test_options_of_the_backend_are_signed_too(self, make_s3: MakeS3, options: dict[str, Any]) -> None:
        request = self.request(make_s3(**options))
        assert is_signed("PUT", request.url, request.headers)

    @pytest.mark.parametrize("of", ["upload", "part"])
    def test_a_customers_key_is_not_given_away(self, make_s3: MakeS3, of: str) -> None:
        backend = make_s3(sse_customer_key="k" * 32)
        try:
            request = self.request(backend) if of == "upload" else backend.presign_part("a", "w.u", 1, 60)
        except NotSupportedError:
            return
        assert "k" * 32 not in request.headers.values()
        assert is_signed("PUT", request.url, request.headers)

    @pytest.mark.parametrize("checksum", ["sha512:" + "0" * 128, "sha3_256:" + "0" * 64])
    def test_a_checksum_that_s3_cannot_verify_is_refused(self, backend: S3Backend, checksum: str) -> None:
        with pytest.raises(NotSupportedError):
            self.request(backend, SaveOptions(checksum=checksum))

    def test_it_says_when_it_ends(self, backend: S3Backend) -> None:
        ends = self.request(backend).expires_at
        assert ends is not None
        assert timedelta(0) < ends - datetime.now(timezone.utc) <= timedelta(seconds=60)


class TestPart:
    def test_length_and_place_are_signed(self, backend: S3Backend) -> None:
        request = backend.presign_part(KEY, "word.upload", 7, 60, size=11)
        query = parameters_of(request.url)
        assert (query["partNumber"], query["uploadId"]) == ("7", "upload")
        assert dict(request.headers) == {"Content-Length": "11"}
        assert is_signed("PUT", request.url, request.headers)
        assert not is_signed("PUT", request.url, {"Content-Length": "12"})
        assert dict(backend.presign_part(KEY, "word.upload", 7, 60).headers) == {}

    @pytest.mark.parametrize("number", [0, 10_001])
    def test_numbers_have_bounds(self, backend: S3Backend, number: int) -> None:
        with pytest.raises(ValueError, match="part numbers"):
            backend.presign_part("a", "w.u", number, 60)


class TestPost:
    def request(self, backend: S3Backend, **options: Any) -> tuple[PresignedRequest, list[Any]]:
        policy = UploadPolicy(9, 3, "POST", SaveOptions(overwrite=True, **options))
        request = backend.presign_upload(KEY, policy, 60)
        return request, json.loads(base64.b64decode(request.fields["policy"]))["conditions"]

    @pytest.mark.parametrize("options", [{}, {"acl": "private", "sse": "AES256", "storage_class": "STANDARD_IA"}])
    def test_every_field_is_a_condition_and_the_other_way_round(
        self, make_s3: MakeS3, sink: Sink, options: dict[str, str]
    ) -> None:
        request, conditions = self.request(
            make_s3("bucket/pre", **options), content_type="text/x-odd", metadata={"a": "é"}, cache_control="private"
        )
        assert conditions.count(["content-length-range", 3, 9]) == 1
        exact = {name: value for found in conditions if isinstance(found, dict) for name, value in found.items()}
        assert len(conditions) == len({json.dumps(found) for found in conditions})
        fields = {n: v for n, v in request.fields.items() if n not in ("policy", "x-amz-signature")}
        assert exact == {**fields, "bucket": "bucket"}
        assert exact["key"] == f"pre/{KEY}"
        assert exact["Content-Type"] == "text/x-odd"
        assert exact["success_action_status"] == "201"
        assert request.url.rstrip("/") == f"{sink.endpoint}/bucket"
        assert (request.method, dict(request.headers)) == ("POST", {})

    def test_the_policy_is_signed(self, backend: S3Backend) -> None:
        request, _ = self.request(backend)
        scope = tuple(request.fields["x-amz-credential"].split("/")[1:])
        signature = mac(signing_key(SECRET_KEY, scope), request.fields["policy"]).hex()
        assert request.fields["x-amz-signature"] == signature

    def test_a_form_that_must_not_overwrite_is_refused(self, backend: S3Backend) -> None:
        with pytest.raises(NotSupportedError, match="PUT"):
            backend.presign_upload("a", UploadPolicy(9, 3, "POST"), 60)

    def test_tags_go_into_the_field_that_forms_have(self, make_s3: MakeS3) -> None:
        request, _ = self.request(make_s3(tags={"a": "b"}))
        assert "<Tagging>" in request.fields["tagging"]


def test_a_public_url_needs_no_credentials(clean_environment: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    backend = S3Backend("bucket/p", S3Options(region="eu-west-1", public=True))
    assert backend.url("a b.txt") == "https://bucket.s3.eu-west-1.amazonaws.com/p/a%20b.txt"
    with closing(make_client(S3Options(region="eu-north-1", access_key_id="a", secret_access_key="b"))) as client:
        handed_in = S3Backend("bucket/p", S3Options(client=client, public=True))
        assert handed_in.url("a.txt") == "https://bucket.s3.eu-north-1.amazonaws.com/p/a.txt"
