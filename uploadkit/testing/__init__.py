"""For test suites: the contract that every backend keeps, as pytest tests and as plain checks, and helpers for apps.

- `BackendContract`: subclass it, return your backend from ``make_backend``, and pytest runs every check.
- `run_checks`: the same without pytest.
- `Unsteady`: the reason why a server shows a promise only sometimes.
- `FaultyBackend`: a backend that fails when it is told to.
- `TestingFileStorage`: an upload that notes where it would have been saved.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..test_helper import TestingFileStorage
from .checks import CHECKS, Report, Result, run_checks
from .faulty import FaultyBackend
from .gaps import Unsteady
from .names import HARD_FILENAMES, HARD_KEYS, UNSAFE_KEYS
from .subject import Check, NotShown, Subject

if TYPE_CHECKING:
    from .contract import BackendContract

__all__ = [
    "CHECKS",
    "HARD_FILENAMES",
    "HARD_KEYS",
    "UNSAFE_KEYS",
    "BackendContract",
    "Check",
    "FaultyBackend",
    "NotShown",
    "Report",
    "Result",
    "Subject",
    "TestingFileStorage",
    "Unsteady",
    "run_checks",
]


def __getattr__(name: str) -> object:
    """Import what needs pytest only when it is asked for."""
    if name == "BackendContract":
        from .contract import BackendContract

        return BackendContract
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
