"""How much memory a long save takes, measured from outside in a process of its own."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

BENCHMARK = Path(__file__).parents[2] / "benchmarks" / "s3.py"
#: The default part size times the default concurrency is 32 MiB.
MOST_MIB = 64


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="reads the peak of memory from /proc")
def test_five_gibibytes_of_unknown_length_take_little_memory() -> None:
    command = [sys.executable, str(BENCHMARK), "memory"]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=300)
    found = re.search(r"([0-9]+) MiB over idle", done.stdout)
    assert found, done.stdout
    assert int(found[1]) <= MOST_MIB
