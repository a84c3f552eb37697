"""The Google Cloud Storage backend when the network breaks, answers get lost and the store is busy."""

from __future__ import annotations

import io
import json
import logging
import time
import traceback
from collections.abc import Iterator
from typing import Any

import pytest

pytest.importorskip("google.cloud.storage")

from tests.backends.test_gcs import backend_at, content_of, objects_in
from tests.backends.test_gcs_options import STORED, Sink
from tests.servers.fault_proxy import Answer, Fault, FaultProxy, Kind, gcs_error
from tests.servers.stores import GcsServer
from uploadkit import (
    AlreadyExistsError,
    BackendError,
    IntegrityError,
    NotFoundError,
    NotSupportedError,
    PermissionDeniedError,
    PreconditionError,
    SaveOptions,
    UnavailableError,
)
from uploadkit.backends._gcs.options import CHUNK_UNIT
from uploadkit.backends._gcs.wire import Pieces
from uploadkit.backends.gcs import GCSBackend, GCSOptions
from uploadkit.testing.subject import get, source

pytestmark = pytest.mark.slow

UPLOAD = "/upload/storage/v1"


@pytest.fixture
def fake(fake_gcs_server: GcsServer) -> Iterator[FaultProxy]:
    """A server with preconditions on small uploads."""
    with FaultProxy(fake_gcs_server.endpoint) as proxy:
        yield proxy


@pytest.fixture
def emulator(gcp_emulator: GcsServer) -> Iterator[FaultProxy]:
    """A server whose resumable uploads tell how far they got."""
    with FaultProxy(gcp_emulator.endpoint) as proxy:
        yield proxy


def sent(proxy: FaultProxy, method: str = "POST") -> int:
    """Return how many requests with this method the proxy saw."""
    return [request.method for request in proxy.requests].count(method)


def test_a_file_whose_answer_was_lost_is_our_own(fake_gcs_server: GcsServer, fake: FaultProxy) -> None:
    backend = backend_at(fake_gcs_server, fake.endpoint)
    lost = fake.add(Fault(Kind.LOST_ANSWER, "POST", UPLOAD))
    info = backend.save("a", io.BytesIO(b"x"), SaveOptions())
    assert lost.strikes == 1
    assert info == backend.stat("a")
    assert objects_in(fake_gcs_server, backend) == ["p/a"]


def test_a_file_of_somebody_else_is_not_our_own(fake_gcs_server: GcsServer, fake: FaultProxy) -> None:
    """The first attempt stores nothing, and before the second another process takes the key."""
    backend = backend_at(fake_gcs_server, fake.endpoint)
    other = GCSBackend(str(backend.path("")), GCSOptions(endpoint=fake_gcs_server.endpoint))
    fake.add(Fault(Kind.RESET_AFTER_BODY, "POST", UPLOAD))
    fake.add(Fault(Kind.CALL, "POST", UPLOAD, call=lambda: other.save("a", io.BytesIO(b"theirs"), SaveOptions())))
    with pytest.raises(AlreadyExistsError):
        backend.save("a", io.BytesIO(b"ours"), SaveOptions())
    assert get(backend, "a") == b"theirs"


def test_a_file_whose_last_answer_was_lost_too_is_found(fake_gcs_server: GcsServer, fake: FaultProxy) -> None:
    backend = backend_at(fake_gcs_server, fake.endpoint, max_attempts=1)
    fake.add(Fault(Kind.LOST_ANSWER, "POST", UPLOAD))
    assert backend.save("a", io.BytesIO(b"x"), SaveOptions()).size == 1


def test_an_outcome_that_nobody_can_tell_is_not_called_a_taken_key(
    fake_gcs_server: GcsServer, fake: FaultProxy
) -> None:
    """A caller who reads that the key is taken stores the file once more, under another key."""
    backend = backend_at(fake_gcs_server, fake.endpoint)
    fake.add(Fault(Kind.LOST_ANSWER, "POST", UPLOAD))
    fake.add(Fault(Kind.ANSWER, "GET", after=1, times=None, answer=gcs_error(503, "backendError")))
    with pytest.raises(UnavailableError):
        backend.save("a", io.BytesIO(b"x"), SaveOptions())


