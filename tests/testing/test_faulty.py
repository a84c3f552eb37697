"""FaultyBackend fails as told, and is a backend otherwise."""

from __future__ import annotations

import gc
import io

import pytest

from tests.testing.streamed import StreamedBackend
from uploadkit.backends import capabilities
from uploadkit.backends.local import LocalBackend
from uploadkit.backends.memory import MemoryBackend
from uploadkit.exceptions import UnavailableError
from uploadkit.models import SaveOptions
from uploadkit.testing import FaultyBackend
from uploadkit.testing.subject import put

GONE = UnavailableError("the network is gone", key="a", backend="memory")


@pytest.fixture
def backend() -> FaultyBackend:
    return FaultyBackend(MemoryBackend())


def test_a_fault_strikes_as_often_as_told(backend: FaultyBackend) -> None:
    backend.fail("save", GONE, times=2)
    for _ in range(2):
        with pytest.raises(UnavailableError):
            put(backend, "a", b"content")
    put(backend, "a", b"content")
    assert backend.calls == ["save", "save", "save"]


def test_a_fault_stays_until_it_is_healed(backend: FaultyBackend) -> None:
    put(backend, "a", b"content")
    backend.fail("stat", GONE)
    for _ in range(3):
        with pytest.raises(UnavailableError):
            backend.stat("a")
    backend.heal()
    assert backend.stat("a").size == 7


def test_an_answer_can_get_lost_after_the_work_is_done(backend: FaultyBackend) -> None:
    backend.fail("save", GONE, after_call=True)
    with pytest.raises(UnavailableError):
        put(backend, "a", b"content")
    assert backend.open("a").read() == b"content"


def test_a_source_can_break_while_it_is_saved(backend: FaultyBackend) -> None:
    backend.fail("save", GONE, after_bytes=3)
    with pytest.raises(UnavailableError):
        backend.save("a", io.BytesIO(b"content"), SaveOptions())
    assert list(backend.list_files()) == []  # type: ignore[call-overload]


@pytest.mark.parametrize(("method", "arguments"), [("open", ("a",)), ("open_range", ("a", 0))])
def test_a_stream_can_break_while_it_is_read(
    backend: FaultyBackend, method: str, arguments: tuple[object, ...]
) -> None:
    put(backend, "a", b"content")
    backend.fail(method, GONE, after_bytes=3)
    stream = getattr(backend, method)(*arguments)
    assert stream.read(3) == b"con"
    with pytest.raises(UnavailableError):
        stream.read(1)


def test_a_part_can_break_while_it_is_stored(backend: FaultyBackend) -> None:
    power = capabilities(backend).multipart
    assert power is not None
    upload_id = power.create_multipart("a", SaveOptions())
    backend.fail("put_part", GONE, after_bytes=3)
    with pytest.raises(UnavailableError):
        power.put_part("a", upload_id, 1, io.BytesIO(b"content"))
    assert list(power.list_parts("a", upload_id)) == []


def test_a_snapshot_can_break_while_it_is_read(backend: FaultyBackend) -> None:
    put(backend, "a", b"content")
    backend.fail("open_snapshot", GONE, after_bytes=3)
    power = capabilities(backend).snapshot
    assert power is not None
    info, stream = power.open_snapshot("a")
    assert (info.size, stream.read(3)) == (7, b"con")
    with pytest.raises(UnavailableError):
        stream.read(1)


def test_a_stream_from_front_to_end_can_break_and_is_closed_with_its_wrapper(monkeypatch: pytest.MonkeyPatch) -> None:
    inner = StreamedBackend()
    inside = io.BytesIO(b"content")
    monkeypatch.setattr(inner, "stream_of", lambda content: inside)
    backend = FaultyBackend(inner)
    put(backend, "a", b"content")
    backend.fail("open_stream", GONE, after_bytes=3)
    power = capabilities(backend).streaming
    assert power is not None
    info, stream = power.open_stream("a")
    assert (info.size, stream.read(3)) == (7, b"con")
    with pytest.raises(UnavailableError):
        stream.read(1)
    stream.close()
    assert inside.closed


def test_a_source_that_breaks_is_left_open(backend: FaultyBackend) -> None:
    source = io.BytesIO(b"content")
    backend.fail("save", GONE, after_bytes=100)
    backend.save("a", source, SaveOptions())
    gc.collect()
    assert not source.closed


def test_the_limits_of_parts_are_those_of_the_backend_inside(backend: FaultyBackend) -> None:
    assert backend.part_limits == MemoryBackend.part_limits
    assert not hasattr(FaultyBackend(LocalBackend("/nowhere")), "part_limits")


def test_the_powers_are_those_of_the_backend_inside(backend: FaultyBackend) -> None:
    assert capabilities(backend).names() == capabilities(backend.inner).names()
    backend.fail("list_files", GONE)
    listing = capabilities(backend).listing
    assert listing is not None
    with pytest.raises(UnavailableError):
        listing.list_files()


def test_a_method_that_does_not_exist_cannot_fail(backend: FaultyBackend) -> None:
    with pytest.raises(AttributeError):
        backend.fail("sweep", GONE)
    assert not hasattr(backend, "no_such_method")
    assert not hasattr(backend, "name_of_nothing")
