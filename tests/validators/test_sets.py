"""Validators on upload sets: every way in, always the bytes that are stored, and nothing left of what is refused."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO, cast

import pytest
from flask import Flask

from tests.web.kit import made_set
from uploadkit import ALL, ConfigError, FileStorage, UploadNotAllowed, UploadSet, configure_uploads
from uploadkit.backends import Backend
from uploadkit.candidate import HEAD_SIZE, Candidate
from uploadkit.validators.sizes import MaxSize, MinSize


class Noting:
    """Refuses bad files, and notes what it saw."""

    def __init__(self, head_only: bool = False) -> None:
        self.head_only = head_only
        self.seen: list[tuple[str, str, bytes, int | None, bool]] = []

    def __call__(self, candidate: Candidate) -> None:
        content = candidate.stream.read()
        self.seen.append((candidate.filename, candidate.content_type, content, candidate.size, candidate.complete))
        if content.startswith(b"bad"):
            raise UploadNotAllowed("It is bad.", code="bad")


class Unseekable(io.RawIOBase):
    """A stream as a request's."""

    def __init__(self, content: bytes) -> None:
        self._content = io.BytesIO(content)

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        return self._content.read(min(size, 1000) if size >= 0 else size)


def streamed(content: bytes) -> BinaryIO:
    return cast("BinaryIO", Unseekable(content))


@pytest.fixture
def app_context(app: Flask) -> Iterator[None]:
    with app.app_context():
        yield


@pytest.fixture
def noting() -> Noting:
    return Noting()


@pytest.fixture
def files(app: Flask, backend: Backend, noting: Noting) -> UploadSet:
    return made_set(app, backend, VALIDATORS=[noting])


