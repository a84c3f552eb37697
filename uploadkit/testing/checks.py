"""All checks of the contract, and how to run them without pytest."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Literal

from .checks_powers import POWERS
from .checks_races import RACES
from .checks_reading import READING
from .checks_saving import SAVING
from .subject import BackendMaker, Check, NotShown, Subject

#: Every promise of the contract.
CHECKS: tuple[Check, ...] = tuple(Check.of(function) for function in (*SAVING, *READING, *POWERS, *RACES))


@dataclass(frozen=True)
class Result:
    """How one check went.

    :param outcome: Whether the promise was shown, was not shown (``detail`` says why), or is broken.
    """

    check: Check
    outcome: Literal["shown", "not shown", "broken"]
    detail: str = ""


@dataclass(frozen=True)
class Report:
    """How all checks went. Print it for a table."""

    results: tuple[Result, ...]

    @property
    def kept(self) -> bool:
        """Whether no promise is broken."""
        return all(result.outcome != "broken" for result in self.results)

    def __str__(self) -> str:
        width = max((len(result.check.name) for result in self.results), default=0)
        return "\n".join(
            f"{result.outcome:9}  {result.check.name:{width}}  {result.detail or result.check.promise}"
            for result in self.results
        )


def run_checks(
    make_backend: BackendMaker,
    *,
    process_factory: Callable[[], BackendMaker | None] = lambda: None,
    checks: Iterable[Check] = CHECKS,
) -> Report:
    """Run checks against a backend and return how each went.

    :param make_backend: Makes the backend, fresh and empty.
    :param process_factory: See `Subject`.
    """
    subject = Subject(make_backend, process_factory)
    return Report(tuple(_result(check, subject) for check in checks))


def _result(check: Check, subject: Subject) -> Result:
    try:
        check.run(subject)
    except NotShown as reason:
        return Result(check, "not shown", str(reason))
    except Exception as error:  # noqa: BLE001 - whatever a backend raises breaks the promise
        return Result(check, "broken", f"{type(error).__name__}: {error}")
    return Result(check, "shown")
