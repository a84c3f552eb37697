"""The contract on every backend of this package."""

from __future__ import annotations

import functools
import tempfile

import pytest

from uploadkit.backends._local import folders, staging
from uploadkit.backends.local import LocalBackend
from uploadkit.backends.memory import MemoryBackend
from uploadkit.backends.protocol import Backend
from uploadkit.testing import BackendContract, FaultyBackend
from uploadkit.testing.subject import BackendMaker


class TestMemory(BackendContract):
    column = "memory"

    def make_backend(self) -> Backend:
        return MemoryBackend()


class TestLocal(BackendContract):
    column: str | None = "local"

    def make_backend(self) -> Backend:
        return LocalBackend(tempfile.mkdtemp(dir=self.tmp_path))

    def process_factory(self) -> BackendMaker:
        return functools.partial(LocalBackend, self.tmp_path / "shared")


class TestLocalWithTemporaryNames(TestLocal):
    """Where the file system has no unnamed files."""

    column = None

    @pytest.fixture(autouse=True)
    def _without_unnamed_files(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(staging, "_O_TMPFILE", 0)

    def process_factory(self) -> None:  # type: ignore[override]
        return None


class TestLocalByPath(TestLocalWithTemporaryNames):
    """Where the system has no calls relative to a folder's descriptor."""

    @pytest.fixture(autouse=True)
    def _without_dir_fd(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(folders, "HAS_DIR_FD", False)


class TestFaultyWithoutFaults(BackendContract):
    """The wrapper is itself a backend under the contract."""

    def make_backend(self) -> Backend:
        return FaultyBackend(MemoryBackend())
