"""Errors, values, streams, the command line, and what an import costs."""

from __future__ import annotations

import io
import os
import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any, BinaryIO, cast

import pytest
from flask import Flask

import uploadkit
from uploadkit import (
    ALL,
    AlreadyExistsError,
    BackendError,
    FileInfo,
    InvalidFilenameError,
    NotConfiguredError,
    NotFoundError,
    NotSupportedError,
    PermissionDeniedError,
    SaveOptions,
    UnavailableError,
    UploadNotAllowed,
    UploadSet,
    configure_uploads,
)
from uploadkit.streams import chunks, is_seekable, length_of, spool, window


class TestErrors:
    @pytest.mark.parametrize(
        ("kind", "builtin", "errno"),
        [
            (NotFoundError, FileNotFoundError, 2),
            (AlreadyExistsError, FileExistsError, 17),
            (PermissionDeniedError, PermissionError, 13),
            (UnavailableError, ConnectionError, None),
            (NotSupportedError, NotImplementedError, None),
        ],
    )
    def test_each_is_the_builtin_that_people_catch(self, kind: Any, builtin: Any, errno: int | None) -> None:
        error = kind("what happened", key="a", backend="s3")
        assert isinstance(error, builtin)
        assert isinstance(error, BackendError)
        assert str(error) == "what happened"
        assert getattr(error, "errno", None) == errno
        assert error.retryable is (kind is UnavailableError)

    @pytest.mark.parametrize(
        "error",
        [
            NotFoundError("gone", key="a", backend="s3"),
            BackendError("odd", key="a", retryable=True),
            UploadNotAllowed("no", code="x", allowed=["jpg"]),
            InvalidFilenameError(),
            NotConfiguredError("not 'configured'"),
        ],
    )
    def test_each_survives_pickling(self, error: Exception) -> None:
        again = pickle.loads(pickle.dumps(error))
        assert type(again) is type(error)
        assert str(again) == str(error)
        assert vars(again) == vars(error)

    def test_a_refusal_is_never_empty(self) -> None:
        assert str(UploadNotAllowed())
        assert UploadNotAllowed().reason == str(UploadNotAllowed(""))
        assert "sanitization" in str(InvalidFilenameError())


class TestSaveOptions:
    def test_metadata_has_no_more_entries_than_an_answer_may_have_headers(self) -> None:
        """A file with a hundred entries was saved, and could not be read again."""
        SaveOptions(metadata={f"k{number}": "v" for number in range(32)})
        with pytest.raises(ValueError, match="33 entries"):
            SaveOptions(metadata={f"k{number}": "v" for number in range(33)})

    @pytest.mark.parametrize(
        "options",
        [
            {"content_type": "text/plain\r\nX: y"},
            {"content_disposition": "ü"},
            {"metadata": {"Upper": "x"}},
            {"metadata": {"": "x"}},
            {"metadata": {"under_score": "x"}},
            {"metadata": {"a": "x\ny"}},
            {"metadata": {"a": "\udcff"}},
            {"metadata": {"a": "x" * 2049}},
            {"size": -1},
            {"checksum": "sha256:abc"},
            {"checksum": "sha999:" + "0" * 64},
            {"checksum": "0" * 64},
        ],
    )
    def test_what_could_not_be_stored_everywhere_is_refused(self, options: dict[str, Any]) -> None:
        with pytest.raises(ValueError):
            SaveOptions(**options)

    def test_a_file_has_its_key_as_filename(self) -> None:
        info = FileInfo("a/b.txt", 3)
        assert (info.filename, info.original_filename) == ("a/b.txt", None)


