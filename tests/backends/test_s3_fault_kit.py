"""What the tests of faults share: a bucket behind a fault proxy, and what must hold after every fault."""

from __future__ import annotations

import io
import logging
import os
import re
import traceback
import uuid
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import count
from typing import Any, BinaryIO

import pytest

pytest.importorskip("boto3")

from botocore.exceptions import BotoCoreError, ClientError
from urllib3.exceptions import HTTPError

from tests.servers.fault_proxy import Answer, Fault, FaultProxy, Kind, s3_error
from tests.servers.stores import S3Server
from uploadkit import ALL, SaveOptions, UploadConfiguration, UploadSet
from uploadkit.backends._cloud.deadline import DeadlineExceededError
from uploadkit.backends.s3 import S3Backend, S3Options
from uploadkit.exceptions import BackendError
from uploadkit.settings import SetSettings

SECRET = "wJalrXUtnFEMIsecretK7MDENGbPxRfiCYEXAMPLEKEY"
TOKEN = "FwoGZXIvYXdzEBYaDHqa0APtemporarytokenof4tests"
PART = 5 * 1024 * 1024
SMALL = b"a small file" * 10
OLD = b"what was there before"
LONG = os.urandom(PART + 1000)

#: Each makes another client.
_pool_sizes = count(100)

OVERWRITE = SaveOptions(overwrite=True)


class OneWay(io.RawIOBase):
    """A stream that cannot seek."""

    def __init__(self, content: bytes) -> None:
        self._inner = io.BytesIO(content)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        return self._inner.readinto(buffer)


def one_way(content: bytes) -> BinaryIO:
    return io.BufferedReader(OneWay(content))


@dataclass
class World:
    """A prefix of a bucket at moto: direct, and through the proxy."""

    server: S3Server
    proxy: FaultProxy
    direct: Any
    bucket: str
    caplog: pytest.LogCaptureFixture
    warmed: set[int]
    prefix: str = field(default_factory=lambda: uuid.uuid4().hex)

    def options(self, **options: Any) -> S3Options:
        return S3Options(
            **{
                "endpoint_url": self.proxy.endpoint,
                "region": self.server.region,
                "access_key_id": self.server.access_key,
                "secret_access_key": SECRET,
                "session_token": TOKEN,
                "part_size": PART,
                "max_attempts": 2,
                **options,
            }
        )

    def new_backend(self, **options: Any) -> S3Backend:
        """A backend whose client nobody used before, so that it will probe the store."""
        return self._of(self.options(pool_size=next(_pool_sizes), **options))

    def backend(self, **options: Any) -> S3Backend:
        """A backend behind the proxy, whose client has learned already that the store keeps conditions."""
        made = self.options(**options)
        warm = S3Backend(f"{self.bucket}/warm/{uuid.uuid4().hex}", made)
        if id(warm._calls.client) not in self.warmed:
            warm.save("small", io.BytesIO(SMALL), SaveOptions())
            warm.save("long", io.BytesIO(LONG), SaveOptions())
            self.warmed.add(id(warm._calls.client))
            self.proxy.requests.clear()
        return self._of(made)

    def _of(self, options: S3Options) -> S3Backend:
        return S3Backend(f"{self.bucket}/{self.prefix}", options)

    def upload_set(self, backend: S3Backend, **settings: Any) -> UploadSet:
        files = UploadSet("files", ALL)
        files._config = UploadConfiguration(backend.path(""), backend=backend, settings=SetSettings(**settings))
        return files

    def put(self, key: str, content: bytes) -> None:
        """Store a file past the proxy, as somebody else would."""
        self.direct.put_object(Bucket=self.bucket, Key=f"{self.prefix}/{key}", Body=content)

    def strike(self, kind: Kind, answer: Answer | None = None, times: int | None = 1, **matching: Any) -> Fault:
        """Break the next requests of this prefix, or all of them with ``times=None``."""
        return self.proxy.add(Fault(kind, times=times, answer=answer, **matching))

    def sent(self, method: str, part: str = "") -> int:
        """How many requests of ``method`` with ``part`` in their path came through the proxy."""
        return sum(seen.method == method and part in seen.path for seen in self.proxy.requests)

    def names(self) -> list[str]:
        listed = self.direct.list_objects_v2(Bucket=self.bucket, Prefix=f"{self.prefix}/")
        return [found["Key"].removeprefix(f"{self.prefix}/") for found in listed.get("Contents", ())]

    def files(self) -> dict[str, bytes]:
        """Everything that is visible, with its content."""
        return {name: self.read(name) for name in self.names() if not name.startswith(".uploadkit/")}

    def hidden(self) -> list[str]:
        return [name for name in self.names() if name.startswith(".uploadkit/")]

    def read(self, name: str) -> bytes:
        content: bytes = self.direct.get_object(Bucket=self.bucket, Key=f"{self.prefix}/{name}")["Body"].read()
        return content

    def uploads(self) -> list[str]:
        listed = self.direct.list_multipart_uploads(Bucket=self.bucket, Prefix=f"{self.prefix}/")
        return [upload["UploadId"] for upload in listed.get("Uploads", ())]

    def secrets(self) -> set[str]:
        """The credentials, and the signatures of all requests so far."""
        headers = [seen.headers.get("Authorization") or "" for seen in self.proxy.requests]
        signatures = {found[1] for header in headers if (found := re.search(r"Signature=([0-9a-f]{64})", header))}
        return {SECRET, TOKEN, "X-Amz-Signature", *signatures}

    def check_error(self, error: BackendError, key: str | None, *, has_cause: bool = True) -> None:
        """Hold an error to what is promised of every one."""
        assert error.backend == "s3"
        assert error.key == key
        assert not has_cause or isinstance(
            root_cause(error), (BotoCoreError, ClientError, HTTPError, DeadlineExceededError)
        )
        told = "".join(traceback.format_exception(error)) + f"{error} {error!r} {error.args!r} {vars(error)!r}"
        assert not leaks(told, self.secrets())

    def check_log(self) -> None:
        assert not leaks("\n".join(map(str, self.log())), self.secrets())

    def log(self) -> list[str]:
        return [record.getMessage() for record in self.caplog.records if record.name.startswith("uploadkit")]

    def check_nothing_left(self, *, named: bool = True, most: int = 1) -> None:
        """No upload is left, or ``most`` that the log names and a sweep removes; all claims are named too."""
        left, claims, log = self.uploads(), self.hidden(), "\n".join(self.log())
        assert len(left) <= most
        assert not named or all(upload in log for upload in left)
        assert all(name in log for name in claims)
        self.proxy.clear()
        assert self.backend().sweep(timedelta(0)) == len(left) + len(claims)
        assert self.uploads() == self.hidden() == []

    def check_files(self, before: Mapping[str, bytes], after: Mapping[str, bytes]) -> None:
        """Every file is whole: the old one or the new one."""
        found = self.files()
        for name in {*found, *before, *after}:
            assert found.get(name) in (before.get(name), after.get(name)), name


