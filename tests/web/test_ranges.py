"""Ranges and conditional requests: what is sent is exactly what was asked for, of one and the same file."""

from __future__ import annotations

import email
import io
import os
from datetime import datetime, timedelta, timezone
from email.message import Message
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from hypothesis import given
from hypothesis import strategies as st
from werkzeug.http import http_date

from tests.conftest import SixMethods
from uploadkit import FileInfo, NotFoundError, PreconditionError, SaveOptions, UnavailableError, UploadSet
from uploadkit.backends import Backend
from uploadkit.web.conditions import has_parts_of
from uploadkit.web.ranges import MOST_RANGES, requested_ranges

from .kit import client_of, made_set, put

CONTENT = bytes(range(256)) * 40
SIZE = len(CONTENT)


@pytest.fixture
def files(app: Flask, backend: Backend) -> UploadSet:
    files = made_set(app, backend, SERVE=True)
    put(app, files, CONTENT, "a.bin")
    return files


def get(app: Flask, name: str = "a.bin", method: str = "GET", **headers: str) -> Any:
    named = {key.replace("_", "-"): value for key, value in headers.items()}
    return client_of(app).open(f"/_uploads/files/{name}", method=method, headers=named)


def single_bytes(count: int) -> str:
    return "bytes=" + ",".join(f"{at}-{at}" for at in range(count))


class TestParsing:
    @pytest.mark.parametrize(
        ("header", "size", "expected"),
        [
            (None, 10, None),
            ("bytes=0-3", 10, [(0, 4)]),
            ("bytes=0-", 10, [(0, 10)]),
            ("bytes=-3", 10, [(7, 3)]),
            ("bytes=-30", 10, [(0, 10)]),
            ("bytes=9-99", 10, [(9, 1)]),
            ("BYTES = 1-2 , 4-5", 10, [(1, 2), (4, 2)]),
            ("bytes=0-0,-1", 10, [(0, 1), (9, 1)]),
            ("bytes=10-", 10, []),
            ("bytes=20-30,40-50", 10, []),
            ("bytes=2-3,20-30", 10, [(2, 2)]),
            ("bytes=0-", 0, []),
            ("bytes=-5", 0, []),
            *(
                (header, 10, None)
                for header in ("", "bytes", "bytes=", "bytes=a-b", "bytes=5-2", "lines=0-3", "bytes=1")
            ),
            ("bytes=5-6,1-2", 10, None),
            ("bytes=0-5,3-8", 10, None),
            (f"bytes=0-{'9' * 5000}", 10, None),
            (
                "bytes=" + ",".join(f"{at}-{at}" for at in range(MOST_RANGES)),
                99,
                [(at, 1) for at in range(MOST_RANGES)],
            ),
            ("bytes=" + ",".join(f"{at}-{at}" for at in range(MOST_RANGES + 1)), 99, None),
        ],
    )
    def test_what_a_header_asks_for(
        self, header: str | None, size: int, expected: list[tuple[int, int]] | None
    ) -> None:
        assert requested_ranges(header, size) == expected

    @given(st.text(alphabet="bytes=0123456789-, \t*", max_size=60), st.integers(0, 2**63))
    def test_no_header_asks_for_what_is_not_there(self, header: str, size: int) -> None:
        for part in requested_ranges(header, size) or ():
            assert part.length > 0
            assert 0 <= part.start < part.start + part.length <= size
            assert part.content_range(size) == f"bytes {part.start}-{part.start + part.length - 1}/{size}"


