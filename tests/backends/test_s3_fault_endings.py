"""How uploads end that fail: nothing is left, or it is named; and what is stored is not reported as failed."""

from __future__ import annotations

import io
import re
import threading
from typing import Any

import pytest

from uploadkit import SaveOptions
from uploadkit.exceptions import (
    AlreadyExistsError,
    BackendError,
    IntegrityError,
    NotFoundError,
    UnavailableError,
)

from .test_s3_fault_kit import (
    LONG,
    OLD,
    OVERWRITE,
    PART,
    SMALL,
    Answer,
    Fault,
    Kind,
    World,
    direct,
    fault_bucket,
    fault_proxy,
    one_way,
    s3_error,
    warmed,
    world,
)

__all__ = ["direct", "fault_bucket", "fault_proxy", "warmed", "world"]

NEW = SaveOptions()
BROKEN = s3_error(500, "InternalError")
#: The status was sent before the error was known.
LATE = s3_error(200, "InternalError")
NO_UPLOAD = s3_error(404, "NoSuchUpload")
TAKEN = s3_error(412, "PreconditionFailed")
FINISH: dict[str, Any] = {"method": "POST", "query": "uploadId"}
ABORT: dict[str, Any] = {"method": "DELETE", "query": "uploadId"}
FOUR_PARTS = bytes(3 * PART) + LONG[:1000]


class Failing(io.RawIOBase):
    """A source that raises after ``length`` bytes."""

    def __init__(self, length: int, error: BaseException) -> None:
        self._left = length
        self._error = error

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        if not self._left:
            raise self._error
        size = min(self._left, len(buffer))
        self._left -= size
        return size


class TestErrorsWithin200:
    def test_once_is_healed(self, world: World) -> None:
        backend = world.backend()
        world.strike(Kind.ANSWER, LATE, **FINISH)
        assert backend.save("a", io.BytesIO(LONG), NEW).size == len(LONG)
        assert world.files() == {"a": LONG}
        world.check_nothing_left()

    @pytest.mark.parametrize("options", [NEW, OVERWRITE], ids=["create", "overwrite"])
    def test_for_good_is_an_error(self, options: SaveOptions, world: World) -> None:
        backend = world.backend()
        before = {"a": OLD} if options.overwrite else {}
        for name, content in before.items():
            world.put(name, content)
        world.strike(Kind.ANSWER, LATE, times=None, **FINISH)
        with pytest.raises(UnavailableError) as caught:
            backend.save("a", io.BytesIO(LONG), options)
        world.check_error(caught.value, "a")
        assert world.files() == before
        world.check_nothing_left()

    def test_a_copy_is_no_success_either(self, world: World) -> None:
        backend = world.backend()
        world.put("a", SMALL)
        world.strike(Kind.ANSWER, LATE, times=None, method="PUT")
        with pytest.raises(UnavailableError) as caught:
            backend.copy("a", "b", OVERWRITE)
        world.check_error(caught.value, "b")
        assert world.files() == {"a": SMALL}


class TestAborting:
    def test_an_abort_that_fails_once_is_done_all_the_same(self, world: World) -> None:
        backend = world.backend(max_attempts=1)
        world.strike(Kind.ANSWER, BROKEN, times=None, method="PUT", query="partNumber")
        world.strike(Kind.ANSWER, BROKEN, **ABORT)
        with pytest.raises(UnavailableError):
            backend.save("a", io.BytesIO(LONG), NEW)
        assert world.uploads() == []
        assert world.log() == []

    @pytest.mark.parametrize("answer", [BROKEN, s3_error(403, "AccessDenied")], ids=["500", "403"])
    def test_an_upload_that_cannot_be_aborted_is_named_in_the_log_and_swept(self, answer: Any, world: World) -> None:
        backend = world.backend(max_attempts=1)
        world.strike(Kind.ANSWER, BROKEN, times=None, method="PUT", query="partNumber=2")
        world.strike(Kind.ANSWER, answer, times=None, **ABORT)
        with pytest.raises(UnavailableError) as caught:
            backend.save("a", io.BytesIO(LONG), NEW)
        assert len(world.uploads()) == 1
        assert len(world.log()) == 1
        assert "'a'" in world.log()[0]
        world.check_error(caught.value, "a")
        world.check_log()
        world.check_nothing_left()

    def test_an_upload_that_outlives_its_abort_is_named_too(self, world: World) -> None:
        """As parts do that arrive after the abort: S3 says that it may take several."""
        backend = world.backend(max_attempts=1)
        world.strike(Kind.ANSWER, BROKEN, times=None, method="PUT", query="partNumber=2")
        world.strike(Kind.ANSWER, Answer(204), times=None, **ABORT)
        with pytest.raises(UnavailableError):
            backend.save("a", io.BytesIO(LONG), NEW)
        world.check_nothing_left()

    def test_without_the_permission_to_list_parts_nothing_is_left_nor_named(self, world: World) -> None:
        backend = world.backend(max_attempts=1)
        world.strike(Kind.ANSWER, BROKEN, times=None, method="PUT", query="partNumber=2")
        world.strike(Kind.ANSWER, s3_error(403, "AccessDenied"), times=None, method="GET", query="uploadId")
        with pytest.raises(UnavailableError):
            backend.save("a", io.BytesIO(LONG), NEW)
        assert world.uploads() == []
        assert world.log() == []