class TestStreams:
    def test_a_non_blocking_source_with_nothing_to_read_has_not_ended(self) -> None:
        reader, writer = os.pipe()
        os.set_blocking(reader, False)
        with open(reader, "rb", buffering=0) as stream, pytest.raises(BlockingIOError):
            list(chunks(cast("BinaryIO", stream)))
        os.close(writer)

    def test_a_source_that_stops_an_iteration_has_not_ended(self) -> None:
        class Stopping(io.RawIOBase):
            def read(self, size: int = -1) -> bytes:
                raise StopIteration

        with pytest.raises(OSError, match="StopIteration"):
            list(chunks(cast("BinaryIO", Stopping())))

    def test_what_has_no_seekable_is_asked_to_seek(self) -> None:
        class Old:
            def __init__(self, seeks: bool) -> None:
                self.seeks = seeks

            def seek(self, offset: int, whence: int = 0) -> None:
                if not self.seeks:
                    raise OSError("no")

        assert is_seekable(cast("BinaryIO", Old(True)))
        assert not is_seekable(cast("BinaryIO", Old(False)))
        assert not is_seekable(cast("BinaryIO", object()))
        assert length_of(cast("BinaryIO", Old(False))) is None

    def test_a_spool_that_fails_leaves_no_file(self) -> None:
        class Failing(io.RawIOBase):
            def readable(self) -> bool:
                return True

            def read(self, size: int = -1) -> bytes:
                raise RuntimeError("gone")

        before = set(os.listdir("/proc/self/fd")) if os.path.isdir("/proc/self/fd") else set()
        with pytest.raises(RuntimeError):
            spool(cast("BinaryIO", Failing()))
        assert not before or set(os.listdir("/proc/self/fd")) == before

    def test_a_window_closes_its_stream_and_refuses_to_leave(self) -> None:
        inner = io.BytesIO(b"0123456789")
        with window(inner, 2, 4) as stream:
            assert stream.seek(1, io.SEEK_CUR) == 1
            with pytest.raises(ValueError, match="negative"):
                stream.seek(-9, io.SEEK_CUR)
        assert inner.closed
        inner = io.BytesIO()
        with pytest.raises(ValueError):
            window(inner, 0, -1)
        assert inner.closed


class TestCommandLine:
    def test_sweep_removes_what_killed_processes_left(self, app: Flask, tmp_path: Path) -> None:
        app.config.update(UPLOADED_FILES_DEST=tmp_path, UPLOADED_TEMP_BACKEND="memory")
        configure_uploads(app, (UploadSet("files", ALL), UploadSet("temp", ALL)))
        left = tmp_path / ".uploadkit" / "tmp" / "uploadkit-x"
        left.parent.mkdir(parents=True)
        left.touch()
        os.utime(left, (1, 1))
        from uploadkit.cli import uploads

        done = app.test_cli_runner().invoke(uploads, ["sweep", "--older-than", "1"])
        assert done.output == "files: 1 removed\ntemp: 0 removed\n"
        assert not left.exists()

    def test_an_app_without_sets_is_told_what_to_do(self, app: Flask) -> None:
        from uploadkit.cli import uploads

        done = app.test_cli_runner().invoke(uploads, ["sweep"])
        assert done.exit_code == 1
        assert "configure_uploads()" in done.output


def test_importing_uploadkit_loads_nothing_heavy() -> None:
    code = "import flask, sys; before = set(sys.modules); import uploadkit; print(*sorted(set(sys.modules) - before))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = {name.partition(".")[0] for name in done.stdout.split()}
    heavy = {"boto3", "botocore", "google", "PIL", "sqlalchemy", "pytest", "multiprocessing", "filetype", "magic"}
    assert not loaded & heavy
    assert not [name for name in done.stdout.split() if name.startswith("uploadkit.testing")]


def test_the_version_and_every_name_is_there() -> None:
    assert all(hasattr(uploadkit, name) for name in uploadkit.__all__)
    assert len(set(uploadkit.__all__)) == len(uploadkit.__all__)


def test_a_function_and_a_module_are_never_called_the_same() -> None:
    package = Path(uploadkit.__file__).parent
    modules = {path.stem for path in package.rglob("*.py")} | {path.name for path in package.iterdir() if path.is_dir()}
    assert not modules & {name for name in uploadkit.__all__ if callable(getattr(uploadkit, name))}
