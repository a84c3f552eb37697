"""The reader over ranged requests, and the digests that it verifies by."""

from __future__ import annotations

import hashlib
import io
import os
import random
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from uploadkit.backends._cloud.body import Body
from uploadkit.backends._cloud.metadata import as_headers, from_headers
from uploadkit.backends._cloud.ranged import FIRST_WINDOW, Expected, RangedReader, buffered
from uploadkit.digests import CRC32, new_digest, split_checksum
from uploadkit.exceptions import IntegrityError, UnavailableError

MIB = 1024 * 1024
CONTENT = random.Random(7).randbytes(5 * MIB + 123)
SHA256 = f"sha256:{hashlib.sha256(CONTENT).hexdigest()}"


class Store:
    """Answers ranged requests from memory and writes down what was asked for."""

    def __init__(self, content: bytes = CONTENT) -> None:
        self.content = content
        self.asked: list[tuple[int, int]] = []

    def fetch(self, begin: int, stop: int) -> bytes:
        self.asked.append((begin, stop))
        return self.content[begin:stop]

    def reader(
        self,
        start: int = 0,
        end: int | None = None,
        *,
        first: int = FIRST_WINDOW,
        expected: Expected | None = None,
        read_ahead: int = 2 * MIB,
    ) -> RangedReader:
        end = len(self.content) if end is None else end
        return RangedReader(
            self.fetch,
            start,
            end,
            first=self.content[start : min(start + first, end)],
            expected=expected,
            read_ahead=read_ahead,
            backend="test",
            key="k",
        )


def test_windows_double_up_to_the_read_ahead() -> None:
    store = Store()
    assert store.reader().readall() == CONTENT
    assert store.asked == [(MIB, 3 * MIB), (3 * MIB, 5 * MIB), (5 * MIB, len(CONTENT))]


def test_a_small_read_ahead_bounds_every_window() -> None:
    store = Store()
    assert store.reader(first=1000, read_ahead=MIB).readall() == CONTENT
    assert max(stop - begin for begin, stop in store.asked) == MIB


def test_after_a_jump_windows_begin_small_again() -> None:
    store = Store()
    reader = store.reader(read_ahead=8 * MIB)
    reader.seek(4 * MIB)
    assert reader.read(10) == CONTENT[4 * MIB : 4 * MIB + 10]
    assert store.asked == [(4 * MIB, 5 * MIB)]


def test_what_is_in_the_window_is_not_fetched_again() -> None:
    store = Store()
    reader = store.reader()
    for at in (0, 500, 3, MIB - 1):
        reader.seek(at)
        assert reader.read(1) == CONTENT[at : at + 1]
    assert store.asked == []


@given(st.lists(st.tuples(st.integers(0, 5000), st.integers(0, 3000)), max_size=8), st.data())
def test_any_seeks_and_reads_give_what_memory_would(steps: list[tuple[int, int]], data: st.DataObject) -> None:
    content = CONTENT[: data.draw(st.integers(0, 4000))]
    start = data.draw(st.integers(0, len(content)))
    end = data.draw(st.integers(start, len(content)))
    reader = Store(content).reader(start, end, first=data.draw(st.integers(0, 100)), read_ahead=700)
    memory = io.BytesIO(content[start:end])
    with buffered(reader) as file:
        for at, size in steps:
            assert file.seek(at) == memory.seek(at)
            assert file.read(size) == memory.read(size)
            assert file.tell() == memory.tell()
        file.seek(0)
        assert file.read() == content[start:end]


def test_seeking_from_the_end_and_from_here() -> None:
    reader = Store().reader(10, 110)
    assert reader.seek(-5, io.SEEK_END) == 95
    assert reader.read() == CONTENT[105:110]
    reader.seek(10)
    assert reader.seek(-3, io.SEEK_CUR) == 7
    with pytest.raises(ValueError, match="negative"):
        reader.seek(-1)


def test_a_closed_reader_reads_nothing() -> None:
    store = Store()
    reader = store.reader()
    reader.close()
    with pytest.raises(ValueError, match="closed"):
        reader.read(1)
    assert store.asked == []


def test_nobody_reads_on_behind_a_window_that_failed() -> None:
    store = Store()
    fetch, failing = store.fetch, [True]

    def fails(begin: int, stop: int) -> bytes:
        if begin >= 3 * MIB and failing:
            raise UnavailableError("gone for a while", key="k", backend="test")
        return fetch(begin, stop)

    store.fetch = fails  # type: ignore[method-assign]
    with buffered(store.reader(expected=Expected.known(SHA256))) as file:
        assert file.read(10) == CONTENT[:10]
        with pytest.raises(UnavailableError):
            file.read()  # three MiB of it have come, and are lost
        failing.clear()
        with pytest.raises(UnavailableError):
            file.read(1)
        assert file.seek(10) == 10
        assert file.read() == CONTENT[10:]


