"""How much memory a long save takes, measured in a process of its own, and that green threads can save."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

PROGRAM = "tests.backends.s3_long_save"
SINK = Path(__file__).parents[1] / "servers" / "discard.py"
MIB = 1024 * 1024
#: The default part size times the default concurrency is 32 MiB; the rest is what sending takes.
MOST_MIB = 48
#: How exact such a measurement is.
NOISE_MIB = 5

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def discarding() -> Iterator[str]:
    """A store that forgets contents."""
    with subprocess.Popen([sys.executable, SINK], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdin is not None
        yield f"http://127.0.0.1:{int(process.stdout.readline())}"
        process.stdin.close()


def run(*arguments: str | int) -> str:
    """Run the program that saves; return what it prints."""
    root = Path(__file__).parents[2]
    command = [sys.executable, "-m", *map(str, arguments)]
    return subprocess.run(command, cwd=root, stdout=subprocess.PIPE, text=True, check=True, timeout=300).stdout


@pytest.mark.skipif(sys.platform != "linux", reason="reads the peak of memory from /proc")
def test_a_stream_of_unknown_length_takes_little_memory_however_long_it_is(discarding: str) -> None:
    short, long = (int(run(PROGRAM, discarding, size, 4)) for size in (256 * MIB, 5 * 1024 * MIB))
    assert max(short, long) <= MOST_MIB
    assert abs(long - short) <= NOISE_MIB


def test_green_threads_save_side_by_side_without_real_ones(discarding: str) -> None:
    pytest.importorskip("gevent")
    run("gevent.monkey", "--module", PROGRAM, discarding, 24 * MIB, 0, "green")
