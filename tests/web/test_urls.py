"""Lasting links, in code and in templates."""

from __future__ import annotations

from typing import Any
from urllib.parse import unquote, urlsplit

import pytest
from flask import Flask, render_template_string

from uploadkit import ALL, NotConfiguredError, UploadSet, configure_uploads

from .kit import client_of, made_set, put, query_of


def rendered(app: Flask, template: str, **values: Any) -> str:
    with app.test_request_context():
        return render_template_string(template, **values)


class TestExternal:
    def test_links_to_the_route_say_where_the_app_is(self, app: Flask) -> None:
        files = made_set(app, SERVE=True)
        with app.test_request_context(base_url="https://app.example/root/"):
            assert files.url("a b.txt") == "https://app.example/root/_uploads/files/a%20b.txt"
            assert files.signed_url("a.txt").startswith("https://app.example/root/_uploads/files/a.txt?expires=")

    def test_they_can_be_without_scheme_and_host(self, app: Flask) -> None:
        app.config["UPLOADS_EXTERNAL_URLS"] = False
        files = made_set(app, SERVE=True)
        with app.test_request_context(base_url="https://app.example/root/"):
            assert files.url("a.txt") == "/root/_uploads/files/a.txt"
            assert files.signed_url("a.txt").startswith("/root/_uploads/files/a.txt?expires=")

    def test_outside_of_a_request_the_server_name_tells(self, app: Flask) -> None:
        app.config.update(SERVER_NAME="app.example", PREFERRED_URL_SCHEME="https")
        files = made_set(app, SERVE=True)
        with app.app_context():
            assert files.url("a.txt") == "https://app.example/_uploads/files/a.txt"

    @pytest.mark.parametrize("host", ["evil.example", "app.example.evil.example", "evil.example:80"])
    def test_a_foreign_host_is_refused_where_hosts_are_named(self, app: Flask, host: str) -> None:
        app.config["TRUSTED_HOSTS"] = ["app.example"]
        files = made_set(app, SERVE=True)
        app.add_url_rule("/link", view_func=lambda: files.url("a.txt"))
        assert client_of(app).get("/link", headers={"Host": "app.example"}).text.startswith("http://app.example/")
        assert client_of(app).get("/link", headers={"Host": host}).status_code == 400

    def test_a_name_cannot_lead_to_another_host(self, app: Flask) -> None:
        app.config["UPLOADS_EXTERNAL_URLS"] = False
        files = made_set(app, SERVE=True)
        with app.test_request_context():
            for name in ("evil.example/a.txt", "@evil.example", "http:evil.example", "a?b#c"):
                assert files.url(name).startswith("/_uploads/files/")
                assert unquote(urlsplit(files.url(name)).path) == f"/_uploads/files/{name}"


class TestTemplates:
    def test_a_template_needs_no_set(self, app: Flask) -> None:
        made_set(app, SERVE=True)
        page = rendered(app, "<img src=\"{{ upload_url('files', name) }}\">", name='a "b".jpg')
        assert page == '<img src="http://localhost/_uploads/files/a%20%22b%22.jpg">'

    def test_macros_of_other_files_have_it_too(self, app: Flask) -> None:
        made_set(app, SERVE=True)
        assert "upload_url" in app.jinja_env.globals

    @pytest.mark.parametrize("how", ["signed=True", "signed=True, download='x.pdf'", "signed=60", "signed=1"])
    def test_signed_links_take_the_same_arguments(self, app: Flask, how: str) -> None:
        files = made_set(app, ACCESS="private")
        put(app, files, b"content", "a.txt")
        url = rendered(app, "{{ upload_url('files', 'a.txt', HOW)|safe }}".replace("HOW", how))
        answer = client_of(app).get(url)
        assert (answer.status_code, answer.data) == (200, b"content")
        assert answer.headers["Content-Disposition"].startswith("attachment" if "download" in how else "inline")

    def test_a_number_says_how_long(self, app: Flask) -> None:
        made_set(app, URL_WINDOW=0)
        long, short = (
            int(
                query_of(rendered(app, "{{ upload_url('files', 'a', signed=seconds)|safe }}", seconds=seconds))[
                    "expires"
                ]
            )
            for seconds in (5000, 1)
        )
        assert 4990 < long - short < 5010

    def test_options_of_a_lasting_link_are_refused(self, app: Flask) -> None:
        made_set(app, SERVE=True)
        with pytest.raises(TypeError, match="download needs signed=True"):
            rendered(app, "{{ upload_url('files', 'a.txt', download=True) }}")

    def test_a_set_or_a_view_of_it_will_do_in_place_of_the_name(self, app: Flask) -> None:
        files = made_set(app, SERVE=True)
        with app.app_context():
            mine = files.scoped("users/42")
        for of, path in ((files, "a.txt"), (mine, "users/42/a.txt"), ("files", "a.txt")):
            assert rendered(app, "{{ upload_url(of, 'a.txt') }}", of=of).endswith(f"/_uploads/files/{path}")

    def test_a_life_is_given_once(self, app: Flask) -> None:
        made_set(app)
        with pytest.raises(TypeError, match="not both"):
            rendered(app, "{{ upload_url('files', 'a.txt', signed=60, expires_in=9) }}")

    def test_an_unknown_set_is_named(self, app: Flask) -> None:
        made_set(app)
        with pytest.raises(NotConfiguredError, match="no upload set 'fotos', only 'files'"):
            rendered(app, "{{ upload_url('fotos', 'a.txt') }}")

    def test_what_the_app_calls_so_itself_stays(self, app: Flask) -> None:
        app.jinja_env.globals["upload_url"] = "mine"
        made_set(app)
        assert rendered(app, "{{ upload_url }}") == "mine"

    def test_each_app_has_its_own_sets(self) -> None:
        one, two = Flask("one"), Flask("two")
        made_set(one, SERVE=True)
        two.config["UPLOADED_DOCS_BACKEND"] = "memory"
        configure_uploads(two, UploadSet("docs", ALL))
        with pytest.raises(NotConfiguredError, match="only 'docs'"):
            rendered(two, "{{ upload_url('files', 'a.txt') }}")
