"""Local files that a real nginx sends: what arrives, what is kept of the app's headers, and what nobody reaches."""

from __future__ import annotations

import http.client
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from email.message import Message
from pathlib import Path
from urllib.parse import quote, urlsplit

import pytest
from flask import Flask, Response
from werkzeug.http import parse_options_header

from tests.servers.app import running_app
from tests.servers.nginx import running_nginx
from uploadkit import ALL, UploadSet, configure_uploads

integration = pytest.mark.integration

#: What the documentation says.
SERVER = """
location / {
    proxy_pass APP;
    proxy_set_header Host $http_host;
}
location /internal/photos/ {
    internal;
    alias FOLDER/photos/;
    add_header Content-Security-Policy $upstream_http_content_security_policy always;
    add_header X-Content-Type-Options nosniff always;
}
location /internal/private/ {
    internal;
    alias FOLDER/private/;
    add_header Content-Security-Policy $upstream_http_content_security_policy always;
    add_header X-Content-Type-Options nosniff always;
}
"""
#: What somebody forgot.
BARE = "location /internal/bare/ { internal; alias FOLDER/bare/; }"
SETS = ("photos", "private", "bare")
CONTENT = os.urandom(300_000)
HARD_NAMES = (
    *("a b.txt", "ü.txt", "100%.txt", "a+b.txt", "a#b.txt", "what?.txt", "a;b&c=d.txt", "日本.txt", "'\".txt"),
    *("%2e%2e", "%2e%2e%2f", "x/%2e%2e", "%2F", "a%00b.txt", "a..", "folder/a b/ü%20.txt", "$uri.txt"),
)


@dataclass(frozen=True)
class Answer:
    status: int
    content: bytes
    headers: Message


@dataclass
class Site:
    """An app behind nginx."""

    app: Flask
    sets: dict[str, UploadSet]
    folder: Path
    url: str = ""
    seen: list[str] = field(default_factory=list)

    def url_of(self, name: str, key: str) -> str:
        with self.app.test_request_context(base_url=self.url):
            return self.sets[name].url(key)

    def signed_url(self, key: str) -> str:
        with self.app.test_request_context(base_url=self.url):
            return self.sets["private"].signed_url(key)

    def ask(self, url: str, method: str = "GET", **headers: str) -> Answer:
        """Ask for exactly the path of ``url``, which clients would tidy up."""
        parts = urlsplit(url)
        connection = http.client.HTTPConnection(str(urlsplit(self.url).netloc), timeout=30)
        try:
            target = parts.path + (f"?{parts.query}" if parts.query else "")
            connection.request(method, target, headers={name.replace("_", "-"): text for name, text in headers.items()})
            response = connection.getresponse()
            return Answer(response.status, response.read(), response.msg)
        finally:
            connection.close()


def put_raw(site: Site, name: str, key: str, content: bytes) -> None:
    """Store under a key as it is; uploads have theirs cleaned."""
    path = site.folder / name / key
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("sets")
    app = Flask("site")
    app.config["SECRET_KEY"] = "site"
    for name in SETS:
        app.config[f"UPLOADED_{name.upper()}_DEST"] = folder / name
        app.config[f"UPLOADED_{name.upper()}_X_ACCEL_REDIRECT"] = f"/internal/{name}/"
        app.config[f"UPLOADED_{name.upper()}_ACCESS"] = "private" if name == "private" else "public"
    app.config["UPLOADED_PHOTOS_CACHE_CONTROL"] = "public, max-age=77"
    site = Site(app, {name: UploadSet(name, ALL) for name in SETS}, folder)
    configure_uploads(app, site.sets.values())
    for name in SETS:
        for key in ("a.bin", "a.txt", "a.svg", "a.html", "ü.jpg"):
            put_raw(site, name, key, CONTENT)

    @app.after_request
    def note(response: Response) -> Response:
        site.seen.append(response.headers.get("X-Accel-Redirect", ""))
        return response

    with running_app(app) as upstream:
        server = (SERVER + BARE).replace("APP", upstream).replace("FOLDER", str(folder))
        with running_nginx(tmp_path_factory.mktemp("nginx"), server) as site.url:
            yield site