class TestSourcesAndWorkers:
    @pytest.mark.parametrize("concurrency", [0, 1, 4])
    def test_one_part_that_never_arrives_fails_all(self, concurrency: int, world: World) -> None:
        backend, source = world.backend(concurrency=concurrency, max_attempts=1), io.BytesIO(FOUR_PARTS)
        world.strike(Kind.ANSWER, BROKEN, times=None, method="PUT", query="partNumber=1")
        with pytest.raises(UnavailableError) as caught:
            backend.save("a", source, NEW)
        world.check_error(caught.value, "a")
        assert not source.closed
        assert world.files() == {}
        assert world.uploads() == []
        assert not [thread for thread in threading.enumerate() if thread.name.startswith("uploadkit-part")]

    def test_parts_in_flight_have_landed_before_the_upload_is_aborted(self, world: World) -> None:
        backend = world.backend(max_attempts=1)
        held = world.proxy.add(Fault(Kind.SLOW, method="PUT", query="partNumber=1", seconds=0.5))
        world.strike(Kind.ANSWER, BROKEN, method="PUT", query="partNumber=2")
        with pytest.raises(UnavailableError):
            backend.save("a", io.BytesIO(FOUR_PARTS), NEW)
        assert held.strikes == 1
        assert world.uploads() == []
        statuses = [seen.status for seen in world.proxy.requests if "partNumber=1&" in f"{seen.path}&"]
        assert statuses == [200]

    @pytest.mark.parametrize("concurrency", [0, 4])
    @pytest.mark.parametrize("length", [100, PART + 100, 3 * PART])
    @pytest.mark.parametrize("error", [KeyboardInterrupt(), GeneratorExit(), OSError("disk"), ValueError("parser")])
    def test_what_the_source_raises_leaves_unchanged(
        self, error: BaseException, length: int, concurrency: int, world: World
    ) -> None:
        backend = world.backend(concurrency=concurrency)
        world.put("a", OLD)
        with pytest.raises(type(error)) as caught:
            backend.save("a", io.BufferedReader(Failing(length, error)), OVERWRITE)
        assert caught.value is error
        assert world.files() == {"a": OLD}
        assert world.uploads() == []
        assert world.log() == []

    def test_what_is_not_what_was_announced_leaves_nothing(self, world: World) -> None:
        backend = world.backend()
        with pytest.raises(IntegrityError):
            backend.save("a", one_way(LONG), SaveOptions(size=len(LONG) + 1))
        assert world.files() == {}
        assert world.uploads() == []

    @pytest.mark.parametrize("error", [RuntimeError("a bug"), MemoryError(), KeyboardInterrupt()])
    def test_what_is_raised_in_a_worker_leaves_nothing(self, error: BaseException, world: World) -> None:
        """As a part is about to be sent; errors that the SDK can let through become ours, the others stay."""
        backend = world.backend()

        def fail(**_: Any) -> None:
            raise error

        events = backend._calls.client.meta.events
        events.register("before-call.s3.UploadPart", fail, unique_id="test")
        try:
            with pytest.raises((BackendError, type(error))):
                backend.save("a", io.BytesIO(FOUR_PARTS), NEW)
        finally:
            events.unregister("before-call.s3.UploadPart", unique_id="test")
        assert world.files() == {}
        assert world.uploads() == []


class TestWhatIsStoredIsNoFailure:
    @pytest.mark.parametrize("answer", [s3_error(500, "InternalError"), s3_error(403, "AccessDenied")])
    def test_a_copy_that_was_stored_does_not_fail_for_looking_it_up(self, answer: Any, world: World) -> None:
        world.put("a", SMALL)
        backend = world.backend()
        world.strike(Kind.ANSWER, answer, times=None, method="HEAD", path=re.compile("/b$"))
        assert backend.copy("a", "b", NEW).size == len(SMALL)

    @pytest.mark.parametrize("answer", [s3_error(500, "InternalError"), s3_error(403, "AccessDenied")])
    def test_parts_that_were_completed_do_not_fail_for_looking_them_up(self, answer: Any, world: World) -> None:
        backend = world.backend()
        upload = backend.create_multipart("a", NEW)
        part = backend.put_part("a", upload, 1, io.BytesIO(SMALL))
        world.strike(Kind.ANSWER, answer, times=None, method="HEAD")
        assert backend.complete_multipart("a", upload, [part]).size == len(SMALL)

    @pytest.mark.parametrize("answer", [pytest.param(NO_UPLOAD, id="no such upload"), pytest.param(TAKEN, id="taken")])
    def test_a_completion_that_the_caller_repeats_is_recognised(self, answer: Any, world: World) -> None:
        backend = world.backend()
        upload = backend.create_multipart("a", NEW)
        part = backend.put_part("a", upload, 1, io.BytesIO(SMALL))
        world.strike(Kind.LOST_ANSWER, times=2, **FINISH)
        world.strike(Kind.ANSWER, s3_error(500, "InternalError"), times=2, method="HEAD")
        with pytest.raises(UnavailableError):
            backend.complete_multipart("a", upload, [part])
        world.strike(Kind.ANSWER, answer, **FINISH)
        try:
            assert backend.complete_multipart("a", upload, [part]).size == len(SMALL)
        except (NotFoundError, AlreadyExistsError) as error:
            pytest.fail(f"{type(error).__name__} for a file that is ours")
