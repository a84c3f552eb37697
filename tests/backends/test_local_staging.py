"""How the local backend publishes: each of its strategies, what happens when they fail, and the sweeper."""

from __future__ import annotations

import errno
import os
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest

import uploadkit
from uploadkit.backends._local import folders, staging
from uploadkit.backends.local import LocalBackend
from uploadkit.exceptions import (
    AlreadyExistsError,
    BackendError,
    DurabilityUncertainError,
    IntegrityError,
    InvalidKeyError,
    NotFoundError,
    NotSupportedError,
)
from uploadkit.models import SaveOptions

posix_only = pytest.mark.skipif(os.name != "posix", reason="needs POSIX permissions and descriptors")
OVERWRITE = SaveOptions(overwrite=True)


class BrokenSource(BytesIO):
    """Gives one piece, then raises."""

    def __init__(self, error: BaseException) -> None:
        super().__init__(b"x" * 100)
        self.error = error
        self.pieces = 0

    def read(self, size: int | None = -1) -> bytes:
        self.pieces += 1
        if self.pieces > 1:
            raise self.error
        return super().read(10)


def raising(number: int) -> Callable[..., Any]:
    def fail(*args: Any, **kwargs: Any) -> Any:
        raise OSError(number, os.strerror(number), "/some/path")

    return fail


def failing_at(real: Callable[..., Any], when: int, number: int) -> Callable[..., Any]:
    """Wrap a function so that its ``when``-th call fails."""
    calls = []

    def call(*args: Any, **kwargs: Any) -> Any:
        calls.append(args)
        if len(calls) == when:
            raise OSError(number, os.strerror(number), "/some/path")
        return real(*args, **kwargs)

    return call


def files_below(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if not path.is_dir())


