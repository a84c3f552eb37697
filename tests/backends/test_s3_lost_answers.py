"""Answers that get lost, and requests that meet others: one object, ours recognised, nobody else's mistaken for it."""

from __future__ import annotations

import io
from contextlib import suppress
from datetime import timedelta
from typing import Any

import pytest

from tests.conftest import form_file
from uploadkit import SaveOptions
from uploadkit.exceptions import AlreadyExistsError, UnavailableError

from .test_s3_fault_kit import (
    LONG,
    OLD,
    OVERWRITE,
    PART,
    SMALL,
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
ALWAYS = pytest.param(None, id="always")
ONCE = pytest.param(1, id="once")
CONFLICT = s3_error(409, "ConditionalRequestConflict")
NO_UPLOAD = s3_error(404, "NoSuchUpload")
TAKEN = s3_error(412, "PreconditionFailed")
FINISH: dict[str, Any] = {"method": "POST", "query": "uploadId"}
FOREIGN = b"somebody else's"


class Counting(io.BytesIO):
    """Counts how often it is read from its start."""

    starts = 0

    def read(self, size: int | None = -1, /) -> bytes:
        self.starts += self.tell() == 0
        return super().read(size)


class TestPutObject:
    @pytest.mark.parametrize("times", [ONCE, ALWAYS])
    @pytest.mark.parametrize("options", [NEW, OVERWRITE], ids=["create", "overwrite"])
    def test_a_file_whose_answer_got_lost_is_recognised(
        self, options: SaveOptions, times: int | None, world: World
    ) -> None:
        backend = world.backend()
        world.strike(Kind.LOST_ANSWER, method="PUT", times=times)
        info = backend.save("photo.jpg", io.BytesIO(SMALL), options)
        assert (info.key, info.size, info.metadata) == ("photo.jpg", len(SMALL), {})
        assert info.checksum is not None
        assert world.files() == {"photo.jpg": SMALL}
        assert world.sent("PUT") == 2

    @pytest.mark.parametrize("times", [ONCE, ALWAYS])
    @pytest.mark.parametrize("content", [SMALL, pytest.param(LONG, id="long")])
    def test_an_upload_set_stores_it_under_one_name(self, content: bytes, times: int | None, world: World) -> None:
        backend = world.backend()
        files = world.upload_set(backend, on_conflict="rename")
        world.strike(Kind.LOST_ANSWER, times=times, path="photo", method="PUT" if content is SMALL else "POST")
        if content is LONG and times is None:  # nothing can be begun: an error, and no second name
            with pytest.raises(UnavailableError):
                files.save(form_file(content))
            assert world.files() == {}
        else:
            assert files.save(form_file(content)) == "photo.jpg"
            assert world.files() == {"photo.jpg": content}

    def test_somebody_elses_file_is_not_taken_for_ours(self, world: World) -> None:
        backend = world.backend()
        world.strike(Kind.RESET_AFTER_BODY, method="PUT")
        world.strike(Kind.CALL, method="PUT", call=lambda: world.put("photo.jpg", FOREIGN))
        with pytest.raises(AlreadyExistsError) as caught:
            backend.save("photo.jpg", io.BytesIO(SMALL), NEW)
        world.check_error(caught.value, "photo.jpg")
        assert world.files() == {"photo.jpg": FOREIGN}

    def test_the_same_bytes_of_somebody_else_are_not_ours_either(self, world: World) -> None:
        backend, other = world.backend(), world.backend(pool_size=31)
        files = world.upload_set(backend, on_conflict="rename")
        world.strike(Kind.RESET_AFTER_BODY, method="PUT", path="photo.jpg")
        # The hook's own request goes through the same proxy, and no fault is left for it.
        world.strike(
            Kind.CALL, method="PUT", path="photo.jpg", call=lambda: other.save("photo.jpg", io.BytesIO(SMALL), NEW)
        )
        assert files.save(form_file(SMALL)) == "photo_1.jpg"
        assert world.files() == {"photo.jpg": SMALL, "photo_1.jpg": SMALL}

    def test_a_file_that_was_there_before_stays(self, world: World) -> None:
        world.put("photo.jpg", OLD)
        world.strike(Kind.LOST_ANSWER, method="PUT")
        with pytest.raises(AlreadyExistsError):
            world.backend().save("photo.jpg", io.BytesIO(SMALL), NEW)
        assert world.files() == {"photo.jpg": OLD}

    def test_when_nobody_can_be_asked_it_is_an_error_and_the_file_is_whole(self, world: World) -> None:
        backend = world.backend()
        world.strike(Kind.LOST_ANSWER, times=None)
        with pytest.raises(UnavailableError) as caught:
            backend.save("photo.jpg", io.BytesIO(SMALL), NEW)
        world.check_error(caught.value, "photo.jpg")
        assert world.files() == {"photo.jpg": SMALL}

    @pytest.mark.parametrize("options", [NEW, OVERWRITE], ids=["create", "overwrite"])
    @pytest.mark.parametrize("times", [1, 3])
    def test_a_conflict_is_tried_again(self, options: SaveOptions, times: int, world: World) -> None:
        backend = world.backend()
        world.strike(Kind.ANSWER, CONFLICT, times=times, method="PUT")
        assert backend.save("photo.jpg", io.BytesIO(SMALL), options).size == len(SMALL)
        assert world.files() == {"photo.jpg": SMALL}
        assert world.sent("PUT") == times + 1

    def test_a_file_that_was_stored_in_spite_of_a_conflict_is_recognised(self, world: World) -> None:
        backend = world.backend()
        world.strike(Kind.REPLACED_ANSWER, CONFLICT, method="PUT")
        assert backend.save("photo.jpg", io.BytesIO(SMALL), NEW).size == len(SMALL)
        assert world.files() == {"photo.jpg": SMALL}

    def test_whoever_wins_a_conflict_keeps_the_name(self, world: World) -> None:
        backend = world.backend()
        world.strike(Kind.ANSWER, CONFLICT, method="PUT")
        world.strike(Kind.CALL, method="PUT", call=lambda: world.put("photo.jpg", FOREIGN))
        with pytest.raises(AlreadyExistsError):
            backend.save("photo.jpg", io.BytesIO(SMALL), NEW)
        assert world.files() == {"photo.jpg": FOREIGN}

    @pytest.mark.slow
    def test_a_conflict_that_never_ends_is_unavailable(self, world: World) -> None:
        backend = world.backend()
        world.strike(Kind.ANSWER, CONFLICT, times=None, method="PUT")
        with pytest.raises(UnavailableError) as caught:
            backend.save("photo.jpg", io.BytesIO(SMALL), NEW)
        assert caught.value.retryable
        world.check_error(caught.value, "photo.jpg")
        assert world.files() == {}
        assert 3 <= world.sent("PUT") <= 20


class TestUploadsInParts:
    @pytest.mark.parametrize("times", [ONCE, ALWAYS])
    @pytest.mark.parametrize("late", [None, NO_UPLOAD, TAKEN], ids=["lost", "no such upload", "taken"])
    @pytest.mark.parametrize("options", [NEW, OVERWRITE], ids=["create", "overwrite"])
    def test_a_completion_whose_answer_got_lost_is_recognised(
        self, options: SaveOptions, late: Any, times: int | None, world: World
    ) -> None:
        """What AWS says to the repeated request, moto does not: it completes twice."""
        backend = world.backend()
        world.strike(Kind.LOST_ANSWER, times=1 if late else times, **FINISH)
        if late:
            world.strike(Kind.ANSWER, late, times=times, **FINISH)
        assert backend.save("a", io.BytesIO(LONG), options).size == len(LONG)
        assert world.files() == {"a": LONG}
        assert world.log() == []
        world.check_nothing_left()
        assert world.hidden() == []

    def test_a_part_whose_answer_got_lost_is_sent_again(self, world: World) -> None:
        backend = world.backend()
        world.strike(Kind.LOST_ANSWER, method="PUT", query="partNumber=1")
        backend.save("a", io.BytesIO(LONG), NEW)
        assert world.files() == {"a": LONG}

    def test_an_upload_whose_beginning_got_lost_is_swept(self, world: World) -> None:
        backend = world.backend()
        world.strike(Kind.LOST_ANSWER, method="POST", query="uploads")
        backend.save("a", io.BytesIO(LONG), NEW)
        assert len(world.uploads()) == 1
        assert backend.sweep(timedelta(0)) == 1
        assert world.uploads() == []
        assert world.files() == {"a": LONG}

    @pytest.mark.parametrize("times", [ONCE, ALWAYS])
    def test_a_claim_whose_answer_got_lost_blocks_nobody(self, times: int | None, world: World) -> None:
        backend = world.backend()
        files = world.upload_set(backend, on_conflict="rename")
        world.strike(Kind.LOST_ANSWER, method="PUT", path="claims", times=times)
        with suppress(UnavailableError):
            assert files.save(form_file(LONG)) == "photo.jpg"
            files.delete("photo.jpg")
        world.proxy.clear()
        assert files.save(form_file(LONG)) == "photo.jpg"
        assert world.hidden() == []

    def test_somebody_elses_file_is_not_taken_for_ours(self, world: World) -> None:
        backend = world.backend()
        world.strike(Kind.RESET_AFTER_BODY, **FINISH)
        world.strike(Kind.CALL, call=lambda: world.put("a", FOREIGN), **FINISH)
        with pytest.raises(AlreadyExistsError) as caught:
            backend.save("a", io.BytesIO(LONG), NEW)
        world.check_error(caught.value, "a")
        assert world.files() == {"a": FOREIGN}
        world.check_nothing_left()

    def test_after_a_conflict_a_seekable_source_is_sent_anew_from_its_start(self, world: World) -> None:
        """S3 forgets the upload with the conflict: it has to be begun again."""
        backend, source = world.backend(), Counting(LONG)
        world.strike(Kind.ANSWER, CONFLICT, **FINISH)
        world.strike(Kind.ANSWER, NO_UPLOAD, **FINISH)
        source.seek(17)
        assert backend.save("a", source, NEW).size == len(LONG)
        assert source.starts == 2
        assert world.sent("POST", "uploads") == 2
        assert world.files() == {"a": LONG}
        world.check_nothing_left()

    def test_after_a_conflict_a_one_way_source_is_an_error(self, world: World) -> None:
        backend = world.backend()
        world.strike(Kind.ANSWER, CONFLICT, **FINISH)
        world.strike(Kind.ANSWER, NO_UPLOAD, times=None, **FINISH)
        with pytest.raises(UnavailableError) as caught:
            backend.save("a", one_way(LONG), NEW)
        assert caught.value.retryable
        world.check_error(caught.value, "a")
        assert world.files() == {}
        world.check_nothing_left()

    @pytest.mark.slow
    def test_a_conflict_that_never_ends_is_unavailable(self, world: World) -> None:
        backend, source = world.backend(), Counting(LONG[: PART + 1])
        world.strike(Kind.ANSWER, CONFLICT, times=None, **FINISH)
        with pytest.raises(UnavailableError) as caught:
            backend.save("a", source, NEW)
        world.check_error(caught.value, "a")
        assert source.starts > 1
        assert world.files() == {}
        world.check_nothing_left()


class TestTheRest:
    @pytest.mark.parametrize("times", [ONCE, ALWAYS])
    def test_a_copy_whose_answer_got_lost_is_there_once(self, times: int | None, world: World) -> None:
        backend = world.backend()
        world.put("a", SMALL)
        world.put("b", OLD)
        world.strike(Kind.LOST_ANSWER, method="PUT", times=times)
        assert backend.copy("a", "b", OVERWRITE).size == len(SMALL)
        assert world.files() == {"a": SMALL, "b": SMALL}

    def test_a_deletion_whose_answer_got_lost_is_done(self, world: World) -> None:
        world.put("a", SMALL)
        strike = world.strike(Kind.LOST_ANSWER, method="DELETE")
        world.backend().delete("a")
        assert strike.strikes == 1
        assert world.files() == {}

    def test_a_deletion_whose_answers_never_come_is_an_error(self, world: World) -> None:
        world.put("a", SMALL)
        world.strike(Kind.LOST_ANSWER, method="DELETE", times=None)
        with pytest.raises(UnavailableError):
            world.backend().delete("a")