@pytest.mark.parametrize("overwrite", [True, False])
@pytest.mark.parametrize(
    "fault",
    [
        Fault(Kind.RESET_BEFORE_BODY, "POST", UPLOAD),
        Fault(Kind.RESET_MID_BODY, "POST", UPLOAD),
        Fault(Kind.ANSWER, "POST", UPLOAD, times=2, answer=gcs_error(503, "backendError")),
        Fault(Kind.ANSWER, "POST", UPLOAD, times=2, answer=gcs_error(429, "rateLimitExceeded")),
        Fault(Kind.ANSWER, "POST", UPLOAD, answer=gcs_error(408, "timeout")),
        Fault(Kind.TRUNCATED, "POST", UPLOAD),
        Fault(Kind.CORRUPTED, "POST", UPLOAD),
    ],
    ids=lambda fault: f"{fault.kind.name} {fault.answer.status if fault.answer else ''}",
)
def test_a_save_survives(fake_gcs_server: GcsServer, fake: FaultProxy, fault: Fault, overwrite: bool) -> None:
    fault.seen = fault.strikes = 0
    backend = backend_at(fake_gcs_server, fake.endpoint)
    fake.add(fault)
    content = content_of(300_000)
    backend.save("a", io.BytesIO(content), SaveOptions(overwrite=overwrite))
    assert fault.strikes == fault.times
    assert get(backend, "a") == content


def test_a_busy_store_is_asked_so_often_and_no_more(fake_gcs_server: GcsServer, fake: FaultProxy) -> None:
    backend = backend_at(fake_gcs_server, fake.endpoint, max_attempts=2)
    fake.add(Fault(Kind.ANSWER, "POST", times=None, answer=gcs_error(503, "backendError")))
    with pytest.raises(UnavailableError, match="503") as caught:
        backend.save("a", io.BytesIO(b"x"), SaveOptions())
    assert caught.value.retryable
    assert (caught.value.key, caught.value.backend) == ("a", "gcs")
    assert sent(fake) == 2


def test_a_store_that_never_answers_is_given_up_within_the_deadline(
    fake_gcs_server: GcsServer, fake: FaultProxy
) -> None:
    backend = backend_at(fake_gcs_server, fake.endpoint, read_timeout=20, deadline=1.0, max_attempts=9)
    fake.add(Fault(Kind.BLACK_HOLE, times=None))
    started = time.monotonic()
    with pytest.raises(UnavailableError, match="in time"):
        backend.stat("a")
    assert time.monotonic() - started < 2  # without the deadline it would be three minutes


def test_a_store_that_answers_drop_by_drop_is_given_up_within_the_deadline() -> None:
    import socket
    import threading

    listener = socket.create_server(("127.0.0.1", 0))
    done = threading.Event()

    def drip() -> None:
        connection, _ = listener.accept()
        with connection:
            connection.recv(65536)
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
            while not done.wait(0.1):
                try:
                    connection.sendall(b" ")
                except OSError:
                    return

    thread = threading.Thread(target=drip)
    thread.start()
    port = listener.getsockname()[1]
    backend = GCSBackend("bucket", GCSOptions(endpoint=f"http://127.0.0.1:{port}", deadline=0.5, max_attempts=1))
    started = time.monotonic()
    try:
        with pytest.raises(UnavailableError):
            backend.stat("a")
        assert time.monotonic() - started < 2  # without the deadline it would be 100 seconds
    finally:
        done.set()
        thread.join()
        listener.close()


@pytest.mark.parametrize("kind", [Kind.TRUNCATED, Kind.CORRUPTED, Kind.LOST_ANSWER])
def test_a_read_survives(fake_gcs_server: GcsServer, fake: FaultProxy, kind: Kind) -> None:
    backend = backend_at(fake_gcs_server, fake.endpoint)
    content = content_of(300_000)
    backend.save("a", io.BytesIO(content), SaveOptions())
    fault = fake.add(Fault(kind, "GET", query="alt=media"))
    assert get(backend, "a") == content
    assert fault.strikes == 1


def test_bytes_that_are_damaged_for_good_are_not_handed_out(fake_gcs_server: GcsServer, fake: FaultProxy) -> None:
    backend = backend_at(fake_gcs_server, fake.endpoint)
    backend.save("a", io.BytesIO(content_of(3_000_000)), SaveOptions())
    fake.add(Fault(Kind.CORRUPTED, "GET", query="alt=media", times=None))
    with backend.open("a") as stream, pytest.raises(IntegrityError):
        stream.read()


def test_a_large_file_goes_on_where_the_store_got_to(gcp_emulator: GcsServer, emulator: FaultProxy) -> None:
    backend = backend_at(gcp_emulator, emulator.endpoint, chunk_size=CHUNK_UNIT)
    content = content_of(4 * CHUNK_UNIT + 5)
    for after, kind in ((1, Kind.LOST_ANSWER), (2, Kind.RESET_AFTER_BODY)):
        emulator.add(Fault(kind, "PUT", after=after))
    emulator.add(Fault(Kind.ANSWER, "PUT", after=2, answer=gcs_error(503, "backendError")))
    backend.save("a", io.BytesIO(content), SaveOptions())
    assert get(backend, "a") == content
    asked = [r for r in emulator.requests if (r.headers["Content-Range"] or "").startswith("bytes */")]
    assert len(asked) == 3


