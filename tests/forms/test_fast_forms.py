"""Apps with UPLOADS_FAST_FORMS: the same answers, and uploads that are written once."""

from __future__ import annotations

import errno
import gc
import io
import os
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from hashlib import sha256
from pathlib import Path
from tempfile import SpooledTemporaryFile
from typing import Any
from urllib.parse import urlsplit

import pytest
from flask import Flask, Request, request
from werkzeug.datastructures import FileStorage
from werkzeug.formparser import FormDataParser
from werkzeug.test import encode_multipart

from tests.servers.app import running_app
from uploadkit import ALL, ConfigError, UploadNotAllowed, UploadSet, configure_uploads
from uploadkit.backends._local import staging
from uploadkit.heldfile import HeldFile
from uploadkit.testing.subject import Source

BIG = os.urandom(1_000_003)
SMALL = b"small"
#: Its parser does not close what a form that fails has begun.
_WERKZEUG_LEAVES_FILES = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")


@pytest.fixture(params=[True, False], ids=["fast", "usual"])
def is_fast(request: pytest.FixtureRequest) -> bool:
    return bool(request.param)


@pytest.fixture
def files(tmp_path: Path) -> Path:
    return tmp_path / "files"


@pytest.fixture
def uset() -> UploadSet:
    return UploadSet("files", ALL)


@pytest.fixture
def fast(app: Flask, uset: UploadSet, files: Path) -> Flask:
    app.config.update(UPLOADED_FILES_DEST=str(files), UPLOADS_FAST_FORMS=True)
    configure_uploads(app, uset)
    return app


def post(app: Flask, view: Callable[[], Any], *contents: bytes, **fields: str) -> Any:
    """Post files called 0.bin, 1.bin … to a view."""
    app.add_url_rule("/", "view", lambda: view() or "", methods=["POST"])
    data: dict[str, Any] = {**fields, "f": [FileStorage(io.BytesIO(it), f"{at}.bin") for at, it in enumerate(contents)]}
    boundary, body = encode_multipart(data)  # in memory; the client itself would take a temporary file
    return app.test_client().post("/", data=body, content_type=f"multipart/form-data; boundary={boundary}")


