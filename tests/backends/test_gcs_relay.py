"""Sending to Google Cloud Storage while the next bytes are read."""

from __future__ import annotations

import io
import threading
from collections.abc import Callable
from typing import Any, BinaryIO, cast

import pytest

pytest.importorskip("google.cloud.storage")

from tests.backends.test_gcs import backend_at, content_of, objects_in
from tests.servers.fault_proxy import Fault, FaultProxy, Kind, gcs_error
from tests.servers.stores import GcsServer
from uploadkit import ConfigError, PermissionDeniedError, SaveOptions
from uploadkit.backends._gcs.options import CHUNK_UNIT
from uploadkit.backends._gcs.relay import Relay
from uploadkit.backends.gcs import GCSOptions
from uploadkit.testing.subject import get

PATIENCE = 30.0


class Told(io.RawIOBase):
    """A stream that cannot seek and that calls a function before each of its pieces."""

    def __init__(self, content: bytes, before: Callable[[int], object]) -> None:
        self._inner = io.BytesIO(content)
        self._before = before

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any, /) -> int:
        self._before(self._inner.tell())
        return self._inner.readinto(buffer)


def told(content: bytes, before: Callable[[int], object]) -> BinaryIO:
    return cast("BinaryIO", Told(content, before))


def relays() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name.startswith("uploadkit-relay")]


class TestRelay:
    @pytest.mark.parametrize("concurrency", [0, 1, 2, 9])
    def test_calls_are_made_in_order(self, concurrency: int) -> None:
        made: list[int] = []
        with Relay(concurrency) as relay:
            for number in range(100):
                relay.send(lambda number=number: made.append(number))  # type: ignore[misc]
            relay.finish()
            assert made == list(range(100))
        assert relays() == []

    def test_a_call_runs_while_the_next_one_is_prepared(self) -> None:
        prepared = threading.Event()
        with Relay(2) as relay:
            relay.send(lambda: prepared.wait(PATIENCE))
            prepared.set()
            relay.finish()

    @pytest.mark.parametrize("concurrency", [0, 2])
    @pytest.mark.parametrize("fails", [ValueError("x"), KeyboardInterrupt()], ids=["error", "interrupt"])
    def test_after_a_failure_no_further_call_is_made(self, concurrency: int, fails: BaseException) -> None:
        made: list[int] = []

        def call(number: int) -> None:
            made.append(number)
            if number == 3:
                raise fails

        with pytest.raises(type(fails)), Relay(concurrency) as relay:
            for number in range(100):
                relay.send(lambda number=number: call(number))  # type: ignore[misc]
        assert made == [0, 1, 2, 3]
        assert relays() == []

    def test_leaving_waits_for_the_call_that_is_under_way(self) -> None:
        release, ended = threading.Event(), threading.Event()

        def call() -> None:
            release.wait(PATIENCE)
            ended.set()

        with pytest.raises(ValueError, match="source"), Relay(2) as relay:
            relay.send(call)
            release.set()
            raise ValueError("source")
        assert ended.is_set()


@pytest.mark.slow
class TestSaving:
    def test_a_chunk_is_sent_while_the_next_one_is_read(self, fake_gcs_server: GcsServer) -> None:
        read_on, content = threading.Event(), content_of(6 * CHUNK_UNIT)

        def look(at: int) -> None:
            if at >= CHUNK_UNIT + 1:
                read_on.set()

        with FaultProxy(fake_gcs_server.endpoint) as proxy:
            backend = backend_at(fake_gcs_server, proxy.endpoint, chunk_size=CHUNK_UNIT, concurrency=2)
            # The first chunk gets through only when somebody asks for more than that and the byte that is read ahead.
            proxy.add(Fault(Kind.CALL, "PUT", call=lambda: read_on.wait(PATIENCE) or pytest.fail("nothing was read")))
            backend.save("a", told(content, look), SaveOptions())
            assert get(backend, "a") == content
        assert relays() == []

    @pytest.mark.parametrize("concurrency", [0, 1])
    def test_without_concurrency_there_is_no_thread(self, fake_gcs_server: GcsServer, concurrency: int) -> None:
        with FaultProxy(fake_gcs_server.endpoint) as proxy:
            backend = backend_at(fake_gcs_server, proxy.endpoint, chunk_size=CHUNK_UNIT, concurrency=concurrency)
            seen: list[tuple[int, int, list[str]]] = []

            def look(at: int) -> None:
                sent = sum(request.method == "PUT" for request in list(proxy.requests))
                seen.append((at, sent, relays()))

            content = content_of(4 * CHUNK_UNIT)
            backend.save("a", told(content, look), SaveOptions())
            assert get(backend, "a") == content
        assert all(names == [] for _, _, names in seen)
        assert all(sent == max(0, (at - 1) // CHUNK_UNIT) for at, sent, _ in seen)

    @pytest.mark.parametrize("concurrency", [0, 2])
    def test_a_store_that_refuses_ends_the_reading(self, fake_gcs_server: GcsServer, concurrency: int) -> None:
        with FaultProxy(fake_gcs_server.endpoint) as proxy:
            backend = backend_at(fake_gcs_server, proxy.endpoint, chunk_size=CHUNK_UNIT, concurrency=concurrency)
            proxy.add(Fault(Kind.ANSWER, "PUT", after=1, answer=gcs_error(403, "forbidden")))
            read: list[int] = []
            with pytest.raises(PermissionDeniedError):
                backend.save("a", told(content_of(40 * CHUNK_UNIT), read.append), SaveOptions())
            assert max(read) <= 5 * CHUNK_UNIT
            assert [seen.method for seen in proxy.requests].count("DELETE") == 1
        assert objects_in(fake_gcs_server, backend) == []
        assert relays() == []

    @pytest.mark.parametrize("concurrency", [0, 2])
    def test_a_source_that_fails_leaves_no_session(self, fake_gcs_server: GcsServer, concurrency: int) -> None:
        def fail(at: int) -> None:
            if at > 3 * CHUNK_UNIT:
                raise ConnectionResetError("gone")

        with FaultProxy(fake_gcs_server.endpoint) as proxy:
            backend = backend_at(fake_gcs_server, proxy.endpoint, chunk_size=CHUNK_UNIT, concurrency=concurrency)
            with pytest.raises(ConnectionResetError):
                backend.save("a", told(content_of(40 * CHUNK_UNIT), fail), SaveOptions())
            assert [seen.method for seen in proxy.requests][-1] == "DELETE"
        assert objects_in(fake_gcs_server, backend) == []
        assert relays() == []


@pytest.mark.parametrize("wrong", [-1, 1.5, True, "2", None])
def test_concurrency_is_a_number(wrong: Any) -> None:
    with pytest.raises(ConfigError, match="concurrency must be a whole number of at least 0"):
        GCSOptions(concurrency=wrong)