@pytest.mark.usefixtures("app_context")
class TestWaysIn:
    def test_a_form(self, files: UploadSet, noting: Noting) -> None:
        upload = FileStorage(io.BytesIO(b"good"), "a b.txt")
        upload.stream.read()
        assert files.save(upload, folder="f") == "f/a_b.txt"
        assert noting.seen == [("f/a_b.txt", "text/plain", b"good", 4, True)]
        with pytest.raises(UploadNotAllowed, match="It is bad") as refused:
            files.save(FileStorage(io.BytesIO(b"bad"), "b.txt"))
        assert refused.value.code == "bad"
        assert not files.exists("b.txt")

    @pytest.mark.parametrize("on_conflict", ["rename", "overwrite", "error", "unique"])
    @pytest.mark.parametrize("make", [bytes, io.BytesIO, streamed])
    def test_put(self, files: UploadSet, noting: Noting, make: Any, on_conflict: Any) -> None:
        info = files.put(make(b"good" * 1000), "a.txt", on_conflict=on_conflict)
        with files.open(info.key) as stored:
            assert stored.read() == b"good" * 1000
        assert noting.seen[0][2:] == (b"good" * 1000, 4000, True)
        with pytest.raises(UploadNotAllowed):
            files.put(make(b"bad" * 1000), "b.txt", on_conflict=on_conflict)
        assert not files.exists("b.txt")

    def test_a_copy_into_the_set(self, app: Flask, files: UploadSet, noting: Noting) -> None:
        other = UploadSet("other", ALL)
        app.config["UPLOADED_OTHER_BACKEND"] = "memory"
        configure_uploads(app, other)
        other.put(b"good", "a.txt")
        other.put(b"bad", "b.txt")
        other.copy_to(files, "a.txt", "c.jpg")
        assert noting.seen == [("c.jpg", "image/jpeg", b"good", 4, True)]
        with pytest.raises(UploadNotAllowed):
            other.copy_to(files, "b.txt")
        assert not files.exists("b.txt")

    @pytest.mark.parametrize("verb", ["copy", "move"])
    def test_another_name(self, files: UploadSet, noting: Noting, verb: str) -> None:
        files.put(b"good", "a.txt")
        noting.seen.clear()
        getattr(files, verb)("a.txt", "b.html")
        assert noting.seen == [("b.html", "text/html", b"good", 4, True)]

    def test_an_upload_that_saves_itself_is_judged_by_what_it_wrote(self, files: UploadSet) -> None:
        class Turning(FileStorage):
            def save(self, dst: Any, buffer_size: int = 16384) -> None:
                with open(dst, "wb") as file:
                    file.write(b"bad" if self.stream.read() == b"good" else b"good")

        assert files.save(Turning(io.BytesIO(b"bad"), "a.txt")) == "a.txt"
        with pytest.raises(UploadNotAllowed):
            files.save(Turning(io.BytesIO(b"good"), "b.txt"))
        assert not files.exists("b.txt")

    @pytest.mark.parametrize("make", [io.BytesIO, streamed])
    def test_with_the_usual_look_at_the_content_it_keeps_its_final_path(
        self, app: Flask, tmp_path: Path, make: Any
    ) -> None:
        app.config["UPLOADED_FILES_DEST"] = tmp_path
        files = made_set(app, "local", CONTENT_CHECK=True)
        paths: list[str] = []

        class Writing(FileStorage):
            def save(self, dst: Any, buffer_size: int = 16384) -> None:
                paths.append(dst)
                Path(dst).write_bytes(self.stream.read().removeprefix(b"so "))

        assert files.save(Writing(make(b"good"), "a.jpg")) == "a.jpg"
        assert paths == [str(tmp_path / "a.jpg")]
        for content in (b"<html>", b"so <html>"):
            for policy in ("rename", "overwrite"):
                with pytest.raises(UploadNotAllowed):
                    files.save(Writing(make(content), "b.jpg"), on_conflict=policy)
                assert not files.exists("b.jpg")

    def test_a_view_of_a_folder(self, files: UploadSet, noting: Noting) -> None:
        files.scoped("users/42").put(b"good", "a.txt")
        assert noting.seen[0][0] == "users/42/a.txt"

    def test_a_temporary_copy_that_was_changed(self, files: UploadSet) -> None:
        files.put(b"good", "a.txt")
        if isinstance(files.path("a.txt"), str):
            pytest.skip("on a local set it is the file itself")
        with pytest.raises(UploadNotAllowed), files.local_path("a.txt", write=True) as path:
            path.write_bytes(b"bad")
        with files.open("a.txt") as stored:
            assert stored.read() == b"good"


