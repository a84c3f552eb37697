"""What the tests of links and serving share."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

import pytest
from flask import Flask
from flask.testing import FlaskClient

from uploadkit import ALL, UploadSet, configure_uploads
from uploadkit.backends import Backend

START = 1_800_000_000


def made_set(app: Flask, backend: Backend | str = "memory", **settings: Any) -> UploadSet:
    """Return the set ``files`` that accepts everything."""
    files = UploadSet("files", ALL)
    app.config.update(UPLOADED_FILES_BACKEND=backend, UPLOADED_FILES_NAMES="unicode")
    app.config["UPLOADED_FILES_CONTENT_CHECK"] = False  # serving has to be safe whatever came in
    app.config.update({f"UPLOADED_FILES_{name}": value for name, value in settings.items()})
    configure_uploads(app, files)
    return files


def client_of(app: Flask) -> FlaskClient:
    """A client that reads each answer whole and closes it, as a server does."""

    class Reading(FlaskClient):
        def open(self, *args: Any, **options: Any) -> Any:
            return super().open(*args, **{**options, "buffered": True})

    return Reading(app, app.response_class)


def put(app: Flask, files: UploadSet, content: bytes, name: str, **options: Any) -> str:
    with app.app_context():
        return files.put(content, name, **options).key


def signed(app: Flask, files: Any, name: str, *args: Any, **options: Any) -> str:
    """Return a signed link, made within a request."""
    with app.test_request_context():
        url: str = files.signed_url(name, *args, **options)
        return url


def query_of(url: str) -> dict[str, str]:
    return dict(parse_qsl(urlsplit(url).query, keep_blank_values=True))


def with_query(url: str, **changes: str | None) -> str:
    """Return a URL with parameters changed, added, or, where they are None, left out."""
    query = {name: value for name, value in {**query_of(url), **changes}.items() if value is not None}
    return urlunsplit(urlsplit(url)._replace(query=urlencode(query)))


class Clock:
    """Time that goes on only when it is told to."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, now: float = START) -> None:
        self.now = now
        for module in ("links", "web.access", "web.delivery"):
            monkeypatch.setattr(f"uploadkit.{module}.time", SimpleNamespace(time=lambda: self.now))
