"""What `receive` guards against: bytes that others take, files that others replaced, headers without an end."""

from __future__ import annotations

import io
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from flask import Flask, request

from tests.forms.receiving_kit import content_of, form_of, part, send
from uploadkit import ALL, UploadSet, configure_uploads, receive
from uploadkit.forms.parts import form_events


@pytest.fixture(params=["local", "memory"])
def files(app: Flask, request: pytest.FixtureRequest, tmp_path: Path) -> UploadSet:
    files = UploadSet("files", ALL)
    app.config.update(UPLOADED_FILES_BACKEND=request.param, UPLOADED_FILES_CONTENT_CHECK=False)
    app.config.update(UPLOADED_FILES_DEST=str(tmp_path / "files"), MAX_CONTENT_LENGTH=2**30)
    configure_uploads(app, files)
    return files


def view(app: Flask, function: Any) -> Any:
    app.add_url_rule("/", "view", function, methods=["POST"])
    return app.test_client()


def test_nobody_else_can_take_bytes_of_the_form(app: Flask, files: UploadSet) -> None:
    seen: list[Exception] = []

    def receiving() -> str:
        with receive(request, {"a": files, "b": files}) as form:
            for incoming in form:
                try:
                    request.stream.read(10)
                except RuntimeError as error:
                    seen.append(error)
                incoming.save()
        return ""

    contents = [content_of(600_000, seed) for seed in (1, 2)]
    answer = send(view(app, receiving), part("a", contents[0], "a.bin"), part("b", contents[1], "b.bin"))
    assert answer.status_code == 200
    assert len(seen) == 2
    with app.app_context():
        for name, content in zip(("a.bin", "b.bin"), contents, strict=True):
            with files.open(name) as stream:
                assert stream.read() == content


def test_a_file_that_somebody_replaced_is_not_taken_back(app: Flask, files: UploadSet) -> None:
    def receiving() -> str:
        with receive(request, {"a": files}) as form:
            for incoming in form:
                files.put(b"somebody else's", incoming.save(), on_conflict="overwrite")
                raise RuntimeError
        return ""

    app.config["PROPAGATE_EXCEPTIONS"] = False
    assert send(view(app, receiving), part("a", b"ours", "a.bin")).status_code == 500
    with app.app_context(), files.open("a.bin") as stream:
        assert stream.read() == b"somebody else's"


@pytest.mark.parametrize("quarantine", [False, True])
def test_a_file_that_is_still_ours_is(app: Flask, files: UploadSet, quarantine: bool) -> None:
    app.config["UPLOADED_FILES_QUARANTINE"] = quarantine
    configure_uploads(app, files)

    def receiving() -> str:
        with receive(request, {"a": files}) as form:
            for incoming in form:
                incoming.save()
                raise RuntimeError
        return ""

    app.config["PROPAGATE_EXCEPTIONS"] = False
    assert send(view(app, receiving), part("a", b"ours", "a.bin")).status_code == 500
    with app.app_context():
        assert not files.exists("a.bin")
        assert not quarantine or not files.pending.exists("a.bin")


def test_headers_that_go_on_and_on_are_refused_early() -> None:
    class Counting(io.BytesIO):
        pieces = 0

        def read(self, size: int | None = -1) -> bytes:
            self.pieces += 1
            return super().read(size)

    head = b'--b\r\nContent-Disposition: form-data; name="a"\r\nX: 1\r\n'
    body = Counting(head + b" x\r\n" * 1_000_000 + b"\r\nvalue\r\n--b--\r\n")
    with pytest.raises(ValueError, match="go on"):
        list(form_events(body, b"b", buffer_size=64 * 1024))
    assert body.pieces == 1


def test_some_headers_may_go_on() -> None:
    head = b'--b\r\nContent-Disposition: form-data;\r\n name="a"\r\nX: 1\r\n' + b" x\r\n" * 90
    events = list(form_events(io.BytesIO(head + b"\r\nvalue\r\n--b--\r\n"), b"b"))
    assert events[1:] == [b"value", None]


def test_a_form_with_such_headers_is_answered_with_400(app: Flask, files: UploadSet) -> None:
    def receiving() -> str:
        with receive(request, {"a": files}) as form:
            for incoming in form:
                incoming.save()
        return ""

    boundary = form_of().strip()[2:-2].decode()
    head = f'--{boundary}\r\nContent-Disposition: form-data; name="a"; filename="a.bin"\r\nX: 1\r\n'.encode()
    body = head + b" x\r\n" * 101 + b"\r\nvalue\r\n" + form_of()
    with suppress(ValueError):
        answer = view(app, receiving).post("/", data=body, content_type=f"multipart/form-data; boundary={boundary}")
        assert answer.status_code == 400
    with app.app_context():
        assert not files.exists("a.bin")
