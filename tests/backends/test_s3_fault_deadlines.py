"""Every call ends: black holes, slow answers, answers that drip, servers that stop reading."""

from __future__ import annotations

import io
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from typing import Any

import pytest

from uploadkit import SaveOptions
from uploadkit.backends.s3 import S3Backend
from uploadkit.directmodels import Part
from uploadkit.exceptions import BackendError, UnavailableError

from .test_s3_fault_kit import (
    LONG,
    OVERWRITE,
    SMALL,
    Fault,
    Kind,
    World,
    direct,
    fault_bucket,
    fault_proxy,
    warmed,
    world,
)

__all__ = ["direct", "fault_bucket", "fault_proxy", "warmed", "world"]

NEW = SaveOptions()
DEADLINE = 1.0
HASTY: dict[str, Any] = {"connect_timeout": 0.4, "read_timeout": 0.4, "deadline": DEADLINE, "max_attempts": 3}
#: No statement on speed: a call without an end takes for ever, and this is where we stop believing in it.
SLACK = 5
FINISH: dict[str, Any] = {"method": "POST", "query": "uploadId"}
SEND: dict[str, Any] = {"method": "PUT", "query": "partNumber"}


@contextmanager
def ends_within(seconds: float) -> Iterator[None]:
    begun = time.monotonic()
    yield
    assert time.monotonic() - begun < seconds


METHODS: dict[str, Callable[[S3Backend], object]] = {
    "save small": lambda backend: backend.save("a", io.BytesIO(SMALL), NEW),
    "save parts": lambda backend: backend.save("a", io.BytesIO(LONG), NEW),
    "open": lambda backend: backend.open("a"),
    "open_range": lambda backend: backend.open_range("a", 1, 5),
    "open_snapshot": lambda backend: backend.open_snapshot("a"),
    "stat": lambda backend: backend.stat("a"),
    "delete": lambda backend: backend.delete("a"),
    "delete_many": lambda backend: backend.delete_many(["a", "b"]),
    "list_files": lambda backend: list(backend.list_files()),
    "copy": lambda backend: backend.copy("a", "b", NEW),
    "sweep": lambda backend: backend.sweep(timedelta(0)),
    "create_multipart": lambda backend: backend.create_multipart("a", NEW),
    "put_part": lambda backend: backend.put_part("a", "word.id", 1, io.BytesIO(SMALL)),
    "list_parts": lambda backend: list(backend.list_parts("a", "word.id")),
    "complete_multipart": lambda backend: backend.complete_multipart("a", "word.id", [Part(1, "etag", 5)]),
}


@pytest.mark.parametrize("method", METHODS)
def test_every_method_ends_in_a_black_hole(method: str, world: World) -> None:
    backend = world.backend(**HASTY)
    hole = world.strike(Kind.BLACK_HOLE, times=None)
    with ends_within(SLACK * DEADLINE), pytest.raises(UnavailableError) as caught:
        METHODS[method](backend)
    assert hole.strikes
    assert caught.value.retryable
    assert type(caught.value) is UnavailableError
    world.proxy.clear()
    assert world.files() == {}


def test_giving_up_an_upload_ends_in_a_black_hole(world: World) -> None:
    backend = world.backend(**HASTY)
    world.strike(Kind.BLACK_HOLE, times=None)
    with ends_within(SLACK * DEADLINE), suppress(BackendError):
        backend.abort_multipart("a", "word.id")


@pytest.mark.slow
@pytest.mark.parametrize("step", [SEND, FINISH], ids=["a part", "the completion"])
def test_an_upload_ends_when_everything_from_one_step_on_is_a_black_hole(step: dict[str, Any], world: World) -> None:
    """Each of the calls that clean up has its own deadline; the upload stays, named in the log."""
    backend = world.backend(**HASTY)
    world.strike(Kind.BLACK_HOLE, times=None, **step)
    world.strike(Kind.BLACK_HOLE, times=None, method="HEAD", after=1)
    world.strike(Kind.BLACK_HOLE, times=None, method="DELETE")
    with ends_within(3 * SLACK * DEADLINE), pytest.raises(UnavailableError) as caught:
        backend.save("a", io.BytesIO(LONG), NEW)
    world.check_error(caught.value, "a")
    assert len(world.uploads()) == 1
    assert world.files() == {}
    world.check_log()
    world.check_nothing_left()


