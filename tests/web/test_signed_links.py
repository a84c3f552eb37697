"""Signed links: what they allow, for how long, and that nothing about them can be changed."""

from __future__ import annotations

import io
from datetime import datetime, timedelta, timezone
from typing import Any, get_args
from urllib.parse import unquote, urlsplit

import pytest
from flask import Flask, session
from itsdangerous import Signer
from werkzeug.http import parse_options_header

from uploadkit import ALL, ConfigError, InvalidKeyError, SaveOptions, UploadSet, configure_uploads
from uploadkit.backends import Backend
from uploadkit.backends.memory import MemoryBackend
from uploadkit.links import life
from uploadkit.models import MAX_EXPIRY, LinkMethod

from .kit import START, Clock, client_of, made_set, put, query_of, signed, with_query


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(monkeypatch)


class TestReading:
    @pytest.mark.parametrize(
        "name", ["a.jpg", "a b?.txt", "f/ü #%25+&=.jpg", "q\"uo'te.txt", "日本/男孩.png", "x;y,z.txt"]
    )
    def test_whoever_has_the_link_gets_the_file(self, app: Flask, backend: Backend, name: str) -> None:
        files = made_set(app, backend, ACCESS="private")
        backend.save(name, io.BytesIO(b"content"), SaveOptions())
        url = signed(app, files, name)
        answer = client_of(app).get(url)
        assert (answer.status_code, answer.data) == (200, b"content")
        assert unquote(urlsplit(url).path) == f"/_uploads/files/{name}"

    def test_the_file_need_not_be_there_yet(self, app: Flask, backend: Backend) -> None:
        files = made_set(app, backend, ACCESS="private")
        url = signed(app, files, "later.txt")
        assert client_of(app).get(url).status_code == 404
        put(app, files, b"content", "later.txt")
        assert client_of(app).get(url).data == b"content"

    def test_a_view_of_a_folder_makes_links_to_its_own_files(self, app: Flask) -> None:
        files = made_set(app, ACCESS="private")
        put(app, files, b"mine", "tenants/42/a.txt")
        with app.test_request_context():
            url = files.scoped("tenants/42").signed_url("a.txt")
        assert client_of(app).get(url).data == b"mine"

    def test_a_set_that_nobody_serves_has_working_signed_links(self, app: Flask) -> None:
        files = made_set(app)
        put(app, files, b"content", "a.txt")
        assert client_of(app).get("/_uploads/files/a.txt").status_code == 404
        assert client_of(app).get(signed(app, files, "a.txt")).data == b"content"

    def test_a_name_that_leads_out_of_the_set_has_none(self, app: Flask, backend: Backend) -> None:
        files = made_set(app, backend)
        with app.test_request_context():
            for name in ("../a", "", "/a", ".hidden", "a/.git/b", "a\\b", ".uploadkit/x"):
                with pytest.raises(InvalidKeyError):
                    files.signed_url(name)

    def test_each_link_of_many_may_have_a_download_name_of_its_own(self, app: Flask) -> None:
        files = made_set(app, ACCESS="private")
        names = {"a.txt": "Ä.txt", "b.txt": "Ö.txt"}
        for name in names:
            put(app, files, b"content", name)
        with app.test_request_context():
            links = files.signed_urls(names, 60)
        for name, link in links.items():
            header = client_of(app).get(link).headers["Content-Disposition"]
            assert parse_options_header(header) == ("attachment", {"filename": names[name]})

    def test_what_is_no_name_is_refused(self, app: Flask) -> None:
        files = made_set(app)
        put(app, files, b"content", "a.txt")
        with app.test_request_context():
            for name in (files.stat("a.txt"), None, 5, ["a.txt"]):
                with pytest.raises(InvalidKeyError, match="it is not a str"):
                    files.signed_url(name)  # type: ignore[arg-type]
                with pytest.raises(InvalidKeyError, match="it is not a str"):
                    files.signed_urls([name])  # type: ignore[list-item]

    def test_galleries_get_their_links_by_name(self, app: Flask) -> None:
        files = made_set(app)
        with app.test_request_context():
            links = files.signed_urls(iter(["b.jpg", "a.jpg"]), 60, download=True)
            assert links == {name: files.signed_url(name, 60, download=True) for name in ("b.jpg", "a.jpg")}
            assert list(links) == ["b.jpg", "a.jpg"]
            with pytest.raises(TypeError, match="signed_url\\(\\) takes one"):
                files.signed_urls("a.jpg")


