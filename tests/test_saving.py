"""Saving: whole files, names that are free, the set's settings."""

from __future__ import annotations

import hashlib
import io
import re
import tempfile
import threading
from collections import Counter
from collections.abc import Sequence
from typing import Any, BinaryIO, cast

import pytest
from werkzeug.datastructures import FileStorage

from tests.conftest import MakeSet, form_file
from uploadkit import (
    IMAGES,
    AlreadyExistsError,
    IntegrityError,
    InvalidFilenameError,
    UnavailableError,
    UploadConfiguration,
    UploadNotAllowed,
    UploadSet,
)
from uploadkit.backends import Backend
from uploadkit.backends.memory import MemoryBackend
from uploadkit.conflicts import free_name, free_number
from uploadkit.settings import SetSettings
from uploadkit.testing import FaultyBackend
from uploadkit.testing.subject import source


def read(uset: UploadSet, name: str) -> bytes:
    with uset.open(name) as stream:
        return stream.read()


class TestWholeFiles:
    def test_a_stream_that_was_read_before_is_stored_whole_twice_and_left_open(self, make_set: MakeSet) -> None:
        files, storage = make_set(), form_file(b"0123456789")
        for name in ("photo.jpg", "photo_1.jpg"):
            storage.stream.read(4)
            assert files.save(storage) == name
            assert read(files, name) == b"0123456789"
        assert not storage.stream.closed

    def test_a_spooled_file_as_werkzeug_makes_it_is_stored_whole(self, make_set: MakeSet) -> None:
        files = make_set()
        with tempfile.SpooledTemporaryFile(max_size=10) as spooled:
            spooled.write(b"x" * 100_000)
            storage = FileStorage(cast("BinaryIO", spooled), "a.txt")
            assert len(read(files, files.save(storage))) == 100_000
            assert len(read(files, files.save(storage))) == 100_000

    @pytest.mark.parametrize("policy", ["rename", "overwrite", "error", "unique"])
    def test_an_unseekable_stream_is_stored_whole(self, make_set: MakeSet, policy: Any) -> None:
        files = make_set(on_conflict=policy)
        content = bytes(range(256)) * 8192
        assert read(files, files.put(source(content), "a.bin").key) == content
        if policy in ("rename", "unique"):
            again = files.put(source(content), "a.bin").key
            assert again != "a.bin"
            assert read(files, again) == content

    def test_a_failing_source_leaves_nothing(self, make_set: MakeSet) -> None:
        files = make_set()
        for seekable in (True, False):
            with pytest.raises(RuntimeError, match="the source failed"):
                files.put(source(bytes(500_000), seekable=seekable, fail_after=300_000), "a.bin")
            assert not files.exists("a.bin")


