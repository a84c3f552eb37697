"""Measure what uploadkit costs, beside its peers, and tell it in a table, as JSON, as a plot and as a page.

Contestants take turns in processes of their own. Unless the running Python has all the peers, they are installed into
an environment below --out first.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from .contest import ROOT, hold
from .environment import environment_with_peers, has_all_peers, machine
from .model import SCALES, Case, Scale
from .page import PLOT, write_page
from .plot import plot
from .results import CaseResult, case_result, read, trial_result, write
from .tables import GOALS_HEAD, HEAD, goal_rows, plain, rows
from .worker import find_case

CASES = sorted(path.stem for path in (ROOT / "benchmarks" / "cases").glob("[!_]*.py"))
PAGE = "performance.md"
COMMAND = ROOT / "benchmarks" / "run.py"


def arguments(given: Sequence[str] | None = None) -> argparse.Namespace:
    """Return what the command line says."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    listed = f"these cases, or none, to tell again what was measured: {', '.join(CASES)}"
    parser.add_argument("--only", nargs="*", choices=CASES, metavar="NAME", default=CASES, help=listed)
    scale = parser.add_mutually_exclusive_group()
    scale.add_argument("--quick", dest="scale", action="store_const", const="quick", help="see that everything runs")
    scale.add_argument("--full", dest="scale", action="store_const", const="full", help="with files of gigabytes")
    parser.add_argument("--rounds", type=int, help="how often each contestant has its turn")
    parser.add_argument("--out", type=Path, default=ROOT / "build" / "benchmarks", help="where the results go")
    parser.add_argument("--here", action="store_true", help="use this Python; leave out what it has not installed")
    parser.add_argument("--publish", action="store_true", help=f"write docs/{PAGE} too")
    parser.set_defaults(scale="normal")
    options = parser.parse_args(given)
    if options.publish and options.scale == "quick":
        parser.error("what --quick finds is not worth publishing")
    return options


def main(given: Sequence[str] | None = None) -> int:
    """Measure and tell; return 1 if a contestant failed."""
    options = arguments(given)
    out: Path = options.out.resolve()
    out.mkdir(parents=True, exist_ok=True)
    if not (options.here or has_all_peers()):
        python = environment_with_peers(out / "venv")
        said = sys.argv[1:] if given is None else given
        return subprocess.run([python, COMMAND, *said, "--here"], check=False).returncode
    os.environ["PYTHONPATH"] = str(ROOT)  # this uploadkit, wherever it is run
    scale = SCALES[options.scale]
    scale = replace(scale, rounds=options.rounds or scale.rounds)
    results: list[CaseResult] = []
    for name in options.only:
        results.append(run_case(find_case(name), scale))
        tell(out, results, publish=False)  # what comes later may go wrong
    tell(out, results, publish=options.publish)
    print(f"\n{plain(GOALS_HEAD, goal_rows(results))}")
    failures = [failure for each in results for failure in each.failures]
    for failure in failures:
        print(failure, file=sys.stderr)
    return 1 if failures else 0


def run_case(case: Case, scale: Scale) -> CaseResult:
    """Run a case, and print what comes out as it comes."""
    print(f"\n{case.title}\n{'=' * len(case.title)}", flush=True)
    told = []
    for trial in case.trials(scale):
        entries = hold(case, trial, scale)
        print(
            f"\n{trial.name} (ratios are to {trial.peer})\n{plain(HEAD, rows(trial_result(trial, entries)))}",
            flush=True,
        )
        told.append((trial, entries))
    return case_result(case, scale, machine(), told)


def tell(out: Path, results: Sequence[CaseResult], *, publish: bool) -> None:
    """Write JSON, plot and page. Cases that were not run keep what an earlier run into ``out`` found."""
    new = {each.name: each for each in results}
    old = {each.name: each for each in read(out / "results.json")}
    merged = [each for _, each in sorted({**old, **new}.items())]
    write(out / "results.json", merged)
    (out / PLOT).write_text(plot(merged), encoding="utf-8")
    write_page(out / PAGE, merged)
    if publish:
        write_page(ROOT / "docs" / PAGE, merged)
        shutil.copy(out / PLOT, ROOT / "docs" / PLOT)
