"""Uploads with a ``save`` of their own: called with a path, and losing nobody's file."""

from __future__ import annotations

import hashlib
import io
import os
import threading
from pathlib import Path
from typing import Any

import pytest
from werkzeug.datastructures import FileStorage

from tests.conftest import MakeSet, form_file
from uploadkit import InvalidKeyError, TestingFileStorage, UploadNotAllowed, UploadSet
from uploadkit.backends import Backend
from uploadkit.testing.subject import source


class Shouting(FileStorage):
    """Stores its content in capitals."""

    paths: list[str]

    def save(self, dst: Any, buffer_size: int = 16384) -> None:
        self.paths = [*getattr(self, "paths", []), dst]
        Path(dst).write_bytes(self.stream.read().upper())


def shouting(content: bytes, filename: str = "a.txt") -> Shouting:
    return Shouting(io.BytesIO(content), filename)


def read(uset: UploadSet, name: str) -> bytes:
    with uset.open(name) as stream:
        return stream.read()


def is_local(backend: Backend) -> bool:
    return isinstance(backend.path(""), str)


def test_what_it_writes_is_stored(make_set: MakeSet, backend: Backend) -> None:
    files = make_set()
    storage = shouting(b"content")
    storage.stream.read(3)
    assert [files.save(storage), files.save(storage)] == ["a.txt", "a_1.txt"]
    assert read(files, "a.txt") == read(files, "a_1.txt") == b"CONTENT"
    if is_local(backend):
        assert storage.paths == [str(files.path("a.txt")), str(files.path("a_1.txt"))]


def test_an_unseekable_stream_is_left_for_it_to_read(make_set: MakeSet) -> None:
    files = make_set()
    storage = Shouting(source(b"content"), "a.txt")
    assert read(files, files.save(storage)) == b"CONTENT"


def test_named_by_content_it_is_named_after_what_it_wrote(make_set: MakeSet) -> None:
    files = make_set(naming="sha256")
    files.save(form_file(b"CONTENT", "a.txt"))
    for storage in (shouting(b"content"), Shouting(source(b"content"), "a.txt")):
        name = files.save(storage)
        assert name == hashlib.sha256(b"CONTENT").hexdigest() + ".txt"
        assert read(files, name) == b"CONTENT"


def test_what_it_writes_beyond_the_limit_is_refused(make_set: MakeSet) -> None:
    class Growing(FileStorage):
        def save(self, dst: Any, buffer_size: int = 16384) -> None:
            Path(dst).write_bytes(bytes(1000))

    files = make_set(max_size=10)
    with pytest.raises(UploadNotAllowed, match="too large"):
        files.save(Growing(io.BytesIO(b"x"), "a.txt"))
    assert not files.exists("a.txt")


def test_when_it_fails_nothing_of_it_stays_and_nothing_of_others_goes(make_set: MakeSet) -> None:
    files = make_set()

    class Failing(FileStorage):
        def save(self, dst: Any, buffer_size: int = 16384) -> None:
            Path(dst).write_bytes(b"half")
            assert files.save(form_file(b"other's", "a.txt"))
            raise OSError("disk")

    with pytest.raises(OSError, match="disk"):
        files.save(Failing(io.BytesIO(b"content"), "a.txt"))
    left = [name for name in ("a.txt", "a_1.txt") if files.exists(name)]
    assert [read(files, name) for name in left] == [b"other's"]


@pytest.mark.parametrize("policy", ["rename", "unique"])
def test_of_many_threads_none_loses_a_file(make_set: MakeSet, policy: Any) -> None:
    files = make_set(on_conflict=policy)
    names: dict[int, str] = {}
    barrier = threading.Barrier(24)

    def save(number: int) -> None:
        barrier.wait()
        names[number] = files.save(shouting(b"%d " % number * 1000))

    threads = [threading.Thread(target=save, args=(number,)) for number in range(24)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(names.values())) == 24
    assert all(read(files, name) == b"%d " % number * 1000 for number, name in names.items())


def test_overwrite_error_and_hooks_are_honoured(make_set: MakeSet, monkeypatch: pytest.MonkeyPatch) -> None:
    files = make_set()
    files.save(shouting(b"one"))
    with pytest.raises(FileExistsError):
        files.save(shouting(b"two"), on_conflict="error")
    assert files.save(shouting(b"two"), on_conflict="overwrite") == "a.txt"
    assert read(files, "a.txt") == b"TWO"
    for expected in ("a.txt", "b.txt"):
        monkeypatch.setattr(files, "resolve_conflict", lambda folder, name, answer=expected: answer)
        assert files.save(shouting(b"three")) == expected
    monkeypatch.setattr(files, "resolve_conflict", lambda folder, name: "_" + name)
    assert files.save(shouting(b"four")) not in ("a.txt", "b.txt")
    assert read(files, "a.txt") == b"THREE"


def test_a_file_where_a_folder_should_be_is_said_without_a_path(
    make_set: MakeSet, backend: Backend, tmp_path: Path
) -> None:
    files = make_set()
    files.put(b"x", "x")
    if not is_local(backend):
        assert files.save(shouting(b"content"), folder="x/y") == "x/y/a.txt"
        return
    with pytest.raises(InvalidKeyError) as refused:
        files.save(shouting(b"content"), folder="x/y")
    assert str(tmp_path) not in str(refused.value)


def test_a_double_that_only_notes_the_path_leaves_no_file(make_set: MakeSet, backend: Backend) -> None:
    class Noting(FileStorage):
        saved: str

        def save(self, dst: Any, buffer_size: int = 16384) -> None:
            self.saved = dst

    if not is_local(backend):
        pytest.skip("elsewhere the path is a temporary one")
    files = make_set()
    storage = Noting(io.BytesIO(b"content"), "a.txt")
    assert files.save(storage, folder="f") == "f/a.txt"
    assert storage.saved == files.path("f/a.txt")
    assert not os.path.exists(storage.saved)


def test_the_testing_storage_notes_where_it_would_have_been(make_set: MakeSet) -> None:
    files = make_set()
    storage = TestingFileStorage(io.BytesIO(b"content"), "a.txt")
    assert files.save(storage) == "a.txt"
    assert storage.saved == str(files.path("a.txt"))
    assert not files.exists("a.txt")
    sha = make_set(naming="sha256")
    assert sha.save(TestingFileStorage(io.BytesIO(b"content"), "a.txt")).endswith(".txt")
