"""Saving long files to S3: in parts, all or nothing."""

from __future__ import annotations

import os
import threading
from io import BytesIO
from typing import Any

import pytest

from uploadkit.exceptions import (
    AlreadyExistsError,
    IntegrityError,
    UnavailableError,
)
from uploadkit.models import SaveOptions

from .s3_sink import MIB, MakeS3, Reply, Seen, Sink, clean_environment, error, make_s3, sink, sink_server
from .s3_streams import Failing, unseekable

__all__ = ["clean_environment", "make_s3", "sink", "sink_server"]

PART = 5 * MIB
OVER = SaveOptions(overwrite=True)
OF_HELLO = "sha256:2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"


class TestALongFile:
    @pytest.mark.parametrize("seekable", [True, False], ids=["seekable", "unseekable"])
    @pytest.mark.parametrize(
        ("length", "sizes"),
        [
            (PART, []),
            (PART + 1, [PART, 1]),
            (2 * PART, [PART, PART]),
            (2 * PART + 1, [PART, PART, 1]),
        ],
    )
    def test_it_is_cut_at_the_part_size(
        self, make_s3: MakeS3, sink: Sink, length: int, sizes: list[int], seekable: bool
    ) -> None:
        content = os.urandom(length)
        stream = BytesIO(content) if seekable else unseekable(content)
        saved = make_s3(part_size=PART).save("a.bin", stream, OVER)
        parts = sorted(sink.of("UploadPart"), key=lambda seen: int(seen.query["partNumber"]))
        assert [len(seen.body) for seen in parts] == sizes
        assert sink.objects["a.bin"].content == content
        assert saved.size == length
        assert sink.uploads == {}

    def test_what_is_told_is_what_a_look_up_tells(self, make_s3: MakeS3) -> None:
        backend = make_s3(part_size=PART)
        options = SaveOptions(cache_control="private", metadata={"a": "é"})
        saved = backend.save("a.bin", BytesIO(bytes(PART + 1)), options)
        assert saved == backend.stat("a.bin")
        assert (saved.checksum or "").startswith("crc32:")
        assert saved.metadata == {"a": "é"}

    @pytest.mark.parametrize("concurrency", [0, 1])
    def test_without_concurrency_there_are_no_threads(
        self, make_s3: MakeS3, sink: Sink, monkeypatch: pytest.MonkeyPatch, concurrency: int
    ) -> None:
        backend = make_s3(part_size=PART, concurrency=concurrency)
        backend.save("warm.txt", BytesIO(b"x"), OVER)
        started: list[str] = []
        here = threading.current_thread()
        start = threading.Thread.start

        def note(thread: threading.Thread) -> None:
            if threading.current_thread() is here:
                started.append(thread.name)
            start(thread)

        monkeypatch.setattr(threading.Thread, "start", note)
        backend.save("a.bin", BytesIO(bytes(2 * PART)), OVER)
        assert started == []
        assert len(sink.of("UploadPart")) == 2

    @pytest.mark.parametrize("announced", [{"size": 2 * PART}, {"checksum": "sha256:" + "0" * 64}])
    def test_a_wrong_announcement_leaves_nothing(self, make_s3: MakeS3, sink: Sink, announced: dict[str, Any]) -> None:
        with pytest.raises(IntegrityError):
            make_s3(part_size=PART).save("a.bin", BytesIO(bytes(PART + 1)), SaveOptions(overwrite=True, **announced))
        assert (sink.visible, sink.uploads) == ([], {})
        assert sink.of("CompleteMultipartUpload") == []

    @pytest.mark.parametrize("fails", [RuntimeError("source"), KeyboardInterrupt(), OSError("source"), ValueError("x")])
    @pytest.mark.parametrize("concurrency", [0, 4])
    @pytest.mark.parametrize("seekable", [True, False], ids=["seekable", "unseekable"])
    def test_what_the_source_raises_leaves_unchanged_and_leaves_nothing(
        self, make_s3: MakeS3, sink: Sink, fails: BaseException, concurrency: int, seekable: bool
    ) -> None:
        content = bytes(3 * PART)
        stream = Failing(content, 2 * PART, fails) if seekable else unseekable(content[: 2 * PART], fails)
        with pytest.raises(type(fails)) as caught:
            make_s3(part_size=PART, concurrency=concurrency).save("a.bin", stream, OVER)
        assert caught.value is fails
        assert len(sink.of("UploadPart")) >= 1
        assert (sink.visible, sink.uploads) == ([], {})

    def test_a_part_that_is_refused_leaves_nothing(self, make_s3: MakeS3, sink: Sink) -> None:
        sink.hook = lambda seen: error(403, "AccessDenied") if seen.query.get("partNumber") == "2" else None
        with pytest.raises(PermissionError):
            make_s3(part_size=PART).save("a.bin", BytesIO(bytes(4 * PART)), OVER)
        assert (sink.visible, sink.uploads) == ([], {})

    def test_a_taken_key_is_found_before_anything_is_sent(self, make_s3: MakeS3, sink: Sink) -> None:
        backend = make_s3(part_size=PART)
        backend.save("a.bin", BytesIO(b"first"), SaveOptions())
        with pytest.raises(AlreadyExistsError):
            backend.save("a.bin", BytesIO(bytes(PART + 1)), SaveOptions())
        assert [seen for seen in sink.of("UploadPart") if seen.body] == []
        assert sink.objects["a.bin"].content == b"first"

    def test_a_key_that_is_taken_meanwhile_stays_as_it_is(self, make_s3: MakeS3, sink: Sink) -> None:
        backend = make_s3(part_size=PART)
        backend.save("warm.bin", BytesIO(bytes(PART + 1)), SaveOptions())

        def be_faster(seen: Seen) -> Reply | None:
            if seen.operation == "CompleteMultipartUpload":
                sink.hook = lambda seen: None
                backend.save("a.bin", BytesIO(b"first"), SaveOptions())
            return None

        sink.hook = be_faster
        with pytest.raises(AlreadyExistsError):
            backend.save("a.bin", BytesIO(bytes(PART + 1)), SaveOptions())
        assert sink.objects["a.bin"].content == b"first"
        assert sink.uploads == {}


