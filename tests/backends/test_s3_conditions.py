"""Storing without overwriting on stores that are not Amazon's: the probe, the two ways, and the claims."""

from __future__ import annotations

import base64
import hashlib
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta, timezone
from io import BytesIO

import pytest

from uploadkit.backends._s3.claims import STALE_AFTER, claimed
from uploadkit.backends.s3 import S3Backend
from uploadkit.exceptions import AlreadyExistsError, NotSupportedError, PermissionDeniedError
from uploadkit.models import SaveOptions

from .s3_sink import (
    MIB,
    MakeS3,
    Reply,
    Seen,
    Sink,
    Stored,
    at_aws,
    clean_environment,
    error,
    make_s3,
    nothing_known,
    sink,
    sink_server,
)

__all__ = ["clean_environment", "make_s3", "nothing_known", "sink", "sink_server"]

PART = 5 * MIB
LONG = bytes(PART + 1)
#: How a file is stored, and the operation on which the condition counts then.
WAYS = [pytest.param(b"small", "PutObject", id="small"), pytest.param(LONG, "CompleteMultipartUpload", id="long")]

pytestmark = pytest.mark.usefixtures("nothing_known")


@pytest.fixture
def backend(make_s3: MakeS3) -> S3Backend:
    return make_s3("bucket/pre", part_size=PART)


def files_of(sink: Sink) -> list[str]:
    return [name for name in sink.visible if "/.uploadkit/" not in name]


class TestTheProbe:
    def test_it_comes_before_the_first_save_only_and_leaves_nothing(self, backend: S3Backend, sink: Sink) -> None:
        backend.save("a.txt", BytesIO(b"a"), SaveOptions())
        assert sink.operations == ["PutObject", "PutObject", "DeleteObject", "PutObject"]
        assert all(seen.key.startswith("pre/.uploadkit/probe-") for seen in sink.requests[:3])
        assert len({seen.key for seen in sink.requests[:3]}) == 1
        sink.requests.clear()
        backend.save("b.txt", BytesIO(b"b"), SaveOptions())
        assert sink.operations == ["PutObject"]
        assert sink.visible == ["pre/a.txt", "pre/b.txt"]

    def test_it_is_once_for_a_client_not_for_a_backend(self, make_s3: MakeS3, sink: Sink) -> None:
        make_s3("bucket/one").save("a.txt", BytesIO(b"a"), SaveOptions())
        sink.requests.clear()
        make_s3("bucket/two").save("a.txt", BytesIO(b"a"), SaveOptions())
        assert sink.operations == ["PutObject"]

    def test_overwriting_needs_none(self, backend: S3Backend, sink: Sink) -> None:
        backend.save("a.txt", BytesIO(b"a"), SaveOptions(overwrite=True))
        assert sink.operations == ["PutObject"]
        assert "if-none-match" not in sink.requests[0].headers

    def test_that_of_a_long_file_leaves_nothing(self, backend: S3Backend, sink: Sink) -> None:
        backend.save("a.bin", BytesIO(LONG), SaveOptions())
        assert (sink.visible, sink.uploads) == (["pre/a.bin"], {})

    def test_amazon_is_believed_without_one(self, sink: Sink) -> None:
        with at_aws(sink) as aws:
            aws.save("a.txt", BytesIO(b"a"), SaveOptions())
            aws.save("b.bin", BytesIO(bytes(8 * MIB + 1)), SaveOptions())
        assert all(seen.headers["host"].endswith("amazonaws.com") for seen in sink.requests)
        assert not any(".uploadkit" in seen.key for seen in sink.requests)
        assert sink.requests[0].headers["if-none-match"] == "*"
        assert sink.of("CompleteMultipartUpload")[0].headers["if-none-match"] == "*"

    def test_an_error_of_the_store_is_no_verdict(self, backend: S3Backend, sink: Sink) -> None:
        sink.hook = lambda seen: error(403, "AccessDenied")
        with pytest.raises(PermissionDeniedError):
            backend.save("a.txt", BytesIO(b"a"), SaveOptions())
        sink.hook = lambda seen: None
        sink.conditions["PutObject"] = "ignore"
        with pytest.raises(NotSupportedError):
            backend.save("a.txt", BytesIO(b"a"), SaveOptions())


