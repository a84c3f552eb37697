"""Cutting streams into parts, and how many of them are alive at a time."""

from __future__ import annotations

import threading
from collections.abc import Callable
from io import BytesIO
from itertools import repeat
from typing import BinaryIO

import pytest
from hypothesis import given
from hypothesis import strategies as st

from uploadkit.backends._s3 import parts
from uploadkit.backends._s3.options import LARGEST_PART, LEAST_PART
from uploadkit.backends._s3.parts import MOST_PARTS, Buffers, Sender, cut, part_sizes
from uploadkit.exceptions import BackendError
from uploadkit.models import SaveOptions

from .s3_sink import MIB, MakeS3, Reply, Seen, Sink, clean_environment, make_s3, sink, sink_server
from .s3_streams import unseekable

__all__ = ["clean_environment", "make_s3", "sink", "sink_server"]

TIB = 1024 * 1024 * MIB
OVER = SaveOptions(overwrite=True)
STREAMS: list[Callable[[bytes], BinaryIO]] = [BytesIO, unseekable]


class TestSizes:
    @given(st.integers(LEAST_PART, 64 * MIB), st.integers(0, 5 * TIB))
    def test_a_known_length_fits_and_all_parts_are_alike(self, part_size: int, length: int) -> None:
        sizes = list(part_sizes(part_size, length))
        assert len(sizes) <= MOST_PARTS
        assert len(set(sizes)) == 1
        assert part_size <= sizes[0] <= LARGEST_PART
        assert sum(sizes) >= length

    def test_they_grow_only_when_they_must(self) -> None:
        assert next(part_sizes(8 * MIB, 8 * MIB * MOST_PARTS)) == 8 * MIB
        assert next(part_sizes(8 * MIB, 8 * MIB * MOST_PARTS + 1)) == 9 * MIB

    @pytest.mark.parametrize(
        "part_size",
        [
            pytest.param(LEAST_PART),
            6 * MIB,
            8 * MIB,
            LARGEST_PART,
        ],
    )
    def test_the_largest_file_of_unknown_length_fits(self, part_size: int) -> None:
        sizes = list(part_sizes(part_size, None))
        assert len(sizes) == MOST_PARTS
        assert sizes == sorted(sizes)
        assert sizes[0] == part_size
        assert sizes[-1] <= LARGEST_PART
        assert sum(sizes) >= 5 * TIB


class TestCutting:
    @given(
        st.binary(max_size=300), st.integers(0, 300), st.lists(st.integers(1, 40), min_size=1), st.sampled_from(STREAMS)
    )
    def test_all_bytes_come_in_order_and_only_the_last_part_is_shorter(
        self, content: bytes, head: int, sizes: list[int], make: Callable[[bytes], BinaryIO]
    ) -> None:
        planned = [*sizes, *repeat(sizes[-1], 300)]
        parts = [
            bytes(part) for part in cut(bytearray(content[:head]), make(content[head:]), iter(planned), "a", Buffers())
        ]
        assert b"".join(parts) == content
        assert all(len(part) == size for part, size in zip(parts[:-1], planned, strict=False))
        assert all(parts)

    @given(st.integers(0, 40), st.integers(0, 40), st.integers(1, 3))
    def test_a_stream_that_is_longer_than_all_parts_is_refused(self, head: int, rest: int, many: int) -> None:
        parts = cut(bytearray(head), BytesIO(bytes(rest)), iter([10] * many), "a", Buffers())
        if head + rest > 10 * many:
            with pytest.raises(BackendError, match="longer than"):
                list(parts)
        else:
            assert sum(map(len, parts)) == head + rest

    def test_nothing_is_read_ahead_of_the_part_that_is_asked_for(self) -> None:
        stream = BytesIO(bytes(100))
        parts = cut(bytearray(), stream, repeat(10), "a", Buffers())
        assert stream.tell() == 0
        for number in (1, 2, 3):
            next(parts)
            assert stream.tell() == 10 * number