def without_unnamed_files(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(staging, "_O_TMPFILE", 0)


def without_hard_links(monkeypatch: pytest.MonkeyPatch) -> None:
    without_unnamed_files(monkeypatch)
    monkeypatch.setattr(os, "link", raising(errno.EPERM))


def by_path(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(folders, "HAS_DIR_FD", False)


def with_all(monkeypatch: pytest.MonkeyPatch) -> None:
    pass


STRATEGIES = [with_all, without_unnamed_files, without_hard_links, by_path]


@pytest.fixture
def backend(tmp_path: Path) -> LocalBackend:
    return LocalBackend(tmp_path / "files")


@pytest.fixture
def files(tmp_path: Path) -> Path:
    return tmp_path / "files"


@pytest.fixture(params=STRATEGIES, ids=lambda strategy: strategy.__name__)
def strategy(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    if request.param is without_hard_links and not sys.platform.startswith(("linux", "darwin")):
        pytest.skip("renaming without overwriting is a call of Linux and macOS")
    request.param(monkeypatch)
    return str(request.param.__name__)


@pytest.mark.usefixtures("strategy")
class TestEveryStrategy:
    def test_it_stores_the_whole_file_and_nothing_else(self, backend: LocalBackend, files: Path) -> None:
        info = backend.save("a/b.bin", BytesIO(b"x" * 600_000), SaveOptions(size=600_000))
        assert info.size == 600_000
        assert (files / "a/b.bin").read_bytes() == b"x" * 600_000
        assert files_below(files) == [os.path.join("a", "b.bin")]

    def test_what_save_tells_is_what_stat_tells(self, backend: LocalBackend) -> None:
        info = backend.save("a/b.bin", BytesIO(b"x"), SaveOptions(metadata={"a": "b"}))
        assert backend.stat("a/b.bin") == info

    def test_it_does_not_touch_a_file_that_exists(self, backend: LocalBackend, files: Path) -> None:
        backend.save("a.bin", BytesIO(b"old"), SaveOptions())
        with pytest.raises(AlreadyExistsError):
            backend.save("a.bin", BytesIO(b"new"), SaveOptions())
        assert (files / "a.bin").read_bytes() == b"old"
        assert files_below(files) == ["a.bin"]

    def test_a_file_that_appears_while_saving_is_not_touched(self, backend: LocalBackend, files: Path) -> None:
        class Meanwhile(BytesIO):
            def read(self, size: int | None = -1) -> bytes:
                (files / "a.bin").write_bytes(b"somebody else's")
                return super().read(size)

        with pytest.raises(AlreadyExistsError) as caught:
            backend.save("a.bin", Meanwhile(b"new"), SaveOptions())
        assert caught.value.key == "a.bin"
        assert (files / "a.bin").read_bytes() == b"somebody else's"
        assert files_below(files) == ["a.bin"]

    def test_overwriting_replaces_the_file(self, backend: LocalBackend, files: Path) -> None:
        backend.save("a.bin", BytesIO(b"old"), SaveOptions())
        backend.save("a.bin", BytesIO(b"new"), OVERWRITE)
        assert (files / "a.bin").read_bytes() == b"new"
        assert files_below(files) == ["a.bin"]

    def test_a_reader_keeps_the_file_that_it_opened(self, backend: LocalBackend) -> None:
        backend.save("a.bin", BytesIO(b"old"), SaveOptions())
        with backend.open("a.bin") as stream:
            backend.save("a.bin", BytesIO(b"new"), OVERWRITE)
            assert stream.read() == b"old"

    def test_nothing_is_visible_while_the_source_is_read(self, backend: LocalBackend, files: Path) -> None:
        seen: list[object] = []

        class Watching(BytesIO):
            def read(self, size: int | None = -1) -> bytes:
                seen.append((files / "a.bin").exists())
                seen.extend(backend.list_files())
                return super().read(10)

        backend.save("a.bin", Watching(b"x" * 30), SaveOptions())
        assert seen == [False] * 4

    @pytest.mark.parametrize("overwrite", [False, True])
    def test_wrong_bytes_leave_nothing(self, backend: LocalBackend, files: Path, overwrite: bool) -> None:
        backend.save("a.bin", BytesIO(b"old"), SaveOptions())
        key = "a.bin" if overwrite else "b.bin"
        with pytest.raises(IntegrityError):
            backend.save(key, BytesIO(b"new"), SaveOptions(size=4, overwrite=overwrite))
        assert (files / "a.bin").read_bytes() == b"old"
        assert files_below(files) == ["a.bin"]

    @pytest.mark.parametrize(
        "error",
        [FileNotFoundError(2, "gone"), ValueError("broken"), KeyboardInterrupt(), SystemExit()],
    )
    @pytest.mark.parametrize("overwrite", [False, True])
    def test_a_source_that_raises_leaves_nothing_and_its_own_error(
        self, backend: LocalBackend, files: Path, error: BaseException, overwrite: bool
    ) -> None:
        with pytest.raises(type(error)) as caught:
            backend.save("a.bin", BrokenSource(error), SaveOptions(overwrite=overwrite))
        assert caught.value is error
        assert files_below(files) == []

    @pytest.mark.parametrize("number", [errno.ENOSPC, errno.EIO])
    @pytest.mark.parametrize("overwrite", [False, True])
    @pytest.mark.parametrize(("call", "when"), [("write", 1), ("write", 2), ("fsync", 1), ("fsync", 2)])
    def test_a_failing_disk_leaves_nothing_and_is_a_backend_error(
        self,
        backend: LocalBackend,
        files: Path,
        monkeypatch: pytest.MonkeyPatch,
        strategy: str,
        number: int,
        overwrite: bool,
        call: str,
        when: int,
    ) -> None:
        if strategy == "by_path" and (call, when) == ("fsync", 2):
            pytest.skip("folders cannot be flushed by path")
        backend.save("folder/old.bin", BytesIO(b"old"), OVERWRITE)  # makes all folders
        monkeypatch.setattr(os, call, failing_at(getattr(os, call), when, number))
        with pytest.raises(BackendError) as caught:
            backend.save("folder/a.bin", BytesIO(b"x" * 600_000), SaveOptions(overwrite=overwrite))
        assert str(files) not in str(caught.value)
        assert "/some/path" not in str(caught.value)
        assert caught.value.key == "folder/a.bin"
        assert isinstance(caught.value.__cause__, OSError)
        if (call, when, overwrite) == ("fsync", 2, True):
            assert isinstance(caught.value, DurabilityUncertainError)
            assert (files / "folder/a.bin").read_bytes() == b"x" * 600_000
        else:
            assert files_below(files) == [os.path.join("folder", "old.bin")]

    def test_short_writes_are_continued(
        self, backend: LocalBackend, files: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        write = os.write
        content = bytes(range(256)) * 40
        monkeypatch.setattr(os, "write", lambda fd, data: write(fd, data[:1000]))
        backend.save("a.bin", BytesIO(content), SaveOptions())
        assert (files / "a.bin").read_bytes() == content

    @posix_only
    def test_files_and_folders_get_the_mode_that_is_configured(
        self, files: Path, umask: Callable[[int], Any], strategy: str
    ) -> None:
        with umask(0o077):
            backend = LocalBackend(files, file_mode=0o640, folder_mode=0o750)
            backend.save("a/b/c.bin", BytesIO(b"x"), SaveOptions())
            backend.save("a/d.bin", BytesIO(b"x"), OVERWRITE)
        assert stat.S_IMODE((files / "a/b/c.bin").stat().st_mode) == 0o640
        assert stat.S_IMODE((files / "a/d.bin").stat().st_mode) == 0o640
        assert {stat.S_IMODE(path.stat().st_mode) for path in [files, *files.rglob("*")] if path.is_dir()} == {0o750}

    @posix_only
    @pytest.mark.parametrize("mask", [0o022, 0o027, 0o077])
    def test_without_modes_the_umask_decides(self, files: Path, umask: Callable[[int], Any], mask: int) -> None:
        with umask(mask):
            backend = LocalBackend(files)
            backend.save("a/b.bin", BytesIO(b"x"), SaveOptions())
            backend.save("a/c.bin", BytesIO(b"x"), OVERWRITE)
        assert stat.S_IMODE((files / "a/b.bin").stat().st_mode) == 0o666 & ~mask
        assert stat.S_IMODE((files / "a/c.bin").stat().st_mode) == 0o666 & ~mask
        assert stat.S_IMODE((files / "a").stat().st_mode) == 0o777 & ~mask

    def test_without_fsync_nothing_is_flushed(self, files: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(os, "fsync", raising(errno.EIO))
        backend = LocalBackend(files, fsync=False)
        backend.save("a/b.bin", BytesIO(b"x"), SaveOptions(metadata={"a": "b"}))
        backend.save("a/b.bin", BytesIO(b"y"), OVERWRITE)
        backend.move("a/b.bin", "c/d.bin")
        backend.delete("c/d.bin")
        assert files_below(files) == []

    def test_moving_keeps_what_is_there_unless_asked(self, backend: LocalBackend, files: Path) -> None:
        backend.save("a.bin", BytesIO(b"a"), SaveOptions())
        backend.save("f/b.bin", BytesIO(b"b"), SaveOptions())
        with pytest.raises(AlreadyExistsError):
            backend.move("a.bin", "f/b.bin")
        assert (files / "a.bin").read_bytes() == b"a"
        assert (files / "f/b.bin").read_bytes() == b"b"
        backend.move("a.bin", "f/b.bin", overwrite=True)
        assert files_below(files) == [os.path.join("f", "b.bin")]
        assert (files / "f/b.bin").read_bytes() == b"a"
        assert backend.move("f/b.bin", "g/c.bin").key == "g/c.bin"
        assert files_below(files) == [os.path.join("g", "c.bin")]


@pytest.fixture
def umask() -> Callable[[int], Any]:
    @contextmanager
    def during(mask: int) -> Iterator[None]:
        before = os.umask(mask)
        try:
            yield
        finally:
            os.umask(before)

    return during


class TestNoStrategy:
    @pytest.fixture(autouse=True)
    def _nothing_works(self, monkeypatch: pytest.MonkeyPatch) -> None:
        without_hard_links(monkeypatch)
        monkeypatch.setattr(staging, "_rename_call", lambda *args: errno.EINVAL)

    def test_saving_is_not_supported_and_leaves_nothing(self, backend: LocalBackend, files: Path) -> None:
        with pytest.raises(NotSupportedError, match="file system") as caught:
            backend.save("a.bin", BytesIO(b"x"), SaveOptions())
        assert (caught.value.key, caught.value.backend) == ("a.bin", "local")
        assert files_below(files) == []

    def test_moving_is_not_supported_and_changes_nothing(self, backend: LocalBackend, files: Path) -> None:
        backend.save("a.bin", BytesIO(b"x"), OVERWRITE)
        with pytest.raises(NotSupportedError):
            backend.move("a.bin", "b.bin")
        assert files_below(files) == ["a.bin"]

    def test_overwriting_still_works(self, backend: LocalBackend, files: Path) -> None:
        backend.save("a.bin", BytesIO(b"x"), OVERWRITE)
        backend.move("a.bin", "b.bin", overwrite=True)
        assert files_below(files) == ["b.bin"]


def test_a_move_in_two_steps_takes_back_the_first_if_the_second_fails(
    backend: LocalBackend, files: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    backend.save("a.bin", BytesIO(b"x"), SaveOptions())
    monkeypatch.setattr(staging, "_rename_call", lambda *args: errno.ENOSYS)
    monkeypatch.setattr(os, "unlink", failing_at(os.unlink, 1, errno.EIO))
    with pytest.raises(BackendError):
        backend.move("a.bin", "b.bin")
    assert files_below(files) == ["a.bin"]
    backend.move("a.bin", "b.bin")
    assert files_below(files) == ["b.bin"]


@pytest.mark.skipif(not hasattr(os, "O_TMPFILE"), reason="only Linux has unnamed files")
def test_where_the_file_system_has_no_unnamed_files_a_name_is_used(
    backend: LocalBackend, files: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = os.open

    def no_unnamed(path: Any, flags: int, *args: Any, **kwargs: Any) -> int:
        if flags & os.O_TMPFILE == os.O_TMPFILE:
            raise OSError(errno.EOPNOTSUPP, "no")
        return real(path, flags, *args, **kwargs)

    monkeypatch.setattr(os, "open", no_unnamed)
    backend.save("a.bin", BytesIO(b"x"), SaveOptions())
    assert (files / ".uploadkit/tmp").is_dir()
    assert files_below(files) == ["a.bin"]


@pytest.mark.skipif(not hasattr(os, "O_TMPFILE"), reason="only Linux has unnamed files")
def test_an_unnamed_file_needs_no_internal_folder(backend: LocalBackend, files: Path) -> None:
    backend.save("a.bin", BytesIO(b"x"), SaveOptions())
    assert os.listdir(files) == ["a.bin"]


def test_a_failing_removal_of_the_temporary_name_does_not_fail_the_save(
    backend: LocalBackend, files: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    without_unnamed_files(monkeypatch)
    monkeypatch.setattr(os, "unlink", failing_at(os.unlink, 1, errno.EIO))
    backend.save("a.bin", BytesIO(b"x"), SaveOptions())
    assert "sweeper" in caplog.text
    assert str(files) not in caplog.text
    assert len(files_below(files)) == 2
    assert backend.sweep(timedelta(0)) == 1
    assert files_below(files) == ["a.bin"]


@posix_only
def test_a_folder_whose_flush_failed_is_not_taken_for_flushed(
    backend: LocalBackend, files: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    backend.save("first.bin", BytesIO(b"x"), SaveOptions())
    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", failing_at(os.fsync, 1, errno.EIO))
        with pytest.raises(BackendError):
            backend.save("folder/a.bin", BytesIO(b"x"), SaveOptions())
    assert os.listdir(files) == ["first.bin"]


@posix_only
def test_a_new_destination_is_flushed_in_all_its_parents(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    flushed: list[int] = []
    real = os.fsync

    def note(fd: int) -> None:
        flushed.append(os.fstat(fd).st_ino)
        real(fd)

    monkeypatch.setattr(os, "fsync", note)
    LocalBackend(tmp_path / "x/y").save("folder/a.bin", BytesIO(b"x"), SaveOptions())
    for folder in (".", "x", "x/y", "x/y/folder"):
        assert (tmp_path / folder).stat().st_ino in flushed


@posix_only
def test_moving_into_a_folder_that_cannot_be_flushed_says_so(
    backend: LocalBackend, files: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    backend.save("a.bin", BytesIO(b"x"), SaveOptions())
    monkeypatch.setattr(os, "fsync", raising(errno.EIO))
    with pytest.raises(DurabilityUncertainError):
        backend.move("a.bin", "b.bin")
    assert files_below(files) == ["b.bin"]


@posix_only
def test_a_new_file_that_cannot_be_withdrawn_is_told_to_be_there(
    backend: LocalBackend, files: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    backend.save("first.bin", BytesIO(b"x"), SaveOptions())
    monkeypatch.setattr(os, "fsync", failing_at(os.fsync, 2, errno.EIO))
    monkeypatch.setattr(os, "unlink", raising(errno.EIO))
    with pytest.raises(DurabilityUncertainError) as caught:
        backend.save("a.bin", BytesIO(b"x"), SaveOptions())
    assert not caught.value.retryable
    assert (files / "a.bin").read_bytes() == b"x"


@posix_only
def test_errors_that_a_close_tells_are_not_missed_without_fsync(files: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    backend = LocalBackend(files, fsync=False)
    backend.save("first.bin", BytesIO(b"x"), SaveOptions())
    duplicates: list[int] = []
    dup, close = os.dup, os.close

    def note(fd: int) -> int:
        duplicates.append(dup(fd))
        return duplicates[-1]

    def fail(fd: int) -> None:
        close(fd)
        if fd in duplicates:
            raise OSError(errno.EDQUOT, "over quota")

    monkeypatch.setattr(os, "dup", note)
    monkeypatch.setattr(os, "close", fail)
    with pytest.raises(BackendError):
        backend.save("a.bin", BytesIO(b"x"), SaveOptions())
    assert files_below(files) == ["first.bin"]


def test_no_code_of_the_package_changes_the_umask() -> None:
    package = Path(uploadkit.__file__).parent
    assert [path.name for path in package.rglob("*.py") if "os.umask(" in path.read_text(encoding="utf-8")] == []


@posix_only
@pytest.mark.parametrize("choose", [with_all, without_unnamed_files])
def test_a_mode_that_forbids_writing_is_no_obstacle(
    files: Path, monkeypatch: pytest.MonkeyPatch, choose: Callable[[pytest.MonkeyPatch], None]
) -> None:
    choose(monkeypatch)
    backend = LocalBackend(files, file_mode=0o440)
    info = as_nobody(lambda: backend.save("a.bin", BytesIO(b"x"), SaveOptions(metadata={"a": "b"})), files)
    assert info == "b"
    assert stat.S_IMODE((files / "a.bin").stat().st_mode) == 0o440


def as_nobody(action: Callable[[], Any], folder: Path) -> str:
    """Run in a forked process that is not root, for whom permissions count; return the metadata or the error."""
    folder.mkdir()
    for path in (folder, *folder.parents):
        if path.stat().st_uid == os.getuid() and path != Path("/"):
            path.chmod(path.stat().st_mode | 0o011)
    if os.getuid() == 0:
        os.chown(folder, 65534, 65534)
    reader, writer = os.pipe()
    child = os.fork()
    if not child:
        answer = "failed"
        try:
            if os.getuid() == 0:
                os.setgid(65534)
                os.setuid(65534)
            answer = action().metadata["a"]
        except BaseException as error:  # noqa: BLE001 - told to the test
            answer = repr(error)
        finally:
            os.write(writer, answer.encode())
            os._exit(0)
    os.close(writer)
    with os.fdopen(reader) as pipe:
        answer = pipe.read()
    os.waitpid(child, 0)
    return answer


@posix_only
def test_a_folder_that_may_not_be_written_is_permission_denied(backend: LocalBackend, files: Path) -> None:
    if os.getuid() == 0:
        pytest.skip("permissions do not stop root")
    files.mkdir()
    files.chmod(0o555)
    with pytest.raises(PermissionError) as caught:
        backend.save("a.bin", BytesIO(b"x"), SaveOptions())
    assert isinstance(caught.value, BackendError)


# The sweeper


@pytest.fixture
def left(files: Path) -> Callable[[str, float], Path]:
    """Make a file in the folder of temporary names, so many hours old."""

    def make(name: str, hours: float) -> Path:
        path = files / ".uploadkit/tmp" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"half a fi")
        then = time.time() - hours * 3600
        os.utime(path, (then, then))
        return path

    return make


def test_the_sweeper_removes_old_temporary_files_only(
    backend: LocalBackend, files: Path, left: Callable[[str, float], Path]
) -> None:
    backend.save("uploadkit-old", BytesIO(b"mine"), SaveOptions())
    os.utime(files / "uploadkit-old", (0, 0))
    old, young, foreign = left("uploadkit-old", 25), left("uploadkit-young", 23), left("other-old", 25)
    assert backend.sweep() == 1
    assert (old.exists(), young.exists(), foreign.exists()) == (False, True, True)
    assert backend.sweep(timedelta(hours=22)) == 1
    assert files_below(files) == [os.path.join(".uploadkit", "tmp", "other-old"), "uploadkit-old"]


def test_the_sweeper_has_nothing_to_do_where_nothing_is(backend: LocalBackend, files: Path) -> None:
    assert backend.sweep() == 0
    files.mkdir()
    assert backend.sweep() == 0
    assert os.listdir(files) == []


@posix_only
def test_the_sweeper_leaves_what_is_being_written(
    backend: LocalBackend, files: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    without_unnamed_files(monkeypatch)
    swept: list[int] = []

    class Sweeping(BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            [temporary] = (files / ".uploadkit/tmp").iterdir()
            os.utime(temporary, (0, 0))
            swept.append(backend.sweep())
            return super().read(size)

    backend.save("a.bin", Sweeping(b"x"), SaveOptions())
    assert swept == [0, 0]
    assert (files / "a.bin").read_bytes() == b"x"


@posix_only
def test_the_sweeper_leaves_what_another_process_has_locked(
    backend: LocalBackend, left: Callable[[str, float], Path]
) -> None:
    path = left("uploadkit-locked", 48)
    code = (
        "import fcntl, sys; f = open(sys.argv[1]); fcntl.flock(f, fcntl.LOCK_EX); print('locked', flush=True); input()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdin is not None
        assert process.stdout.readline() == "locked\n"
        assert backend.sweep() == 0
        process.stdin.write("\n")
    assert backend.sweep() == 1


@posix_only
def test_the_sweeper_is_not_stopped_by_odd_things(
    backend: LocalBackend, files: Path, tmp_path: Path, left: Callable[[str, float], Path]
) -> None:
    old = left("uploadkit-zzz", 48)
    (tmp_path / "outside").write_bytes(b"precious")
    os.mkfifo(old.parent / "uploadkit-pipe")
    (old.parent / "uploadkit-folder").mkdir()
    (old.parent / "uploadkit-link").symlink_to(tmp_path / "outside")
    (old.parent / "uploadkit-nowhere").symlink_to("nowhere")
    assert backend.sweep(timedelta(0)) == 1
    assert not old.exists()
    assert (tmp_path / "outside").read_bytes() == b"precious"


@posix_only
def test_the_sweeper_goes_on_after_a_file_that_it_cannot_remove(
    backend: LocalBackend,
    left: Callable[[str, float], Path],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    left("uploadkit-a", 48)
    left("uploadkit-b", 48)
    monkeypatch.setattr(os, "unlink", failing_at(os.unlink, 1, errno.EPERM))
    assert backend.sweep() == 1
    assert "uploadkit-a" in caplog.text


@posix_only
@pytest.mark.parametrize("segments", [".uploadkit", ".uploadkit/tmp"])
def test_an_internal_folder_that_leads_away_is_refused(
    backend: LocalBackend, files: Path, tmp_path: Path, segments: str
) -> None:
    outside = tmp_path / "outside"
    (outside / "tmp").mkdir(parents=True)
    (outside / "uploadkit-old").write_bytes(b"precious")
    (files / segments).parent.mkdir(parents=True)
    (files / segments).symlink_to(outside)
    for action in (lambda: backend.save("a", BytesIO(b"x"), OVERWRITE), lambda: backend.sweep(timedelta(0))):
        with pytest.raises(InvalidKeyError, match="Path traversal attempt"):
            action()
    assert files_below(outside) == ["uploadkit-old"]
    with pytest.raises(NotFoundError):
        backend.stat("a")
