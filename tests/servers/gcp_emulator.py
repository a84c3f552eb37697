"""gcp-storage-emulator: Google Cloud Storage imitated in Python, without preconditions."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from .processes import launch
from .requirements import need
from .stores import GcsServer

MODULES = {"google.cloud.storage": "google-cloud-storage", "gcp_storage_emulator": "gcp-storage-emulator"}


@contextmanager
def running_gcp_emulator(folder: Path) -> Iterator[GcsServer]:
    """Run the emulator in memory, in a process of its own: its warnings and its log stay there."""
    need("gcp-storage-emulator", MODULES)

    def command(ports: Sequence[int]) -> list[str]:
        options = ["--host", "127.0.0.1", "--port", str(ports[0]), "--in-memory", "--quiet"]
        return [sys.executable, "-m", "gcp_storage_emulator", "start", *options]

    process, ports = launch("gcp-emulator", folder, command, ready="/storage/v1/b")
    try:
        yield GcsServer("gcp-emulator", f"http://127.0.0.1:{ports[0]}")
    finally:
        process.stop()
