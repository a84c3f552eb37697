"""The verbs of upload sets, the same on every backend."""

from __future__ import annotations

import hashlib
import io
import os
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import pytest

from tests.conftest import MakeSet, SixMethods, form_file
from uploadkit import (
    IMAGES,
    AlreadyExistsError,
    IntegrityError,
    InvalidFilenameError,
    InvalidKeyError,
    NotFoundError,
    NotSupportedError,
    PreconditionError,
    RemotePath,
    UploadConfiguration,
    UploadNotAllowed,
    UploadSet,
)
from uploadkit.backends import Backend, capabilities
from uploadkit.backends.memory import MemoryBackend
from uploadkit.models import FileInfo, SaveOptions
from uploadkit.operations import move
from uploadkit.settings import SetSettings
from uploadkit.testing.subject import source


@pytest.fixture
def files(make_set: MakeSet) -> UploadSet:
    return make_set()


def read(uset: UploadSet, name: str) -> bytes:
    with uset.open(name) as stream:
        return stream.read()


class TestPut:
    def test_bytes_streams_paths_and_forms_are_taken(self, files: UploadSet, tmp_path: Path) -> None:
        path = tmp_path / "source.txt"
        path.write_bytes(b"content")
        sources = (b"content", bytearray(b"content"), memoryview(b"content"), io.BytesIO(b"content"), path, str(path))
        for given in (*sources, source(b"content"), form_file()):
            info = files.put(given, "x.txt")
            assert read(files, info.key) == b"content"
            assert info.size == 7

    def test_anything_else_is_a_type_error_that_says_what_to_give(self, files: UploadSet) -> None:
        with pytest.raises(TypeError, match="bytes, a binary stream, a path"):
            files.put(5, "x.txt")  # type: ignore[arg-type]

    def test_what_is_returned_tells_of_the_stored_file(self, files: UploadSet) -> None:
        info = files.put(b"content", "a/My Pic.JPG", folder="f", metadata={"owner": "42"}, cache_control="no-store")
        assert info.key == info.filename == "f/a/My_Pic.jpg"
        assert info.content_type == "image/jpeg"
        assert info.original_filename == "My Pic.JPG"
        found = files.stat(info.key)
        assert (found.cache_control, found.metadata["owner"]) == ("no-store", "42")

    def test_a_stream_of_the_caller_is_left_open(self, files: UploadSet) -> None:
        stream = io.BytesIO(b"content")
        files.put(stream, "x.txt")
        assert not stream.closed

    def test_another_size_or_checksum_than_announced_is_refused(self, files: UploadSet) -> None:
        with pytest.raises(IntegrityError):
            files.put(b"content", "x.txt", size=6)
        with pytest.raises(IntegrityError):
            files.put(b"content", "x.txt", checksum="sha256:" + hashlib.sha256(b"other").hexdigest())
        assert not files.exists("x.txt")

    def test_the_sets_rules_hold(self, make_set: MakeSet) -> None:
        photos = make_set(IMAGES)
        with pytest.raises(UploadNotAllowed, match="'exe'"):
            photos.put(b"MZ", "x.exe")

    @pytest.mark.parametrize("name", ["", "folder/", "..", "a/..", None, 5])
    def test_a_name_that_is_none_is_refused(self, files: UploadSet, name: str) -> None:
        with pytest.raises(InvalidFilenameError):
            files.put(b"x", name)

    def test_a_missing_source_stores_nothing(self, files: UploadSet, tmp_path: Path) -> None:
        with pytest.raises(FileNotFoundError):
            files.put(tmp_path / "missing", "x.txt")
        assert not files.exists("x.txt")


