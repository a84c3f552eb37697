"""Receiving over a real socket: visitors who are slow, who vanish, who send chunks, who wait to be asked."""

from __future__ import annotations

import http.client
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from werkzeug.exceptions import BadRequest

from uploadkit import IntegrityError, UploadNotAllowed
from uploadkit.backends import Backend

from .receiving_kit import (
    BOUNDARY,
    MIB,
    PATIENCE,
    Visitor,
    content_of,
    form_of,
    part,
    places,
    read,
    receiving_app,
    visited,
)
from .test_receiving import stored

CONTENT = content_of(2 * MIB)
FORM = form_of(
    part("a", b"1"), part("file", b"first", "first.bin"), part("file", CONTENT, "second.bin"), part("b", b"2")
)


@pytest.fixture
def spool_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Where temporary files would be; none are left."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(folder))
    yield folder
    assert list(folder.iterdir()) == []


@pytest.mark.usefixtures("spool_folder")
class TestVisitors:
    @pytest.mark.parametrize("chunked", [False, True])
    def test_who_vanish_leave_nothing(self, backend: Backend, chunked: bool) -> None:
        app, files, outcomes = receiving_app(backend)
        with visited(app) as url:
            for at in places(FORM):
                with Visitor(url) as visitor:
                    visitor.begin(None if chunked else len(FORM))
                    if chunked:
                        visitor.send_chunks(FORM[:at], 50_000)
                    else:
                        visitor.send(FORM[:at])
                assert isinstance(outcomes.get(timeout=PATIENCE), BadRequest), at
                with app.app_context():
                    assert stored(files) == [], at

    def test_who_send_chunks_are_as_welcome(self, backend: Backend) -> None:
        app, files, outcomes = receiving_app(backend, ON_CONFLICT="error")
        with visited(app) as url, Visitor(url) as visitor:
            visitor.begin(None)
            visitor.send_chunks(FORM, 33_333)
            visitor.send(b"0\r\n\r\n")
            assert visitor.read_answer()[0] == 200
            outcomes.get(timeout=PATIENCE)
            with app.app_context():
                assert read(files, "second.bin") == CONTENT

    def test_who_wait_to_be_asked_are_asked(self, backend: Backend) -> None:
        app, files, outcomes = receiving_app(backend, ON_CONFLICT="error")
        with visited(app) as url, Visitor(url) as visitor:
            visitor.begin(len(FORM), "Expect: 100-continue")
            assert [visitor.read_line(), visitor.read_line()] == ["HTTP/1.1 100 Continue", ""]
            visitor.send(FORM)
            assert visitor.read_answer()[0] == 200
            outcomes.get(timeout=PATIENCE)
            with app.app_context():
                assert sorted(stored(files)) == ["first.bin", "second.bin"]

    def test_who_are_slow_are_waited_for(self, backend: Backend) -> None:
        app, files, outcomes = receiving_app(backend, ON_CONFLICT="error")
        small = form_of(part("file", b"slow\r\n--", "slow.bin"), part("a", b"1"))
        with visited(app) as url, Visitor(url) as visitor:
            visitor.begin(len(small))
            for at in range(len(small)):
                visitor.send(small[at : at + 1])
            assert visitor.read_answer()[0] == 200
            outcomes.get(timeout=PATIENCE)
            with app.app_context():
                assert read(files, "slow.bin") == b"slow\r\n--"

    @pytest.mark.parametrize("sends_all", [False, True])
    def test_who_are_refused_hear_it_before_they_have_sent_the_rest(self, backend: Backend, sends_all: bool) -> None:
        app, files, outcomes = receiving_app(backend)
        begun = form_of(part("file", CONTENT, "good.bin"), part("file", bytes(MIB), "bad.exe"))[: -MIB // 2]
        with visited(app) as url, Visitor(url) as visitor:
            visitor.begin(len(begun) + 64 * MIB)
            visitor.send(begun)
            if sends_all:
                visitor.send(bytes(64 * MIB))
            status, answer = visitor.read_answer()
            assert (status, "'exe' is not allowed" in answer) == (422, True)
            assert isinstance(outcomes.get(timeout=PATIENCE), UploadNotAllowed)
            with app.app_context():
                assert stored(files) == []

    def test_an_ordinary_client_hears_of_a_refusal(self, backend: Backend) -> None:
        app, _, outcomes = receiving_app(backend)
        body = form_of(part("file", bytes(32 * MIB), "bad.exe"))
        with visited(app) as url:
            client = http.client.HTTPConnection(urlsplit(url).netloc, timeout=PATIENCE)
            client.request("POST", "/", body, {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"})
            with client.getresponse() as answer:
                assert answer.status == 422
            client.close()
            outcomes.get(timeout=PATIENCE)


@pytest.mark.usefixtures("spool_folder")
class TestBodies:
    def test_a_put_is_stored_as_it_is(self, backend: Backend) -> None:
        app, files, outcomes = receiving_app(backend, ON_CONFLICT="error")
        for chunked in (False, True):
            with visited(app) as url, Visitor(url) as visitor:
                visitor.begin(None if chunked else len(CONTENT), method="PUT", path=f"/f/{chunked}.bin")
                if chunked:
                    visitor.send_chunks(CONTENT, 33_333)
                    visitor.send(b"0\r\n\r\n")
                else:
                    visitor.send(CONTENT)
                assert visitor.read_answer()[0] == 200
                outcomes.get(timeout=PATIENCE)
                with app.app_context():
                    assert read(files, f"f/{chunked}.bin") == CONTENT

    @pytest.mark.parametrize("chunked", [False, True])
    def test_a_put_of_a_visitor_who_vanishes_leaves_nothing(self, backend: Backend, chunked: bool) -> None:
        app, files, outcomes = receiving_app(backend)
        with visited(app) as url:
            for at in places(CONTENT):
                with Visitor(url) as visitor:
                    visitor.begin(None if chunked else len(CONTENT), method="PUT", path="/a.bin")
                    if chunked:
                        visitor.send_chunks(CONTENT[:at], 50_000)
                    else:
                        visitor.send(CONTENT[:at])
                assert isinstance(outcomes.get(timeout=PATIENCE), (BadRequest, IntegrityError)), at
                with app.app_context():
                    assert stored(files) == [], at
