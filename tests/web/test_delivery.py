"""How files get to visitors: by the app, by the web server before it, or by the store."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.parse import unquote, urljoin, urlsplit
from urllib.request import Request as HTTPRequest
from urllib.request import urlopen

import pytest
from flask import Flask
from werkzeug.test import TestResponse

from tests.conftest import SixMethods
from tests.testing.served import ServedBackend, Server, serving
from uploadkit import ConfigError, NotSupportedError, UnavailableError
from uploadkit.backends import Backend, capabilities, create_backend
from uploadkit.backends.memory import MemoryBackend
from uploadkit.models import LinkOptions, SignedURL
from uploadkit.testing import FaultyBackend
from uploadkit.web.caching import for_redirect

from .kit import START, Clock, client_of, made_set, put, query_of, signed


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with serving() as server:
        yield server


@pytest.fixture
def store(server: Server) -> ServedBackend:
    """A backend that signs links to a server of its own, which verifies them."""
    return ServedBackend(server)


def followed(answer: TestResponse, method: str = "GET") -> tuple[int, bytes, str]:
    """Return what a browser gets that follows a redirect: status, content, disposition."""
    try:
        with urlopen(HTTPRequest(str(answer.location), method=method), timeout=10) as found:
            return found.status, found.read(), found.headers["Content-Disposition"]
    except HTTPError as error:
        with error:
            return error.code, b"", ""


class TestRedirect:
    def test_the_store_sends_the_file(self, app: Flask, store: ServedBackend) -> None:
        files = made_set(app, store, SERVE=True)
        put(app, files, b"content", "f/ü b.jpg")
        answer = client_of(app).get("/_uploads/files/f/ü_b.jpg")
        assert unquote(urlsplit(str(answer.location)).path).endswith("/f/ü_b.jpg")  # which names the download
        assert (answer.status_code, answer.data) == (302, b"")
        assert followed(answer) == (200, b"content", "inline")

    def test_what_a_browser_could_run_is_a_download_there_too(self, app: Flask, store: ServedBackend) -> None:
        files = made_set(app, store, SERVE=True)
        put(app, files, b"<script>", "a.svg", content_type="text/html", content_disposition="inline")
        answer = client_of(app).get("/_uploads/files/a.svg")
        assert followed(answer) == (200, b"<script>", "attachment")
        assert query_of(str(answer.location))["as-type"] == "image/svg+xml"

    def test_a_head_request_is_led_to_a_link_that_it_may_use(self, app: Flask, store: ServedBackend) -> None:
        files = made_set(app, store, SERVE=True)
        put(app, files, b"content", "a.txt")
        assert followed(client_of(app).head("/_uploads/files/a.txt"), "HEAD")[0] == 200
        assert followed(client_of(app).get("/_uploads/files/a.txt"), "HEAD")[0] == 403

    def test_what_is_not_there_is_no_redirect(self, app: Flask, store: ServedBackend) -> None:
        made_set(app, store, SERVE=True)
        client = client_of(app)
        missing, unknown = client.get("/_uploads/files/none.txt"), client.get("/_uploads/none/none.txt")
        assert (missing.status_code, missing.data) == (404, unknown.data)

    @pytest.mark.parametrize(
        "name", ["//evil.example", "/\\evil.example", "%0d%0aX:y", "https:%2f%2fevil.example/", "@evil"]
    )
    def test_it_never_leads_anywhere_else(self, app: Flask, store: ServedBackend, name: str) -> None:
        made_set(app, store, SERVE=True)
        answer = client_of(app).get(f"/_uploads/files/{name}?next=//evil.example&signature=x&url=//evil.example")
        assert answer.status_code in (404, 308)
        assert urljoin("http://localhost/", answer.location or "").startswith("http://localhost/")

    def test_a_private_file_needs_a_callback(self, app: Flask, store: ServedBackend) -> None:
        files = made_set(app, store, ACCESS="private")
        put(app, files, b"content", "a.txt")
        assert client_of(app).get("/_uploads/files/a.txt").status_code == 404
        files.authorize(lambda filename: True)
        answer = client_of(app).get("/_uploads/files/a.txt")
        assert (answer.status_code, answer.headers["Cache-Control"]) == (302, "private, no-store")
        assert followed(answer)[1] == b"content"

    def test_signed_links_lead_to_the_store_at_once(self, app: Flask, store: ServedBackend) -> None:
        files = made_set(app, store, ACCESS="private")
        put(app, files, b"content", "a.txt")
        url = signed(app, files, "a.txt", 60, download="Ünï.txt")
        assert url.startswith("http://127.0.0.1:")
        with urlopen(url, timeout=10) as found:
            assert found.headers["Content-Disposition"].endswith("filename*=UTF-8''%C3%9Cn%C3%AF.txt")

    def test_a_view_of_the_app_redirects_too(self, app: Flask, store: ServedBackend) -> None:
        files = made_set(app, store, ACCESS="private")
        put(app, files, b"content", "a.txt")
        app.add_url_rule("/mine", view_func=lambda: files.serve("a.txt", download="mine.txt"))
        answer = client_of(app).get("/mine")
        assert followed(answer) == (200, b"content", 'attachment; filename="mine.txt"')
        assert answer.headers["Cache-Control"] == "private, no-store"

    def test_a_public_file_of_a_public_bucket_is_where_it_lasts(self, app: Flask) -> None:
        files = made_set(app, SixMethods(), ACCESS="public", CACHE_CONTROL="public, max-age=60")
        put(app, files, b"content", "a.txt")
        answer = client_of(app).get("/_uploads/files/a.txt")
        assert (answer.status_code, answer.location) == (302, "https://cdn.example/a.txt")
        assert answer.headers["Cache-Control"] == "public, max-age=60"
        assert client_of(app).get("/_uploads/files/none.txt").status_code == 404

    def test_a_backend_that_is_down_is_a_503(self, app: Flask, store: ServedBackend) -> None:
        backend = FaultyBackend(store)
        made_set(app, backend, SERVE=True)
        backend.fail("stat", UnavailableError("down", key="a.txt", backend="served"))
        assert client_of(app).get("/_uploads/files/a.txt").status_code == 503


class TestCachingOfRedirects:
    @pytest.mark.parametrize(
        ("rule", "seconds", "expected"),
        [
            (None, 290, "public, max-age=290"),
            ("public, max-age=60", 290, "public, max-age=60"),
            ("public, max-age=86400, immutable", 290, "public, max-age=290"),
            ("private, max-age=86400", 290, "private, max-age=290"),
            ("max-age=86400", -3, "public, max-age=0"),
            ("no-store", 290, "private, no-store"),
            ("private, no-store", 290, "private, no-store"),
            ("private, no-cache", 290, "private, no-cache"),
            ("No-Store", 290, "private, no-store"),
            ("Private, Max-Age=9", 290, "private, max-age=9"),
            ("s-maxage=0, max-age=3600", 290, "public, max-age=0"),
            ("max-age=5, max-age=50", 290, "public, max-age=5"),
            ("max-age=often", 290, "public, max-age=0"),
            (", ,", 290, "public, max-age=290"),
        ],
    )
    def test_it_is_forgotten_before_the_link_ends(self, rule: str | None, seconds: float, expected: str) -> None:
        assert for_redirect(rule, seconds) == expected

    @pytest.mark.parametrize("offset", [0, 0.5, 299.9])
    def test_a_public_redirect_is_kept_for_less_than_the_link_lives(
        self, app: Flask, store: ServedBackend, monkeypatch: pytest.MonkeyPatch, offset: float
    ) -> None:
        clock = Clock(monkeypatch, START + offset)
        files = made_set(app, store, SERVE=True)
        put(app, files, b"content", "a.txt")
        answer = client_of(app).get("/_uploads/files/a.txt")
        assert answer.headers["Cache-Control"] == "public, max-age=290"
        assert clock.now + 290 < float(query_of(str(answer.location))["expires"])

    def test_credentials_that_end_soon_shorten_it(self, app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
        clock = Clock(monkeypatch)
        files = made_set(app, Ending(clock, START + 100), SERVE=True)
        put(app, files, b"content", "a.txt")
        assert client_of(app).get("/_uploads/files/a.txt").headers["Cache-Control"] == "public, max-age=90"


class Ending(MemoryBackend):
    """A backend whose credentials end at a moment, or are renewed."""

    def __init__(self, clock: Clock, end: float) -> None:
        super().__init__()
        self.clock, self.end, self.signed = clock, end, 0

    def signed_url(self, key: str, expires_in: int, options: LinkOptions | None = None) -> SignedURL:
        assert options is not None
        assert options.signed_at is not None
        self.signed += 1
        wanted = options.signed_at + timedelta(seconds=expires_in)
        ends = min(wanted, options.signed_at + timedelta(seconds=self.end - options.signed_at.timestamp()))
        return SignedURL(f"https://store/{key}?{ends.timestamp()}", ends)


class TestRemembering:
    def test_the_same_link_is_signed_once(self, app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
        backend = Ending(Clock(monkeypatch), START + 1e6)
        files = made_set(app, backend)
        assert len({signed(app, files, "a.txt") for _ in range(10)}) == backend.signed == 1
        for options in ({"download": True}, {"content_type": "text/plain"}, {"method": "HEAD"}, {"expires_in": 60}):
            signed(app, files, "a.txt", **options)
        with app.app_context():
            signed(app, files.scoped("f"), "a.txt")
        assert backend.signed == 6

    def test_a_link_that_ends_too_soon_is_made_anew_as_soon_as_it_can_live_longer(
        self, app: Flask, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        clock = Clock(monkeypatch)
        backend = Ending(clock, START + 90)
        files = made_set(app, backend)
        first = signed(app, files, "a.txt", 600)
        assert first.endswith(str(START + 90.0))
        backend.end = START + 1e6
        clock.now += 59
        assert signed(app, files, "a.txt", 600) == first
        clock.now += 1
        assert signed(app, files, "a.txt", 600) != first

    def test_a_link_of_a_clock_that_went_wrong_is_forgotten(self, app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
        clock = Clock(monkeypatch, START + 86400)
        files = made_set(app, Ending(clock, START + 1e6))
        wrong = signed(app, files, "a.txt")
        clock.now = START
        assert float(wrong.partition("?")[2]) > float(signed(app, files, "a.txt").partition("?")[2])

    def test_only_the_latest_are_remembered(self, app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
        backend = Ending(Clock(monkeypatch), START + 1e6)
        files = made_set(app, backend)
        with app.app_context():
            files.signed_urls(f"{number}.txt" for number in range(5000))
            assert len(files.config.signed) == 4096
            files.signed_url("4999.txt")
            assert backend.signed == 5000
            files.signed_url("0.txt")
            assert backend.signed == 5001


class TestProxy:
    def test_links_of_a_proxied_set_are_the_apps(self, app: Flask, store: ServedBackend) -> None:
        files = made_set(app, store, ACCESS="private", DELIVERY="proxy")
        put(app, files, b"content", "a.txt")
        url = signed(app, files, "a.txt")
        assert url.startswith("http://localhost/_uploads/files/a.txt?")
        answer = client_of(app).get(url, headers={"Range": "bytes=2-4"})
        assert (answer.status_code, answer.data) == (206, b"nte")

    def test_a_public_bucket_is_proxied_too_where_that_is_asked(self, app: Flask) -> None:
        files = made_set(app, SixMethods(), ACCESS="public", DELIVERY="proxy")
        put(app, files, b"content", "a.txt")
        assert client_of(app).get("/_uploads/files/a.txt").data == b"content"

    def test_a_long_file_is_never_held_whole(self, app: Flask, backend: Backend) -> None:
        files = made_set(app, backend, SERVE=True)
        put(app, files, bytes(1024 * 1024), "a.bin")
        answer = app.test_client().get("/_uploads/files/a.bin")
        assert max(map(len, answer.response)) <= 128 * 1024
        answer.close()


class TestWebServer:
    @pytest.fixture
    def folder(self, tmp_path: Path) -> Path:
        return tmp_path / "files"

    def local(self, app: Flask, folder: Path, **settings: Any) -> Any:
        app.config["UPLOADED_FILES_DEST"] = folder
        files = made_set(app, "local", **settings)
        put(app, files, b"content", "f/a b.html")
        return files

    def test_x_sendfile_names_the_file_and_sends_nothing(self, app: Flask, folder: Path) -> None:
        app.config["USE_X_SENDFILE"] = True
        self.local(app, folder, SERVE=True)
        answer = client_of(app).get("/_uploads/files/f/a_b.html")
        assert (answer.status_code, answer.data) == (200, b"")
        assert answer.headers["X-Sendfile"] == str(folder / "f" / "a_b.html")
        assert answer.headers["Content-Disposition"] == 'attachment; filename="a_b.html"'
        assert "sandbox" in answer.headers["Content-Security-Policy"]

    def test_x_accel_redirect_names_the_location(self, app: Flask, folder: Path) -> None:
        files = self.local(app, folder, ACCESS="private", X_ACCEL_REDIRECT="/internal/")
        (folder / "ü %?#.txt").write_bytes(b"content")
        for name, place in (("f/a_b.html", "f/a_b.html"), ("ü %?#.txt", "%C3%BC%20%25%3F%23.txt")):
            answer = client_of(app).get(signed(app, files, name))
            assert (answer.status_code, answer.data) == (200, b"")
            assert answer.headers["X-Accel-Redirect"] == f"/internal/{place}"
            assert answer.headers["Cache-Control"] == "private, no-store"

    def test_nothing_that_a_client_sends_steers_it(self, app: Flask, folder: Path) -> None:
        self.local(app, folder, SERVE=True)
        headers = {"X-Sendfile-Type": "X-Accel-Redirect", "X-Accel-Mapping": "/=/etc/", "X-Sendfile": "/etc/passwd"}
        answer = client_of(app).get("/_uploads/files/f/a_b.html", headers=headers)
        assert answer.data == b"content"
        assert not {name for name, _ in answer.headers if name.startswith(("X-Sendfile", "X-Accel"))}

    def test_what_may_not_be_seen_is_not_handed_over(self, app: Flask, folder: Path) -> None:
        self.local(app, folder, SERVE=True, X_ACCEL_REDIRECT="/internal/")
        (folder / "link.txt").symlink_to("/etc/passwd")
        for name in ("link.txt", "none.txt", "f", ".uploadkit/x"):
            answer = client_of(app).get(f"/_uploads/files/{name}")
            assert (answer.status_code, "X-Accel-Redirect" in answer.headers) == (404, False)

    def test_other_backends_send_as_ever(self, app: Flask) -> None:
        app.config["USE_X_SENDFILE"] = True
        files = made_set(app, "memory", SERVE=True)
        put(app, files, b"content", "a.txt")
        assert client_of(app).get("/_uploads/files/a.txt").data == b"content"


class TestSettings:
    @pytest.mark.parametrize(
        ("settings", "problem"),
        [
            ({"DELIVERY": "redirect"}, "'memory' backend has no links"),
            ({"DELIVERY": "stream"}, "It may be: redirect, proxy"),
            ({"X_ACCEL_REDIRECT": "/internal/"}, "only files of a folder"),
            ({"X_ACCEL_REDIRECT": "internal"}, "a slash at both ends"),
            ({"X_ACCEL_REDIRECT": "/a\n/"}, "printable ASCII"),
            ({"URL_WINDOW": -1}, "whole seconds"),
            ({"URL_WINDOW": 7 * 24 * 3600}, "whole seconds"),
            ({"URL_WINDOW": "300"}, "whole seconds"),
            ({"URL_WINDOW": True}, "whole seconds"),
            ({"URL_SIGNER": 5}, "LinkRequest"),
            ({"URL_SIGNER": "x"}, "Write 'package.module:name'"),
            ({"URL_SIGNER": "uploadkit:nothing"}, "Write 'package.module:name'"),
            ({"X_ACCEL_REDIRECT": "/a?b/"}, "plain letters"),
            ({"X_ACCEL_REDIRECT": "/../"}, "plain letters"),
            ({"X_ACCEL_REDIRECT": "/"}, "plain letters"),
            ({"CACHE_CONTROL": "a\r\nb"}, "printable ASCII"),
            ({"CACHE_CONTROL": 60}, "must be text"),
            ({"INLINE": ("pdf", "svg")}, "'svg' .image/svg.xml. may run scripts"),
            ({"INLINE": "html"}, "always downloads"),
            ({"INLINE": ("unknown",)}, "extensions of known types"),
            ({"INLINE": "application/pdf"}, "extensions of known types"),
            ({"INLINE": 5}, "must list extensions"),
            ({"DELIVREY": "proxy"}, "Did you mean UPLOADED_FILES_DELIVERY"),
        ],
    )
    def test_what_means_nothing_is_refused_at_start(self, app: Flask, settings: dict[str, Any], problem: str) -> None:
        with pytest.raises(ConfigError, match=problem):
            made_set(app, **settings)

    @pytest.mark.parametrize(
        ("settings", "warning"),
        [
            ({"CUSTOM_DOMAIN": "cdn.example"}, "OPTIONS = {'custom_domain': …} meant"),
            ({"PRIVATE": True}, "ACCESS = 'private' meant"),
            ({"URL": "https://cdn.example/files"}, "no slash at its end"),
        ],
    )
    def test_what_is_hardly_meant_is_warned_of(
        self, app: Flask, settings: dict[str, Any], warning: str, caplog: pytest.LogCaptureFixture
    ) -> None:
        made_set(app, **settings)
        assert warning in caplog.text

    @pytest.mark.parametrize("key", ["UPLOADS_URL_WINDOW", "UPLOADED_FILES_EXTERNAL_URLS", "UPLOADED_FILES_AUTOSERVE"])
    def test_a_setting_of_the_other_kind_is_refused(self, app: Flask, key: str) -> None:
        app.config[key] = 5
        with pytest.raises(ConfigError, match=f"{key} is no setting of uploadkit"):
            made_set(app)

    def test_public_files_that_are_not_handed_out_are_told_of(
        self, app: Flask, caplog: pytest.LogCaptureFixture
    ) -> None:
        files = made_set(app, SixMethods())
        with app.test_request_context():
            files.url("a.txt")
        assert "UPLOADED_FILES_ACCESS = 'public'" in caplog.text

    def test_a_type_can_be_shown_if_that_is_asked(self, app: Flask) -> None:
        files = made_set(app, SERVE=True, INLINE=("pdf", ".AVIF"))
        for name, kind in (("a.pdf", "inline"), ("a.avif", "inline"), ("a.html", "attachment"), ("a.png", "inline")):
            put(app, files, b"content", name)
            answer = client_of(app).get(f"/_uploads/files/{name}")
            assert answer.headers["Content-Disposition"].startswith(kind)

    def test_a_store_that_cannot_sign_says_the_way_out(self, app: Flask) -> None:
        class Unable(MemoryBackend):
            def signed_url(self, key: str, expires_in: int, options: LinkOptions | None = None) -> SignedURL:
                raise NotSupportedError("Nothing can be signed.", key=key, backend="unable")

        files = made_set(app, Unable(), SERVE=True)
        put(app, files, b"content", "a.txt")
        with app.test_request_context(), pytest.raises(NotSupportedError, match="DELIVERY = 'proxy'"):
            files.signed_url("a.txt")
        assert client_of(app).get("/_uploads/files/a.txt").status_code == 500
        files = made_set(app, app.config["UPLOADED_FILES_BACKEND"], DELIVERY="proxy")
        assert client_of(app).get("/_uploads/files/a.txt").data == b"content"

    def test_a_stores_own_answers_follow_the_sets_cache_control(self, app: Flask, store: ServedBackend) -> None:
        for access, stored in ((None, "public, max-age=60"), ("public", "public, max-age=60"), ("private", None)):
            files = made_set(app, store, ACCESS=access, CACHE_CONTROL="public, max-age=60")
            with app.app_context():
                assert files.put(b"content", "a.txt", on_conflict="overwrite").cache_control == stored
                own = files.put(b"content", "a.txt", on_conflict="overwrite", cache_control="no-store")
                assert own.cache_control == "no-store"

    def test_the_apps_answers_follow_the_setting_of_today(self, app: Flask) -> None:
        backend = MemoryBackend()
        files = made_set(app, backend, SERVE=True)
        put(app, files, b"content", "a.txt")
        made_set(app, backend, SERVE=True, CACHE_CONTROL="public, max-age=60")
        assert client_of(app).get("/_uploads/files/a.txt").headers["Cache-Control"] == "public, max-age=60"


def test_time_goes_on(app: Flask, store: ServedBackend) -> None:
    files = made_set(app, store, URL_WINDOW=0)
    assert float(query_of(signed(app, files, "a.txt", 60))["expires"]) >= time.time() + 58


class TestPowersThatDependOnOptions:
    @pytest.mark.parametrize(
        ("options", "missing"),
        [
            ({}, set()),
            ({"requester_pays": True}, {"signing"}),
            ({"expected_bucket_owner": "111122223333"}, {"signing"}),
            ({"extra_args": {"RequestPayer": "requester"}}, {"signing"}),
            ({"signature_version": "unsigned"}, {"signing", "direct_upload", "presigned_parts"}),
            ({"sse_customer_key": "k" * 32}, {"signing", "direct_upload", "presigned_parts"}),
        ],
    )
    def test_s3_signs_nothing_that_could_not_be_used(self, options: dict[str, Any], missing: set[str]) -> None:
        plain = set(capabilities(create_backend("s3", "bucket")).names())
        assert set(capabilities(create_backend("s3", "bucket", options)).names()) == plain - missing

    @pytest.mark.parametrize(
        ("options", "signs"),
        [
            ({"credentials": "anonymous"}, False),
            ({"endpoint": "http://127.0.0.1:1"}, False),
            ({"client": object()}, True),
            ({}, True),
        ],
    )
    def test_gcs_signs_nothing_without_credentials(self, options: dict[str, Any], signs: bool) -> None:
        powers = capabilities(create_backend("gcs", "bucket", options)).names()
        assert {name in powers for name in ("signing", "direct_upload", "presigned_parts")} == {signs}

    def test_the_app_signs_and_sends_then(self, app: Flask) -> None:
        options = {"region": "eu-central-1", "access_key_id": "k", "secret_access_key": "s", "requester_pays": True}
        app.config["UPLOADED_FILES_OPTIONS"] = options
        files = made_set(app, "s3", DEST="bucket")
        assert signed(app, files, "a.txt").startswith("http://localhost/_uploads/files/a.txt?")

    def test_what_is_shown_is_stored_so(self, app: Flask, store: ServedBackend) -> None:
        files = made_set(app, store, INLINE="pdf")
        with app.app_context():
            stored = [files.put(b"x", name).content_disposition for name in ("a.pdf", "b.html")]
        assert stored == ['inline; filename="a.pdf"', 'attachment; filename="b.html"']