class TestReading:
    def test_a_part_can_be_opened_and_sought_in(self, files: UploadSet) -> None:
        files.put(b"0123456789", "x.txt")
        with files.open("x.txt", start=2, length=5) as stream:
            assert stream.read() == b"23456"
            assert stream.seek(-1, io.SEEK_END) == 4
            assert stream.read() == b"6"
        with files.open("x.txt", start=8) as stream:
            assert stream.read() == b"89"

    def test_a_negative_range_is_refused(self, files: UploadSet) -> None:
        files.put(b"0123456789", "x.txt")
        with pytest.raises(ValueError, match="negative"):
            files.open("x.txt", start=-1)

    def test_a_missing_file_is_not_found(self, files: UploadSet) -> None:
        for call in (files.open, files.stat, files.delete, files.checksum):
            with pytest.raises(FileNotFoundError):
                call("missing.txt")
        assert not files.exists("missing.txt")

    @pytest.mark.parametrize("name", ["../x", "/x", "a/../../x", "", "a\\b", "x\x00"])
    def test_an_impossible_name_is_refused_and_does_not_exist(self, files: UploadSet, name: str) -> None:
        assert not files.exists(name)
        for call in (files.open, files.stat, files.delete, files.checksum, files.path, files.url):
            with pytest.raises(InvalidKeyError):
                call(name)

    def test_checksums_are_of_the_bytes(self, files: UploadSet) -> None:
        files.put(b"content", "x.txt")
        assert files.checksum("x.txt") == hashlib.sha256(b"content").hexdigest()
        assert files.checksum("x.txt", "md5") == hashlib.md5(b"content").hexdigest()
        with pytest.raises(ValueError, match="unsupported hash"):
            files.checksum("x.txt", "no-such")


class TestDeleting:
    def test_a_missing_file_is_an_error_unless_it_may_be_missing(self, files: UploadSet) -> None:
        with pytest.raises(NotFoundError):
            files.delete("x.txt")
        files.delete("x.txt", missing_ok=True)
        files.put(b"x", "x.txt")
        files.delete("x.txt")
        assert not files.exists("x.txt")

    def test_a_folder_is_deleted_without_its_siblings(self, files: UploadSet, backend: Backend) -> None:
        if capabilities(backend).listing is None:
            pytest.skip("the backend cannot list")
        for name in ("foo/1/a.txt", "foo/1/b/c.txt", "foo/10/a.txt", "foo/1.txt"):
            files.put(b"x", name)
        assert files.delete_prefix("foo/1") == 2
        assert [info.key for info in files.list_files()] == ["foo/1.txt", "foo/10/a.txt"]

    @pytest.mark.parametrize("prefix", ["", "/", "..", "."])
    def test_the_whole_set_is_never_deleted_by_an_empty_folder(self, files: UploadSet, prefix: str) -> None:
        files.put(b"x", "x.txt")
        with pytest.raises(InvalidKeyError, match="would delete"):
            files.delete_prefix(prefix)
        assert files.exists("x.txt")

    def test_glob_characters_are_only_characters(self, files: UploadSet, backend: Backend) -> None:
        if capabilities(backend).listing is None:
            pytest.skip("the backend cannot list")
        files.put(b"x", "a/x.txt")
        for prefix in ("a*", "[a]", "?", "{a}"):
            assert files.delete_prefix(prefix) == 0
        assert files.exists("a/x.txt")


class TestListing:
    def test_a_folder_is_listed_as_it_was_saved_to(self, make_set: MakeSet, backend: Backend) -> None:
        files = make_set()
        if capabilities(backend).listing is None:
            with pytest.raises(NotSupportedError, match="cannot list"):
                files.list_files()
            return
        for folder in ("é", "e", "a b", None):
            files.save(form_file(), folder)
        listed = files.list_files()
        assert isinstance(listed, Iterator)
        assert len(list(listed)) == 4
        assert [info.key for info in files.list_files("e")] == ["e/photo.jpg"]
        assert [info.key for info in files.list_files("a b")] == ["a_b/photo.jpg"]
        assert len(list(files.list_files("é"))) == 1

    def test_hidden_files_are_not_listed(self, files: UploadSet, backend: Backend) -> None:
        if capabilities(backend).listing is None:
            pytest.skip("the backend cannot list")
        from uploadkit.testing.subject import put

        put(backend, ".hidden.txt", b"x")
        put(backend, "a/.git/x.txt", b"x")
        put(backend, "a/x.y.txt", b"x")
        assert [info.key for info in files.list_files()] == ["a/x.y.txt"]
        for name in (".hidden.txt", "a/.git/x.txt"):
            assert not files.exists(name)
            for call in (files.open, files.stat, files.delete, files.url, files.serve):
                with pytest.raises(InvalidKeyError, match="begins with a dot"):
                    call(name)

    def test_a_set_is_no_iterable(self, files: UploadSet) -> None:
        # Flask-WTF takes an iterable for a list of extensions.
        with pytest.raises(TypeError):
            iter(files)  # type: ignore[call-overload]


