"""Receiving forms: what the app gets, and what is left after refusals and failures."""

from __future__ import annotations

import hashlib
import io
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO, cast

import pytest
from flask import Flask, request
from werkzeug.exceptions import (
    BadRequest,
    ClientDisconnected,
    LengthRequired,
    RequestEntityTooLarge,
    UnsupportedMediaType,
)

from tests.conftest import MakeSet
from uploadkit import (
    ALL,
    IMAGES,
    FileInfo,
    IncomingForm,
    IntegrityError,
    UploadNotAllowed,
    Uploads,
    UploadSet,
    configure_uploads,
    receive,
)
from uploadkit.exceptions import UnavailableError
from uploadkit.forms.partstream import PartStream

from .receiving_kit import MIB, Unseekable, content_of, environ_of, form_of, part, send


class Arriving(Unseekable):
    """A body that tells how much of it was asked for, and breaks where it is told to."""

    def __init__(self, content: bytes, breaks_at: int | None = None, error: BaseException | None = None) -> None:
        super().__init__(content if breaks_at is None else content[:breaks_at])
        self.passed = 0
        self._error = error

    def readinto(self, buffer: Any, /) -> int:
        count = super().readinto(buffer)
        self.passed += count
        if not count and self._error is not None:
            raise self._error
        return count


@pytest.fixture
def files(make_set: MakeSet) -> UploadSet:
    return make_set()


@pytest.fixture
def spool_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where temporary files would be."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(folder))
    return folder


def asked(app: Flask, body: bytes | Unseekable, length: int | None = None, **environ: Any) -> Any:
    """A request context whose body cannot seek."""
    if isinstance(body, bytes):
        length, body = len(body), Unseekable(body)
    return app.request_context(environ_of(body, length, **environ))


@pytest.fixture
def incoming(app: Flask) -> Iterator[Any]:
    """Return a form that is arriving, within its request."""
    entered = []

    def make(uset: Any, *parts: bytes, field: str = "file") -> IncomingForm:
        context = asked(app, form_of(*parts))
        context.push()
        entered.append(context)
        return receive(request, {field: uset})

    yield make
    for context in reversed(entered):
        context.pop()


def stored(uset: Any) -> list[str]:
    """Return the names of all files of a set, hidden and unfinished ones too."""
    backend = uset.config.backend
    place = backend.path("")
    if isinstance(place, str):
        return sorted(
            os.path.relpath(os.path.join(folder, name), place) for folder, _, names in os.walk(place) for name in names
        )
    inner = getattr(backend, "_inner", backend)
    return [info.key for info in inner.list_files("")]