class TestConflicts:
    def test_names_are_numbered(self, make_set: MakeSet) -> None:
        files = make_set()
        assert [files.save(form_file(filename="a.tar.gz")) for _ in range(4)] == [
            *("a.tar.gz", "a.tar_1.gz", "a.tar_2.gz", "a.tar_3.gz")
        ]

    def test_numbers_go_on_behind_a_long_row(self, make_set: MakeSet) -> None:
        files = make_set()
        names = [files.save(form_file(b"%d" % number, "n.txt")) for number in range(40)]
        assert names == ["n.txt", *(f"n_{number}.txt" for number in range(1, 40))]
        assert [read(files, name) for name in names] == [b"%d" % number for number in range(40)]

    def test_ten_thousand_of_one_name_cost_about_twenty_looks_each(self) -> None:
        taken = {"n.txt"}
        most = 0
        for _ in range(10_000):
            looks = 0

            def exists(name: str) -> bool:
                nonlocal looks
                looks += 1
                return name in taken

            name = free_name("n.txt", exists)
            assert name not in taken
            taken.add(name)
            most = max(most, looks)
        assert most <= 21
        assert {f"n_{number}.txt" for number in range(1, 1000)} <= taken

    def test_ten_thousand_saves_of_one_name_ask_the_backend_as_little_at_the_end_as_before(self) -> None:
        backend = FaultyBackend(MemoryBackend())
        files = UploadSet("files", ("txt",))
        files._config = UploadConfiguration(backend.path(""), backend=backend)
        calls = []
        for _ in range(10_000):
            backend.calls.clear()
            files.save(form_file(b"x", "n.txt"))
            calls.append(len(backend.calls))
        assert sum(1 for _ in files.list_files()) == 10_000
        assert max(calls) <= 25
        assert max(calls[-1000:]) <= max(calls[:2000])

    def test_a_number_is_looked_for_behind_the_last_one(self) -> None:
        backend = FaultyBackend(MemoryBackend())
        files = UploadSet("files", ("txt",))
        files._config = UploadConfiguration(backend.path(""), backend=backend)
        for number in range(300):
            backend.calls.clear()
            name = files.save(form_file(b"x", "n.txt"), "folder")
            assert name == (f"folder/n_{number}.txt" if number else "folder/n.txt")
            assert [call for call in backend.calls if call != "path"] in (
                ["save"],
                ["save", "stat", "save"],
                ["save", "stat", "stat", "save"],
                ["save", "stat", "stat", "stat", "save"],
            )
        assert files.save(form_file(b"x", "n.txt")) == "n.txt"
        assert files.save(form_file(b"x", "n.txt")) == "n_1.txt"

    @pytest.mark.parametrize(
        ("taken", "last", "number"),
        [
            (range(1, 101), 50, 101),  # another process went on
            (range(1, 31), 50, 31),  # the last ones were deleted
            (range(2, 51), 50, 1),  # the first one was deleted
            (range(0), 50, 1),
            (range(1, 1024), 1000, 1024),
            (range(1, 1025), 1000, None),
            (range(1, 1025), 1024, None),
            (range(1, 1024), 1024, 1024),
            ([1, 2], 1, 3),
        ],
    )
    def test_what_others_did_since_the_last_number_is_found(
        self, taken: Sequence[int], last: int, number: int | None
    ) -> None:
        names = {f"n_{each}.txt" for each in taken}
        assert free_number("n.txt", names.__contains__, last) == number

    def test_files_of_one_name_that_are_deleted_free_their_numbers(self, make_set: MakeSet) -> None:
        files = make_set()
        for _ in range(3):
            names = [files.save(form_file(filename="n.txt")) for _ in range(4)]
            assert names == ["n.txt", "n_1.txt", "n_2.txt", "n_3.txt"]
            for name in names:
                files.delete(name)

    def test_a_gap_may_be_filled(self) -> None:
        taken = {f"n_{number}.txt" for number in (1, 2, 4, 5)}
        assert free_number("n.txt", taken.__contains__) in (3, 6)

    def test_overwrite_replaces(self, make_set: MakeSet) -> None:
        files = make_set(on_conflict="overwrite")
        assert files.save(form_file(b"one")) == files.save(form_file(b"two")) == "photo.jpg"
        assert read(files, "photo.jpg") == b"two"

    def test_error_refuses(self, make_set: MakeSet) -> None:
        files = make_set(on_conflict="error")
        files.save(form_file(b"one"))
        with pytest.raises(FileExistsError, match=r"photo\.jpg"):
            files.save(form_file(b"two"))
        assert read(files, "photo.jpg") == b"one"

    def test_unique_takes_a_random_suffix(self, make_set: MakeSet) -> None:
        files = make_set(on_conflict="unique")
        files.save(form_file())
        assert re.fullmatch(r"photo_[a-z0-9]{10}\.jpg", files.save(form_file()))

    def test_the_call_beats_the_setting(self, make_set: MakeSet) -> None:
        files = make_set(on_conflict="error")
        files.save(form_file())
        assert files.save(form_file(), on_conflict="rename") == "photo_1.jpg"
        with pytest.raises(ValueError, match="on_conflict must be one of"):
            files.save(form_file(), on_conflict="replace")  # type: ignore[arg-type]

    @pytest.mark.parametrize("filename", ["x" * 300 + ".jpg", "日" * 100 + ".jpg", "x." + "y" * 300])
    def test_a_suffix_fits_into_the_longest_name(self, make_set: MakeSet, filename: str) -> None:
        files = make_set(names="unicode")
        names = {files.save(form_file(filename=filename)) for _ in range(12)}
        assert len(names) == 12
        assert all(len(name.encode()) <= 255 for name in names)

    def test_a_race_that_is_always_lost_ends_in_an_error(self) -> None:
        backend = FaultyBackend(MemoryBackend())
        files = UploadSet("files", ("jpg",))
        files._config = UploadConfiguration(backend.path(""), backend=backend)
        backend.fail("save", AlreadyExistsError("taken", key="photo.jpg", backend="memory"))
        with pytest.raises(AlreadyExistsError):
            files.save(form_file())
        assert backend.calls.count("save") < 30

    def test_a_failing_backend_is_not_a_conflict(self) -> None:
        backend = FaultyBackend(MemoryBackend())
        files = UploadSet("files", ("jpg",))
        files._config = UploadConfiguration(backend.path(""), backend=backend)
        backend.fail("save", UnavailableError("gone", key="photo.jpg", backend="memory"))
        with pytest.raises(UnavailableError) as raised:
            files.save(form_file())
        assert raised.value.retryable
        assert backend.calls.count("save") == 1


