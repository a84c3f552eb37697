"""All checks of the contract, and how to run them without pytest."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

from .checks_completion import COMPLETION
from .checks_direct import DIRECT
from .checks_downloads import DOWNLOADS
from .checks_forms import FORMS
from .checks_multipart import MULTIPART
from .checks_parts import PRESIGNED_PARTS
from .checks_powers import POWERS
from .checks_races import RACES
from .checks_reading import READING
from .checks_saving import SAVING
from .checks_signing import SIGNING
from .checks_snapshots import SNAPSHOTS
from .checks_spooling import SPOOLING
from .checks_streaming import STREAMING
from .gaps import check_gaps, run_check
from .subject import BackendMaker, Check, NotShown, Subject

#: Every promise of the contract.
CHECKS: tuple[Check, ...] = tuple(
    Check.of(function)
    for function in (
        *(*SAVING, *READING, *POWERS, *SNAPSHOTS, *STREAMING, *SPOOLING, *RACES),
        *(*MULTIPART, *COMPLETION),
        *(*SIGNING, *DOWNLOADS, *DIRECT, *FORMS, *PRESIGNED_PARTS),
    )
)


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
    gaps: Mapping[str, str] | None = None,
) -> Report:
    """Run checks against a backend and return how each went.

    :param make_backend: Makes the backend, fresh and empty.
    :param process_factory: See `Subject`.
    :param gaps: The checks whose promise this server is known not to show, each with the reason: "not shown" while
        they fail, "broken" once they pass. Where the reason is `Unsteady` they are not run.
    :raises ValueError: if ``gaps`` names something else.
    """
    subject, chosen, known = Subject(make_backend, process_factory), tuple(checks), dict(gaps or {})
    check_gaps(known, {check.name for check in (*CHECKS, *chosen)})
    return Report(tuple(_result(check, subject, known) for check in chosen))


def _result(check: Check, subject: Subject, gaps: Mapping[str, str]) -> Result:
    try:
        run_check(check, subject, gaps)
    except NotShown as reason:
        return Result(check, "not shown", str(reason))
    except Exception as error:  # noqa: BLE001 - whatever a backend raises breaks the promise
        return Result(check, "broken", f"{type(error).__name__}: {error}")
    return Result(check, "shown")