class TestWhatArrives:
    def test_files_come_before_their_bytes_and_fields_in_between(self, incoming: Any, files: UploadSet) -> None:
        content = content_of(3 * MIB)
        form = incoming(
            files,
            part("album", "Ü 1".encode()),
            part("file", content, "Me.JPG", "image/jpeg"),
            part("album", b"2"),
            part("other", b"x", "o.txt"),
            part("file", b"", ""),
            part("file", b"b", "b.txt"),
            part("last", b""),
        )
        seen = []
        with form:
            for each in form:
                seen.append((each.field, each.filename, each.content_type, each.set, form.fields.getlist("album")))
                each.save(folder="x")
        assert seen == [
            ("file", "Me.JPG", "image/jpeg", files, ["Ü 1"]),
            ("file", "b.txt", None, files, ["Ü 1", "2"]),
        ]
        assert list(form.fields.items(multi=True)) == [("album", "Ü 1"), ("album", "2"), ("last", "")]
        assert [(file.field, file.info.size) for file in form.files] == [("file", len(content)), ("file", 1)]
        with files.open(form.files[0].filename) as file:
            assert file.read() == content
        assert [extension_of(file.filename) for file in form.files] == ["jpg", "txt"]

    def test_an_empty_file_is_one(self, incoming: Any, files: UploadSet) -> None:
        with incoming(files, part("file", b"", "a.txt")) as form:
            name = next(form).save()
        assert files.stat(name).size == 0

    def test_what_save_returns_is_known_by_the_same_name(self, incoming: Any, files: UploadSet) -> None:
        with incoming(files, part("file", b"x", "a b.txt")) as form:
            name = next(form).save(folder="f", name="g/42.")
        assert name == form.files[0].filename == form.files[0].info.filename
        assert name.startswith("f/g/42")
        assert isinstance(files.stat(name), FileInfo)

    def test_a_view_of_a_set_gets_names_of_its_own(self, incoming: Any, files: UploadSet) -> None:
        view = files.scoped("tenants/42")
        with incoming(view, part("file", b"x", "a.txt")) as form:
            name = next(form).save(on_conflict="error")
        assert name == "a.txt"
        assert files.stat("tenants/42/a.txt").size == 1

    def test_names_that_are_taken(self, incoming: Any, files: UploadSet) -> None:
        with incoming(files, *(part("file", bytes([65 + n]), "a.txt") for n in range(3))) as form:
            names = [each.save() for each in form]
        if files.config.backend.name == "six":  # sends on what it gets, for all that anybody knows
            assert all(name.startswith("a_") and len(name) == len("a_0123456789.txt") for name in names)
        else:
            assert names == ["a.txt", "a_1.txt", "a_2.txt"]
        for number, name in enumerate(names):
            with files.open(name) as file:
                assert file.read() == bytes([65 + number])

    def test_a_text_field_in_another_charset(self, incoming: Any, files: UploadSet) -> None:
        with incoming(
            files, part("a", b"\xe4", content_type="text/plain; charset=iso-8859-1"), part("b", b"\xe4")
        ) as form:
            pass
        assert form.fields.to_dict() == {"a": "ä", "b": "\ufffd"}

    def test_thousands_of_small_parts(self, app: Flask, make_set: MakeSet) -> None:
        files = make_set()
        app.config["MAX_FORM_PARTS"] = None
        parts = [part(f"f{n}", b"v") if n % 2 else part("file", b"%d" % n, f"{n}.txt") for n in range(4000)]
        with asked(app, form_of(*parts)), receive(request, {"file": files}) as form:
            for each in form:
                each.save(on_conflict="error")
        assert len(form.files) == len(form.fields) == 2000
        with files.open("3998.txt") as file:
            assert file.read() == b"3998"

    def test_the_extension_object_receives_too(self, app: Flask) -> None:
        notes = UploadSet("notes", ALL)
        app.config["UPLOADED_NOTES_BACKEND"] = "memory"
        uploads = Uploads(notes)
        uploads.init_app(app)
        with asked(app, form_of(part("note", b"x", "a.txt"))), uploads.receive(request, {"note": notes}) as form:
            assert [each.save() for each in form] == ["a.txt"]

    def test_request_form_is_what_has_arrived(self, incoming: Any, files: UploadSet) -> None:
        with incoming(files, part("a", b"1"), part("file", b"x", "a.txt"), part("b", b"2")) as form:
            next(form).save()
            assert request.form.to_dict() == {"a": "1"}
            assert not request.files
        assert request.form.to_dict() == {"a": "1", "b": "2"}


