"""Multipart uploads of the Google Cloud Storage backend, which are composed."""

from __future__ import annotations

import hashlib
import io

import pytest

pytest.importorskip("google.cloud.storage")

from tests.backends.test_gcs import backend_at, content_of, objects_in
from tests.servers.fault_proxy import Fault, FaultProxy, Kind, gcs_error
from tests.servers.stores import GcsServer
from uploadkit import (
    AlreadyExistsError,
    IntegrityError,
    NotFoundError,
    NotSupportedError,
    SaveOptions,
    UnavailableError,
)
from uploadkit.backends.gcs import GCSBackend
from uploadkit.directmodels import Part
from uploadkit.testing.subject import get

pytestmark = pytest.mark.slow


def upload_of(backend: GCSBackend, count: int, options: SaveOptions | None = None) -> tuple[str, list[Part], bytes]:
    """Store parts of a few bytes each; return the upload id, the parts and the whole content."""
    upload_id = backend.create_multipart("a.txt", options or SaveOptions())
    pieces = [content_of(3 + number % 5, number % 256) for number in range(count)]
    parts = [backend.put_part("a.txt", upload_id, n, io.BytesIO(piece)) for n, piece in enumerate(pieces, start=1)]
    return upload_id, parts, b"".join(pieces)


@pytest.mark.parametrize(("count", "composes"), [(1, 1), (32, 1), (33, 3), (70, 4)])
def test_parts_are_composed_thirty_two_at_a_time(fake_gcs_server: GcsServer, count: int, composes: int) -> None:
    with FaultProxy(fake_gcs_server.endpoint) as proxy:
        backend = backend_at(fake_gcs_server, proxy.endpoint)
        upload_id, parts, content = upload_of(
            backend, count, SaveOptions(metadata={"x": "ü"}, cache_control="no-store")
        )
        info = backend.complete_multipart("a.txt", upload_id, parts[::-1])
        assert ["/compose" in request.path for request in proxy.requests].count(True) == composes
        assert get(backend, "a.txt") == content
    assert (info.size, info.content_type, info.cache_control) == (len(content), "text/plain", "no-store")
    assert info.metadata == {"x": "ü"}
    assert objects_in(fake_gcs_server, backend) == ["p/a.txt"]


def test_more_than_a_thousand_parts_are_composed_in_three_steps(fake_gcs_server: GcsServer) -> None:
    backend = backend_at(fake_gcs_server)
    upload_id, parts, content = upload_of(backend, 1030)
    assert list(backend.list_parts("a.txt", upload_id)) == parts
    backend.complete_multipart("a.txt", upload_id, parts)
    assert get(backend, "a.txt") == content
    assert objects_in(fake_gcs_server, backend) == ["p/a.txt"]


def test_a_part_goes_by_the_etag_that_a_put_was_answered(fake_gcs_server: GcsServer) -> None:
    backend = backend_at(fake_gcs_server)
    upload_id, _, content = upload_of(backend, 1)
    etag = f'"{hashlib.md5(content).hexdigest()}"'
    assert backend.complete_multipart("a.txt", upload_id, [Part(1, etag, len(content))]).size == len(content)


@pytest.mark.parametrize("wrong", ["etag", "size", "number", "twice", "none"])
def test_parts_that_are_not_stored_as_given_are_refused(fake_gcs_server: GcsServer, wrong: str) -> None:
    backend = backend_at(fake_gcs_server)
    upload_id, (part,), _ = upload_of(backend, 1)
    given = {
        "etag": [Part(1, "0" * 32, part.size)],
        "size": [Part(1, part.etag, part.size + 1)],
        "number": [Part(2, part.etag, part.size)],
        "twice": [part, part],
        "none": [],
    }[wrong]
    with pytest.raises(IntegrityError):
        backend.complete_multipart("a.txt", upload_id, given)
    assert list(backend.list_parts("a.txt", upload_id)) == [part]
    backend.complete_multipart("a.txt", upload_id, [part])