class TestAConflictAtTheEnd:
    @pytest.fixture(autouse=True)
    def _quick(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("uploadkit.backends._s3.conditions._pause", lambda attempt: None)

    def conflict(self, sink: Sink, times: int) -> None:
        """Answer the next completions as S3 does: with a conflict, after which the upload is gone."""
        left = iter(range(times))

        def hook(seen: Seen) -> Reply | None:
            if seen.operation == "CompleteMultipartUpload" and seen.query["uploadId"] in sink.uploads:
                if next(left, None) is None:
                    return None
                del sink.uploads[seen.query["uploadId"]]
                return error(409, "ConditionalRequestConflict")
            return None

        sink.hook = hook

    def test_a_seekable_stream_is_sent_anew(self, make_s3: MakeS3, sink: Sink) -> None:
        content = os.urandom(PART + 1)
        self.conflict(sink, 2)
        make_s3(part_size=PART).save("a.bin", BytesIO(content), OVER)
        assert sink.objects["a.bin"].content == content
        assert len(sink.of("CreateMultipartUpload")) == 3
        assert sink.uploads == {}

    @pytest.mark.parametrize(("seekable", "uploads"), [(True, 3), (False, 1)])
    def test_when_it_cannot_be_sent_again_the_caller_may(
        self, make_s3: MakeS3, sink: Sink, seekable: bool, uploads: int
    ) -> None:
        self.conflict(sink, 100)
        content = bytes(PART + 1)
        with pytest.raises(UnavailableError) as caught:
            make_s3(part_size=PART).save("a.bin", BytesIO(content) if seekable else unseekable(content), OVER)
        assert caught.value.retryable
        assert len(sink.of("CreateMultipartUpload")) == uploads
        assert (sink.visible, sink.uploads) == ([], {})

    def test_a_small_file_is_sent_again_too(self, make_s3: MakeS3, sink: Sink) -> None:
        replies = iter([error(409, "ConditionalRequestConflict"), error(409, "OperationAborted")])
        sink.hook = lambda seen: next(replies, None) if seen.operation == "PutObject" else None
        make_s3().save("a.txt", BytesIO(b"hello"), OVER)
        assert len(sink.of("PutObject")) == 3
