"""Sending forms to the apps: to the WSGI callable in this process, or to a web server over a socket."""

from __future__ import annotations

import http.client
import io
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from functools import partial
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.apps import NEEDS, create, empty

from .bodies import Form, Pieces
from .measure import LINUX, family
from .model import KIB, Contestant, Job, Unavailable

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication, WSGIEnvironment

ROOT = Path(__file__).parents[2]
IN_PROCESS = "in process"
#: Web servers, each with what gunicorn is told; waitress is told nothing.
SERVERS: dict[str, tuple[str, ...]] = {
    "gunicorn sync": ("-k", "sync"),
    "gunicorn gthread": ("-k", "gthread", "--threads", "4"),
    "gunicorn gevent": ("-k", "gevent"),
    "waitress": (),
}
_WARM_SIZE = 600 * KIB  # longer than what Werkzeug keeps in memory
_TIMEOUT = 600.0


def poster(name: str, size: int, server: str) -> Contestant:
    """Return a contestant that takes forms with a photo of ``size`` bytes.

    :param name: One of `benchmarks.apps.APPS`.
    :param server: `IN_PROCESS` or one of `SERVERS`.
    """
    prepare: Callable[[], AbstractContextManager[Job]] = partial(_over_wsgi, name, size)
    needs = NEEDS.get(name, ())
    if server != IN_PROCESS:
        prepare = partial(_over_http, name, size, server)
        needs += ("gunicorn", "gevent", "packaging") if "gevent" in server else (server.split(maxsplit=1)[0],)
    return Contestant(name, prepare, needs)


@contextmanager
def _over_wsgi(name: str, size: int) -> Iterator[Job]:
    with tempfile.TemporaryDirectory() as folder:
        app, numbers = create(name, folder), count()

        def post(size: int) -> None:
            post_in_process(app, f"{next(numbers)}.jpg", size)

        warm = partial(post, min(size, _WARM_SIZE))
        yield Job(partial(post, size), warm, after=partial(empty, Path(folder)))


def post_in_process(app: WSGIApplication, filename: str, size: int) -> None:
    """Post a form to a WSGI app, with no more around it than the protocol wants."""
    statuses: list[str] = []

    def start_response(status: str, headers: object, exc_info: object = None) -> Callable[[bytes], object]:
        statuses.append(status)
        return lambda _: None

    form = Form(filename, size)
    environ: WSGIEnvironment = {
        "REQUEST_METHOD": "POST",
        "SCRIPT_NAME": "",
        "PATH_INFO": "/",
        "QUERY_STRING": "",
        "SERVER_NAME": "localhost",
        "SERVER_PORT": "80",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "HTTP_HOST": "localhost",
        "CONTENT_TYPE": form.content_type,
        "CONTENT_LENGTH": str(form.length),
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
        "wsgi.input": Pieces(iter(form)),
        "wsgi.errors": io.StringIO(),
        "wsgi.multithread": False,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
    }
    answer = app(environ, start_response)
    try:
        content = b"".join(answer)
    finally:
        close = getattr(answer, "close", None)
        if close:
            close()
    if statuses != ["200 OK"]:
        raise RuntimeError(f"{statuses}: {content[:500]!r}")


@contextmanager
def _over_http(name: str, size: int, server: str) -> Iterator[Job]:
    if not LINUX:
        raise Unavailable("the costs of a server are read from Linux's /proc")
    with tempfile.TemporaryDirectory() as folder:
        create(name, folder)  # so that what is missing is said here
        with _running(server, name, Path(folder)) as (port, pid):
            numbers = count()

            def post(size: int) -> None:
                _send(port, f"{next(numbers)}.jpg", size)

            post(min(size, _WARM_SIZE))
            post(min(size, _WARM_SIZE))
            yield Job(partial(post, size), lambda: None, after=partial(empty, Path(folder)), watched=family(pid))


@contextmanager
def _running(server: str, name: str, folder: Path) -> Iterator[tuple[int, int]]:
    """Run a web server with one worker; yield its port and its process id."""
    with socket.create_server(("127.0.0.1", 0), backlog=128) as listener:
        port, fd = listener.getsockname()[1], listener.fileno()
        process = subprocess.Popen(_command(server, name, folder, fd), pass_fds=[fd], cwd=ROOT)
    with process:
        try:
            yield port, process.pid
        finally:
            process.terminate()


def _command(server: str, name: str, folder: Path, fd: int) -> list[str]:
    app = f"create({name!r}, {str(folder)!r})"
    if server == "waitress":
        # Its own limit is 1 GiB.
        start = f"waitress.serve({app}, sockets=[socket.socket(fileno={fd})], max_request_body_size=1 << 40)"
        return [sys.executable, "-c", f"import socket, waitress; from benchmarks.apps import create; {start}"]
    told = ["--bind", f"fd://{fd}", "--workers", "1", "--timeout", str(int(_TIMEOUT)), "--log-level", "warning"]
    return [sys.executable, "-m", "gunicorn", *told, *SERVERS[server], f"benchmarks.apps:{app}"]


def _send(port: int, filename: str, size: int) -> None:
    """Post a form to a web server and wait for its answer."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=_TIMEOUT)
    form = Form(filename, size)
    headers = {"Content-Type": form.content_type, "Content-Length": str(form.length), "Connection": "close"}
    try:
        with suppress(BrokenPipeError):  # an answer may come before the end of the form
            connection.request("POST", "/", iter(form), headers)
        answer = connection.getresponse()
        content = answer.read()
    finally:
        connection.close()
    if answer.status != http.client.OK:
        raise RuntimeError(f"{answer.status}: {content[:500]!r}")
