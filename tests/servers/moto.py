"""moto: the S3 of AWS imitated in Python, lenient about signatures."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from .processes import ServerProcess
from .requirements import need
from .stores import S3Server

ROOT = Path(__file__).parents[2]
MODULES = {"boto3": "boto3", "moto": "'moto[s3,server]'", "flask_cors": "'moto[s3,server]'"}


@contextmanager
def running_moto(folder: Path) -> Iterator[S3Server]:
    """Run moto's threaded server.

    It runs in a process of its own: imported here it would add a handler to every client of botocore, take part in
    the fork and thread tests, and write its log of requests into theirs.
    """
    need("moto", MODULES)
    announcement = folder / "endpoint"
    command = [sys.executable, "-m", "tests.servers.moto_child", str(announcement)]
    process = ServerProcess("moto", command, folder, directory=ROOT)
    try:
        process.wait_until(announcement.exists)
        yield S3Server("moto", announcement.read_text(), "testing", "testing")
    finally:
        process.stop()
