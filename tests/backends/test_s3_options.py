"""Each option of the S3 backend arrives where it belongs, and nowhere else."""

from __future__ import annotations

import base64
import hashlib
import os
import zlib
from io import BytesIO
from typing import Any

import pytest

from uploadkit.backends.s3 import S3Backend
from uploadkit.exceptions import ConfigError
from uploadkit.models import SaveOptions

from .s3_sink import MIB, MakeS3, Sink, clean_environment, make_s3, sink, sink_server

__all__ = ["clean_environment", "make_s3", "sink", "sink_server"]

PART = 5 * MIB
LONG = os.urandom(PART + 1)
OVER = SaveOptions(overwrite=True)
CUSTOMER_KEY = bytes(range(32))

EVERYTHING = frozenset(
    {
        *("PutObject", "CreateMultipartUpload", "UploadPart", "CompleteMultipartUpload", "ListParts"),
        *("AbortMultipartUpload", "ListMultipartUploads", "CopyObject", "UploadPartCopy"),
        *("GetObject", "HeadObject", "ListObjectsV2", "DeleteObject", "DeleteObjects"),
    }
)
STORING = {"PutObject", "CreateMultipartUpload", "CopyObject"}


def do_everything(backend: S3Backend, *, list_parts: bool = True) -> None:
    """Make the backend send each operation that it knows at least once."""
    backend.save("small.txt", BytesIO(b"hello"), OVER)
    backend.save("long.bin", BytesIO(LONG), OVER)
    backend.save("new.bin", BytesIO(LONG), SaveOptions())
    backend.copy("small.txt", "over.txt", OVER)
    backend.copy("small.txt", "created.txt", SaveOptions())
    with backend.open("small.txt") as file:
        file.read()
    backend.stat("small.txt")
    list(backend.list_files())
    backend.delete("small.txt")
    backend.delete_many(["over.txt"])
    upload_id = backend.create_multipart("mine.bin", SaveOptions())
    backend.put_part("mine.bin", upload_id, 1, BytesIO(b"part"))
    if list_parts:
        list(backend.list_parts("mine.bin", upload_id))
    backend.abort_multipart("mine.bin", upload_id)
    backend.sweep()


def carriers(sink: Sink, header: str) -> dict[str, set[str]]:
    """Return which operations sent ``header``, with which values; fail if one did not always do so."""
    found: dict[str, set[str]] = {}
    for seen in sink.requests:
        if header in seen.headers:
            found.setdefault(seen.operation, set()).add(seen.headers[header])
    for operation in found:
        assert all(header in seen.headers for seen in sink.of(operation)), f"{operation} has {header} at times only"
    return found


def test_the_tour_sends_every_operation(make_s3: MakeS3, sink: Sink) -> None:
    do_everything(make_s3(part_size=PART))
    assert set(sink.operations) == EVERYTHING


PLAIN_HEADERS: list[tuple[dict[str, Any], str, str, set[str]]] = [
    ({"acl": "public-read"}, "x-amz-acl", "public-read", STORING),
    ({"storage_class": "STANDARD_IA"}, "x-amz-storage-class", "STANDARD_IA", STORING),
    ({"sse": "AES256"}, "x-amz-server-side-encryption", "AES256", STORING),
    ({"sse": "aws:kms"}, "x-amz-server-side-encryption", "aws:kms", STORING),
    (
        {"sse": "aws:kms", "kms_key_id": "arn:aws:kms:eu-west-1:1:key/2"},
        "x-amz-server-side-encryption-aws-kms-key-id",
        "arn:aws:kms:eu-west-1:1:key/2",
        STORING,
    ),
    ({"tags": {"team": "a b", "é": "&"}}, "x-amz-tagging", "team=a+b&%C3%A9=%26", STORING),
    ({"tags": {"team": "a"}}, "x-amz-tagging-directive", "REPLACE", {"CopyObject"}),
    ({"expected_bucket_owner": "111122223333"}, "x-amz-expected-bucket-owner", "111122223333", set(EVERYTHING)),
    (
        {"expected_bucket_owner": "111122223333"},
        "x-amz-source-expected-bucket-owner",
        "111122223333",
        {"CopyObject", "UploadPartCopy"},
    ),
    ({"requester_pays": True}, "x-amz-request-payer", "requester", set(EVERYTHING)),
    ({"extra_args": {"ObjectLockLegalHoldStatus": "ON"}}, "x-amz-object-lock-legal-hold", "ON", STORING),
    ({"extra_args": {"WebsiteRedirectLocation": "/x"}}, "x-amz-website-redirect-location", "/x", STORING),
    (
        {"extra_args": {"BypassGovernanceRetention": True}},
        "x-amz-bypass-governance-retention",
        "true",
        {"DeleteObject", "DeleteObjects"},
    ),
]