class TestRanges:
    @pytest.mark.parametrize(
        ("asked", "start", "stop"), [("0-0", 0, 1), ("5-", 5, SIZE), ("-7", SIZE - 7, SIZE), ("100-99999", 100, SIZE)]
    )
    def test_one_range(self, app: Flask, files: UploadSet, asked: str, start: int, stop: int) -> None:
        answer = get(app, Range=f"bytes={asked}")
        assert (answer.status_code, answer.data) == (206, CONTENT[start:stop])
        assert answer.headers["Content-Range"] == f"bytes {start}-{stop - 1}/{SIZE}"
        assert answer.headers["Content-Length"] == str(stop - start)
        assert answer.headers["Accept-Ranges"] == "bytes"
        assert answer.headers["X-Content-Type-Options"] == "nosniff"

    def test_several_ranges(self, app: Flask, files: UploadSet) -> None:
        answer = get(app, Range="bytes=0-9,500-1499,-5")
        assert answer.status_code == 206
        assert answer.content_length == len(answer.data)
        parts = parts_of(answer)
        assert [part.get_payload(decode=True) for part in parts] == [CONTENT[:10], CONTENT[500:1500], CONTENT[-5:]]
        assert [part["Content-Range"] for part in parts] == [
            f"bytes {place}/{SIZE}" for place in ("0-9", "500-1499", f"{SIZE - 5}-{SIZE - 1}")
        ]
        assert {part["Content-Type"] for part in parts} == {"application/octet-stream"}
        assert answer.headers["Content-Disposition"].startswith("attachment")
        assert answer.headers["X-Content-Type-Options"] == "nosniff"

    def test_impossible_ranges(self, app: Flask, files: UploadSet) -> None:
        answer = get(app, Range=f"bytes={SIZE}-")
        assert (answer.status_code, answer.data) == (416, b"")
        assert answer.headers["Content-Range"] == f"bytes */{SIZE}"

    @pytest.mark.parametrize(
        "header", ["lines=1-2", "bytes=9-1", "bytes=" + ",".join(["0-"] * 1000), "bytes=" + "0-0," * 999]
    )
    def test_what_means_nothing_or_too_much_is_the_whole_file(self, app: Flask, files: UploadSet, header: str) -> None:
        answer = get(app, Range=header)
        assert (answer.status_code, answer.data) == (200, CONTENT)

    def test_an_empty_file_has_none(self, app: Flask, files: UploadSet) -> None:
        put(app, files, b"", "empty.txt")
        assert get(app, "empty.txt", Range="bytes=0-").status_code == 416
        assert (get(app, "empty.txt").status_code, get(app, "empty.txt").content_length) == (200, 0)

    def test_a_head_request_knows_no_ranges(self, app: Flask, files: UploadSet) -> None:
        answer = get(app, method="HEAD", Range="bytes=0-9")
        assert (answer.status_code, answer.data, answer.content_length) == (200, b"", SIZE)


class TestConditions:
    def test_if_none_match_and_if_modified_since(self, app: Flask, files: UploadSet) -> None:
        first = get(app)
        known = [
            {"If_None_Match": first.headers["ETag"]},
            {"If_None_Match": f'"x", W/{first.headers["ETag"]}'},
            {"If_None_Match": "*"},
            {"If_Modified_Since": first.headers["Last-Modified"]},
            {"If_None_Match": first.headers["ETag"], "If_Modified_Since": http_date(0)},
        ]
        for method in ("GET", "HEAD"):
            for headers in known:
                again = get(app, method=method, **headers)
                assert (again.status_code, again.data) == (304, b"")
                assert again.headers["ETag"] == first.headers["ETag"]
        assert get(app, If_None_Match='"another"').data == CONTENT
        assert get(app, If_None_Match='"another"', If_Modified_Since=first.headers["Last-Modified"]).data == CONTENT
        assert get(app, If_Modified_Since="nonsense").data == CONTENT
        assert get(app, If_Modified_Since=http_date(0)).data == CONTENT

    def test_if_match_and_if_unmodified_since(self, app: Flask, files: UploadSet) -> None:
        first = get(app)
        for headers in (
            {"If_Match": '"another"'},
            {"If_Match": f"W/{first.headers['ETag']}"},
            {"If_Unmodified_Since": http_date(0)},
        ):
            refused = get(app, Range="bytes=0-9", **headers)
            assert (refused.status_code, refused.data) == (412, b"")
        for headers in (
            {"If_Match": first.headers["ETag"]},
            {"If_Match": f'"x", {first.headers["ETag"]}'},
            {"If_Match": "*"},
            {"If_Match": "*", "If_Unmodified_Since": http_date(0)},
            {"If_Unmodified_Since": first.headers["Last-Modified"]},
        ):
            assert get(app, Range="bytes=0-9", **headers).status_code == 206

    def test_if_range_gives_the_whole_of_another_file(self, app: Flask, files: UploadSet) -> None:
        first = get(app)
        assert get(app, Range="bytes=0-9", If_Range=first.headers["ETag"]).status_code == 206
        for validator in (
            '"another"',
            f"W/{first.headers['ETag']}",
            first.headers["Last-Modified"],
            http_date(0),
            "nonsense",
        ):
            answer = get(app, Range="bytes=0-9", If_Range=validator)
            assert (answer.status_code, answer.data) == (200, CONTENT)

    def test_a_range_goes_on_with_the_same_file_only(self, app: Flask, files: UploadSet) -> None:
        etag = get(app).headers["ETag"]
        put(app, files, CONTENT[::-1], "a.bin", on_conflict="overwrite")
        answer = get(app, Range="bytes=0-9", If_Range=etag)
        assert (answer.status_code, answer.data) == (200, CONTENT[::-1])


