"""The checks of signed URLs and presigned requests pass on a sound server and notice every broken one."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from datetime import datetime, tzinfo

import pytest

from tests.testing import broken_links, broken_signing
from tests.testing.served import ServedBackend, Server, serving
from uploadkit.backends.protocol import Backend
from uploadkit.testing import CHECKS, BackendContract, checks_signing, run_checks, visitor

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


@pytest.mark.parametrize("second", [0, 30, 58, 59])
def test_rounding_is_noticed_at_any_second_of_a_minute(
    second: int, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Clock(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> Clock:
            return cls(2030, 1, 2, 3, 4, second, tzinfo=tz)

    monkeypatch.setattr(checks_signing, "datetime", Clock)
    check = _BY_NAME["signed_urls_repeat_for_the_same_moment"]
    assert not run_checks(functools.partial(broken_links.SignsByTheMinute, server), checks=[check]).kept
    assert run_checks(functools.partial(ServedBackend, server), checks=[check]).kept


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