@pytest.mark.parametrize(("content", "operation"), WAYS)
class TestAStoreThatDoesNotKeepConditions:
    @pytest.mark.parametrize("behaviour", ["ignore", "refuse"])
    def test_it_is_an_error_that_names_the_option_and_stores_nothing(
        self, backend: S3Backend, sink: Sink, content: bytes, operation: str, behaviour: str
    ) -> None:
        sink.conditions[operation] = behaviour
        sink.objects["pre/a"] = Stored(b"first")
        for key in ("a", "new"):
            with pytest.raises(NotSupportedError, match=r"conditional_writes='best-effort'"):
                backend.save(key, BytesIO(content), SaveOptions())
        assert sink.visible == ["pre/a"]
        assert sink.objects["pre/a"].content == b"first"
        assert sink.uploads == {}

    def test_overwriting_works_all_the_same(
        self, backend: S3Backend, sink: Sink, content: bytes, operation: str
    ) -> None:
        sink.conditions[operation] = "refuse"
        backend.save("a", BytesIO(content), SaveOptions(overwrite=True))
        assert files_of(sink) == ["pre/a"]

    @pytest.mark.parametrize("behaviour", ["keep", "ignore", "refuse"])
    def test_best_effort_looks_first(
        self, make_s3: MakeS3, sink: Sink, content: bytes, operation: str, behaviour: str
    ) -> None:
        sink.conditions[operation] = behaviour
        backend = make_s3("bucket/pre", part_size=PART, conditional_writes="best-effort")
        backend.save("a", BytesIO(content), SaveOptions())
        assert sink.objects["pre/a"].content == content
        with pytest.raises(AlreadyExistsError):
            backend.save("a", BytesIO(b"second"), SaveOptions())
        backend.save("b", BytesIO(content), SaveOptions())
        assert sink.visible == ["pre/a", "pre/b"]
        assert sink.uploads == {}
        assert not any("probe" in seen.key for seen in sink.requests)

    def test_a_refusal_is_remembered(self, make_s3: MakeS3, sink: Sink, content: bytes, operation: str) -> None:
        sink.conditions[operation] = "refuse"
        backend = make_s3("bucket/pre", part_size=PART, conditional_writes="best-effort")
        for key in ("a", "b"):
            backend.save(key, BytesIO(content), SaveOptions())
        found = [seen for seen in sink.of(operation) if "/.uploadkit/" not in seen.key]
        assert [seen.headers.get("if-none-match") for seen in found] == ["*", None, None]


@pytest.mark.parametrize("conditional_writes", ["require", "best-effort"])
def test_a_refusal_without_a_code_is_understood(make_s3: MakeS3, sink: Sink, conditional_writes: str) -> None:
    sink.hook = lambda seen: Reply(501) if "if-none-match" in seen.headers else None
    backend = make_s3(conditional_writes=conditional_writes)
    if conditional_writes == "require":
        with pytest.raises(NotSupportedError, match="conditional_writes"):
            backend.save("a", BytesIO(b"a"), SaveOptions())
    else:
        backend.save("a", BytesIO(b"a"), SaveOptions())
        assert sink.visible == ["a"]