class TestLife:
    def test_a_link_ends_not_before_and_not_long_after_what_was_asked(self, app: Flask, clock: Clock) -> None:
        files = made_set(app, ACCESS="private", URL_WINDOW=100)
        put(app, files, b"content", "a.txt")
        clock.now = START + 99.5
        url = signed(app, files, "a.txt", 60)
        assert query_of(url)["expires"] == str(START + 160)
        clock.now += 60
        assert client_of(app).get(url).status_code == 200
        clock.now = START + 160
        answer = client_of(app).get(url)
        assert (answer.status_code, "expired" in answer.text) == (403, True)

    @pytest.mark.parametrize(
        ("window", "offset", "same"),
        [(100, 99.9, True), (100, 100, False), (None, 59.9, True), (None, 60, False), (0, 1, False)],
    )
    def test_within_a_window_the_link_is_the_same(
        self, app: Flask, clock: Clock, window: int | None, offset: float, same: bool
    ) -> None:
        files = made_set(app, URL_WINDOW=window)
        first = signed(app, files, "a.txt", 60)
        clock.now += offset
        assert (signed(app, files, "a.txt", 60) == first) is same

    @pytest.mark.parametrize("now", [START, START + 0.1, START + 299.999])
    @pytest.mark.parametrize("window", [None, 0, 1, 7, 300, MAX_EXPIRY - 1])
    @pytest.mark.parametrize("expires_in", [1, 60, 3600, MAX_EXPIRY - 10, MAX_EXPIRY])
    def test_a_life_is_within_its_bounds(self, now: float, window: int | None, expires_in: int) -> None:
        begins, ends = life(now, expires_in, window)
        assert begins <= now
        assert ends - begins <= MAX_EXPIRY
        if expires_in < MAX_EXPIRY:
            assert ends >= now + expires_in
        assert ends <= now + expires_in + max(1, min(300, expires_in) if window is None else window)

    @pytest.mark.parametrize("expires_in", [0, -1, MAX_EXPIRY + 1, timedelta(days=8), timedelta(0)])
    def test_a_life_out_of_bounds_is_refused(self, app: Flask, expires_in: Any) -> None:
        files = made_set(app)
        with app.test_request_context(), pytest.raises(ValueError, match="seven days"):
            files.signed_url("a.txt", expires_in)

    @pytest.mark.parametrize("expires_in", [1.5, "60", None, True])
    def test_a_life_is_whole_seconds(self, app: Flask, expires_in: Any) -> None:
        files = made_set(app)
        with app.test_request_context(), pytest.raises(TypeError):
            files.signed_url("a.txt", expires_in)

    def test_a_timedelta_will_do(self, app: Flask, clock: Clock) -> None:
        files = made_set(app, URL_WINDOW=0)
        assert query_of(signed(app, files, "a.txt", timedelta(minutes=2)))["expires"] == str(START + 120)


