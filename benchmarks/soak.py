"""Soak a server with mixed uploads, a third of them by clients that vanish, and look for whatever is left behind.

Run it with ``python benchmarks/soak.py [--uploads 10000] [--seed 1] [--worker sync|gthread|gevent] [--out FILE]``, on
Linux, with the extra ``test`` installed. It starts gunicorn with an app whose sets are on the local backend and on S3,
played by SeaweedFS. Clients with raw sockets send forms, bodies and files for quarantine: empty ones and ones of 30 MB,
several to a form, refused, too large, under taken names, in chunks, slowly. Every thousand uploads, and after the
server has ended, it is checked that

- each file whose upload was answered with success is there, and is what was sent, unless it was deleted;
- nothing else is there but whole files of clients that had sent everything before they left, each once;
- no temporary file and no multipart upload is left;
- the workers are the same processes, with no more descriptors than after the first thousand, no more threads than then
  or than their pools may have, and no more memory than after the second thousand;
- nothing was answered with 5xx, and the server's log tells of no error.

What each upload is follows from the seed; how they interleave does not.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from pathlib import Path

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.soaking.app import KIB, MIB
from benchmarks.soaking.clients import Clients
from benchmarks.soaking.leftovers import Stores, wrong_files
from benchmarks.soaking.server import FULL_POOL, WORKERS, Server, Vitals, running_server, wait_until

CLIENTS = 8
CHECK_EVERY = 1000
#: How much the memory of a worker may grow after two checks: this share, or this many bytes. What uploadkit and boto
#: remember of earlier calls, a thousand of each kind, is full then.
GROWTH, GROWTH_BYTES = 0.10, 10 * MIB
_TROUBLE_IN_LOG = re.compile(r"\[ERROR\]|\[CRITICAL\]|Traceback|ResourceWarning|Exception ignored| ERROR ")
#: Werkzeug's own parser, to which odd little bodies are left, leaves files in memory to the garbage collector; and
#: gunicorn leaves the socket that it listens at to the end of the process.
_EXPECTED_IN_LOG = re.compile(
    r"^ACCESS |werkzeug/formparser\.py:\d+: ResourceWarning|Enable tracemalloc|^sys:1: .* laddr=\('[\d.]+', \d+\)>$"
)
_ACCESS = re.compile(r"^ACCESS (\d+) (\S+) (\S+)", re.MULTILINE)


@dataclass
class Check:
    """What a check has found."""

    uploads: int
    seconds: float
    stored: int
    workers: list[Vitals]


@dataclass
class Report:
    """What came of a soak."""

    worker: str
    seed: int
    uploads: int
    checks: list[Check] = field(default_factory=list)
    answers: dict[str, int] = field(default_factory=dict)
    statuses: dict[str, int] = field(default_factory=dict)
    violations: list[str] = field(default_factory=list)


class Soak:
    """One run of it."""

    def __init__(self, server: Server, stores: Stores, clients: Clients, report: Report) -> None:
        self._server = server
        self._stores = stores
        self._clients = clients
        self._report = report
        self._began = time.monotonic()
        self._warm: list[Vitals] = []
        #: The memory of each worker when its caches were full: after the second check.
        self._settled: dict[int, int] = {}

    def run(self, tell: Callable[[str], None]) -> None:
        """Send everything, check in between, let the server end, check again."""
        every = min(CHECK_EVERY, max(1, self._report.uploads // 2))
        with ThreadPoolExecutor(CLIENTS) as pool:
            for first in range(0, self._report.uploads, every):
                last = min(first + every, self._report.uploads)
                list(pool.map(self._clients.upload, range(first, last)))
                self._check_running(last)
                tell(row_of(self._report.checks[-1]))
        if not self._server.end():
            self._report.violations.append("the server did not end when it was asked to")
        stored, wrong = wrong_files(self._stores, self._clients, again=True)
        self._report.checks.append(Check(self._report.uploads, time.monotonic() - self._began, stored, []))
        tell(row_of(self._report.checks[-1]))
        self._report.violations += [f"in the end: {what}" for what in wrong + self._stores.leftovers()]
        self._read_log()
        self._report.violations += self._clients.violations
        self._report.answers = dict(self._clients.counts)

    def _check_running(self, uploads: int) -> None:
        wait_until(lambda: self._server.is_quiet)
        if not self._warm:
            self._warm = self._server.vitals()
        wait_until(lambda: not self._held() and not self._stores.leftovers(), 20)
        stored, wrong = wrong_files(self._stores, self._clients, again=False)
        workers = self._server.vitals()
        self._report.checks.append(Check(uploads, time.monotonic() - self._began, stored, workers))
        found = wrong + self._stores.leftovers() + self._held()
        if len(self._report.checks) == 2:  # noqa: PLR2004
            self._settled = {worker.pid: worker.rss for worker in workers}
        self._report.violations += [f"after {uploads}: {what}" for what in found]

    def _held(self) -> list[str]:
        """Tell what the workers hold that they did not hold after the warm-up."""
        now = {worker.pid: worker for worker in self._server.vitals()}
        told = [f"worker {warm.pid} is gone" for warm in self._warm if warm.pid not in now]
        for warm in self._warm:
            found = now.get(warm.pid, warm)
            full = replace(warm, threads=max(warm.threads, FULL_POOL[self._report.worker]))
            told += [
                f"worker {warm.pid}: {getattr(found, name)} {name}, {getattr(warm, name)} when warm"
                for name in ("threads", "descriptors", "files")
                if getattr(found, name) > getattr(full, name)
            ]
            settled = self._settled.get(warm.pid, found.rss)
            if found.rss > settled + max(GROWTH * settled, GROWTH_BYTES):
                told.append(f"worker {warm.pid}: {found.rss // KIB} KiB of memory, {settled // KIB} when settled")
        return told

    def _read_log(self) -> None:
        log = self._server.log
        statuses = Counter(status for status, _, _ in _ACCESS.findall(log))
        self._report.statuses = dict(sorted(statuses.items()))
        failed = [" ".join(found) for found in _ACCESS.findall(log) if found[0].startswith("5")]
        self._report.violations += [f"answered {what}" for what in failed]
        lines = [line for line in log.splitlines() if not _EXPECTED_IN_LOG.search(line)]
        self._report.violations += [f"in the log: {line}" for line in lines if _TROUBLE_IN_LOG.search(line)]


def soak(uploads: int, seed: int, worker: str, tell: Callable[[str], None] = print) -> Report:
    """Soak a server, and return what was found. Nothing of it is kept, but the log if something was wrong."""
    from tests.servers.seaweed import running_seaweed

    report = Report(worker, seed, uploads)
    with tempfile.TemporaryDirectory(prefix="soak-") as name:
        folder = Path(name)
        (folder / "store").mkdir()
        with running_seaweed(folder / "store") as s3:
            bucket = s3.make_bucket()
            with running_server(folder, s3, bucket, worker) as server, closing(s3.client()) as client:
                tell(HEAD)
                clients = Clients(server.port, seed)
                Soak(server, Stores(folder, client, bucket), clients, report).run(tell)
                if report.violations:
                    kept = Path(tempfile.gettempdir()) / f"soak-{worker}-{seed}.log"
                    kept.write_text(server.log)
                    tell(f"the server's log is kept in {kept}")
    return report


HEAD = f"{'uploads':>8} {'seconds':>8} {'stored':>7}  threads  descriptors  open files  to the store  memory in MiB"


def row_of(check: Check) -> str:
    def all_of(name: str) -> str:
        return "+".join(str(getattr(worker, name)) for worker in check.workers) or "-"

    memory = " + ".join(f"{worker.rss / MIB:.1f}" for worker in check.workers) or "-"
    columns = f"{all_of('threads'):>7}  {all_of('descriptors'):>11}  {all_of('files'):>10}"
    start = f"{check.uploads:>8,} {check.seconds:>8.1f} {check.stored:>7,}"
    return f"{start}  {columns}  {all_of('store_connections'):>12}  {memory}"


def main() -> int:
    """Soak as the command line says, tell what was found, and return the exit status."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--uploads", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--worker", choices=sorted(WORKERS), default="gthread")
    parser.add_argument("--out", type=Path, help="write what was found to this file, as JSON")
    arguments = parser.parse_args()
    report = soak(arguments.uploads, arguments.seed, arguments.worker, partial(print, flush=True))
    print(f"\nwhat the clients heard: {report.answers}\nwhat the server said:   {report.statuses}")
    print(f"violations: {len(report.violations)}")
    for violation in report.violations[:50]:
        print(f"- {violation}")
    if arguments.out is not None:
        arguments.out.write_text(json.dumps(asdict(report), indent=2) + "\n")
    return 1 if report.violations else 0


if __name__ == "__main__":
    sys.exit(main())