class TestCopyAndMove:
    def test_everything_a_file_carries_goes_along(self, files: UploadSet) -> None:
        files.put(b"content", "a.txt", metadata={"x": "ü"}, content_type="text/x-own", cache_control="no-store")
        for verb, new in ((files.copy, "b/c.txt"), (files.move, "d.txt")):
            info = verb("a.txt", new)
            assert info.key == new
            found = files.stat(new)
            assert (found.size, found.content_type, found.metadata["x"]) == (7, "text/x-own", "ü")
            assert found.cache_control == "no-store"
            assert read(files, new) == b"content"
        assert not files.exists("a.txt")

    @pytest.mark.parametrize("verb", ["copy", "move"])
    def test_a_taken_name_is_an_error_unless_said_otherwise(self, files: UploadSet, verb: str) -> None:
        files.put(b"a", "a.txt")
        files.put(b"b", "b.txt")
        act = getattr(files, verb)
        with pytest.raises(AlreadyExistsError):
            act("a.txt", "b.txt")
        assert read(files, "b.txt") == b"b"
        assert act("a.txt", "b.txt", on_conflict="rename").key == "b_1.txt"
        files.put(b"a", "a.txt", on_conflict="overwrite")
        assert act("a.txt", "b.txt", on_conflict="overwrite").key == "b.txt"
        assert read(files, "b.txt") == b"a"

    @pytest.mark.parametrize("verb", ["copy", "move"])
    @pytest.mark.parametrize("policy", ["error", "rename", "overwrite", "unique"])
    def test_a_missing_file_is_not_found(self, files: UploadSet, verb: str, policy: str) -> None:
        files.put(b"b", "b.txt")
        with pytest.raises(NotFoundError):
            getattr(files, verb)("missing.txt", "b.txt", on_conflict=policy)
        assert read(files, "b.txt") == b"b"

    @pytest.mark.parametrize("verb", ["copy", "move"])
    def test_the_new_name_is_under_the_sets_rules(self, make_set: MakeSet, verb: str) -> None:
        photos = make_set(IMAGES)
        photos.put(b"x", "a.jpg")
        act = getattr(photos, verb)
        with pytest.raises(UploadNotAllowed, match="'php'"):
            act("a.jpg", "a.php")
        with pytest.raises(InvalidFilenameError):
            act("a.jpg", "..")
        assert act("a.jpg", "../../Ünï.JPG").key == "Uni.jpg"

    def test_an_unknown_policy_is_refused(self, files: UploadSet) -> None:
        files.put(b"x", "a.txt")
        with pytest.raises(ValueError, match="rename, overwrite, error, unique"):
            files.copy("a.txt", "b.txt", on_conflict="replace")  # type: ignore[arg-type]

    def test_moving_a_file_to_itself_keeps_it(self, files: UploadSet) -> None:
        files.put(b"x", "a.txt")
        files.move("a.txt", "a.txt")
        files.move("a.txt", "a.txt", on_conflict="overwrite")
        assert read(files, "a.txt") == b"x"


class TestCopyTo:
    def other(self, **settings: object) -> UploadSet:
        uset = UploadSet("other", IMAGES)
        memory = MemoryBackend()
        uset._config = UploadConfiguration(memory.path(""), backend=memory, settings=SetSettings(**settings))  # type: ignore[arg-type]
        return uset

    def test_a_file_goes_to_another_backend_with_everything(self, files: UploadSet) -> None:
        files.put(b"content", "a/b.jpg", metadata={"x": "1"})
        other = self.other()
        assert files.copy_to(other, "a/b.jpg").key == "a/b.jpg"
        assert files.copy_to(other, "a/b.jpg", "c.png").key == "c.png"
        assert other.stat("a/b.jpg").metadata["x"] == "1"
        assert read(other, "c.png") == b"content" == read(files, "a/b.jpg")

    def test_the_other_sets_rules_hold(self, files: UploadSet) -> None:
        files.put(b"content", "a.exe")
        with pytest.raises(UploadNotAllowed):
            files.copy_to(self.other(), "a.exe")
        files.put(b"content", "a.jpg")
        with pytest.raises(UploadNotAllowed, match="too large"):
            files.copy_to(self.other(max_size=3), "a.jpg")

    def test_a_view_of_a_set_is_a_target(self, files: UploadSet) -> None:
        files.put(b"content", "a.jpg")
        other = self.other()
        assert files.copy_to(other.scoped("t/1"), "a.jpg").key == "a.jpg"
        assert read(other, "t/1/a.jpg") == b"content"


