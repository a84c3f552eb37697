"""A contestant's own process: makes it ready, then measures a turn for each line on standard input."""

from __future__ import annotations

import importlib
import json
import logging
import os
import sys
import traceback
from collections.abc import Callable
from dataclasses import asdict
from typing import IO

from .environment import is_installed
from .measure import measured
from .model import SCALES, Case, Contestant, Trial, Unavailable


def find_case(name: str) -> Case:
    """Return a case by the name of its file."""
    case = importlib.import_module(f"benchmarks.cases.{name}").CASE
    assert isinstance(case, Case)
    return case


def main(case: str, scale: str, trial: str, contestant: str) -> None:
    """Take part until standard input ends."""
    # What a contestant prints goes to standard error; standard output is the wire.
    logging.disable(logging.WARNING)  # advice that an app gets at its start
    with os.fdopen(os.dup(1), "w") as wire:
        os.dup2(2, 1)
        trials = find_case(case).trials(SCALES[scale])
        found = next(each for each in trials if each.name == trial)
        _take_part(found, next(each for each in found.contestants if each.name == contestant), _teller(wire))


def _teller(wire: IO[str]) -> Callable[..., None]:
    def tell(**message: object) -> None:
        print(json.dumps(message), file=wire, flush=True)

    return tell


def _take_part(trial: Trial, contestant: Contestant, tell: Callable[..., None]) -> None:
    try:
        _require(contestant)
        with contestant.prepare() as job:
            (job.warm or job.action)()
            tell(ready=True)
            for _ in sys.stdin:
                costs = measured(job.action, trial.calls, job.watched)
                if job.after:
                    job.after()
                tell(costs=asdict(costs))
    except Unavailable as reason:
        tell(skipped=str(reason))
    except Exception as error:  # noqa: BLE001 - the others go on
        traceback.print_exc()
        tell(failed=f"{type(error).__name__}: {error}")


def _require(contestant: Contestant) -> None:
    """Refuse to go on without what the contestant needs.

    :raises Unavailable: if a module is not installed.
    """
    missing = [name for name in contestant.needs if not is_installed(name)]
    if missing:
        raise Unavailable(f"not installed: {', '.join(missing)}")


if __name__ == "__main__":
    main(*sys.argv[1:])
