"""Reading from S3: how many requests, held to one version, and never a short or a wrong byte."""

from __future__ import annotations

import gc
import io
import os
import warnings
import zlib
from collections.abc import Callable
from typing import BinaryIO

import pytest

from uploadkit.backends.s3 import S3Backend
from uploadkit.exceptions import (
    BackendError,
    IntegrityError,
    NotFoundError,
    PermissionDeniedError,
    PreconditionError,
    UnavailableError,
)
from uploadkit.models import SaveOptions

from .s3_sink import MIB, MakeS3, Reply, Seen, Sink, Stored, clean_environment, error, make_s3, sink, sink_server

__all__ = ["clean_environment", "make_s3", "sink", "sink_server"]

OVER = SaveOptions(overwrite=True)
LONG = os.urandom(4 * MIB + 5)


def read(file: BinaryIO) -> bytes:
    with file:
        return file.read()


def asked(sink: Sink) -> list[str]:
    return [seen.headers["range"] for seen in sink.of("GetObject")]


@pytest.fixture
def backend(make_s3: MakeS3, sink: Sink) -> S3Backend:
    backend = make_s3(read_ahead=2 * MIB)
    for key, content in {"a.txt": b"hello", "long.bin": LONG, "empty": b""}.items():
        backend.save(key, io.BytesIO(content), OVER)
    sink.requests.clear()
    return backend


def corrupt(sink: Sink, damage: Callable[[Reply], Reply]) -> None:
    """Let every answer to GET be damaged."""
    sink.hook = lambda seen: damage(sink._GetObject(seen)) if seen.operation == "GetObject" else None


class TestRequests:
    def test_a_small_file_is_one_get_and_no_head(self, backend: S3Backend, sink: Sink) -> None:
        assert read(backend.open("a.txt")) == b"hello"
        assert sink.operations == ["GetObject"]

    def test_a_snapshot_of_a_small_file_is_one_get_too(self, backend: S3Backend, sink: Sink) -> None:
        info, file = backend.open_snapshot("a.txt")
        assert read(file) == b"hello"
        assert sink.operations == ["GetObject"]
        assert info == backend.stat("a.txt")

    def test_a_long_file_comes_in_growing_windows(self, backend: S3Backend, sink: Sink) -> None:
        assert read(backend.open("long.bin")) == LONG
        windows = [(0, MIB), (MIB, 3 * MIB), (3 * MIB, len(LONG))]
        assert asked(sink) == [f"bytes={begin}-{stop - 1}" for begin, stop in windows]

    def test_a_range_asks_for_no_more_than_it_needs(self, backend: S3Backend, sink: Sink) -> None:
        assert read(backend.open_range("long.bin", 100, 50)) == LONG[100:150]
        assert asked(sink) == ["bytes=100-149"]
        assert sink.operations == ["GetObject"]

    def test_opening_without_reading_to_the_end_stops_there(self, backend: S3Backend, sink: Sink) -> None:
        with backend.open("long.bin") as file:
            assert file.read(10) == LONG[:10]
        assert len(sink.requests) == 1

    def test_seeking_reads_only_what_is_there(self, backend: S3Backend, sink: Sink) -> None:
        with backend.open("long.bin") as file:
            file.seek(-5, io.SEEK_END)
            assert file.read() == LONG[-5:]
            file.seek(2)
            assert file.read(3) == LONG[2:5]
        assert [seen.headers["range"] for seen in sink.of("GetObject")][1] == f"bytes={len(LONG) - 5}-{len(LONG) - 1}"


