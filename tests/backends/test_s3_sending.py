"""What long files are sent from: memory that is used again, read by the stream's own ``read``, in pieces that fit."""

from __future__ import annotations

import base64
import gc
import hashlib
import io
import os
import tracemalloc
import zlib
from collections.abc import Callable
from pathlib import Path
from tempfile import SpooledTemporaryFile
from typing import Any, BinaryIO, cast

import pytest

from uploadkit.backends._cloud.body import Body
from uploadkit.backends._cloud.deadline import DeadlineExceededError, deadline
from uploadkit.backends._s3 import parts
from uploadkit.backends._s3.parts import Buffers
from uploadkit.exceptions import IntegrityError
from uploadkit.models import SaveOptions
from uploadkit.streams import fill

from .s3_sink import MIB, MakeS3, Reply, Seen, Sink, clean_environment, error, make_s3, sink, sink_server

__all__ = ["clean_environment", "make_s3", "sink", "sink_server"]

PART = 5 * MIB
OVER = SaveOptions(overwrite=True)


class Secret:
    """A stream that decrypts what it reads, and hands on all other attributes of the stream below it."""

    def __init__(self, inner: BinaryIO) -> None:
        self._inner = inner

    def read(self, size: int = -1) -> bytes:
        return self._inner.read(size).swapcase()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)


class Upper(io.BytesIO):
    """A stream whose ``read`` alone is not that of its base."""

    def read(self, size: int | None = -1, /) -> bytes:
        return super().read(size).upper()


class TestTheMemoryOfParts:
    @pytest.mark.parametrize("at", [2 * PART, 2 * PART + 1000, 7 * PART])
    def test_an_error_that_somebody_keeps_does_not_keep_it(self, make_s3: MakeS3, sink: Sink, at: int) -> None:
        class Breaking(io.RawIOBase):
            left = at

            def readable(self) -> bool:
                return True

            def readinto(self, buffer: Any, /) -> int:
                if not self.left:
                    raise OSError("gone")
                count = min(len(buffer), self.left)
                self.left -= count
                return count

        backend = make_s3(part_size=PART)
        gc.collect()
        gc.disable()
        tracemalloc.start()
        try:
            with pytest.raises(OSError, match="gone") as kept:
                backend.save("a", cast("BinaryIO", Breaking()), OVER)
            ours = tracemalloc.take_snapshot().filter_traces([tracemalloc.Filter(True, parts.__file__)])
            held = sum(trace.size for trace in ours.traces)
            assert kept.value.__traceback__ is not None
        finally:
            tracemalloc.stop()
            gc.enable()
        assert held < PART / 5

    def test_it_is_used_again_when_it_was_given_back(self) -> None:
        buffers = Buffers()
        first, second = buffers.take(10), buffers.take(10)
        first[:], second[:] = b"a" * 10, b"b" * 10
        buffers.give_back(first[:3])  # the last part is shorter than its memory
        third = buffers.take(10)
        assert third.obj is first.obj
        assert bytes(second) == b"b" * 10
        assert len(third) == 10

    def test_parts_of_another_length_get_their_own(self) -> None:
        buffers = Buffers()
        buffers.give_back(buffers.take(10))
        assert len(buffers.take(20)) == 20

    @pytest.mark.parametrize("concurrency", [0, 2, 4])
    def test_no_part_is_overwritten_while_it_is_sent_or_sent_again(
        self, make_s3: MakeS3, sink: Sink, concurrency: int
    ) -> None:
        """Parts 2 and 3 are refused once each, while the others go on."""
        content = os.urandom(9 * PART + 1)
        refused: set[str] = set()

        def hook(seen: Seen) -> Reply | None:
            number = seen.query.get("partNumber", "")
            if seen.operation != "UploadPart" or number not in {"2", "3"} or number in refused:
                return None
            refused.add(number)
            return error(503, "SlowDown")

        sink.hook = hook
        make_s3(part_size=PART, concurrency=concurrency).save("a.bin", io.BytesIO(content), OVER)
        assert refused == {"2", "3"}
        assert sink.objects["a.bin"].content == content


