"""What saving to S3 costs, beside boto3's own calls in the same run.

Run it with ``python benchmarks/s3.py``, or with ``cpu`` or ``memory`` behind it for one half. The store is a sink on
this machine that keeps nothing.
"""

from __future__ import annotations

import io
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import Any, BinaryIO, cast

import boto3

from uploadkit import SaveOptions
from uploadkit.backends.s3 import S3Backend, S3Options

SINK = Path(__file__).parent.parent / "tests" / "servers" / "discard.py"
SMALL = 10 * 1024
ROUNDS, CALLS = 9, 200
GIB = 1024**3


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


@contextmanager
def sink() -> Iterator[str]:
    """Run the sink and yield its URL."""
    with subprocess.Popen([sys.executable, SINK], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdin is not None
        yield f"http://127.0.0.1:{int(process.stdout.readline())}"
        process.stdin.close()


def backend_at(endpoint: str) -> S3Backend:
    """Return a backend with the default options."""
    options = S3Options(endpoint_url=endpoint, region="us-east-1", access_key_id="key", secret_access_key="secret")
    return S3Backend("bucket/prefix", options)


def cpu(action: Callable[[str], object]) -> float:
    """Return the CPU seconds of one call, the mean of many."""
    begun = time.process_time()
    for _ in range(CALLS):
        action(os.urandom(8).hex())
    return (time.process_time() - begun) / CALLS


def small_saves(endpoint: str) -> float:
    """Return the CPU of a save of 10 KiB over that of a bare ``put_object``; the median of several rounds."""
    backend, content = backend_at(endpoint), os.urandom(SMALL)
    client = boto3.client(
        "s3",
        endpoint_url=endpoint,
        region_name="us-east-1",
        aws_access_key_id="key",
        aws_secret_access_key="secret",
    )

    def bare(name: str) -> None:
        client.put_object(Bucket="bucket", Key=f"prefix/{name}.txt", Body=content, ContentType="text/plain")

    def ours(name: str) -> None:
        backend.save(f"{name}.txt", io.BytesIO(content), SaveOptions())

    cpu(bare), cpu(ours)  # warm up: connections, the probe, caches
    return median(cpu(ours) / cpu(bare) for _ in range(ROUNDS))


def resident(field: str) -> int:
    """Return this process's memory in bytes: ``VmRSS`` now, ``VmHWM`` at its peak."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(field)) * 1024


def long_save(endpoint: str, size: int) -> tuple[int, float]:
    """Save an unseekable stream; return the peak of memory over idle in bytes, and bytes per second."""
    backend = backend_at(endpoint)
    backend.save("warm.txt", io.BytesIO(b"x"), SaveOptions())
    Path("/proc/self/clear_refs").write_text("5")  # forget the peak so far
    idle, begun = resident("VmRSS"), time.perf_counter()
    info = backend.save("long.bin", cast("BinaryIO", Zeros(size)), SaveOptions())
    assert info.size == size
    return resident("VmHWM") - idle, size / (time.perf_counter() - begun)


def main(only: str | None = None) -> None:
    """Measure, and print what came out; ``only`` is ``"cpu"`` or ``"memory"``."""
    if only != "memory":
        with sink() as url:
            print(f"CPU of a save of 10 KiB over a bare put_object: {small_saves(url):.2f}")
    if only != "cpu":
        with sink() as url:
            peak, speed = long_save(url, 5 * GIB)
        print(f"5 GiB, unseekable: {peak / 2**20:.0f} MiB over idle at {speed / 2**20:.0f} MiB/s")


if __name__ == "__main__":
    main(*sys.argv[1:])
