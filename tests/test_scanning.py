"""The example that lets a virus scanner decide, with a stand-in for clamd on a socket."""

from __future__ import annotations

import importlib.util
import io
import socket
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from flask import Flask

from tests.servers.clamd import VIRUS, Clamd, running_clamd

FOLDER = Path(__file__).parent.parent / "examples" / "scanning"
PDF = b"%PDF-1.7\n%%EOF\n"


@pytest.fixture
def clamd() -> Iterator[Clamd]:
    with running_clamd() as running:
        yield running


@pytest.fixture
def example(monkeypatch: pytest.MonkeyPatch) -> Any:
    """The example's module, with its neighbour as a program would find it."""
    monkeypatch.syspath_prepend(str(FOLDER))
    spec = importlib.util.spec_from_file_location("scanning_documents", FOLDER / "documents.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    yield module
    sys.modules.pop("clamd", None)


@pytest.fixture
def app(example: Any, clamd: Clamd, tmp_path: Path) -> Flask:
    made: Flask = example.create_app(CLAMD_ADDRESS=clamd.address, UPLOADED_DOCUMENTS_DEST=tmp_path, TESTING=True)
    return made


def send(app: Flask, content: bytes, name: str = "a.pdf") -> Any:
    return app.test_client().post("/", data={"file": (io.BytesIO(content), name)})


def status(app: Flask, name: str) -> int:
    with app.test_client().get(f"/_uploads/documents/{name}") as answer:
        return answer.status_code


def scan(app: Flask) -> None:
    result = app.test_cli_runner().invoke(args=["scan"])
    assert result.exit_code == 0, result.output


def test_a_clean_file_is_served_once_it_was_looked_at(app: Flask) -> None:
    answer = send(app, PDF)
    assert (answer.status_code, answer.json["name"]) == (202, "a.pdf")
    assert status(app, "a.pdf") == 404
    scan(app)
    assert status(app, "a.pdf") == 200


def test_a_virus_never_is_and_nothing_of_it_stays(app: Flask, tmp_path: Path) -> None:
    send(app, PDF + VIRUS)
    send(app, PDF, "clean.pdf")
    scan(app)
    assert (status(app, "a.pdf"), status(app, "clean.pdf")) == (404, 200)
    assert not [path for path in tmp_path.rglob("*") if path.is_file() and VIRUS in path.read_bytes()]


def test_what_the_set_refuses_is_told(app: Flask) -> None:
    answer = send(app, b"MZ", "a.exe")
    assert (answer.status_code, answer.json["code"]) == (422, "extension")


@pytest.mark.parametrize("trouble", ["too long for it", "hangs up", "not there"])
def test_if_the_scanner_cannot_say_the_file_goes_on_waiting(app: Flask, clamd: Clamd, trouble: str) -> None:
    send(app, PDF + bytes(100_000))
    if trouble == "too long for it":
        clamd.longest = 1000
    elif trouble == "hangs up":
        clamd.answers = False
    else:
        with socket.create_server(("127.0.0.1", 0)) as free:
            app.config["CLAMD_ADDRESS"] = free.getsockname()
    scan(app)
    assert status(app, "a.pdf") == 404
    clamd.longest, clamd.answers = 1024 * 1024, True
    app.config["CLAMD_ADDRESS"] = clamd.address
    scan(app)
    assert status(app, "a.pdf") == 200


def test_an_answer_before_the_file_was_sent_is_not_believed(app: Flask, clamd: Clamd, example: Any) -> None:
    with app.app_context():
        example.documents.put(PDF + bytes(20_000_000), "a.pdf")
    clamd.hasty = True
    scan(app)
    assert status(app, "a.pdf") == 404


def test_a_file_that_cannot_be_decided_about_does_not_hold_up_the_others(
    app: Flask, example: Any, tmp_path: Path
) -> None:
    send(app, PDF, "a.pdf")
    send(app, PDF, "b.pdf")
    app.config["UPLOADED_DOCUMENTS_ON_CONFLICT"] = "error"
    example.configure_uploads(app, example.documents)
    (tmp_path / "a.pdf").write_bytes(b"somebody put it there")
    scan(app)
    assert (tmp_path / "a.pdf").read_bytes() == b"somebody put it there"
    assert status(app, "b.pdf") == 200


def test_it_asks_over_a_unix_socket_too(example: Any, tmp_path: Path) -> None:
    with pytest.raises(example.ScanError, match="cannot be asked"):
        example.scan(io.BytesIO(PDF), str(tmp_path / "clamd.sock"))
