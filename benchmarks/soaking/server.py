"""The server: gunicorn with the app, and what its workers hold."""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from .app import KIB, MIB

ROOT = Path(__file__).parents[2]
PATIENCE = 60.0
#: Processes and threads of gunicorn. A sync worker serves one client at a time.
WORKERS = {"sync": (4, 1), "gthread": (2, 6), "gevent": (2, 1)}
#: How many threads a worker may have with its pool full: gunicorn's, or the ten with which gevent looks up addresses.
#: They start, and gevent's end, as they are needed: a worker that has heard of few clients has fewer.
FULL_POOL = {"sync": 1, "gthread": 1 + WORKERS["gthread"][1], "gevent": 1 + 10}
_LISTENS = "0A"
#: Let glibc give back what was freed: as it is used to, it keeps what large parts of files needed at one time, for each
#: thread apart, and what grows would not be what is held.
ALLOCATOR = {"MALLOC_ARENA_MAX": "1", "MALLOC_MMAP_THRESHOLD_": "131072"}


@dataclass(frozen=True)
class Vitals:
    """What a worker holds; ``descriptors`` without connections to the store, which are kept in a pool."""

    pid: int
    threads: int
    descriptors: int
    files: int
    store_connections: int
    visitors: int
    rss: int


class Server:
    """gunicorn, seen through /proc."""

    def __init__(self, process: Any, pid: int, port: int, store_port: int) -> None:
        self._process = process
        self._pid = pid
        self.port = port
        self._store_port = store_port

    @property
    def log(self) -> str:
        return cast("str", self._process.log.read_text(errors="replace"))

    def vitals(self) -> list[Vitals]:
        children = Path(f"/proc/{self._pid}/task/{self._pid}/children").read_text().split()
        return [self._vitals(int(pid)) for pid in children]

    @property
    def is_quiet(self) -> bool:
        """Whether no visitor is served, and none waits to be accepted."""
        return not waiting_at(self._pid, self.port) and not any(worker.visitors for worker in self.vitals())

    def _vitals(self, pid: int) -> Vitals:
        process = Path(f"/proc/{pid}")
        links = [os.readlink(path) for path in _listed(process / "fd") if path.is_symlink()]
        ports = _ports(process)
        ends = [ports.get(link, (0, 0)) for link in links]
        store = sum(remote == self._store_port for _, remote in ends)
        status = dict(line.split(":", 1) for line in (process / "status").read_text().splitlines())
        return Vitals(
            pid,
            int(status["Threads"]),
            len(links) - store,
            sum(link.startswith("/") and not link.startswith("/dev/") for link in links),
            store,
            sum(local == self.port and remote != 0 for local, remote in ends),
            int(status["VmRSS"].split()[0]) * KIB,
        )

    def end(self) -> bool:
        """Ask the server to end; whether it did."""
        os.kill(self._pid, signal.SIGTERM)
        return wait_until(lambda: not self._process.running)


def _listed(folder: Path) -> list[Path]:
    with suppress(FileNotFoundError):
        return list(folder.iterdir())
    return []


def _ports(process: Path) -> dict[str, tuple[int, int]]:
    """Return local and remote port of each socket, by what its descriptor links to."""
    return {f"socket:[{row[9]}]": (_port(row[1]), _port(row[2])) for row in _connections(process)}


def waiting_at(pid: int, port: int) -> int:
    """Return how many connections to ``port`` are not accepted yet: Linux tells it as what is to be read there."""
    rows = _connections(Path(f"/proc/{pid}"))
    return sum(int(row[4].split(":")[1], 16) for row in rows if row[3] == _LISTENS and _port(row[1]) == port)


def _connections(process: Path) -> list[list[str]]:
    return [line.split() for line in (process / "net" / "tcp").read_text().splitlines()[1:]]


def _port(address: str) -> int:
    return int(address.split(":")[1], 16)


def wait_until(ready: Callable[[], bool], patience: float = PATIENCE) -> bool:
    """Ask until it is true; whether it was before ``patience`` seconds had passed."""
    deadline = time.monotonic() + patience
    while not (is_ready := ready()) and time.monotonic() < deadline:
        time.sleep(0.05)
    return is_ready


@contextmanager
def running_server(folder: Path, s3: Any, bucket: str, worker: str) -> Iterator[Server]:
    """Run gunicorn with the app."""
    from tests.servers.processes import launch

    keys = {"endpoint_url": s3.endpoint, "region": s3.region, "part_size": 5 * MIB}
    keys.update(access_key_id=s3.access_key, secret_access_key=s3.secret_key)
    settings = {
        "local": {"DEST": str(folder / "local")},
        "s3": {"DEST": f"{bucket}/soak", "BACKEND": "s3", "OPTIONS": keys},
    }
    (folder / "settings.json").write_text(json.dumps(settings))
    for name in ("local", "tmp", "gunicorn"):
        (folder / name).mkdir()
    workers, threads = WORKERS[worker]

    def command(ports: Any) -> list[str]:
        return [
            *("env", f"TMPDIR={folder / 'tmp'}", "PYTHONWARNINGS=always::ResourceWarning"),
            *(f"{name}={value}" for name, value in ALLOCATOR.items()),
            *(
                sys.executable,
                "-m",
                "gunicorn",
                f"--bind=127.0.0.1:{ports[0]}",
                f"--workers={workers}",
                f"--threads={threads}",
            ),
            *(f"--worker-class={worker}", "--timeout=60", f"--worker-tmp-dir={folder / 'gunicorn'}"),
            *("--access-logfile=-", "--access-logformat=ACCESS %(s)s %(m)s %(U)s", f"--pid={folder / 'pid'}"),
            f"benchmarks.soaking.app:create_app({str(folder / 'settings.json')!r})",
            *("--pythonpath", str(ROOT)),
        ]

    process, ports = launch("gunicorn", folder, command, ready="/ready")
    try:
        yield Server(process, int((folder / "pid").read_text()), ports[0], int(s3.endpoint.rsplit(":", 1)[1]))
    finally:
        process.stop()