class TestWhatTheLoopDoes:
    def test_a_file_that_nobody_decides_about_is_an_error(self, incoming: Any, files: UploadSet) -> None:
        form = incoming(files, part("file", b"x", "a.txt"), part("file", b"x", "b.txt"))
        with pytest.raises(RuntimeError, match=r"save\(\) or skip\(\)"), form:
            for each in form:
                if each.filename == "b.txt":
                    each.save()
        assert stored(files) == []

    def test_the_last_one_too(self, incoming: Any, files: UploadSet) -> None:
        with (
            pytest.raises(RuntimeError, match="neither saved nor skipped"),
            incoming(files, part("file", b"x", "a.txt")) as form,
        ):
            for _ in form:
                pass

    def test_a_file_that_is_skipped_is_passed_over(self, incoming: Any, files: UploadSet) -> None:
        with incoming(files, part("file", content_of(MIB), "a.txt"), part("file", b"x", "b.txt")) as form:
            next(form).skip()
            next(form).save(on_conflict="error")
        assert stored(files) == ["b.txt"]

    @pytest.mark.parametrize("first", ["save", "skip"])
    @pytest.mark.parametrize("then", ["save", "skip"])
    def test_a_file_can_be_had_once(self, incoming: Any, files: UploadSet, first: str, then: str) -> None:
        with incoming(files, part("file", b"x", "a.txt")) as form:
            each = next(form)
            getattr(each, first)()
            with pytest.raises(RuntimeError, match="already"):
                getattr(each, then)()

    def test_a_file_cannot_be_had_when_the_loop_has_gone_on(self, incoming: Any, files: UploadSet) -> None:
        with incoming(files, part("file", b"x", "a.txt"), part("file", b"y", "b.txt")) as form:
            first = next(form)
            first.skip()
            next(form).skip()
            with pytest.raises(RuntimeError, match="gone"):
                first.save()
        assert stored(files) == []

    def test_leaving_the_block_early_reads_the_rest(self, incoming: Any, files: UploadSet) -> None:
        with incoming(files, part("file", b"x", "a.txt"), part("file", b"y", "b.txt"), part("z", b"1")) as form:
            for each in form:
                each.save(on_conflict="error")
                break
        assert form.fields["z"] == "1"
        assert stored(files) == ["a.txt"]

    def test_without_a_block_the_rest_is_left(self, incoming: Any, files: UploadSet) -> None:
        form = incoming(files, part("file", b"x", "a.txt"), part("z", b"1"))
        assert [each.save(on_conflict="error") for each in form] == ["a.txt"]
        assert form.fields["z"] == "1"
        form = incoming(files, part("file", b"x", "b.txt"), part("z", b"1"))
        next(form).save(on_conflict="error")
        assert "z" not in form.fields

    def test_an_app_may_go_on_after_a_refusal(self, incoming: Any, make_set: MakeSet) -> None:
        photos = make_set(IMAGES)
        refused = []
        with incoming(photos, *(part("file", content_of(MIB), name) for name in ("a.jpg", "b.exe", "c.jpg"))) as form:
            for each in form:
                try:
                    each.save(on_conflict="error")
                except UploadNotAllowed as error:
                    refused.append((each.filename, error.code))
        assert refused == [("b.exe", "extension")]
        assert stored(photos) == ["a.jpg", "c.jpg"]


class TestWhatIsTakenBack:
    @pytest.mark.parametrize("error", [UploadNotAllowed("no"), ValueError("bug"), KeyboardInterrupt()])
    def test_a_block_that_fails_deletes_what_it_saved(self, incoming: Any, files: UploadSet, error: Any) -> None:
        files.put(b"mine", "mine.txt")
        with pytest.raises(type(error)), incoming(files, *(part("file", b"x", f"{n}.txt") for n in range(3))) as form:
            next(form).save()
            next(form).save(folder="f")
            assert len(form.files) == 2
            raise error
        assert form.files == []
        assert stored(files) == ["mine.txt"]

    def test_what_belongs_to_others_is_not_deleted(self, incoming: Any, make_set: MakeSet) -> None:
        files = make_set(naming="sha256")
        files.put(b"same", "a.txt")
        files.put(b"old", "b.txt", on_conflict="overwrite")
        before = stored(files)
        with pytest.raises(ValueError, match="bug"), incoming(files, part("file", b"same", "c.txt")) as form:
            next(form).save()
            raise ValueError("bug")
        assert stored(files) == before

    def test_what_was_overwritten_is_not_deleted(self, incoming: Any, files: UploadSet) -> None:
        files.put(b"old", "a.txt")
        with pytest.raises(ValueError, match="bug"), incoming(files, part("file", b"new", "a.txt")) as form:
            next(form).save(on_conflict="overwrite")
            raise ValueError("bug")
        assert files.stat("a.txt").size == 3

    def test_a_hook_that_may_overwrite_leaves_the_file(self, incoming: Any, files: UploadSet) -> None:
        files.resolve_conflict = lambda target_folder, basename: basename  # type: ignore[method-assign]
        with pytest.raises(ValueError, match="bug"), incoming(files, part("file", b"new", "a.txt")) as form:
            next(form).save()
            raise ValueError("bug")
        assert len(stored(files)) == 1

    def test_a_file_in_quarantine_is_taken_back_too(self, app: Flask) -> None:
        notes = UploadSet("notes", ALL)
        app.config.update(UPLOADED_NOTES_BACKEND="memory", UPLOADED_NOTES_QUARANTINE=True)
        configure_uploads(app, notes)
        with (
            asked(app, form_of(part("file", b"x", "a.txt"))),
            pytest.raises(ValueError, match="bug"),
            receive(request, {"file": notes}) as form,
        ):
            assert next(form).save() == "a.txt"
            assert notes.pending.exists("a.txt")
            raise ValueError("bug")
        with app.app_context():
            assert stored(notes) == []

    def test_what_cannot_be_deleted_is_named_in_the_log(
        self, incoming: Any, make_set: MakeSet, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
    ) -> None:
        files = make_set()
        with (
            pytest.raises(ValueError, match="bug"),
            incoming(files, part("file", b"x", "a.txt"), part("file", b"x", "b.txt")) as form,
        ):
            names = [next(form).save(), next(form).save()]
            delete = files.config.backend.delete

            def refuse_first(key: str) -> None:
                if key == names[1]:
                    raise UnavailableError("down", key=key, backend="x")
                delete(key)

            monkeypatch.setattr(files.config.backend, "delete", refuse_first)
            raise ValueError("bug")
        assert stored(files) == [names[1]]
        assert repr(names[1]) in caplog.text

    def test_a_form_that_breaks_off_behind_its_files_leaves_none(self, app: Flask, files: UploadSet) -> None:
        body = form_of(part("file", b"x", "a.txt"), part("z", b"1"))
        with pytest.raises(BadRequest), asked(app, body[:-20]), receive(request, {"file": files}) as form:
            next(form).save()
        assert stored(files) == []


