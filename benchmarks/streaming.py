"""What reading a file of S3 as it arrives costs, beside boto3's own body in the same run.

Run it with ``python benchmarks/streaming.py``, or with ``speed`` or ``memory`` behind it for one half. The source is
a process on this machine that sends one buffer again and again.
"""

from __future__ import annotations

import re
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from socketserver import StreamRequestHandler, ThreadingTCPServer
from statistics import median
from typing import Any

import boto3
from flask import Flask
from werkzeug.test import create_environ, run_wsgi_app

from uploadkit import ALL, UploadSet, configure_uploads
from uploadkit.backends.s3 import S3Backend, S3Options

MIB = 1024**2
SIZE = 1024 * MIB
PIECE = 256 * 1024
ROUNDS = 5
BLOCK = bytes(MIB)
CREDENTIALS = ("key", "secret")

#: Reads the file with so many bytes to its end, and returns how many came.
Read = Callable[[int], int]


class Source(StreamRequestHandler):
    """Answers each GET with as many bytes as the path ends with."""

    def handle(self) -> None:
        while target := re.match(rb"GET \S*?(\d+) ", self.rfile.readline()):
            while self.rfile.readline().strip():
                pass
            size = int(target[1])
            self.wfile.write(b'HTTP/1.1 200 OK\r\nETag: "e"\r\nContent-Length: %d\r\n\r\n' % size)
            for _ in range(size // len(BLOCK)):
                self.wfile.write(BLOCK)


def serve() -> None:
    """Serve on a free port until standard input ends."""
    ThreadingTCPServer.daemon_threads = True
    with ThreadingTCPServer(("127.0.0.1", 0), Source) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        print(server.server_address[1], flush=True)
        sys.stdin.read()


@contextmanager
def source() -> Iterator[str]:
    """Run the source and yield its URL."""
    command = [sys.executable, __file__, "serve"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdin is not None
        yield f"http://127.0.0.1:{int(process.stdout.readline())}"
        process.stdin.close()


def backend_at(endpoint: str) -> S3Backend:
    """Return a backend with the default options."""
    access_key_id, secret = CREDENTIALS
    options = S3Options(
        endpoint_url=endpoint, region="us-east-1", access_key_id=access_key_id, secret_access_key=secret
    )
    return S3Backend("bucket", options)


def client_at(endpoint: str) -> Any:
    """Return a client as boto3 makes it."""
    access_key_id, secret = CREDENTIALS
    return boto3.client(
        "s3",
        endpoint_url=endpoint,
        region_name="us-east-1",
        aws_access_key_id=access_key_id,
        aws_secret_access_key=secret,
    )


def read_all(stream: Any) -> int:
    """Read to the end in pieces; return how many bytes came."""
    count = 0
    while piece := stream.read(PIECE):
        count += len(piece)
    return count


def costs(read: Read) -> tuple[float, float]:
    """Return the seconds of this process's CPU, and those on the wall."""
    cpu, wall = time.process_time(), time.perf_counter()
    assert read(SIZE) == SIZE
    return time.process_time() - cpu, time.perf_counter() - wall


def by_the_backend(endpoint: str) -> Read:
    """Return what reads with a backend."""
    backend = backend_at(endpoint)

    def read(size: int) -> int:
        with backend.open_stream(str(size))[1] as stream:
            return read_all(stream)

    return read


def by_the_route(endpoint: str) -> Read:
    """Return what reads as a web server does, from an app that sends the files itself."""
    app, files = Flask("benchmark"), UploadSet("files", ALL)
    app.config.update(
        UPLOADED_FILES_BACKEND=backend_at(endpoint), UPLOADED_FILES_SERVE=True, UPLOADED_FILES_DELIVERY="proxy"
    )
    configure_uploads(app, files)

    def read(size: int) -> int:
        pieces, status, _ = run_wsgi_app(app.wsgi_app, create_environ(f"/_uploads/files/{size}"))
        assert status == "200 OK"
        return sum(map(len, pieces))

    return read


#: What is measured beside boto3's body, each by what makes it.
CANDIDATES: dict[str, Callable[[str], Read]] = {"open_stream": by_the_backend, "the route": by_the_route}


def speed(ours: Read, endpoint: str) -> tuple[float, float, float]:
    """Return CPU and time over boto3's, medians of rounds that take turns, and our bytes per second."""
    client = client_at(endpoint)

    def bare(size: int) -> int:
        return read_all(client.get_object(Bucket="bucket", Key=str(size))["Body"])

    costs(bare), costs(ours)  # warm up
    rounds = [(costs(ours), costs(bare)) for _ in range(ROUNDS)]
    cpu = median(mine[0] / theirs[0] for mine, theirs in rounds)
    wall = median(mine[1] / theirs[1] for mine, theirs in rounds)
    return cpu, wall, SIZE / median(mine[1] for mine, _ in rounds)


def resident(field: str) -> int:
    """Return this process's memory in bytes: ``VmRSS`` now, ``VmHWM`` at its peak."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(field)) * 1024


def peak(ours: Read) -> int:
    """Return the peak of memory over idle in bytes, while a whole file is read."""
    ours(MIB)
    Path("/proc/self/clear_refs").write_text("5")  # forget the peak so far
    idle = resident("VmRSS")
    assert ours(SIZE) == SIZE
    return resident("VmHWM") - idle


def main(only: str | None = None) -> None:
    """Measure, and print what came out; ``only`` is ``"speed"`` or ``"memory"``."""
    if only == "serve":
        serve()
        return
    with source() as url:
        for name, make in CANDIDATES.items():
            ours = make(url)
            if only != "speed":  # first, while nothing has been freed that could be used again
                print(f"1 GiB, {name}: {peak(ours) / MIB:.1f} MiB over idle")
            if only != "memory":
                cpu, wall, rate = speed(ours, url)
                print(f"1 GiB, {name}, over boto3's body: {cpu:.2f} of the CPU, {wall:.2f} of the time,", end=" ")
                print(f"{rate / MIB:.0f} MiB/s")


if __name__ == "__main__":
    main(*sys.argv[1:])