@pytest.mark.usefixtures("app_context")
class TestHeads:
    @pytest.mark.parametrize("size", [0, 10, HEAD_SIZE - 1, HEAD_SIZE, HEAD_SIZE + 1, 3 * HEAD_SIZE])
    def test_a_stream_is_judged_by_its_beginning(self, app: Flask, backend: Backend, size: int) -> None:
        noting = Noting(head_only=True)
        files = made_set(app, backend, VALIDATORS=[noting], ON_CONFLICT="overwrite")
        content = bytes(range(256)) * (size // 256) + bytes(size % 256)
        info = files.put(streamed(content), "a.bin")
        with files.open(info.key) as stored:
            assert stored.read() == content
        [(_, _, head, known, complete)] = noting.seen
        assert head == content[:HEAD_SIZE]
        assert (known, complete) == ((size, True) if size < HEAD_SIZE else (None, False))

    def test_if_one_needs_all_of_it_all_get_it(self, app: Flask, backend: Backend) -> None:
        first, second = Noting(head_only=True), Noting()
        files = made_set(app, backend, VALIDATORS=[first, second], ON_CONFLICT="overwrite")
        files.put(streamed(bytes(2 * HEAD_SIZE)), "a.bin")
        assert first.seen == second.seen
        assert first.seen[0][3:] == (2 * HEAD_SIZE, True)


@pytest.mark.usefixtures("app_context")
class TestLengths:
    @pytest.mark.parametrize("make", [bytes, streamed])
    @pytest.mark.parametrize(("length", "code"), [(9, "too_small"), (10, None), (20, None), (21, "too_large")])
    @pytest.mark.parametrize("on_conflict", ["rename", "overwrite"])
    def test_they_are_kept_to_also_while_a_stream_passes(
        self, app: Flask, backend: Backend, make: Any, length: int, code: str | None, on_conflict: Any
    ) -> None:
        files = made_set(app, backend, VALIDATORS=[MinSize(10), MaxSize(20)], MAX_SIZE=1000)
        if code is None:
            assert files.put(make(b"x" * length), "a.txt", on_conflict=on_conflict).size == length
            return
        with pytest.raises(UploadNotAllowed) as refused:
            files.put(make(b"x" * length), "a.txt", on_conflict=on_conflict)
        assert refused.value.code == code
        assert not files.exists("a.txt")


class TestSettings:
    def test_those_of_the_set_come_first(self, app: Flask) -> None:
        order: list[str] = []
        files = UploadSet("files", ALL, validators=[lambda candidate: order.append("set")])
        app.config.update(
            UPLOADED_FILES_BACKEND="memory",
            UPLOADED_FILES_VALIDATORS=(lambda candidate: order.append("setting"),),
        )
        configure_uploads(app, files)
        with app.app_context():
            files.put(b"x", "a.txt")
        assert order == ["set", "setting"]

    def test_one_can_be_named(self, app: Flask) -> None:
        files = made_set(app, VALIDATORS=["tests.validators.test_sets:refuse_all"])
        with app.app_context(), pytest.raises(UploadNotAllowed, match="Nothing comes in"):
            files.put(b"x", "a.txt")

    @pytest.mark.parametrize(
        ("value", "problem"),
        [
            (MinSize(1), "must be a list"),
            ("x:y", "must be a list"),
            (5, "must be a list"),
            ([5], "cannot be called"),
            ([MinSize], "cannot be called"),
            (["no.such:thing"], "could not be imported"),
        ],
    )
    def test_what_is_none_is_refused_at_start(self, app: Flask, value: Any, problem: str) -> None:
        with pytest.raises(ConfigError, match=problem):
            made_set(app, VALIDATORS=value)

    def test_a_fault_of_a_validator_is_no_refusal_and_stores_nothing(self, app: Flask) -> None:
        files = made_set(app, VALIDATORS=[lambda candidate: 1 / 0])
        with app.app_context():
            with pytest.raises(ZeroDivisionError):
                files.put(b"x", "a.txt")
            assert not files.exists("a.txt")

    def test_it_may_read_in_every_way_also_on_a_set_with_a_limit(self, app: Flask) -> None:
        seen: list[bytes] = []

        def read_into(candidate: Candidate) -> None:
            buffer = bytearray(100)
            seen.append(bytes(buffer[: cast("io.BytesIO", candidate.stream).readinto(buffer)]))
            candidate.stream.seek(1000)
            assert candidate.stream.read() == b""

        files = made_set(app, VALIDATORS=[read_into], MAX_SIZE=100)
        with app.app_context():
            files.put(b"content", "a.txt")
            files.check(FileStorage(io.BytesIO(b"content"), "a.txt"))
        assert seen == [b"content"] * 2

    def test_what_it_saw_is_what_is_copied_from_another_set(self, app: Flask) -> None:
        others = made_set(app)

        def change_it(candidate: Candidate) -> None:
            if candidate.stream.read() != b"harmless":
                raise UploadNotAllowed
            others.put(b"something else", "a.txt", on_conflict="overwrite")

        files = UploadSet("guarded", ALL, validators=[change_it])
        app.config["UPLOADED_GUARDED_BACKEND"] = "memory"
        configure_uploads(app, files)
        with app.app_context():
            others.put(b"harmless", "a.txt")
            others.copy_to(files, "a.txt")
            with files.open("a.txt") as stream:
                assert stream.read() == b"harmless"


def refuse_all(candidate: Candidate) -> None:
    raise UploadNotAllowed("Nothing comes in.", code="nothing")
