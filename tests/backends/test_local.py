"""The local backend on real files: names, links, odd things on disk, races, listings and descriptors."""

from __future__ import annotations

import ctypes
import io
import multiprocessing
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest

import uploadkit
from uploadkit.backends._local import folders
from uploadkit.backends.local import LocalBackend
from uploadkit.exceptions import (
    AlreadyExistsError,
    BackendError,
    ConfigError,
    InvalidKeyError,
    NotFoundError,
)
from uploadkit.models import SaveOptions

posix_only = pytest.mark.skipif(os.name != "posix", reason="needs symbolic links, pipes or descriptors of POSIX")
OVERWRITE = SaveOptions(overwrite=True)
TRAVERSAL = "Path traversal attempt"
Action = Callable[[LocalBackend, str], object]

ACTIONS: dict[str, Action] = {
    "save": lambda backend, key: backend.save(key, BytesIO(b"new"), SaveOptions()),
    "overwrite": lambda backend, key: backend.save(key, BytesIO(b"new"), OVERWRITE),
    "open": lambda backend, key: backend.open(key),
    "open_range": lambda backend, key: backend.open_range(key, 0),
    "stat": lambda backend, key: backend.stat(key),
    "delete": lambda backend, key: backend.delete(key),
    "path": lambda backend, key: backend.path(key),
    "move away": lambda backend, key: backend.move(key, "elsewhere"),
    "move there": lambda backend, key: backend.move("here.txt", key),
    "move over": lambda backend, key: backend.move("here.txt", key, overwrite=True),
    "list": lambda backend, key: list(backend.list_files(key)),
}


@pytest.fixture
def files(tmp_path: Path) -> Path:
    return tmp_path / "files"


@pytest.fixture
def backend(files: Path) -> LocalBackend:
    backend = LocalBackend(files)
    put(backend, "here.txt", b"here")
    return backend


@pytest.fixture
def outside(tmp_path: Path) -> Path:
    folder = tmp_path / "outside"
    folder.mkdir()
    (folder / "secret.txt").write_bytes(b"secret")
    return folder


