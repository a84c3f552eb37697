"""Results as tables of words."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from .model import MIB, human_size
from .results import CaseResult, Line, Spread, TrialResult, Verdict

HEAD = ("", "CPU", "ratio", "wall", "ratio", "MiB/s", "peak memory", "written")
GOALS_HEAD = ("case", "contestant", "goal", "measured", "met")
_WORDS = {"cpu": "CPU", "wall": "wall", "peak": "peak memory", "written": "written", "wchar": "bytes written"}
NOTHING = "-"


def rows(trial: TrialResult) -> list[tuple[str, ...]]:
    """Return the rows of a trial's table, below `HEAD`."""
    return [_row(trial, line) for line in trial.lines]


def _row(trial: TrialResult, line: Line) -> tuple[str, ...]:
    spreads = line.spreads
    if not spreads:
        return (line.name, line.skipped or f"failed: {line.failed}", *[""] * (len(HEAD) - 2))
    cpu, wall = spreads["cpu"], spreads["wall"]
    speed = f"{trial.size / MIB / wall.median:,.0f}" if trial.size and wall.median else NOTHING
    peak, written = spreads.get("peak"), spreads.get("wchar")
    return (
        line.name,
        *(_time(cpu), _ratio(cpu), _time(wall), _ratio(wall), speed),
        human_size(peak.most) if peak else NOTHING,
        human_size(written.median) if written else NOTHING,
    )


def goal_rows(results: Sequence[CaseResult]) -> list[tuple[str, ...]]:
    """Return the rows of the table of all goals, below `GOALS_HEAD`."""
    return [
        (f"{case.name}: {trial.name}", verdict.contestant, wording(verdict), measured(verdict), _met(verdict))
        for case in results
        for trial in case.trials
        for verdict in trial.verdicts
    ]


def wording(verdict: Verdict) -> str:
    """Say what is aimed at."""
    what = _WORDS[verdict.measure]
    if verdict.kind == "ratio":
        return f"{what} ≤ {verdict.most:g} of {verdict.peer}"
    over = f" over {verdict.peer}" if verdict.kind == "over" else ""
    return f"{what} ≤ {_unit(verdict)(verdict.most)}{over}"


def measured(verdict: Verdict) -> str:
    """Say what was measured."""
    if verdict.value is None:
        return NOTHING
    return f"{verdict.value:.3g}" if verdict.kind == "ratio" else _unit(verdict)(verdict.value)


def plain(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a table for a terminal."""
    all_rows = [head, *rows]
    # A word that fills a row of nothing else makes no column wide.
    widths = [max(len(row[at]) for row in all_rows if at != 1 or any(row[2:])) for at in range(len(head))]
    return "\n".join(
        "  ".join(cell.rjust(width) if at else cell.ljust(width) for at, (cell, width) in enumerate(pairs)).rstrip()
        for pairs in (list(zip(row, widths, strict=True)) for row in all_rows)
    )


def markdown(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a table for a page."""
    line = "|" + "---|" + "--:|" * (len(head) - 1)
    return "\n".join([_piped(head), line, *map(_piped, rows)])


def _piped(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _met(verdict: Verdict) -> str:
    return {True: "yes", False: "**no**", None: "not measured"}[verdict.met]


def _unit(verdict: Verdict) -> Callable[[float], str]:
    return _seconds if verdict.measure in {"cpu", "wall"} else human_size


def _time(spread: Spread) -> str:
    return f"{_seconds(spread.median)} ({_bare(spread.least)}-{_bare(spread.most)})"


def _seconds(value: float) -> str:
    """Return seconds as milliseconds."""
    return f"{_bare(value)} ms"


def _bare(seconds: float) -> str:
    value = seconds * 1000
    return f"{value:.3f}" if value < 1 else f"{value:.2f}" if value < 10 else f"{value:,.0f}"  # noqa: PLR2004


def _ratio(spread: Spread) -> str:
    return NOTHING if spread.ratio is None else f"{spread.ratio:.2f}"
