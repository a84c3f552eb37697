"""Letting contestants take turns."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .model import Case, Costs, Scale, Trial, Unavailable

ROOT = Path(__file__).parents[2]


@dataclass
class Entry:
    """What became of one contestant."""

    name: str
    turns: list[Costs] = field(default_factory=list)
    skipped: str = ""
    failed: str = ""


class _Worker:
    """A contestant's process, seen from here."""

    def __init__(self, process: subprocess.Popen[str], entry: Entry) -> None:
        self._process = process
        self.entry = entry
        self._hear()

    @property
    def is_out(self) -> bool:
        return bool(self.entry.skipped or self.entry.failed)

    def turn(self) -> None:
        """Let it have one turn, and note what that cost."""
        assert self._process.stdin is not None
        _settle()
        self._process.stdin.write("\n")
        self._process.stdin.flush()
        message = self._hear()
        if "costs" in message:
            self.entry.turns.append(Costs(**message["costs"]))

    def _hear(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        message: dict[str, Any] = json.loads(line) if line else {"failed": "its process ended"}
        self.entry.skipped = message.get("skipped", "")
        self.entry.failed = message.get("failed", "")
        return message


def hold(case: Case, trial: Trial, scale: Scale) -> list[Entry]:
    """Let the contestants of a trial take turns; each is the first once in a while."""
    try:
        with ExitStack() as stack:
            variables = stack.enter_context(trial.service())
            workers = []
            for each in trial.contestants:
                command = [case.name, scale.name, trial.name, each.name]
                workers.append(_Worker(stack.enter_context(_process(command, variables)), Entry(each.name)))
            for number in range(scale.rounds):
                still = [worker for worker in workers if not worker.is_out]
                first = number % max(1, len(still))
                for worker in still[first:] + still[:first]:
                    worker.turn()
    except Unavailable as reason:
        return [Entry(each.name, skipped=str(reason)) for each in trial.contestants]
    return [worker.entry for worker in workers]


@contextmanager
def _process(arguments: list[str], variables: Mapping[str, str]) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-m", "benchmarks.harness.worker", *arguments]
    with subprocess.Popen(
        command,
        cwd=ROOT,
        env={**os.environ, **variables},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        yield process
        assert process.stdin is not None
        process.stdin.close()  # its sign to tidy up and end


def _settle() -> None:
    """Let the disk finish what the contestant before left to it."""
    if hasattr(os, "sync"):
        os.sync()