class TestSender:
    @pytest.mark.parametrize("concurrency", [0, 1, 3])
    def test_results_keep_the_order_of_the_calls(self, concurrency: int) -> None:
        with Sender[int](concurrency) as sender:
            for number in range(20):
                sender.send(lambda number=number: number)  # type: ignore[misc]
            assert sender.results() == list(range(20))

    @pytest.mark.parametrize("concurrency", [0, 3])
    @pytest.mark.parametrize("fails", [ValueError("x"), KeyboardInterrupt()])
    def test_a_failure_is_raised_and_no_call_is_left_running(self, concurrency: int, fails: BaseException) -> None:
        running: list[int] = []

        def call(number: int) -> int:
            running.append(number)
            if number == 2:
                running.remove(number)
                raise fails
            running.remove(number)
            return number

        with pytest.raises(type(fails)), Sender[int](concurrency) as sender:
            for number in range(20):
                sender.send(lambda number=number: call(number))  # type: ignore[misc]
            sender.results()
        assert running == []

    def test_calls_overlap(self) -> None:
        together = threading.Barrier(3, timeout=20)
        with Sender[int](3) as sender:
            for _ in range(3):
                sender.send(together.wait)
            assert sorted(sender.results()) == [0, 1, 2]


class Watched(BytesIO):
    """A stream that reports how far it was read."""

    def __init__(self, content: bytes, report: Callable[[int], None]) -> None:
        super().__init__(content)
        self._report = report

    def read(self, size: int | None = -1, /) -> bytes:
        piece = super().read(size)
        self._report(self.tell())
        return piece


@pytest.mark.parametrize("concurrency", [0, 1, 2, 4])
def test_no_more_parts_than_may_be_sent_at_a_time_are_read_before_one_arrived(
    make_s3: MakeS3, sink: Sink, concurrency: int
) -> None:
    part_size, many = 5 * MIB, 8
    at_once = max(1, concurrency)
    arrived, answered, worst = 0, 0, 0
    all_under_way = threading.Event()
    lock = threading.Lock()

    def hook(seen: Seen) -> Reply | None:
        nonlocal arrived, answered
        if seen.operation == "UploadPart":
            with lock:
                arrived += 1
                if arrived == at_once:
                    all_under_way.set()
            all_under_way.wait(20)  # the first answer waits until as many as may are under way
            with lock:
                answered += 1
        return None

    def report(at: int) -> None:
        nonlocal worst
        with lock:
            worst = max(worst, at - answered * part_size)

    sink.hook = hook
    make_s3(part_size=part_size, concurrency=concurrency).save("a", Watched(bytes(many * part_size), report), OVER)
    assert all_under_way.is_set()
    assert worst == at_once * part_size
    assert sink.objects["a"].content == bytes(many * part_size)


class TestTooManyParts:
    @pytest.fixture(autouse=True)
    def _few(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(parts, "MOST_PARTS", 2)

    def test_nothing_is_left_of_a_stream_that_is_too_long(self, make_s3: MakeS3, sink: Sink) -> None:
        with pytest.raises(BackendError, match="longer than 2 parts"):
            make_s3(part_size=5 * MIB).save("a", unseekable(bytes(10 * MIB + 1)), OVER)
        assert (sink.visible, sink.uploads) == ([], {})
        assert len(sink.of("UploadPart")) == 2

    def test_as_many_as_there_may_be_are_stored(self, make_s3: MakeS3, sink: Sink) -> None:
        make_s3(part_size=5 * MIB).save("a", unseekable(bytes(10 * MIB)), OVER)
        assert len(sink.objects["a"].content) == 10 * MIB

    def test_a_known_length_gets_longer_parts(self, make_s3: MakeS3, sink: Sink) -> None:
        make_s3(part_size=5 * MIB).save("a", BytesIO(bytes(10 * MIB + 1)), OVER)
        assert sorted(len(seen.body) for seen in sink.of("UploadPart")) == [4 * MIB + 1, 6 * MIB]

    def test_the_error_names_key_and_backend(self, make_s3: MakeS3) -> None:
        with pytest.raises(BackendError) as caught:
            make_s3(part_size=5 * MIB).save("a", unseekable(bytes(10 * MIB + 1)), OVER)
        assert (caught.value.key, caught.value.backend) == ("a", "s3")