class TestPath:
    def test_it_is_absolute_and_local_or_refuses_to_be_a_file(self, files: UploadSet) -> None:
        path = files.path("b.txt", folder="users/42")
        if isinstance(path, str):
            assert os.path.isabs(path)
            assert path.endswith(os.path.join("users", "42", "b.txt"))
            return
        assert isinstance(path, RemotePath)
        uses = (open, os.remove, os.path.exists, os.stat, Path, lambda p: os.path.join(p, "x"), lambda p: p + "/x")
        for use in (*uses, lambda p: os.path.join("x", p), lambda p: "x" + p, lambda p: p / "x"):
            with pytest.raises(
                NotSupportedError, match=r"'files'.*'(memory|six)'.*open\(\).*delete.*exists.*local_path"
            ):
                use(path)
        assert not isinstance(path, str)
        assert not issubclass(NotSupportedError, OSError)
        assert str(path).endswith("users/42/b.txt")

    def test_it_finds_what_save_stored_in_a_folder(self, files: UploadSet) -> None:
        for folder in ("users/42", "é", "a b", "../x"):
            stored = files.save(form_file(), folder)
            assert str(files.path("photo.jpg", folder)) == str(files.path(stored))


class TestLocalPath:
    def test_a_real_file_with_the_same_extension(self, files: UploadSet) -> None:
        files.put(b"content", "a/b.tar.gz")
        with files.local_path("a/b.tar.gz") as path:
            assert path.read_bytes() == b"content"
            assert path.name == "b.tar.gz"

    def test_changes_count_when_they_are_asked_for(self, files: UploadSet, backend: Backend) -> None:
        files.put(b"content", "a.txt", metadata={"x": "1"})
        with files.local_path("a.txt", write=True) as path:
            path.write_bytes(b"changed!")
        assert read(files, "a.txt") == b"changed!"
        assert files.stat("a.txt").metadata["x"] == "1"

    def test_nothing_changes_elsewhere_without_asking_or_after_an_error(
        self, files: UploadSet, backend: Backend
    ) -> None:
        if isinstance(backend.path(""), str):
            pytest.skip("on a local set it is the file itself")
        files.put(b"content", "a.txt")
        with files.local_path("a.txt") as path:
            path.write_bytes(b"changed!")
        with pytest.raises(RuntimeError), files.local_path("a.txt", write=True) as path:
            path.write_bytes(b"changed!")
            raise RuntimeError
        assert read(files, "a.txt") == b"content"
        assert not path.exists()

    def test_a_change_by_somebody_else_is_not_overwritten(self, files: UploadSet, backend: Backend) -> None:
        if isinstance(backend.path(""), str):
            pytest.skip("on a local set it is the file itself")
        files.put(b"content", "a.txt")
        with pytest.raises(PreconditionError), files.local_path("a.txt", write=True) as path:
            path.write_bytes(b"mine")
            files.put(b"theirs", "a.txt", on_conflict="overwrite")
        assert read(files, "a.txt") == b"theirs"

    def test_a_missing_file_is_not_found(self, files: UploadSet) -> None:
        with pytest.raises(NotFoundError), files.local_path("a.txt"):
            pytest.fail("there is no such file")

    def test_a_copy_that_arrived_damaged_is_refused(self, make_set: MakeSet, backend: Backend) -> None:
        if not isinstance(backend, MemoryBackend):
            pytest.skip("shown by damaging the memory backend")
        files = make_set()
        files.put(b"content", "a.txt")
        info = backend.stat("a.txt")
        backend.open_snapshot = lambda key: (info, io.BytesIO(b"c0ntent"))  # type: ignore[method-assign]
        with pytest.raises(IntegrityError), files.local_path("a.txt"):
            pytest.fail("the bytes are not those that were stored")