class TestClaims:
    NAME = f"pre/.uploadkit/claims/{hashlib.sha256(b'a.bin').hexdigest()}"

    def foreign(self, sink: Sink, age: timedelta) -> None:
        sink.objects[self.NAME] = Stored(b"somebody else's", modified=datetime.now(timezone.utc) - age)

    def test_one_is_held_while_a_file_is_completed_and_released(self, backend: S3Backend, sink: Sink) -> None:
        backend.save("warm.bin", BytesIO(LONG), SaveOptions())
        held: list[bool] = []

        def look(seen: Seen) -> None:
            if seen.operation == "CompleteMultipartUpload":
                held.append(self.NAME in sink.objects)

        sink.hook = look
        backend.save("a.bin", BytesIO(LONG), SaveOptions())
        assert held == [True]
        assert sink.visible == ["pre/a.bin", "pre/warm.bin"]
        assert list(backend.list_files(".uploadkit")) == []

    def test_it_is_released_after_a_failure_too(self, backend: S3Backend, sink: Sink) -> None:
        backend.save("warm.bin", BytesIO(LONG), SaveOptions())
        sink.hook = lambda seen: error(403, "AccessDenied") if seen.operation == "CompleteMultipartUpload" else None
        with pytest.raises(PermissionDeniedError):
            backend.save("a.bin", BytesIO(LONG), SaveOptions())
        assert sink.visible == ["pre/warm.bin"]

    def test_somebody_elses_fresh_claim_wins(self, backend: S3Backend, sink: Sink) -> None:
        self.foreign(sink, STALE_AFTER - timedelta(minutes=1))
        with pytest.raises(AlreadyExistsError, match="another upload of it"):
            backend.save("a.bin", BytesIO(LONG), SaveOptions())
        assert sink.visible == [self.NAME]
        assert sink.objects[self.NAME].content == b"somebody else's"
        assert sink.uploads == {}

    def test_a_killed_processs_claim_is_taken_over(self, backend: S3Backend, sink: Sink) -> None:
        self.foreign(sink, STALE_AFTER + timedelta(minutes=1))
        backend.save("a.bin", BytesIO(LONG), SaveOptions())
        assert sink.visible == ["pre/a.bin"]

    @pytest.mark.parametrize("stale", [True, False], ids=["stale", "none"])
    def test_of_many_exactly_one_gets_it(self, backend: S3Backend, sink: Sink, stale: bool) -> None:
        many = 8
        if stale:
            self.foreign(sink, STALE_AFTER + timedelta(minutes=1))
        all_decided = threading.Barrier(many, timeout=20)

        def complete(number: int) -> bool:
            try:
                with claimed(backend._calls, "a.bin"):
                    all_decided.wait()
                    return True
            except AlreadyExistsError:
                all_decided.wait()
                return False

        with ThreadPoolExecutor(many) as pool:
            assert sum(pool.map(complete, range(many))) == 1
        assert sink.visible == []

    def test_one_that_was_taken_over_meanwhile_is_left_to_its_new_owner(self, backend: S3Backend, sink: Sink) -> None:
        with claimed(backend._calls, "a.bin"):
            self.foreign(sink, timedelta(0))
        assert sink.objects[self.NAME].content == b"somebody else's"

    def test_one_that_cannot_be_released_is_named_in_the_log(
        self, backend: S3Backend, sink: Sink, caplog: pytest.LogCaptureFixture
    ) -> None:
        with claimed(backend._calls, "a.bin"):
            sink.hook = lambda seen: error(403, "AccessDenied")
        assert self.NAME in caplog.text

    def test_overwriting_needs_none(self, backend: S3Backend, sink: Sink) -> None:
        self.foreign(sink, timedelta(0))
        backend.save("a.bin", BytesIO(LONG), SaveOptions(overwrite=True))
        assert "pre/a.bin" in sink.objects


def test_a_lost_answer_is_recognised_as_our_own_file(make_s3: MakeS3, sink: Sink) -> None:
    backend = make_s3(max_attempts=2)
    backend.save("warm.txt", BytesIO(b"x"), SaveOptions())
    lost = iter([True])

    def lose(seen: Seen) -> Reply | None:
        if seen.operation == "PutObject" and next(lost, False):
            sink._PutObject(seen)
            return error(500, "InternalError")
        return None

    sink.hook = lose
    info = backend.save("a.txt", BytesIO(b"hello"), SaveOptions())
    assert info == backend.stat("a.txt")
    assert len([seen for seen in sink.of("PutObject") if seen.key == "a.txt"]) == 2
    digest = base64.b64encode(hashlib.sha256(b"hello").digest()).decode()
    assert sink.objects["a.txt"].headers["x-amz-checksum-sha256"] == digest
