"""Saves one stream of zeros that cannot seek, and prints what it took: ``python … ENDPOINT SIZE CONCURRENCY``.

With ``green`` behind it, gevent makes two saves at a time; run it by ``python -m gevent.monkey --module`` then.
"""

from __future__ import annotations

import io
import sys
import threading
from importlib import import_module
from pathlib import Path
from typing import Any, BinaryIO, cast

from uploadkit import SaveOptions
from uploadkit.backends.s3 import S3Backend, S3Options


class Zeros(io.RawIOBase):
    """A stream of ``size`` zeros that cannot seek."""

    def __init__(self, size: int) -> None:
        self._left = size

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any, /) -> int:
        count = min(len(buffer), self._left)
        self._left -= count
        return count


def resident(field: str) -> int:
    """Return this process's memory in KiB: ``VmRSS`` now, ``VmHWM`` at its peak."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(field))


def save_green(backend: S3Backend, size: int) -> None:
    """Let a second save get through while the first one waits for its source, which needs the second one."""
    gevent, event = import_module("gevent"), import_module("gevent.event")
    assert import_module("gevent.monkey").is_module_patched("socket")

    other_is_done = event.Event()

    class Waiting(Zeros):
        def readinto(self, buffer: Any, /) -> int:
            assert self._left > size // 2 or other_is_done.wait(30)
            return super().readinto(buffer)

    def other() -> None:
        backend.save("other.bin", cast("BinaryIO", Zeros(size)), SaveOptions(overwrite=True))
        other_is_done.set()

    options = SaveOptions(overwrite=True)
    first = gevent.spawn(backend.save, "long.bin", cast("BinaryIO", Waiting(size)), options)
    gevent.joinall([first, gevent.spawn(other)], raise_error=True)
    names = {thread.name for thread in threading.enumerate()}
    assert not any("uploadkit" in name for name in names), names


def main(endpoint: str, size: int, concurrency: int, *, is_green: bool) -> None:
    place: dict[str, Any] = {"endpoint_url": endpoint, "region": "us-east-1"}
    keys: dict[str, Any] = {"access_key_id": "key", "secret_access_key": "secret"}
    backend = S3Backend("bucket/prefix", S3Options(concurrency=concurrency, **place, **keys))
    if is_green:
        save_green(backend, size)
        return
    backend.save("warm.txt", io.BytesIO(b"x"), SaveOptions(overwrite=True))
    Path("/proc/self/clear_refs").write_text("5")  # forget the peak so far
    idle = resident("VmRSS")
    assert backend.save("long.bin", cast("BinaryIO", Zeros(size)), SaveOptions(overwrite=True)).size == size
    print((resident("VmHWM") - idle) // 1024)  # noqa: T201


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), is_green=sys.argv[4:] == ["green"])
