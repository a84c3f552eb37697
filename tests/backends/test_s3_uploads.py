"""Multipart uploads on S3 whose parts arrive one by one."""

from __future__ import annotations

import hashlib
from io import BytesIO

import pytest

from uploadkit.backends.s3 import S3Backend
from uploadkit.directmodels import Part
from uploadkit.exceptions import (
    AlreadyExistsError,
    IntegrityError,
    NotFoundError,
    NotSupportedError,
    PermissionDeniedError,
)
from uploadkit.models import SaveOptions

from .s3_sink import MIB, MakeS3, Reply, Seen, Sink, Stored, clean_environment, error, make_s3, sink, sink_server
from .s3_streams import unseekable

__all__ = ["clean_environment", "make_s3", "sink", "sink_server"]

ATTRIBUTES = SaveOptions(content_type="text/x-odd", cache_control="private", metadata={"a": "é"})


@pytest.fixture
def backend(make_s3: MakeS3) -> S3Backend:
    return make_s3("bucket/pre")


@pytest.fixture
def upload_id(backend: S3Backend) -> str:
    return backend.create_multipart("a.txt", ATTRIBUTES)


def test_parts_in_any_order_become_one_file(backend: S3Backend, sink: Sink, upload_id: str) -> None:
    second = backend.put_part("a.txt", upload_id, 2, unseekable(b"world"))
    first = backend.put_part("a.txt", upload_id, 1, BytesIO(b"hello "))
    assert sink.visible == []
    info = backend.complete_multipart("a.txt", upload_id, [second, first])
    assert sink.objects["pre/a.txt"].content == b"hello world"
    assert info == backend.stat("a.txt")
    assert (info.size, info.content_type, info.cache_control) == (11, "text/x-odd", "private")
    assert dict(info.metadata) == {"a": "é"}
    completed = sink.of("CompleteMultipartUpload")[-1].body
    assert completed.index(first.etag.encode()) < completed.index(second.etag.encode())


def test_a_part_is_one_request_with_an_md5_that_the_store_verifies(
    backend: S3Backend, sink: Sink, upload_id: str
) -> None:
    sink.requests.clear()
    stream = BytesIO(b"hello")
    stream.read(2)
    part = backend.put_part("a.txt", upload_id, 7, stream)
    assert part == Part(7, hashlib.md5(b"hello").hexdigest(), 5)
    (seen,) = sink.requests
    assert seen.headers["content-md5"] == "XUFAKrxLKna5cZ2REBfFkg=="
    assert seen.query["partNumber"] == "7"


def test_no_algorithm_is_demanded_of_parts_that_browsers_send(backend: S3Backend, sink: Sink, upload_id: str) -> None:
    assert "x-amz-checksum-algorithm" not in sink.of("CreateMultipartUpload")[0].headers


def test_parts_are_listed_in_order_by_pages(backend: S3Backend, sink: Sink, upload_id: str) -> None:
    sink.page_size = 2
    stored = [backend.put_part("a.txt", upload_id, number, BytesIO(b"x" * number)) for number in (5, 1, 3, 4, 2)]
    sink.requests.clear()
    listed = backend.list_parts("a.txt", upload_id)
    assert sink.requests == []
    assert list(listed) == sorted(stored, key=lambda part: part.number)
    assert len(sink.requests) == 3


@pytest.mark.parametrize("number", [0, -1, 10_001])
def test_part_numbers_have_bounds(backend: S3Backend, sink: Sink, upload_id: str, number: int) -> None:
    sink.requests.clear()
    with pytest.raises(ValueError, match="part numbers"):
        backend.put_part("a.txt", upload_id, number, BytesIO(b"x"))
    assert sink.requests == []
    assert backend.part_limits.min_size == 5 * MIB


def test_a_taken_key_stays_and_the_upload_can_be_completed_otherwise(
    backend: S3Backend, sink: Sink, upload_id: str
) -> None:
    part = backend.put_part("a.txt", upload_id, 1, BytesIO(b"second"))
    sink.objects["pre/a.txt"] = Stored(b"first")
    with pytest.raises(AlreadyExistsError):
        backend.complete_multipart("a.txt", upload_id, [part])
    assert sink.objects["pre/a.txt"].content == b"first"
    assert list(backend.list_parts("a.txt", upload_id)) == [part]
    backend.complete_multipart("a.txt", upload_id, [part], overwrite=True)
    assert sink.objects["pre/a.txt"].content == b"second"


