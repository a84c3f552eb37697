"""Saves that are killed, or whose system calls fail, at every call that they make: strace does it for real."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from io import BytesIO
from pathlib import Path

import pytest

import uploadkit
from uploadkit.backends.local import LocalBackend
from uploadkit.exceptions import NotFoundError
from uploadkit.models import SaveOptions

from . import crash_child as child

pytestmark = pytest.mark.slow

ADOPTING = (child.ADOPTED, child.ADOPTED_OVER)
STRATEGIES = (child.CREATE, child.OVERWRITE, child.NAMED, child.RENAMED, child.SIDECAR, *ADOPTING)
CHANGES = (
    *("openat", "write", "close", "dup", "fsync", "fdatasync", "flock", "ftruncate", "utimensat"),
    *("fchmod", "fchmodat", "chmod", "fsetxattr", "mkdir", "mkdirat", "rmdir"),
    *("link", "linkat", "unlink", "unlinkat", "rename", "renameat", "renameat2"),
)
LOOKS = ("stat", "newfstatat", "fstatat64", "statx")
PUBLISHING = ("linkat", "renameat", "renameat2", "rename")
#: Failures of these are told to nobody: they leave nothing, or something for the sweeper.
FORGIVEN = ("close", "unlinkat", "flock", "utimensat")


@dataclass(frozen=True)
class Call:
    """The ``number``-th call of its name in the process that saves, and its place among all of them.

    :param strike: The count at which this call is struck.
    """

    name: str
    number: int
    strike: int
    place: int
    line: str

    def __str__(self) -> str:
        return f"{self.place}: {self.line[:100]}"

    @property
    def idle(self) -> int:
        return self.strike - self.number

    @property
    def publishes(self) -> bool:
        return self.name in PUBLISHING and "file.bin" in self.line


@dataclass(frozen=True)
class Run:
    """What one save did, and what it left."""

    destination: Path
    outcome: dict[str, object] | None
    trace: list[str]

    @property
    def backend(self) -> LocalBackend:
        return LocalBackend(self.destination)

    def content(self) -> bytes | None:
        try:
            with self.backend.open(child.KEY) as stream:
                return stream.read()
        except NotFoundError:
            return None

    def leftovers(self) -> list[str]:
        """Return every file below the destination but the saved one and what belongs to it."""
        final = self.destination / child.KEY
        sidecar = f"-{final.stat().st_ino}.json" if final.exists() else "no sidecar"
        files = [path for path in self.destination.rglob("*") if not path.is_dir()]
        return [path.name for path in files if path != final and not path.name.endswith(sidecar)]

    def traces(self) -> list[Path]:
        return list(self.destination.parent.glob("trace.*"))

    def listed(self) -> list[str]:
        return [info.key for info in self.backend.list_files()]

    def was_struck(self) -> bool:
        """Whether the save had begun when the call was struck."""
        began = [number for number, line in enumerate(self.trace) if child.START in line]
        struck = [number for number, line in enumerate(self.trace) if "(INJECTED)" in line or "by SIGKILL" in line]
        return len(began) == 1 and len(struck) == 1 and struck > began


RunAll = Callable[[str, "list[Call]", "str | None"], "list[Run]"]


@pytest.fixture(scope="module")
def strace() -> str:
    command = shutil.which("strace")
    if command is None:
        pytest.skip("strace is not installed")
    probe = [command, "-f", "-o", os.devnull, "-e", "inject=sync:error=EIO:when=9", "true"]
    found = subprocess.run(probe, capture_output=True, text=True, check=False)
    if found.returncode:
        pytest.skip(f"strace cannot trace here: {found.stderr.strip()}")
    return command


@pytest.fixture(scope="module")
def run_all(strace: str, tmp_path_factory: pytest.TempPathFactory) -> RunAll:
    """Save once for each call, struck by the fault there."""

    def run(strategy: str, calls: list[Call], fault: str | None) -> list[Run]:
        home = tmp_path_factory.mktemp("crash")
        jobs = [(call.name, call.idle, _prepared(home / str(call.place), strategy)) for call in calls]
        traced = ",".join(f"?{name}" for name in (*CHANGES, *LOOKS))
        command = [strace, "-ff", "-o", str(home / "trace"), "-e", f"trace={traced}"]
        if fault is not None:
            for name, strike in {call.name: call.strike for call in calls}.items():
                command += ["-e", f"inject={name}:{fault}:when={strike}"]
        command += [sys.executable, "-B", child.__file__, strategy, json.dumps(jobs)]
        # Measuring coverage makes calls of its own.
        environment = {name: value for name, value in os.environ.items() if not name.startswith("COV")}
        environment["PYTHONPATH"] = os.pathsep.join([str(Path(uploadkit.__file__).parents[1]), *sys.path])
        found = subprocess.run(command, capture_output=True, text=True, check=True, env=environment, timeout=60)
        pids = found.stdout.split()
        return [_run(home, destination, pid) for (_, _, destination), pid in zip(jobs, pids, strict=True)]

    return run


def _prepared(destination: Path, strategy: str) -> str:
    if strategy in child.OVER:
        LocalBackend(destination).save(child.KEY, BytesIO(child.OLD), SaveOptions())
    return str(destination)


def _run(home: Path, destination: str, pid: str) -> Run:
    outcome = Path(f"{destination}.json")
    trace = home / f"trace.{pid}"
    found = json.loads(outcome.read_text()) if outcome.exists() else None
    return Run(Path(destination), found, trace.read_text().splitlines())


@pytest.fixture(scope="module")
def calls_of(run_all: RunAll) -> Callable[[str], list[Call]]:
    """Return the calls of a save that nothing happens to."""
    known: dict[str, list[Call]] = {}

    def calls(strategy: str) -> list[Call]:
        if strategy not in known:
            [found] = run_all(strategy, [Call("close", 0, 0, 0, "")], None)
            assert found.outcome == {"error": None}
            assert found.content() == child.NEW
            [parent] = [path for path in found.traces() if path.read_text().splitlines() != found.trace]
            known[strategy] = _calls(found.trace, Counter(_names(parent.read_text().splitlines())))
        return known[strategy]

    return calls


def _calls(trace: list[str], before: Counter[str]) -> list[Call]:
    """Return the calls between the two marks, each with its number since the process began.

    :param before: How often the process that forks makes each call; it must not be struck.
    """
    counts: Counter[str] = Counter()
    found: list[Call] = []
    between = False
    for name, line in zip(_names(trace), trace, strict=True):
        between = child.START in line or (between and child.END not in line)
        counts[name] += 1
        if between and name in CHANGES:
            found.append(Call(name, counts[name], before[name] + 100, len(found), line))
    return found


def _names(trace: list[str]) -> list[str]:
    return [line.partition("(")[0] for line in trace]


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_a_killed_save_leaves_the_old_file_or_the_whole_new_one(
    strategy: str, run_all: RunAll, calls_of: Callable[[str], list[Call]]
) -> None:
    calls = calls_of(strategy)
    [published] = [call.place for call in calls if call.publishes]
    runs = run_all(strategy, calls, "signal=KILL")
    problems = {
        str(call): found
        for call, run in zip(calls, runs, strict=True)
        if (found := _problems_after_kill(run, strategy, child.NEW if call.place > published else _old(strategy)))
    }
    shutil.rmtree(runs[0].destination.parent)  # hundreds of megabytes
    assert problems == {}


@pytest.mark.parametrize("error", ["ENOSPC", "EIO"])
@pytest.mark.parametrize("strategy", STRATEGIES)
def test_a_failing_call_leaves_nothing_and_is_a_backend_error(
    strategy: str, error: str, run_all: RunAll, calls_of: Callable[[str], list[Call]]
) -> None:
    calls = calls_of(strategy)
    [published] = [call.place for call in calls if call.publishes]
    linking = _linking(strategy, calls, published)
    runs = run_all(strategy, calls, f"error={error}")
    problems = {
        str(call): found
        for call, run in zip(calls, runs, strict=True)
        if (found := _problems_after_error(run, strategy, call, error, call.place > published, call.place in linking))
    }
    shutil.rmtree(runs[0].destination.parent)
    assert problems == {}


def _linking(strategy: str, calls: list[Call], published: int) -> range:
    """Return the places of the calls that link a spool under its name; if one fails, it is copied instead."""
    if strategy not in ADOPTING:
        return range(0)
    first = "flock" if strategy == child.ADOPTED_OVER else "linkat"
    return range(next(call.place for call in calls if call.name == first), published + 1)


def _old(strategy: str) -> bytes | None:
    return child.OLD if strategy in child.OVER else None


def _problems_after_kill(run: Run, strategy: str, expected: bytes | None) -> list[str]:
    left = [name for name in run.leftovers() if not name.endswith(".json")]  # a sidecar of no file is read by nobody
    facts = {
        "the call was not struck": not run.was_struck() or run.outcome is not None,
        "the file is neither the old nor the whole new one": run.content() != expected,
        f"the listing shows {run.listed()}": run.listed() != ([] if expected is None else [child.KEY]),
        f"it left {left}": len(left) > (0 if strategy in (child.CREATE, child.SIDECAR, child.ADOPTED) else 1),
        "the sweeper did not remove what it left": run.backend.sweep(timedelta(0)) != len(left),
        "the sweeper spoilt the file": run.content() != expected,
    }
    again = run.backend.save(child.KEY, BytesIO(child.NEW), SaveOptions(overwrite=True))
    facts["it cannot be saved again"] = again.checksum is None or run.content() != child.NEW
    return [problem for problem, is_there in facts.items() if is_there]


def _problems_after_error(run: Run, strategy: str, call: Call, error: str, after: bool, linking: bool) -> list[str]:
    if run.outcome is None:
        return ["the process ended"]
    # Tidying up does not undo what is stored; and an attribute for which there is no space may go to a sidecar.
    forgiven = linking or (
        (after and call.name != "fsync") or call.name in FORGIVEN or (call.name, error) == ("fsetxattr", "ENOSPC")
    )
    name = run.outcome["error"]
    expected = child.NEW if name in (None, "DurabilityUncertainError") else _old(strategy)
    left = [] if call.name == "unlinkat" else run.leftovers()  # what cannot be removed is the sweeper's
    facts = {
        "the call was not struck": not run.was_struck(),
        "the error was swallowed": name is None and not forgiven,
        "a new file could have been taken back": name == "DurabilityUncertainError" and strategy not in child.OVER,
        f"it raised {run.outcome}": name is not None and not run.outcome["ours"],
        "the message tells a path of the server": str(run.destination.parent) in str(run.outcome),
        f"after {name} the file is not what it should be": run.content() != expected,
        f"it left {left}": left != [],
        f"the listing shows {run.listed()}": run.listed() != ([] if expected is None else [child.KEY]),
    }
    return [problem for problem, is_there in facts.items() if is_there]
