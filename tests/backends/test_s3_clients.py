"""Clients of boto3: made late, once, shared, never across a fork; and the time that a call may take."""

from __future__ import annotations

import os
import pickle
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest

from uploadkit.backends._cloud.clients import close_clients, freeze
from uploadkit.backends._s3 import client
from uploadkit.backends.s3 import S3Backend, S3Options
from uploadkit.exceptions import ConfigError, UnavailableError
from uploadkit.models import SaveOptions

from .s3_sink import SECRET_KEY, MakeS3, Reply, Sink, clean_environment, error, make_s3, sink, sink_server

__all__ = ["clean_environment", "make_s3", "sink", "sink_server"]

OVER = SaveOptions(overwrite=True)


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Any]]:
    """The clients that are made during the test, which starts without any."""
    clients: list[Any] = []
    make = client.make_client

    def note(options: S3Options) -> Any:
        clients.append(make(options))
        return clients[-1]

    close_clients()
    monkeypatch.setattr(client, "make_client", note)
    yield clients
    close_clients()


def client_of(backend: S3Backend) -> Any:
    return backend._calls.client


class TestSharing:
    @pytest.mark.parametrize(
        "options",
        [
            {"acl": "private"},
            {"tags": {"a": "b"}},
            {"extra_args": {"ObjectLockMode": "GOVERNANCE"}},
            {"prefix": "p", "bucket": "other"},
            {"part_size": 6 * 1024 * 1024},
        ],
    )
    def test_backends_whose_clients_would_be_alike_share_one(
        self, make_s3: MakeS3, made: list[Any], options: dict[str, Any]
    ) -> None:
        assert client_of(make_s3()) is client_of(make_s3(**options))
        assert len(made) == 1

    @pytest.mark.parametrize(
        "options",
        [
            {"region": "eu-west-1"},
            {"access_key_id": "other"},
            {"secret_access_key": "other"},
            {"session_token": "other"},
            {"endpoint_url": "http://127.0.0.1:1"},
            {"addressing_style": "virtual"},
            {"signature_version": "s3"},
            {"dual_stack": True},
            {"connect_timeout": 1},
            {"read_timeout": 1},
            {"deadline": 1},
            {"max_attempts": 1},
            {"pool_size": 1},
        ],
        ids=lambda options: next(iter(options)),
    )
    def test_others_do_not(self, make_s3: MakeS3, options: dict[str, Any]) -> None:
        assert make_s3()._options.client_identity != make_s3(**options)._options.client_identity

    def test_a_pool_has_room_for_all_parts_of_every_backend(self, make_s3: MakeS3, made: list[Any]) -> None:
        client_of(make_s3(pool_size=2, concurrency=2))
        wide = client_of(make_s3(pool_size=2, concurrency=16))
        assert wide.meta.config.max_pool_connections >= 16

    def test_a_client_that_is_handed_in_is_used(self, make_s3: MakeS3, made: list[Any], sink: Sink) -> None:
        own = client_of(make_s3())
        backend = make_s3(client=own)
        backend.save("a.txt", BytesIO(b"a"), OVER)
        assert client_of(backend) is own
        assert len(made) == 1
        assert sink.operations == ["PutObject"]

    def test_equal_options_freeze_to_equal_things(self) -> None:
        assert freeze({"a": [1, {"b": 2}], "c": {3}}) == freeze({"c": {3}, "a": [1, {"b": 2}]})
        assert freeze({"a": 1}) != freeze({"a": 2})
        hash(freeze({"a": [1, {"b": bytearray()}]}))


