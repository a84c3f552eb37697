"""Reading from S3 as it arrives: one request, little memory, and no byte missing where a connection breaks."""

from __future__ import annotations

import gc
import io
import os
import re
import socket
import struct
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, BinaryIO

import pytest

from tests.servers.stores import S3Server
from uploadkit.backends._cloud.clients import close_clients
from uploadkit.backends._s3 import streaming
from uploadkit.backends.s3 import S3Backend, S3Options
from uploadkit.exceptions import BackendError, NotFoundError, PreconditionError, UnavailableError
from uploadkit.models import SaveOptions

from .s3_sink import MIB, MakeS3, Reply, Seen, Sink, Stored, clean_environment, make_s3, sink, sink_server

__all__ = ["clean_environment", "make_s3", "sink", "sink_server"]

BENCHMARK = Path(__file__).parents[2] / "benchmarks" / "streaming.py"
MOST_MIB = 4
LONG = os.urandom(3 * MIB + 5)
FILES = {"a.txt": b"hello", "long.bin": LONG, "empty": b""}
OVER = SaveOptions(overwrite=True, metadata={"a": "é"}, cache_control="private", content_disposition="attachment")


@pytest.fixture
def backend(make_s3: MakeS3, sink: Sink) -> S3Backend:
    backend = make_s3()
    for key, content in FILES.items():
        backend.save(key, io.BytesIO(content), OVER)
    sink.requests.clear()
    return backend


def read(file: BinaryIO) -> bytes:
    with file:
        return file.read()


def asked(sink: Sink) -> list[str | None]:
    return [seen.headers.get("range") for seen in sink.of("GetObject")]


class TestContents:
    @pytest.mark.parametrize("key", FILES)
    def test_a_whole_file_is_one_get_without_a_range(self, backend: S3Backend, sink: Sink, key: str) -> None:
        info, file = backend.open_stream(key)
        assert read(file) == FILES[key]
        assert sink.operations == ["GetObject"]
        assert asked(sink) == [None]
        assert info == backend.stat(key)

    def test_what_is_known_of_a_file_in_parts_is_known_at_once(self, make_s3: MakeS3, sink: Sink) -> None:
        content = os.urandom(5 * MIB + 1)
        backend = make_s3(part_size=5 * MIB)
        backend.save("parts.bin", io.BytesIO(content), OVER)
        info, file = backend.open_stream("parts.bin")
        assert read(file) == content
        assert (info.checksum or "").startswith("crc32:")
        assert info == backend.stat("parts.bin")
        assert make_s3(checksum_mode=False).open_stream("parts.bin")[0] == replace(info, checksum=None)

    @pytest.mark.parametrize("ranges", [True, False], ids=["ranges", "no ranges"])
    @pytest.mark.parametrize(
        ("start", "length"),
        [(0, 5), (0, 2), (2, 2), (4, 100), (3, None), (0, 0), (5, 0), (5, None), (5, 3), (6, None), (9, 1)],
    )
    def test_a_range_is_what_slicing_gives(
        self, backend: S3Backend, sink: Sink, ranges: bool, start: int, length: int | None
    ) -> None:
        sink.ranges = ranges
        info, file = backend.open_stream("a.txt", start, length)
        assert read(file) == b"hello"[start:][:length]
        assert info == backend.stat("a.txt")

    @pytest.mark.parametrize("ranges", [True, False], ids=["ranges", "no ranges"])
    @pytest.mark.parametrize(("start", "length"), [(1, None), (MIB, MIB), (len(LONG) - 1, 9), (0, 2 * MIB)])
    def test_a_range_of_a_long_file_is_one_get(
        self, backend: S3Backend, sink: Sink, ranges: bool, start: int, length: int | None
    ) -> None:
        sink.ranges = ranges
        info, file = backend.open_stream("long.bin", start, length)
        assert read(file) == LONG[start:][:length]
        assert sink.operations == ["GetObject"]
        assert asked(sink) == [f"bytes={start}-{'' if length is None else start + length - 1}"]
        assert info.size == len(LONG)

    @pytest.mark.parametrize("ranges", [True, False], ids=["ranges", "no ranges"])
    @pytest.mark.parametrize(("start", "length"), [(0, None), (0, 1), (1, None), (0, 0)])
    def test_an_empty_file(self, backend: S3Backend, sink: Sink, ranges: bool, start: int, length: int | None) -> None:
        sink.ranges = ranges
        info, file = backend.open_stream("empty", start, length)
        assert read(file) == b""
        assert info == backend.stat("empty")

    @pytest.mark.parametrize(("start", "length"), [(0, None), (3, None), (0, 0), (9, 1)])
    def test_a_missing_file_is_missing_at_once(self, backend: S3Backend, start: int, length: int | None) -> None:
        with pytest.raises(NotFoundError):
            backend.open_stream("missing", start, length)

    def test_negative_ranges_are_refused(self, backend: S3Backend, sink: Sink) -> None:
        for start, length in ((-1, None), (0, -1)):
            with pytest.raises(ValueError, match="negative"):
                backend.open_stream("a.txt", start, length)
        assert sink.requests == []

    def test_a_file_that_grows_while_it_is_opened(self, backend: S3Backend, sink: Sink) -> None:
        def grow(seen: Seen) -> Reply | None:
            if seen.operation == "HeadObject":
                sink.objects["a.txt"] = Stored(b"hello again")
            return None

        sink.hook = grow
        info, file = backend.open_stream("a.txt", 6)
        assert (read(file), info.size) == (b"again", 11)


