"""Small files that many threads save at once."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from itertools import count
from pathlib import Path

from benchmarks.apps import COPY_SYNCED, FAST, FAST_UNSYNCED, NEEDS, REUPLOADED, REUPLOADED_SYNCED, create, empty
from benchmarks.harness.model import KIB, Case, Contestant, Job, Scale, Trial, human_size
from benchmarks.harness.posting import post_in_process

THREADS, EACH = 16, 25
SIZE = 10 * KIB
NAMES = (FAST, FAST_UNSYNCED, REUPLOADED, REUPLOADED_SYNCED, COPY_SYNCED)


@contextmanager
def prepared(name: str) -> Iterator[Job]:
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(THREADS) as pool:
        app, numbers = create(name, folder), count()

        def post_some(_: int) -> None:
            for _ in range(EACH):
                post_in_process(app, f"{next(numbers)}.jpg", SIZE)

        yield Job(lambda: list(pool.map(post_some, range(THREADS))), after=partial(empty, Path(folder)))


def trials(_: Scale) -> list[Trial]:
    """Return the one trial."""
    contestants = tuple(Contestant(name, partial(prepared, name), NEEDS.get(name, ())) for name in NAMES)
    return [Trial(f"{THREADS} threads, {EACH} forms of {human_size(SIZE)} each", contestants, peer=REUPLOADED_SYNCED)]


CASE = Case(
    "small_saves_threads",
    "Many threads, small files",
    f"{THREADS} threads of one process post forms of {human_size(SIZE)} in process, all into one folder and under "
    "names of their own; costs are of them all together.",
    trials,
)
