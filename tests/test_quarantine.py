"""Quarantine: files that nobody but the app's scanner sees, until they are released or rejected."""

from __future__ import annotations

import hashlib
import io
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from werkzeug.datastructures import FileStorage
from werkzeug.exceptions import NotFound

from tests.conftest import form_file
from tests.web.test_stores import store
from uploadkit import (
    ALL,
    AlreadyExistsError,
    ConfigError,
    InvalidKeyError,
    NotFoundError,
    PreconditionError,
    SaveOptions,
    TestingFileStorage,
    UploadEvent,
    UploadNotAllowed,
    UploadSet,
    configure_uploads,
    upload_deleted,
    upload_refused,
    upload_released,
    upload_saved,
)
from uploadkit.backends import Backend
from uploadkit.backends.memory import MemoryBackend
from uploadkit.testing.subject import source

__all__ = ["store"]

LONG = "/".join(["f" * 100] * 9)  # with the pending folder before it, it is longer than a key may be


@pytest.fixture
def files(app: Flask, backend: Backend) -> Iterator[UploadSet]:
    """A set with quarantine on each backend, within an app."""
    with app.app_context():
        yield configured(app, backend)


def configured(app: Flask, backend: Backend | str, **settings: Any) -> UploadSet:
    files = UploadSet("files", ALL)
    app.config.update(UPLOADED_FILES_BACKEND=backend, UPLOADED_FILES_QUARANTINE=True)
    app.config.update({f"UPLOADED_FILES_{name}": value for name, value in settings.items()})
    configure_uploads(app, files)
    return files


def read(stream: Any) -> bytes:
    with stream:
        content: bytes = stream.read()
        return content


def stored_keys(backend: Backend) -> list[str]:
    inner: Any = getattr(backend, "_inner", backend)
    return [info.key for info in inner.list_files()]


class TestWaiting:
    def test_nobody_sees_a_file_that_waits(self, files: UploadSet, backend: Backend) -> None:
        name = files.save(form_file(b"content", "a.txt"), folder="x")
        assert name == "x/a.txt"
        assert not files.exists(name)
        for ask in (files.open, files.stat, files.delete, files.checksum):
            with pytest.raises(NotFoundError):
                ask(name)
        if backend.name != "six":
            assert list(files.list_files()) == []
        assert read(files.pending.open(name)) == b"content"

    def test_the_place_where_it_waits_is_no_name_of_the_set(self, files: UploadSet, backend: Backend) -> None:
        files.save(form_file(b"content", "a.txt"))
        (key,) = stored_keys(backend)
        assert not files.exists(key)
        for ask in (files.open, files.url, files.signed_url, files.delete):
            with pytest.raises(InvalidKeyError):
                ask(key)

    def test_no_route_serves_it(self, app: Flask) -> None:
        backend = MemoryBackend()
        files = configured(app, backend, SERVE=True)
        with app.test_request_context():
            files.put(b"content", "a.txt")
            link = files.signed_url("a.txt")
        (key,) = stored_keys(backend)
        for path in ("/_uploads/files/a.txt", f"/_uploads/files/{key}", link):
            assert app.test_client().get(path).status_code == 404

    def test_where_it_waits_cannot_be_guessed(self, app: Flask, files: UploadSet, backend: Backend) -> None:
        files.put(b"content", "a.txt")
        other = Flask("tests")
        other.secret_key = "another"
        elsewhere = MemoryBackend()
        with other.app_context():
            configured(other, elsewhere).put(b"content", "a.txt")
        ours, theirs = stored_keys(backend)[0], stored_keys(elsewhere)[0]
        assert ours != theirs
        assert ours.startswith(".pending-")
        assert len(ours.split("/")[0]) >= len(".pending-") + 32
        assert str(app.secret_key) not in ours

    def test_its_file_info_says_that_it_waits(self, files: UploadSet) -> None:
        assert files.put(b"content", "a.txt").pending
        assert files.pending.stat("a.txt").pending
        assert files.pending.stat("a.txt").key == "a.txt"
        files.release("a.txt")
        assert not files.stat("a.txt").pending

    def test_waiting_files_can_be_listed(self, files: UploadSet, backend: Backend) -> None:
        if backend.name == "six":
            pytest.skip("this backend cannot list")
        for name in ("b.txt", "x/a.txt", "y/a.txt"):
            files.put(b"content", name)
        files.release("b.txt")
        assert [info.key for info in files.pending.list_files()] == ["x/a.txt", "y/a.txt"]
        assert [info.key for info in files.scoped("x").pending.list_files()] == ["a.txt"]

    def test_a_waiting_file_can_be_lent_to_a_program(self, files: UploadSet) -> None:
        files.put(b"content", "a.txt")
        with files.pending.local_path("a.txt") as path:
            assert (path.name, path.read_bytes()) == ("a.txt", b"content")

    def test_a_view_of_a_folder_has_its_own(self, files: UploadSet) -> None:
        ada = files.scoped("ada")
        name = ada.save(form_file(b"content", "a.txt"))
        assert name == "a.txt"
        assert ada.pending.exists("a.txt")
        assert not files.scoped("bob").pending.exists("a.txt")
        assert ada.release("a.txt") == "a.txt"
        assert files.exists("ada/a.txt")

    @pytest.mark.parametrize("name", ["../a.txt", ".pending-x/a.txt", "/a.txt", ""])
    def test_no_name_leads_out_of_it(self, files: UploadSet, name: str) -> None:
        for ask in (files.pending.open, files.pending.stat, files.release, files.reject):
            with pytest.raises(InvalidKeyError):
                ask(name)

    def test_a_name_that_could_not_wait_is_refused(self, files: UploadSet) -> None:
        with pytest.raises(UploadNotAllowed, match="cannot be used"):
            files.put(b"x", LONG + "/" + "n" * 100 + ".txt")


