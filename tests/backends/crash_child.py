"""Saves a file over and over, each time in a forked process that is killed or given errors: see test_local_crash.

Started as ``python crash_child.py STRATEGY JOBS`` under strace, which strikes at one count of each call: one that the
start of Python does not reach. A job is ``[call, idle, destination]``: save after so many idle calls that the right one
is struck. A fork has counts of its own, so one start serves all jobs. Marks in the trace show where the save is.
"""

from __future__ import annotations

import ctypes
import errno
import io
import json
import os
import sys
from contextlib import suppress
from typing import BinaryIO

from uploadkit.backends._local import staging
from uploadkit.backends.local import LocalBackend
from uploadkit.exceptions import BackendError
from uploadkit.models import SaveOptions

KEY = "folder/file.bin"
OLD = b"old" * 1000
NEW = bytes(range(256)) * 4096
METADATA = {"word": "kept"}
START = "/uploadkit-start-mark"
END = "/uploadkit-end-mark"

CREATE, OVERWRITE, NAMED, RENAMED, SIDECAR = "create", "overwrite", "named", "renamed", "sidecar"
ADOPTED, ADOPTED_OVER = "adopted", "adopted-overwrite"
#: Those that find an old file in the place of the new one.
OVER = (OVERWRITE, ADOPTED_OVER)


def _refused(*args: object, **kwargs: object) -> None:
    raise OSError(errno.EOPNOTSUPP, "not here")


def _choose(strategy: str) -> None:
    if strategy in (NAMED, RENAMED):
        staging._O_TMPFILE = 0
    if strategy == RENAMED:
        os.link = _refused
    if strategy == SIDECAR:
        os.setxattr = _refused


def _mark(path: str) -> None:
    with suppress(FileNotFoundError):
        os.stat(path)


def _save(destination: str, strategy: str) -> dict[str, object]:
    backend = LocalBackend(destination)
    options = SaveOptions(overwrite=strategy in OVER, metadata=METADATA)
    source: BinaryIO = io.BytesIO(NEW)
    if strategy in (ADOPTED, ADOPTED_OVER):
        source = backend.open_spool()
        source.write(NEW)
        source.seek(0)
    _mark(START)
    try:
        backend.save(KEY, source, options)
    except BackendError as error:
        outcome: dict[str, object] = {"error": type(error).__name__, "message": str(error), "ours": True}
    except BaseException as error:  # noqa: BLE001 - what should not come is told to the test
        outcome = {"error": type(error).__name__, "message": str(error), "ours": False}
    else:
        outcome = {"error": None}
    _mark(END)
    return outcome


def _run(call: str, idle: int, destination: str, strategy: str) -> None:
    if idle:
        function = getattr(ctypes.CDLL(None), call)
        for _ in range(idle):
            function(-1, b"", None, None, 1)  # fails
    outcome = json.dumps(_save(destination, strategy))
    with open(f"{destination}.json", "w", encoding="utf-8") as file:
        file.write(outcome)


def main(strategy: str, jobs: str) -> None:
    _choose(strategy)
    for call, idle, destination in json.loads(jobs):
        child = os.fork()
        if not child:
            _run(call, idle, destination, strategy)
            os._exit(0)
        os.waitpid(child, 0)
        sys.stdout.write(f"{child}\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
