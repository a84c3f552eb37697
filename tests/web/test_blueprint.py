"""The `_uploads` route: what it serves, what it hides, and that what it serves cannot run."""

from __future__ import annotations

import logging
import os
from pathlib import Path
from typing import Any

import pytest
from flask import Flask, abort
from werkzeug.exceptions import HTTPException
from werkzeug.http import parse_options_header

from tests.conftest import SixMethods
from uploadkit import (
    ALL,
    InvalidKeyError,
    NotFoundError,
    UnavailableError,
    UploadSet,
    configure_uploads,
    uploads_mod,
)
from uploadkit.backends import Backend
from uploadkit.backends.memory import MemoryBackend
from uploadkit.disposition import disposition
from uploadkit.testing import FaultyBackend

from .kit import client_of, made_set, put


def served(app: Flask, backend: Backend, **settings: Any) -> UploadSet:
    return made_set(app, backend, **{"SERVE": True, **settings})


class TestServing:
    def test_a_file_comes_back_byte_for_byte_by_its_link(self, app: Flask, backend: Backend) -> None:
        files = served(app, backend)
        content = os.urandom(300_000) + b"\r\n" * 1000
        key = put(app, files, content, "a/b c é.jpg")
        with app.test_request_context():
            url = files.url(key)
        assert url == "http://localhost/_uploads/files/a/b_c_%C3%A9.jpg"
        answer = client_of(app).get(url)
        assert answer.status_code == 200
        assert answer.data == content
        assert answer.headers["Content-Length"] == str(len(content))

    def test_every_answer_is_harmless(self, app: Flask, backend: Backend) -> None:
        files = served(app, backend)
        for name, disposed, content_type in (
            ("a.jpg", "inline", "image/jpeg"),
            ("a.txt", "inline", "text/plain; charset=utf-8"),
            ("a.svg", "attachment", "image/svg+xml"),
            ("a.html", "attachment", "text/html"),
            ("a.xml", "attachment", "application/xml"),
            ("a.js", "attachment", "text/plain; charset=utf-8"),
            ("a.css", "attachment", "text/plain; charset=utf-8"),
            ("a.pdf", "attachment", "application/pdf"),
            ("a.unknown", "attachment", "application/octet-stream"),
            ("noextension", "attachment", "application/octet-stream"),
        ):
            put(app, files, b"<script>alert(1)</script>", name)
            answer = client_of(app).get(f"/_uploads/files/{name}")
            assert answer.headers["X-Content-Type-Options"] == "nosniff"
            styles = " style-src 'unsafe-inline';" if name == "a.svg" else ""
            assert answer.headers["Content-Security-Policy"] == f"default-src 'none';{styles} sandbox"
            assert parse_options_header(answer.headers["Content-Disposition"]) == (disposed, {"filename": name})
            assert answer.headers["Content-Type"] == content_type
            assert "Set-Cookie" not in answer.headers

    def test_a_client_that_has_the_file_is_not_sent_it_again(self, app: Flask, backend: Backend) -> None:
        files = served(app, backend)
        put(app, files, b"content", "a.txt")
        client = client_of(app)
        first = client.get("/_uploads/files/a.txt")
        for headers in (
            {"If-None-Match": first.headers["ETag"]},
            {"If-Modified-Since": first.headers["Last-Modified"]},
        ):
            again = client.get("/_uploads/files/a.txt", headers=headers)
            assert (again.status_code, again.data) == (304, b"")

    def test_a_range_is_answered_with_its_bytes(self, app: Flask, backend: Backend) -> None:
        files = served(app, backend)
        put(app, files, b"0123456789", "a.txt")
        client = client_of(app)
        part = client.get("/_uploads/files/a.txt", headers={"Range": "bytes=2-4"})
        assert (part.status_code, part.data, part.headers["Content-Range"]) == (206, b"234", "bytes 2-4/10")
        assert client.get("/_uploads/files/a.txt", headers={"Range": "bytes=20-"}).status_code == 416
        head = client.head("/_uploads/files/a.txt")
        assert (head.status_code, head.data, head.headers["Content-Length"]) == (200, b"", "10")

    def test_a_backend_that_is_down_is_a_503_without_details(
        self, app: Flask, caplog: pytest.LogCaptureFixture
    ) -> None:
        backend = FaultyBackend(SixMethods())
        served(app, backend)
        backend.fail("stat", UnavailableError("secret detail", key="a.txt", backend="memory"))
        with caplog.at_level(logging.CRITICAL):
            answer = client_of(app).get("/_uploads/files/a.txt")
        assert answer.status_code == 503
        assert b"secret" not in answer.data

    def test_a_stream_is_opened_only_to_be_sent_and_closed_then(self, app: Flask) -> None:
        backend = SixMethods()
        files = served(app, backend)
        put(app, files, b"content", "a.txt")
        opened = []
        original = backend.open
        backend.open = lambda key: opened.append(original(key)) or opened[-1]  # type: ignore[method-assign,func-returns-value]
        assert client_of(app).get("/_uploads/files/a.txt", headers={"Range": "bytes=99-"}).status_code == 416
        assert client_of(app).head("/_uploads/files/a.txt").status_code == 200
        assert opened == []
        assert client_of(app).get("/_uploads/files/a.txt").status_code == 200
        assert [stream.closed for stream in opened] == [True]