class TestServing:
    @pytest.mark.parametrize("delivery", [None, "proxy"])
    def test_those_who_decide_can_look_at_it(self, app: Flask, store: Backend, delivery: str | None) -> None:
        files = configured(app, store, DELIVERY=delivery, NAMES="unicode")
        with app.test_request_context():
            files.put(b"<p>", "ä/a.html")
            with files.pending.serve("ä/a.html") as answer:
                assert (answer.status_code, b"".join(answer.iter_encoded())) == (200, b"<p>")
                assert answer.headers["Cache-Control"] == "private, no-store"
                assert "sandbox" in answer.headers["Content-Security-Policy"]
                assert answer.headers["Content-Disposition"].startswith("attachment")
                assert ".pending-" not in str(answer.headers)
            with files.pending.serve("ä/a.html", download="b.txt") as answer:
                assert "b.txt" in answer.headers["Content-Disposition"]

    @pytest.mark.parametrize("name", ["b.txt", "../a.txt"])
    def test_what_does_not_wait_is_a_404(self, app: Flask, files: UploadSet, name: str) -> None:
        with app.test_request_context(), pytest.raises(NotFound):
            files.pending.serve(name)


class TestNames:
    def test_a_name_that_is_waited_for_is_taken(self, files: UploadSet) -> None:
        names = [files.put(b"%d" % number, "a.txt").key for number in range(3)]
        assert names == ["a.txt", "a_1.txt", "a_2.txt"]
        assert [read(files.pending.open(name)) for name in names] == [b"0", b"1", b"2"]

    def test_a_released_name_is_taken(self, files: UploadSet) -> None:
        files.release(files.put(b"0", "a.txt").key)
        assert files.put(b"1", "a.txt").key == "a_1.txt"

    def test_of_many_threads_each_has_its_own(self, app: Flask, files: UploadSet) -> None:
        names: dict[int, str] = {}
        barrier = threading.Barrier(12)

        def run(number: int) -> None:
            with app.app_context():
                barrier.wait()
                name = files.put(b"%d" % number, "a.txt").key
                names[number] = files.release(name)

        threads = [threading.Thread(target=run, args=(number,)) for number in range(12)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(set(names.values())) == 12
        assert all(read(files.open(name)) == b"%d" % number for number, name in names.items())

    def test_a_waiting_file_is_never_replaced(self, app: Flask, backend: Backend) -> None:
        with app.app_context():
            files = configured(app, backend, ON_CONFLICT="overwrite")
            files.put(b"scanned", "a.txt")
            with pytest.raises(AlreadyExistsError, match="release"):
                files.put(b"something else", "a.txt")
            assert read(files.pending.open("a.txt")) == b"scanned"

    def test_a_released_file_is_replaced_on_release(self, app: Flask, backend: Backend) -> None:
        with app.app_context():
            files = configured(app, backend, ON_CONFLICT="overwrite")
            for content in (b"old", b"new"):
                files.put(content, "a.txt")
                assert (content == b"old") != files.exists("a.txt")
                assert files.release("a.txt") == "a.txt"
            assert read(files.open("a.txt")) == b"new"

    def test_the_same_content_waits_once_where_names_are_of_content(self, app: Flask, backend: Backend) -> None:
        with app.app_context():
            files = configured(app, backend, NAMING="sha256")
            name = hashlib.sha256(b"content").hexdigest() + ".txt"
            for _ in range(2):
                info = files.put(b"content", "a.txt")
                assert (info.key, info.pending) == (name, True)
            assert files.release(name) == name
            assert not files.put(b"content", "b.txt").pending
            assert len(stored_keys(backend)) == 1


class TestRelease:
    def test_it_brings_the_file_with_all_it_carries(self, files: UploadSet, backend: Backend) -> None:
        files.put(b"content", "a.txt", content_type="text/x-own", metadata={"by": "ada"})
        assert files.release("a.txt") == "a.txt"
        info = files.stat("a.txt")
        assert (info.size, info.content_type, info.metadata["by"]) == (7, "text/x-own", "ada")
        assert read(files.open("a.txt")) == b"content"
        assert stored_keys(backend) == ["a.txt"]

    def test_what_does_not_wait_cannot_be_released(self, files: UploadSet) -> None:
        files.put(b"content", "a.txt")
        files.release("a.txt")
        for name in ("a.txt", "b.txt"):
            with pytest.raises(NotFoundError, match="quarantine"):
                files.release(name)

    def test_a_name_that_was_taken_meanwhile_is_changed(self, files: UploadSet, backend: Backend) -> None:
        files.put(b"waits", "a.txt")
        backend.save("a.txt", io.BytesIO(b"other"), SaveOptions())
        assert files.release("a.txt") == "a_1.txt"
        assert (read(files.open("a.txt")), read(files.open("a_1.txt"))) == (b"other", b"waits")

    def test_or_refused_if_that_is_wanted_and_the_file_stays(self, files: UploadSet, backend: Backend) -> None:
        files.put(b"waits", "a.txt")
        backend.save("a.txt", io.BytesIO(b"other"), SaveOptions())
        with pytest.raises(AlreadyExistsError):
            files.release("a.txt", on_conflict="error")
        assert read(files.pending.open("a.txt")) == b"waits"

    def test_another_file_than_the_scanned_one_stays(self, files: UploadSet) -> None:
        files.put(b"clean", "a.txt")
        scanned = files.pending.stat("a.txt")
        files.reject("a.txt")
        files.put(b"virus", "a.txt")
        with pytest.raises(PreconditionError, match="looked at"):
            files.release("a.txt", etag=scanned.etag)
        assert files.pending.exists("a.txt")
        assert files.release("a.txt", etag=files.pending.stat("a.txt").etag) == "a.txt"

    def test_files_from_before_a_change_of_the_secret_key_are_found(self, app: Flask, backend: Backend) -> None:
        with app.app_context():
            configured(app, backend).put(b"content", "a.txt")
            app.config.update(SECRET_KEY="new", SECRET_KEY_FALLBACKS=["other", "tests"])
            files = configured(app, backend)
            assert files.put(b"later", "a.txt").key == "a_1.txt"
            assert files.release("a.txt") == "a.txt"
            assert read(files.open("a.txt")) == b"content"


class TestReject:
    def test_it_deletes_the_file(self, files: UploadSet, backend: Backend) -> None:
        files.put(b"virus", "a.txt")
        files.reject("a.txt")
        assert stored_keys(backend) == []
        with pytest.raises(NotFoundError):
            files.reject("a.txt")
        files.reject("a.txt", missing_ok=True)

    def test_released_files_are_out_of_its_reach(self, files: UploadSet) -> None:
        files.put(b"content", "a.txt")
        files.release("a.txt")
        with pytest.raises(NotFoundError):
            files.reject("a.txt")
        assert files.exists("a.txt")


class TestOtherWays:
    def test_what_is_copied_in_from_another_set_waits(self, app: Flask, files: UploadSet) -> None:
        app.config["UPLOADED_OTHERS_BACKEND"] = "memory"
        others = UploadSet("others", ALL)
        configure_uploads(app, others)
        others.put(b"content", "a.txt", metadata={"by": "ada"})
        info = others.copy_to(files, "a.txt")
        assert (info.key, info.pending) == ("a.txt", True)
        assert not files.exists("a.txt")
        assert files.pending.stat("a.txt").metadata["by"] == "ada"

    def test_copies_and_moves_within_the_set_do_not(self, files: UploadSet) -> None:
        files.put(b"content", "a.txt")
        files.release("a.txt")
        files.copy("a.txt", "b.txt")
        files.move("a.txt", "c.txt")
        assert files.exists("b.txt")
        assert files.exists("c.txt")

    def test_an_upload_that_saves_itself_waits(self, files: UploadSet, backend: Backend) -> None:
        class Own(FileStorage):
            def save(self, dst: Any, buffer_size: int = 16384) -> None:
                Path(dst).write_bytes(b"its own")

        name = files.save(Own(io.BytesIO(b"x"), "a.txt"))
        assert not files.exists(name)
        assert read(files.pending.open(name)) == b"its own"

    def test_a_test_upload_notes_where_it_would_wait(self, files: UploadSet, backend: Backend) -> None:
        storage = TestingFileStorage(filename="a.txt")
        assert files.save(storage) == "a.txt"
        assert storage.saved is not None
        assert ".pending-" in storage.saved


class TestEvents:
    def test_the_whole_life_of_a_file_is_told(self, files: UploadSet) -> None:
        told: list[tuple[str, str, str | None, bool, str | None]] = []

        def note(kind: str) -> Any:
            def receiver(sender: UploadSet, event: UploadEvent) -> None:
                told.append((kind, event.name, event.key, event.pending, event.code))

            return receiver

        signals = {"saved": upload_saved, "released": upload_released, "refused": upload_refused}
        receivers = {kind: note(kind) for kind in (*signals, "deleted")}
        upload_deleted.connect(receivers["deleted"])
        for kind, signal in signals.items():
            signal.connect(receivers[kind])
        try:
            for name in ("a.txt", "b.txt"):
                files.put(b"content", name)
            files.release("a.txt")
            files.reject("b.txt", "a virus")
        finally:
            for kind, signal in {**signals, "deleted": upload_deleted}.items():
                signal.disconnect(receivers[kind])
        folder = files.config.settings.quarantine[0]
        assert told == [
            ("saved", "a.txt", f"{folder}/a.txt", True, None),
            ("saved", "b.txt", f"{folder}/b.txt", True, None),
            ("released", "a.txt", "a.txt", False, None),
            ("refused", "b.txt", f"{folder}/b.txt", False, "rejected"),
        ]


class TestConfiguration:
    def test_without_a_secret_key_it_is_refused(self) -> None:
        with pytest.raises(ConfigError, match=r"UPLOADED_FILES_QUARANTINE.*SECRET_KEY"):
            configured(Flask("tests"), "memory")

    def test_a_set_without_it_says_so(self, app: Flask) -> None:
        with app.app_context():
            files = configured(app, "memory", QUARANTINE=False)
            for ask in (files.release, files.reject):
                with pytest.raises(ConfigError, match="UPLOADED_FILES_QUARANTINE = True"):
                    ask("a.txt")
            with pytest.raises(ConfigError):
                _ = files.pending

    def test_sets_in_one_place_do_not_mix(self, app: Flask) -> None:
        backend = MemoryBackend()
        with app.app_context():
            files = configured(app, backend)
            others = UploadSet("others", ALL)
            app.config.update(UPLOADED_OTHERS_BACKEND=backend, UPLOADED_OTHERS_QUARANTINE=True)
            configure_uploads(app, others)
            files.put(b"content", "a.txt")
            assert not others.pending.exists("a.txt")


class TestStores:
    def test_a_file_waits_in_a_bucket_and_is_released(self, app: Flask, store: Backend) -> None:
        with app.app_context():
            files = configured(app, store)
            names = [files.put(content, "a.txt").key for content in (b"one", b"two", b"three")]
            assert list(files.list_files()) == []
            assert len(list(files.pending.list_files())) == 3
            assert files.release(names[0], etag=files.pending.stat(names[0]).etag) == "a.txt"
            files.reject(names[1])
            assert files.release(names[2]) == "a_2.txt"
            assert [info.key for info in files.list_files()] == ["a.txt", "a_2.txt"]
            assert [read(files.open(info.key)) for info in files.list_files()] == [b"one", b"three"]
            assert list(files.pending.list_files()) == []

    def test_a_file_that_is_still_arriving_waits_too(self, app: Flask, store: Backend) -> None:
        with app.app_context():
            files = configured(app, store)
            info = files.save_stream(source(b"content"), "a.txt")
            assert info.pending
            assert not files.exists(info.key)
            assert read(files.pending.open(info.key)) == b"content"
            assert files.release(info.key) == info.key
            assert read(files.open(info.key)) == b"content"
