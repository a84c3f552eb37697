"""Listing, deleting many and sweeping on S3: by pages, with nothing internal in sight."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from io import BytesIO

import pytest

from uploadkit.backends.s3 import S3Backend
from uploadkit.exceptions import BackendError, PermissionDeniedError, UnavailableError
from uploadkit.models import SaveOptions

from .s3_sink import MakeS3, Reply, Seen, Sink, Stored, clean_environment, error, make_s3, sink, sink_server
from .s3_sink_store import Upload

__all__ = ["clean_environment", "make_s3", "sink", "sink_server"]


@pytest.fixture
def backend(make_s3: MakeS3) -> S3Backend:
    return make_s3("bucket/pre")


def fill(sink: Sink, *names: str) -> None:
    for name in names:
        sink.objects[name] = Stored(b"x")


class TestListing:
    def test_it_is_lazy_by_page(self, backend: S3Backend, sink: Sink) -> None:
        fill(sink, *(f"pre/{number:04}" for number in range(2500)))
        found = backend.list_files()
        assert sink.requests == []
        assert next(found).key == "0000"
        assert len(sink.requests) == 1
        assert [info.key for info in found] == [f"{number:04}" for number in range(1, 2500)]
        assert sink.operations == ["ListObjectsV2"] * 3

    def test_every_name_comes_back_as_it_was_stored_in_order(self, backend: S3Backend, sink: Sink) -> None:
        keys = ["a b+c%20.txt", "a/b.txt", "z", 'ä&<>".txt', "日本/写真.jpg", "\U0001f600.png"]
        sink.page_size = 2
        for key in reversed(keys):
            backend.save(key, BytesIO(b"x"), SaveOptions(overwrite=True))
        assert [info.key for info in backend.list_files()] == keys

    def test_only_what_begins_with_the_prefix(self, backend: S3Backend, sink: Sink) -> None:
        fill(sink, "pre/a/1", "pre/ab", "pre/b", "prefix/a", "other/a", "a")
        assert [info.key for info in backend.list_files("a")] == ["a/1", "ab"]
        assert [info.key for info in backend.list_files()] == ["a/1", "ab", "b"]

    def test_internal_names_folder_marks_and_impossible_names_are_hidden(self, backend: S3Backend, sink: Sink) -> None:
        marks = ["pre/", "pre/folder/", "pre//a", "pre/a//b", "pre/../up", "pre/./here", "pre/back\\slash"]
        fill(sink, "pre/.uploadkit/claims/1", "pre/.UPLOADKIT/x", "pre/seen", "pre/.hidden", *marks)
        assert [info.key for info in backend.list_files()] == [".hidden", "seen"]

    def test_it_tells_what_a_page_tells(self, backend: S3Backend, sink: Sink) -> None:
        backend.save("a.png", BytesIO(b"12345"), SaveOptions(overwrite=True))
        (listed,) = backend.list_files()
        looked_up = backend.stat("a.png")
        assert (listed.key, listed.size, listed.etag) == ("a.png", 5, looked_up.etag)
        assert (listed.content_type, listed.last_modified) == ("image/png", looked_up.last_modified)

    def test_an_empty_place_has_no_files(self, backend: S3Backend) -> None:
        assert list(backend.list_files()) == []

    def test_an_error_in_a_later_page_is_raised(self, backend: S3Backend, sink: Sink) -> None:
        fill(sink, "pre/a", "pre/b")
        sink.page_size = 1
        sink.hook = lambda seen: error(403, "AccessDenied") if "continuation-token" in seen.query else None
        found = backend.list_files()
        assert next(found).key == "a"
        with pytest.raises(PermissionDeniedError):
            next(found)


class TestDeleting:
    @pytest.mark.parametrize(("many", "requests"), [(0, 0), (1, 1), (1000, 1)])
    def test_many_go_in_one_request(self, backend: S3Backend, sink: Sink, many: int, requests: int) -> None:
        keys = [f"{number}" for number in range(many)]
        fill(sink, "pre/kept", "0", *(f"pre/{key}" for key in keys))
        backend.delete_many(keys)
        assert sink.visible == ["0", "pre/kept"]
        assert sink.operations == ["DeleteObjects"] * requests

    def test_odd_names_and_missing_files(self, backend: S3Backend, sink: Sink) -> None:
        fill(sink, "pre/a&<b>.txt", "pre/日本 .jpg")
        backend.delete_many(["a&<b>.txt", "日本 .jpg", "missing"])
        assert sink.visible == []

    def test_the_request_carries_a_checksum_which_s3_demands(self, backend: S3Backend, sink: Sink) -> None:
        backend.delete_many(["a"])
        headers = sink.requests[0].headers
        assert "content-md5" in headers or any(name.startswith("x-amz-checksum") for name in headers)

    @pytest.mark.parametrize(
        "refusal",
        [
            error(501, "NotImplemented"),
            error(405, "MethodNotAllowed"),
            error(400, "MissingContentMD5"),
            error(400, "InvalidRequest"),
            pytest.param(Reply(501)),
            pytest.param(Reply(405)),
        ],
        ids=lambda refusal: f"{refusal.status}{refusal.body[:30]!r}",
    )
    def test_a_store_that_knows_no_batches_is_asked_one_by_one(
        self, backend: S3Backend, sink: Sink, refusal: Reply
    ) -> None:
        fill(sink, "pre/a", "pre/b", "pre/kept")
        sink.hook = lambda seen: refusal if seen.operation == "DeleteObjects" else None
        backend.delete_many(["a", "b"])
        assert sink.visible == ["pre/kept"]

    def test_another_failure_is_no_reason_to_go_on_one_by_one(self, backend: S3Backend, sink: Sink) -> None:
        sink.hook = lambda seen: error(403, "AccessDenied")
        with pytest.raises(PermissionDeniedError):
            backend.delete_many(["a"])
        assert sink.of("DeleteObject") == []

    @pytest.mark.parametrize(
        ("code", "kind"),
        [("AccessDenied", PermissionDeniedError), ("SlowDown", UnavailableError), ("InternalError", BackendError)],
    )
    def test_an_error_within_the_answer_is_raised_with_the_key(
        self, backend: S3Backend, sink: Sink, code: str, kind: type[BackendError]
    ) -> None:
        body = f"<DeleteResult><Error><Key>pre/b</Key><Code>{code}</Code></Error></DeleteResult>".encode()
        sink.hook = lambda seen: Reply(200, body)
        with pytest.raises(kind) as caught:
            backend.delete_many(["a", "b"])
        assert (caught.value.key, caught.value.backend) == ("b", "s3")

    def test_a_server_error_within_the_answer_is_retryable(self, backend: S3Backend, sink: Sink) -> None:
        sink.hook = lambda seen: Reply(
            200, b"<DeleteResult><Error><Key>pre/b</Key><Code>InternalError</Code></Error></DeleteResult>"
        )
        with pytest.raises(BackendError) as caught:
            backend.delete_many(["a", "b"])
        assert caught.value.retryable

    def test_a_missing_file_is_no_error(self, backend: S3Backend, sink: Sink) -> None:
        fill(sink, "pre/kept")
        backend.delete("missing")
        assert sink.visible == ["pre/kept"]


class TestSweeping:
    def begin(self, sink: Sink, upload_id: str, key: str, hours: float) -> None:
        sink.uploads[upload_id] = Upload(key, {}, datetime.now(timezone.utc) - timedelta(hours=hours))

    def test_only_old_uploads_below_the_prefix_go(self, backend: S3Backend, sink: Sink) -> None:
        for upload_id, key, hours in [
            ("1", "pre/a", 25),
            ("2", "pre/b", 23),
            ("3", "other/a", 99),
            ("4", "prefix", 99),
        ]:
            self.begin(sink, upload_id, key, hours)
        assert backend.sweep() == 1
        assert sorted(sink.uploads) == ["2", "3", "4"]

    def test_it_goes_through_all_pages(self, backend: S3Backend, sink: Sink) -> None:
        sink.page_size = 2
        for number in range(5):
            self.begin(sink, f"{number}", "pre/same", 48)
        assert backend.sweep() == 5
        assert sink.uploads == {}
        assert len(sink.of("ListMultipartUploads")) == 3

    def test_the_age_is_the_callers(self, backend: S3Backend, sink: Sink) -> None:
        self.begin(sink, "1", "pre/a", 2)
        assert backend.sweep(timedelta(hours=3)) == 0
        assert backend.sweep(timedelta(hours=1)) == 1

    def test_one_that_somebody_else_removed_does_not_count(self, backend: S3Backend, sink: Sink) -> None:
        self.begin(sink, "1", "pre/a", 48)

        def be_faster(seen: Seen) -> None:
            if seen.operation == "AbortMultipartUpload":
                sink.uploads.clear()

        sink.hook = be_faster
        assert backend.sweep() == 0

    @pytest.mark.parametrize("name", ["pre/.uploadkit/probe-x", "pre/.uploadkit/claims/x"])
    def test_what_a_killed_probe_or_completion_left_goes(self, backend: S3Backend, sink: Sink, name: str) -> None:
        sink.objects[name] = Stored(b"x", modified=datetime.now(timezone.utc) - timedelta(hours=48))
        backend.sweep()
        assert sink.visible == []