class TestReplacedMeanwhile:
    """A backend whose file is replaced between looking at it and opening it."""

    def backend(self, times: int) -> SixMethods:
        backend = SixMethods()
        self.replacing(backend, times)
        return backend

    def replacing(self, backend: SixMethods, times: int) -> list[int]:
        original, left = backend.open, [times]

        def replaced(key: str) -> Any:
            if left[0]:
                left[0] -= 1
                backend.save(key, io.BytesIO(b"%d" % left[0] * 20), SaveOptions(overwrite=True))
            return original(key)

        backend.open = replaced  # type: ignore[method-assign]
        return left

    def test_a_range_is_of_the_file_that_the_headers_tell_of(self, app: Flask) -> None:
        backend = self.backend(times=3)
        files = made_set(app, backend, SERVE=True)
        put(app, files, b"old" * 10, "a.txt")
        answer = get(app, "a.txt", Range="bytes=0-3")
        assert (answer.data, answer.headers["Content-Range"]) == (b"0000", "bytes 0-3/20")
        assert answer.headers["ETag"].strip('"') == backend.stat("a.txt").etag

    def test_one_that_never_stays_is_a_503(self, app: Flask) -> None:
        files = made_set(app, self.backend(times=10_000), SERVE=True)
        put(app, files, b"old" * 10, "a.txt")
        assert get(app, "a.txt", Range="bytes=0-3").status_code == 503

    @pytest.mark.parametrize("gone", [False, True])
    def test_between_two_ranges_the_answer_breaks_off(self, app: Flask, gone: bool) -> None:
        backend = SixMethods()
        files = made_set(app, backend, SERVE=True)
        put(app, files, b"old" * 10, "a.txt")
        answer = app.test_client().get("/_uploads/files/a.txt", headers={"Range": "bytes=0-3,5-8"})
        pieces = iter(answer.response)
        assert b"bytes 0-3/30" in next(pieces)
        assert next(pieces) == b"oldo"
        backend.delete("a.txt")
        if not gone:
            put(app, files, b"new" * 10, "a.txt")
        with pytest.raises(NotFoundError if gone else PreconditionError):
            next(pieces)
        answer.close()


def parts_of(answer: Any) -> list[Message]:
    head = f"Content-Type: {answer.headers['Content-Type']}\r\n\r\n".encode()
    payload = email.message_from_bytes(head + answer.data).get_payload()
    assert isinstance(payload, list)
    return [part for part in payload if isinstance(part, Message)]


class TestDates:
    @pytest.mark.parametrize(("age", "goes_on"), [(1, False), (5, True)])
    def test_a_date_tells_a_file_from_the_next_one_only_after_a_while(self, age: int, goes_on: bool) -> None:
        stored = datetime.now(timezone.utc) - timedelta(seconds=age)
        info = FileInfo("a", 10, last_modified=stored, etag="e")
        assert has_parts_of(info, http_date(stored)) is goes_on
        assert not has_parts_of(info, http_date(stored - timedelta(seconds=1)))

    @pytest.mark.parametrize("header", ["If-Modified-Since", "If-Unmodified-Since", "If-Range"])
    @pytest.mark.parametrize("date", ["Mon, 01 Jan 2147483648 0:0:0 GMT", "Mon, 99 Jan 2020 00:00:00 GMT", "\xff", ""])
    def test_a_date_that_is_none_is_as_if_it_were_not_there(
        self, app: Flask, files: UploadSet, header: str, date: str
    ) -> None:
        answer = client_of(app).get("/_uploads/files/a.bin", headers={header: date, "Range": "bytes=0-9"})
        assert answer.status_code == (200 if header == "If-Range" else 206)


def test_the_whole_file_is_of_the_version_that_the_condition_was_held_against(app: Flask) -> None:
    backend = TestReplacedMeanwhile().backend(times=0)
    files = made_set(app, backend, SERVE=True)
    put(app, files, b"old" * 10, "a.txt", cache_control="public, max-age=999")
    etag = get(app, "a.txt").headers["ETag"]
    replaced = TestReplacedMeanwhile().replacing(backend, times=1)
    answer = get(app, "a.txt", If_Match=etag)
    assert replaced == [0]
    assert (answer.status_code, answer.data) == (412, b"")


def test_a_file_that_becomes_shorter_breaks_the_answer_off(app: Flask, tmp_path: Path) -> None:
    app.config["UPLOADED_FILES_DEST"] = tmp_path
    files = made_set(app, "local", SERVE=True)
    put(app, files, bytes(1_000_000), "a.bin")
    answer = app.test_client().get("/_uploads/files/a.bin")
    pieces = iter(answer.response)
    next(pieces)
    os.truncate(tmp_path / "a.bin", 200_000)
    with pytest.raises(UnavailableError, match="became shorter"):
        list(pieces)
    answer.close()
