"""The Google Cloud Storage backend on emulators, beyond the contract."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import timedelta
from typing import Any

import pytest

pytest.importorskip("google.cloud.storage")

from tests.backends.test_gcs_options import Sink
from tests.servers.fault_proxy import FaultProxy
from tests.servers.stores import GcsServer
from uploadkit import (
    AlreadyExistsError,
    BackendError,
    IntegrityError,
    NotFoundError,
    PreconditionError,
    SaveOptions,
)
from uploadkit.backends._gcs.options import CHUNK_UNIT
from uploadkit.backends.gcs import GCSBackend, GCSOptions
from uploadkit.testing.subject import source

pytestmark = pytest.mark.slow

MIB = 1024 * 1024


def content_of(size: int, seed: int = 0) -> bytes:
    """Return bytes that differ everywhere."""
    block = hashlib.sha512(bytes([seed])).digest() * 1024
    return (block * (size // len(block) + 1))[:size]


def backend_at(server: GcsServer, endpoint: str | None = None, **options: Any) -> GCSBackend:
    """Return a backend in a bucket of its own."""
    place = f"gs://{server.make_bucket()}/p"
    return GCSBackend(place, GCSOptions(endpoint=endpoint or server.endpoint, **options))


def objects_in(server: GcsServer, backend: GCSBackend) -> list[str]:
    """Return the names of all objects in the bucket, also of internal ones."""
    with closing(server.client()) as client:
        return [blob.name for blob in client.list_blobs(str(backend.path("")).split("/")[2])]


def at_once(count: int, act: Callable[[int], object]) -> list[object]:
    """Run a function in threads; return what each returned or raised."""
    outcomes: list[object] = [None] * count
    barrier = threading.Barrier(count)

    def run(number: int) -> None:
        barrier.wait()
        try:
            outcomes[number] = act(number)
        except Exception as error:  # noqa: BLE001 - the test compares it
            outcomes[number] = error

    threads = [threading.Thread(target=run, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return outcomes


@pytest.fixture(params=["fake-gcs", "gcp-emulator"])
def server(request: pytest.FixtureRequest) -> GcsServer:
    fixture = {"fake-gcs": "fake_gcs_server", "gcp-emulator": "gcp_emulator"}[request.param]
    found: GcsServer = request.getfixturevalue(fixture)
    return found


@pytest.fixture
def watched(server: GcsServer) -> Iterator[tuple[GcsServer, FaultProxy]]:
    with FaultProxy(server.endpoint) as proxy:
        yield server, proxy


def test_of_fifty_savers_of_one_key_one_stores_and_none_is_lost(fake_gcs_server: GcsServer) -> None:
    backend = backend_at(fake_gcs_server)
    outcomes = at_once(50, lambda n: backend.save("a", io.BytesIO(bytes([n])), SaveOptions()))
    losers = [outcome for outcome in outcomes if isinstance(outcome, AlreadyExistsError)]
    assert len(losers) == 49
    with backend.open("a") as stream:
        (winner,) = stream.read()
    assert not isinstance(outcomes[winner], Exception)


def test_large_files_are_stored_by_several_threads_at_once(fake_gcs_server: GcsServer) -> None:
    backend = backend_at(fake_gcs_server)
    contents = [content_of(9 * MIB + n, n) for n in range(6)]
    outcomes = at_once(6, lambda n: backend.save(f"{n}", io.BytesIO(contents[n]), SaveOptions()).size)
    assert outcomes == [len(content) for content in contents]
    for number, content in enumerate(contents):
        with backend.open(f"{number}") as stream:
            assert stream.read() == content


@pytest.mark.parametrize("size", [CHUNK_UNIT - 1, CHUNK_UNIT, CHUNK_UNIT + 1, 2 * CHUNK_UNIT, 2 * CHUNK_UNIT + 1])
@pytest.mark.parametrize("seekable", [True, False])
def test_files_around_the_borders_of_chunks_are_stored_whole(server: GcsServer, size: int, seekable: bool) -> None:
    backend = backend_at(server, chunk_size=CHUNK_UNIT)
    content = content_of(size)
    info = backend.save("a", source(content, seekable=seekable), SaveOptions(metadata={"x": "ü"}))
    assert info == backend.stat("a")
    assert info.size == size
    assert info.metadata == {"x": "ü"}
    algorithm = "sha256" if size <= CHUNK_UNIT else "md5"
    assert info.checksum == f"{algorithm}:{hashlib.new(algorithm, content).hexdigest()}"
    with backend.open("a") as stream:
        assert stream.read() == content


def test_a_large_file_keeps_the_sha256_that_was_announced(server: GcsServer) -> None:
    backend = backend_at(server, chunk_size=CHUNK_UNIT)
    content = content_of(CHUNK_UNIT + 1)
    checksum = f"sha256:{hashlib.sha256(content).hexdigest()}"
    assert backend.save("a", io.BytesIO(content), SaveOptions(checksum=checksum)).checksum == checksum


@pytest.mark.parametrize("error", [OSError(5, "x"), KeyboardInterrupt(), ConnectionError("x")])
def test_a_source_that_fails_half_way_leaves_no_session_and_no_object(
    watched: tuple[GcsServer, FaultProxy], error: BaseException
) -> None:
    server, proxy = watched
    backend = backend_at(server, proxy.endpoint, chunk_size=CHUNK_UNIT)
    stream = source(bytes(4 * CHUNK_UNIT), fail_after=3 * CHUNK_UNIT, error=error)
    with pytest.raises(type(error)) as caught:
        backend.save("a", stream, SaveOptions())
    assert caught.value is error
    assert [request.method for request in proxy.requests].count("DELETE") == 1
    assert objects_in(server, backend) == []


@pytest.mark.parametrize("size", [3 * CHUNK_UNIT - 1, 3 * CHUNK_UNIT + 1, CHUNK_UNIT])
def test_a_large_source_of_another_length_than_announced_stores_nothing(
    watched: tuple[GcsServer, FaultProxy], size: int
) -> None:
    server, proxy = watched
    backend = backend_at(server, proxy.endpoint, chunk_size=CHUNK_UNIT)
    with pytest.raises(BackendError, match="announced"):
        backend.save("a", source(bytes(3 * CHUNK_UNIT)), SaveOptions(size=size))
    assert all((request.headers["Content-Range"] or "/*").endswith("/*") for request in proxy.requests)
    assert objects_in(server, backend) == []


def test_a_large_file_does_not_replace_one_unasked(server: GcsServer) -> None:
    backend = backend_at(server, chunk_size=CHUNK_UNIT)
    backend.save("a", io.BytesIO(b"first"), SaveOptions())
    with pytest.raises(AlreadyExistsError):
        backend.save("a", io.BytesIO(bytes(CHUNK_UNIT + 1)), SaveOptions())
    assert backend.save("a", io.BytesIO(bytes(CHUNK_UNIT + 1)), SaveOptions(overwrite=True)).size == CHUNK_UNIT + 1


def test_a_reader_notices_that_its_file_was_replaced(fake_gcs_server: GcsServer) -> None:
    backend = backend_at(fake_gcs_server)
    backend.save("a", io.BytesIO(content_of(3 * MIB, 1)), SaveOptions())
    with backend.open("a") as stream:
        assert stream.read(10) == content_of(10, 1)
        backend.save("a", io.BytesIO(content_of(3 * MIB, 2)), SaveOptions(overwrite=True))
        with pytest.raises(PreconditionError):
            stream.read()


def test_a_reader_notices_that_its_file_was_deleted(fake_gcs_server: GcsServer) -> None:
    backend = backend_at(fake_gcs_server)
    backend.save("a", io.BytesIO(content_of(3 * MIB)), SaveOptions())
    with backend.open("a") as stream:
        backend.delete("a")
        with pytest.raises(NotFoundError):
            stream.read()


def test_a_large_file_is_read_in_any_order(server: GcsServer) -> None:
    backend = backend_at(server, read_ahead=CHUNK_UNIT)
    content = content_of(3 * MIB)
    backend.save("a", io.BytesIO(content), SaveOptions())
    with backend.open("a") as stream:
        for start in (2 * MIB, 0, 3 * MIB - 5, MIB - 3):
            stream.seek(start)
            assert stream.read(7) == content[start : start + 7]
    with backend.open_range("a", MIB + 1, MIB) as stream:
        assert stream.read() == content[MIB + 1 : 2 * MIB + 1]


def test_stored_bytes_come_back_even_if_they_are_compressed(fake_gcs_server: GcsServer) -> None:
    import gzip

    backend = backend_at(fake_gcs_server)
    packed = gzip.compress(b"hello")
    backend.save("a.gz", io.BytesIO(packed), SaveOptions())
    with closing(fake_gcs_server.client()) as client:
        blob = client.bucket(str(backend.path("")).split("/")[2]).blob("p/a.gz")
        blob.content_encoding = "gzip"
        blob.upload_from_string(packed)
    with backend.open("a.gz") as stream:
        assert stream.read() == packed


def test_servers_that_ignore_ranges_are_coped_with() -> None:
    content = b"0123456789"
    md5 = base64.b64encode(hashlib.md5(content).digest()).decode()
    stored = {"name": "a", "size": "10", "generation": "7", "md5Hash": md5}
    with Sink(alt=(200, {}, content), GET=(200, {}, json.dumps(stored).encode())) as sink:
        backend = GCSBackend("bucket", GCSOptions(endpoint=sink.endpoint))
        with backend.open_range("a", 3, 4) as stream:
            assert stream.read() == b"3456"
        with backend.open("a") as stream:
            assert stream.read() == content


def test_many_files_are_deleted_in_batches_of_a_hundred(watched: tuple[GcsServer, FaultProxy]) -> None:
    server, proxy = watched
    backend = backend_at(server, proxy.endpoint)
    keys = [f"{number}/ünï 'x'.txt" for number in range(3)]
    for key in keys:
        backend.save(key, io.BytesIO(b"x"), SaveOptions())
    proxy.requests.clear()
    backend.delete_many([*keys, *(f"missing/{number}" for number in range(200))])
    assert [request.path for request in proxy.requests] == ["/batch/storage/v1"] * 3
    assert list(backend.list_files()) == []


def test_a_batch_that_fails_in_part_deletes_the_others_and_tells() -> None:
    with Sink(batch=(200, {}, b""), bad=(403, {}, b"{}")) as sink:
        backend = GCSBackend("bucket", GCSOptions(endpoint=sink.endpoint))
        with pytest.raises(PermissionError):
            backend.delete_many(["a", "bad", "b"])
    assert [seen.path[-3:] for seen in sink.requests if seen.method == "DELETE"] == ["o/a", "bad", "o/b"]


def test_a_listing_is_read_page_by_page_and_only_as_far_as_needed() -> None:
    def page(first: int, token: str | None) -> bytes:
        items = [{"name": f"p/{n}", "size": "1", "generation": "1"} for n in range(first, first + 2)]
        return json.dumps({"items": items, "nextPageToken": token}).encode()

    with Sink(second=(200, {}, page(2, None)), GET=(200, {}, page(0, "second"))) as sink:
        backend = GCSBackend("bucket/p", GCSOptions(endpoint=sink.endpoint))
        listing = backend.list_files("x")
        assert next(listing).key == "0"
        assert len(sink.requests) == 1
        assert [info.key for info in listing] == ["1", "2", "3"]
    assert sink.requests[0].query["prefix"] == "p/x"
    assert sink.requests[0].query["maxResults"] == "1000"


def test_a_missing_bucket_is_not_a_missing_file(server: GcsServer) -> None:
    backend = GCSBackend("no-such-bucket", GCSOptions(endpoint=server.endpoint))
    for call in (lambda: backend.save("a", io.BytesIO(b"x"), SaveOptions()), lambda: list(backend.list_files())):
        with pytest.raises(BackendError, match="bucket does not exist") as caught:
            call()
        assert not isinstance(caught.value, FileNotFoundError)


def test_copies_replace_the_attributes_and_keep_the_checksum(fake_gcs_server: GcsServer) -> None:
    backend = backend_at(fake_gcs_server, cache_control="no-store")
    saved = backend.save("a.txt", io.BytesIO(b"x"), SaveOptions(metadata={"old": "1"}))
    copied = backend.copy("a.txt", "b.html", SaveOptions(metadata={"new": "1"}))
    assert copied == backend.stat("b.html")
    assert copied.checksum == saved.checksum
    assert (copied.content_type, copied.cache_control, copied.metadata) == ("text/html", "no-store", {"new": "1"})


@pytest.mark.parametrize("announced", [{"size": 99}, {"checksum": "sha256:" + "0" * 64}], ids=["size", "checksum"])
def test_a_copy_is_held_to_what_is_announced(fake_gcs_server: GcsServer, announced: dict[str, Any]) -> None:
    backend = backend_at(fake_gcs_server)
    backend.save("a.txt", io.BytesIO(b"hello"), SaveOptions())
    with pytest.raises(IntegrityError):
        backend.copy("a.txt", "b.txt", SaveOptions(**announced))
    with pytest.raises(NotFoundError):
        backend.stat("b.txt")


def test_a_copy_that_takes_several_requests_is_carried_on() -> None:
    source_object = {"name": "a", "size": "1", "generation": "7"}
    target = {**source_object, "name": "b"}
    with Sink(
        t0ken=(200, {}, json.dumps({"done": True, "resource": target}).encode()),
        rewriteTo=(200, {}, json.dumps({"done": False, "rewriteToken": "t0ken"}).encode()),
        GET=(200, {}, json.dumps(source_object).encode()),
    ) as sink:
        options = GCSOptions(endpoint=sink.endpoint, kms_key="k", acl="private")
        GCSBackend("bucket", options).copy("a", "b", SaveOptions(overwrite=True))
    first, second = (seen.query for seen in sink.requests if seen.method == "POST")
    expected = {"sourceGeneration": "7", "destinationKmsKeyName": "k", "destinationPredefinedAcl": "private"}
    assert first == expected
    assert second == {**expected, "rewriteToken": "t0ken"}


def test_sweeping_removes_old_uploads_and_counts_them(server: GcsServer) -> None:
    backend = backend_at(server)
    backend.save("a", io.BytesIO(b"x"), SaveOptions())
    for _ in range(2):
        upload_id = backend.create_multipart("b", SaveOptions())
        for number in (1, 2):
            backend.put_part("b", upload_id, number, io.BytesIO(b"x"))
    assert backend.sweep() == 0
    assert backend.sweep(timedelta(0)) == 2
    assert objects_in(server, backend) == ["p/a"]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="only where processes fork")
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
def test_a_forked_process_has_connections_of_its_own(fake_gcs_server: GcsServer) -> None:
    backend = backend_at(fake_gcs_server)
    backend.save("parent", io.BytesIO(b"parent"), SaveOptions())
    child = os.fork()
    if child == 0:
        status = 1
        try:
            for number in range(20):
                backend.save(f"child-{number}", io.BytesIO(b"child"), SaveOptions())
            status = 0
        finally:
            os._exit(status)
    for _ in range(20):
        with backend.open("parent") as stream:
            assert stream.read() == b"parent"
    assert os.waitpid(child, 0)[1] == 0
    assert len(list(backend.list_files("child"))) == 20
