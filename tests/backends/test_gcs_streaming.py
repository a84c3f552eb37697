"""Reading files of Google Cloud Storage as they arrive."""

from __future__ import annotations

import gzip
import io
import json
import re
import socket
import threading
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from typing import Any

import pytest

pytest.importorskip("google.cloud.storage")

from tests.backends.test_gcs import backend_at, content_of
from tests.backends.test_gcs_options import STORED, Seen, Sink
from tests.servers.fault_proxy import Fault, FaultProxy, Kind, gcs_error
from tests.servers.stores import GcsServer
from tests.servers.wire import reset
from uploadkit import (
    InvalidKeyError,
    NotFoundError,
    PermissionDeniedError,
    PreconditionError,
    SaveOptions,
    UnavailableError,
)
from uploadkit.backends._gcs import streaming
from uploadkit.backends.gcs import GCSBackend, GCSOptions

MIB = 1024 * 1024
SIZE = 300_000
CONTENT = content_of(SIZE)
MEDIA = "alt=media"

Serve = Callable[[socket.socket, str], object]


@pytest.fixture
def fake(fake_gcs_server: GcsServer) -> Iterator[FaultProxy]:
    with FaultProxy(fake_gcs_server.endpoint) as proxy:
        yield proxy


@pytest.fixture
def stored(fake_gcs_server: GcsServer, fake: FaultProxy) -> GCSBackend:
    """A backend behind the proxy with a file ``a``."""
    backend = backend_at(fake_gcs_server, fake.endpoint)
    backend.save("a", io.BytesIO(CONTENT), SaveOptions(content_type="text/plain", metadata={"x": "y"}))
    fake.requests.clear()
    return backend


def reads(proxy: FaultProxy) -> list[str | None]:
    """Return the ranges of the requests for bytes."""
    return [request.headers["Range"] for request in proxy.requests if MEDIA in request.path]


class OwnStore:
    """A store of one file, whose answers a test writes onto the connection itself."""

    def __init__(self, size: int, serve: Serve) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._serve = serve
        self._stored = json.dumps({**STORED, "size": str(size)}).encode()
        self.endpoint = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self.connections = 0
        self.asked: list[str] = []

    @contextmanager
    def running(self, **options: Any) -> Iterator[GCSBackend]:
        threading.Thread(target=self._accept, daemon=True).start()
        with closing(self._listener):
            yield GCSBackend("bucket", GCSOptions(endpoint=self.endpoint, **options))
            self._listener.shutdown(socket.SHUT_RDWR)

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            threading.Thread(target=self._converse, args=(connection,), daemon=True).start()

    def _converse(self, connection: socket.socket) -> None:
        with connection, connection.makefile("rb") as lines:
            while head := b"".join(iter(lines.readline, b"\r\n")).decode():
                if MEDIA not in head:
                    connection.sendall(answer(len(self._stored)) + self._stored)
                    continue
                self.asked.append((re.findall(r"(?i)\r\nrange: bytes=(\S+)", head) or [""])[0])
                if self._serve(connection, self.asked[-1]):
                    return


def answer(size: int, status: str = "200 OK", *more: str) -> bytes:
    """Return the head of an answer."""
    return "\r\n".join([f"HTTP/1.1 {status}", f"Content-Length: {size}", *more, "", ""]).encode()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("start", "length"),
    [(0, None), (0, SIZE), (0, SIZE + 1), (1, None), (0, 1), (7, 100_000), (SIZE - 1, None), (SIZE - 1, 9)],
)
def test_a_stream_has_what_was_asked_for(stored: GCSBackend, fake: FaultProxy, start: int, length: int | None) -> None:
    info, stream = stored.open_stream("a", start, length)
    with stream:
        assert stream.read() == CONTENT[start:][:length]
        assert stream.read() == b""
    assert info == stored.stat("a")
    assert (info.size, info.metadata) == (SIZE, {"x": "y"})
    (asked,) = reads(fake)
    whole = start == 0 and (length is None or length >= SIZE)
    end = SIZE if length is None else min(start + length, SIZE)
    assert asked == (None if whole else f"bytes={start}-{end - 1}")


