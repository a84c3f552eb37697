"""What processes cost: CPU, time, memory and bytes written, as Linux counts them."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from .model import Costs

LINUX = sys.platform == "linux"
#: Makes the number of a process's CPU clock, see clock_getcpuclockid(3): its precise time, of all threads.
_SCHEDULED = 2


def measured(action: Callable[[], object], calls: int, watched: Sequence[int] = ()) -> Costs:
    """Call ``action`` so many times; return what one call cost.

    :param watched: The processes that count; none means this one.
    """
    pids = tuple(watched) or (os.getpid(),)
    forget_peaks(pids)
    idle, bytes_before = _memory(pids, "VmRSS"), _bytes(pids)
    cpu_before, begun = _cpu(pids), time.perf_counter()
    for _ in range(calls):
        told = action()
    wall, cpu = (time.perf_counter() - begun) / calls, (_cpu(pids) - cpu_before) / calls
    if isinstance(told, Costs):
        return told
    if not LINUX:
        return Costs(cpu, wall)
    written, wchar = ((after - before) / calls for before, after in zip(bytes_before, _bytes(pids), strict=True))
    return Costs(cpu, wall, max(0, _memory(pids, "VmHWM") - idle), written, wchar)


def family(pid: int) -> tuple[int, ...]:
    """Return a process and all its descendants."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return (pid, *(each for child in children for each in family(int(child))))


def forget_peaks(pids: Sequence[int]) -> None:
    """Let the peak of memory begin anew."""
    if LINUX:
        for pid in pids:
            Path(f"/proc/{pid}/clear_refs").write_text("5")


def _memory(pids: Sequence[int], field: str) -> int:
    """Return resident memory in bytes: ``VmRSS`` now, ``VmHWM`` at its peak."""
    return sum(_fields(pid, "status").get(field, 0) * 1024 for pid in pids) if LINUX else 0


def _bytes(pids: Sequence[int]) -> tuple[int, int]:
    """Return the bytes sent to disks, and those given to write calls."""
    files = [_fields(pid, "io") for pid in pids] if LINUX else []
    return sum(each["write_bytes"] for each in files), sum(each["wchar"] for each in files)


def _cpu(pids: Sequence[int]) -> float:
    """Return seconds of CPU, user and system, of all threads."""
    return sum(time.process_time() if pid == os.getpid() else _cpu_of_another(pid) for pid in pids)


def _cpu_of_another(pid: int) -> float:
    """Return a process's seconds of CPU: as its clock has them, for /proc counts in steps of 10 ms."""
    return time.clock_gettime((~pid << 3) | _SCHEDULED)


def _fields(pid: int, name: str) -> dict[str, int]:
    """Return the numbers of a file that has one in each line, behind a name."""
    pairs = (line.split(":", 1) for line in Path(f"/proc/{pid}/{name}").read_text().splitlines())
    return {name: int(value.split()[0]) for name, value in pairs if value.split()[:1] and value.split()[0].isdigit()}