class TestNaming:
    def test_uuid(self, make_set: MakeSet) -> None:
        files = make_set(naming="uuid")
        assert re.fullmatch(r"a/[0-9a-f]{32}\.jpg", files.save(form_file(filename="X.JPG"), "a"))

    def test_dated(self, make_set: MakeSet) -> None:
        files = make_set(naming="dated:%Y/%m/%d")
        assert re.fullmatch(r"a/\d{4}/\d\d/\d\d/photo\.jpg", files.save(form_file(), "a"))

    def test_by_content_the_same_bytes_are_one_file(self, make_set: MakeSet) -> None:
        files = make_set(naming="sha256")
        digest = hashlib.sha256(b"content").hexdigest()
        names = {
            files.save(form_file()),
            files.save(form_file(filename="other.jpg")),
            files.put(source(b"content"), "x.jpg").key,
        }
        assert names == {f"{digest}.jpg"}
        assert files.save(form_file(b"other")) != f"{digest}.jpg"
        assert read(files, f"{digest}.jpg") == b"content"

    def test_by_content_a_damaged_file_is_not_taken_for_the_same(self, make_set: MakeSet, backend: Backend) -> None:
        files = make_set(naming="sha256")
        key = files.save(form_file())
        from uploadkit.testing.subject import put

        put(backend, key, b"cont", overwrite=True)
        with pytest.raises(IntegrityError, match="delete it and save again"):
            files.save(form_file())

    def test_an_explicit_name_beats_it(self, make_set: MakeSet) -> None:
        for naming in ("uuid", "sha256", "dated:%Y"):
            assert make_set(naming=naming, on_conflict="overwrite").save(form_file(), name="n.jpg") == "n.jpg"

    def test_a_function_names_folders_too(self, make_set: MakeSet) -> None:
        files = make_set(naming=lambda basename, storage: f"by/{storage.filename[0]}/{basename}")
        assert files.save(form_file(filename="Photo.JPG")) == "by/P/Photo.jpg"

    @pytest.mark.parametrize("answer", ["", None, 5, "..", "a/..", "evil.php", "a/"])
    def test_a_function_that_answers_nonsense_is_refused(self, make_set: MakeSet, answer: Any) -> None:
        files = make_set(IMAGES, naming=lambda basename, storage: answer)
        with pytest.raises(UploadNotAllowed):
            files.save(form_file())

    def test_the_function_cannot_lead_out(self, make_set: MakeSet) -> None:
        assert make_set(naming=lambda basename, storage: f"../../{basename}").save(form_file()) == "photo.jpg"


