"""Who may have a file by the route: everybody, nobody, or whom the app lets."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from flask import Flask, Response, abort, redirect, request, session

from uploadkit import ALL, ConfigError, UploadSet, configure_uploads
from uploadkit.backends import Backend

from .kit import client_of, made_set, put, signed

ADA = {"X-User": "ada"}


def guarded(app: Flask, backend: Backend | str = "memory", **settings: Any) -> UploadSet:
    """A set in which each visitor may have the files of the folder with their name."""
    files = made_set(app, backend, **settings)

    @files.authorize
    def own(filename: str) -> bool:
        return filename.startswith(f"{request.headers.get('X-User')}/")

    put(app, files, b"content", "ada/a.txt")
    return files


class TestAuthorize:
    def test_who_may_have_a_file_gets_it_and_nobody_keeps_it(self, app: Flask, backend: Backend) -> None:
        guarded(app, backend, ACCESS="private", CACHE_CONTROL="public, max-age=9")
        answer = client_of(app).get("/_uploads/files/ada/a.txt", headers=ADA)
        assert (answer.status_code, answer.data) == (200, b"content")
        assert answer.headers["Cache-Control"] == "private, no-store"
        assert "Set-Cookie" not in answer.headers

    def test_who_may_not_gets_the_same_answer_as_for_what_is_not_there(self, app: Flask, backend: Backend) -> None:
        guarded(app, backend, ACCESS="private")
        client = client_of(app)
        answers = [
            client.get("/_uploads/files/ada/a.txt", headers={"X-User": "eve"}),
            client.get("/_uploads/files/ada/a.txt"),
            client.get("/_uploads/files/ada/missing.txt", headers=ADA),
            client.get("/_uploads/files/ada/.hidden", headers=ADA),
            client.get("/_uploads/none/ada/a.txt", headers=ADA),
        ]
        assert {(answer.status_code, answer.data) for answer in answers} == {(404, answers[0].data)}

    @pytest.mark.parametrize(
        "settings", [{}, {"ACCESS": "private"}, {"ACCESS": "public"}, {"SERVE": True}, {"SERVE": False}]
    )
    def test_it_is_asked_whatever_else_the_set_is(self, app: Flask, settings: dict[str, Any]) -> None:
        guarded(app, **settings)
        client = client_of(app)
        assert client.get("/_uploads/files/ada/a.txt").status_code == 404
        answer = client.get("/_uploads/files/ada/a.txt", headers=ADA)
        assert (answer.status_code, answer.headers["Cache-Control"]) == (200, "private, no-store")

    def test_it_may_end_the_request_in_its_own_way(self, app: Flask) -> None:
        files = made_set(app, ACCESS="private")
        put(app, files, b"content", "a.txt")

        @files.authorize
        def log_in_first(filename: str) -> bool:
            if request.args.get("api"):
                abort(401)
            abort(redirect("/login"))

        client = client_of(app)
        assert client.get("/_uploads/files/a.txt?api=1").status_code == 401
        assert client.get("/_uploads/files/a.txt").location == "/login"

    def test_it_is_not_asked_about_impossible_names_and_signed_links(self, app: Flask) -> None:
        files = made_set(app, ACCESS="private")
        put(app, files, b"content", "a.txt")
        asked: list[str] = []
        files.authorize(asked.append)
        client = client_of(app)
        for path in ("a%5Cb", ".git/x", "../a.txt", "a.txt%00"):
            client.get(f"/_uploads/files/{path}")
        assert client.get(signed(app, files, "a.txt")).status_code == 200
        assert asked == []

    def test_it_may_be_given_before_or_after_the_set_is_configured(self, app: Flask) -> None:
        files = UploadSet("early", ALL)
        files.authorize(lambda filename: True)
        app.config["UPLOADED_EARLY_BACKEND"] = "memory"
        configure_uploads(app, files)
        put(app, files, b"content", "a.txt")
        assert client_of(app).get("/_uploads/early/a.txt").status_code == 200

    def test_the_decorated_function_stays_what_it_was(self) -> None:
        def may_have(filename: str) -> bool:
            return True

        assert UploadSet("files").authorize(may_have) is may_have

    def test_a_callback_that_reads_the_session_makes_the_answer_vary(self, app: Flask) -> None:
        files = made_set(app, ACCESS="private")
        put(app, files, b"content", "a.txt")
        files.authorize(lambda filename: session.get("user") == "ada")
        client = client_of(app)
        with client.session_transaction() as stored:
            stored["user"] = "ada"
        answer = client.get("/_uploads/files/a.txt")
        assert (answer.status_code, answer.headers["Vary"]) == (200, "Cookie")
        assert "Set-Cookie" not in answer.headers

    def test_its_links_warn_nobody(self, app: Flask, caplog: pytest.LogCaptureFixture) -> None:
        files = guarded(app, ACCESS="private", MAX_SIZE="1 MB")
        with app.test_request_context():
            files.url("ada/a.txt")
        assert caplog.text == ""


class NotAYes:
    """An object that somebody might take for a yes."""


class TestWhatItReturns:
    def ask(self, app: Flask, answer: Any) -> Any:
        files = made_set(app, ACCESS="private")
        put(app, files, b"secret", "a.txt")
        files.authorize(lambda filename: answer)
        return client_of(app).get("/_uploads/files/a.txt")

    @pytest.mark.parametrize("answer", [("no", 403), 403, 1, "False", NotAYes(), {"user": 1}, iter(()), object])
    def test_nothing_but_true_is_a_yes(self, app: Flask, answer: Any) -> None:
        app.testing = False
        found = self.ask(app, answer)
        assert (found.status_code, b"secret" in found.data) == (500, False)

    def test_the_error_names_the_set_and_what_came_back(self, app: Flask) -> None:
        with pytest.raises(TypeError, match=r"@files\.authorize returned a tuple; it must return True or False"):
            self.ask(app, ("no", 403))

    @pytest.mark.parametrize("answer", [False, None])
    def test_false_and_nothing_are_a_no(self, app: Flask, answer: Any) -> None:
        assert self.ask(app, answer).status_code == 404

    @pytest.mark.parametrize("answer", [redirect("/login"), Response("no", 403)])
    def test_a_response_is_the_answer(self, app: Flask, answer: Response) -> None:
        """As of a decorator that sends visitors to the login."""
        found = self.ask(app, answer)
        assert (found.status_code, found.location) == (answer.status_code, answer.location)
        assert b"secret" not in found.data

    def test_what_cannot_be_asked_is_refused_at_once(self) -> None:
        async def later(filename: str) -> bool:
            return False

        for wrong in (later, "x", None):
            with pytest.raises(TypeError, match="a function that is no coroutine"):
                UploadSet("files").authorize(wrong)  # type: ignore[type-var]


class TestCaches:
    def test_a_refusal_is_not_kept(self, app: Flask) -> None:
        guarded(app, ACCESS="private")
        for path in ("files/ada/a.txt", "files/none.txt", "none/a.txt", "files/.x", "files/ada/a.txt?signature=x"):
            answer = client_of(app).get(f"/_uploads/{path}")
            assert (answer.status_code, answer.headers["Cache-Control"]) == (404, "private, no-store")

    def test_an_answer_with_a_session_is_not_for_everybody(self, app: Flask) -> None:
        files = made_set(app, SERVE=True, CACHE_CONTROL="public, max-age=60")
        put(app, files, b"content", "a.txt")
        client = client_of(app)
        assert client.get("/_uploads/files/a.txt").headers["Cache-Control"] == "public, max-age=60"
        with client.session_transaction() as stored:
            stored["user"] = "ada"
        plain = client.get("/_uploads/files/a.txt")
        assert (plain.headers["Cache-Control"], "Vary" in plain.headers) == ("public, max-age=60", False)
        with client.session_transaction() as stored:
            stored.permanent = True
        answer = client.get("/_uploads/files/a.txt")
        assert "Set-Cookie" in answer.headers
        assert answer.headers["Cache-Control"] == "private, max-age=60"


class TestNeighbours:
    def test_another_set_of_the_name_cannot_take_the_guard_away(self, app: Flask) -> None:
        guarded(app, ACCESS="private")
        with pytest.raises(ConfigError, match="this one has none"):
            made_set(app, SERVE=True)

    def test_a_folder_within_a_served_one_is_warned_of(
        self, app: Flask, tmp_path: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        sets = [UploadSet(name, ALL) for name in ("public", "inner", "beside")]
        app.config.update(
            UPLOADED_PUBLIC_DEST=tmp_path / "a",
            UPLOADED_PUBLIC_SERVE=True,
            UPLOADED_INNER_DEST=tmp_path / "a" / "b",
            UPLOADED_BESIDE_DEST=tmp_path / "ab",
            MAX_CONTENT_LENGTH=1_000_000,
        )
        configure_uploads(app, sets)
        assert [record.getMessage() for record in caplog.records] == [
            "the files of upload set 'inner' lie in the folder of 'public', which serves them"
        ]


class TestPrivate:
    def test_without_a_link_or_a_callback_nobody_gets_anything(self, app: Flask, backend: Backend) -> None:
        files = made_set(app, backend, ACCESS="private")
        put(app, files, b"content", "a.txt")
        client = client_of(app)
        answer = client.get("/_uploads/files/a.txt")
        assert (answer.status_code, answer.data) == (404, client.get("/_uploads/files/none.txt").data)

    def test_in_debug_mode_the_ways_in_are_named(self, app: Flask) -> None:
        made_set(app, ACCESS="private")
        app.debug = True
        text = client_of(app).get("/_uploads/files/a.txt").text
        assert "signed_url()" in text
        assert "@files.authorize" in text