@pytest.mark.slow
@pytest.mark.parametrize(("start", "length"), [(SIZE, None), (SIZE + 5, 7), (0, 0), (5, 0)])
def test_an_empty_stream_is_not_asked_for(stored: GCSBackend, fake: FaultProxy, start: int, length: int | None) -> None:
    info, stream = stored.open_stream("a", start, length)
    with stream:
        assert stream.read() == b""
    assert info.size == SIZE
    assert reads(fake) == []


@pytest.mark.slow
def test_an_empty_file_is_an_empty_stream(stored: GCSBackend) -> None:
    stored.save("empty", io.BytesIO(), SaveOptions())
    info, stream = stored.open_stream("empty")
    with stream:
        assert (info.size, stream.read()) == (0, b"")


@pytest.mark.slow
def test_a_stream_only_goes_forward(stored: GCSBackend) -> None:
    _, stream = stored.open_stream("a")
    with stream:
        assert stream.readable()
        assert not stream.seekable()
        assert not stream.writable()
        with pytest.raises(io.UnsupportedOperation):
            stream.seek(0)
        assert stream.read(10) == CONTENT[:10]
    with pytest.raises(ValueError, match="closed"):
        stream.read(1)


@pytest.mark.slow
def test_what_is_no_file_cannot_be_streamed(stored: GCSBackend) -> None:
    with pytest.raises(NotFoundError):
        stored.open_stream("none")
    with pytest.raises(InvalidKeyError):
        stored.open_stream("../a")
    for start, length in ((-1, None), (0, -1)):
        with pytest.raises(ValueError, match="negative"):
            stored.open_stream("a", start, length)


@pytest.mark.slow
@pytest.mark.parametrize("kind", [Kind.TRUNCATED, Kind.LOST_ANSWER])
@pytest.mark.parametrize("start", [0, 1000])
def test_a_stream_that_breaks_off_goes_on(stored: GCSBackend, fake: FaultProxy, kind: Kind, start: int) -> None:
    faults = [fake.add(Fault(kind, "GET", query=MEDIA)) for _ in range(2)]
    _, stream = stored.open_stream("a", start)
    with stream:
        assert stream.read() == CONTENT[start:]
    assert [fault.strikes for fault in faults] == [1, 1]
    assert len(reads(fake)) == 3


@pytest.mark.slow
def test_a_busy_store_is_asked_again(stored: GCSBackend, fake: FaultProxy) -> None:
    fake.add(Fault(Kind.ANSWER, "GET", query=MEDIA, times=2, answer=gcs_error(503, "backendError")))
    _, stream = stored.open_stream("a")
    with stream:
        assert stream.read() == CONTENT


@pytest.mark.slow
def test_a_store_that_stays_busy_is_unavailable(stored: GCSBackend, fake: FaultProxy) -> None:
    fake.add(Fault(Kind.ANSWER, "GET", query=MEDIA, times=None, answer=gcs_error(503, "backendError")))
    with pytest.raises(UnavailableError, match="503"):
        stored.open_stream("a")
    assert len(reads(fake)) == 3


@pytest.mark.slow
def test_a_refusal_says_what_it_means(stored: GCSBackend, fake: FaultProxy) -> None:
    fake.add(Fault(Kind.ANSWER, "GET", query=MEDIA, answer=gcs_error(403, "forbidden")))
    with pytest.raises(PermissionDeniedError) as caught:
        stored.open_stream("a")
    assert (caught.value.key, caught.value.backend) == ("a", "gcs")


@pytest.mark.slow
def test_a_file_that_is_replaced_while_it_is_opened_is_looked_up_again(stored: GCSBackend, fake: FaultProxy) -> None:
    def replace() -> None:
        stored.save("a", io.BytesIO(b"other"), SaveOptions(overwrite=True))

    fake.add(Fault(Kind.CALL, "GET", query=MEDIA, call=replace))
    info, stream = stored.open_stream("a")
    with stream:
        assert stream.read() == b"other"
    assert info == stored.stat("a")
    for status in (412, 416, 404):
        fake.add(Fault(Kind.ANSWER, "GET", query=MEDIA, answer=gcs_error(status, "conditionNotMet")))
    with stored.open_stream("a")[1] as stream:
        assert stream.read() == b"other"
    fake.add(Fault(Kind.ANSWER, "GET", query=MEDIA, times=None, answer=gcs_error(412, "conditionNotMet")))
    with pytest.raises(PreconditionError, match="changed while it was read"):
        stored.open_stream("a")