class TestReading:
    """As from any other file that cannot seek."""

    @pytest.mark.parametrize("size", [1, 1000, 64 * 1024 - 1, 64 * 1024, 256 * 1024, 300_000, 10 * MIB])
    def test_each_piece_is_as_long_as_was_asked_for(self, backend: S3Backend, size: int) -> None:
        content = LONG if size > 1 else LONG[:3000]
        with backend.open_stream("long.bin", 0, len(content))[1] as file:
            pieces = list(iter(lambda: file.read(size), b""))
        assert [len(piece) for piece in pieces[:-1]] == [size] * (len(pieces) - 1)
        assert b"".join(pieces) == content

    def test_small_and_large_pieces_take_turns(self, backend: S3Backend) -> None:
        with backend.open_stream("long.bin")[1] as file:
            pieces = [file.read(size) for size in (10, 0, 100_000, 3, 64 * 1024, 65_530, 1)]
            assert [len(piece) for piece in pieces] == [10, 0, 100_000, 3, 64 * 1024, 65_530, 1]
            assert b"".join(pieces) + file.read() == LONG

    def test_lines_are_lines(self, backend: S3Backend) -> None:
        lines = [os.urandom(number).replace(b"\n", b"") + b"\n" for number in range(500)]
        backend.save("lines", io.BytesIO(b"".join(lines)), OVER)
        with backend.open_stream("lines")[1] as file:
            assert list(file) == lines
        with backend.open_stream("lines")[1] as file:
            assert file.readline() == lines[0]

    def test_into_a_buffer(self, backend: S3Backend) -> None:
        buffer = bytearray(MIB + 1)
        with backend.open_stream("long.bin")[1] as file:
            assert file.readinto(buffer) == len(buffer)  # type: ignore[attr-defined]
            assert file.read() == LONG[MIB + 1 :]
        assert buffer == LONG[: MIB + 1]

    def test_other_readers_take_it(self, backend: S3Backend) -> None:
        file: Any = backend.open_stream("long.bin")[1]
        with io.BufferedReader(file) as buffered:
            assert buffered.read(10) + buffered.read() == LONG
        assert file.closed
        text: Any = backend.open_stream("a.txt")[1]
        with io.TextIOWrapper(text) as words:
            assert words.read() == "hello"

    def test_it_cannot_seek(self, backend: S3Backend) -> None:
        with backend.open_stream("a.txt")[1] as file:
            assert (file.readable(), file.seekable(), file.writable()) == (True, False, False)
            with pytest.raises(io.UnsupportedOperation):
                file.seek(0)

    def test_a_closed_one_reads_nothing(self, backend: S3Backend) -> None:
        file = backend.open_stream("a.txt")[1]
        file.close()
        file.close()
        with pytest.raises(ValueError, match="closed"):
            file.read(1)


def cut_at(sink: Sink, *cuts: int) -> None:
    """Let the answers to GET break off after so many bytes, one after the other; those after them are whole."""
    left = iter(cuts)

    def hook(seen: Seen) -> Reply | None:
        if seen.operation != "GetObject":
            return None
        return replace(sink._GetObject(seen), cut=next(left, None))

    sink.hook = hook


