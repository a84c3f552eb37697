"""What all tests share."""

from __future__ import annotations

import io
from collections.abc import Callable, Container
from pathlib import Path
from typing import Any, BinaryIO

import pytest
from flask import Flask
from hypothesis import HealthCheck, settings
from werkzeug.datastructures import FileStorage

from tests.servers.fixtures import fake_gcs_server, gcp_emulator, moto_server, seaweed_server
from uploadkit import ALL, FileInfo, RemotePath, SaveOptions, UploadConfiguration, UploadSet
from uploadkit.backends import Backend
from uploadkit.backends.local import LocalBackend
from uploadkit.backends.memory import MemoryBackend
from uploadkit.settings import SetSettings

__all__ = ["fake_gcs_server", "gcp_emulator", "moto_server", "seaweed_server"]

# An example that takes long says something of the machine, not of what is tested.
settings.register_profile("uploadkit", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("uploadkit")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what needs a real server."""
    for item in items:
        if set(__all__) & set(getattr(item, "fixturenames", ())):
            item.add_marker(pytest.mark.integration)


@pytest.fixture
def app() -> Flask:
    """A fresh app with nothing configured."""
    app = Flask("tests")
    app.config.update(TESTING=True, SECRET_KEY="tests")
    return app


class SixMethods:
    """A backend without any optional power: everything takes the long way round."""

    name = "six"

    def __init__(self) -> None:
        self._inner = MemoryBackend()

    def save(self, key: str, stream: BinaryIO, options: SaveOptions) -> FileInfo:
        return self._inner.save(key, stream, options)

    def open(self, key: str) -> BinaryIO:
        return self._inner.open(key)

    def stat(self, key: str) -> FileInfo:
        return self._inner.stat(key)

    def delete(self, key: str) -> None:
        self._inner.delete(key)

    def url(self, key: str) -> str | None:
        return f"https://cdn.example/{key}"

    def path(self, key: str) -> str | RemotePath:
        return RemotePath(f"six://{key}", self.name)


@pytest.fixture(params=["local", "memory", "six"])
def backend(request: pytest.FixtureRequest, tmp_path: Path) -> Backend:
    """Each backend that upload sets are tested on."""
    makers: dict[str, Callable[[], Backend]] = {
        "local": lambda: LocalBackend(tmp_path / "files"),
        "memory": MemoryBackend,
        "six": SixMethods,
    }
    return makers[request.param]()


MakeSet = Callable[..., UploadSet]


@pytest.fixture
def make_set(backend: Backend) -> MakeSet:
    """Make an upload set on ``backend``, without an app."""

    def make(extensions: Container[str] = ALL, name: str = "files", **settings: Any) -> UploadSet:
        uset = UploadSet(name, extensions)
        uset._config = UploadConfiguration(backend.path(""), backend=backend, settings=SetSettings(**settings))
        return uset

    return make


def form_file(content: bytes = b"content", filename: str | None = "photo.jpg") -> FileStorage:
    """A file as a form brings it."""
    return FileStorage(io.BytesIO(content), filename)
