"""What the store forbids: an error that says so, never "there is no such file"."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import pytest

from tests.conftest import form_file
from uploadkit import SaveOptions
from uploadkit.backends.s3 import S3Backend
from uploadkit.exceptions import BackendError, NotFoundError, PermissionDeniedError

from .test_s3_fault_kit import (
    LONG,
    SMALL,
    Answer,
    Kind,
    World,
    direct,
    fault_bucket,
    fault_proxy,
    s3_error,
    warmed,
    world,
)

__all__ = ["direct", "fault_bucket", "fault_proxy", "warmed", "world"]

NEW = SaveOptions()
DENIED = s3_error(403, "AccessDenied")
NO_BUCKET = s3_error(404, "NoSuchBucket")

CALLS: dict[str, Callable[[S3Backend], object]] = {
    "save": lambda backend: backend.save("a", io.BytesIO(SMALL), NEW),
    "open": lambda backend: backend.open("a"),
    "open_range": lambda backend: backend.open_range("a", 1, 5),
    "delete": lambda backend: backend.delete("a"),
    "delete_many": lambda backend: backend.delete_many(["a", "b"]),
    "list": lambda backend: list(backend.list_files()),
    "begin": lambda backend: backend.create_multipart("a", NEW),
}
#: Their answers have no body, and so no code.
BARE: dict[str, Callable[[S3Backend], object]] = {
    "stat": lambda backend: backend.stat("a"),
    "copy": lambda backend: backend.copy("a", "b", NEW),
}
REFUSALS = {
    "AccessDenied": (DENIED, "do not allow it"),
    "ExpiredToken": (s3_error(400, "ExpiredToken"), "have expired"),
    "InvalidAccessKeyId": (s3_error(403, "InvalidAccessKeyId"), "access key is unknown"),
    "SignatureDoesNotMatch": (s3_error(403, "SignatureDoesNotMatch"), "secret access key is wrong"),
    "RequestTimeTooSkewed": (s3_error(403, "RequestTimeTooSkewed"), "clock is wrong"),
}


@pytest.mark.parametrize("code", REFUSALS)
@pytest.mark.parametrize("name", CALLS)
def test_refused_credentials_are_permission_denied_and_say_why(name: str, code: str, world: World) -> None:
    backend, (answer, words) = world.backend(), REFUSALS[code]
    world.strike(Kind.ANSWER, answer, times=None)
    with pytest.raises(PermissionDeniedError, match=words) as caught:
        CALLS[name](backend)
    assert not caught.value.retryable
    world.check_error(caught.value, caught.value.key)
    assert len(world.proxy.requests) == 1  # asking again would not help


@pytest.mark.parametrize("name", BARE)
def test_a_bare_403_is_permission_denied(name: str, world: World) -> None:
    backend = world.backend()
    world.strike(Kind.ANSWER, DENIED, times=None)
    with pytest.raises(PermissionDeniedError) as caught:
        BARE[name](backend)
    world.check_error(caught.value, "a")


@pytest.mark.parametrize("name", BARE)
def test_expired_credentials_are_permission_denied_for_head_too(name: str, world: World) -> None:
    backend = world.backend()
    world.strike(Kind.ANSWER, s3_error(400, "ExpiredToken"), times=None)
    with pytest.raises(PermissionDeniedError):
        BARE[name](backend)


@pytest.mark.parametrize("answer", [DENIED, s3_error(400, "ExpiredToken")], ids=["403", "expired"])
def test_what_may_not_be_seen_is_not_said_to_be_missing(answer: Answer, world: World) -> None:
    world.put("photo.jpg", SMALL)
    files = world.upload_set(world.backend())
    world.strike(Kind.ANSWER, answer, times=None)
    with pytest.raises(BackendError) as caught:
        files.exists("photo.jpg")
    assert not isinstance(caught.value, NotFoundError)


@pytest.mark.parametrize("content", [SMALL, pytest.param(LONG, id="long")])
def test_a_forbidden_save_leaves_nothing_and_tries_no_other_name(content: bytes, world: World) -> None:
    files = world.upload_set(world.backend(), on_conflict="rename")
    world.strike(Kind.ANSWER, DENIED, times=None, method="PUT")
    with pytest.raises(PermissionDeniedError):
        files.save(form_file(content))
    assert world.names() == []
    assert world.uploads() == []
    assert world.sent("PUT", "photo_") == 0


def test_credentials_that_may_only_write_save_all_the_same(world: World) -> None:
    backend = world.backend()
    for method in ("HEAD", "GET"):
        world.strike(Kind.ANSWER, DENIED, times=None, method=method)
    assert backend.save("a", io.BytesIO(SMALL), NEW).size == len(SMALL)
    assert backend.save("b", io.BytesIO(LONG), NEW).size == len(LONG)
    assert world.files() == {"a": SMALL, "b": LONG}


@pytest.mark.parametrize("name", CALLS)
def test_a_missing_bucket_is_not_a_missing_file(name: str, world: World) -> None:
    backend = world.backend()
    world.strike(Kind.ANSWER, NO_BUCKET, times=None)
    with pytest.raises(BackendError, match="bucket does not exist") as caught:
        CALLS[name](backend)
    assert type(caught.value) is BackendError
    assert not caught.value.retryable


def test_a_missing_bucket_is_told_by_the_first_save(world: World) -> None:
    backend = S3Backend("uploadkit-none-such", world.options())
    with pytest.raises(BackendError, match="bucket does not exist") as caught:
        backend.save("a", io.BytesIO(SMALL), NEW)
    assert not isinstance(caught.value, NotFoundError)


def test_wrong_credentials_at_a_store_that_checks_them(world: World, seaweed_server: Any) -> None:
    bucket = seaweed_server.make_bucket()
    options = world.options(endpoint_url=seaweed_server.endpoint, access_key_id=seaweed_server.access_key)
    backend = S3Backend(bucket, options)
    for call in (*CALLS.values(), *BARE.values()):
        with pytest.raises(PermissionDeniedError) as caught:
            call(backend)
        world.check_error(caught.value, caught.value.key)


@pytest.mark.parametrize("code", ["AccessDenied", "SlowDown", "InternalError"])
def test_one_of_many_that_cannot_be_deleted_is_an_error_with_its_key(code: str, world: World) -> None:
    backend = world.backend()
    failed = f"<Error><Key>{world.prefix}/b</Key><Code>{code}</Code><Message>made up</Message></Error>"
    world.strike(Kind.ANSWER, Answer(200, f"<DeleteResult>{failed}</DeleteResult>".encode()), method="POST")
    with pytest.raises(BackendError) as caught:
        backend.delete_many(["a", "b"])
    world.check_error(caught.value, "b", has_cause=False)
    assert isinstance(caught.value, PermissionDeniedError) == (code == "AccessDenied")
    assert caught.value.retryable == (code != "AccessDenied")