def test_announced_sizes_are_kept_and_checksums_refused(fake_gcs_server: GcsServer) -> None:
    backend = backend_at(fake_gcs_server)
    upload_id, parts, content = upload_of(backend, 2, SaveOptions(size=1))
    with pytest.raises(IntegrityError, match="announced"):
        backend.complete_multipart("a.txt", upload_id, parts)
    backend.abort_multipart("a.txt", upload_id)
    upload_id, parts, content = upload_of(backend, 2, SaveOptions(size=len(content)))
    assert backend.complete_multipart("a.txt", upload_id, parts).metadata == {}
    with pytest.raises(NotSupportedError, match="checksum"):
        backend.create_multipart("a.txt", SaveOptions(checksum="md5:" + "0" * 32))


def test_a_part_that_is_replaced_while_composing_is_an_integrity_error(fake_gcs_server: GcsServer) -> None:
    with FaultProxy(fake_gcs_server.endpoint) as proxy:
        backend = backend_at(fake_gcs_server, proxy.endpoint)
        upload_id, parts, _ = upload_of(backend, 1)
        proxy.add(Fault(Kind.ANSWER, "POST", "/compose", answer=gcs_error(404, "notFound")))
        with pytest.raises(IntegrityError, match="meanwhile"):
            backend.complete_multipart("a.txt", upload_id, parts)
        backend.complete_multipart("a.txt", upload_id, parts)


def test_a_completion_that_fails_leaves_the_upload_and_nothing_in_between(fake_gcs_server: GcsServer) -> None:
    with FaultProxy(fake_gcs_server.endpoint) as proxy:
        backend = backend_at(fake_gcs_server, proxy.endpoint, max_attempts=1)
        upload_id, parts, content = upload_of(backend, 33)
        before = objects_in(fake_gcs_server, backend)
        proxy.add(Fault(Kind.ANSWER, "POST", "/compose", after=2, answer=gcs_error(503, "backendError")))
        with pytest.raises(UnavailableError):
            backend.complete_multipart("a.txt", upload_id, parts)
        assert objects_in(fake_gcs_server, backend) == before
        backend.complete_multipart("a.txt", upload_id, parts)
        assert get(backend, "a.txt") == content


def test_a_completion_whose_parts_cannot_be_removed_is_one(fake_gcs_server: GcsServer) -> None:
    with FaultProxy(fake_gcs_server.endpoint) as proxy:
        backend = backend_at(fake_gcs_server, proxy.endpoint, max_attempts=1)
        upload_id, parts, content = upload_of(backend, 2)
        for method in ("DELETE", "POST"):
            proxy.add(
                Fault(
                    Kind.ANSWER,
                    method,
                    "/batch/" if method == "POST" else None,
                    times=None,
                    answer=gcs_error(403, "forbidden"),
                )
            )
        assert backend.complete_multipart("a.txt", upload_id, parts).size == len(content)


def test_uploads_are_gone_after_their_end(fake_gcs_server: GcsServer) -> None:
    backend = backend_at(fake_gcs_server)
    upload_id, parts, _ = upload_of(backend, 1)
    backend.abort_multipart("a.txt", upload_id)
    backend.abort_multipart("a.txt", upload_id)
    backend.abort_multipart("a.txt", "never/../heard")
    for call in (
        lambda: backend.put_part("a.txt", upload_id, 1, io.BytesIO(b"x")),
        lambda: list(backend.list_parts("a.txt", upload_id)),
        lambda: backend.complete_multipart("a.txt", upload_id, parts),
        lambda: list(backend.list_parts("a.txt", "../../etc")),
    ):
        with pytest.raises(NotFoundError):
            call()
    assert objects_in(fake_gcs_server, backend) == []


def test_a_completion_does_not_replace_a_file_unasked(fake_gcs_server: GcsServer) -> None:
    backend = backend_at(fake_gcs_server)
    backend.save("a.txt", io.BytesIO(b"first"), SaveOptions())
    upload_id, parts, content = upload_of(backend, 2)
    with pytest.raises(AlreadyExistsError):
        backend.complete_multipart("a.txt", upload_id, parts)
    backend.complete_multipart("a.txt", upload_id, parts, overwrite=True)
    assert get(backend, "a.txt") == content