class TestHiding:
    def test_what_is_not_there_is_the_same_404_as_what_may_not_be_seen(self, app: Flask, backend: Backend) -> None:
        files = served(app, backend)
        put(app, files, b"content", "a.txt")
        client = client_of(app)
        answers = {
            client.get(f"/_uploads/{path}").data
            for path in (
                *(
                    "files/missing.txt",
                    "nosuchset/a.txt",
                    "files/.hidden",
                    "files/a/.git/config",
                    "files/.uploadkit/tmp/x",
                ),
                *("files/%2e%2e/secret", "files/..%2fsecret", "files/a%5cb", "files/a%00b", "files//etc/passwd"),
                *("files/a/", "FILES/a.txt"),
            )
            if client.get(f"/_uploads/{path}").status_code == 404
        }
        assert len(answers) == 1

    @pytest.mark.parametrize(
        "path",
        [
            "../canary.txt",
            "%2e%2e/canary.txt",
            "..%2Fcanary.txt",
            "a/../../canary.txt",
            "link.txt",
            "dir/canary.txt",
            "%2Fetc/passwd",
        ],
    )
    def test_nothing_outside_the_folder_is_served(self, app: Flask, tmp_path: Path, path: str) -> None:
        folder = tmp_path / "files"
        folder.mkdir()
        (tmp_path / "canary.txt").write_text("canary")
        (folder / "link.txt").symlink_to(tmp_path / "canary.txt")
        (folder / "dir").symlink_to(tmp_path)
        app.config.update(UPLOADED_FILES_DEST=folder, UPLOADED_FILES_SERVE=True)
        configure_uploads(app, UploadSet("files", ALL))
        answer = client_of(app).get(f"/_uploads/files/{path}")
        assert answer.status_code in (404, 308)
        assert b"canary" not in answer.data

    def test_a_set_that_may_not_be_served_says_so_only_in_debug_mode(self, app: Flask) -> None:
        files = served(app, MemoryBackend(), SERVE=False)
        put(app, files, b"content", "a.txt")
        assert b"UPLOADED_FILES_SERVE" not in client_of(app).get("/_uploads/files/a.txt").data
        app.debug = True
        answer = client_of(app).get("/_uploads/files/a.txt")
        assert answer.status_code == 404
        assert b"UPLOADED_FILES_SERVE" in answer.data

    def test_the_first_link_that_will_not_work_warns_once(self, app: Flask, caplog: pytest.LogCaptureFixture) -> None:
        files = served(app, MemoryBackend(), SERVE=False, MAX_SIZE="1 MB")
        with app.test_request_context():
            urls = [files.url("a.txt") for _ in range(3)]
        assert urls == ["http://localhost/_uploads/files/a.txt"] * 3
        warnings = [record.getMessage() for record in caplog.records if record.name == "uploadkit"]
        assert len(warnings) == 1
        assert "UPLOADED_FILES_SERVE = True" in warnings[0]

    @pytest.mark.parametrize(
        ("settings", "status"),
        [
            ({"SERVE": True}, 200),
            ({"SERVE": "true"}, 200),
            ({"SERVE": False, "ACCESS": "public"}, 404),
            ({"SERVE": None, "ACCESS": "public"}, 200),
            ({"SERVE": True, "ACCESS": "private"}, 404),
            ({"SERVE": None}, 404),
            ({"SERVE": True, "URL": "https://cdn.example/"}, 200),
        ],
    )
    def test_who_may_be_served_is_a_setting(self, app: Flask, settings: dict[str, Any], status: int) -> None:
        configure_uploads(app, UploadSet("docs", ALL, default_dest=lambda app: "unused"))  # registers the route
        files = served(app, MemoryBackend(), **settings)
        put(app, files, b"content", "a.txt")
        assert client_of(app).get("/_uploads/files/a.txt").status_code == status

    def test_autoserve_serves_the_sets_without_a_url_of_their_own(self, app: Flask, tmp_path: Path) -> None:
        app.config.update(
            UPLOADS_AUTOSERVE=True, UPLOADS_DEFAULT_DEST=tmp_path, UPLOADED_DOCS_URL="https://docs.example/"
        )
        photos, docs = UploadSet("photos", ALL), UploadSet("docs", ALL)
        configure_uploads(app, (photos, docs))
        for uset in (photos, docs):
            put(app, uset, b"content", "a.txt")
        assert client_of(app).get("/_uploads/photos/a.txt").status_code == 200
        assert client_of(app).get("/_uploads/docs/a.txt").status_code == 404