def test_a_large_file_whose_last_answer_was_lost_is_our_own(gcp_emulator: GcsServer, emulator: FaultProxy) -> None:
    """The emulator forgets finished sessions, so only the upload word tells."""
    backend = backend_at(gcp_emulator, emulator.endpoint, chunk_size=CHUNK_UNIT)
    emulator.add(Fault(Kind.LOST_ANSWER, "PUT", after=1))
    info = backend.save("a", io.BytesIO(bytes(CHUNK_UNIT + 1)), SaveOptions())
    assert info == backend.stat("a")


def test_a_large_file_that_cannot_be_sent_leaves_nothing(gcp_emulator: GcsServer, emulator: FaultProxy) -> None:
    backend = backend_at(gcp_emulator, emulator.endpoint, chunk_size=CHUNK_UNIT, max_attempts=2)
    emulator.add(Fault(Kind.ANSWER, "PUT", after=1, times=None, answer=gcs_error(503, "backendError")))
    with pytest.raises(UnavailableError) as caught:
        backend.save("a", io.BytesIO(bytes(3 * CHUNK_UNIT)), SaveOptions())
    assert "upload_id" not in str(caught.value) + str(caught.value.__cause__)
    assert sent(emulator, "DELETE") == 1
    assert objects_in(gcp_emulator, backend) == []


def test_a_copy_whose_answer_was_lost_is_our_own(fake_gcs_server: GcsServer, fake: FaultProxy) -> None:
    backend = backend_at(fake_gcs_server, fake.endpoint)
    backend.save("a", io.BytesIO(b"x"), SaveOptions())
    fake.add(Fault(Kind.LOST_ANSWER, "POST", "/rewriteTo/"))
    fake.add(Fault(Kind.ANSWER, "POST", "/rewriteTo/", answer=gcs_error(412, "conditionNotMet")))
    assert backend.copy("a", "b", SaveOptions()) == backend.stat("b")


def test_a_source_that_is_replaced_before_it_is_copied_is_looked_up_again(
    fake_gcs_server: GcsServer, fake: FaultProxy
) -> None:
    backend = backend_at(fake_gcs_server, fake.endpoint)
    backend.save("a", io.BytesIO(b"x"), SaveOptions())
    fake.add(Fault(Kind.ANSWER, "POST", "/rewriteTo/", answer=gcs_error(404, "notFound")))
    assert backend.copy("a", "b", SaveOptions()).size == 1
    fake.add(Fault(Kind.ANSWER, "POST", "/rewriteTo/", times=None, answer=gcs_error(404, "notFound")))
    with pytest.raises(NotFoundError):
        backend.copy("a", "c", SaveOptions())


def test_a_file_that_is_replaced_while_it_is_opened_is_looked_up_again(
    fake_gcs_server: GcsServer, fake: FaultProxy
) -> None:
    backend = backend_at(fake_gcs_server, fake.endpoint)
    backend.save("a", io.BytesIO(b"x"), SaveOptions())
    for status in (412, 416):
        fake.add(Fault(Kind.ANSWER, "GET", query="alt=media", answer=gcs_error(status, "conditionNotMet")))
    assert get(backend, "a") == b"x"
    fake.add(Fault(Kind.ANSWER, "GET", query="alt=media", times=None, answer=gcs_error(412, "conditionNotMet")))
    with pytest.raises(PreconditionError):
        backend.open("a")


def test_a_store_that_gives_fewer_bytes_than_asked_for_is_unavailable() -> None:
    stored = json.dumps({**STORED, "size": "10"}).encode()
    with Sink(alt=(206, {}, b"12345"), GET=(200, {}, stored)) as sink:
        backend = GCSBackend("bucket", GCSOptions(endpoint=sink.endpoint))
        with pytest.raises(UnavailableError, match="5 of 10"):
            backend.open("a")


def test_a_store_that_takes_no_more_bytes_is_unavailable(gcp_emulator: GcsServer, emulator: FaultProxy) -> None:
    backend = backend_at(gcp_emulator, emulator.endpoint, chunk_size=CHUNK_UNIT)
    emulator.add(Fault(Kind.ANSWER, "PUT", times=None, answer=Answer(308)))
    with pytest.raises(UnavailableError, match="no more bytes"):
        backend.save("a", io.BytesIO(bytes(3 * CHUNK_UNIT)), SaveOptions())


