"""The process that is the moto server; it tells its endpoint in the file that its argument names."""

from __future__ import annotations

import signal
import sys
from pathlib import Path


def main(announcement: Path) -> None:
    """Serve until killed."""
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    unfinished = announcement.with_suffix(".tmp")
    unfinished.write_text(f"http://{host}:{port}")
    # Renamed, so that nobody reads half of it.
    unfinished.replace(announcement)
    signal.pause()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
