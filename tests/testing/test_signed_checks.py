"""The checks of signed URLs and presigned requests pass on a sound server and notice every broken one."""

from __future__ import annotations

import functools
from collections.abc import Iterator

import pytest

from tests.testing import broken_links, broken_signing
from tests.testing.served import ServedBackend, Server, serving
from uploadkit.backends.protocol import Backend
from uploadkit.testing import CHECKS, BackendContract, run_checks, visitor

BROKEN = [*broken_signing.BROKEN, *broken_links.BROKEN]
_BY_NAME = {check.name: check for check in CHECKS}


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with serving() as server:
        yield server


@pytest.mark.parametrize(("backend", "check"), BROKEN, ids=lambda value: getattr(value, "__name__", value))
def test_a_broken_promise_is_noticed(
    backend: type[ServedBackend], check: str, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(visitor, "_PATIENCE", 1.2)
    report = run_checks(functools.partial(backend, server), checks=[_BY_NAME[check]])
    assert not report.kept
    assert report.results[0].detail.startswith(("AssertionError", "NotFoundError")), report


class TestServed(BackendContract):
    """What the broken ones are made of keeps the whole contract."""

    @pytest.fixture(autouse=True)
    def _own_server(self, server: Server) -> None:
        self.server = server

    def make_backend(self) -> Backend:
        return ServedBackend(self.server)


def test_a_failures_message_holds_no_signature(server: Server) -> None:
    checks = [check for check in CHECKS if check.name.endswith("cannot_be_changed")]
    report = run_checks(functools.partial(broken_signing.ChecksNoSignature, server), checks=checks)
    assert not report.kept
    assert "signature=" not in str(report)
