"""An app for a browser to visit: upload sets of each delivery, pages that show their files, and one careless view."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import unquote, urlencode

from flask import Flask, render_template_string, request
from werkzeug.wrappers import Response

from tests.servers.app import running_app
from tests.servers.stores import S3Server
from uploadkit import ALL, UploadSet, configure_uploads

from .payloads import PAYLOADS, Run, pdf, png, script

COOKIE = "session=secret"
#: Scripts that are called otherwise: no page of the app may take them for its own.
LIBRARIES = {"library.txt": "text/javascript", "library.jpg": "text/javascript"}
WAYS = {
    "address": "",
    "iframe": "<iframe src='{{ link }}' width='700' height='500'></iframe>",
    "object": "<object data='{{ link }}'></object>",
    "embed": "<embed src='{{ link }}'>",
    "link": "<a id='link{{ loop.index0 }}' href='{{ link }}' target='_blank' rel='opener'>open</a>",
    "image": "<img src='{{ link }}' style='display: block'>",
    "script": "<script src='{{ link }}'></script>",
}


@dataclass
class Site:
    """The app that the browser visits.

    :param links: The links to the files by the way they are delivered, and by name.
    :param downloads: The links to a PDF that is a download under another name, by the way it is delivered.
    :param runs: What scripts of files told the app.
    """

    base: str = ""
    links: dict[str, dict[str, str]] = field(default_factory=dict)
    downloads: dict[str, str] = field(default_factory=dict)
    runs: list[Run] = field(default_factory=list)

    def page(self, way: str, links: Sequence[str]) -> str:
        """Return the URL of a page of the app with files in it."""
        return f"{self.base}/page/{way}?{urlencode({'link': links}, doseq=True)}"


def contents(base: str) -> dict[str, bytes]:
    """Return all files that visitors have uploaded."""
    hostile = {name: payload.content(name, base) for name, payload in PAYLOADS.items()}
    libraries = {name: script(name, base).encode() for name in LIBRARIES}
    return {
        **hostile,
        **libraries,
        "photo.png": png(30, 20),
        "poem.txt": "Über allen Gipfeln".encode(),
        "a.pdf": pdf(),
    }


@contextmanager
def running_site(folder: Path, server: S3Server, download_name: str) -> Iterator[Site]:
    """Run an app with the files in four upload sets: local and on S3, redirected to and proxied."""
    app, site = Flask("site"), Site()
    app.config["SECRET_KEY"] = "site"
    _configure(app, folder, server)
    sets = {name: UploadSet(name, ALL) for name in ("local", "private", "proxied", "redirected")}
    configure_uploads(app, sets.values())
    _add_views(app, site, sets["local"])
    # Not the address that the store has: its origin and its cookies are others.
    with running_app(app, host="localhost") as site.base:
        with app.test_request_context(base_url=site.base):
            _store(sets, contents(site.base))
            _link(site, sets, list(contents(site.base)), download_name)
        yield site


def _configure(app: Flask, folder: Path, server: S3Server) -> None:
    options = {
        "endpoint_url": server.endpoint,
        "region": server.region,
        "access_key_id": server.access_key,
        "secret_access_key": server.secret_key,
    }
    for name in ("PROXIED", "REDIRECTED"):
        place = {"BACKEND": "s3", "DEST": server.make_bucket(), "OPTIONS": options, "SERVE": True}
        app.config.update({f"UPLOADED_{name}_{key}": value for key, value in place.items()})
    app.config.update(
        **{f"UPLOADED_{name}_INLINE": "pdf" for name in ("LOCAL", "PRIVATE", "PROXIED", "REDIRECTED")},
        **{f"UPLOADED_{name}_CONTENT_CHECK": False for name in ("LOCAL", "PRIVATE", "PROXIED", "REDIRECTED")},
        UPLOADED_PROXIED_DELIVERY="proxy",
        UPLOADED_LOCAL_DEST=folder / "local",
        UPLOADED_LOCAL_SERVE=True,
        UPLOADED_PRIVATE_DEST=folder / "private",
        UPLOADED_PRIVATE_ACCESS="private",
    )


def _store(sets: dict[str, UploadSet], files: dict[str, bytes]) -> None:
    for uset in sets.values():
        for name, content in files.items():
            assert uset.put(content, name).key == name


def _link(site: Site, sets: dict[str, UploadSet], names: Sequence[str], download_name: str) -> None:
    for delivery in ("local", "proxied", "redirected"):
        site.links[f"{delivery} url"] = {name: sets[delivery].url(name) for name in names}
    for delivery in ("private", "redirected"):
        site.links[f"{delivery} signed"] = sets[delivery].signed_urls(names)
    for delivery in ("private", "proxied", "redirected"):
        site.downloads[delivery] = sets[delivery].signed_url("a.pdf", download=download_name)
    for view in ("careless", "shown"):
        site.links[view] = {name: f"{site.base}/{view}/{name}/x" for name in names}  # with no extension to go by


def _add_views(app: Flask, site: Site, files: UploadSet) -> None:
    @app.get("/page/<way>")
    def page(way: str) -> Response:
        template = "<!DOCTYPE html><title>page</title>{% for link in links %}" + WAYS[way] + "{% endfor %}"
        response = app.make_response(render_template_string(template, links=request.args.getlist("link")))
        response.headers["Set-Cookie"] = f"{COOKIE}; Path=/"
        return response

    @app.get("/ran")
    def ran() -> str:
        site.runs.append(Run(*json.loads(unquote(request.query_string))))
        return ""

    @app.get("/careless/<name>/x")
    def careless(name: str) -> Response:
        types = {**LIBRARIES, **{name: payload.content_type for name, payload in PAYLOADS.items()}}
        return app.response_class(contents(site.base)[name], content_type=types[name])

    @app.get("/shown/<name>/x")
    def shown(name: str) -> Response:
        response = files.serve(name, content_type=PAYLOADS[name].content_type)
        del response.headers["Content-Disposition"]
        return response