class TestSize:
    def test_a_file_above_the_limit_is_refused_before_anything_is_stored(self, make_set: MakeSet) -> None:
        files = make_set(max_size=1000)
        assert files.save(form_file(bytes(1000))) == "photo.jpg"
        for given in (bytes(1001), io.BytesIO(bytes(1001)), source(bytes(500_000))):
            for policy in ("rename", "overwrite"):
                with pytest.raises(UploadNotAllowed, match="1 kB") as refused:
                    files.put(given, "b.bin", on_conflict=policy)
                assert refused.value.code == "too_large"
        assert not files.exists("b.bin")

    def test_an_endless_source_is_stopped_early(self, make_set: MakeSet) -> None:
        served = Counter[str]()

        class Endless(io.RawIOBase):
            def readable(self) -> bool:
                return True

            def read(self, size: int = -1) -> bytes:
                served["bytes"] += size
                return bytes(size)

        with pytest.raises(UploadNotAllowed):
            make_set(max_size=1000).put(cast("BinaryIO", Endless()), "a.bin")
        assert served["bytes"] < 10_000_000


class TestOriginalName:
    def test_it_is_kept_when_it_differs(self, make_set: MakeSet) -> None:
        files = make_set()
        assert files.stat(files.save(form_file(filename="my pic é.jpg"))).original_filename == "my pic é.jpg"
        assert files.stat(files.save(form_file(filename="plain.jpg"))).original_filename is None

    def test_what_could_not_be_stored_is_taken_out(self, make_set: MakeSet) -> None:
        files = make_set()
        name = files.save(form_file(filename="a\r\nSet-Cookie: x\udcff" + "日" * 1000 + ".jpg"))
        original = files.stat(name).original_filename
        assert original is not None
        assert original.startswith("aSet-Cookie: x?日")
        assert len(original.encode()) <= 512


class TestRefusals:
    def test_a_reason_names_what_was_refused_and_what_is_allowed(self, make_set: MakeSet) -> None:
        with pytest.raises(UploadNotAllowed) as refused:
            make_set(("jpg", "png")).save(form_file(filename="x.exe"))
        assert (
            refused.value.reason == str(refused.value) == "File extension 'exe' is not allowed. Allowed are: jpg, png."
        )
        assert (refused.value.code, refused.value.allowed) == ("extension", ("jpg", "png"))

    def test_a_container_that_cannot_be_listed_is_not(self, make_set: MakeSet) -> None:
        class Pictures:
            def __contains__(self, item: object) -> bool:
                return item == "jpg"

        with pytest.raises(UploadNotAllowed) as refused:
            make_set(Pictures()).save(form_file(filename="x.exe"))
        assert refused.value.allowed is None

    def test_no_file_chosen_is_refused(self, make_set: MakeSet) -> None:
        for filename in ("", None):
            with pytest.raises(InvalidFilenameError, match="Filename must not be empty!"):
                make_set().save(FileStorage(io.BytesIO(), filename))

    def test_a_key_that_would_be_too_long_is_refused(self, make_set: MakeSet) -> None:
        with pytest.raises(InvalidFilenameError, match="1024"):
            make_set().save(form_file(), folder="/".join(["x" * 200] * 6))

    def test_what_is_no_upload_is_a_type_error(self, make_set: MakeSet) -> None:
        with pytest.raises(TypeError, match=r"storage must be a werkzeug\.FileStorage"):
            make_set().save(b"content")  # type: ignore[arg-type]


@pytest.mark.parametrize("size", [1_000, 100_000, 1_000_000])
@pytest.mark.parametrize("folder", [None, "new/folder"])
def test_of_fifty_threads_that_save_one_name_none_is_lost_or_mixed(
    make_set: MakeSet, size: int, folder: str | None
) -> None:
    files = make_set()
    names: dict[int, str] = {}
    barrier = threading.Barrier(50)

    def save(number: int) -> None:
        barrier.wait()
        names[number] = files.save(form_file(bytes([number]) * size, "same.bin"), folder)

    threads = [threading.Thread(target=save, args=(number,)) for number in range(50)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(names.values())) == 50
    assert all(read(files, name) == bytes([number]) * size for number, name in names.items())


