"""Signals and log lines: what happened, told once, after it happened."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from typing import Any

import pytest
from blinker import NamedSignal
from flask import Flask
from werkzeug.datastructures import FileStorage
from werkzeug.exceptions import ClientDisconnected

from tests.conftest import MakeSet, form_file
from uploadkit import (
    TEXT,
    AlreadyExistsError,
    NotFoundError,
    UnavailableError,
    UploadConfiguration,
    UploadEvent,
    UploadNotAllowed,
    UploadSet,
    upload_deleted,
    upload_failed,
    upload_refused,
    upload_released,
    upload_saved,
)
from uploadkit.backends import Backend
from uploadkit.testing import FaultyBackend

SIGNALS = (upload_saved, upload_refused, upload_deleted, upload_released, upload_failed)
Told = list[tuple[str, UploadEvent]]


@pytest.fixture
def told() -> Iterator[Told]:
    """What was told, in its order, as pairs of the signal and its event."""
    events: Told = []
    with ExitStack() as stack:
        for signal in SIGNALS:

            def note(sender: UploadSet, event: UploadEvent, signal: NamedSignal = signal) -> None:
                assert sender.name == event.set
                events.append((signal.name, event))

            stack.enter_context(signal.connected_to(note))
            stack.callback(str, note)  # signals hold their receivers weakly
        yield events


def only(told: Told) -> tuple[str, UploadEvent]:
    (one,) = told
    return one


def breaking(files: UploadSet) -> FaultyBackend:
    """Put a backend between that can be told to fail."""
    backend = FaultyBackend(files.config.backend)
    files._config = UploadConfiguration(backend.path(""), backend=backend, settings=files.config.settings)
    return backend


class TestWhatIsTold:
    def test_of_a_saved_file_it_tells_everything(self, make_set: MakeSet, backend: Backend, told: Told) -> None:
        files = make_set()
        name = files.save(form_file(b"content", "Ä.txt"), folder="a")
        signal, event = only(told)
        assert signal == "upload-saved"
        assert (event.set, event.name, event.key, event.backend) == ("files", name, name, backend.name)
        assert (event.size, event.content_type) == (7, "text/plain")
        assert event.checksum == files.stat(name).checksum
        assert 0 < event.duration < 60
        assert (event.pending, event.code, event.error) == (False, None, None)
        assert files.exists(event.name)

    def test_put_tells_the_same(self, make_set: MakeSet, told: Told) -> None:
        make_set().put(b"content", "a/b.txt")
        signal, event = only(told)
        assert (signal, event.name, event.size) == ("upload-saved", "a/b.txt", 7)

    def test_a_view_tells_the_name_in_the_whole_set(self, make_set: MakeSet, told: Told) -> None:
        assert make_set().scoped("ada").save(form_file(b"content", "a.txt")) == "a.txt"
        assert only(told)[1].name == "ada/a.txt"

    def test_the_file_is_there_when_it_is_told(self, make_set: MakeSet) -> None:
        files, found = make_set(), []

        def look(sender: UploadSet, event: UploadEvent) -> None:
            with sender.open(event.name) as stream:
                found.append(stream.read())

        with upload_saved.connected_to(look, sender=files):
            files.save(form_file(b"content", "a.txt"))
        assert found == [b"content"]

    def test_a_receiver_for_one_set_hears_nothing_of_others(self, make_set: MakeSet) -> None:
        files, others, heard = make_set(), make_set(name="others"), []

        def note(sender: UploadSet, event: UploadEvent) -> None:
            heard.append(event.set)

        with upload_saved.connected_to(note, sender=files):
            others.put(b"x", "a.txt")
            files.put(b"x", "b.txt")
        assert heard == ["files"]

    @pytest.mark.parametrize(
        ("filename", "code"), [("a.exe", "extension"), ("", "empty"), ("../..", "filename"), ("long.txt", "too_large")]
    )
    def test_of_a_refused_file_it_tells_why(self, make_set: MakeSet, told: Told, filename: str, code: str) -> None:
        files = make_set(TEXT, max_size=10)
        with pytest.raises(UploadNotAllowed) as refused:
            files.save(form_file(bytes(11) if filename == "long.txt" else b"x", filename))
        signal, event = only(told)
        assert (signal, event.code, event.reason) == ("upload-refused", code, refused.value.reason)
        assert (event.key, event.name) == (None, filename)
        assert event.size == (11 if filename == "long.txt" else 1)

    def test_a_refused_folder_is_told_too(self, make_set: MakeSet, told: Told) -> None:
        with pytest.raises(UploadNotAllowed):
            make_set().save(form_file(b"x", "a.txt"), folder=5)  # type: ignore[arg-type]
        assert only(told)[0] == "upload-refused"

    def test_a_failure_is_told_with_its_error(self, make_set: MakeSet, told: Told) -> None:
        files = make_set()
        breaking(files).fail("save", UnavailableError("no network"))
        with pytest.raises(UnavailableError):
            files.put(b"x", "a.txt")
        signal, event = only(told)
        assert (signal, str(event.error), event.key) == ("upload-failed", "no network", None)

    def test_a_taken_name_is_told_as_a_failure(self, make_set: MakeSet, told: Told) -> None:
        files = make_set(on_conflict="error")
        files.put(b"x", "a.txt")
        with pytest.raises(AlreadyExistsError):
            files.put(b"y", "a.txt")
        assert [signal for signal, _ in told] == ["upload-saved", "upload-failed"]

    def test_a_source_that_breaks_is_told_as_a_failure(self, make_set: MakeSet, told: Told) -> None:
        class Breaking(io.RawIOBase):
            def readable(self) -> bool:
                return True

            def read(self, size: int = -1) -> bytes:
                raise OSError("gone")

        with pytest.raises(OSError, match="gone"):
            make_set().put(Breaking(), "a.txt")
        assert only(told)[0] == "upload-failed"

    def test_an_upload_that_saves_itself_is_told_once(self, make_set: MakeSet, told: Told, backend: Backend) -> None:
        class Own(FileStorage):
            def save(self, dst: Any, buffer_size: int = 16384) -> None:
                with open(dst, "wb") as file:
                    file.write(b"its own")

        make_set(naming="sha256").save(Own(io.BytesIO(b"x"), "a.txt"))
        signal, event = only(told)
        assert (signal, event.size) == ("upload-saved", 7)


class TestDeleting:
    def test_a_deleted_file_is_told(self, make_set: MakeSet, told: Told) -> None:
        files = make_set()
        files.put(b"content", "a.txt")
        told.clear()
        files.delete("a.txt")
        signal, event = only(told)
        assert (signal, event.name, event.size, event.content_type) == ("upload-deleted", "a.txt", 7, "text/plain")

    def test_a_file_that_was_not_there_is_not(self, make_set: MakeSet, told: Told) -> None:
        files = make_set()
        files.delete("a.txt", missing_ok=True)
        with pytest.raises(NotFoundError):
            files.delete("a.txt")
        assert told == []

    def test_one_that_may_be_missing_is_looked_up_only_for_listeners(self, make_set: MakeSet) -> None:
        files = make_set()
        files.put(b"content", "a.txt")
        backend = breaking(files)
        files.delete("a.txt", missing_ok=True)
        assert "stat" not in backend.calls
        assert not files.exists("a.txt")

    def test_each_file_below_a_folder_is_told(self, make_set: MakeSet, backend: Backend, told: Told) -> None:
        if backend.name == "six":
            pytest.skip("this backend cannot list")
        files = make_set()
        for name in ("a/1.txt", "a/2.txt", "b/3.txt"):
            files.put(b"x", name)
        told.clear()
        assert files.delete_prefix("a") == 2
        assert [(signal, event.name) for signal, event in told] == [
            ("upload-deleted", "a/1.txt"),
            ("upload-deleted", "a/2.txt"),
        ]


class TestReceivers:
    def test_one_that_fails_is_logged_and_the_file_stays(
        self, make_set: MakeSet, told: Told, caplog: pytest.LogCaptureFixture
    ) -> None:
        files = make_set()

        def failing(sender: UploadSet, event: UploadEvent) -> None:
            raise RuntimeError("bug")

        with upload_saved.connected_to(failing):
            assert files.save(form_file(b"x", "a.txt")) == "a.txt"
        assert files.exists("a.txt")
        assert [signal for signal, _ in told] == ["upload-saved"]  # the others are called all the same
        (record,) = [record for record in caplog.records if record.levelno == logging.ERROR]
        assert "failing" in record.getMessage()
        assert record.exc_info is not None

    def test_a_log_filter_that_fails_harms_neither_the_file_nor_the_receivers(
        self, make_set: MakeSet, told: Told, caplog: pytest.LogCaptureFixture
    ) -> None:
        caplog.set_level(logging.INFO, "uploadkit.events")

        def failing(record: logging.LogRecord) -> bool:
            raise RuntimeError("bug")

        log = logging.getLogger("uploadkit.events")
        log.addFilter(failing)
        try:
            assert make_set().put(b"x", "a.txt").key == "a.txt"
        finally:
            log.removeFilter(failing)
        assert [signal for signal, _ in told] == ["upload-saved"]

    def test_a_muted_signal_is_not_sent(self, make_set: MakeSet, told: Told) -> None:
        with upload_saved.muted():
            make_set().put(b"x", "a.txt")
        assert told == []

    def test_a_coroutine_is_run_as_flask_runs_views(
        self, app: Flask, make_set: MakeSet, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        heard: list[str] = []

        async def note(sender: UploadSet, event: UploadEvent) -> None:
            heard.append(event.name)

        def ensure_sync(function: Any) -> Any:
            def call(*args: Any, **kwargs: Any) -> None:
                with suppress(StopIteration):
                    function(*args, **kwargs).send(None)

            return call

        monkeypatch.setattr(app, "ensure_sync", ensure_sync)
        with upload_saved.connected_to(note), app.app_context():
            make_set().put(b"x", "a.txt")
        assert heard == ["a.txt"]

    def test_nothing_ends_the_program_but_what_is_to_end_it(self, make_set: MakeSet, told: Told) -> None:
        class Interrupting(io.BytesIO):
            def read(self, size: int | None = -1) -> bytes:
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            make_set().put(Interrupting(b"x"), "a.txt")
        assert told == []


class TestLog:
    def lines(self, caplog: pytest.LogCaptureFixture) -> list[tuple[int, str]]:
        return [(record.levelno, record.getMessage()) for record in caplog.records if "events" in record.name]

    def test_each_event_is_one_line(
        self, make_set: MakeSet, caplog: pytest.LogCaptureFixture, backend: Backend
    ) -> None:
        caplog.set_level(logging.INFO, "uploadkit.events")
        files = make_set(TEXT)
        files.put(b"content", "a.txt")
        with suppress(UploadNotAllowed):
            files.put(b"x", "a.exe")
        files.delete("a.txt")
        saved, refused, deleted = self.lines(caplog)
        assert saved[0] == refused[0] == deleted[0] == logging.INFO
        assert saved[1].startswith(
            f'upload_saved set="files" name="a.txt" key="a.txt" backend="{backend.name}" size=7 '
        )
        assert 'code="extension"' in refused[1]
        assert deleted[1].startswith("upload_deleted ")

    def test_its_fields_are_on_the_record(self, make_set: MakeSet, caplog: pytest.LogCaptureFixture) -> None:
        caplog.set_level(logging.INFO, "uploadkit.events")
        make_set().put(b"content", "a.txt")
        (record,) = [record for record in caplog.records if "events" in record.name]
        fields = record.__dict__["upload"]
        assert (fields["set"], fields["name"], fields["size"]) == ("files", "a.txt", 7)
        assert json.dumps(fields)

    def test_an_empty_file_has_a_size_too(self, make_set: MakeSet, caplog: pytest.LogCaptureFixture) -> None:
        caplog.set_level(logging.INFO, "uploadkit.events")
        make_set().put(b"", "a.txt")
        assert " size=0 " in self.lines(caplog)[0][1]

    def test_a_visitor_who_goes_away_is_no_error(self, make_set: MakeSet, caplog: pytest.LogCaptureFixture) -> None:
        class Leaving(io.RawIOBase):
            def readable(self) -> bool:
                return True

            def read(self, size: int = -1) -> bytes:
                raise ClientDisconnected

        caplog.set_level(logging.INFO, "uploadkit.events")
        with pytest.raises(ClientDisconnected):
            make_set().put(Leaving(), "a.txt")
        assert [level for level, _ in self.lines(caplog)] == [logging.INFO]

    def test_failures_are_louder_the_less_they_are_expected(
        self, make_set: MakeSet, caplog: pytest.LogCaptureFixture
    ) -> None:
        files = make_set()
        backend = breaking(files)
        for error in (UnavailableError("busy"), OSError("gone")):
            backend.fail("save", error)
            with suppress(UnavailableError, OSError):
                files.put(b"x", "a.txt")
        assert [level for level, _ in self.lines(caplog)] == [logging.WARNING, logging.ERROR]

    @pytest.mark.parametrize("name", ["a\nupload_saved set=x.exe", 'a" code="fine.exe', "\x1b[31ma.exe", "\u2028.exe"])
    def test_no_name_can_forge_a_line(self, make_set: MakeSet, caplog: pytest.LogCaptureFixture, name: str) -> None:
        caplog.set_level(logging.INFO, "uploadkit.events")
        with pytest.raises(UploadNotAllowed):
            make_set(TEXT).save(form_file(b"x", name))
        ((_, line),) = self.lines(caplog)
        assert line.isascii()
        assert line.isprintable()
        assert ' code="extension"' in line
        assert line.count(' code="') == 1
