"""Known gaps of a server are run all the same, and may not stay when they are closed."""

from __future__ import annotations

from typing import ClassVar

import pytest

from tests.testing import broken
from uploadkit.backends.memory import MemoryBackend
from uploadkit.backends.protocol import Backend
from uploadkit.testing import CHECKS, BackendContract, Result, Unsteady, run_checks

_BY_NAME = {check.name: check for check in CHECKS}


def _result(backend: type[MemoryBackend], name: str, reason: str) -> Result:
    return run_checks(backend, checks=[_BY_NAME[name]], gaps={name: reason}).results[0]


def test_a_gap_that_shows_is_not_a_broken_promise() -> None:
    result = _result(broken.SignsUrls, "urls_last", "this server signs everything")
    assert (result.outcome, result.detail) == ("not shown", "this server signs everything")


def test_a_gap_that_is_closed_must_go() -> None:
    result = _result(MemoryBackend, "urls_last", "this server signs everything")
    assert result.outcome == "broken"
    assert "the gap is closed" in result.detail


def test_a_check_that_cannot_be_shown_anyway_says_why_itself() -> None:
    result = _result(MemoryBackend, "sweeping_spares_files", "it sweeps too much")
    assert (result.outcome, result.detail) == ("not shown", "the backend does not declare sweep")


@pytest.mark.parametrize("backend", [MemoryBackend, broken.SignsUrls])
def test_an_unsteady_gap_is_not_tried(backend: type[MemoryBackend]) -> None:
    result = _result(backend, "urls_last", Unsteady("only sometimes"))
    assert (result.outcome, result.detail) == ("not shown", "only sometimes")


def test_a_gap_of_no_check_is_an_error() -> None:
    with pytest.raises(ValueError, match="urls_lst"):
        run_checks(MemoryBackend, checks=[], gaps={"urls_lst": "x"})
    with pytest.raises(ValueError, match="urls_lst"):
        type("TestMine", (BackendContract,), {"gaps": {"urls_lst": "x"}})


class TestWithGaps(BackendContract):
    """A test class that knows its server's gaps is green: what is broken is skipped."""

    gaps: ClassVar = {"urls_last": "it signs everything", "one_thread_wins": Unsteady("it loses a race now and then")}

    def make_backend(self) -> Backend:
        return broken.SignsUrls()


def test_the_pytest_class_fails_where_a_gap_is_closed() -> None:
    class Mine(BackendContract):
        gaps: ClassVar = {"urls_last": "it signs everything"}

        def make_backend(self) -> Backend:
            return MemoryBackend()

    with pytest.raises(AssertionError, match="the gap is closed"):
        Mine().test_urls_last()  # type: ignore[attr-defined]