class TestByContentUnderStress:
    def test_an_announced_checksum_or_size_still_counts(self, make_set: MakeSet) -> None:
        files = make_set(naming="sha256")
        announcements: tuple[dict[str, Any], ...] = ({"checksum": "sha256:" + "0" * 64}, {"size": 3})
        for announced in announcements:
            with pytest.raises(IntegrityError, match="announced"):
                files.put(b"data", "a.txt", **announced)
        name = files.put(b"data", "a.txt").key
        with pytest.raises(IntegrityError, match="announced"):
            files.put(b"data", "a.txt", size=99)
        assert read(files, name) == b"data"

    def test_a_file_that_was_changed_in_place_is_not_taken_for_the_same(
        self, make_set: MakeSet, backend: Backend
    ) -> None:
        files = make_set(naming="sha256")
        name = files.put(b"data", "a.txt").key
        from uploadkit.testing.subject import put

        put(backend, name, b"DATA", overwrite=True)
        with pytest.raises(IntegrityError, match="named after its content"):
            files.put(b"data", "a.txt")

    def test_another_uploaders_words_are_not_told(self, make_set: MakeSet) -> None:
        files = make_set(naming="sha256")
        files.put(b"data", "alice.txt", metadata={"owner": "alice"})
        assert dict(files.put(b"data", "bob.txt").metadata) == {}

    def test_a_file_that_is_deleted_meanwhile_is_stored_again(self) -> None:
        backend = FaultyBackend(MemoryBackend())
        files = UploadSet("files", ("txt",))
        settings = SetSettings(naming="sha256")
        files._config = UploadConfiguration(backend.path(""), backend=backend, settings=settings)
        backend.fail("save", AlreadyExistsError("taken", key="x", backend="memory"), times=1)
        assert read(files, files.put(b"data", "a.txt").key) == b"data"


def test_a_hostile_name_costs_no_time(make_set: MakeSet) -> None:
    """Normal forms are quadratic in runs of combining marks: half a megabyte of them once took a minute."""
    files = make_set(names="unicode")
    name = "x" + "\u0345\u0301" * 250_000 + ".jpg"
    assert len(files.save(form_file(filename=name)).encode()) <= 255
    assert len(files.save(form_file(), name=name).encode()) <= 255
    with pytest.raises(UploadNotAllowed, match="too long"):
        files.save(form_file(), folder=name)


def test_a_long_name_leaves_room_for_the_callers_metadata(make_set: MakeSet) -> None:
    files = make_set()
    info = files.put(b"x", "ü" * 300 + ".txt", metadata={"k": "v" * 1016})
    assert info.metadata["k"] == "v" * 1016


def test_a_hook_that_looks_at_the_content_sees_it_on_every_way_in(make_set: MakeSet) -> None:
    files, other = make_set(), make_set(name="other")

    def no_html(storage: Any, basename: str) -> bool:
        return b"<html" not in storage.stream.read()

    other.file_allowed = no_html  # type: ignore[method-assign]
    files.put(b"<html>", "a.jpg")
    files.put(b"picture", "b.jpg")
    with pytest.raises(UploadNotAllowed, match=r"'c\.jpg' is not accepted"):
        files.copy_to(other, "a.jpg", "c.jpg")
    with pytest.raises(UploadNotAllowed):
        other.copy("a.jpg", "d.jpg")
    assert files.copy_to(other, "b.jpg", "e.jpg").key == "e.jpg"
    with pytest.raises(FileNotFoundError):
        other.move("missing.jpg", "f.jpg")


def test_the_default_resolve_conflict_can_be_asked_on_every_backend(make_set: MakeSet, backend: Backend) -> None:
    files = make_set()
    for _ in range(3):
        files.save(form_file(), "a")
    root = backend.path("")
    folder = f"{root}/a" if isinstance(root, str) else "a"
    assert files.resolve_conflict(folder, "photo.jpg") == "photo_3.jpg"