@pytest.fixture(params=["by descriptor", "by path"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if request.param == "by path":
        monkeypatch.setattr(folders, "HAS_DIR_FD", False)


def put(backend: LocalBackend, key: str, content: bytes = b"x") -> None:
    backend.save(key, BytesIO(content), SaveOptions())


def get(backend: LocalBackend, key: str) -> bytes:
    with backend.open(key) as stream:
        return stream.read()


def keys(backend: LocalBackend, prefix: str = "") -> list[str]:
    return [info.key for info in backend.list_files(prefix)]


def names(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


# Destinations


@pytest.mark.parametrize("destination", ["", None])
def test_a_destination_is_needed(destination: Any) -> None:
    with pytest.raises(ConfigError, match="destination"):
        LocalBackend(destination)


@pytest.mark.parametrize("checksum", ["nonsense", "shake_128", ""])
def test_a_checksum_that_cannot_be_computed_is_a_config_error(tmp_path: Path, checksum: str) -> None:
    with pytest.raises(ConfigError, match="checksum"):
        LocalBackend(tmp_path, checksum=checksum)


def test_a_relative_destination_is_taken_from_the_working_directory_of_then(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    backend = LocalBackend("files")
    monkeypatch.chdir("/")
    put(backend, "a.txt")
    assert (tmp_path / "files/a.txt").exists()
    assert backend.path("") == str(tmp_path / "files")


@pytest.mark.usefixtures("way")
def test_only_saving_makes_the_destination(files: Path) -> None:
    backend = LocalBackend(files)
    assert keys(backend) == []
    assert backend.sweep() == 0
    backend.delete("a.txt")
    for action in ("open", "stat", "move away"):
        with pytest.raises(NotFoundError):
            ACTIONS[action](backend, "a.txt")
    assert not files.exists()


@posix_only
@pytest.mark.usefixtures("way")
def test_a_destination_that_is_a_link_is_fine(tmp_path: Path, outside: Path) -> None:
    (tmp_path / "link").symlink_to(outside)
    backend = LocalBackend(tmp_path / "link")
    put(backend, "a/b.txt")
    assert get(backend, "a/b.txt") == b"x"
    assert keys(backend) == ["a/b.txt", "secret.txt"]
    assert backend.path("a/b.txt") == str(tmp_path / "link/a/b.txt")
    assert (outside / "a/b.txt").exists()


@pytest.mark.usefixtures("way")
@pytest.mark.parametrize("below", ["", "folder"])
def test_a_destination_that_is_a_file_is_neither_missing_nor_a_taken_name(tmp_path: Path, below: str) -> None:
    backend = LocalBackend(tmp_path / "file" / below)
    (tmp_path / "file").write_bytes(b"x")
    for action in ("save", "overwrite", "open", "stat", "list"):
        with pytest.raises(BackendError, match="destination") as caught:
            ACTIONS[action](backend, "a.txt")
        assert type(caught.value) is BackendError
        assert str(tmp_path) not in str(caught.value)


# Links


@posix_only
@pytest.mark.usefixtures("way")
@pytest.mark.parametrize("action", ACTIONS)
def test_a_folder_that_is_a_link_is_never_followed(
    backend: LocalBackend, files: Path, outside: Path, action: str
) -> None:
    (files / "link").symlink_to(outside)
    with pytest.raises(InvalidKeyError, match=TRAVERSAL) as caught:
        ACTIONS[action](backend, "link/secret.txt")
    assert caught.value.key is not None
    assert str(files) not in str(caught.value)
    assert names(outside) == ["secret.txt"]
    assert (outside / "secret.txt").read_bytes() == b"secret"
    assert get(backend, "here.txt") == b"here"


@posix_only
@pytest.mark.usefixtures("way")
def test_a_folder_that_is_a_link_within_the_destination_is_not_followed_either(
    backend: LocalBackend, files: Path
) -> None:
    put(backend, "real/a.txt")
    (files / "link").symlink_to("real")
    with pytest.raises(InvalidKeyError, match=TRAVERSAL):
        backend.open("link/a.txt")
    assert keys(backend) == ["here.txt", "real/a.txt"]


@posix_only
@pytest.mark.usefixtures("way")
@pytest.mark.parametrize("target", ["../outside/secret.txt", "here.txt", "nowhere", "link.txt"])
def test_a_link_under_a_key_is_not_read_and_not_written_through(
    backend: LocalBackend, files: Path, outside: Path, target: str
) -> None:
    link = files / "link.txt"
    link.symlink_to(target)
    for action in ("open", "stat", "move away"):
        with pytest.raises(NotFoundError):
            ACTIONS[action](backend, "link.txt")
    for action in ("save", "move there"):
        with pytest.raises(AlreadyExistsError):
            ACTIONS[action](backend, "link.txt")
    assert keys(backend) == ["here.txt"]
    backend.save("link.txt", BytesIO(b"new"), OVERWRITE)
    assert not link.is_symlink()
    assert get(backend, "link.txt") == b"new"
    assert (outside / "secret.txt").read_bytes() == b"secret"
    assert names(outside) == ["secret.txt"]
    assert get(backend, "here.txt") == b"here"


@posix_only
def test_deleting_a_link_removes_the_link(backend: LocalBackend, files: Path, outside: Path) -> None:
    (files / "link.txt").symlink_to(outside / "secret.txt")
    backend.delete("link.txt")
    assert names(files) == ["here.txt"]
    assert (outside / "secret.txt").read_bytes() == b"secret"


@posix_only
def test_the_path_of_a_link_that_leads_out_is_refused(backend: LocalBackend, files: Path, outside: Path) -> None:
    (files / "link.txt").symlink_to(outside / "secret.txt")
    with pytest.raises(InvalidKeyError, match=TRAVERSAL):
        backend.path("link.txt")


def test_a_folder_that_is_swapped_for_a_link_all_the_time_lets_nothing_out(
    backend: LocalBackend, files: Path, outside: Path
) -> None:
    exchange = getattr(ctypes.CDLL(None), "renameat2", None) if sys.platform.startswith("linux") else None
    if exchange is None:
        pytest.skip("needs renameat2(2)")
    put(backend, "folder/first.txt")
    (files / "link").symlink_to(outside)
    folder, link = os.fsencode(files / "folder"), os.fsencode(files / "link")
    stop = threading.Event()

    def swap() -> None:
        while not stop.is_set():
            exchange(-1, folder, -1, link, 2)  # RENAME_EXCHANGE

    swapper = threading.Thread(target=swap)
    swapper.start()
    try:
        stored = [number for number in range(1000) if _saved_or_refused(backend, f"folder/{number}.txt")]
    finally:
        stop.set()
        swapper.join()
    assert names(outside) == ["secret.txt"]
    assert sorted(int(path.stem) for path in files.rglob("*.txt") if path.stem.isdigit()) == stored
    assert stored


def _saved_or_refused(backend: LocalBackend, key: str) -> bool:
    try:
        put(backend, key)
    except InvalidKeyError:
        return False
    return True


# Odd things on disk


@posix_only
@pytest.mark.usefixtures("way")
def test_a_pipe_under_a_key_is_no_file_and_hangs_nobody(backend: LocalBackend, files: Path) -> None:
    os.mkfifo(files / "pipe")
    for action in ("open", "stat", "move away"):
        with pytest.raises(NotFoundError):
            ACTIONS[action](backend, "pipe")
    with pytest.raises(AlreadyExistsError):
        put(backend, "pipe")
    assert keys(backend) == ["here.txt"]
    backend.save("pipe", BytesIO(b"new"), OVERWRITE)
    assert get(backend, "pipe") == b"new"


@pytest.mark.usefixtures("way")
def test_a_folder_under_a_key_is_no_file(backend: LocalBackend) -> None:
    put(backend, "folder/a.txt")
    for action in ("open", "stat", "move away"):
        with pytest.raises(NotFoundError):
            ACTIONS[action](backend, "folder")
    for action in ("save", "move there"):
        with pytest.raises(AlreadyExistsError):
            ACTIONS[action](backend, "folder")
    for action in ("overwrite", "move over"):
        with pytest.raises(BackendError):
            ACTIONS[action](backend, "folder")
    backend.delete("folder")
    assert keys(backend) == ["folder/a.txt", "here.txt"]


@pytest.mark.usefixtures("way")
def test_a_file_where_a_folder_should_be(backend: LocalBackend, files: Path) -> None:
    for action in ("save", "overwrite", "move there", "move over"):
        with pytest.raises(InvalidKeyError) as caught:
            ACTIONS[action](backend, "here.txt/a.txt")
        assert str(files) not in str(caught.value)
    for action in ("open", "stat", "move away"):
        with pytest.raises(NotFoundError):
            ACTIONS[action](backend, "here.txt/a.txt")
    backend.delete("here.txt/a.txt")
    assert keys(backend, "here.txt/") == []
    assert keys(backend) == ["here.txt"]
    assert [path for path in files.rglob("*") if path.is_file()] == [files / "here.txt"]


def test_a_missing_file_is_not_found_and_deleting_it_is_no_error(backend: LocalBackend) -> None:
    for key in ("missing.txt", "missing/a.txt"):
        for action in ("open", "open_range", "stat", "move away"):
            with pytest.raises(NotFoundError):
                ACTIONS[action](backend, key)
        backend.delete(key)


@pytest.mark.parametrize("action", ACTIONS)
@pytest.mark.parametrize(
    "key", ["../secret.txt", "a/../../secret.txt", "/etc/passwd", ".uploadkit/tmp/x", "a\0b", "a\\b"]
)
def test_a_key_that_is_none_reaches_nothing(backend: LocalBackend, outside: Path, action: str, key: str) -> None:
    if action == "list":
        assert keys(backend, key) == []
        return
    with pytest.raises(InvalidKeyError):
        ACTIONS[action](backend, key)


def test_moving_a_missing_file_makes_no_folder(backend: LocalBackend, files: Path) -> None:
    with pytest.raises(NotFoundError):
        backend.move("missing.txt", "folder/a.txt")
    assert names(files) == ["here.txt"]


def test_the_etag_changes_with_the_content(backend: LocalBackend, files: Path) -> None:
    seen = {backend.stat("here.txt").etag}
    for number in range(50):
        info = backend.save("here.txt", BytesIO(b"%04d" % number), OVERWRITE)
        assert backend.stat("here.txt").etag == info.etag
        seen.add(info.etag)
    (files / "here.txt").write_bytes(b"0050")
    seen.add(backend.stat("here.txt").etag)
    assert len(seen) == 52


def test_the_etag_stays_when_the_file_is_moved(backend: LocalBackend) -> None:
    before = backend.stat("here.txt")
    assert backend.move("here.txt", "there.txt").etag == before.etag


@pytest.mark.parametrize("name", ["CON", "nul.txt", "com1.log", "a:b", "C:", "a.", "a ", "what?", 'a"b', "CONIN$"])
def test_names_that_are_odd_on_windows_are_refused_there(name: str) -> None:
    with pytest.raises(InvalidKeyError):
        folders.refuse_odd_on_windows(name)


@pytest.mark.parametrize("name", ["console.txt", "a.b", ".hidden", "nullable", "日本.jpg", "com10", "my con.txt"])
def test_ordinary_names_are_not_odd_on_windows(name: str) -> None:
    folders.refuse_odd_on_windows(name)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="other systems have one encoding of names")
def test_a_locale_without_unicode_is_told_and_not_a_crash(tmp_path: Path) -> None:
    code = """
import io, sys
from uploadkit.backends.local import LocalBackend
from uploadkit.exceptions import InvalidKeyError
from uploadkit.models import SaveOptions
backend = LocalBackend(sys.argv[1])
key = chr(0x65e5) + ".txt"
for action in (lambda: backend.save(key, io.BytesIO(b""), SaveOptions()), lambda: backend.stat(key),
               lambda: backend.path(key), lambda: backend.delete(key)):
    try:
        action()
    except InvalidKeyError as error:
        print(sys.getfilesystemencoding() in str(error))
"""
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([str(Path(uploadkit.__file__).parents[1]), *sys.path]),
        "LC_ALL": "C",
        "PYTHONUTF8": "0",
        "PYTHONCOERCECLOCALE": "0",
    }
    command = [sys.executable, "-c", code, str(tmp_path / "files")]
    found = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
    assert found.stdout.split() == ["True"] * 4


# Many at once


def test_of_fifty_threads_that_save_one_key_exactly_one_wins(backend: LocalBackend, files: Path) -> None:
    for size, key in ((1_000, "a.bin"), (100_000, "new/folder/b.bin")):
        outcomes: list[object] = [None] * 50
        barrier = threading.Barrier(50)

        def run(number: int, content: bytes, key: str, outcomes: list[object], barrier: threading.Barrier) -> None:
            barrier.wait()
            outcomes[number] = _outcome(backend, key, content)

        threads = [
            threading.Thread(target=run, args=(number, bytes([number]) * size, key, outcomes, barrier))
            for number in range(50)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(map(str, outcomes)) == ["AlreadyExistsError"] * 49 + ["stored"]
        assert get(backend, key) == bytes([outcomes.index("stored")]) * size
    assert len([path for path in files.rglob("*") if path.is_file()]) == 3


PROCESSES = 8
ROUNDS = [(size, folder) for size in (1_000, 100_000, 1_000_000) for folder in ("existing", f"new-{size}/folder")]


def _outcome(backend: LocalBackend, key: str, content: bytes) -> str:
    try:
        put(backend, key, content)
    except Exception as error:  # noqa: BLE001 - told to the test
        return type(error).__name__
    return "stored"


def _race(destination: str, number: int, barrier: Any, results: Any) -> None:
    backend = LocalBackend(destination)
    for size, folder in ROUNDS:
        barrier.wait(60)
        results.put((size, folder, number, _outcome(backend, f"{folder}/{size}.bin", bytes([number]) * size)))


@pytest.mark.slow
def test_of_eight_processes_that_save_one_key_exactly_one_wins(backend: LocalBackend, files: Path) -> None:
    put(backend, "existing/first.bin")
    context = multiprocessing.get_context("spawn")
    barrier, results = context.Barrier(PROCESSES), context.Queue()
    arguments = [(str(files), number, barrier, results) for number in range(PROCESSES)]
    processes = [context.Process(target=_race, args=each) for each in arguments]
    for process in processes:
        process.start()
    found = [results.get(timeout=60) for _ in range(PROCESSES * len(ROUNDS))]
    for process in processes:
        process.join()
    for size, folder in ROUNDS:
        outcomes = {number: outcome for *which, number, outcome in found if which == [size, folder]}
        assert sorted(outcomes.values()) == ["AlreadyExistsError"] * (PROCESSES - 1) + ["stored"]
        [winner] = [number for number, outcome in outcomes.items() if outcome == "stored"]
        assert get(backend, f"{folder}/{size}.bin") == bytes([winner]) * size
    assert len(keys(backend)) == len(ROUNDS) + 2


# Listings


@pytest.mark.usefixtures("way")
def test_a_listing_is_in_the_order_of_the_keys(backend: LocalBackend) -> None:
    stored = ["a-b", "a.b", "a/b", "a/b-c/d", "a/b.d", "a/b/c", "a0", "a/ü", "a/z", "A", "ä", "\uffee", "😀", "a b/c"]
    stored = [key for key in stored if key != "a/b"] + ["a/a"]
    for key in stored:
        put(backend, key)
    assert keys(backend) == sorted([*stored, "here.txt"])


@pytest.mark.usefixtures("way")
@pytest.mark.parametrize(
    ("prefix", "expected"),
    [
        ("a/b", ["a/b.txt", "a/bc/d", "a/bc/e/f"]),
        ("a/", ["a/b.txt", "a/bc/d", "a/bc/e/f", "a/c"]),
        ("a", ["a/b.txt", "a/bc/d", "a/bc/e/f", "a/c", "ab"]),
        ("a/b.txt", ["a/b.txt"]),
        ("a/b.txt/", []),
        ("a/bc/e/f", ["a/bc/e/f"]),
        ("a/bc/e/", ["a/bc/e/f"]),
        ("a//", []),
        ("missing/x", []),
        ("/a", []),
        ("./a", []),
        ("..", []),
        ("../", []),
        ("a/../", []),
        ("../files/", []),
        (".uploadkit/", []),
        (".uploadkit/tmp/", []),
        ("\0/", []),
        ("\ud800/", []),
        ("x" * 300 + "/", []),
    ],
)
def test_a_prefix_is_the_beginning_of_the_key(
    backend: LocalBackend, files: Path, prefix: str, expected: list[str]
) -> None:
    for key in ("a/b.txt", "a/bc/d", "a/bc/e/f", "a/c", "ab", "b"):
        put(backend, key)
    (files / ".uploadkit/tmp").mkdir(parents=True, exist_ok=True)
    (files / ".uploadkit/tmp/uploadkit-half").write_bytes(b"half a fi")
    assert keys(backend, prefix) == expected


def test_a_listing_tells_what_a_stat_tells_of_plain_files(backend: LocalBackend) -> None:
    [listed] = backend.list_files()
    found = backend.stat("here.txt")
    assert (listed.key, listed.size, listed.etag, listed.last_modified, listed.content_type) == (
        found.key,
        found.size,
        found.etag,
        found.last_modified,
        found.content_type,
    )


def test_a_folder_of_many_files_is_listed_whole(backend: LocalBackend, files: Path) -> None:
    (files / "many").mkdir()
    for number in range(1300):
        (files / f"many/{number:04}").touch()
    assert keys(backend, "many/") == [f"many/{number:04}" for number in range(1300)]
    assert len(keys(backend, "many/05")) == 100


@posix_only
def test_a_listing_leaves_out_what_is_no_file_or_has_no_key(
    backend: LocalBackend, files: Path, outside: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (files / "link").symlink_to(outside)
    (files / "link.txt").symlink_to(outside / "secret.txt")
    (files / "nowhere").symlink_to("nowhere")
    (files / "empty").mkdir()
    os.mkfifo(files / "pipe")
    (files / ".uploadkit/tmp").mkdir(parents=True)
    (files / ".uploadkit/tmp/uploadkit-half").write_bytes(b"half a fi")
    for name in ("back\\slash", "new\nline"):
        (files / name).write_bytes(b"x")
    for raw in (b"\xff.txt", b"folder-\xff/a.txt"):
        path = os.path.join(os.fsencode(files), raw)
        try:
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path, "wb"):
                pass
        except OSError:
            pytest.skip("this file system refuses names that are no UTF-8")
    assert keys(backend) == ["here.txt"]
    assert "left out of the listing" in caplog.text


def test_a_listing_is_lazy(backend: LocalBackend, files: Path) -> None:
    for folder in ("a", "b", "c"):
        put(backend, f"{folder}/x")
    listing: Iterator[Any] = backend.list_files()
    assert next(listing).key == "a/x"
    put(backend, "b/y")
    backend.delete("c/x")
    assert [info.key for info in listing] == ["b/x", "b/y", "here.txt"]


def test_files_may_go_while_they_are_listed_and_deleted(backend: LocalBackend) -> None:
    for number in range(30):
        put(backend, f"f/{number:02}")
    deleted = []
    for info in backend.list_files("f/"):
        backend.delete(info.key)
        deleted.append(info.key)
    assert len(deleted) == 30
    assert keys(backend) == ["here.txt"]


def test_a_deep_key_is_stored_and_listed(backend: LocalBackend) -> None:
    key = "/".join(["a"] * 400)
    put(backend, key)
    assert keys(backend, "a/") == [key]
    assert get(backend, key) == b"x"
    backend.move(key, "top.txt")
    assert keys(backend) == ["here.txt", "top.txt"]


# Descriptors


@pytest.mark.skipif(not os.path.isdir("/proc/self/fd"), reason="needs /proc")
def test_no_descriptor_stays_open(backend: LocalBackend, files: Path, outside: Path) -> None:
    (files / "link").symlink_to(outside)
    os.mkfifo(files / "pipe")
    before = os.listdir("/proc/self/fd")
    for number in range(4):
        for key in ("here.txt", "link/a", "pipe", "missing/a", f"new-{number}/a/b", "here.txt/a"):
            for name, action in ACTIONS.items():
                if name.startswith("move") and key == "here.txt":
                    continue
                _run_and_close(action, backend, key)
        with backend.open("here.txt") as stream:
            assert stream.read() == b"new"
        next(iter(backend.list_files()))
    assert os.listdir("/proc/self/fd") == before


def _run_and_close(action: Action, backend: LocalBackend, key: str) -> None:
    put_back = key != "here.txt"
    try:
        result = action(backend, key)
    except BackendError:
        pass
    else:
        if hasattr(result, "close"):
            result.close()
    if put_back:
        backend.save("here.txt", BytesIO(b"new"), OVERWRITE)


def test_a_save_that_is_interrupted_while_its_folder_is_flushed_stores_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(folder: object) -> None:
        raise SystemExit

    backend = LocalBackend(tmp_path)
    monkeypatch.setattr("uploadkit.backends._local.folders.Folder.sync", interrupted)
    with pytest.raises(SystemExit):
        backend.save("a.txt", io.BytesIO(b"content"), SaveOptions())
    monkeypatch.undo()
    assert list(backend.list_files()) == []


def test_a_time_that_python_does_not_know_is_no_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    backend = LocalBackend(tmp_path)
    backend.save("a.txt", io.BytesIO(b"content"), SaveOptions())
    os.utime(tmp_path / "a.txt", (2**33, 2**33))
    assert backend.stat("a.txt").last_modified is not None
    from uploadkit.backends._local.listing import _time_of

    assert _time_of(2.0**40) is None