class TestFormsThatFail:
    @pytest.mark.parametrize("error", [OSError(5, "gone"), ConnectionResetError("gone"), TimeoutError("gone")])
    def test_an_error_of_the_connection_is_the_visitors(self, app: Flask, files: UploadSet, error: OSError) -> None:
        body = form_of(part("file", content_of(2 * MIB), "a.txt"))
        stream = Arriving(body, MIB, error)
        with asked(app, stream, len(body), **{"wsgi.input_terminated": True}), pytest.raises(ClientDisconnected):
            app.config["MAX_CONTENT_LENGTH"] = None
            with receive(request, {"file": files}) as form:
                next(form).save()
        assert stored(files) == []

    def test_a_failure_that_was_caught_comes_again(self, app: Flask, files: UploadSet) -> None:
        body = form_of(part("file", content_of(2 * MIB), "a.txt"), part("file", b"x", "b.txt"))
        stream = Arriving(body, MIB, KeyboardInterrupt("the worker's time is over"))
        with (
            asked(app, stream, len(body)),
            pytest.raises(ClientDisconnected),
            receive(request, {"file": files}) as form,
        ):
            with pytest.raises(KeyboardInterrupt):
                next(form).save()
            for each in form:
                each.save()
        assert stored(files) == []

    @pytest.mark.parametrize(
        "spoil",
        [
            pytest.param(lambda body: body[:-10], id="cut"),
            pytest.param(lambda body: body.replace(b"Disposition:", b"Disposition", 2), id="head"),
            pytest.param(lambda body: b"", id="empty"),
            pytest.param(lambda body: b"x" * 1000, id="noise"),
        ],
    )
    def test_a_malformed_form_is_a_400_and_leaves_nothing(self, app: Flask, files: UploadSet, spoil: Any) -> None:
        body = spoil(form_of(part("a", b"1"), part("file", content_of(MIB), "a.txt")))
        with asked(app, body), pytest.raises(BadRequest), receive(request, {"file": files}) as form:
            for each in form:
                each.save()
        assert stored(files) == []

    @pytest.mark.parametrize(
        "kind", ["application/x-www-form-urlencoded", "text/plain", "multipart/mixed; boundary=x", ""]
    )
    def test_what_is_no_such_form_is_a_415(self, app: Flask, files: UploadSet, kind: str) -> None:
        with app.test_request_context("/", method="POST", data=b"a=1", content_type=kind):
            with pytest.raises(UnsupportedMediaType, match=r"multipart/form-data"):
                receive(request, {"file": files})
            assert request.get_data() == b"a=1"

    def test_a_form_without_a_boundary_is_a_400(self, app: Flask, files: UploadSet) -> None:
        with (
            app.test_request_context("/", method="POST", data=b"a", content_type="multipart/form-data"),
            pytest.raises(BadRequest, match="boundary"),
        ):
            receive(request, {"file": files})

    def test_a_body_whose_end_cannot_be_seen_is_a_411(self, app: Flask, files: UploadSet) -> None:
        body = Unseekable(form_of(part("file", b"x", "a.txt")))
        with asked(app, body, None, HTTP_TRANSFER_ENCODING="chunked"), pytest.raises(LengthRequired):
            receive(request, {"file": files})

    @pytest.mark.parametrize(
        "read",
        [
            pytest.param(lambda: request.form, id="form"),
            pytest.param(lambda: request.files, id="files"),
            pytest.param(lambda: request.values, id="values"),
            pytest.param(lambda: [request.get_data()], id="data"),
            pytest.param(lambda: receive(request, {}), id="twice"),
        ],
    )
    def test_a_form_that_was_read_before_is_an_error(self, app: Flask, files: UploadSet, read: Any) -> None:
        with asked(app, form_of(part("file", b"x", "a.txt"))):
            read()
            with pytest.raises(RuntimeError, match="CSRFProtect"):
                receive(request, {"file": files})

    def test_what_is_no_upload_set_is_an_error(self, app: Flask) -> None:
        with asked(app, form_of(part("file", b"x", "a.txt"))), pytest.raises(TypeError, match="upload set"):
            receive(request, {"file": "files"})  # type: ignore[dict-item]


