"""Receiving straight into S3 and Google Cloud Storage: while the request arrives, and leaving nothing behind."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, cast

import pytest
from werkzeug.exceptions import BadRequest

from tests.backends.s3_sink import MakeS3, Reply, Seen, Sink, clean_environment, make_s3, sink, sink_server
from tests.servers.fault_proxy import FaultProxy
from tests.servers.stores import GcsServer, S3Server
from uploadkit import ReceivedFile, UploadNotAllowed
from uploadkit.backends.s3 import S3Backend, S3Options

from .receiving_kit import MIB, PATIENCE, Visitor, content_of, form_of, part, places, read, receiving_app, visited

__all__ = ["clean_environment", "make_s3", "sink", "sink_server"]

CONTENT = content_of(13 * MIB)
FORM = form_of(
    part("a", b"1"), part("file", b"first", "first.bin"), part("file", CONTENT, "second.bin"), part("b", b"2")
)


@pytest.fixture(autouse=True)
def spool_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Temporary files cannot be made at all."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "nowhere"))
    monkeypatch.setattr("uploadkit.streams.SPOOL_SIZE", 1)


@pytest.mark.parametrize("concurrency", [0, 3])
class TestS3:
    def test_parts_are_sent_while_the_form_arrives(self, make_s3: MakeS3, sink: Sink, concurrency: int) -> None:
        begun = threading.Event()

        def look(seen: Seen) -> Reply | None:
            if seen.operation == "UploadPart":
                begun.set()
            return None

        sink.hook = look
        app, files, outcomes = receiving_app(make_s3(part_size=5 * MIB, concurrency=concurrency))
        with visited(app) as url, Visitor(url) as visitor:
            visitor.begin(len(FORM))
            visitor.send(FORM[: 11 * MIB])
            assert begun.wait(PATIENCE)
            visitor.send(FORM[11 * MIB :])
            assert visitor.read_answer()[0] == 200
            first, second = cast("list[ReceivedFile]", outcomes.get(timeout=PATIENCE))
            with app.app_context():
                assert read(files, second.filename) == CONTENT
        assert (first.info.size, second.info.size) == (5, len(CONTENT))
        assert [name.rpartition("_")[0] for name in (first.filename, second.filename)] == ["first", "second"]
        assert second.info.original_filename == "second.bin"

    def test_a_visitor_who_vanishes_leaves_nothing(self, make_s3: MakeS3, sink: Sink, concurrency: int) -> None:
        app, _, outcomes = receiving_app(make_s3(part_size=5 * MIB, concurrency=concurrency))
        with visited(app) as url:
            for at in places(FORM):
                with Visitor(url) as visitor:
                    visitor.begin(len(FORM))
                    visitor.send(FORM[:at])
                assert isinstance(outcomes.get(timeout=PATIENCE), BadRequest), at
                assert (sink.uploads, sink.visible) == ({}, []), at
        assert len(sink.of("AbortMultipartUpload")) >= 5

    def test_a_file_that_turns_out_too_long_leaves_nothing(self, make_s3: MakeS3, sink: Sink, concurrency: int) -> None:
        app, _, outcomes = receiving_app(make_s3(part_size=5 * MIB, concurrency=concurrency), MAX_SIZE=12 * MIB)
        with visited(app) as url, Visitor(url) as visitor:
            visitor.begin(len(FORM))
            visitor.send(FORM)
            assert visitor.read_answer()[0] == 422
            assert isinstance(outcomes.get(timeout=PATIENCE), UploadNotAllowed)
        assert sink.of("UploadPart")
        assert (sink.uploads, sink.visible) == ({}, [])

    def test_a_store_that_fails_half_way_leaves_nothing(self, make_s3: MakeS3, sink: Sink, concurrency: int) -> None:
        sink.hook = lambda seen: Reply(403) if seen.query.get("partNumber") == "2" else None
        app, _, outcomes = receiving_app(make_s3(part_size=5 * MIB, concurrency=concurrency))
        with visited(app) as url, Visitor(url) as visitor:
            visitor.begin(len(FORM))
            visitor.send(FORM)
            assert visitor.read_answer()[0] == 500
            assert isinstance(outcomes.get(timeout=PATIENCE), PermissionError)
        assert (sink.uploads, sink.visible) == ({}, [])

    def test_a_body_that_is_no_form(self, make_s3: MakeS3, sink: Sink, concurrency: int) -> None:
        app, files, outcomes = receiving_app(
            make_s3(part_size=5 * MIB, concurrency=concurrency), ON_CONFLICT="overwrite"
        )
        with visited(app) as url:
            with Visitor(url) as visitor:
                visitor.begin(len(CONTENT), method="PUT", path="/a.bin")
                visitor.send(CONTENT)
                assert visitor.read_answer()[0] == 200
                outcomes.get(timeout=PATIENCE)
            for at in places(CONTENT, 4):
                with Visitor(url) as visitor:
                    visitor.begin(len(CONTENT), method="PUT", path="/a.bin")
                    visitor.send(CONTENT[:at])
                assert isinstance(outcomes.get(timeout=PATIENCE), BadRequest), at
            with app.app_context():
                assert read(files, "a.bin") == CONTENT
        assert (sink.uploads, sink.visible) == ({}, ["a.bin"])


@pytest.mark.slow
class TestMoto:
    @pytest.fixture
    def store(self, moto_server: S3Server) -> Iterator[tuple[S3Backend, Any, str]]:
        bucket = moto_server.make_bucket()
        options = S3Options(
            endpoint_url=moto_server.endpoint,
            region=moto_server.region,
            access_key_id=moto_server.access_key,
            secret_access_key=moto_server.secret_key,
            part_size=5 * MIB,
        )
        with closing(moto_server.client()) as client:
            yield S3Backend(bucket, options), client, bucket

    def test_a_form_is_stored_and_another_one_vanishes(self, store: tuple[S3Backend, Any, str]) -> None:
        backend, client, bucket = store
        app, files, outcomes = receiving_app(backend)
        with visited(app) as url:
            with Visitor(url) as visitor:
                visitor.begin(None)
                visitor.send_chunks(FORM, 77_777)
                visitor.send(b"0\r\n\r\n")
                assert visitor.read_answer()[0] == 200
                saved = cast("list[ReceivedFile]", outcomes.get(timeout=PATIENCE))
            vanish_everywhere(url, outcomes)
            with app.app_context():
                names = [file.filename for file in saved]
                assert read(files, names[1]) == CONTENT
        assert "Uploads" not in client.list_multipart_uploads(Bucket=bucket)
        found = client.list_objects_v2(Bucket=bucket)["Contents"]
        assert sorted(each["Key"] for each in found) == sorted(names)


def vanish_everywhere(url: str, outcomes: Any) -> None:
    """Send the beginning of the form and go away, at one place after another."""
    for at in places(FORM):
        with Visitor(url) as visitor:
            visitor.begin(len(FORM))
            visitor.send(FORM[:at])
        assert isinstance(outcomes.get(timeout=PATIENCE), BadRequest), at


@pytest.mark.slow
class TestGoogle:
    @pytest.mark.parametrize("concurrency", [0, 2])
    def test_a_form_is_stored_and_another_one_vanishes(self, fake_gcs_server: GcsServer, concurrency: int) -> None:
        gcs = pytest.importorskip("tests.backends.test_gcs")
        with FaultProxy(fake_gcs_server.endpoint) as proxy:
            backend = gcs.backend_at(fake_gcs_server, proxy.endpoint, chunk_size=2 * MIB, concurrency=concurrency)
            app, files, outcomes = receiving_app(backend)
            with visited(app) as url:
                with Visitor(url) as visitor:
                    visitor.begin(len(FORM))
                    visitor.send(FORM[: 6 * MIB])
                    while not [seen for seen in list(proxy.requests) if seen.method == "PUT"]:
                        assert outcomes.empty()
                    visitor.send(FORM[6 * MIB :])
                    assert visitor.read_answer()[0] == 200
                    saved = cast("list[ReceivedFile]", outcomes.get(timeout=PATIENCE))
                vanish_everywhere(url, outcomes)
                with app.app_context():
                    names = [file.filename for file in saved]
                    assert read(files, names[1]) == CONTENT
            begun = [seen for seen in proxy.requests if seen.method == "POST" and "uploadType=resumable" in seen.path]
            sessions_ended = [seen for seen in proxy.requests if seen.method == "DELETE" and "upload_id" in seen.path]
            # But for the form that was whole, and the one that lacked its last bytes: that file was deleted again.
            assert len(sessions_ended) == len(begun) - 2 >= 5
            assert sorted(gcs.objects_in(fake_gcs_server, backend)) == sorted(f"p/{name}" for name in names)