@integration
class TestContent:
    def test_nginx_sends_the_file_and_the_app_does_not(self, site: Site) -> None:
        site.seen.clear()
        answer = site.ask(site.url_of("photos", "a.bin"))
        assert (answer.status, answer.content) == (200, CONTENT)
        assert site.seen == ["/internal/photos/a.bin"]
        assert "X-Accel-Redirect" not in answer.headers
        assert answer.headers["Content-Length"] == str(len(CONTENT))

    @pytest.mark.parametrize("key", HARD_NAMES)
    def test_a_hard_name_leads_to_its_file(self, site: Site, key: str) -> None:
        content = f"the content of {key}".encode()
        put_raw(site, "photos", key, content)
        answer = site.ask(site.url_of("photos", key))
        assert (answer.status, answer.content) == (200, content)

    def test_head_tells_the_length(self, site: Site) -> None:
        answer = site.ask(site.url_of("photos", "a.bin"), "HEAD")
        assert (answer.status, answer.content, answer.headers["Content-Length"]) == (200, b"", str(len(CONTENT)))

    def test_ranges_are_answered(self, site: Site) -> None:
        url = site.url_of("photos", "a.bin")
        part = site.ask(url, Range="bytes=100-199")
        assert (part.status, part.content) == (206, CONTENT[100:200])
        assert part.headers["Content-Range"] == f"bytes 100-199/{len(CONTENT)}"
        assert site.ask(url, Range="bytes=-5").content == CONTENT[-5:]
        assert site.ask(url, Range="bytes=999999-").status == 416

    def test_several_ranges_come_in_one_answer(self, site: Site) -> None:
        answer = site.ask(site.url_of("photos", "a.bin"), Range="bytes=0-9,20-29")
        assert answer.status == 206
        assert answer.headers["Content-Type"].startswith("multipart/byteranges")
        assert CONTENT[:10] in answer.content
        assert CONTENT[20:30] in answer.content

    def test_a_part_of_another_file_is_not_taken(self, site: Site) -> None:
        answer = site.ask(site.url_of("photos", "a.bin"), Range="bytes=0-9", If_Range='"another"')
        assert (answer.status, answer.content) == (200, CONTENT)

    def test_who_has_a_file_is_not_sent_it_again(self, site: Site) -> None:
        url = site.url_of("photos", "a.txt")
        first = site.ask(url)
        for condition in (
            {"If_None_Match": first.headers["ETag"]},
            {"If_Modified_Since": first.headers["Last-Modified"]},
        ):
            again = site.ask(url, **condition)
            assert (again.status, again.content) == (304, b"")
            assert again.headers["ETag"] == first.headers["ETag"]
            assert again.headers["Cache-Control"] == "public, max-age=77"

    def test_a_replaced_file_is_sent_again(self, site: Site) -> None:
        put_raw(site, "photos", "replaced.txt", b"old")
        url = site.url_of("photos", "replaced.txt")
        etag = site.ask(url).headers["ETag"]
        put_raw(site, "photos", "replaced.txt", b"newer")
        answer = site.ask(url, If_None_Match=etag)
        assert (answer.status, answer.content) == (200, b"newer")
        assert answer.headers["ETag"] != etag

    def test_a_condition_that_does_not_hold_is_refused(self, site: Site) -> None:
        assert site.ask(site.url_of("photos", "a.txt"), If_Match='"another"').status == 412


@integration
class TestHeaders:
    @pytest.mark.parametrize(
        ("key", "content_type", "disposed", "styles"),
        [
            ("a.txt", "text/plain; charset=utf-8", "inline", ""),
            ("a.html", "text/html", "attachment", ""),
            ("a.svg", "image/svg+xml", "attachment", " style-src 'unsafe-inline';"),
            ("ü.jpg", "image/jpeg", "inline", ""),
        ],
    )
    @pytest.mark.parametrize("method", ["GET", "HEAD"])
    def test_what_keeps_a_file_from_running_arrives(
        self, site: Site, key: str, content_type: str, disposed: str, styles: str, method: str
    ) -> None:
        headers = site.ask(site.url_of("photos", key), method).headers
        assert headers["Content-Type"] == content_type
        assert parse_options_header(headers["Content-Disposition"]) == (disposed, {"filename": key})
        assert headers["Content-Security-Policy"] == f"default-src 'none';{styles} sandbox"
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Cache-Control"] == "public, max-age=77"

    def test_nginx_drops_what_it_is_not_told_to_add(self, site: Site) -> None:
        headers = site.ask(site.url_of("bare", "a.svg")).headers
        assert headers["Content-Type"] == "image/svg+xml"
        assert headers["Content-Disposition"] == 'attachment; filename="a.svg"'
        assert "Content-Security-Policy" not in headers
        assert "X-Content-Type-Options" not in headers

    def test_a_part_is_as_harmless_as_the_whole(self, site: Site) -> None:
        headers = site.ask(site.url_of("photos", "a.html"), Range="bytes=0-9").headers
        assert headers["Content-Security-Policy"] == "default-src 'none'; sandbox"
        assert headers["X-Content-Type-Options"] == "nosniff"