class TestLimits:
    def receive(self, app: Flask, uset: UploadSet, *parts: bytes, length: int | None = None) -> IncomingForm:
        body = form_of(*parts)
        environ = {} if length is None else {"wsgi.input_terminated": True}
        with asked(app, body if length is None else Unseekable(body), length, **environ):
            with receive(request, {"file": uset}) as form:
                for each in form:
                    each.save()
            return form

    def test_a_body_that_is_announced_too_long_is_not_begun(self, app: Flask, files: UploadSet) -> None:
        app.config["MAX_CONTENT_LENGTH"] = 100
        with pytest.raises(RequestEntityTooLarge):
            self.receive(app, files, part("file", bytes(100), "a.txt"))

    def test_a_body_that_turns_out_too_long_leaves_nothing(self, app: Flask, files: UploadSet) -> None:
        app.config["MAX_CONTENT_LENGTH"] = MIB
        first = part("file", b"x", "a.txt")
        with pytest.raises(RequestEntityTooLarge):
            self.receive(app, files, first, part("file", bytes(MIB), "b.txt"), length=0)
        assert stored(files) == []

    def test_too_many_parts_leave_nothing(self, app: Flask, files: UploadSet) -> None:
        app.config["MAX_FORM_PARTS"] = 3
        parts = [part("file", b"x", f"{n}.txt") for n in range(4)]
        assert len(self.receive(app, files, *parts[:3]).files) == 3
        before = stored(files)
        with pytest.raises(RequestEntityTooLarge):
            self.receive(app, files, *parts)
        assert stored(files) == before

    def test_a_text_field_that_is_too_long_leaves_nothing(self, app: Flask, files: UploadSet) -> None:
        app.config["MAX_FORM_MEMORY_SIZE"] = 1000
        file = part("file", bytes(2000), "a.txt")
        assert len(self.receive(app, files, file, part("a", bytes(1000)), part("b", bytes(1000))).fields) == 2
        before = stored(files)
        with pytest.raises(RequestEntityTooLarge):
            self.receive(app, files, file, part("a", bytes(1001)))
        assert stored(files) == before

    def test_a_limit_that_was_caught_is_hit_again(self, app: Flask, files: UploadSet) -> None:
        app.config["MAX_FORM_MEMORY_SIZE"] = 1000
        body = form_of(part("a", bytes(1001)), part("file", b"x", "a.txt"))
        with asked(app, body), pytest.raises(RequestEntityTooLarge), receive(request, {"file": files}) as form:
            with pytest.raises(RequestEntityTooLarge):
                next(form)
            next(form)

    def test_a_file_that_is_too_long_for_its_set_is_not_read_to_its_end(self, app: Flask, make_set: MakeSet) -> None:
        files = make_set(max_size=MIB)
        body = Arriving(form_of(part("file", bytes(64 * MIB), "a.bin")))
        with (
            asked(app, body, 65 * MIB),
            pytest.raises(UploadNotAllowed, match="too large"),
            receive(request, {"file": files}) as form,
        ):
            next(form).save()
        assert body.passed < 4 * MIB
        assert stored(files) == []

    def test_a_file_that_is_not_what_it_says_is_not_read_to_its_end(self, app: Flask) -> None:
        photos = UploadSet("photos", IMAGES)
        app.config["UPLOADED_PHOTOS_BACKEND"] = "memory"
        configure_uploads(app, photos)
        body = Arriving(form_of(part("file", b"<!DOCTYPE html>" + bytes(64 * MIB), "a.jpg")))
        with (
            asked(app, body, 65 * MIB),
            pytest.raises(UploadNotAllowed, match="web page"),
            receive(request, {"file": photos}) as form,
        ):
            next(form).save()
        assert body.passed < 4 * MIB

    def test_a_validator_that_wants_the_whole_file_gets_it(
        self, app: Flask, make_set: MakeSet, spool_folder: Path
    ) -> None:
        seen = []

        def whole(candidate: Any) -> None:
            seen.append((candidate.size, candidate.complete, len(candidate.stream.read())))
            if candidate.stream.tell() > 2 * MIB:
                raise UploadNotAllowed("no")

        files = make_set(validators=(whole,))
        assert len(self.receive(app, files, part("file", bytes(2 * MIB), "a.bin")).files) == 1
        with pytest.raises(UploadNotAllowed):
            self.receive(app, files, part("file", bytes(2 * MIB + 1), "b.bin"))
        assert seen == [(2 * MIB, True, 2 * MIB), (2 * MIB + 1, True, 2 * MIB + 1)]
        assert len(stored(files)) == 1
        assert list(spool_folder.iterdir()) == []


