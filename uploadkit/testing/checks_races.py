"""Checks of what happens at once: threads and processes that save, read and replace one key."""

from __future__ import annotations

import io
import multiprocessing
import threading
from collections.abc import Callable
from functools import partial
from typing import Any

from ..backends.protocol import Backend
from ..exceptions import AlreadyExistsError
from ..models import SaveOptions
from .subject import BackendMaker, NotShown, Subject, get, must

#: How many threads act at once.
THREADS = 24
_PROCESSES = 8
_SIZE = 100_000
_WINNER = "stored"


def one_thread_wins(subject: Subject) -> None:
    """Of many threads that save one key, exactly one stores it, the others get AlreadyExistsError."""
    backend = subject.make()
    for round_number in range(3):
        key = f"new-{round_number}/file"
        outcomes = at_once(THREADS, partial(_save, backend, key))
        _one_winner(backend, key, outcomes)


def overwriting_threads_never_mix(subject: Subject) -> None:
    """Of many threads that overwrite one key, all report success and the file is one of theirs, whole."""
    backend = subject.make()
    outcomes = at_once(THREADS, lambda number: _save(backend, "a", number, overwrite=True))
    must(outcomes == [_WINNER] * THREADS, f"overwriting at once failed: {sorted(set(outcomes))}")
    must(len(set(get(backend, "a"))) == 1 and len(get(backend, "a")) == _SIZE, "the file is mixed or cut")


def readers_see_whole_files(subject: Subject) -> None:
    """Whoever reads while others overwrite sees one of the files, whole."""
    backend = subject.make()
    _save(backend, "a", 0)

    def act(number: int) -> str:
        if number % 2:
            return _save(backend, "a", number, overwrite=True)
        for _ in range(5):
            content = get(backend, "a")
            if len(content) != _SIZE or len(set(content)) != 1:
                return "a reader saw a mixed or cut file"
        return _WINNER

    outcomes = at_once(THREADS, act)
    must(set(outcomes) == {_WINNER}, f"reading while overwriting failed: {sorted(set(outcomes))}")


def one_process_wins(subject: Subject) -> None:
    """Of many processes that save one key, exactly one stores it, the others get AlreadyExistsError."""
    factory = subject.process_factory()
    if factory is None:
        raise NotShown("no process_factory is given: other processes cannot reach this backend")
    context = multiprocessing.get_context("spawn")
    barrier, results = context.Barrier(_PROCESSES), context.Queue()
    processes = [
        context.Process(target=_save_in_process, args=(factory, number, barrier, results))
        for number in range(_PROCESSES)
    ]
    for process in processes:
        process.start()
    found = dict(results.get(timeout=120) for _ in processes)
    for process in processes:
        process.join()
    _one_winner(factory(), "new/file", [found[number] for number in range(_PROCESSES)])


RACES = (one_thread_wins, overwriting_threads_never_mix, readers_see_whole_files, one_process_wins)


def _save(backend: Backend, key: str, number: int, *, overwrite: bool = False) -> str:
    """Save a file that consists of one byte only; return how it went."""
    try:
        backend.save(key, io.BytesIO(bytes([number]) * _SIZE), SaveOptions(overwrite=overwrite))
    except AlreadyExistsError:
        return "exists"
    except Exception as error:  # noqa: BLE001 - reported by the check
        return f"{type(error).__name__}: {error}"
    return _WINNER


def _save_in_process(factory: BackendMaker, number: int, barrier: Any, results: Any) -> None:
    backend = factory()
    barrier.wait()
    results.put((number, _save(backend, "new/file", number)))


def at_once(count: int, action: Callable[[int], str]) -> list[str]:
    """Let ``count`` threads act at the same moment; return what each of them says."""
    outcomes = ["did not end"] * count
    barrier = threading.Barrier(count)

    def run(number: int) -> None:
        barrier.wait()
        outcomes[number] = action(number)

    threads = [threading.Thread(target=run, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return outcomes


def _one_winner(backend: Backend, key: str, outcomes: list[str]) -> None:
    losers = [outcome for outcome in outcomes if outcome != _WINNER]
    must(
        len(losers) == len(outcomes) - 1, f"{len(outcomes) - len(losers)} savers of {key!r} believe that they stored it"
    )
    must(set(losers) <= {"exists"}, f"losers of a race got other errors: {sorted(set(losers))}")
    must(get(backend, key) == bytes([outcomes.index(_WINNER)]) * _SIZE, "the file is not the winner's")