@integration
class TestHiding:
    def test_a_private_file_needs_a_signed_link(self, site: Site) -> None:
        signed = site.signed_url("a.bin")
        assert site.ask(signed).content == CONTENT
        assert site.ask(signed).headers["Cache-Control"] == "private, no-store"
        for url in (signed.partition("?")[0], signed[:-1], signed.replace("a.bin", "a.txt")):
            answer = site.ask(url)
            assert answer.status == 404
            assert CONTENT not in answer.content

    @pytest.mark.parametrize(
        "path",
        [
            *("/internal/private/a.txt", "/internal/photos/a.txt", "/internal/", "//internal/private/a.txt"),
            *("/%69nternal/private/a.txt", "/x/../internal/private/a.txt", "/_uploads/../internal/private/a.txt"),
        ],
    )
    def test_the_location_is_not_reached_from_outside(self, site: Site, path: str) -> None:
        answer = site.ask(path)
        assert answer.status == 404
        assert CONTENT not in answer.content

    @pytest.mark.parametrize(
        "path", ["../private/a.txt", "%2e%2e/private/a.txt", "..%2Fprivate/a.txt", "%2Fetc/passwd"]
    )
    def test_no_name_leads_out_of_the_folder(self, site: Site, path: str) -> None:
        answer = site.ask(f"/_uploads/photos/{path}")
        assert answer.status in (400, 404, 308)
        assert CONTENT not in answer.content

    def test_a_link_in_the_folder_does_not_either(self, site: Site) -> None:
        (site.folder / "photos" / "link.txt").symlink_to(site.folder / "private" / "a.txt")
        assert site.ask("/_uploads/photos/link.txt").status == 404

    def test_what_is_missing_is_the_apps_404(self, site: Site) -> None:
        site.seen.clear()
        assert site.ask(site.url_of("photos", "missing.txt")).status == 404
        assert site.seen == [""]


@pytest.mark.parametrize("name", ["a.txt", "ü b.txt"])
def test_x_sendfile_names_the_file_and_sends_nothing(app: Flask, tmp_path: Path, name: str) -> None:
    app.config.update(USE_X_SENDFILE=True, UPLOADED_FILES_DEST=tmp_path, UPLOADED_FILES_SERVE=True)
    configure_uploads(app, UploadSet("files", ALL))
    (tmp_path / name).write_bytes(b"content")
    answer = app.test_client().get(f"/_uploads/files/{quote(name)}")
    assert (answer.status_code, answer.data) == (200, b"")
    assert answer.headers["X-Sendfile"].encode("latin-1") == os.fsencode(tmp_path / name)  # as it is sent
    assert "X-Accel-Redirect" not in answer.headers
    assert answer.headers["Content-Type"] == "text/plain; charset=utf-8"
    assert answer.headers["Content-Security-Policy"] == "default-src 'none'; sandbox"


def test_nothing_is_handed_over_unless_the_app_says_so(app: Flask, tmp_path: Path) -> None:
    app.config.update(UPLOADED_FILES_DEST=tmp_path, UPLOADED_FILES_SERVE=True)
    configure_uploads(app, UploadSet("files", ALL))
    (tmp_path / "a.txt").write_bytes(b"content")
    with app.test_client().get("/_uploads/files/a.txt") as answer:
        assert answer.data == b"content"
        assert not {"X-Sendfile", "X-Accel-Redirect"} & set(answer.headers.keys())