@pytest.mark.parametrize(
    ("options", "header", "value", "operations"),
    PLAIN_HEADERS,
    ids=[f"{list(o)[-1]}-{h}" for o, h, _, _ in PLAIN_HEADERS],
)
def test_an_option_arrives_at_these_operations_and_no_others(
    make_s3: MakeS3, sink: Sink, options: dict[str, Any], header: str, value: str, operations: set[str]
) -> None:
    do_everything(make_s3(part_size=PART, **options))
    assert carriers(sink, header) == {operation: {value} for operation in operations}


@pytest.mark.parametrize(
    "header",
    [
        *("x-amz-acl", "x-amz-grant-read", "x-amz-storage-class", "x-amz-tagging", "x-amz-request-payer"),
        *("x-amz-server-side-encryption", "x-amz-server-side-encryption-aws-kms-key-id"),
        *("x-amz-server-side-encryption-customer-key", "x-amz-expected-bucket-owner", "x-amz-security-token"),
        *("cache-control", "x-amz-trailer", "content-encoding", "x-amz-tagging-directive"),
    ],
)
def test_nothing_is_sent_that_nobody_asked_for(make_s3: MakeS3, sink: Sink, header: str) -> None:
    do_everything(make_s3(part_size=PART))
    assert carriers(sink, header) == {}


def test_a_customers_key_goes_with_everything_that_touches_bytes(make_s3: MakeS3, sink: Sink) -> None:
    do_everything(make_s3(part_size=PART, sse_customer_key=CUSTOMER_KEY), list_parts=False)
    prefix = "x-amz-server-side-encryption-customer"
    key = base64.b64encode(CUSTOMER_KEY).decode()
    digest = base64.b64encode(hashlib.md5(CUSTOMER_KEY, usedforsecurity=False).digest()).decode()
    wanted = STORING | {"GetObject", "HeadObject", "UploadPart", "UploadPartCopy"}
    found = carriers(sink, f"{prefix}-key")
    assert found.keys() - {"CompleteMultipartUpload"} == wanted
    assert set().union(*found.values()) == {key}
    assert carriers(sink, f"{prefix}-key-md5").keys() == found.keys()
    assert carriers(sink, f"{prefix}-key-md5")["PutObject"] == {digest}
    assert carriers(sink, f"{prefix}-algorithm")["PutObject"] == {"AES256"}
    source = "x-amz-copy-source-server-side-encryption-customer"
    assert carriers(sink, f"{source}-key") == {"CopyObject": {key}, "UploadPartCopy": {key}}
    assert carriers(sink, f"{source}-key-md5")["CopyObject"] == {digest}


@pytest.mark.parametrize("key", [CUSTOMER_KEY, "k" * 32], ids=["bytes", "text"])
def test_parts_are_listed_where_a_customer_has_a_key(make_s3: MakeS3, sink: Sink, key: str | bytes) -> None:
    backend = make_s3(sse_customer_key=key)
    upload_id = backend.create_multipart("mine.bin", SaveOptions())
    part = backend.put_part("mine.bin", upload_id, 1, BytesIO(b"part"))
    assert list(backend.list_parts("mine.bin", upload_id)) == [part]
    raw = key if isinstance(key, bytes) else key.encode()
    (listed,) = sink.of("ListParts")
    name = "x-amz-server-side-encryption-customer-key"
    assert listed.headers.get(name) in (None, base64.b64encode(raw).decode())


def test_aborting_where_a_customer_has_a_key_raises_no_false_alarm(
    make_s3: MakeS3, sink: Sink, caplog: pytest.LogCaptureFixture
) -> None:
    backend = make_s3(sse_customer_key=CUSTOMER_KEY)
    backend.abort_multipart("mine.bin", backend.create_multipart("mine.bin", SaveOptions()))
    assert sink.uploads == {}
    assert caplog.text == ""


@pytest.mark.parametrize("extra", [{"ContentType": "text/x-odd"}, {"ChecksumSHA256": "x"}])
def test_a_further_parameter_is_sent_or_refused_but_not_dropped(
    make_s3: MakeS3, sink: Sink, extra: dict[str, str]
) -> None:
    try:
        backend = make_s3(extra_args=extra)
    except ConfigError:
        return
    backend.save("a.txt", BytesIO(b"a"), OVER)
    (put,) = sink.of("PutObject")
    assert next(iter(extra.values())) in put.headers.values()