class TestAnswers:
    @pytest.mark.parametrize(
        ("name", "download", "kind", "filename"),
        [
            ("f/a.jpg", None, "inline", "a.jpg"),
            ("f/a.jpg", False, "inline", "a.jpg"),
            ("f/a.jpg", True, "attachment", "a.jpg"),
            ("f/a.jpg", "Ünï name.pdf", "attachment", "Ünï name.pdf"),
            ("f/a.html", None, "attachment", "a.html"),
            ("f/a.jpg", 'a"b\r\nSet-Cookie: x', "attachment", 'a"b__Set-Cookie: x'),
        ],
    )
    def test_a_download_has_the_name_that_was_asked_for(
        self, app: Flask, backend: Backend, name: str, download: Any, kind: str, filename: str
    ) -> None:
        files = made_set(app, backend, ACCESS="private")
        put(app, files, b"content", name)
        header = client_of(app).get(signed(app, files, name, download=download)).headers["Content-Disposition"]
        assert parse_options_header(header) == (kind, {"filename": filename})
        assert "\n" not in header

    def test_a_type_that_is_asked_for_can_still_not_run(self, app: Flask, backend: Backend) -> None:
        files = made_set(app, backend, ACCESS="private")
        put(app, files, b"<script>", "a.jpg")
        answer = client_of(app).get(signed(app, files, "a.jpg", content_type="text/html"))
        assert answer.headers["Content-Type"] == "text/html"
        assert answer.headers["Content-Disposition"].startswith("attachment")
        assert "sandbox" in answer.headers["Content-Security-Policy"]

    @pytest.mark.parametrize(
        "options",
        [
            {"content_type": "a\r\nb"},
            {"content_type": "ü"},
            {"download": ""},
            {"method": "PUT"},
            {"content_type": "image/png;, text/html"},
            {"content_type": "image/png, text/html"},
            {"content_type": "png"},
            {"download": "x" * 70_000},
        ],
    )
    def test_arguments_that_mean_nothing_are_refused(self, app: Flask, options: dict[str, Any]) -> None:
        files = made_set(app)
        with app.test_request_context(), pytest.raises(ValueError):
            files.signed_url("a.txt", **options)

    def test_head_and_get_have_links_of_their_own(self, app: Flask, backend: Backend) -> None:
        files = made_set(app, backend, ACCESS="private")
        put(app, files, b"content", "a.txt")
        client = client_of(app)
        get, head = (signed(app, files, "a.txt", method=method) for method in get_args(LinkMethod))
        assert (client.get(get).status_code, client.head(get).status_code) == (200, 404)
        answer = client.head(head)
        assert (answer.status_code, answer.data, answer.content_length) == (200, b"", 7)
        assert client.get(head).status_code == 404

    @pytest.mark.parametrize(
        ("settings", "expected"),
        [
            ({"ACCESS": "private"}, "private, no-store"),
            ({"ACCESS": "private", "CACHE_CONTROL": "public, max-age=9"}, "private, no-store"),
            ({}, "private, max-age=120"),
            ({"SERVE": True}, None),
            ({"SERVE": True, "CACHE_CONTROL": "public, max-age=9"}, "public, max-age=9"),
            ({"ACCESS": "public", "CACHE_CONTROL": "public, max-age=9"}, "public, max-age=9"),
        ],
    )
    def test_what_caches_may_keep(
        self, app: Flask, clock: Clock, settings: dict[str, Any], expected: str | None
    ) -> None:
        files = made_set(app, **settings)
        put(app, files, b"content", "a.txt")
        answer = client_of(app).get(signed(app, files, "a.txt", 60))
        assert answer.headers.get("Cache-Control") == expected

    def test_what_was_stored_as_never_to_be_kept_is_not(self, app: Flask) -> None:
        files = made_set(app)
        put(app, files, b"content", "a.txt", cache_control="no-store")
        assert client_of(app).get(signed(app, files, "a.txt")).headers["Cache-Control"] == "private, no-store"


class TestTampering:
    @pytest.fixture
    def files(self, app: Flask) -> UploadSet:
        other = UploadSet("other", ALL)
        app.config.update(UPLOADED_OTHER_BACKEND=MemoryBackend(), UPLOADED_OTHER_ACCESS="private")
        configure_uploads(app, other)
        files = made_set(app, ACCESS="private")
        for uset in (files, other):
            put(app, uset, b"content", "a.txt")
            put(app, uset, b"other", "b.txt")
        return files

    @pytest.mark.parametrize(
        "changes",
        [
            {"expires": "9999999999"},
            {"expires": "0"},
            {"expires": ""},
            {"expires": None},
            {"expires": "-1"},
            {"expires": "1e99"},
            {"expires": "9" * 5000},
            {"expires": "１８００００００００"},
            {"download": "other.html"},
            {"download": None},
            {"download": ""},
            {"type": "text/html"},
            {"type": ""},
            {"signature": ""},
            {"signature": "A" * 43},
            {"signature": "ü"},
            {"signature": "\ud800".encode("utf-8", "surrogatepass").decode("latin-1")},
        ],
    )
    def test_no_part_of_a_link_can_be_changed(
        self, app: Flask, files: UploadSet, changes: dict[str, str | None]
    ) -> None:
        client, url = client_of(app), signed(app, files, "a.txt", download="mine.txt")
        assert client.get(url).status_code == 200
        answer = client.get(with_query(url, **changes))
        assert answer.status_code == 404
        assert answer.data == client.get("/_uploads/files/missing.txt").data

    @pytest.mark.parametrize(
        "place", ["/files/b.txt", "/other/a.txt", "/files/A.txt", "/files/x/a.txt", "/files/a.txt/"]
    )
    def test_a_link_is_of_one_file_of_one_set(self, app: Flask, files: UploadSet, place: str) -> None:
        url = signed(app, files, "a.txt")
        assert client_of(app).get(url.replace("/files/a.txt", place)).status_code == 404

    def test_each_byte_of_the_signature_counts(self, app: Flask, files: UploadSet) -> None:
        client, url = client_of(app), signed(app, files, "a.txt")
        signature = query_of(url)["signature"]
        for place in range(len(signature) - 1):  # the last letter has bits that base64 leaves unused
            other = "A" if signature[place] != "A" else "B"
            changed = signature[:place] + other + signature[place + 1 :]
            assert client.get(with_query(url, signature=changed)).status_code == 404

    def test_other_parameters_do_no_harm(self, app: Flask, files: UploadSet) -> None:
        url = with_query(signed(app, files, "a.txt"), v="2", method="PUT", filename="b.txt", setname="other")
        assert client_of(app).get(url).data == b"content"

    def test_a_signature_of_the_same_key_for_another_purpose_is_none(self, app: Flask, files: UploadSet) -> None:
        url = signed(app, files, "a.txt")
        for salt in ("itsdangerous.Signer", "uploadkit.signed-url.v0", "cookie-session"):
            forged = Signer(str(app.secret_key), salt=salt).get_signature(b"anything").decode()
            assert client_of(app).get(with_query(url, signature=forged)).status_code == 404

    def test_a_public_file_too_is_not_answered_by_a_link_that_is_not_genuine(self, app: Flask) -> None:
        files = made_set(app, SERVE=True)
        put(app, files, b"content", "a.txt")
        url = signed(app, files, "a.txt")
        assert client_of(app).get(with_query(url, download="x.html")).status_code == 404

    def test_an_expired_link_to_nothing_tells_no_more(self, app: Flask, clock: Clock, files: UploadSet) -> None:
        urls = [signed(app, files, name, 60) for name in ("a.txt", "missing.txt")]
        clock.now += 1000
        answers = {(answer.status_code, answer.data) for answer in map(client_of(app).get, urls)}
        assert [status for status, _ in answers] == [403]


