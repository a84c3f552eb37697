"""The contract as pytest tests."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from ..backends.protocol import Backend
from .checks import CHECKS
from .subject import BackendMaker, Check, NotShown, Subject


class BackendContract:
    """Runs every check of the contract against a backend.

    ::

        class TestMyBackend(BackendContract):
            def make_backend(self):
                return MyBackend(self.tmp_path / "files")

    ``self.tmp_path`` is a folder of the test's own.
    """

    tmp_path: Path

    @pytest.fixture(autouse=True)
    def _own_folder(self, tmp_path: Path) -> None:
        self.tmp_path = tmp_path

    def make_backend(self) -> Backend:
        """Return a fresh, empty backend; a check may call it more than once."""
        raise NotImplementedError("return your backend, fresh and empty, from make_backend()")

    def process_factory(self) -> BackendMaker | None:
        """Return a function that can be pickled and opens one fresh, empty place in every process that calls it.

        ``functools.partial(MyBackend, place)`` is one. None, the default, skips the races between processes.
        """
        return None


def _as_test(check: Check) -> Callable[[BackendContract], None]:
    def test(self: BackendContract) -> None:
        try:
            check.run(Subject(self.make_backend, self.process_factory))
        except NotShown as reason:
            pytest.skip(str(reason))

    test.__doc__ = check.promise
    test.__name__ = f"test_{check.name}"
    return test


for _check in CHECKS:
    setattr(BackendContract, f"test_{_check.name}", _as_test(_check))
