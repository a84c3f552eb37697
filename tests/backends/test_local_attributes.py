"""What the local backend keeps beside a file's bytes: in an extended attribute, or in a sidecar."""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest

from uploadkit.backends.local import LocalBackend
from uploadkit.exceptions import AlreadyExistsError, BackendError
from uploadkit.models import SaveOptions

ATTRIBUTE = "user.uploadkit"
EVERYTHING = SaveOptions(
    content_type="application/x-odd",
    content_disposition='attachment; filename="a.txt"',
    cache_control="private",
    metadata={"original-filename": "Ünï 日本.txt", "b": ""},
)
OF_HELLO = "sha256:2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"


def has_xattr(folder: Path) -> bool:
    probe = folder / "probe"
    probe.write_bytes(b"")
    try:
        os.setxattr(probe, ATTRIBUTE, b"{}")
    except (AttributeError, OSError):
        return False
    finally:
        probe.unlink()
    return True


def refuse_xattr(monkeypatch: pytest.MonkeyPatch, number: int = errno.EOPNOTSUPP) -> None:
    def refuse(*args: Any, **kwargs: Any) -> Any:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "setxattr", refuse, raising=False)
    monkeypatch.setattr(os, "getxattr", refuse, raising=False)


def remove_xattr(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(os, "setxattr", raising=False)
    monkeypatch.delattr(os, "getxattr", raising=False)


@pytest.fixture
def files(tmp_path: Path) -> Path:
    return tmp_path / "files"


@pytest.fixture
def backend(files: Path) -> LocalBackend:
    return LocalBackend(files)


@pytest.fixture
def attribute(tmp_path: Path, files: Path, backend: LocalBackend) -> Callable[[bytes], None]:
    """Give the file ``a.txt`` an attribute that somebody else wrote."""
    if not has_xattr(tmp_path):
        pytest.skip("this file system has no extended attributes")

    def write(value: bytes) -> None:
        os.setxattr(files / "a.txt", ATTRIBUTE, value)

    return write


@pytest.fixture(params=["attribute", "sidecar", "no such calls"])
def way(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    if request.param == "attribute" and not has_xattr(tmp_path):
        pytest.skip("this file system has no extended attributes")
    if request.param == "sidecar":
        refuse_xattr(monkeypatch)
    if request.param == "no such calls":
        remove_xattr(monkeypatch)
    return str(request.param)


def sidecars(files: Path) -> list[Path]:
    return sorted((files / ".uploadkit/attributes").glob("*"))


class TestEveryWay:
    @pytest.fixture(autouse=True)
    def _way(self, way: str) -> None:
        self.way = way

    def test_everything_comes_back(self, backend: LocalBackend) -> None:
        saved = backend.save("f/a.txt", BytesIO(b"hello"), EVERYTHING)
        found = backend.stat("f/a.txt")
        assert found == saved
        assert found.content_type == "application/x-odd"
        assert found.content_disposition == 'attachment; filename="a.txt"'
        assert found.cache_control == "private"
        assert found.metadata == {"original-filename": "Ünï 日本.txt", "b": ""}
        assert found.checksum == OF_HELLO

    def test_the_largest_metadata_comes_back(self, backend: LocalBackend) -> None:
        metadata = {"a": "é" * 511}
        backend.save("a.txt", BytesIO(b"hello"), SaveOptions(metadata=metadata))
        assert backend.stat("a.txt").metadata == metadata

    def test_overwriting_inherits_nothing(self, backend: LocalBackend, files: Path) -> None:
        backend.save("a.txt", BytesIO(b"hello"), EVERYTHING)
        backend.save("a.txt", BytesIO(b"hello!"), SaveOptions(overwrite=True))
        found = backend.stat("a.txt")
        assert (found.content_type, found.content_disposition, found.cache_control) == ("text/plain", None, None)
        assert found.metadata == {}
        assert sidecars(files) == []

    def test_saving_anew_after_deleting_inherits_nothing(self, backend: LocalBackend, files: Path) -> None:
        backend.save("a.txt", BytesIO(b"hello"), EVERYTHING)
        backend.delete("a.txt")
        assert sidecars(files) == []
        backend.save("a.txt", BytesIO(b"hello"), SaveOptions())
        assert backend.stat("a.txt").metadata == {}

    @pytest.mark.parametrize("overwrite", [False, True])
    def test_moving_takes_it_along(self, backend: LocalBackend, files: Path, overwrite: bool) -> None:
        backend.save("a.txt", BytesIO(b"hello"), EVERYTHING)
        if overwrite:
            backend.save("f/b.txt", BytesIO(b"other"), SaveOptions(metadata={"of": "other"}))
        moved = backend.move("a.txt", "f/b.txt", overwrite=overwrite)
        assert backend.stat("f/b.txt") == moved
        assert (moved.content_type, moved.metadata) == ("application/x-odd", EVERYTHING.metadata)
        assert moved.checksum == OF_HELLO
        assert len(sidecars(files)) == (0 if self.way == "attribute" else 1)

    def test_moving_onto_itself_changes_nothing(self, backend: LocalBackend) -> None:
        saved = backend.save("a.txt", BytesIO(b"hello"), EVERYTHING)
        assert backend.move("a.txt", "a.txt") == saved
        assert backend.stat("a.txt") == saved

    def test_an_edit_in_place_keeps_the_metadata_but_not_the_checksum(self, backend: LocalBackend, files: Path) -> None:
        before = backend.save("a.txt", BytesIO(b"hello"), EVERYTHING)
        (files / "a.txt").write_bytes(b"HELLO")
        after = backend.stat("a.txt")
        assert after.checksum is None
        assert after.metadata == EVERYTHING.metadata
        assert after.etag != before.etag

    def test_a_save_that_fails_keeps_nothing(self, backend: LocalBackend, files: Path) -> None:
        backend.save("a.txt", BytesIO(b"hello"), SaveOptions())

        class Meanwhile(BytesIO):
            def read(self, size: int | None = -1) -> bytes:
                (files / "b.txt").write_bytes(b"somebody else's")
                return super().read(size)

        with pytest.raises(AlreadyExistsError):
            backend.save("b.txt", Meanwhile(b"hello"), EVERYTHING)
        assert sidecars(files) == []
        assert backend.stat("b.txt").metadata == {}

    def test_a_file_put_in_place_by_others_has_nothing(self, backend: LocalBackend, files: Path) -> None:
        backend.save("a.txt", BytesIO(b"hello"), EVERYTHING)
        (files / "new").write_bytes(b"hello")
        os.replace(files / "new", files / "a.txt")
        found = backend.stat("a.txt")
        assert (found.content_type, found.checksum, found.metadata) == ("text/plain", None, {})

    def test_the_mode_of_files_is_that_of_what_is_kept(self, files: Path) -> None:
        if os.name != "posix":
            pytest.skip("needs POSIX permissions")
        LocalBackend(files, file_mode=0o600).save("a.txt", BytesIO(b"hello"), EVERYTHING)
        for path in [files / "a.txt", *sidecars(files)]:
            assert path.stat().st_mode & 0o777 == 0o600


def test_without_attributes_a_checksum_alone_makes_no_sidecar(
    backend: LocalBackend, files: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    refuse_xattr(monkeypatch)
    backend.save("a.txt", BytesIO(b"hello"), SaveOptions(content_type="text/plain"))
    assert sidecars(files) == []
    assert backend.stat("a.txt").checksum is None


def test_another_checksum_can_be_configured(tmp_path: Path, files: Path) -> None:
    if not has_xattr(tmp_path):
        pytest.skip("this file system has no extended attributes")
    backend = LocalBackend(files, checksum="md5")
    backend.save("a.txt", BytesIO(b"hello"), SaveOptions())
    assert backend.stat("a.txt").checksum == "md5:5d41402abc4b2a76b9719d911017c592"


def test_the_checksum_can_be_turned_off(files: Path) -> None:
    assert LocalBackend(files, checksum=None).save("a.txt", BytesIO(b"hello"), SaveOptions()).checksum is None


@pytest.mark.parametrize("number", [errno.EOPNOTSUPP, errno.EPERM, errno.EACCES, errno.ENOSPC, errno.E2BIG])
def test_an_attribute_that_cannot_be_written_goes_to_a_sidecar(
    backend: LocalBackend, files: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    refuse_xattr(monkeypatch, number)
    backend.save("a.txt", BytesIO(b"hello"), EVERYTHING)
    assert len(sidecars(files)) == 1
    assert backend.stat("a.txt").metadata == EVERYTHING.metadata


def test_another_error_of_the_attribute_is_told_and_leaves_nothing(
    backend: LocalBackend, files: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    refuse_xattr(monkeypatch, errno.EIO)
    with pytest.raises(BackendError):
        backend.save("a.txt", BytesIO(b"hello"), EVERYTHING)
    assert [path for path in files.rglob("*") if not path.is_dir()] == []


GARBAGE = [
    b"",
    b"\xff\xfe",
    b"null",
    b"[]",
    b'"text"',
    b"[" * 4000,
    b'{"a":' * 700,
    b'{"metadata": 3}',
    b'{"metadata": {"a": 3}}',
    b'{"metadata": {"Not A Name": "x"}}',
    b'{"metadata": {"a": "x\\ny"}}',
    b'{"content_type": 3}',
    b'{"content_type": null}',
    b'{"content_type": "text/html\\r\\nX-Header: x"}',
    b'{"content_disposition": "\\ud800"}',
    b'{"checksum": "nonsense"}',
    b'{"checksum": "sha256:00"}',
    b'{"modified": "x"}',
    b'{"modified": ' + b"9" * 3500 + b', "checksum": "x"}',
]


@pytest.mark.parametrize("garbage", GARBAGE, ids=lambda garbage: garbage[:30].decode("latin-1"))
def test_garbage_in_the_attribute_counts_as_nothing(
    backend: LocalBackend, attribute: Callable[[bytes], None], garbage: bytes
) -> None:
    backend.save("a.txt", BytesIO(b"hello"), EVERYTHING)
    attribute(garbage)
    found = backend.stat("a.txt")
    assert (found.content_type, found.content_disposition) == ("text/plain", None)
    assert (found.checksum, found.metadata) == (None, {})


@pytest.mark.parametrize("garbage", GARBAGE, ids=lambda garbage: garbage[:30].decode("latin-1"))
def test_garbage_in_a_sidecar_counts_as_nothing(
    backend: LocalBackend, files: Path, monkeypatch: pytest.MonkeyPatch, garbage: bytes
) -> None:
    refuse_xattr(monkeypatch)
    backend.save("a.txt", BytesIO(b"hello"), EVERYTHING)
    [sidecar] = sidecars(files)
    sidecar.write_bytes(garbage)
    assert backend.stat("a.txt").metadata == {}
    assert backend.stat("a.txt").content_type == "text/plain"


@pytest.mark.parametrize("kind", ["folder", "pipe"])
def test_a_sidecar_that_is_no_file_counts_as_nothing(
    backend: LocalBackend, files: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    if not hasattr(os, "mkfifo"):
        pytest.skip("needs named pipes")
    refuse_xattr(monkeypatch)
    backend.save("a.txt", BytesIO(b"hello"), EVERYTHING)
    [sidecar] = sidecars(files)
    sidecar.unlink()
    os.mkdir(sidecar) if kind == "folder" else os.mkfifo(sidecar)
    assert backend.stat("a.txt").metadata == {}


def test_what_a_later_version_keeps_is_passed_over(backend: LocalBackend, attribute: Callable[[bytes], None]) -> None:
    backend.save("a.txt", BytesIO(b"hello"), SaveOptions())
    attribute(json.dumps({"metadata": {"a": "b"}, "novelty": [1]}).encode())
    assert backend.stat("a.txt").metadata == {"a": "b"}


def test_a_sidecar_of_an_earlier_file_with_the_same_number_is_not_taken(
    backend: LocalBackend, files: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a process leaves that is killed between writing the sidecar and publishing the file."""
    refuse_xattr(monkeypatch)
    backend.save("a.txt", BytesIO(b"hello"), EVERYTHING)
    [sidecar] = sidecars(files)
    name, _, _ = sidecar.name.rpartition("-")
    content = sidecar.read_bytes()
    backend.delete("a.txt")
    for number in range(20):  # occupies numbers that are free again when the file is saved
        filler = files / f"filler-{number}"
        filler.write_bytes(b"")
        (sidecar.parent / f"{name}-{filler.stat().st_ino}.json").write_bytes(content)
    for filler in files.glob("filler-*"):
        filler.unlink()
    backend.save("a.txt", BytesIO(b"hello"), SaveOptions())
    assert backend.stat("a.txt").metadata == {}