class TestKeys:
    def test_an_older_key_verifies_and_does_not_sign(self, app: Flask) -> None:
        files = made_set(app, ACCESS="private")
        put(app, files, b"content", "a.txt")
        app.secret_key = "old"
        old = signed(app, files, "a.txt")
        app.secret_key = "new"
        app.config["SECRET_KEY_FALLBACKS"] = ["old"]
        new = signed(app, files, "a.txt")
        assert [client_of(app).get(url).status_code for url in (old, new)] == [200, 200]
        app.config["SECRET_KEY_FALLBACKS"] = []
        assert [client_of(app).get(url).status_code for url in (old, new)] == [404, 200]

    @pytest.mark.parametrize("older", ["old", b"old", [""], [5], ["old", None]])
    def test_older_keys_that_are_none_verify_nothing(self, app: Flask, older: Any) -> None:
        files = made_set(app, ACCESS="private")
        put(app, files, b"content", "a.txt")
        app.secret_key = "o"
        forged = signed(app, files, "a.txt")
        app.secret_key = "new"
        app.config["SECRET_KEY_FALLBACKS"] = older
        assert client_of(app).get(forged).status_code == 404
        with app.test_request_context(), pytest.raises(ConfigError, match="SECRET_KEY_FALLBACKS a list"):
            files.signed_url("a.txt")
        with pytest.raises(ConfigError, match="SECRET_KEY_FALLBACKS a list"):
            made_set(app)

    def test_without_a_key_nothing_is_signed_or_believed(self, app: Flask) -> None:
        files = made_set(app, ACCESS="private")
        put(app, files, b"content", "a.txt")
        url = signed(app, files, "a.txt")
        app.secret_key = None
        with app.test_request_context(), pytest.raises(ConfigError, match="SECRET_KEY"):
            files.signed_url("a.txt")
        assert client_of(app).get(url).status_code == 404

    def test_a_link_touches_no_session(self, app: Flask) -> None:
        files = made_set(app, ACCESS="private")
        put(app, files, b"content", "a.txt")
        app.before_request(lambda: None)
        client = client_of(app)
        app.add_url_rule("/login", view_func=lambda: session.update(user=1) or "in", endpoint="login")
        client.get("/login")
        answer = client.get(signed(app, files, "a.txt"))
        assert answer.status_code == 200
        assert "Set-Cookie" not in answer.headers
        assert "Cookie" not in answer.headers.get("Vary", "")


def test_without_a_route_the_way_out_is_said(app: Flask) -> None:
    files = made_set(app, URL="https://cdn.example/")
    with app.test_request_context(), pytest.raises(ConfigError, match="UPLOADED_FILES_ACCESS = 'private'"):
        files.signed_url("a.txt")


def test_a_private_set_with_a_url_of_its_own_has_the_route_too(app: Flask) -> None:
    files = made_set(app, URL="/mine/", ACCESS="private")
    put(app, files, b"content", "a.txt")
    assert client_of(app).get(signed(app, files, "a.txt")).data == b"content"


def test_moments_are_utc(app: Flask, clock: Clock) -> None:
    from uploadkit.links import Link, signed_link

    files = made_set(app, URL_WINDOW=0)
    with app.test_request_context():
        made = signed_link(files, "", "a.txt", Link(60))
    assert made.expires_at == datetime.fromtimestamp(START + 60, timezone.utc)
