"""What came out: medians, ratios, and which goals are met; as JSON and back."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

from .contest import Entry
from .model import MEASURES, Case, Costs, Goal, Measure, Scale, Trial


@dataclass(frozen=True)
class Spread:
    """One measure of one contestant.

    :param ratio: The median of the rounds' ratios to the peer; None if the peer has nothing to compare with.
    """

    median: float
    least: float
    most: float
    ratio: float | None


@dataclass(frozen=True)
class Line:
    """One contestant of a trial; ``skipped`` or ``failed`` says why nothing was measured."""

    name: str
    spreads: Mapping[str, Spread] = field(default_factory=dict)
    turns: Sequence[Mapping[str, float | None]] = ()
    skipped: str = ""
    failed: str = ""


@dataclass(frozen=True)
class Verdict:
    """A goal and what was measured; ``value`` is None if it could not be."""

    contestant: str
    measure: Measure
    kind: str
    most: float
    peer: str
    value: float | None
    met: bool | None


@dataclass(frozen=True)
class TrialResult:
    name: str
    peer: str
    calls: int
    size: int
    lines: Sequence[Line]
    verdicts: Sequence[Verdict]


@dataclass(frozen=True)
class CaseResult:
    """A case, with where and how it was run."""

    name: str
    title: str
    about: str
    scale: str
    rounds: int
    machine: Mapping[str, str]
    trials: Sequence[TrialResult]

    @property
    def failures(self) -> list[str]:
        """What went wrong, which should not have."""
        return [
            f"{self.name}, {trial.name}, {line.name}: {line.failed}"
            for trial in self.trials
            for line in trial.lines
            if line.failed
        ]


def case_result(
    case: Case, scale: Scale, machine: Mapping[str, str], trials: Sequence[tuple[Trial, Sequence[Entry]]]
) -> CaseResult:
    """Return what is to be told about a case."""
    results = [trial_result(trial, entries) for trial, entries in trials]
    return CaseResult(case.name, case.title, case.about, scale.name, scale.rounds, machine, results)


def trial_result(trial: Trial, entries: Sequence[Entry]) -> TrialResult:
    """Return what is to be told about a trial."""
    turns = {entry.name: entry.turns for entry in entries}
    peers = turns.get(trial.peer, [])
    lines = [
        Line(
            entry.name,
            {of: spread for of in MEASURES if (spread := _spread(entry.turns, peers, of))},
            [asdict(each) for each in entry.turns],
            entry.skipped,
            entry.failed,
        )
        for entry in entries
    ]
    verdicts = [_verdict(goal, turns) for goal in trial.goals]
    return TrialResult(trial.name, trial.peer, trial.calls, trial.size, lines, verdicts)


def _spread(turns: Sequence[Costs], peers: Sequence[Costs], of: Measure) -> Spread | None:
    values = _values(turns, of)
    if not values:
        return None
    return Spread(median(values), min(values), max(values), ratio(values, _values(peers, of)))


def ratio(ours: Sequence[float], theirs: Sequence[float]) -> float | None:
    """Return the median of the rounds' ratios; None without a pair that can be divided.

    What else a machine does comes and goes: two turns of one round have more of it in common than two medians.
    """
    pairs = [mine / other for mine, other in zip(ours, theirs, strict=False) if other]
    return median(pairs) if pairs else None


def _verdict(goal: Goal, turns: Mapping[str, Sequence[Costs]]) -> Verdict:
    ours = _values(turns.get(goal.contestant, ()), goal.measure)
    theirs = _values(turns.get(goal.peer, ()), goal.measure)
    value = _judged(goal, ours, theirs)
    met = None if value is None else value <= goal.most
    return Verdict(goal.contestant, goal.measure, goal.kind, goal.most, goal.peer, value, met)


def _judged(goal: Goal, ours: Sequence[float], theirs: Sequence[float]) -> float | None:
    """Return what a goal is about; of memory always the highest peak."""
    if goal.kind == "ratio":
        return ratio(ours, theirs)
    if goal.kind == "over":
        differences = [mine - other for mine, other in zip(ours, theirs, strict=False)]
        return median(differences) if differences else None
    if not ours:
        return None
    return max(ours) if goal.measure == "peak" else median(ours)


def _values(turns: Sequence[Costs], of: Measure) -> list[float]:
    return [value for each in turns if (value := getattr(each, of)) is not None]


def write(path: Path, results: Sequence[CaseResult]) -> None:
    """Write results as JSON."""
    path.write_text(json.dumps([asdict(each) for each in results], indent=1) + "\n", encoding="utf-8")


def read(path: Path) -> list[CaseResult]:
    """Read what `write` wrote; nothing if there is no such file."""
    return [_case(each) for each in json.loads(path.read_text(encoding="utf-8"))] if path.exists() else []


def _case(data: dict[str, Any]) -> CaseResult:
    return CaseResult(**{**data, "trials": [_trial(each) for each in data["trials"]]})


def _trial(data: dict[str, Any]) -> TrialResult:
    lines = [
        Line(**{**each, "spreads": {name: Spread(**spread) for name, spread in each["spreads"].items()}})
        for each in data["lines"]
    ]
    return TrialResult(**{**data, "lines": lines, "verdicts": [Verdict(**each) for each in data["verdicts"]]})