class TestMaking:
    def test_it_waits_for_the_first_call(self, make_s3: MakeS3, made: list[Any]) -> None:
        backend = make_s3(extra_args={"ObjectLockMode": "GOVERNANCE"}, custom_domain="cdn.example")
        assert (backend.url("a"), str(backend.path("a")), repr(backend)) != ("", "", "")
        assert made == []
        backend.delete("a")
        assert len(made) == 1

    def test_fifty_threads_make_one(self, make_s3: MakeS3, made: list[Any], sink: Sink) -> None:
        barrier = threading.Barrier(50, timeout=20)

        def go(number: int) -> int:
            backend = make_s3()
            barrier.wait()
            return id(client_of(backend))

        with ThreadPoolExecutor(50) as pool:
            assert len(set(pool.map(go, range(50)))) == 1
        assert len(made) == 1

    def test_closing_makes_room_for_a_new_one(self, make_s3: MakeS3, made: list[Any], sink: Sink) -> None:
        backend = make_s3()
        backend.delete("a")
        close_clients()
        backend.delete("b")
        assert len(made) == 2
        assert [seen.key for seen in sink.requests] == ["a", "b"]

    def test_a_client_that_fails_to_close_keeps_no_other_open(self, monkeypatch: pytest.MonkeyPatch) -> None:
        from uploadkit.backends._cloud import clients

        closed: list[int] = []

        class Client:
            def __init__(self, number: int) -> None:
                self.number = number

            def close(self) -> None:
                closed.append(self.number)
                raise OSError("told to")

        close_clients()
        for number in (1, 2):
            clients.shared_client(("test", number), lambda number=number: Client(number))  # type: ignore[misc]
        close_clients()
        assert closed == [1, 2]

    @pytest.mark.parametrize("options", [{"profile": "missing"}, {"endpoint_url": "no url"}])
    def test_what_the_sdk_does_not_accept_is_a_config_error(self, made: list[Any], options: dict[str, Any]) -> None:
        with pytest.raises(ConfigError, match="No S3 client"):
            S3Backend("bucket", S3Options(region="us-east-1", **options)).delete("a")

    def test_without_credentials_the_error_says_what_to_do(self, made: list[Any], sink: Sink) -> None:
        backend = S3Backend("bucket", S3Options(region="us-east-1", endpoint_url=sink.endpoint))
        with pytest.raises(PermissionError, match="access_key_id"):
            backend.delete("a")

    def test_the_sdks_own_chain_of_credentials_is_enough(
        self, made: list[Any], sink: Sink, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIDENV")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "from the environment")
        monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-3")
        S3Backend("bucket", S3Options(endpoint_url=sink.endpoint)).delete("a")
        assert "Credential=AKIDENV/" in sink.requests[0].headers["authorization"]
        assert "/eu-west-3/s3/" in sink.requests[0].headers["authorization"]

    def test_a_session_token_arrives(self, make_s3: MakeS3, made: list[Any], sink: Sink) -> None:
        make_s3(session_token="token").delete("a")
        assert sink.requests[0].headers["x-amz-security-token"] == "token"

    def test_unsigned_requests_carry_no_signature(self, made: list[Any], sink: Sink) -> None:
        S3Backend("bucket", S3Options(endpoint_url=sink.endpoint, signature_version="unsigned")).delete("a")
        assert "authorization" not in sink.requests[0].headers


FORK = """
import os, sys
from io import BytesIO
from uploadkit.backends.s3 import S3Backend, S3Options
from uploadkit.models import SaveOptions

backend = S3Backend("bucket", S3Options(
    endpoint_url=sys.argv[1], region="us-east-1", access_key_id="a", secret_access_key="b", concurrency=0))
backend.save("before", BytesIO(b"x"), SaveOptions(overwrite=True))
parents = backend._calls.client
child = os.fork()
if not child:
    code = 1
    try:
        backend.save("child", BytesIO(b"x"), SaveOptions(overwrite=True))
        code = 0 if backend._calls.client is not parents else 2
    finally:
        os._exit(code)
assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
backend.save("after", BytesIO(b"x"), SaveOptions(overwrite=True))
assert backend._calls.client is parents
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork")
def test_a_forked_process_makes_its_own(sink: Sink) -> None:
    result = subprocess.run(
        [sys.executable, "-W", "error", "-c", FORK, sink.endpoint],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (result.returncode, result.stderr) == (0, "")
    assert [seen.key for seen in sink.requests] == ["before", "child", "after"]


class TestSecrets:
    SECRETS = (SECRET_KEY, "the-token", "c" * 32)

    def backend(self, make_s3: MakeS3) -> S3Backend:
        return make_s3("bucket/pre", session_token="the-token", sse_customer_key="c" * 32)

    def test_no_repr_shows_one(self, make_s3: MakeS3) -> None:
        backend = self.backend(make_s3)
        shown = f"{backend!r} {backend._options!r} {backend._calls!r} {backend._place!r}"
        assert repr(backend) == "S3Backend('s3://bucket/pre/')"
        assert not any(secret in shown for secret in self.SECRETS)

    def test_no_error_shows_one(self, make_s3: MakeS3, sink: Sink) -> None:
        sink.hook = lambda seen: error(403, "SignatureDoesNotMatch")
        with pytest.raises(PermissionError) as caught:
            self.backend(make_s3).save("a.txt", BytesIO(b"a"), OVER)
        shown = f"{caught.value!r} {caught.value} {caught.value.__cause__!r}"
        assert not any(secret in shown for secret in self.SECRETS)

    def test_nothing_secret_travels_to_another_process(self, make_s3: MakeS3) -> None:
        try:
            pickled = pickle.dumps(self.backend(make_s3))
        except (TypeError, pickle.PicklingError):
            return
        assert not any(secret.encode() in pickled for secret in self.SECRETS)


class TestTheDeadline:
    #: Far below what the SDK would wait without it: 3 attempts of 20 seconds.
    PATIENCE = 10

    @pytest.mark.parametrize("overwrite", [True, False])
    def test_a_store_that_never_answers_is_given_up(self, make_s3: MakeS3, sink: Sink, overwrite: bool) -> None:
        sink.hook = lambda seen: Reply(silent=True)
        begun = time.monotonic()
        with pytest.raises(UnavailableError) as caught:
            make_s3(deadline=0.3, read_timeout=20).save("a.txt", BytesIO(b"a"), SaveOptions(overwrite=overwrite))
        assert time.monotonic() - begun < self.PATIENCE
        assert caught.value.retryable

    @pytest.mark.skipif(not client.TIMES_REQUESTS, reason="this botocore knows no timeout of a single request")
    def test_a_client_that_is_handed_in_keeps_it_too(self, make_s3: MakeS3, sink: Sink) -> None:
        patient = client_of(make_s3(read_timeout=20, deadline=20))
        sink.hook = lambda seen: Reply(silent=True)
        begun = time.monotonic()
        with pytest.raises(UnavailableError):
            make_s3(client=patient, deadline=0.3).stat("a.txt")
        assert time.monotonic() - begun < self.PATIENCE

    def test_a_busy_store_is_not_asked_for_ever(self, make_s3: MakeS3, sink: Sink) -> None:
        sink.hook = lambda seen: error(503, "SlowDown")
        with pytest.raises(UnavailableError):
            make_s3(deadline=0.05, max_attempts=50).stat("a.txt")
        assert len(sink.requests) < 10

    def test_attempts_are_counted(self, make_s3: MakeS3, sink: Sink) -> None:
        sink.hook = lambda seen: error(503, "SlowDown")
        with pytest.raises(UnavailableError):
            make_s3(max_attempts=2).stat("a.txt")
        assert len(sink.requests) == 2


def test_an_older_sdk_begins_no_attempt_that_might_outlast_the_deadline(
    make_s3: MakeS3, sink: Sink, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It cannot shorten the timeout of a single request."""
    monkeypatch.setattr(client, "TIMES_REQUESTS", False)
    monkeypatch.setattr(client, "_NEARLY_ALL", 1.0)
    sink.hook = lambda seen: error(503, "SlowDown")
    backend = make_s3(read_timeout=5, deadline=5, max_attempts=5)
    with pytest.raises(UnavailableError, match="too little is left") as caught:
        backend.stat("a.txt")
    assert caught.value.retryable
    assert len(sink.requests) == 1


def test_fetching_credentials_ends_at_the_deadline_too(
    make_s3: MakeS3, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The client that asks for a role's credentials once had the SDK's own minutes."""
    config = tmp_path / "config"
    config.write_text(
        "[profile role]\nrole_arn=arn:aws:iam::123456789012:role/x\nsource_profile=own\n"
        "[profile own]\naws_access_key_id=a\naws_secret_access_key=b\n"
    )
    monkeypatch.setenv("AWS_CONFIG_FILE", str(config))
    with socket.create_server(("127.0.0.1", 0)) as hole:
        monkeypatch.setenv("AWS_ENDPOINT_URL_STS", f"http://127.0.0.1:{hole.getsockname()[1]}")
        options = S3Options(profile="role", region="eu-west-1", deadline=1, read_timeout=0.5, max_attempts=1)
        begun = time.monotonic()
        with pytest.raises(UnavailableError):
            S3Backend("bucket", options).stat("a.txt")
        assert time.monotonic() - begun < 10


def test_credentials_of_an_odd_kind_are_no_others() -> None:
    """Their id once counted, which another object has when they are gone."""
    one, other = MappingProxyType({"a": 1}), MappingProxyType({"a": 2})
    assert freeze(one) == freeze(MappingProxyType({"a": 1})) != freeze(other)

    class Odd:
        __hash__ = None  # type: ignore[assignment]

    odd = Odd()
    assert freeze(odd) == freeze(odd) != freeze(Odd())
    assert len({freeze(odd), freeze(odd), freeze(Odd())}) == 2


@pytest.mark.skipif(sys.platform != "linux", reason="the program that gives credentials is a script for GNU date")
def test_credentials_that_expire_are_fetched_again(
    make_s3: MakeS3, sink: Sink, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As those of a role do; here a program gives them, each time other ones that are over at once."""
    script = tmp_path / "give"
    script.write_text(
        f"#!/bin/sh\necho x >> {tmp_path}/calls\n"
        'printf \'{"Version": 1, "AccessKeyId": "KEY%s", "SecretAccessKey": "s", "SessionToken": "t",'
        f' "Expiration": "%s"}}\' $(grep -c x {tmp_path}/calls) "$(date -u -d "+5 seconds" +%Y-%m-%dT%H:%M:%SZ)"\n'
    )
    script.chmod(0o755)
    config = tmp_path / "config"
    config.write_text(f"[profile short]\ncredential_process = {script}\n")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(config))
    options = S3Options(profile="short", endpoint_url=sink.endpoint, region="eu-west-1")
    backend = S3Backend("bucket", options)
    for _ in range(2):
        backend.delete("a.txt")
    keys = [request.headers["authorization"].split("Credential=")[1].split("/")[0] for request in sink.requests]
    assert len(set(keys)) == 2, keys