class TestStreams:
    """`save_stream`: bodies that are no forms."""

    def body(self, app: Flask, content: bytes, length: int | None, **environ: Any) -> Any:
        return app.request_context(environ_of(Unseekable(content), length, "PUT", **environ))

    def test_a_body_is_stored(self, app: Flask, files: UploadSet) -> None:
        content = content_of(2 * MIB)
        with self.body(app, content, len(content)):
            info = files.save_stream(request.stream, "f/a.bin", on_conflict="error", metadata={"x": "y"})
        assert (info.key, info.size, info.metadata["x"]) == ("f/a.bin", len(content), "y")
        assert files.checksum("f/a.bin") == hashlib.sha256(content).hexdigest()

    def test_a_body_that_breaks_off_is_not_stored(self, app: Flask, files: UploadSet) -> None:
        with self.body(app, bytes(MIB), MIB + 1), pytest.raises(ClientDisconnected):
            files.save_stream(request.stream, "a.bin")
        assert stored(files) == []

    @pytest.mark.parametrize("limit", [None, 64 * MIB])
    def test_nor_where_the_server_shows_that_as_its_end(self, app: Flask, files: UploadSet, limit: int | None) -> None:
        app.config["MAX_CONTENT_LENGTH"] = limit
        with self.body(app, bytes(MIB), MIB + 1, **{"wsgi.input_terminated": True}), pytest.raises(ClientDisconnected):
            files.save_stream(request.stream, "a.bin")
        assert stored(files) == []

    @pytest.mark.parametrize("length", [MIB - 1, MIB + 1])
    def test_a_stream_of_another_length_is_not_stored(self, files: UploadSet, length: int) -> None:
        with pytest.raises(IntegrityError, match="announced"):
            files.save_stream(unseekable(bytes(MIB)), "a.bin", length)
        assert stored(files) == []

    def test_a_body_whose_end_cannot_be_seen_is_not_taken_for_an_empty_one(self, app: Flask, files: UploadSet) -> None:
        with self.body(app, b"x", None, HTTP_TRANSFER_ENCODING="chunked"), pytest.raises(LengthRequired):
            files.save_stream(request.stream, "a.bin")
        assert stored(files) == []

    def test_a_length_over_the_limit_is_refused_before_anything_is_read(self, make_set: MakeSet) -> None:
        files, stream = make_set(max_size=10), Arriving(bytes(MIB))
        with pytest.raises(UploadNotAllowed, match="too large"):
            files.save_stream(cast("BinaryIO", stream), "a.bin", MIB)
        assert stream.passed == 0

    def test_a_stream_that_can_be_read_again_gets_a_plain_name(self, files: UploadSet) -> None:
        assert [files.save_stream(io.BytesIO(b"x"), "a.bin").key for _ in range(2)] == ["a.bin", "a_1.bin"]

    def test_a_stream_that_cannot_gets_a_word_where_it_is_sent_on(self, files: UploadSet) -> None:
        infos = [files.save_stream(unseekable(b"x"), "a.bin") for _ in range(2)]
        if files.config.backend.name == "six":
            assert all(re.fullmatch(r"a_[a-z0-9]{10}\.bin", info.key) for info in infos)
            assert infos[0].original_filename == "a.bin"
        else:
            assert [info.key for info in infos] == ["a.bin", "a_1.bin"]

    def test_what_is_no_stream_is_an_error(self, files: UploadSet) -> None:
        with pytest.raises(TypeError, match="cannot store"):
            files.save_stream(5, "a.bin")  # type: ignore[arg-type]


