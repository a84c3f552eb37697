"""The process that is the moto server; it tells its endpoint in the file that its argument names."""

from __future__ import annotations

import io
import signal
import sys
import threading
from pathlib import Path
from typing import Any


def answer_conditions_one_by_one() -> None:
    """Let conditions hold as they do on S3: moto looks and stores in two steps, between which its threads can meet."""
    from moto.moto_server.werkzeug_app import DomainDispatcherApplication

    answer, lock = DomainDispatcherApplication.__call__, threading.Lock()

    def answer_alone(self: Any, environ: dict[str, Any], start_response: Any) -> Any:
        if not environ.keys() & {"HTTP_IF_NONE_MATCH", "HTTP_IF_MATCH"}:
            return answer(self, environ, start_response)
        if environ.get("CONTENT_LENGTH"):  # before the lock is taken, for a client may be slow
            length = int(environ["CONTENT_LENGTH"])
            body = environ["wsgi.input"].read(length)
            if len(body) < length:
                raise ConnectionResetError("the client went away")
            environ["wsgi.input"] = io.BytesIO(body)
        with lock:
            return answer(self, environ, start_response)

    DomainDispatcherApplication.__call__ = answer_alone  # type: ignore[method-assign]


def main(announcement: Path) -> None:
    """Serve until killed."""
    from moto.server import ThreadedMotoServer

    answer_conditions_one_by_one()
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