def test_without_parts_nothing_is_completed(backend: S3Backend, sink: Sink, upload_id: str) -> None:
    with pytest.raises(IntegrityError):
        backend.complete_multipart("a.txt", upload_id, [])
    assert sink.uploads != {}


@pytest.mark.parametrize("code", ["InvalidPart", "EntityTooSmall", "InvalidPartOrder"])
def test_parts_that_the_store_does_not_have_so(backend: S3Backend, sink: Sink, upload_id: str, code: str) -> None:
    part = backend.put_part("a.txt", upload_id, 1, BytesIO(b"x"))

    def refuse(seen: Seen) -> Reply | None:
        return error(400, code) if seen.operation == "CompleteMultipartUpload" and seen.key == "pre/a.txt" else None

    sink.hook = refuse
    with pytest.raises(IntegrityError):
        backend.complete_multipart("a.txt", upload_id, [part], overwrite=True)
    assert (sink.visible, len(sink.uploads)) == ([], 1)


@pytest.mark.parametrize("gone", ["completed", "aborted", "unknown", "not ours", "another key's"])
def test_an_upload_that_is_gone_is_not_found(backend: S3Backend, sink: Sink, upload_id: str, gone: str) -> None:
    part = backend.put_part("a.txt", upload_id, 1, BytesIO(b"x"))
    if gone == "completed":
        backend.complete_multipart("a.txt", upload_id, [part], overwrite=True)
        backend.delete("a.txt")
    elif gone == "aborted":
        backend.abort_multipart("a.txt", upload_id)
    elif gone == "unknown":
        upload_id = "word.upload-0"
    elif gone == "not ours":
        upload_id = "upload"
    else:
        sink.hook = lambda seen: error(404, "NoSuchUpload") if "uploadId" in seen.query else None
    with pytest.raises(NotFoundError):
        backend.put_part("a.txt", upload_id, 2, BytesIO(b"x"))
    with pytest.raises(NotFoundError):
        list(backend.list_parts("a.txt", upload_id))
    with pytest.raises(NotFoundError):
        backend.complete_multipart("a.txt", upload_id, [part], overwrite=True)
    backend.abort_multipart("a.txt", upload_id)


def test_aborting_forgets_the_parts(backend: S3Backend, sink: Sink, upload_id: str) -> None:
    backend.put_part("a.txt", upload_id, 1, BytesIO(b"x"))
    backend.abort_multipart("a.txt", upload_id)
    assert (sink.visible, sink.uploads) == ([], {})


def test_an_upload_that_cannot_be_aborted_is_an_error(backend: S3Backend, sink: Sink, upload_id: str) -> None:
    sink.hook = lambda seen: error(403, "AccessDenied")
    with pytest.raises(PermissionDeniedError) as caught:
        backend.abort_multipart("a.txt", upload_id)
    assert caught.value.key == "a.txt"


def test_a_part_that_arrives_after_the_abort_is_removed_too(backend: S3Backend, sink: Sink, upload_id: str) -> None:
    own = upload_id.partition(".")[2]
    late = [sink.uploads[own]]

    def arrive(seen: Seen) -> None:
        if seen.operation == "ListParts" and late:
            sink.uploads[own] = late.pop()

    sink.hook = arrive
    backend.abort_multipart("a.txt", upload_id)
    assert sink.uploads == {}


@pytest.mark.parametrize("options", [SaveOptions(size=3), SaveOptions(checksum="md5:" + "0" * 32)])
def test_what_the_store_cannot_hold_parts_to_is_refused(backend: S3Backend, sink: Sink, options: SaveOptions) -> None:
    with pytest.raises(NotSupportedError):
        backend.create_multipart("a.txt", options)
    assert sink.requests == []


def test_a_lost_answer_to_the_completion_is_recognised(make_s3: MakeS3, sink: Sink) -> None:
    backend = make_s3("bucket/pre", max_attempts=2)
    upload_id = backend.create_multipart("a.txt", SaveOptions())
    part = backend.put_part("a.txt", upload_id, 1, BytesIO(b"x"))
    lost = iter([True])

    def lose(seen: Seen) -> Reply | None:
        if seen.operation == "CompleteMultipartUpload" and seen.key == "pre/a.txt" and next(lost, False):
            sink._CompleteMultipartUpload(seen)
            return error(500, "InternalError")
        return None

    sink.hook = lose
    assert backend.complete_multipart("a.txt", upload_id, [part]).size == 1