class TestRanges:
    @pytest.fixture(params=[True, False], ids=["ranges", "no ranges"], autouse=True)
    def _ranges(self, backend: S3Backend, sink: Sink, request: pytest.FixtureRequest) -> None:
        sink.ranges = request.param

    @pytest.mark.parametrize(
        ("start", "length"), [(0, None), (0, 5), (2, 2), (4, 100), (3, None), (0, 0), (5, 0), (5, 3), (6, None)]
    )
    def test_a_range_is_what_slicing_gives(self, backend: S3Backend, start: int, length: int | None) -> None:
        assert read(backend.open_range("a.txt", start, length)) == b"hello"[start:][:length]

    @pytest.mark.parametrize("start", [0, MIB - 1, MIB, len(LONG) - 1])
    def test_a_range_of_a_long_file(self, backend: S3Backend, start: int) -> None:
        assert read(backend.open_range("long.bin", start)) == LONG[start:]

    def test_an_empty_file_is_empty(self, backend: S3Backend) -> None:
        info, file = backend.open_snapshot("empty")
        assert read(file) == b""
        assert info == backend.stat("empty")

    @pytest.mark.parametrize("start", [0, 3])
    def test_a_missing_file_is_missing_at_once(self, backend: S3Backend, start: int) -> None:
        with pytest.raises(NotFoundError):
            backend.open_range("missing", start)
        with pytest.raises(NotFoundError):
            backend.open_range("missing", start, 0)

    def test_negative_ranges_are_refused(self, backend: S3Backend, sink: Sink) -> None:
        sink.requests.clear()
        for start, length in ((-1, None), (0, -1)):
            with pytest.raises(ValueError, match="negative"):
                backend.open_range("a.txt", start, length)
        assert sink.requests == []


def test_a_range_behind_the_end_is_seekable_on_a_store_without_ranges(backend: S3Backend, sink: Sink) -> None:
    sink.ranges = False
    with backend.open_range("a.txt", 50) as file:
        assert file.seek(0, io.SEEK_END) == 0


class TestOneVersion:
    def test_overwritten_in_between(self, backend: S3Backend) -> None:
        with backend.open("long.bin") as file:
            file.read(10)
            backend.save("long.bin", io.BytesIO(LONG[::-1]), OVER)
            with pytest.raises(PreconditionError) as caught:
                file.read()
        assert caught.value.retryable

    def test_overwritten_by_a_shorter_file_in_between(self, backend: S3Backend) -> None:
        with backend.open("long.bin") as file:
            file.read(10)
            backend.save("long.bin", io.BytesIO(b"short"), OVER)
            with pytest.raises(PreconditionError):
                file.read()

    def test_deleted_in_between(self, backend: S3Backend) -> None:
        with backend.open("long.bin") as file:
            file.read(10)
            backend.delete("long.bin")
            with pytest.raises(NotFoundError):
                file.read()

    def test_an_empty_file_that_is_overwritten_while_it_is_opened(self, backend: S3Backend, sink: Sink) -> None:
        def overwrite(seen: Seen) -> Reply | None:
            if seen.operation == "HeadObject":
                sink.objects["empty"] = Stored(b"filled")
            return None

        sink.hook = overwrite
        try:
            info, file = backend.open_snapshot("empty")
        except PreconditionError:
            return
        assert len(read(file)) == info.size