class TestPartStream:
    def test_it_reads_like_a_stream(self) -> None:
        pieces = iter([b"abc", b"", b"def", None])
        stream = PartStream(lambda: next(pieces))
        assert stream.read(0) == b""
        assert [stream.read(2), stream.read(2), stream.read(9)] == [b"ab", b"c", b"def"]
        assert stream.read(9) == stream.read() == b""

    def test_it_can_be_read_in_other_ways(self) -> None:
        pieces = iter([b"a\nb", b"c\n", None])
        assert io.BufferedReader(PartStream(lambda: next(pieces))).readlines() == [b"a\n", b"bc\n"]
        pieces = iter([b"ab", b"c", None])
        assert PartStream(lambda: next(pieces)).read() == b"abc"

    def test_what_is_gone_does_not_look_like_an_end(self) -> None:
        pieces = iter([b"ab", b"c", None, b"of the next part"])
        stream = PartStream(lambda: next(pieces))
        stream.pass_over()
        with pytest.raises(ValueError, match="gone"):
            stream.read(1)
        assert next(pieces) == b"of the next part"


def test_a_csrf_token_travels_as_a_header(app: Flask) -> None:
    """Flask-WTF reads the form to look for its token, whatever else it finds; so such views have to ask themselves."""
    flask_wtf = pytest.importorskip("flask_wtf.csrf")
    notes, csrf = UploadSet("notes", ALL), flask_wtf.CSRFProtect(app)
    app.config.update(UPLOADED_NOTES_BACKEND="memory")
    configure_uploads(app, notes)

    def save_all() -> str:
        with receive(request, {"file": notes}) as form:
            return ",".join(each.save() for each in form)

    @app.post("/guarded")
    def guarded() -> str:
        return save_all()

    @app.post("/exempt")
    @csrf.exempt  # type: ignore[untyped-decorator]
    def exempt() -> str:
        flask_wtf.validate_csrf(request.headers.get("X-CSRFToken"))
        return save_all()

    @app.get("/token")
    def token() -> str:
        return str(flask_wtf.generate_csrf())

    client = app.test_client()
    headers = {"X-CSRFToken": client.get("/token").text}
    assert send(client, part("file", b"x", "a.txt"), path="/exempt", headers=headers).text == "a.txt"
    with pytest.raises(RuntimeError, match="X-CSRFToken"):
        send(client, part("file", b"x", "a.txt"), path="/guarded", headers=headers)
    with pytest.raises(flask_wtf.ValidationError):
        send(client, part("file", b"x", "a.txt"), path="/exempt")


def test_importing_uploadkit_imports_no_parser() -> None:
    code = "import sys, uploadkit; assert 'multipart' not in sys.modules and 'flask_wtf' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


def unseekable(content: bytes) -> BinaryIO:
    return cast("BinaryIO", Unseekable(content))


def extension_of(name: str) -> str:
    return name.rpartition(".")[2]
