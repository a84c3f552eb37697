"""What an adopted file must never be: somebody else's to change, to own, or to close."""

from __future__ import annotations

import copy
import fcntl
import io
import mmap
import os
import pickle
import struct
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import pytest

from uploadkit.backends.local import LocalBackend
from uploadkit.heldfile import HeldFile
from uploadkit.models import SaveOptions

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="elsewhere files are copied or have no number")

CONTENT = os.urandom(1_000_003)


@pytest.fixture
def files(tmp_path: Path) -> Path:
    return tmp_path / "files"


@pytest.fixture
def backend(files: Path) -> LocalBackend:
    return LocalBackend(files)


@pytest.fixture
def spool(backend: LocalBackend) -> Iterator[HeldFile]:
    with backend.open_spool() as spool:
        assert isinstance(spool, HeldFile)
        spool.write(CONTENT)
        spool.seek(0)
        yield spool


def saved(backend: LocalBackend, spool: HeldFile, key: str = "a", *, overwrite: bool = False) -> None:
    backend.save(key, spool, SaveOptions(overwrite=overwrite))  # type: ignore[arg-type]


@pytest.mark.parametrize("overwrite", [False, True])
def test_its_descriptor_cannot_change_it(backend: LocalBackend, files: Path, spool: HeldFile, overwrite: bool) -> None:
    number = spool.descriptor
    saved(backend, spool, overwrite=overwrite)
    assert os.fstat(number).st_ino == os.stat(files / "a").st_ino
    with pytest.raises(OSError):
        os.pwrite(number, b"x", 0)
    with pytest.raises(OSError):
        os.ftruncate(number, 0)
    with pytest.raises(PermissionError):
        mmap.mmap(number, 0)
    assert (files / "a").read_bytes() == spool.read() == CONTENT


def test_nothing_hands_the_file_out_unseen(backend: LocalBackend, spool: HeldFile) -> None:
    assert spool.name is None
    assert spool._file is spool
    assert not hasattr(iter(spool), "write")


@pytest.mark.parametrize("overwrite", [False, True])
def test_it_is_not_locked(backend: LocalBackend, files: Path, spool: HeldFile, overwrite: bool) -> None:
    saved(backend, spool, overwrite=overwrite)
    with (files / "a").open("rb+") as file:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)


@pytest.mark.parametrize("round_", range(10))
def test_of_threads_that_save_it_one_has_the_file_and_the_others_copies(
    backend: LocalBackend, files: Path, spool: HeldFile, round_: int
) -> None:
    barrier = threading.Barrier(4)

    def save(name: str) -> None:
        barrier.wait()
        saved(backend, spool, name)

    threads = [threading.Thread(target=save, args=(name,)) for name in "abcd"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {(files / name).stat().st_nlink for name in "abcd"} == {1}
    assert {(files / name).read_bytes() for name in "abcd"} == {CONTENT}


def test_a_forked_process_copies_it(backend: LocalBackend, files: Path, spool: HeldFile) -> None:
    child = os.fork()
    if child == 0:
        try:
            saved(backend, spool, "child")
        finally:
            os._exit(0)
    os.waitpid(child, 0)
    saved(backend, spool, "parent")
    assert [(files / name).stat().st_nlink for name in ("child", "parent")] == [1, 1]
    assert [(files / name).read_bytes() for name in ("child", "parent")] == [CONTENT, CONTENT]


def test_after_a_refusal_it_can_be_taken_over_all_the_same(backend: LocalBackend, files: Path, spool: HeldFile) -> None:
    backend.save("a", io.BytesIO(b"there"), SaveOptions())
    with pytest.raises(FileExistsError):
        saved(backend, spool)
    saved(backend, spool, "b")
    assert (files / "b").stat().st_ino == os.fstat(spool.descriptor).st_ino


@pytest.mark.parametrize("take", [copy.copy, copy.deepcopy, pickle.dumps])
def test_the_stream_cannot_be_copied(spool: HeldFile, take: object) -> None:
    assert callable(take)
    with pytest.raises(TypeError):
        take(spool)


def test_closing_it_twice_closes_nobody_elses_file(backend: LocalBackend, spool: HeldFile, tmp_path: Path) -> None:
    place = spool.place
    assert place is not None
    spool.close()
    with (tmp_path / "other").open("wb") as other:
        place.discard()
        other.write(b"content")


class TestFolders:
    """A file gets group and permissions of its folder, so it is not linked from one that hands down others."""

    def inode(self, backend: LocalBackend, spool: HeldFile, files: Path) -> tuple[int, int]:
        number = os.fstat(spool.descriptor).st_ino
        saved(backend, spool, "private/a")
        return number, (files / "private" / "a").stat().st_ino

    def test_into_an_ordinary_folder_it_is_linked(self, backend: LocalBackend, files: Path, spool: HeldFile) -> None:
        (files / "private").mkdir()
        before, after = self.inode(backend, spool, files)
        assert before == after

    def test_a_folder_with_a_group_of_its_own_gives_it(
        self, backend: LocalBackend, files: Path, spool: HeldFile
    ) -> None:
        folder = files / "private"
        folder.mkdir()
        folder.chmod(0o2750)
        if not folder.stat().st_mode & 0o2000:
            pytest.skip("this user may not set the group bit")
        before, after = self.inode(backend, spool, files)
        assert before != after

    def test_a_folder_with_a_default_list_gives_it(self, backend: LocalBackend, files: Path, spool: HeldFile) -> None:
        folder = files / "private"
        folder.mkdir()
        entries = ((1, 7), (4, 0), (0x20, 0))  # the owner everything; group and others nothing
        acl = struct.pack("<I", 2) + b"".join(struct.pack("<HHI", tag, bits, 0xFFFFFFFF) for tag, bits in entries)
        try:
            os.setxattr(folder, "system.posix_acl_default", acl)
        except OSError:
            pytest.skip("this file system has no access control lists")
        before, after = self.inode(backend, spool, files)
        assert before != after
        assert (folder / "a").stat().st_mode & 0o077 == 0


def test_writing_a_number_is_no_way_to_write_zeros(spool: HeldFile) -> None:
    with pytest.raises(TypeError):
        spool.write(5)  # type: ignore[arg-type]


def test_read1_gives_what_stands_behind_a_write(spool: HeldFile) -> None:
    stream: BinaryIO = spool  # type: ignore[assignment]
    stream.seek(10)
    stream.write(b"xyz")
    assert spool.read1(4) == CONTENT[13:17]