@pytest.mark.parametrize(
    ("option", "value", "header"),
    [
        ("cache_control", "max-age=60", "cache-control"),
        ("content_disposition", "attachment", "content-disposition"),
        ("metadata", {"team": "x"}, "x-amz-meta-team"),
    ],
)
def test_an_attribute_for_all_files_yields_to_a_files_own(
    make_s3: MakeS3, sink: Sink, option: str, value: Any, header: str
) -> None:
    backend = make_s3(**{option: value})
    own: dict[str, Any] = {"cache_control": "no-store", "content_disposition": "inline", "metadata": {"team": "y"}}
    backend.save("a.txt", BytesIO(b"a"), OVER)
    backend.save("b.txt", BytesIO(b"a"), SaveOptions(overwrite=True, **own))
    first, second = (seen.headers[header] for seen in sink.of("PutObject"))
    assert first == (value["team"] if option == "metadata" else value)
    assert second == (own[option]["team"] if option == "metadata" else own[option])


def test_metadata_of_all_files_and_of_one_are_merged(make_s3: MakeS3) -> None:
    backend = make_s3(metadata={"team": "x", "place": "here"})
    info = backend.save("a.txt", BytesIO(b"a"), SaveOptions(metadata={"team": "y"}))
    assert info.metadata == {"team": "y", "place": "here"}
    assert backend.stat("a.txt").metadata == info.metadata


class TestChecksumAlgorithms:
    CRC = base64.b64encode(zlib.crc32(b"hello").to_bytes(4, "big")).decode()

    @pytest.mark.parametrize(
        ("algorithm", "header", "value"),
        [
            ("auto", "x-amz-checksum-sha256", base64.b64encode(hashlib.sha256(b"hello").digest()).decode()),
            ("SHA256", "x-amz-checksum-sha256", base64.b64encode(hashlib.sha256(b"hello").digest()).decode()),
            ("SHA1", "x-amz-checksum-sha1", base64.b64encode(hashlib.sha1(b"hello").digest()).decode()),
            ("CRC32", "x-amz-checksum-crc32", CRC),
            ("MD5", "content-md5", base64.b64encode(hashlib.md5(b"hello").digest()).decode()),
            ("none", None, None),
        ],
    )
    def test_a_small_file_carries_the_one_that_was_chosen(
        self, make_s3: MakeS3, sink: Sink, algorithm: Any, header: str | None, value: str | None
    ) -> None:
        make_s3(checksum_algorithm=algorithm).save("a.txt", BytesIO(b"hello"), OVER)
        (put,) = sink.of("PutObject")
        sent = {n: v for n, v in put.headers.items() if n == "content-md5" or n.startswith("x-amz-checksum")}
        assert sent == ({} if header is None else {header: value})

    @pytest.mark.parametrize(
        ("algorithm", "kind", "on_parts"),
        [
            ("auto", ("CRC32", "FULL_OBJECT"), "x-amz-checksum-crc32"),
            ("CRC32", ("CRC32", "FULL_OBJECT"), "x-amz-checksum-crc32"),
            ("SHA256", ("SHA256", None), "x-amz-checksum-sha256"),
            ("SHA1", ("SHA1", None), "x-amz-checksum-sha1"),
            ("MD5", (None, None), "content-md5"),
            ("none", (None, None), None),
        ],
    )
    def test_a_long_file_carries_it_at_every_part(
        self, make_s3: MakeS3, sink: Sink, algorithm: Any, kind: tuple[str | None, str | None], on_parts: str | None
    ) -> None:
        make_s3(checksum_algorithm=algorithm, part_size=PART).save("a.bin", BytesIO(LONG), OVER)
        (begun,) = sink.of("CreateMultipartUpload")
        assert (begun.headers.get("x-amz-checksum-algorithm"), begun.headers.get("x-amz-checksum-type")) == kind
        names = {n for seen in sink.of("UploadPart") for n in seen.headers if "checksum" in n or n == "content-md5"}
        assert names == (set() if on_parts is None else {on_parts})

    def test_the_end_of_a_long_file_names_the_crc_of_the_whole(self, make_s3: MakeS3, sink: Sink) -> None:
        make_s3(part_size=PART).save("a.bin", BytesIO(LONG), OVER)
        (end,) = sink.of("CompleteMultipartUpload")
        assert base64.b64decode(end.headers["x-amz-checksum-crc32"]) == zlib.crc32(LONG).to_bytes(4, "big")
        assert end.headers["x-amz-checksum-type"] == "FULL_OBJECT"
        assert b"ChecksumCRC32" in end.body

    @pytest.mark.parametrize(("mode", "wanted"), [(True, {"ENABLED"}), (False, set())])
    def test_the_mode_is_asked_for_when_looking_up(
        self, make_s3: MakeS3, sink: Sink, mode: bool, wanted: set[str]
    ) -> None:
        backend = make_s3(checksum_mode=mode)
        backend.save("a.txt", BytesIO(b"a"), OVER)
        backend.stat("a.txt")
        assert {
            s.headers["x-amz-checksum-mode"] for s in sink.of("HeadObject") if "x-amz-checksum-mode" in s.headers
        } == wanted