def test_a_store_that_tells_no_session_is_unavailable(gcp_emulator: GcsServer, emulator: FaultProxy) -> None:
    backend = backend_at(gcp_emulator, emulator.endpoint, chunk_size=CHUNK_UNIT)
    emulator.add(Fault(Kind.ANSWER, "POST", answer=Answer(200)))
    with pytest.raises(UnavailableError, match="no place"):
        backend.save("a", io.BytesIO(bytes(3 * CHUNK_UNIT)), SaveOptions())


def test_files_are_deleted_one_by_one_where_batches_fail(fake_gcs_server: GcsServer, fake: FaultProxy) -> None:
    backend = backend_at(fake_gcs_server, fake.endpoint, max_attempts=1)
    for key in ("a", "b"):
        backend.save(key, io.BytesIO(b"x"), SaveOptions())
    fake.add(Fault(Kind.ANSWER, "POST", "/batch/", times=None, answer=gcs_error(503, "backendError")))
    backend.delete_many(["a", "b"])
    assert objects_in(fake_gcs_server, backend) == []


def test_a_completion_whose_answer_was_lost_is_our_own(fake_gcs_server: GcsServer, fake: FaultProxy) -> None:
    backend = backend_at(fake_gcs_server, fake.endpoint)
    upload_id = backend.create_multipart("a", SaveOptions())
    part = backend.put_part("a", upload_id, 1, io.BytesIO(b"x"))
    fake.add(Fault(Kind.LOST_ANSWER, "POST", "/compose"))
    fake.add(Fault(Kind.ANSWER, "POST", "/compose", answer=gcs_error(412, "conditionNotMet")))
    assert backend.complete_multipart("a", upload_id, [part]).size == 1
    assert objects_in(fake_gcs_server, backend) == ["p/a"]


@pytest.mark.parametrize("size", [5, CHUNK_UNIT + 5])
def test_other_bytes_stored_than_sent_are_removed_again(
    gcp_emulator: GcsServer, emulator: FaultProxy, size: int
) -> None:
    backend = backend_at(gcp_emulator, emulator.endpoint, chunk_size=CHUNK_UNIT)
    resource = {**STORED, "name": "p/a", "size": str(size), "crc32c": "AAAAAA=="}
    method = "POST" if size < CHUNK_UNIT else "PUT"
    answer = Answer(200, json.dumps(resource).encode(), (("Content-Type", "application/json"),))
    emulator.add(Fault(Kind.REPLACED_ANSWER, method, UPLOAD, after=int(method == "PUT"), answer=answer))
    with pytest.raises(IntegrityError):
        backend.save("a", io.BytesIO(content_of(size)), SaveOptions())
    assert objects_in(gcp_emulator, backend) == []


def test_the_store_is_given_a_checksum_to_refuse_damaged_bytes_by(gcp_emulator: GcsServer) -> None:
    """The emulator holds uploads in one request against it."""
    from uploadkit.backends._gcs import saving

    backend = backend_at(gcp_emulator)
    wanted = {"name": "p/a", "contentType": "text/plain", "metadata": {}}

    class Damaging(Pieces):
        def __iter__(self) -> Iterator[bytes]:
            for piece in super().__iter__():
                yield piece.replace(b"content", b"c0ntent")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(saving, "Pieces", Damaging)
        with pytest.raises(IntegrityError) as caught:
            saving.put_object(backend._wire, "a", wanted, b"content", "w", overwrite=True)
    assert caught.value.retryable


@pytest.mark.parametrize(
    ("answer", "kind", "words"),
    [
        (gcs_error(403, "forbidden"), PermissionDeniedError, "403"),
        (gcs_error(401, "authError"), PermissionDeniedError, "credentials"),
        (gcs_error(404, "notFound"), NotFoundError, "no such file"),
        (gcs_error(404, "notFound", "The specified bucket does not exist."), BackendError, "bucket"),
        (gcs_error(400, "invalid"), BackendError, "400"),
        (gcs_error(501, "notImplemented"), BackendError, "501"),
        (Answer(302, b"", (("Location", "https://elsewhere.example/?token=secret"),)), BackendError, "302"),
        (Answer(200, b"<html>Log in</html>"), UnavailableError, "somebody else"),
        (Answer(500, b"<html>secret</html>"), UnavailableError, "500"),
    ],
)
def test_refusals_have_their_kinds(
    fake_gcs_server: GcsServer, fake: FaultProxy, answer: Answer, kind: type[BackendError], words: str
) -> None:
    backend = backend_at(fake_gcs_server, fake.endpoint, max_attempts=1)
    fake.add(Fault(Kind.ANSWER, "GET", answer=answer))
    with pytest.raises(BackendError, match=words) as caught:
        backend.stat("a")
    assert type(caught.value) is kind
    assert caught.value.__cause__ is not None
    assert "secret" not in str(caught.value) + repr(caught.value.__cause__)
    assert type(caught.value).__module__ == "uploadkit.exceptions"


