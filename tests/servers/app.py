"""An app on a socket, for clients that are no Python."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from flask import Flask
from werkzeug.serving import WSGIRequestHandler, make_server


class _Quiet(WSGIRequestHandler):
    """Writes no log of requests between the names of tests."""

    def log(self, type: str, message: str, *args: object) -> None: ...


@contextmanager
def running_app(app: Flask, host: str = "127.0.0.1") -> Iterator[str]:
    """Serve an app on a free port of the loopback; return its URL, without a slash at the end.

    :param host: The name of the loopback in the URL: cookies and origins go by it.
    """
    server = make_server("127.0.0.1", 0, app, threaded=True, request_handler=_Quiet)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://{host}:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