class TestDamage:
    def test_a_body_that_breaks_off_once_is_asked_for_again(self, backend: S3Backend, sink: Sink) -> None:
        cuts = iter([3])

        def cut(reply: Reply) -> Reply:
            return Reply(reply.status, reply.body, reply.headers, cut=next(cuts, None))

        corrupt(sink, cut)
        assert read(backend.open("a.txt")) == b"hello"
        assert len(sink.of("GetObject")) == 2

    def test_a_body_that_always_breaks_off_is_never_a_short_success(self, backend: S3Backend, sink: Sink) -> None:
        corrupt(sink, lambda reply: Reply(reply.status, reply.body, reply.headers, cut=3))
        with pytest.raises(UnavailableError) as caught:
            backend.open("a.txt")
        assert len(sink.of("GetObject")) == 3
        assert isinstance(caught.value, UnavailableError)
        assert caught.value.retryable

    def test_a_wrong_byte_is_found(self, backend: S3Backend, sink: Sink) -> None:
        corrupt(sink, lambda reply: Reply(reply.status, b"j" + reply.body[1:], reply.headers))
        with pytest.raises(IntegrityError) as caught:
            read(backend.open("a.txt"))
        assert caught.value.retryable

    def test_a_wrong_byte_in_a_long_file_is_found(self, make_s3: MakeS3, sink: Sink) -> None:
        backend = make_s3(part_size=5 * MIB)
        content = bytearray(os.urandom(5 * MIB + 1))
        backend.save("long.bin", io.BytesIO(content), OVER)
        assert read(backend.open("long.bin")) == content
        content[2 * MIB] ^= 1
        sink.objects["long.bin"].content = bytes(content)
        with pytest.raises(IntegrityError):
            read(backend.open("long.bin"))

    def test_a_long_files_checksum_comes_from_one_look_up_at_its_end(self, make_s3: MakeS3, sink: Sink) -> None:
        content = os.urandom(5 * MIB + 1)
        make_s3(part_size=5 * MIB).save("long.bin", io.BytesIO(content), OVER)
        sink.requests.clear()
        with make_s3().open("long.bin") as file:
            file.read(MIB)
            assert sink.of("HeadObject") == []
            file.read()
        assert sink.operations[-1] == "HeadObject"
        sink.requests.clear()
        assert read(make_s3(checksum_mode=False).open("long.bin")) == content
        assert sink.of("HeadObject") == []

    def test_a_snapshot_of_a_long_file_is_what_a_look_up_tells(self, make_s3: MakeS3) -> None:
        backend = make_s3(part_size=5 * MIB)
        content = os.urandom(5 * MIB + 1)
        backend.save("long.bin", io.BytesIO(content), OVER)
        assert backend.stat("long.bin").checksum == f"crc32:{zlib.crc32(content):08x}"
        info, file = backend.open_snapshot("long.bin")
        file.close()
        assert info == backend.stat("long.bin")

    def test_a_checksum_of_the_parts_checksums_is_none_of_the_file(self, backend: S3Backend, sink: Sink) -> None:
        sink.objects["a.txt"] = Stored(b"hello", {"x-amz-checksum-sha256": "AAAA-2"})
        assert backend.stat("a.txt").checksum is None
        assert read(backend.open("a.txt")) == b"hello"


class TestConnections:
    def test_a_pool_of_one_is_enough_for_two_open_readers(self, make_s3: MakeS3, backend: S3Backend) -> None:
        small_pool = make_s3(pool_size=1, concurrency=0, read_ahead=MIB)
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            with small_pool.open("long.bin") as first, small_pool.open("long.bin") as second:
                assert first.read(MIB + 1) == second.read(MIB + 1) == LONG[: MIB + 1]
                assert first.read() == second.read() == LONG[MIB + 1 :]

    def test_a_reader_that_nobody_closes_does_no_harm(
        self, backend: S3Backend, recwarn: pytest.WarningsRecorder
    ) -> None:
        for _ in range(3):
            backend.open("long.bin").read(10)
        gc.collect()
        assert [str(found.message) for found in recwarn.list] == []


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (error(403, "AccessDenied"), PermissionDeniedError),
        (error(404, "NoSuchBucket"), BackendError),
        (error(400, "InvalidObjectState"), BackendError),
    ],
)
def test_what_goes_wrong_is_named_and_is_not_taken_for_a_missing_file(
    backend: S3Backend, sink: Sink, answer: Reply, kind: type[BackendError]
) -> None:
    sink.hook = lambda seen: answer
    with pytest.raises(kind) as caught:
        backend.open("a.txt")
    assert not isinstance(caught.value, NotFoundError)
    assert (caught.value.key, caught.value.backend) == ("a.txt", "s3")
    assert caught.value.__cause__ is not None