class TestUrls:
    @pytest.mark.parametrize(
        ("name", "quoted"),
        [
            ("a b?.txt", "a%20b%3F.txt"),
            ("a#b.txt", "a%23b.txt"),
            ('a"onload=x.txt', "a%22onload%3Dx.txt"),
            ("日本.txt", "%E6%97%A5%E6%9C%AC.txt"),
            ("100%.txt", "100%25.txt"),
            ("f/g h.txt", "f/g%20h.txt"),
            ("javascript:alert(1)", "javascript%3Aalert%281%29"),
        ],
    )
    def test_a_base_url_is_followed_by_the_quoted_name(self, app: Flask, name: str, quoted: str) -> None:
        for base in ("https://cdn.example/files/", "/static/", ""):
            files = served(app, MemoryBackend(), URL=base)
            with app.app_context():
                assert files.url(name) == base + quoted

    def test_a_public_set_has_the_backends_lasting_url_where_there_is_one(self, app: Flask, backend: Backend) -> None:
        files = served(app, backend, ACCESS="public")
        with app.test_request_context():
            expected = backend.url("a.txt") or "http://localhost/_uploads/files/a.txt"
            assert files.url("a.txt") == expected

    def test_a_set_that_is_not_public_never_hands_it_out(self, app: Flask, backend: Backend) -> None:
        files = served(app, backend)
        with app.test_request_context():
            assert files.url("a.txt") == "http://localhost/_uploads/files/a.txt"


@pytest.mark.parametrize(
    ("filename", "header"),
    [
        ("a.txt", 'attachment; filename="a.txt"'),
        ("ü.txt", "attachment; filename=\"_.txt\"; filename*=UTF-8''%C3%BC.txt"),
        ('a"b\\.txt', "attachment; filename=\"a_b_.txt\"; filename*=UTF-8''a%22b_.txt"),
        ("a%41.txt", "attachment; filename=\"a_41.txt\"; filename*=UTF-8''a%2541.txt"),
        ("a\r\nX: y.txt", 'attachment; filename="a__X: y.txt"'),
        ("../a/b.txt", 'attachment; filename=".._a_b.txt"'),
        ("gpj.\u202ecod.exe", 'attachment; filename="gpj._cod.exe"'),
        ("\ud800.txt", 'attachment; filename="_.txt"'),
    ],
)
def test_a_disposition_is_one_line_with_the_full_name_beside_an_ascii_one(filename: str, header: str) -> None:
    assert disposition("attachment", filename) == header


def test_a_stored_cache_control_is_sent(app: Flask, backend: Backend) -> None:
    files = served(app, backend)
    with app.app_context():
        files.put(b"content", "a.txt", cache_control="public, max-age=60")
    assert client_of(app).get("/_uploads/files/a.txt").headers["Cache-Control"] == "public, max-age=60"


def test_a_private_set_says_that_it_is_private(app: Flask, caplog: pytest.LogCaptureFixture) -> None:
    files = served(app, MemoryBackend(), ACCESS="private")
    with app.test_request_context():
        files.url("a.txt")
    assert "'files' is private" in caplog.text
    assert "SERVE" not in caplog.text


