"""Checks of snapshots: what is known of a file and its bytes, both of one content."""

from __future__ import annotations

import threading
from collections.abc import Callable
from itertools import count
from typing import BinaryIO

from ..backends.capabilities import capabilities
from ..backends.protocol import Backend
from ..exceptions import BackendError, NotFoundError
from ..models import FileInfo
from .subject import NotShown, Subject, must, must_raise, put

_OPENED = 20
_STEP = 1000


def opens_snapshots(subject: Subject) -> None:
    """A snapshot is what stat and open give, in one step; of what is not there it is a NotFoundError at once."""
    backend = subject.make()
    power = capabilities(backend).snapshot
    if power is None:
        raise NotShown("the backend does not declare snapshot")
    put(backend, "a.txt", b"old")
    info, stream = power.open_snapshot("a.txt")
    with stream:
        must(info == backend.stat("a.txt"), "the snapshot tells other things than stat")
        must(stream.read() == b"old" and stream.seek(1) == 1 and stream.read() == b"ld", "the snapshot has other bytes")
    error = must_raise(NotFoundError, lambda: power.open_snapshot("missing"), "a snapshot of a missing file")
    must(getattr(error, "key", None) == "missing", "the error does not name the key")


def snapshots_are_of_one_content(subject: Subject) -> None:
    """The info and the bytes of a snapshot belong together, also while others overwrite the file."""
    backend = subject.make()
    power = capabilities(backend).snapshot
    if power is None:
        raise NotShown("the backend does not declare snapshot")
    must_be_of_one_content(backend, lambda: power.open_snapshot("a"), "a snapshot")


SNAPSHOTS = (opens_snapshots, snapshots_are_of_one_content)


def must_be_of_one_content(backend: Backend, open_file: Callable[[], tuple[FileInfo, BinaryIO]], what: str) -> None:
    """Fail unless what ``open_file`` gives of the file ``a`` belongs together while the file is overwritten."""
    done = threading.Event()

    def overwrite() -> None:
        for number in count(1):
            if done.is_set():
                return
            put(backend, "a", _numbered(number), overwrite=True)

    put(backend, "a", _numbered(0))
    writer = threading.Thread(target=overwrite)
    writer.start()
    try:
        opened = [_read(*open_file()) for _ in range(_OPENED)]
    finally:
        done.set()
        writer.join()
    must(any(content for _, content in opened), f"{what} could never be read")
    for info, content in opened:
        must(content is None or len(content) == info.size, f"{what} has the size of another content")
        must(content is None or content == _numbered(content[0]), f"{what} has bytes of two contents")


def _numbered(number: int) -> bytes:
    """A content that tells its number by every byte and by its length."""
    return bytes([number % 256]) * (_STEP + number % 256)


def _read(info: FileInfo, stream: BinaryIO) -> tuple[FileInfo, bytes | None]:
    """Read a stream; None if its file is gone meanwhile, which is allowed once it is open."""
    with stream:
        try:
            return info, stream.read()
        except BackendError:
            return info, None
