"""Signed links by a signer of the app's own, such as a CDN's."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Any

import pytest
from flask import Flask

from uploadkit import ALL, UploadSet, configure_uploads
from uploadkit.models import LinkOptions
from uploadkit.signers import LinkRequest

from .kit import START, Clock, client_of, made_set, put, signed


def moment(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, timezone.utc)


@pytest.fixture
def asked() -> list[LinkRequest]:
    return []


@pytest.fixture
def signer(asked: list[LinkRequest]) -> Any:
    def sign(request: LinkRequest) -> str:
        asked.append(request)
        return f"https://cdn.example/{request.key}?{len(asked)}"

    return sign


def test_it_is_told_everything(
    app: Flask, signer: Any, asked: list[LinkRequest], monkeypatch: pytest.MonkeyPatch
) -> None:
    Clock(monkeypatch, START + 42)
    files = made_set(app, URL_SIGNER=signer, URL="https://cdn.example/files/")
    assert signed(app, files, "f/a b.jpg", 60, download="x.jpg", method="HEAD") == "https://cdn.example/f/a b.jpg?1"
    [request] = asked
    assert request == LinkRequest(
        "files",
        "f/a b.jpg",
        "https://cdn.example/files/f/a%20b.jpg",
        "memory:///f/a b.jpg",
        moment(START),
        moment(START + 120),
        LinkOptions("HEAD", "image/jpeg", 'attachment; filename="x.jpg"', moment(START)),
        overrides=True,
    )


def test_a_set_without_a_place_in_the_web_says_so(app: Flask, signer: Any, asked: list[LinkRequest]) -> None:
    signed(app, made_set(app, URL_SIGNER=signer), "a.jpg")
    assert asked[0].url is None


def test_its_links_are_remembered_and_redirected_to(app: Flask, signer: Any, asked: list[LinkRequest]) -> None:
    files = made_set(app, URL_SIGNER=signer, SERVE=True)
    put(app, files, b"content", "a.jpg")
    assert len({signed(app, files, "a.jpg", 300) for _ in range(5)}) == 1
    answer = client_of(app).get("/_uploads/files/a.jpg")
    assert (answer.status_code, answer.location) == (302, "https://cdn.example/a.jpg?1")
    assert len(asked) == 1


def test_the_route_may_still_send_the_files(app: Flask, signer: Any) -> None:
    files = made_set(app, URL_SIGNER=signer, SERVE=True, DELIVERY="proxy")
    put(app, files, b"content", "a.jpg")
    assert client_of(app).get("/_uploads/files/a.jpg").data == b"content"
    assert signed(app, files, "a.jpg").startswith("https://cdn.example/")


@pytest.mark.parametrize("configured", [False, True])
def test_the_set_may_bring_it_and_the_configuration_wins(app: Flask, signer: Any, configured: bool) -> None:
    files = UploadSet("files", ALL, url_signer=lambda request: "https://own.example/")
    app.config.update(UPLOADED_FILES_BACKEND="memory", UPLOADED_FILES_URL_SIGNER=signer if configured else None)
    configure_uploads(app, files)
    assert signed(app, files, "a.jpg").startswith("https://cdn.example/" if configured else "https://own.example/")


def test_what_is_no_url_is_refused(app: Flask) -> None:
    files = made_set(app, URL_SIGNER=lambda request: None)
    with app.test_request_context(), pytest.raises(TypeError, match="'files' returned a NoneType"):
        files.signed_url("a.jpg")