def left_in(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def descriptors() -> set[str]:
    """What is open below /tmp and the like; sockets and pipes come and go."""
    gc.collect()
    found = set()
    for number in os.listdir("/proc/self/fd"):
        try:
            found.add(f"{number} {os.readlink(f'/proc/self/fd/{number}')}")
        except OSError:
            continue
    return {line for line in found if "/files" in line or "(deleted)" in line}


def test_forms_read_alike(app: Flask, uset: UploadSet, files: Path, is_fast: bool) -> None:
    app.config.update(UPLOADED_FILES_DEST=str(files), UPLOADS_FAST_FORMS=is_fast)
    configure_uploads(app, uset)
    found: list[Any] = []

    def view() -> None:
        found.append(request.form.to_dict())
        found.extend((file.filename, file.name, file.mimetype, file.read()) for file in request.files.getlist("f"))

    assert post(app, view, SMALL, BIG, SMALL, b"", title="é", empty="").status_code == 200
    assert found == [
        {"title": "é", "empty": ""},
        *(
            (f"{at}.bin", "f", "application/octet-stream", content)
            for at, content in enumerate([SMALL, BIG, SMALL, b""])
        ),
    ]


def test_a_big_file_is_linked_and_a_second_save_is_another_file(fast: Flask, uset: UploadSet, files: Path) -> None:
    numbers: list[int] = []

    def view() -> None:
        file = request.files["f"]
        assert isinstance(file.stream, HeldFile)
        numbers.append(os.fstat(file.stream.descriptor).st_ino)
        assert (uset.save(file), uset.save(file)) == ("0.bin", "0_1.bin")
        file.seek(0)
        assert file.read() == BIG

    assert post(fast, view, BIG).status_code == 200
    first, second = files / "0.bin", files / "0_1.bin"
    assert first.stat().st_ino == numbers[0] != second.stat().st_ino
    assert (first.stat().st_nlink, second.stat().st_nlink) == (1, 1)
    assert first.read_bytes() == second.read_bytes() == BIG
    with fast.app_context():
        assert uset.stat("0.bin").checksum == f"sha256:{sha256(BIG).hexdigest()}"
    assert left_in(files) == ["0.bin", "0_1.bin"]


@pytest.mark.parametrize(
    "config",
    [
        {"UPLOADED_FILES_MAX_SIZE": len(BIG)},
        {"UPLOADED_FILES_NAMING": "sha256"},
        {"UPLOADED_FILES_ON_CONFLICT": "overwrite"},
        {"UPLOADED_FILES_VALIDATORS": [lambda candidate: candidate.stream.read()]},
        {"UPLOADED_FILES_OPTIONS": {"checksum": None}},
        {"UPLOADED_FILES_OPTIONS": {"checksum": "md5", "fsync": False, "file_mode": 0o640}},
    ],
    ids=["limit", "named by content", "overwrite", "validator", "no checksum", "options"],
)
def test_no_setting_hides_the_file_from_the_backend(
    app: Flask, uset: UploadSet, files: Path, config: dict[str, Any]
) -> None:
    app.config.update(UPLOADED_FILES_DEST=str(files), UPLOADS_FAST_FORMS=True, **config)
    configure_uploads(app, uset)
    numbers: list[int] = []

    def view() -> str:
        file: Any = request.files["f"]
        numbers.append(os.fstat(file.stream.descriptor).st_ino)
        return str(uset.save(file))

    name = post(app, view, BIG).text
    assert (files / name).stat().st_ino == numbers[0]
    assert (files / name).read_bytes() == BIG


def written() -> int:
    """How many bytes this process has written so far."""
    return int(Path("/proc/self/io").read_text().split("wchar: ")[1].split()[0])


@pytest.mark.skipif(not os.path.exists("/proc/self/io"), reason="only Linux counts what is written")
@pytest.mark.parametrize("policy", ["rename", "unique"])
def test_a_stream_that_has_to_be_kept_is_written_once(fast: Flask, uset: UploadSet, files: Path, policy: Any) -> None:
    """Where a name may turn out to be taken, the bytes have to be there for the next one."""
    with fast.app_context():
        uset.put(b"first", "a.bin")
        before = written()
        info = uset.put(Source(BIG * 3), "a.bin", on_conflict=policy)
        assert len(BIG) * 3 <= written() - before < len(BIG) * 3.03
        assert (files / info.key).read_bytes() == BIG * 3
        assert info.checksum == f"sha256:{sha256(BIG * 3).hexdigest()}"


@pytest.mark.skipif(not os.path.exists("/proc/self/io"), reason="only Linux counts what is written")
def test_every_byte_is_written_once(fast: Flask, uset: UploadSet) -> None:
    counts: list[int] = []

    def view() -> None:
        before = written()
        uset.save(request.files["f"])
        counts.append(written() - before)

    post(fast, view, BIG)
    assert len(BIG) <= counts[0] < len(BIG) * 1.01


@pytest.mark.parametrize("ending", ["ignored", "not read", "refused", "exception"])
def test_nothing_is_left_of_what_is_not_saved(fast: Flask, uset: UploadSet, files: Path, ending: str) -> None:
    fast.config["PROPAGATE_EXCEPTIONS"] = False
    fast.config["UPLOADED_FILES_MAX_SIZE"] = 1000
    configure_uploads(fast, uset)

    def view() -> None:
        if ending == "not read":
            return
        assert isinstance(request.files["f"].stream, HeldFile)
        if ending == "refused":
            with pytest.raises(UploadNotAllowed):
                uset.save(request.files["f"])
            raise UploadNotAllowed("no")
        if ending == "exception":
            raise RuntimeError("a slip of the app")

    before = descriptors()
    answer = post(fast, view, BIG)
    assert (answer.status_code == 500) == (ending in ("refused", "exception"))
    assert descriptors() == before
    assert left_in(files) == []


@_WERKZEUG_LEAVES_FILES
@pytest.mark.parametrize(
    ("config", "status"),
    [
        ({"MAX_CONTENT_LENGTH": 1000}, 413),
        ({"MAX_FORM_PARTS": 2}, 413),
        ({"MAX_FORM_MEMORY_SIZE": 70_000}, 413),
        ({"MAX_CONTENT_LENGTH": 2_000_000}, 200),
    ],
)
def test_limits_answer_alike(
    app: Flask, uset: UploadSet, files: Path, is_fast: bool, config: dict[str, int], status: int
) -> None:
    app.config.update(UPLOADED_FILES_DEST=str(files), UPLOADS_FAST_FORMS=is_fast, **config)
    configure_uploads(app, uset)
    before = descriptors()
    answer = post(app, lambda: request.form["long"] and "", BIG, SMALL, long="x" * 70_001)
    assert answer.status_code == status
    assert (descriptors(), left_in(files) if files.exists() else []) == (before, [])


def test_a_limit_of_one_request_holds(fast: Flask) -> None:
    def view() -> str:
        request.max_content_length = 1000
        return str(request.files)

    assert post(fast, view, BIG).status_code == 413


@_WERKZEUG_LEAVES_FILES
def test_a_malformed_form_is_empty(app: Flask, uset: UploadSet, files: Path, is_fast: bool) -> None:
    app.config.update(UPLOADED_FILES_DEST=str(files), UPLOADS_FAST_FORMS=is_fast)
    configure_uploads(app, uset)
    app.add_url_rule("/", "view", lambda: str(request.files["f"]), methods=["POST"])
    body = b'--b\r\nContent-Disposition: form-data; name="f"; filename="0.bin"\r\n\r\n' + BIG
    client = app.test_client()
    assert client.post("/", data=body, content_type="multipart/form-data; boundary=b").status_code == 400
    assert client.post("/", data=body, content_type="multipart/form-data").status_code == 400
    gc.collect()


def _vanishing(url: str, body: bytes, sent: int) -> None:
    """Announce a body, send the beginning, and go."""
    place = urlsplit(url)
    with socket.create_connection((place.hostname or "", place.port or 0)) as client:
        head = "POST / HTTP/1.1\r\nHost: x\r\nContent-Type: multipart/form-data; boundary=b\r\n"
        client.sendall(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body[:sent])
        client.shutdown(socket.SHUT_WR)
        while client.recv(65536):
            pass


@pytest.mark.parametrize("part", [0.0, 0.1, 0.5, 0.9, 0.999, 0.99999])
@pytest.mark.skipif(sys.platform != "linux", reason="looks at /proc")
def test_a_client_that_vanishes_leaves_nothing(fast: Flask, uset: UploadSet, files: Path, part: float) -> None:
    body = b'--b\r\nContent-Disposition: form-data; name="f"; filename="0.bin"\r\n\r\n' + BIG * 3 + b"\r\n--b--\r\n"
    ended, errors = threading.Event(), []

    @fast.post("/")
    def view() -> str:
        return str(uset.save(request.files["f"]))

    @fast.teardown_request
    def note(error: BaseException | None) -> None:
        errors.append(error)
        ended.set()

    before = descriptors()
    with running_app(fast) as url:
        _vanishing(url, body, int(len(body) * part))
        assert ended.wait(10)
    assert descriptors() == before
    assert left_in(files) == []


def test_short_forms_get_what_flask_gives(fast: Flask) -> None:
    def view() -> None:
        assert isinstance(request.files["f"].stream, SpooledTemporaryFile)
        request.files["f"].close()

    assert post(fast, view, SMALL).status_code == 200


def test_short_files_of_long_forms_stay_in_memory(fast: Flask, files: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[object] = []

    def stage(*args: Any, **kwargs: Any) -> Any:
        opened.append(staging.stage(*args, **kwargs))
        return opened[-1]

    monkeypatch.setattr("uploadkit.backends.local.stage", stage)

    def view() -> None:
        assert [getattr(file.stream, "_rolled", False) for file in request.files.getlist("f")].count(True) == 1

    assert post(fast, view, *[SMALL] * 5, BIG).status_code == 200
    assert len(opened) == 1


def test_a_folder_that_cannot_be_written_is_no_reason_to_fail(fast: Flask, uset: UploadSet, files: Path) -> None:
    """A read-only folder is told of when something is saved, as it always was."""
    files.parent.mkdir(exist_ok=True)
    files.write_bytes(b"a file in the place of the folder")

    def view() -> str:
        assert request.files["f"].read() == BIG
        with pytest.raises(Exception, match="not a folder"):
            uset.save(request.files["f"])
        return "told"

    assert post(fast, view, BIG).text == "told"


def test_a_full_disk_is_told_of_and_leaves_nothing(fast: Flask, files: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = HeldFile.write
    left = [3]

    def write(self: HeldFile, data: Any, /) -> int:
        left[0] -= 1
        if left[0] < 0:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return real(self, data)

    monkeypatch.setattr(HeldFile, "write", write)
    before = descriptors()
    with pytest.raises(OSError, match=os.strerror(errno.ENOSPC)):
        post(fast, lambda: str(request.files), BIG)
    assert (descriptors(), left_in(files)) == (before, [])


def test_the_first_set_whose_folder_is_there_keeps_the_files(app: Flask, tmp_path: Path) -> None:
    (tmp_path / "second").mkdir()
    first, second, memory = UploadSet("first", ALL), UploadSet("second", ALL), UploadSet("memory", ALL)
    app.config.update(
        UPLOADED_FIRST_DEST=str(tmp_path / "first"),
        UPLOADED_SECOND_DEST=str(tmp_path / "second"),
        UPLOADED_MEMORY_BACKEND="memory",
        UPLOADS_FAST_FORMS="yes",
    )
    configure_uploads(app, (memory, first, second))

    def view() -> None:
        files = request.files.getlist("f")
        assert not (tmp_path / "first").exists()
        first.save(files[0])
        second.save(files[1])
        memory.save(files[2])

    assert post(app, view, BIG, BIG, BIG).status_code == 200
    assert left_in(tmp_path) == ["first/0.bin", "second/1.bin"]
    assert (tmp_path / "first/0.bin").read_bytes() == (tmp_path / "second/1.bin").read_bytes() == BIG


def test_without_a_local_set_files_are_those_of_flask(app: Flask) -> None:
    uset = UploadSet("files", ALL)
    app.config.update(UPLOADED_FILES_BACKEND="memory", UPLOADS_FAST_FORMS=True)
    configure_uploads(app, uset)

    def view() -> str:
        assert isinstance(request.files["f"].stream, SpooledTemporaryFile)
        return str(uset.save(request.files["f"]))

    assert post(app, view, BIG).text == "0.bin"


class TestRequestClasses:
    def configured(self, app: Flask, tmp_path: Path, **config: Any) -> type[Request]:
        app.config.update(UPLOADED_FILES_DEST=str(tmp_path), **config)
        configure_uploads(app, UploadSet("files", ALL))
        return app.request_class

    def test_are_left_alone_unless_asked(self, app: Flask, tmp_path: Path) -> None:
        assert self.configured(app, tmp_path, UPLOADS_FAST_FORMS=False) is Request

    def test_are_made_once(self, app: Flask, tmp_path: Path) -> None:
        first = self.configured(app, tmp_path, UPLOADS_FAST_FORMS=True)
        assert self.configured(app, tmp_path) is first
        assert first.__mro__[1] is Request

    def test_are_taken_back(self, app: Flask, tmp_path: Path) -> None:
        assert self.configured(app, tmp_path, UPLOADS_FAST_FORMS=True) is not Request
        assert self.configured(app, tmp_path, UPLOADS_FAST_FORMS=False) is Request

    def test_keep_what_the_app_made_of_them(self, app: Flask, tmp_path: Path) -> None:
        class OwnParser(FormDataParser):
            pass

        class Own(Request):
            form_data_parser_class = OwnParser
            word = "own"

            def _get_file_stream(self, *args: Any, **kwargs: Any) -> Any:
                return io.BytesIO()

        app.request_class = Own
        made: Any = self.configured(app, tmp_path, UPLOADS_FAST_FORMS=True)
        assert (made.form_data_parser_class, made._get_file_stream, made.word) == (
            OwnParser,
            Own._get_file_stream,
            "own",
        )
        assert issubclass(made, Own)

    def test_of_two_apps_are_two(self, tmp_path: Path) -> None:
        one, two = Flask("one"), Flask("two")
        classes = [self.configured(each, tmp_path, UPLOADS_FAST_FORMS=True) for each in (one, two)]
        assert classes[0] is not classes[1]

    def test_need_a_yes_or_no(self, app: Flask, tmp_path: Path) -> None:
        with pytest.raises(ConfigError, match="UPLOADS_FAST_FORMS"):
            self.configured(app, tmp_path, UPLOADS_FAST_FORMS="perhaps")


@pytest.fixture(autouse=True)
def _no_temporary_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Show what goes to the folder of temporary files, and that nothing stays there."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(folder))
    yield
    assert left_in(folder) == []
    folder.rmdir()
