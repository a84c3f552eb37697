"""Every operation of the GCS backend under every fault that does not go away: only errors of ours come out."""

from __future__ import annotations

import io
import logging
import re
import traceback
from collections.abc import Callable, Iterator
from typing import Any

import pytest

pytest.importorskip("google.cloud.storage")

from tests.backends.test_gcs import backend_at, content_of
from tests.servers.fault_proxy import Fault, FaultProxy, Kind, gcs_error
from tests.servers.stores import GcsServer
from uploadkit import BackendError, PermissionDeniedError, SaveOptions, UnavailableError
from uploadkit.backends._gcs.options import CHUNK_UNIT
from uploadkit.backends.gcs import GCSBackend, GCSOptions
from uploadkit.operations import exists

pytestmark = pytest.mark.slow

OVER = SaveOptions(overwrite=True)
OPERATIONS: dict[str, Callable[[GCSBackend], object]] = {
    "save": lambda backend: backend.save("new", io.BytesIO(b"x"), OVER),
    "save, create-only": lambda backend: backend.save("new", io.BytesIO(b"x"), SaveOptions()),
    "save, long": lambda backend: backend.save("new", io.BytesIO(content_of(3 * CHUNK_UNIT)), OVER),
    "open": lambda backend: backend.open("a"),
    "open_range": lambda backend: backend.open_range("a", 1, 2),
    "open_snapshot": lambda backend: backend.open_snapshot("a"),
    "stat": lambda backend: backend.stat("a"),
    "exists": lambda backend: exists(backend, "a"),
    "delete": lambda backend: backend.delete("a"),
    "delete_many": lambda backend: backend.delete_many(["a", "b"]),
    "list_files": lambda backend: list(backend.list_files()),
    "copy": lambda backend: backend.copy("a", "new", OVER),
    "sweep": lambda backend: backend.sweep(),
    "create_multipart": lambda backend: backend.create_multipart("new", OVER),
}
FAULTS: dict[str, tuple[Fault, type[BackendError]]] = {
    "reset before the body": (Fault(Kind.RESET_BEFORE_BODY, times=None), UnavailableError),
    "reset in the body": (Fault(Kind.RESET_MID_BODY, times=None), UnavailableError),
    "reset after the body": (Fault(Kind.RESET_AFTER_BODY, times=None), UnavailableError),
    "429": (Fault(Kind.ANSWER, times=None, answer=gcs_error(429, "rateLimitExceeded")), UnavailableError),
    "500": (Fault(Kind.ANSWER, times=None, answer=gcs_error(500, "backendError")), UnavailableError),
    "503": (Fault(Kind.ANSWER, times=None, answer=gcs_error(503, "backendError")), UnavailableError),
    "401": (Fault(Kind.ANSWER, times=None, answer=gcs_error(401, "authError")), PermissionDeniedError),
    "403": (Fault(Kind.ANSWER, times=None, answer=gcs_error(403, "forbidden")), PermissionDeniedError),
    "black hole": (Fault(Kind.BLACK_HOLE, times=None), UnavailableError),
}


@pytest.fixture
def proxy(fake_gcs_server: GcsServer) -> Iterator[FaultProxy]:
    with FaultProxy(fake_gcs_server.endpoint) as between:
        yield between


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("name", OPERATIONS)
def test_only_errors_of_ours_come_out(
    name: str, fault: str, fake_gcs_server: GcsServer, proxy: FaultProxy, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, "uploadkit")
    hasty: dict[str, Any] = {"max_attempts": 1, "read_timeout": 0.3, "deadline": 0.6, "chunk_size": CHUNK_UNIT}
    patient = backend_at(fake_gcs_server)
    backend = GCSBackend(str(patient.path("")), GCSOptions(endpoint=proxy.endpoint, **hasty))
    patient.save("a", io.BytesIO(b"hello"), SaveOptions())
    strike, kind = FAULTS[fault]
    proxy.add(Fault(strike.kind, times=None, answer=strike.answer))
    with pytest.raises(BackendError) as caught:
        OPERATIONS[name](backend)
    assert type(caught.value) is kind
    assert caught.value.backend == "gcs"
    assert caught.value.retryable == (kind is UnavailableError)
    assert caught.value.__cause__ is not None
    told = "".join(traceback.format_exception(caught.value)) + caplog.text
    assert not re.search(r"upload_id=[^)\s]", told), "whoever has the URL of an upload can write"
    proxy.clear()
    assert [info.key for info in patient.list_files()] == ["a"], "half a file is visible, or one is lost"
