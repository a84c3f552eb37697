"""The S3 backend against moto: a store that nobody here wrote, over a socket."""

from __future__ import annotations

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from io import BytesIO
from typing import Any, BinaryIO

import pytest

from tests.servers.fixtures import moto_server
from tests.servers.stores import S3Server
from uploadkit.backends._cloud.clients import close_clients
from uploadkit.backends.s3 import S3Backend, S3Options
from uploadkit.exceptions import AlreadyExistsError, NotFoundError, PreconditionError
from uploadkit.models import SaveOptions

from .s3_sink import MIB, clean_environment
from .s3_streams import Failing, unseekable

__all__ = ["clean_environment", "moto_server"]

PART = 5 * MIB
OVER = SaveOptions(overwrite=True)
LONG = os.urandom(PART + 1)


@pytest.fixture(scope="module", autouse=True)
def _clients() -> Iterator[None]:
    yield
    close_clients()


@pytest.fixture
def options(moto_server: S3Server) -> dict[str, Any]:
    return {
        "endpoint_url": moto_server.endpoint,
        "region": moto_server.region,
        "access_key_id": moto_server.access_key,
        "secret_access_key": moto_server.secret_key,
        "bucket": moto_server.make_bucket(),
        "prefix": "pre",
        "part_size": PART,
    }


@pytest.fixture
def backend(options: dict[str, Any]) -> S3Backend:
    return S3Backend(None, S3Options(**options))


@pytest.fixture
def bare(moto_server: S3Server) -> Iterator[Any]:
    with closing(moto_server.client()) as client:
        yield client


def read(file: BinaryIO) -> bytes:
    with file:
        return file.read()


def names(bare: Any, options: dict[str, Any]) -> list[str]:
    return [found["Key"] for found in bare.list_objects_v2(Bucket=options["bucket"]).get("Contents", ())]


def uploads(bare: Any, options: dict[str, Any]) -> list[Any]:
    return list(bare.list_multipart_uploads(Bucket=options["bucket"]).get("Uploads", ()))


@pytest.mark.parametrize("content", [b"", b"hello", LONG], ids=["empty", "small", "long"])
def test_a_file_comes_back_with_all_that_it_was_given(backend: S3Backend, content: bytes) -> None:
    options = SaveOptions(
        content_type="text/x-odd",
        content_disposition='attachment; filename="a.txt"',
        cache_control="private",
        metadata={"word": "日本 é", "empty": "", "space": " x"},
    )
    saved = backend.save("f/ä b+%.txt", BytesIO(content), options)
    found = backend.stat("f/ä b+%.txt")
    assert found.metadata == saved.metadata == options.metadata
    assert (found.size, found.etag, found.content_type) == (len(content), saved.etag, "text/x-odd")
    assert (found.content_disposition, found.cache_control) == (options.content_disposition, "private")
    assert read(backend.open("f/ä b+%.txt")) == content
    assert read(backend.open_range("f/ä b+%.txt", 2, 5)) == content[2:7]
    assert read(backend.open_range("f/ä b+%.txt", len(content) + 1)) == b""
    assert [info.key for info in backend.list_files()] == ["f/ä b+%.txt"]


@pytest.mark.parametrize("fails", [RuntimeError("source"), KeyboardInterrupt(), OSError("source")])
def test_a_source_that_fails_leaves_nothing(
    backend: S3Backend, bare: Any, options: dict[str, Any], fails: BaseException
) -> None:
    for stream in (Failing(bytes(3 * PART), 2 * PART, fails), unseekable(bytes(2 * PART), fails)):
        with pytest.raises(type(fails)) as caught:
            backend.save("a.bin", stream, SaveOptions())
        assert caught.value is fails
    assert uploads(bare, options) == []
    assert names(bare, options) == []