class TestVerifying:
    @pytest.mark.parametrize("checksum", [SHA256, f"crc32:{zlib.crc32(CONTENT):08x}"])
    def test_a_whole_file_is_held_to_its_checksum(self, checksum: str) -> None:
        assert Store().reader(expected=Expected.known(checksum)).readall() == CONTENT

    @pytest.mark.parametrize("at", [0, MIB - 1, MIB, 3 * MIB + 5, len(CONTENT) - 1])
    def test_one_wrong_byte_is_found_before_the_end_is_handed_out(self, at: int) -> None:
        damaged = bytearray(CONTENT)
        damaged[at] ^= 1
        reader = Store(bytes(damaged)).reader(expected=Expected.known(SHA256))
        got = b""
        with pytest.raises(IntegrityError) as caught:
            while piece := reader.read(64 * 1024):
                got += piece
        assert caught.value.retryable
        assert len(got) < len(CONTENT)

    def test_a_file_in_the_first_window_is_judged_at_once(self) -> None:
        with pytest.raises(IntegrityError):
            Store(b"damaged").reader(expected=Expected.known(SHA256))

    def test_whoever_jumps_gets_bytes_but_no_judgement(self) -> None:
        reader = Store().reader(expected=Expected("sha256", lambda: pytest.fail("asked for")))
        reader.seek(4 * MIB)
        assert reader.read() == CONTENT[4 * MIB :]

    def test_jumping_within_what_came_in_a_row_spoils_nothing(self) -> None:
        damaged = CONTENT[:-1] + bytes([CONTENT[-1] ^ 1])
        reader = Store(damaged).reader(expected=Expected.known(SHA256))
        reader.read(1000)
        reader.seek(0)
        with pytest.raises(IntegrityError):
            reader.readall()

    def test_the_checksum_is_looked_up_once_at_the_end(self) -> None:
        asked: list[int] = []
        store = Store()

        def tell() -> str:
            asked.append(len(store.asked))
            return SHA256

        reader = store.reader(expected=Expected("sha256", tell))
        assert reader.read(MIB) == CONTENT[:MIB]
        assert asked == []
        reader.readall()
        assert asked == [3]

    def test_a_store_without_a_checksum_is_believed(self) -> None:
        assert Store().reader(expected=Expected("crc32", lambda: None)).readall() == CONTENT


class TestDigests:
    @given(st.lists(st.binary(max_size=50), max_size=5))
    def test_crc32_is_zips(self, pieces: list[bytes]) -> None:
        digest = new_digest(CRC32)
        for piece in pieces:
            digest.update(piece)
        assert digest.hexdigest() == f"{zlib.crc32(b''.join(pieces)):08x}"

    @pytest.mark.parametrize(
        "checksum", ["crc32:0123456", "crc32:0123456G", "sha256:00", "crc64:00", "shake_128:00", "md5", "", "SHA256:00"]
    )
    def test_what_is_no_checksum_is_refused(self, checksum: str) -> None:
        with pytest.raises(ValueError):
            split_checksum(checksum)

    def test_a_checksum_is_taken_apart(self) -> None:
        assert split_checksum("crc32:0123abcd") == ("crc32", "0123abcd")

    def test_digests_without_a_length_are_refused(self) -> None:
        with pytest.raises(ValueError, match="shake_256"):
            new_digest("shake_256")


class TestMetadata:
    @given(st.text(st.characters(exclude_categories=("Cs", "Cc")), max_size=40))
    def test_any_text_becomes_ascii_and_comes_back(self, text: str) -> None:
        (header,) = as_headers({"a": text}).values()
        assert header.isascii()
        assert header
        assert header == header.strip()
        assert from_headers({"A": header}) == {"a": text}

    @pytest.mark.parametrize(
        "foreign", ["=?utf-8?b?%%%?=", "=?utf-8?b?/w==?=", "=?utf-8?q?a?=", "=?utf-8?b?YQ", "plain"]
    )
    def test_what_somebody_else_wrote_is_left_as_it_is(self, foreign: str) -> None:
        assert from_headers({"a": foreign}) == {"a": foreign}


class TestBody:
    def test_it_is_read_piece_by_piece_and_again(self) -> None:
        content = os.urandom(1000)
        body = Body(content)
        assert (len(body), body.readable(), body.seekable()) == (1000, True, True)
        assert body.read(10) + body.read(None) == content
        assert (body.tell(), body.read()) == (1000, b"")
        assert body.seek(-10, io.SEEK_END) == 990
        assert body.seek(5, io.SEEK_CUR) == 995
        assert body.read() == content[995:]
        body.seek(0)
        assert body.read() == content


def test_after_damage_nothing_is_handed_out_any_more() -> None:
    """A second read once gave the damaged bytes."""
    store = Store(CONTENT[:-1] + bytes([CONTENT[-1] ^ 1]))
    reader = buffered(store.reader(expected=Expected.known(SHA256)))
    for _ in range(2):
        with pytest.raises(IntegrityError):
            reader.read()


def test_an_encoded_word_that_would_break_a_header_stays_encoded() -> None:
    assert from_headers({"n": "=?utf-8?b?YQpi?="}) == {"n": "=?utf-8?b?YQpi?="}