def leaks(text: str, secrets: set[str]) -> set[str]:
    return {secret for secret in secrets if secret in text}


def root_cause(error: BackendError) -> BaseException | None:
    """What the SDK raised: the first cause that is none of ours."""
    cause: BaseException | None = error.__cause__
    while isinstance(cause, BackendError):
        cause = cause.__cause__
    return cause


@pytest.fixture(scope="module")
def fault_proxy(moto_server: S3Server) -> Iterator[FaultProxy]:
    with FaultProxy(moto_server.endpoint) as proxy:
        yield proxy


@pytest.fixture(scope="module")
def fault_bucket(moto_server: S3Server) -> str:
    return moto_server.make_bucket()


@pytest.fixture(scope="module")
def warmed() -> set[int]:
    return set()


@pytest.fixture(scope="module")
def direct(moto_server: S3Server) -> Iterator[Any]:
    with closing(moto_server.client()) as client:
        yield client


@pytest.fixture
def world(
    moto_server: S3Server,
    fault_proxy: FaultProxy,
    fault_bucket: str,
    direct: Any,
    warmed: set[int],
    caplog: pytest.LogCaptureFixture,
) -> Iterator[World]:
    caplog.set_level(logging.DEBUG, "uploadkit")
    fault_proxy.clear()
    yield World(moto_server, fault_proxy, direct, fault_bucket, caplog, warmed)
    fault_proxy.clear()


class TestTheKitItself:
    def test_it_sees_signatures_and_finds_what_leaks(self, world: World) -> None:
        world.backend().save("a", io.BytesIO(SMALL), SaveOptions())
        signed = world.secrets()
        assert len(signed) > 3
        assert leaks(f"see {SECRET}", signed) == {SECRET}
        error = BackendError(f"signed with {max(signed - {SECRET, TOKEN}, key=len)}", key="a", backend="s3")
        with pytest.raises(AssertionError):
            world.check_error(error, "a", has_cause=False)

    def test_it_finds_an_upload_that_the_log_does_not_name(self, world: World) -> None:
        world.direct.create_multipart_upload(Bucket=world.bucket, Key=f"{world.prefix}/a")
        with pytest.raises(AssertionError):
            world.check_nothing_left()
        world.check_nothing_left(named=False)

    def test_it_finds_half_a_file_and_an_error_without_a_cause(self, world: World) -> None:
        world.put("a", SMALL[:5])
        with pytest.raises(AssertionError):
            world.check_files({}, {"a": SMALL})
        with pytest.raises(AssertionError):
            world.check_error(BackendError("bare", key="a", backend="s3"), "a")


__all__ = ["Answer", "Fault", "Kind", "World", "direct", "fault_bucket", "fault_proxy", "s3_error", "warmed", "world"]