@pytest.mark.parametrize("content", [b"small", LONG], ids=["small", "long"])
def test_of_many_savers_one_wins_and_nothing_is_left(
    backend: S3Backend, bare: Any, options: dict[str, Any], content: bytes
) -> None:
    backend.save("warm", BytesIO(content), OVER)

    def go(number: int) -> bool:
        try:
            backend.save("a", BytesIO(bytes([number]) + content), SaveOptions())
        except AlreadyExistsError:
            return False
        return True

    with ThreadPoolExecutor(6) as pool:
        won = list(pool.map(go, range(6)))
    assert sum(won) == 1
    assert read(backend.open("a")) == bytes([won.index(True)]) + content
    assert names(bare, options) == ["pre/a", "pre/warm"]
    assert uploads(bare, options) == []


@pytest.mark.parametrize("content", [b"hello", b""], ids=["small", "empty"])
def test_a_copy_does_not_overwrite_although_moto_ignores_the_condition_on_copies(
    backend: S3Backend, content: bytes
) -> None:
    backend.save("a.txt", BytesIO(content), SaveOptions(metadata={"old": "x"}))
    backend.save("b.txt", BytesIO(b"first"), SaveOptions())
    with pytest.raises(AlreadyExistsError):
        backend.copy("a.txt", "b.txt", SaveOptions())
    assert read(backend.open("b.txt")) == b"first"
    copied = backend.copy("a.txt", "c.png", SaveOptions(metadata={"new": "y"}))
    assert (copied.content_type, dict(copied.metadata)) == ("image/png", {"new": "y"})
    assert copied.checksum == backend.stat("a.txt").checksum
    assert read(backend.open("c.png")) == content
    assert backend.copy("a.txt", "b.txt", OVER).size == len(content)


def test_a_file_that_is_overwritten_while_it_is_read(backend: S3Backend) -> None:
    backend.save("a.bin", BytesIO(LONG), SaveOptions())
    with backend.open("a.bin") as file:
        file.read(10)
        backend.save("a.bin", BytesIO(LONG[::-1]), OVER)
        with pytest.raises(PreconditionError):
            file.read()


def test_a_thousand_files_are_removed_at_once_and_listed_by_pages(options: dict[str, Any], bare: Any) -> None:
    backend = S3Backend(None, S3Options(**options, extra_args={"MaxKeys": 7}))
    for number in range(20):
        bare.put_object(Bucket=options["bucket"], Key=f"pre/{number:04}", Body=b"x")
    bare.put_object(Bucket=options["bucket"], Key="pre/folder/", Body=b"")
    assert [info.key for info in backend.list_files()] == [f"{number:04}" for number in range(20)]
    backend.delete_many([f"{number:04}" for number in range(1000)])
    assert names(bare, options) == ["pre/folder/"]


def test_parts_from_anywhere_become_a_file(backend: S3Backend, bare: Any, options: dict[str, Any]) -> None:
    upload_id = backend.create_multipart("a.bin", SaveOptions(metadata={"a": "é"}))
    parts = [backend.put_part("a.bin", upload_id, number, BytesIO(LONG)) for number in (2, 1)]
    assert list(backend.list_parts("a.bin", upload_id)) == parts[::-1]
    with pytest.raises(NotFoundError):
        backend.stat("a.bin")
    info = backend.complete_multipart("a.bin", upload_id, parts)
    assert (info.size, dict(info.metadata)) == (2 * len(LONG), {"a": "é"})
    assert read(backend.open("a.bin")) == LONG + LONG
    assert uploads(bare, options) == []


def test_tags_encryption_and_class_are_kept(options: dict[str, Any], bare: Any) -> None:
    extras: dict[str, Any] = {"tags": {"team": "a b"}, "sse": "AES256", "storage_class": "STANDARD_IA"}
    S3Backend(None, S3Options(**options, **extras)).save("a.txt", BytesIO(b"x"), SaveOptions())
    place = {"Bucket": options["bucket"], "Key": "pre/a.txt"}
    assert bare.get_object_tagging(**place)["TagSet"] == [{"Key": "team", "Value": "a b"}]
    head = bare.head_object(**place)
    assert (head["ServerSideEncryption"], head["StorageClass"]) == ("AES256", "STANDARD_IA")


def test_what_is_missing_is_missing(backend: S3Backend) -> None:
    for ask in (backend.open, backend.stat, backend.open_snapshot):
        with pytest.raises(NotFoundError):
            ask("missing")
    backend.delete("missing")
    backend.delete_many([])