@pytest.mark.slow
def test_a_file_that_is_replaced_while_it_is_read_is_not_mixed(stored: GCSBackend, fake: FaultProxy) -> None:
    fake.add(Fault(Kind.TRUNCATED, "GET", query=MEDIA))
    _, stream = stored.open_stream("a")
    with stream:
        start = stream.read(1000)
        stored.save("a", io.BytesIO(content_of(SIZE, 1)), SaveOptions(overwrite=True))
        with pytest.raises(PreconditionError, match="changed while it was read") as caught:
            stream.read()
    assert start == CONTENT[:1000]
    assert caught.value.retryable


@pytest.mark.slow
def test_a_file_that_is_removed_while_it_is_read_is_missed(stored: GCSBackend, fake: FaultProxy) -> None:
    fake.add(Fault(Kind.TRUNCATED, "GET", query=MEDIA))
    _, stream = stored.open_stream("a")
    with stream:
        stored.delete("a")
        with pytest.raises((NotFoundError, PreconditionError)):
            stream.read()


def test_a_server_that_ignores_the_condition_is_found_out() -> None:
    stored = json.dumps({**STORED, "size": "5"}).encode()
    with Sink(alt=(200, {"x-goog-generation": "8"}, b"other"), GET=(200, {}, stored)) as sink:
        backend = GCSBackend("bucket", GCSOptions(endpoint=sink.endpoint))
        with pytest.raises(PreconditionError):
            backend.open_stream("a")


@pytest.mark.parametrize(("start", "length"), [(3, None), (3, 4), (0, 4)])
def test_a_server_that_ignores_ranges_is_read_from_the_range(start: int, length: int | None) -> None:
    stored = json.dumps({**STORED, "size": "10"}).encode()
    with Sink(alt=(200, {}, b"0123456789"), GET=(200, {}, stored)) as sink:
        backend = GCSBackend("bucket", GCSOptions(endpoint=sink.endpoint))
        with backend.open_stream("a", start, length)[1] as stream:
            assert stream.read() == b"0123456789"[start:][:length]


def test_a_stream_is_not_unzipped_on_the_way() -> None:
    zipped = gzip.compress(b"content")
    stored = json.dumps({**STORED, "size": str(len(zipped)), "contentEncoding": "gzip"}).encode()
    with Sink(alt=(200, {"Content-Encoding": "gzip"}, zipped), GET=(200, {}, stored)) as sink:
        backend = GCSBackend("bucket", GCSOptions(endpoint=sink.endpoint, user_project="payer"))
        with backend.open_stream("a")[1] as stream:
            assert stream.read() == zipped
        asked: Seen = sink.requests[-1]
    assert asked.headers["Accept-Encoding"] == "gzip"
    assert asked.query == {"alt": "media", "ifGenerationMatch": "7", "userProject": "payer"}


def test_bytes_are_handed_out_before_the_rest_arrives() -> None:
    taken = threading.Event()

    def serve(connection: socket.socket, _: str) -> None:
        connection.sendall(answer(6) + b"abc")
        assert taken.wait(10)
        connection.sendall(b"def")

    with OwnStore(6, serve).running() as backend, backend.open_stream("a")[1] as stream:
        assert stream.read1(100) == b"abc"  # type: ignore[attr-defined, unused-ignore]
        taken.set()
        assert stream.read() == b"def"


def test_streams_that_are_read_to_their_end_use_one_connection() -> None:
    def serve(connection: socket.socket, _: str) -> None:
        connection.sendall(answer(3) + b"abc")

    store = OwnStore(3, serve)
    with store.running() as backend:
        for _ in range(5):
            _, stream = backend.open_stream("a")
            assert stream.read(3) == b"abc"
            stream.close()
    assert len(store.asked) == 5
    assert store.connections == 1


def test_a_stream_that_is_closed_early_closes_its_connection() -> None:
    closed = threading.Event()

    def serve(connection: socket.socket, _: str) -> None:
        connection.sendall(answer(10**9) + b"abc")
        try:
            ended = connection.recv(1) == b""
        except ConnectionError:
            ended = True
        if ended:
            closed.set()

    store = OwnStore(10**9, serve)
    with store.running() as backend:
        _, stream = backend.open_stream("a")
        assert stream.read(3) == b"abc"
        assert not closed.is_set()
        stream.close()
        assert closed.wait(10)
        stream.close()


