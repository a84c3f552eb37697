"""Spools of the local backend are linked under their name, once, and copied where that cannot be."""

from __future__ import annotations

import errno
import io
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any, BinaryIO

import pytest

from uploadkit.backends._local import adopting, attributes, staging
from uploadkit.backends._local.folders import Folder
from uploadkit.backends.local import LocalBackend
from uploadkit.exceptions import AlreadyExistsError
from uploadkit.heldfile import HeldFile
from uploadkit.models import SaveOptions

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows cannot rename what is open")

CONTENT = os.urandom(2 * 1024 * 1024 + 3)
DIGEST = f"sha256:{sha256(CONTENT).hexdigest()}"


@pytest.fixture
def backend(tmp_path: Path) -> LocalBackend:
    return LocalBackend(tmp_path / "files")


@pytest.fixture
def files(tmp_path: Path) -> Path:
    return tmp_path / "files"


@pytest.fixture(params=["unnamed", "named", "renamed", "sidecar"])
def strategy(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """How the file system lets files be published."""

    def refused(*args: Any, **kwargs: Any) -> Any:
        raise OSError(errno.EOPNOTSUPP, "not here")

    if request.param in ("named", "renamed"):
        monkeypatch.setattr(staging, "_O_TMPFILE", 0)
    if request.param == "renamed":
        monkeypatch.setattr(os, "link", refused)
    if request.param == "sidecar":
        monkeypatch.setattr(attributes, "_write_xattr", lambda *args: False)
        monkeypatch.setattr(attributes, "_read_xattr", lambda *args: None)
    return str(request.param)


@pytest.fixture
def spool(backend: LocalBackend) -> Iterator[BinaryIO]:
    with backend.open_spool() as spool:
        yield filled(spool)


def filled(spool: BinaryIO) -> BinaryIO:
    spool.writelines(CONTENT[at : at + 300_000] for at in range(0, len(CONTENT), 300_000))
    spool.seek(0)
    return spool


def number_of(spool: BinaryIO) -> int:
    """The inode number; looking for it by ``fileno()`` would count as meddling."""
    assert isinstance(spool, HeldFile)
    return os.fstat(spool.descriptor).st_ino


def left_in(files: Path) -> list[str]:
    return sorted(str(path.relative_to(files)) for path in files.rglob("*") if path.is_file())


@pytest.mark.usefixtures("strategy")
class TestEveryWayOfPublishing:
    def test_a_spool_becomes_the_file(self, backend: LocalBackend, files: Path, spool: BinaryIO) -> None:
        info = backend.save("f/a.txt", spool, SaveOptions(metadata={"word": "kept"}, size=len(CONTENT)))
        assert (files / "f/a.txt").stat().st_ino == number_of(spool)
        assert backend.stat("f/a.txt") == info
        assert (info.size, info.checksum or DIGEST, info.metadata) == (len(CONTENT), DIGEST, {"word": "kept"})
        spool.close()
        assert (files / "f/a.txt").read_bytes() == CONTENT
        assert (files / "f/a.txt").stat().st_nlink == 1
        assert [name for name in left_in(files) if not name.startswith(".uploadkit/attributes")] == ["f/a.txt"]

    def test_a_spool_replaces_a_file(self, backend: LocalBackend, files: Path, spool: BinaryIO) -> None:
        backend.save("a", io.BytesIO(b"old"), SaveOptions(metadata={"old": "1"}))
        with backend.open("a") as reader:
            info = backend.save("a", spool, SaveOptions(overwrite=True))
            assert reader.read() == b"old"
        assert (files / "a").stat().st_ino == number_of(spool)
        spool.close()
        assert backend.stat("a") == info
        assert (info.metadata, (files / "a").read_bytes() == CONTENT, left_in(files)) == ({}, True, ["a"])

    def test_the_next_name_is_tried_with_the_same_file(
        self, backend: LocalBackend, files: Path, spool: BinaryIO
    ) -> None:
        backend.save("a", io.BytesIO(b"old"), SaveOptions())
        with pytest.raises(AlreadyExistsError):
            backend.save("a", spool, SaveOptions(metadata={"first": "1"}))
        info = backend.save("a_1", spool, SaveOptions(metadata={"second": "2"}))
        assert (files / "a_1").stat().st_ino == number_of(spool)
        assert backend.stat("a_1").metadata == info.metadata == {"second": "2"}
        assert (files / "a").read_bytes() == b"old"

    def test_a_name_that_is_taken_in_the_last_moment_is_not_overwritten(
        self, backend: LocalBackend, files: Path, spool: BinaryIO, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        real = adopting.AdoptedFile.publish

        def late(self: Any, folder: Any, name: str, *, overwrite: bool) -> None:
            (files / name).write_bytes(b"other")
            real(self, folder, name, overwrite=overwrite)

        with monkeypatch.context() as patch:
            patch.setattr(adopting.AdoptedFile, "publish", late)
            patch.delattr("uploadkit.backends.local.copy_held")  # a copy would be refused as well, after much work
            with pytest.raises(AlreadyExistsError):
                backend.save("a", spool, SaveOptions())
        backend.save("b", spool, SaveOptions())
        assert (files / "b").stat().st_ino == number_of(spool)
        assert (files / "a").read_bytes() == b"other"

    def test_saving_again_copies(self, backend: LocalBackend, files: Path, spool: BinaryIO) -> None:
        first = backend.save("first", spool, SaveOptions(metadata={"word": "first"}))
        second = backend.save("second", spool, SaveOptions(metadata={"word": "second"}))
        assert (files / "second").stat().st_ino != (files / "first").stat().st_ino
        assert (backend.stat("first"), backend.stat("second")) == (first, second)
        assert first.checksum == second.checksum
        (files / "first").write_bytes(b"changed")
        assert (files / "second").read_bytes() == CONTENT

    def test_the_mode_is_that_of_the_set_that_stores(
        self, tmp_path: Path, backend: LocalBackend, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Also after another set was about to store it, when somebody took the name."""
        monkeypatch.setattr(Folder, "exists", lambda self, name: False)
        private = LocalBackend(tmp_path / "private", file_mode=0o600)
        (tmp_path / "plain").touch()
        usual = (tmp_path / "plain").stat().st_mode & 0o777
        private.save("taken", io.BytesIO(b"x"), SaveOptions())
        with filled(private.open_spool()) as spool:
            with pytest.raises(AlreadyExistsError):
                private.save("taken", spool, SaveOptions())
            backend.save("a", spool, SaveOptions())
        assert (tmp_path / "files/a").stat().st_mode & 0o777 == usual
        with filled(backend.open_spool()) as spool:
            private.save("a", spool, SaveOptions())
        assert (tmp_path / "private/a").stat().st_mode & 0o777 == 0o600


@pytest.mark.skipif(not hasattr(os, "O_TMPFILE"), reason="only Linux has unnamed files")
@pytest.mark.parametrize(
    "number", [errno.EXDEV, errno.EPERM, errno.EMLINK, errno.ENOENT], ids=["EXDEV", "EPERM", "EMLINK", "ENOENT"]
)
@pytest.mark.parametrize("overwrite", [False, True], ids=["new", "over"])
def test_what_cannot_be_linked_is_copied(
    backend: LocalBackend, files: Path, spool: BinaryIO, monkeypatch: pytest.MonkeyPatch, number: int, overwrite: bool
) -> None:
    """Another mount or quota of the same device says so only when it is asked."""
    real = os.link
    assert isinstance(spool, HeldFile)

    def link(source: Any, *args: Any, **kwargs: Any) -> None:
        if source == f"/proc/self/fd/{spool.descriptor}":
            raise OSError(number, os.strerror(number))
        real(source, *args, **kwargs)

    if overwrite:
        backend.save("a", io.BytesIO(b"old"), SaveOptions())
    monkeypatch.setattr(os, "link", link)
    info = backend.save("a", spool, SaveOptions(overwrite=overwrite))
    assert (files / "a").stat().st_ino != number_of(spool)
    assert (info.checksum, (files / "a").read_bytes(), left_in(files)) == (DIGEST, CONTENT, ["a"])
    assert backend.stat("a") == info


def test_a_file_of_another_device_is_copied(
    backend: LocalBackend, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And nobody tries to link it, which would flush all of it for nothing."""
    monkeypatch.delattr(adopting.AdoptedFile, "publish")
    place = Path("/dev/shm")
    if not os.access(place, os.W_OK) or place.stat().st_dev == tmp_path.stat().st_dev:
        pytest.skip("there is no other device here")
    with filled(LocalBackend(place / f"uploadkit-{os.getpid()}").open_spool()) as spool:
        (place / f"uploadkit-{os.getpid()}").rmdir()  # it needs no name
        assert backend.save("a", spool, SaveOptions()).checksum == DIGEST
        spool.seek(0)
        assert spool.read() == CONTENT
    assert (tmp_path / "files/a").read_bytes() == CONTENT


@pytest.mark.parametrize("copy", ["works", "stops", "is missing"])
def test_copies_within_the_kernel_are_whole(
    backend: LocalBackend, files: Path, spool: BinaryIO, monkeypatch: pytest.MonkeyPatch, copy: str
) -> None:
    if not hasattr(os, "copy_file_range"):
        pytest.skip("there is no such call here")
    real, calls = os.copy_file_range, []

    def stopping(source: int, target: int, count: int, *offsets: Any) -> int:
        calls.append(count)
        if copy == "stops" and len(calls) > 1:
            raise OSError(errno.EXDEV, "not here")
        return real(source, target, min(count, 100_000), *offsets)

    monkeypatch.setattr(os, "copy_file_range", stopping)
    if copy == "is missing":
        monkeypatch.delattr(os, "copy_file_range")
    backend.save("first", spool, SaveOptions())
    info = backend.save("second", spool, SaveOptions(size=len(CONTENT), checksum=DIGEST))
    assert (info.checksum, (files / "second").read_bytes()) == (DIGEST, CONTENT)
    assert len(calls) == {"works": 21, "stops": 2, "is missing": 0}[copy]


@pytest.mark.parametrize("kept", [None, "md5"])
def test_another_digest_is_computed_from_the_file(tmp_path: Path, kept: str | None) -> None:
    backend = LocalBackend(tmp_path, checksum=kept)
    with filled(backend.open_spool()) as spool:
        info = backend.save("a", spool, SaveOptions(checksum=DIGEST))
        assert (info.checksum, (tmp_path / "a").stat().st_ino) == (DIGEST, number_of(spool))
        second = backend.save("b", spool, SaveOptions())
    assert (second.checksum or "none").partition(":")[0] == (kept or "none")


def test_a_second_save_never_stores_the_bytes_of_a_changed_file(
    backend: LocalBackend, files: Path, spool: BinaryIO
) -> None:
    """An app that scales a picture in its place, and saves the upload once more, would store the small one."""
    backend.save("first", spool, SaveOptions())
    (files / "first").write_bytes(b"smaller")
    with pytest.raises(OSError, match="was changed"):
        backend.save("second", spool, SaveOptions())
    assert left_in(files) == ["first"]


@pytest.mark.parametrize(
    "meddle", [lambda spool: spool.fileno(), lambda spool: spool.write(b"x")], ids=["fileno", "write"]
)
def test_a_file_that_others_may_change_is_copied(
    backend: LocalBackend, files: Path, spool: BinaryIO, meddle: Any
) -> None:
    meddle(spool)
    backend.save("a", spool, SaveOptions())
    assert (files / "a").stat().st_ino != number_of(spool)
    spool.seek(0)
    assert (files / "a").read_bytes() == spool.read()
    assert spool.write(b"more")


def test_where_the_folder_cannot_be_written_the_system_keeps_the_file(tmp_path: Path) -> None:
    (tmp_path / "a file").touch()
    backend = LocalBackend(tmp_path / "a file" / "below")
    with filled(backend.open_spool()) as spool:
        assert spool.read() == CONTENT
        assert LocalBackend(tmp_path / "other").save("a", spool, SaveOptions()).checksum == DIGEST
    assert left_in(tmp_path) == ["a file", "other/a"]


def test_a_failed_flush_of_the_folder_withdraws_the_file_and_copies_next_time(
    backend: LocalBackend, files: Path, spool: BinaryIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    backend.save("other", io.BytesIO(b"x"), SaveOptions())
    real = os.fsync

    def fail(fd: int) -> None:
        if os.path.isdir(f"/proc/self/fd/{fd}"):
            raise OSError(errno.EIO, "broken")
        real(fd)

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", fail)
        with pytest.raises(OSError):
            try:
                backend.save("a", spool, SaveOptions())
            except Exception as error:
                raise OSError from error
    assert left_in(files) == ["other"]
    assert backend.save("a", spool, SaveOptions()).checksum == DIGEST
    assert (files / "a").read_bytes() == CONTENT


@pytest.mark.skipif(not hasattr(os, "O_TMPFILE"), reason="only Linux has unnamed files")
def test_a_killed_process_leaves_nothing_of_a_spool(backend: LocalBackend, files: Path) -> None:
    program = (
        "import os, signal, sys; from uploadkit.backends.local import LocalBackend\n"
        "spool = LocalBackend(sys.argv[1]).open_spool(); spool.write(bytes(2_000_000)); spool.flush()\n"
        "assert os.fstat(spool.descriptor).st_size == 2_000_000\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    done = subprocess.run([sys.executable, "-c", program, str(files)], check=False)
    assert done.returncode == -signal.SIGKILL
    assert left_in(files) == []
