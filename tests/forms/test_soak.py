"""The soak: that a server is left clean by some hundred uploads, and that the soak would see it if it were not."""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from benchmarks.soak import soak
from benchmarks.soaking.clients import Clients
from benchmarks.soaking.leftovers import Stores, wrong_files
from benchmarks.soaking.plans import Sent, plan_of, wire_of
from benchmarks.soaking.server import WORKERS, Server, running_server, waiting_at
from tests.backends.s3_sink import BUCKET, Sink, clean_environment, sink, sink_server
from tests.servers.requirements import need
from tests.servers.stores import S3Server

from .receiving_kit import Visitor, form_of, part

__all__ = ["clean_environment", "sink", "sink_server"]

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="looks at the workers through /proc")
SEED = 5
#: So few that a slow machine with two cores is done in seconds; with this seed every kind of upload is among them.
UPLOADS = 100


@pytest.mark.slow
@pytest.mark.integration
@pytest.mark.parametrize("worker", sorted(WORKERS))
def test_uploads_of_clients_who_vanish_leave_nothing_behind(worker: str) -> None:
    need("the soak", {"gunicorn": "gunicorn", **({"gevent": "gevent"} if worker == "gevent" else {})})
    report = soak(UPLOADS, SEED, worker)
    assert report.violations == []
    assert report.answers["201"] > 40
    assert report.answers["vanished"] > 20
    assert report.checks[-1].stored > 30


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """The app of the soak under gunicorn, without a store."""
    need("gunicorn", {"gunicorn": "gunicorn"})
    folder = tmp_path_factory.mktemp("gunicorn")
    with running_server(folder, S3Server("none", "http://127.0.0.1:9", "key", "secret"), BUCKET, "sync") as running:
        yield running
    assert [path for path in (folder / "local").rglob("*") if path.is_file()] == []


@pytest.mark.slow
@pytest.mark.integration
@pytest.mark.parametrize("path", ["/form/files", "/receive/files"])
@pytest.mark.parametrize("size", [100, 900_000])
@pytest.mark.parametrize(
    "rest", [b"", b"\r\n", b"\r\n0\r\n", b"\r\nno number\r\n"], ids=["chunk", "line", "end", "number"]
)
def test_gunicorns_own_words_for_a_broken_chunk_are_understood(
    server: Server, path: str, size: int, rest: bytes
) -> None:
    form = form_of(part("file", bytes(size), "broken.bin"))
    with Visitor(f"http://127.0.0.1:{server.port}") as visitor:
        visitor.begin(None, path=path)
        visitor.send(f"{len(form):x}\r\n".encode() + form + rest)
        visitor._socket.shutdown(socket.SHUT_WR)
        assert visitor.read_answer()[0] == 400
    assert "Traceback" not in server.log


class Site(NamedTuple):
    """Destinations in which everything is as it should be: two files on the local backend, one on S3."""

    folder: Path
    sink: Sink
    clients: Clients
    stores: Stores

    @property
    def told(self) -> list[str]:
        return wrong_files(self.stores, self.clients, again=True)[1] + self.stores.leftovers()

    @property
    def path(self) -> Path:
        return self.folder / "local" / "files" / "u1x0.bin"


@pytest.fixture
def site(tmp_path: Path, sink: Sink) -> Iterator[Site]:
    for name in ("tmp", "local/files"):
        (tmp_path / name).mkdir(parents=True)
    clients = Clients(0, SEED)
    for serial, set_name, size in ((10, "files", 100_000), (20, "files", 0), (30, "cloud", 100)):
        file = Sent(serial, set_name, f"u{serial // 10}x0", "bin", size, may_be_there=True)
        content = file.content(SEED)
        clients.sent[file.digest if size else file.stem] = file
        clients.must_be_there[set_name, False, file.name] = file
        if set_name == "files":
            (tmp_path / "local" / "files" / file.name).write_bytes(content)
        else:
            sink.objects[f"soak/cloud/{file.name}"] = _stored(content)
    with closing(S3Server("sink", sink.endpoint, "key", "secret").client()) as client:
        yield Site(tmp_path, sink, clients, Stores(tmp_path, client, BUCKET))


def _stored(content: bytes) -> Any:
    from tests.backends.s3_sink import Stored

    return Stored(content)


def _truncate(site: Site) -> None:
    site.path.write_bytes(site.path.read_bytes()[:-1])


def _lose(site: Site) -> None:
    site.sink.objects.clear()


def _double(site: Site) -> None:
    site.path.with_name("u1x0_1.bin").write_bytes(site.path.read_bytes())


def _refuse(site: Site) -> None:
    site.clients.must_be_there[("files", False, "u1x0.bin")].may_be_there = False  # type: ignore[union-attr]


def _swap(site: Site) -> None:
    site.path.write_bytes(site.sink.objects["soak/cloud/u3x0.bin"].content)


def _leave_temporary(site: Site) -> None:
    (site.folder / "tmp" / "upload").touch()


def _leave_staged(site: Site) -> None:
    folder = site.folder / "local" / "files" / ".uploadkit" / "tmp"
    folder.mkdir(parents=True)
    (folder / "uploadkit-word").touch()


def _leave_upload(site: Site) -> None:
    from tests.backends.s3_sink_store import Upload

    site.sink.uploads["upload-1"] = Upload("soak/cloud/u4x0.bin", {}, _stored(b"").modified)


def test_nothing_is_told_where_nothing_is_wrong(site: Site) -> None:
    assert site.told == []


@pytest.mark.parametrize(
    ("harm", "words"),
    [
        (_truncate, "is not what anybody sent"),
        (_lose, "is lost"),
        (_double, "file 10 is there 2 times"),
        (_refuse, "should not be there"),
        (_swap, "has the content of cloud/u3x0.bin"),
        (_leave_temporary, "temporary file"),
        (_leave_staged, "temporary file"),
        (_leave_upload, "multipart upload of soak/cloud/u4x0.bin"),
    ],
    ids=lambda value: getattr(value, "__name__", None),
)
def test_what_is_wrong_is_told(site: Site, harm: Callable[[Site], None], words: str) -> None:
    harm(site)
    assert any(words in told for told in site.told)


def test_a_client_that_has_left_before_it_was_accepted_still_waits() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        assert waiting_at(os.getpid(), port) == 0
        with socket.create_connection(("127.0.0.1", port)):
            pass
        assert waiting_at(os.getpid(), port) == 1
        listener.accept()[0].close()
        assert waiting_at(os.getpid(), port) == 0


def test_the_uploads_follow_from_the_seed() -> None:
    assert [plan_of(number, SEED) for number in range(50)] == [plan_of(number, SEED) for number in range(50)]
    assert plan_of(7, SEED) != plan_of(7, SEED + 1)


def test_a_client_that_leaves_early_never_counts_as_one_that_has_sent_everything() -> None:
    early = [plan for plan in (plan_of(number, SEED) for number in range(100)) if plan.where in ("head", "body")]
    assert len(early) > 10
    for plan in early:
        wire = wire_of(plan, SEED)
        assert wire.leave_at(plan) < wire.whole_from or not wire.body, plan