class TestScoped:
    def test_names_are_relative_to_the_folder(self, files: UploadSet, backend: Backend) -> None:
        tenant = files.scoped("tenants/42")
        assert tenant.prefix == "tenants/42"
        assert tenant.save(form_file()) == "photo.jpg"
        assert tenant.save(form_file(), folder="a") == "a/photo.jpg"
        assert tenant.put(b"x", "b/c.txt").key == "b/c.txt"
        assert read(files, "tenants/42/a/photo.jpg") == b"content"
        assert tenant.stat("b/c.txt").key == "b/c.txt"
        assert tenant.exists("photo.jpg")
        assert not tenant.exists("tenants/42/photo.jpg")
        assert tenant.copy("photo.jpg", "d.jpg").key == "d.jpg"
        assert tenant.move("d.jpg", "e.jpg").key == "e.jpg"
        assert str(tenant.path("e.jpg")) == str(files.path("tenants/42/e.jpg"))
        with tenant.local_path("e.jpg") as path:
            assert path.read_bytes() == b"content"
        tenant.delete("e.jpg")
        if capabilities(backend).listing is not None:
            assert [info.key for info in tenant.list_files()] == ["a/photo.jpg", "b/c.txt", "photo.jpg"]
            assert [info.key for info in tenant.list_files("a")] == ["a/photo.jpg"]
            assert tenant.delete_prefix("a") == 1
            with pytest.raises(InvalidKeyError):
                tenant.delete_prefix("")

    def test_nothing_outside_can_be_reached(self, files: UploadSet) -> None:
        files.put(b"secret", "tenants/43/x.txt")
        tenant = files.scoped("tenants/42")
        for name in ("../43/x.txt", "/tenants/43/x.txt", "a/../../43/x.txt"):
            with pytest.raises(InvalidKeyError):
                tenant.open(name)
            assert not tenant.exists(name)
        assert tenant.save(form_file(), folder="../43") == "43/photo.jpg"
        assert files.exists("tenants/42/43/photo.jpg")

    def test_a_view_has_views(self, files: UploadSet) -> None:
        inner = files.scoped("a").scoped("b")
        inner.put(b"x", "x.txt")
        assert files.exists("a/b/x.txt")
        assert repr(inner) == "<ScopedSet 'a/b' of <UploadSet 'files'>>"

    @pytest.mark.parametrize("prefix", ["", "/", "..", "./."])
    def test_an_empty_folder_is_refused(self, files: UploadSet, prefix: str) -> None:
        with pytest.raises(InvalidKeyError):
            files.scoped(prefix)
        with pytest.raises(InvalidKeyError):
            files.scoped("a").scoped(prefix)

    def test_the_sets_hooks_are_asked(self, files: UploadSet) -> None:
        files.get_basename = lambda filename: "hooked.jpg"  # type: ignore[method-assign]
        assert files.scoped("a").save(form_file()) == "hooked.jpg"
        assert files.exists("a/hooked.jpg")


class TestContentTypes:
    @pytest.mark.parametrize("verb", ["copy", "move"])
    def test_a_usual_type_follows_the_name_and_an_own_one_stays(self, files: UploadSet, verb: str) -> None:
        files.put(b"x", "a.txt")
        files.put(b"x", "own.txt", content_type="text/x-own")
        assert getattr(files, verb)("a.txt", "a.csv").content_type == "text/csv"
        assert getattr(files, verb)("own.txt", "own.csv").content_type == "text/x-own"
        assert files.stat("a.csv").content_type == "text/csv"


def test_a_local_copy_that_became_too_large_is_not_stored(make_set: MakeSet, backend: Backend) -> None:
    if isinstance(backend.path(""), str):
        pytest.skip("on a local set it is the file itself")
    files = make_set(max_size=10)
    files.put(b"content", "a.txt")
    with pytest.raises(UploadNotAllowed, match="too large"), files.local_path("a.txt", write=True) as path:
        path.write_bytes(bytes(11))
    assert read(files, "a.txt") == b"content"


def test_a_file_that_vanishes_while_it_is_opened_is_not_found_and_nothing_stays_open() -> None:
    six = SixMethods()
    files = UploadSet("files", IMAGES)
    files._config = UploadConfiguration(six.path(""), backend=six)
    files.put(b"x", "a.jpg")
    original, opened = six.open, []

    def vanishing(key: str) -> BinaryIO:
        opened.append(original(key))
        six.delete(key)
        return opened[-1]

    six.open = vanishing  # type: ignore[method-assign]
    with pytest.raises(NotFoundError), files.local_path("a.jpg"):
        pytest.fail("it is gone")
    assert [stream.closed for stream in opened] == [True]


def test_a_file_that_is_replaced_while_it_is_moved_stays() -> None:
    """Without a power to move, the copy was of the old one, and the new one was deleted."""
    six = SixMethods()
    six.save("a.txt", io.BytesIO(b"old"), SaveOptions())
    original = six.save

    def replacing(key: str, stream: BinaryIO, options: SaveOptions) -> FileInfo:
        info = original(key, stream, options)
        original("a.txt", io.BytesIO(b"new"), SaveOptions(overwrite=True))
        return info

    six.save = replacing  # type: ignore[method-assign]
    with pytest.raises(PreconditionError, match="it stays as it is now"):
        move(six, "a.txt", "b.txt")
    assert six.open("a.txt").read() == b"new"
    assert six.open("b.txt").read() == b"old"