def broken_after(count: int, content: bytes) -> Serve:
    """Give ``count`` bytes of what is asked for, then break the connection."""

    def serve(connection: socket.socket, asked: str) -> bool:
        start = int(asked.partition("-")[0] or 0)
        status = "206 Partial Content" if asked else "200 OK"
        connection.sendall(answer(len(content) - start, status) + content[start : start + count])
        return True

    return serve


def test_a_stream_goes_on_as_often_as_it_gets_somewhere() -> None:
    store = OwnStore(10, broken_after(2, b"0123456789"))
    with store.running(max_attempts=2) as backend, backend.open_stream("a")[1] as stream:
        assert stream.read() == b"0123456789"
    assert store.asked == ["", "2-9", "4-9", "6-9", "8-9"]


def test_a_stream_whose_connection_is_reset_goes_on() -> None:
    taken = threading.Event()

    def serve(connection: socket.socket, asked: str) -> bool:
        if asked:
            connection.sendall(answer(3, "206 Partial Content") + b"def")
            return False
        connection.sendall(answer(6) + b"abc")
        taken.wait(10)
        reset(connection)
        return True

    store = OwnStore(6, serve)
    with store.running() as backend, backend.open_stream("a")[1] as stream:
        assert stream.read1(3) == b"abc"  # type: ignore[attr-defined, unused-ignore]
        taken.set()
        assert stream.read() == b"def"
    assert store.asked == ["", "3-5"]


@pytest.mark.parametrize("attempts", [1, 2])
def test_a_stream_that_gets_nowhere_is_given_up(attempts: int) -> None:
    store = OwnStore(10, broken_after(0, b"0123456789"))
    with store.running(max_attempts=attempts) as backend, backend.open_stream("a")[1] as stream:
        with pytest.raises(UnavailableError) as caught:
            stream.read()
        assert (caught.value.key, caught.value.backend) == ("a", "gcs")
    assert store.asked == [""] * attempts


def test_nobody_reads_on_behind_a_gap() -> None:
    content = bytes(range(256)) * 2048

    def serve(connection: socket.socket, asked: str) -> bool:
        connection.sendall(answer(len(content)) + content[:300_000] if not asked else b"")
        return True

    store = OwnStore(len(content), serve)
    with store.running(max_attempts=2) as backend:
        _, stream = backend.open_stream("a")
        assert stream.read(3) == content[:3]
        with pytest.raises(UnavailableError):
            stream.read()  # what has come of it is lost
        with pytest.raises(ValueError, match="closed"):
            stream.read(1)
        stream.close()


def test_a_connection_that_falls_silent_is_given_up_after_the_read_timeout() -> None:
    done = threading.Event()

    def serve(connection: socket.socket, asked: str) -> bool:
        start = int(asked.partition("-")[0] or 0)
        connection.sendall(answer(6 - start, "206 Partial Content" if asked else "200 OK") + b"abcdef"[start:][:4])
        if not start:
            done.wait(10)
        return True

    store = OwnStore(6, serve)
    try:
        with store.running(read_timeout=1.0) as backend, backend.open_stream("a")[1] as stream:
            assert stream.read() == b"abcdef"
    finally:
        done.set()
    assert store.asked == ["", "4-5"]


def test_a_long_file_takes_little_memory() -> None:
    size = 256 * MIB
    piece = bytes(MIB)

    def serve(connection: socket.socket, _: str) -> None:
        connection.sendall(answer(size))
        for _number in range(size // MIB):
            connection.sendall(piece)

    store = OwnStore(size, serve)
    with store.running() as backend, backend.open_stream("a")[1] as stream:
        stream.read(1)
        tracemalloc.start()
        try:
            total = 1
            while found := len(stream.read(64 * 1024)):
                total += found
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
    assert total == size
    assert peak < size / 8
    assert store.asked == [""]


def test_a_large_read_comes_in_pieces() -> None:
    size = 2 * MIB
    store = OwnStore(size, lambda connection, _: connection.sendall(answer(size) + bytes(size)))
    with store.running() as backend, backend.open_stream("a")[1] as stream:
        taken = []
        while piece := stream.raw.read(size):  # type: ignore[attr-defined, unused-ignore]
            taken.append(len(piece))
    assert sum(taken) == size
    assert max(taken) <= streaming._PIECE == 256 * 1024