def test_a_bucket_that_refuses_acls_says_the_way_out(fake_gcs_server: GcsServer, fake: FaultProxy) -> None:
    backend = backend_at(fake_gcs_server, fake.endpoint, acl="publicRead")
    message = "Cannot insert legacy ACL for an object when uniform bucket-level access is enabled."
    fake.add(Fault(Kind.ANSWER, "POST", answer=gcs_error(400, "invalid", message)))
    with pytest.raises(NotSupportedError, match="leave the option 'acl' out"):
        backend.save("a", io.BytesIO(b"x"), SaveOptions())


def test_nobody_there_is_unavailable() -> None:
    backend = GCSBackend("bucket", GCSOptions(endpoint="http://127.0.0.1:9", max_attempts=2))
    for call in (
        lambda: backend.stat("a"),
        lambda: backend.save("a", io.BytesIO(b"x"), SaveOptions(overwrite=True)),
        lambda: backend.delete("a"),
        lambda: list(backend.list_files()),
    ):
        with pytest.raises(UnavailableError, match="connection broke"):
            call()


def test_credentials_that_fail_are_told_apart() -> None:
    from google.auth import exceptions
    from google.auth.credentials import AnonymousCredentials

    class Failing(AnonymousCredentials):
        error: Exception

        def before_request(self, *_: Any) -> None:
            raise self.error

    for error, kind in (
        (exceptions.RefreshError("secret"), PermissionDeniedError),
        (exceptions.RefreshError("secret", retryable=True), UnavailableError),
        (exceptions.TransportError("secret"), UnavailableError),
        (exceptions.DefaultCredentialsError("secret"), PermissionDeniedError),
    ):
        credentials = Failing()
        credentials.error = error
        options = GCSOptions(endpoint="http://127.0.0.1:9", credentials=credentials, max_attempts=1)
        with pytest.raises(BackendError, match="credentials") as caught:
            GCSBackend("bucket", options).stat("a")
        assert type(caught.value) is kind
        assert "secret" not in str(caught.value)


def test_refreshed_credentials_send_the_whole_body_again() -> None:
    """A body that was read to its end before a 401 must not arrive empty after it."""
    from google.auth.credentials import AnonymousCredentials

    class Refreshing(AnonymousCredentials):
        def refresh(self, request: Any) -> None:
            sink.answers.pop("POST")

    with Sink(POST=(401, {}, b"{}")) as sink:
        options = GCSOptions(endpoint=sink.endpoint, credentials=Refreshing())
        GCSBackend("bucket", options).save("a", io.BytesIO(b"x"), SaveOptions())
    first, second = (seen.body for seen in sink.requests if seen.method == "POST")
    assert first == second
    assert b"\r\n\r\nx\r\n--" in second


def test_nothing_secret_is_logged(
    gcp_emulator: GcsServer, emulator: FaultProxy, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    backend = backend_at(gcp_emulator, emulator.endpoint, chunk_size=CHUNK_UNIT)
    emulator.add(Fault(Kind.RESET_AFTER_BODY, "PUT", after=1))
    backend.save("a", io.BytesIO(bytes(CHUNK_UNIT + 1)), SaveOptions())
    assert "upload_id" not in "".join(r.getMessage() for r in caplog.records if r.name.startswith("uploadkit"))


def test_the_url_of_an_upload_is_in_no_traceback(fake_gcs_server: GcsServer) -> None:
    """Whoever has it can write: the SDK's own error once told it."""
    with FaultProxy(fake_gcs_server.endpoint) as proxy:
        backend = backend_at(fake_gcs_server, proxy.endpoint, chunk_size=CHUNK_UNIT, max_attempts=1, deadline=4)

        def close_after_a_while() -> None:
            if len(proxy.requests) > 1:
                proxy.close()

        with pytest.raises(UnavailableError) as caught:
            stream = source(content_of(6 * CHUNK_UNIT), on_read=close_after_a_while)
            backend.save("big.bin", stream, SaveOptions(overwrite=True))
    assert "upload_id" not in "".join(traceback.format_exception(caught.value))
    assert caught.value.__cause__ is not None
