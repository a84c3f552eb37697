"""The contract as pytest tests."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, ClassVar

import pytest

from ..backends.protocol import Backend
from .checks import CHECKS
from .gaps import check_gaps, run_check
from .subject import BackendMaker, Check, NotShown, Subject


class BackendContract:
    """Runs every check of the contract against a backend.

    ::

        class TestMyBackend(BackendContract):
            def make_backend(self):
                return MyBackend(self.tmp_path / "files")

    ``self.tmp_path`` is a folder of the test's own.

    ``gaps`` names the checks whose promise this server is known not to show, each with the reason. They are run all the
    same: one that fails is skipped with the reason, one that passes fails, so that the list stays true. A reason that
    is `Unsteady` keeps its check from being run.
    """

    gaps: ClassVar[Mapping[str, str]] = {}
    tmp_path: Path

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        check_gaps(cls.gaps, {check.name for check in CHECKS})

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
            run_check(check, Subject(self.make_backend, self.process_factory), self.gaps)
        except NotShown as reason:
            pytest.skip(f"not shown: {reason}")

    test.__doc__ = check.promise
    test.__name__ = f"test_{check.name}"
    return test


for _check in CHECKS:
    setattr(BackendContract, f"test_{_check.name}", _as_test(_check))