def test_one_black_hole_is_healed(world: World) -> None:
    backend = world.backend(**{**HASTY, "deadline": 30})
    world.strike(Kind.BLACK_HOLE, method="PUT")
    assert backend.save("a", io.BytesIO(SMALL), NEW).size == len(SMALL)
    assert world.files() == {"a": SMALL}


def test_an_answer_that_comes_late_is_a_lost_one(world: World) -> None:
    backend = world.backend(**{**HASTY, "deadline": 30})
    slow = world.proxy.add(Fault(Kind.SLOW, method="PUT", seconds=0.8))
    assert backend.save("a", io.BytesIO(SMALL), NEW).size == len(SMALL)
    assert slow.strikes
    assert world.files() == {"a": SMALL}


def test_repeating_stops_at_the_deadline(world: World) -> None:
    """Not after all its attempts: ten of 0.4 seconds, and pauses."""
    backend = world.backend(**{**HASTY, "max_attempts": 10})
    hole = world.strike(Kind.BLACK_HOLE, times=None)
    with ends_within(3 * DEADLINE), pytest.raises(UnavailableError):
        backend.stat("a")
    assert hole.strikes < 5


class Slow:
    """A server that sends its answer, or reads its request, a few bytes at a time or no more at all."""

    def __init__(self, answer: bytes = b"", reads: int | None = None, pause: float = 0.1) -> None:
        self._answer = answer
        self._reads = reads
        self._pause = pause
        self._closing = threading.Event()
        self._threads: list[threading.Thread] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        # Small, so that what is not read stays with the client.
        self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        self.connections = 0
        self.endpoint = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self._start(self._accept)

    def __enter__(self) -> Slow:
        return self

    def __exit__(self, *_: object) -> None:
        self._closing.set()
        socket.create_connection(self._listener.getsockname()).close()
        for thread in self._threads:
            thread.join(10)
        self._listener.close()

    def _start(self, work: Callable[..., None], *args: Any) -> None:
        thread = threading.Thread(target=work, args=args, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while not self._closing.is_set():
            connection, _ = self._listener.accept()
            self.connections += 1
            self._start(self._serve, connection)

    def _serve(self, connection: socket.socket) -> None:
        with suppress(OSError), connection:
            if self._answer:
                connection.recv(65536)
                head, body = self._answer.split(b"\r\n\r\n")
                connection.sendall(head + b"\r\n\r\n")
                for byte in body:
                    connection.sendall(bytes([byte]))
                    if self._closing.wait(self._pause):
                        return
            while self._reads and not self._closing.wait(self._pause):
                connection.recv(self._reads)
            self._closing.wait()


GET_HEAD = b'HTTP/1.1 206 Partial Content\r\nContent-Length: 300\r\nETag: "e"\r\nContent-Range: bytes 0-299/300\r\n\r\n'
LIST_HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/xml\r\nContent-Length: 300\r\n\r\n"


@pytest.mark.slow
@pytest.mark.parametrize("max_attempts", [1, 2])
def test_a_file_that_drips_in_ends_at_the_deadline(max_attempts: int, world: World) -> None:
    """A byte each tenth of a second keeps every read timeout."""
    with Slow(GET_HEAD + b"x" * 40) as server:
        backend = world._of(world.options(**{**HASTY, "endpoint_url": server.endpoint, "max_attempts": max_attempts}))
        with ends_within(3 * DEADLINE), pytest.raises(UnavailableError):
            backend.open("a")


@pytest.mark.parametrize("reads", [pytest.param(None, id="stops reading"), pytest.param(1024, id="reads slowly")])
def test_sending_to_a_server_that_hardly_reads_ends(reads: int | None, world: World) -> None:
    with Slow(reads=reads) as server:
        backend = world._of(world.options(**{**HASTY, "endpoint_url": server.endpoint, "part_size": len(LONG)}))
        with ends_within(SLACK * DEADLINE), pytest.raises(UnavailableError) as caught:
            backend.save("a", io.BytesIO(LONG), OVERWRITE)
        assert server.connections
        world.check_error(caught.value, "a")


def test_a_server_that_nobody_hears_of_is_unavailable(world: World) -> None:
    """A port without a listener refuses at once; only the retries take time."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        endpoint = f"http://127.0.0.1:{listener.getsockname()[1]}"
    backend = world._of(world.options(**{**HASTY, "endpoint_url": endpoint}))
    with ends_within(SLACK * DEADLINE), pytest.raises(UnavailableError) as caught:
        backend.stat("a")
    world.check_error(caught.value, "a")