class TestServeInAView:
    def view(self, app: Flask, backend: Backend, **options: Any) -> UploadSet:
        files = UploadSet("files", ALL)
        app.config.update(UPLOADED_FILES_BACKEND=backend, UPLOADED_FILES_ACCESS="private", UPLOADED_FILES_URL="/my/")
        configure_uploads(app, files)

        @app.get("/my/<path:filename>")
        def mine(filename: str) -> Any:
            try:
                return files.serve(filename, **options)
            except (FileNotFoundError, ValueError):
                abort(404)

        return files

    def test_a_private_file_is_served_by_the_apps_own_view(self, app: Flask, backend: Backend) -> None:
        files = self.view(app, backend)
        put(app, files, b"0123456789", "a b.txt")
        with app.app_context():
            url = files.url("a_b.txt")
        answer = client_of(app).get(url, headers={"Range": "bytes=2-4"})
        assert (answer.status_code, answer.data) == (206, b"234")
        assert answer.headers["Cache-Control"] == "private, no-store"
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        for missing in ("/my/missing.txt", "/my/.env", "/my/../x", "/my/a%5cb"):
            assert client_of(app).get(missing).status_code == 404

    @pytest.mark.parametrize("name", ["missing.txt", "../x", ".env"])
    def test_a_view_that_catches_nothing_answers_404(self, app: Flask, backend: Backend, name: str) -> None:
        files = made_set(app, backend, ACCESS="private")
        app.add_url_rule("/mine", view_func=lambda: files.serve(name))
        assert client_of(app).get("/mine").status_code == 404
        with app.test_request_context(), pytest.raises((NotFoundError, InvalidKeyError)) as raised:
            files.serve(name)
        assert isinstance(raised.value, HTTPException)
        assert name.strip("./") in str(raised.value)

    def test_a_form_is_led_on_by_get(self, app: Flask) -> None:
        files = made_set(app, SixMethods(), ACCESS="public")
        put(app, files, b"content", "a.txt")
        app.add_url_rule("/mine", methods=["POST"], view_func=lambda: files.serve("a.txt"))
        assert client_of(app).post("/mine").status_code == 303

    def test_it_can_be_a_download_under_another_name(self, app: Flask, backend: Backend) -> None:
        files = self.view(app, backend, download="Ünï\r\nX: y.txt")
        put(app, files, b"content", "a.txt")
        header = client_of(app).get("/my/a.txt").headers["Content-Disposition"]
        assert header.startswith("attachment; filename=\"_n___X: y.txt\"; filename*=UTF-8''%C3%9Cn%C3%AF")


def test_a_file_that_is_replaced_while_it_is_opened_is_served_as_one_of_the_two(app: Flask) -> None:
    backend = SixMethods()
    files = served(app, backend)
    put(app, files, b"A" * 10, "a.txt")
    original = backend.open

    def replaced_meanwhile(key: str) -> Any:
        backend.open = original  # type: ignore[method-assign]
        with app.app_context():
            files.put(b"B" * 20, "a.txt", on_conflict="overwrite")
        return original(key)

    old_etag = client_of(app).get("/_uploads/files/a.txt").headers["ETag"]
    backend.open = replaced_meanwhile  # type: ignore[method-assign]
    answer = client_of(app).get("/_uploads/files/a.txt")
    assert (answer.data, answer.headers["Content-Length"]) == (b"B" * 20, "20")
    assert answer.headers["ETag"] != old_etag


def test_a_file_that_never_stays_is_a_503(app: Flask) -> None:
    backend = SixMethods()
    files = served(app, backend)
    put(app, files, b"A", "a.txt")
    original = backend.open

    def always_replaced(key: str) -> Any:
        stream = original(key)
        with app.app_context():
            files.put(b"B", "a.txt", on_conflict="overwrite")
        return stream

    backend.open = always_replaced  # type: ignore[method-assign]
    assert client_of(app).get("/_uploads/files/a.txt").status_code == 503


def test_the_route_registered_by_hand_knows_no_sets() -> None:
    app = Flask("bare")
    app.register_blueprint(uploads_mod)
    assert app.test_client().get("/_uploads/files/a.txt").status_code == 404
