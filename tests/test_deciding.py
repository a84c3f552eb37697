"""Deciding about files that wait: of all who do, one wins, and nothing is released that was not looked at."""

from __future__ import annotations

import io
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from typing import Any, BinaryIO

import pytest
from flask import Flask

from tests.test_quarantine import configured, read, stored_keys
from tests.web.test_stores import store
from uploadkit import (
    BackendError,
    FileInfo,
    NotFoundError,
    PreconditionError,
    SaveOptions,
    UnavailableError,
    UploadConfiguration,
    UploadNotAllowed,
    UploadSet,
    upload_refused,
    upload_released,
)
from uploadkit.backends import Backend
from uploadkit.backends.memory import MemoryBackend
from uploadkit.deciding import STALE, decided
from uploadkit.testing import FaultyBackend

__all__ = ["store"]


def in_threads(app: Flask, *actions: Callable[[], Any]) -> list[Any]:
    """Do several things at once; return what each returned or raised."""
    barrier = threading.Barrier(len(actions))
    results: list[Any] = [None] * len(actions)

    def run(number: int) -> None:
        with app.app_context():
            barrier.wait()
            try:
                results[number] = actions[number]()
            except Exception as error:  # noqa: BLE001
                results[number] = error

    threads = [threading.Thread(target=run, args=(number,)) for number in range(len(actions))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


class TestRaces:
    @pytest.mark.parametrize("round_", range(20))
    def test_of_release_and_reject_one_happens(self, app: Flask, backend: Backend, round_: int) -> None:
        told: list[str] = []
        receivers = [
            (upload_released, lambda sender, event: told.append("released")),
            (upload_refused, lambda sender, event: told.append("refused")),
        ]
        with app.app_context():
            files = configured(app, backend)
            files.put(b"content", "a.txt")
        for signal, receiver in receivers:
            signal.connect(receiver, sender=files)
        released, rejected = in_threads(app, lambda: files.release("a.txt"), lambda: files.reject("a.txt"))
        for signal, receiver in receivers:
            signal.disconnect(receiver, sender=files)
        with app.app_context():
            assert not files.pending.exists("a.txt")
            assert files.exists("a.txt") == (released == "a.txt")
        if released == "a.txt":
            assert isinstance(rejected, NotFoundError)
            assert told == ["released"]
        else:
            assert isinstance(released, NotFoundError)
            assert rejected is None
            assert told == ["refused"]
        assert stored_keys(backend) in ([], ["a.txt"])  # no claim stays

    def test_of_many_who_release_one_does(self, app: Flask, backend: Backend) -> None:
        with app.app_context():
            files = configured(app, backend)
            files.put(b"content", "a.txt")
        results = in_threads(app, *[lambda: files.release("a.txt")] * 8)
        assert [result for result in results if not isinstance(result, NotFoundError)] == ["a.txt"]
        assert stored_keys(backend) == ["a.txt"]

    @pytest.mark.parametrize("round_", range(20))
    def test_what_comes_under_the_name_meanwhile_is_not_released(
        self, app: Flask, backend: Backend, round_: int
    ) -> None:
        with app.app_context():
            files = configured(app, backend)
            files.put(b"clean", "a.txt")
            etag = files.pending.stat("a.txt").etag

        def replace_it() -> None:
            files.reject("a.txt")
            files.put(b"virus", "a.txt")

        in_threads(app, lambda: files.release("a.txt", etag=etag), replace_it)
        with app.app_context():
            for name in ("a.txt", "a_1.txt"):
                if files.exists(name):
                    assert read(files.open(name)) == b"clean"

    def test_two_workers_on_a_real_store_release_one_file(self, app: Flask, store: Backend) -> None:
        with app.app_context():
            files = configured(app, store)
            files.put(b"content", "a.txt")
        results = in_threads(app, *[lambda: files.release("a.txt")] * 4, lambda: files.reject("a.txt"))
        won = [result for result in results if not isinstance(result, NotFoundError)]
        assert len(won) == 1
        with app.app_context():
            assert files.exists("a.txt") == (won == ["a.txt"])
            assert stored_keys(store) in ([], ["a.txt"])


class TestClaims:
    def waiting(self, app: Flask, backend: Backend) -> UploadSet:
        files = configured(app, backend)
        files.put(b"content", "a.txt")
        return files

    def test_while_somebody_decides_others_cannot(self, app: Flask, backend: Backend) -> None:
        with app.app_context():
            files = self.waiting(app, backend)
            info = backend.stat(stored_keys(backend)[0])
            with decided(backend, info):
                for ask in (files.release, files.reject):
                    with pytest.raises(NotFoundError, match="else decides"):
                        ask("a.txt")
                if backend.name != "six":
                    assert [info.key for info in files.pending.list_files()] == ["a.txt"]
            assert files.release("a.txt") == "a.txt"

    def test_the_claim_of_a_killed_process_holds_for_some_hours(self, app: Flask) -> None:
        backend = LongAgo()
        with app.app_context():
            files = self.waiting(app, backend)
            killed = decided(backend, backend.stat(stored_keys(backend)[0]))
            killed.__enter__()
            for backend.age in (timedelta(), STALE - timedelta(minutes=1)):
                with pytest.raises(NotFoundError):
                    files.release("a.txt")
            backend.age = STALE + timedelta(minutes=1)
            assert files.release("a.txt") == "a.txt"
            assert stored_keys(backend) == ["a.txt"]

    def test_a_release_that_fails_can_be_repeated(self, app: Flask, backend: Backend) -> None:
        with app.app_context():
            files = self.waiting(app, backend)
            faulty = FaultyBackend(backend)
            config = files.config
            files._config = UploadConfiguration(faulty.path(""), backend=faulty, settings=config.settings)
            for method in ("move", "copy", "delete"):
                if hasattr(backend, method):
                    faulty.fail(method, UnavailableError("no network"), times=1)
            released = None
            while released is None:
                with suppress(UnavailableError):
                    released = files.release("a.txt")
            files._config = None
            assert read(files.open(released)) == b"content"
            assert not files.pending.exists("a.txt")
            assert read(files.open("a.txt")) == b"content"

    def test_an_error_does_not_tell_where_files_wait(self, app: Flask, backend: Backend) -> None:
        with app.app_context():
            files = self.waiting(app, backend)
            backend.save("a.txt", io.BytesIO(), SaveOptions())
            secret = files.config.settings.quarantine[0]
            errors: list[Exception] = []
            for ask in (
                lambda: files.release("a.txt", on_conflict="error"),
                lambda: files.put(b"x", "a.txt", on_conflict="error"),
                lambda: files.pending.open("b.txt"),
                lambda: files.put(b"x", "/".join(["f" * 100] * 9) + "/" + "n" * 100 + ".txt"),
                lambda: files.put(b"x", "c.txt", checksum="sha256:" + "0" * 64),
            ):
                with pytest.raises((BackendError, UploadNotAllowed)) as raised:
                    ask()
                errors.append(raised.value)
            for error in errors:
                assert secret not in str(error)
                assert secret not in str(getattr(error, "key", ""))

    def test_the_log_does_not_either(self, app: Flask, caplog: pytest.LogCaptureFixture) -> None:
        caplog.set_level("INFO", "uploadkit.events")
        with app.app_context():
            files = self.waiting(app, MemoryBackend())
            files.put(b"content", "b.txt")
            files.release("a.txt")
            files.reject("b.txt")
            assert "upload_released" in caplog.text
            assert files.config.settings.quarantine[0] not in caplog.text
            assert not any(".pending-" in str(vars(record)) for record in caplog.records)

    def test_another_file_than_the_one_looked_at_is_not_rejected(self, app: Flask, backend: Backend) -> None:
        with app.app_context():
            files = self.waiting(app, backend)
            old = files.pending.stat("a.txt").etag
            files.reject("a.txt", etag=old)
            files.put(b"honest", "a.txt")
            with pytest.raises(PreconditionError):
                files.reject("a.txt", etag=old)
            assert files.pending.exists("a.txt")

    def test_a_name_that_is_released_while_another_file_lands_is_not_given_twice(self, app: Flask) -> None:
        class Releasing(MemoryBackend):
            """Releases the first file at the moment in which the second is stored."""

            def save(self, key: str, stream: BinaryIO, options: SaveOptions) -> FileInfo:
                if stream.read(6) == b"second" and not self.done:
                    self.done = True
                    files.release("a.txt")
                return super().save(key, stream, options)

            done = False

        backend = Releasing()
        with app.app_context():
            files = configured(app, backend)
            files.put(b"first", "a.txt")
            name = files.put(b"second", "a.txt").key
            assert name != "a.txt"
            assert read(files.open("a.txt")) == b"first"
            assert read(files.pending.open(name)) == b"second"
            assert len(stored_keys(backend)) == 2

    def test_a_hook_that_looks_at_the_content_sees_it_on_release_under_another_name(
        self, app: Flask, backend: Backend
    ) -> None:
        class Looking(UploadSet):
            def file_allowed(self, storage: Any, basename: str) -> bool:
                return bool(storage.stream.read(7) == b"content")

        with app.app_context():
            self.waiting(app, backend)
            looking = Looking("files", ("txt",))
            backend.save("a.txt", io.BytesIO(), SaveOptions())
            assert looking.release("a.txt") == "a_1.txt"


class LongAgo(MemoryBackend):
    """A backend whose claims look older than they are."""

    age = timedelta()

    def stat(self, key: str) -> FileInfo:
        info = super().stat(key)
        assert info.last_modified is not None
        return replace(info, last_modified=info.last_modified - self.age) if ".claim-" in key else info
