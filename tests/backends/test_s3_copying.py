"""Copying within S3: the store moves the bytes, and the promises of saving hold."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from io import BytesIO
from typing import Any

import pytest

from uploadkit.backends.s3 import S3Backend
from uploadkit.exceptions import AlreadyExistsError, IntegrityError, InvalidKeyError, NotFoundError, PreconditionError
from uploadkit.models import SaveOptions

from .s3_sink import (
    MIB,
    MakeS3,
    Reply,
    Seen,
    Sink,
    Stored,
    clean_environment,
    make_s3,
    nothing_known,
    sink,
    sink_server,
)

__all__ = ["clean_environment", "make_s3", "nothing_known", "sink", "sink_server"]

OVER = SaveOptions(overwrite=True)
GIB = 1024 * MIB


@pytest.fixture
def backend(make_s3: MakeS3, sink: Sink) -> S3Backend:
    backend = make_s3("bucket/pre")
    backend.save("ä b+%.txt", BytesIO(b"hello"), SaveOptions(metadata={"old": "x"}, cache_control="private"))
    sink.requests.clear()
    return backend


SOURCE = "ä b+%.txt"
BOTH = pytest.mark.parametrize("overwrite", [True, False], ids=["over", "create"])


@BOTH
def test_no_bytes_pass_through_us(backend: S3Backend, sink: Sink, overwrite: bool) -> None:
    backend.copy(SOURCE, "b.txt", SaveOptions(overwrite=overwrite))
    assert sink.of("GetObject") == []
    assert all(b"hello" not in seen.body for seen in sink.requests)
    assert sink.objects["pre/b.txt"].content == b"hello"
    assert sink.visible == ["pre/b.txt", f"pre/{SOURCE}"]
    assert sink.uploads == {}


def test_overwriting_is_one_copy(backend: S3Backend, sink: Sink) -> None:
    sink.objects["pre/b.txt"] = Stored(b"old")
    backend.copy(SOURCE, "b.txt", OVER)
    assert sink.objects["pre/b.txt"].content == b"hello"
    assert sink.operations == ["HeadObject", "CopyObject"]


@BOTH
def test_attributes_are_replaced_and_the_checksum_is_kept(backend: S3Backend, overwrite: bool) -> None:
    options = SaveOptions(
        content_type="text/x-new", cache_control="no-store", metadata={"new": "ü"}, overwrite=overwrite
    )
    info = backend.copy(SOURCE, "b.txt", options)
    assert info == backend.stat("b.txt")
    assert (info.content_type, info.cache_control, dict(info.metadata)) == ("text/x-new", "no-store", {"new": "ü"})
    assert info.checksum == backend.stat(SOURCE).checksum
    plain = backend.copy(SOURCE, "c.png", SaveOptions(overwrite=overwrite))
    assert (plain.content_type, plain.cache_control, dict(plain.metadata)) == ("image/png", None, {})


def test_a_taken_target_stays_as_it_is(backend: S3Backend, sink: Sink) -> None:
    sink.objects["pre/b.txt"] = Stored(b"first")
    with pytest.raises(AlreadyExistsError) as caught:
        backend.copy(SOURCE, "b.txt", SaveOptions())
    assert caught.value.key == "b.txt"
    assert sink.objects["pre/b.txt"].content == b"first"
    assert sink.uploads == {}
    assert sink.of("CopyObject") == []  # several stores do not keep the condition on it


@BOTH
def test_a_missing_source_is_missing(backend: S3Backend, sink: Sink, overwrite: bool) -> None:
    with pytest.raises(NotFoundError) as caught:
        backend.copy("missing", "b.txt", SaveOptions(overwrite=overwrite))
    assert caught.value.key == "missing"
    assert "pre/b.txt" not in sink.objects


@BOTH
def test_an_empty_file_is_copied(backend: S3Backend, sink: Sink, overwrite: bool) -> None:
    backend.save("empty", BytesIO(b""), OVER)
    assert backend.copy("empty", "b.txt", SaveOptions(overwrite=overwrite)).size == 0
    assert sink.objects["pre/b.txt"].content == b""


@BOTH
def test_a_source_that_changes_meanwhile_is_no_copy(backend: S3Backend, sink: Sink, overwrite: bool) -> None:
    def change(seen: Seen) -> None:
        if "x-amz-copy-source" in seen.headers:
            sink.objects[f"pre/{SOURCE}"] = Stored(b"changed")

    sink.hook = change
    with pytest.raises(PreconditionError) as caught:
        backend.copy(SOURCE, "b.txt", SaveOptions(overwrite=overwrite))
    assert caught.value.key == SOURCE
    assert "pre/b.txt" not in sink.objects
    assert sink.uploads == {}


@pytest.mark.parametrize("announced", [{"size": 6}, {"checksum": "sha256:" + "0" * 64}])
def test_a_wrong_announcement_copies_nothing(backend: S3Backend, sink: Sink, announced: dict[str, Any]) -> None:
    with pytest.raises(IntegrityError):
        backend.copy(SOURCE, "b.txt", SaveOptions(overwrite=True, **announced))
    assert sink.visible == [f"pre/{SOURCE}"]


def test_an_announcement_that_nobody_can_check_is_not_passed_over(backend: S3Backend) -> None:
    with pytest.raises((IntegrityError, NotImplementedError)):
        backend.copy(SOURCE, "b.txt", SaveOptions(overwrite=True, checksum="md5:" + "0" * 32))


@pytest.mark.parametrize("target", ["../b", "", ".uploadkit/x"])
def test_an_unsafe_target_asks_for_nothing(backend: S3Backend, sink: Sink, target: str) -> None:
    with pytest.raises(InvalidKeyError):
        backend.copy(SOURCE, target, OVER)
    assert sink.requests == []


class TestHugeFiles:
    def pretend(self, sink: Sink, size: int) -> None:
        """Let the source be as long as ``size`` says."""

        def hook(seen: Seen) -> Reply | None:
            if seen.operation == "HeadObject" and seen.key.endswith("huge"):
                return Reply(headers={"Content-Length": str(size), "ETag": '"huge"'})
            if seen.operation == "UploadPartCopy":
                return Reply(body=b"<CopyPartResult><ETag>&quot;copied&quot;</ETag></CopyPartResult>")
            if seen.operation == "CompleteMultipartUpload" and b"copied" in seen.body:
                sink.objects[seen.key] = Stored(b"pretended")
                del sink.uploads[seen.query["uploadId"]]
                return Reply(body=b"<CompleteMultipartUploadResult/>")
            return None

        sink.hook = hook

    def ranges(self, sink: Sink) -> Iterator[tuple[int, int]]:
        for seen in sorted(sink.of("UploadPartCopy"), key=lambda seen: int(seen.query["partNumber"])):
            found = re.fullmatch(r"bytes=(\d+)-(\d+)", seen.headers["x-amz-copy-source-range"])
            assert found is not None
            yield int(found[1]), int(found[2])

    @BOTH
    @pytest.mark.parametrize("size", [5 * GIB + 1, 6 * GIB, 6 * GIB + 12345])
    def test_the_parts_cover_it_exactly(self, backend: S3Backend, sink: Sink, size: int, overwrite: bool) -> None:
        self.pretend(sink, size)
        backend.copy("huge", "b.txt", SaveOptions(overwrite=overwrite))
        ranges = list(self.ranges(sink))
        assert ranges[0][0] == 0
        assert ranges[-1][1] == size - 1
        assert all(after[0] == before[1] + 1 for before, after in itertools.pairwise(ranges))
        assert all(5 * MIB <= last - first + 1 <= 5 * GIB for first, last in ranges[:-1])
        assert {seen.headers["x-amz-copy-source-if-match"] for seen in sink.of("UploadPartCopy")} == {'"huge"'}
        completed = sink.of("CompleteMultipartUpload")[-1].body
        assert completed.count(b"<PartNumber>") == len(ranges)

    @pytest.mark.parametrize(("size", "requests"), [(5 * GIB, 0), (5 * GIB + 1, 11)])
    def test_five_gibibytes_go_in_one_request(self, backend: S3Backend, sink: Sink, size: int, requests: int) -> None:
        sink.objects["pre/huge"] = Stored(b"x", etag="huge")
        self.pretend(sink, size)
        backend.copy("huge", "b.txt", OVER)
        assert len(sink.of("UploadPartCopy")) == requests
        assert len(sink.of("CopyObject")) == (0 if requests else 1)

    def test_the_largest_file_fits_into_the_parts_that_s3_knows(self) -> None:
        from uploadkit.backends._s3.copying import _windows

        windows = list(_windows(5 * 1024 * GIB))
        assert len(windows) <= 10_000
        assert windows[-1]["CopySourceRange"].endswith(f"-{5 * 1024 * GIB - 1}")


@pytest.mark.usefixtures("nothing_known")
def test_a_store_that_ignores_conditions_is_refused_before_it_copies(backend: S3Backend, sink: Sink) -> None:
    sink.conditions["CompleteMultipartUpload"] = "ignore"
    sink.objects["pre/b.txt"] = Stored(b"first")
    with pytest.raises(NotImplementedError):
        backend.copy(SOURCE, "b.txt", SaveOptions())
    assert sink.objects["pre/b.txt"].content == b"first"
    assert sink.uploads == {}


@BOTH
def test_what_the_bytes_need_to_be_read_is_kept(backend: S3Backend, sink: Sink, overwrite: bool) -> None:
    """Another program's compressed file once lost the word that says so."""
    sink.objects["pre/z.txt"] = Stored(b"zipped", {"content-encoding": "gzip", "content-language": "de"})
    backend.copy("z.txt", "b.txt", SaveOptions(overwrite=overwrite))
    request = sink.of("CopyObject" if overwrite else "CreateMultipartUpload")[0]  # then comes the probe
    assert (request.headers["content-encoding"], request.headers["content-language"]) == ("gzip", "de")
