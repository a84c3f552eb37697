"""Processes that save one name at once: none loses a file."""

from __future__ import annotations

import io
import multiprocessing
from pathlib import Path
from typing import Any

import pytest
from werkzeug.datastructures import FileStorage

from uploadkit import ALL, UploadConfiguration, UploadSet

PROCESSES = 8
ROUNDS = 4
SIZES = (1_000, 100_000, 1_000_000)


def content(number: int, size: int) -> bytes:
    return bytes([number + 1]) * size


def save_in_process(folder: str, number: int, barrier: Any, results: Any) -> None:
    """Save one name, in each size, into a folder that is there and one that is not, at the same time as the others."""
    files = UploadSet("files", ALL)
    files._config = UploadConfiguration(folder)
    names = {}
    for place in ("there", "new"):
        for size in SIZES:
            for turn in range(ROUNDS):
                barrier.wait()
                storage = FileStorage(io.BytesIO(content(number, size)), "same.bin")
                names[place, size, turn] = files.save(
                    storage, folder=f"{place}/{size}-{turn if place == 'new' else ''}"
                )
    results.put((number, names))


@pytest.mark.slow
def test_of_eight_processes_that_save_one_name_none_is_lost_or_mixed(tmp_path: Path) -> None:
    for size in SIZES:
        (tmp_path / "there" / f"{size}-").mkdir(parents=True)
    context = multiprocessing.get_context("spawn")
    barrier, results = context.Barrier(PROCESSES), context.Queue()
    processes = [
        context.Process(target=save_in_process, args=(str(tmp_path), number, barrier, results))
        for number in range(PROCESSES)
    ]
    for process in processes:
        process.start()
    found = dict(results.get(timeout=240) for _ in processes)
    for process in processes:
        process.join()
    stored = [(number, size, name) for number, names in found.items() for (_, size, _), name in names.items()]
    assert len({name for _, _, name in stored}) == len(stored) == PROCESSES * 2 * len(SIZES) * ROUNDS
    for number, size, name in stored:
        assert (tmp_path / name).read_bytes() == content(number, size), name