class TestReading:
    @pytest.mark.parametrize("wrap", [lambda content: Secret(io.BytesIO(content)), Upper], ids=["outside", "subclass"])
    def test_what_read_gives_is_stored_not_what_readinto_would(
        self, make_s3: MakeS3, sink: Sink, wrap: Callable[[bytes], Any]
    ) -> None:
        content = b"abcdefgh" * (PART // 8 + 1)
        make_s3(part_size=PART).save("a.bin", cast("BinaryIO", wrap(content)), OVER)
        assert sink.objects["a.bin"].content == content.upper()

    @pytest.mark.parametrize("buffering", [0, -1], ids=["raw", "buffered"])
    def test_a_file_is_read_whole(self, tmp_path: Path, buffering: int) -> None:
        path, content = tmp_path / "a.bin", os.urandom(1_000_003)
        path.write_bytes(content)
        buffer = bytearray(1_000_010)
        with path.open("rb", buffering=buffering) as file:
            assert fill(memoryview(buffer)[:500_000], file) == 500_000
            assert fill(memoryview(buffer)[500_000:], file) == 500_003
        assert buffer == content + bytes(7)

    def test_a_temporary_file_of_a_form_is_read_whole(self) -> None:
        buffer, content = bytearray(3 * MIB), os.urandom(2 * MIB)
        with SpooledTemporaryFile(max_size=MIB) as file:
            file.write(content)
            file.seek(0)
            assert fill(memoryview(buffer), cast("BinaryIO", file)) == len(content)
        assert buffer[: len(content)] == content

    @pytest.mark.parametrize("buffering", [0, -1], ids=["raw", "buffered"])
    def test_a_pipe_with_nothing_to_read_has_not_ended(self, buffering: int) -> None:
        source, target = os.pipe()
        os.set_blocking(source, False)
        with open(target, "wb") as writer, open(source, "rb", buffering=buffering) as reader:
            writer.write(b"abc")
            writer.flush()
            buffer = memoryview(bytearray(10))
            with pytest.raises(BlockingIOError, match="nothing to read yet"):
                fill(buffer, reader)

    def test_a_text_stream_is_refused(self) -> None:
        with pytest.raises(TypeError, match="binary"):
            fill(memoryview(bytearray(10)), cast("BinaryIO", io.StringIO("abc")))


class TestPieces:
    CONTENT = os.urandom(8 * MIB + 5)

    def sizes(self, seconds: float | None, content: bytes = CONTENT) -> set[int]:
        """Return how long the pieces of a body are, all but the last."""
        body = Body(content)
        if seconds is None:
            pieces = list(body.pieces())
        else:
            with deadline(seconds):
                pieces = list(body.pieces())
        assert b"".join(pieces) == content
        return {len(piece) for piece in pieces[:-1]}

    def test_each_is_what_has_to_be_sent_in_a_second(self) -> None:
        assert self.sizes(32) == {256 * 1024}
        assert self.sizes(25) == {320 * 1024}  # in whole records of TLS

    def test_they_are_neither_tiny_nor_huge(self) -> None:
        assert self.sizes(10_000) == {16 * 1024}
        assert self.sizes(1.0) == {MIB}
        assert self.sizes(0.5) == {MIB}
        assert self.sizes(None) == {16 * 1024}
        assert self.sizes(25, b"") == set()

    def test_they_begin_where_the_body_is_and_leave_it_there(self) -> None:
        body = Body(b"abcdef")
        body.seek(2)
        pieces = body.pieces()
        assert (b"".join(pieces), b"".join(pieces), body.tell(), len(pieces)) == (b"cdef", b"cdef", 2, 6)
        pieces.seek(0)
        assert (pieces.tell(), b"".join(pieces)) == (0, b"abcdef")

    def test_none_is_sent_after_the_deadline(self) -> None:
        with deadline(1e-9), pytest.raises(DeadlineExceededError):
            next(iter(Body(b"x").pieces()))


class TestAskingFirst:
    """Whether the store is asked if it wants a body: ``Expect: 100-continue``."""

    @pytest.mark.parametrize(("size", "asked"), [(0, False), (1, False), (64 * 1024, False), (64 * 1024 + 1, True)])
    def test_a_small_body_is_sent_at_once(self, make_s3: MakeS3, sink: Sink, size: int, asked: bool) -> None:
        content = os.urandom(size)
        make_s3().save("a.bin", io.BytesIO(content), OVER)
        (seen,) = sink.of("PutObject")
        assert ("expect" in {name.lower() for name in seen.headers}) is asked
        assert sink.objects["a.bin"].content == content


class TestTheChecksums:
    CONTENT = os.urandom(2 * PART + 1)

    @pytest.mark.parametrize("algorithm", [None, "sha256", "md5", "crc32"])
    def test_parts_and_whole_are_verified_whatever_is_announced(
        self, make_s3: MakeS3, sink: Sink, algorithm: str | None
    ) -> None:
        announced = {None: None, "crc32": f"crc32:{zlib.crc32(self.CONTENT):08x}"}.get(algorithm)
        if algorithm in ("sha256", "md5"):
            announced = f"{algorithm}:{hashlib.new(algorithm, self.CONTENT).hexdigest()}"
        options = SaveOptions(overwrite=True, checksum=announced, size=len(self.CONTENT))
        make_s3(part_size=PART).save("a.bin", io.BytesIO(self.CONTENT), options)
        parts = sink.of("UploadPart")
        assert len(parts) == 3
        assert [seen.headers["x-amz-checksum-crc32"] for seen in parts] == [crc32(bytes(seen.body)) for seen in parts]
        (end,) = sink.of("CompleteMultipartUpload")
        assert end.headers["x-amz-checksum-crc32"] == crc32(self.CONTENT)
        assert end.headers["x-amz-checksum-type"] == "FULL_OBJECT"

    @pytest.mark.parametrize("checksum_algorithm", ["auto", "SHA256", "none"])
    @pytest.mark.parametrize("announced", ["crc32:" + "0" * 8, "sha256:" + "0" * 64])
    def test_another_content_than_the_announced_one_is_refused(
        self, make_s3: MakeS3, sink: Sink, announced: str, checksum_algorithm: str
    ) -> None:
        backend = make_s3(part_size=PART, checksum_algorithm=checksum_algorithm)
        with pytest.raises(IntegrityError, match="not the announced"):
            backend.save("a.bin", io.BytesIO(self.CONTENT), SaveOptions(overwrite=True, checksum=announced))
        assert (sink.visible, sink.uploads) == ([], {})


def crc32(content: bytes) -> str:
    return base64.b64encode(zlib.crc32(content).to_bytes(4, "big")).decode()