class TestBreakingOff:
    @pytest.mark.parametrize("ranges", [True, False], ids=["ranges", "no ranges"])
    @pytest.mark.parametrize("cut", [0, 1, 65_536, MIB + 3, len(LONG) - 1])
    def test_the_rest_is_asked_for(self, backend: S3Backend, sink: Sink, ranges: bool, cut: int) -> None:
        sink.ranges = ranges
        cut_at(sink, cut)
        info, file = backend.open_stream("long.bin")
        assert read(file) == LONG
        assert asked(sink) == [None, f"bytes={cut}-{len(LONG) - 1}"]
        assert info.size == len(LONG)

    def test_the_rest_of_a_range_too(self, backend: S3Backend, sink: Sink) -> None:
        cut_at(sink, 10)
        assert read(backend.open_stream("long.bin", 100, MIB)[1]) == LONG[100 : 100 + MIB]
        assert asked(sink) == [f"bytes=100-{100 + MIB - 1}", f"bytes=110-{100 + MIB - 1}"]

    def test_as_often_as_there_is_progress(self, backend: S3Backend, sink: Sink) -> None:
        cut_at(sink, *[1] * 4)
        assert read(backend.open_stream("a.txt")[1]) == b"hello"
        assert len(sink.of("GetObject")) == 5

    def test_without_progress_it_is_an_error_and_the_end_of_the_stream(self, backend: S3Backend, sink: Sink) -> None:
        cut_at(sink, 2, *[0] * 9)
        file = backend.open_stream("a.txt")[1]
        with pytest.raises(UnavailableError) as caught:
            file.read()
        assert len(sink.of("GetObject")) == 3
        assert (caught.value.key, caught.value.retryable) == ("a.txt", True)
        assert file.closed
        with pytest.raises(ValueError, match="closed"):
            file.read()

    @pytest.mark.parametrize("content", [b"HELLO", b"hello again", b"h", b""])
    def test_another_file_by_now_is_an_error(self, backend: S3Backend, sink: Sink, content: bytes) -> None:
        cut_at(sink, 3)
        file = backend.open_stream("a.txt")[1]
        backend.save("a.txt", io.BytesIO(content), OVER)
        with pytest.raises(PreconditionError) as caught:
            file.read()
        assert caught.value.retryable
        assert file.closed

    def test_a_file_that_is_gone_by_now_is_missing(self, backend: S3Backend, sink: Sink) -> None:
        cut_at(sink, 3)
        file = backend.open_stream("a.txt")[1]
        backend.delete("a.txt")
        with pytest.raises(NotFoundError):
            file.read()

    def test_whoever_is_interrupted_does_not_read_on_behind_a_gap(
        self, backend: S3Backend, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        file = backend.open_stream("long.bin")[1]
        file.read(10)

        def interrupted(body: Any, size: int) -> bytes:
            raise KeyboardInterrupt

        monkeypatch.setattr(streaming, "some_of", interrupted)
        with pytest.raises(KeyboardInterrupt):
            file.read()
        assert file.closed


class Script:
    """A server that follows a script: each turn has a connection of its own, and the head of one request."""

    def __init__(self, *turns: Callable[[socket.socket], None]) -> None:
        self.heads: list[bytes] = []
        self.over = threading.Event()
        self._turns = turns
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._listener.settimeout(20)
        self.endpoint = f"http://127.0.0.1:{self._listener.getsockname()[1]}"

    def run(self) -> None:
        with self._listener, suppress(OSError):
            for turn in self._turns:
                connection, _ = self._listener.accept()
                connection.settimeout(20)
                with connection, suppress(ConnectionError):
                    head = b""
                    while not head.endswith(b"\r\n\r\n"):
                        head += connection.recv(4096)
                    self.heads.append(head)
                    turn(connection)


@contextmanager
def following(*turns: Callable[[socket.socket], None]) -> Iterator[tuple[S3Backend, Script]]:
    script = Script(*turns)
    thread = threading.Thread(target=script.run)
    thread.start()
    options = S3Options(
        endpoint_url=script.endpoint,
        region="us-east-1",
        access_key_id="a",
        secret_access_key="b",
        read_timeout=1.0,
        pool_size=1,
    )
    try:
        yield S3Backend("bucket", options), script
    finally:
        close_clients()
        thread.join(20)
    assert not thread.is_alive()


def whole(sent: bytes = b"") -> Callable[[socket.socket], None]:
    """Announce ten bytes, and send some."""
    return lambda connection: connection.sendall(b'HTTP/1.1 200 OK\r\nETag: "e"\r\nContent-Length: 10\r\n\r\n' + sent)


def rest(begin: int, sent: bytes = b"0123456789") -> Callable[[socket.socket], None]:
    """Answer a request for a range."""
    head = f'HTTP/1.1 206 OK\r\nETag: "e"\r\nContent-Length: {10 - begin}\r\nContent-Range: bytes {begin}-9/10\r\n\r\n'
    return lambda connection: connection.sendall(head.encode() + sent[begin:])


class TestConnections:
    def test_bytes_are_handed_out_as_they_arrive(self) -> None:
        seen = threading.Event()

        def drip(connection: socket.socket) -> None:
            whole(b"012")(connection)
            assert seen.wait(20)
            connection.sendall(b"3456789")

        with following(drip) as (backend, _), backend.open_stream("a")[1] as file:
            assert file.read(3) == b"012"
            seen.set()
            assert file.read() == b"3456789"

    def test_a_silent_connection_is_given_up_and_the_rest_asked_for(self) -> None:
        def silent(connection: socket.socket) -> None:
            whole(b"0123")(connection)
            assert connection.recv(1) == b""  # until the client goes away

        with following(silent, rest(4)) as (backend, script):
            assert read(backend.open_stream("a")[1]) == b"0123456789"
        assert b"\r\nrange: bytes=4-9\r\n" in script.heads[1].lower()

    def test_a_reset_connection_is_made_up_for(self) -> None:
        arrived = threading.Event()

        def reset(connection: socket.socket) -> None:
            whole(b"0123")(connection)
            assert arrived.wait(20)
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

        with following(reset, rest(4)) as (backend, _), backend.open_stream("a")[1] as file:
            assert file.read(4) == b"0123"
            arrived.set()
            assert file.read() == b"456789"

    def test_a_connection_that_keeps_silent_is_an_error_in_the_end(self) -> None:
        def silent(connection: socket.socket) -> None:
            connection.recv(1)

        def begin(connection: socket.socket) -> None:
            whole(b"0123")(connection)
            silent(connection)

        def nothing(connection: socket.socket) -> None:
            rest(4, b"")(connection)
            silent(connection)

        with following(begin, nothing, nothing) as (backend, script):
            file = backend.open_stream("a")[1]
            with pytest.raises(UnavailableError):
                file.read()
        assert len(script.heads) == 3

    def test_another_range_than_was_asked_for_is_no_part_of_the_file(self) -> None:
        with following(whole(b"0123"), rest(6)) as (backend, _):
            file = backend.open_stream("a")[1]
            with pytest.raises(BackendError):
                file.read()

    def test_more_of_the_range_than_was_asked_for_is_skipped(self) -> None:
        with following(whole(b"0123"), rest(2)) as (backend, _):
            assert read(backend.open_stream("a")[1]) == b"0123456789"

    @pytest.mark.parametrize("how", ["close", "forget"])
    def test_the_server_sees_an_early_end(self, how: str, recwarn: pytest.WarningsRecorder) -> None:
        gone = threading.Event()

        def wait(connection: socket.socket) -> None:
            whole(b"0123")(connection)
            assert connection.recv(1) == b""
            gone.set()

        with following(wait) as (backend, _):
            file = backend.open_stream("a")[1]
            assert file.read(2) == b"01"
            if how == "close":
                file.close()
            del file
            gc.collect()
            assert gone.wait(20)
        assert [str(found.message) for found in recwarn.list] == []

    def test_one_connection_serves_all_that_is_read_to_its_end(self, make_s3: MakeS3, sink: Sink) -> None:
        backend = make_s3(pool_size=3, connect_timeout=4.5)  # a client of its own
        sink.objects.update({key: Stored(content) for key, content in FILES.items()})
        before = set(sink.server.connections)
        for key, content in [*FILES.items(), *FILES.items()]:
            with backend.open_stream(key)[1] as file:
                assert b"".join(iter(lambda: file.read(100_000), b"")) == content
                assert len(sink.server.connections - before) == 1
        assert read(backend.open_stream("long.bin", 7)[1]) == LONG[7:]
        assert len(sink.server.connections - before) == 1

    def test_it_is_free_again_with_the_last_byte(self, make_s3: MakeS3, sink: Sink) -> None:
        backend = make_s3(pool_size=3, connect_timeout=4.25)
        sink.objects.update({key: Stored(content) for key, content in FILES.items()})
        before = set(sink.server.connections)
        with backend.open_stream("a.txt")[1] as first:
            assert first.read(5) == b"hello"
            with backend.open_stream("a.txt")[1] as second:
                assert second.read(5) == b"hello"
            assert len(sink.server.connections - before) == 1


@pytest.mark.parametrize("start", [0, 1, MIB])
def test_a_real_store_streams(seaweed_server: S3Server, start: int) -> None:
    backend = on(seaweed_server)
    backend.save("long.bin", io.BytesIO(LONG), OVER)
    info, file = backend.open_stream("long.bin", start)
    assert read(file) == LONG[start:]
    assert info == backend.stat("long.bin")
    assert read(backend.open_stream("long.bin", len(LONG))[1]) == b""


def on(server: S3Server) -> S3Backend:
    options = S3Options(
        endpoint_url=server.endpoint,
        region=server.region,
        access_key_id=server.access_key,
        secret_access_key=server.secret_key,
    )
    return S3Backend(f"{server.make_bucket()}/pre", options)


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="reads the peak of memory from /proc")
def test_a_long_file_takes_little_memory() -> None:
    command = [sys.executable, str(BENCHMARK), "memory"]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=300)
    found = re.findall(r"1 GiB, (.+): ([0-9.]+) MiB over idle", done.stdout)
    assert {name for name, _ in found} == {"open_stream", "the route"}, done.stdout
    assert max(float(peak) for _, peak in found) <= MOST_MIB
