"""The servers that tests run against, and the proxy that breaks what they answer."""

from __future__ import annotations

import os
import re
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from io import BytesIO
from typing import Any

import pytest

from .servers.fault_proxy import Answer, Fault, FaultProxy, Kind, gcs_error, s3_error
from .servers.fixtures import fake_gcs_server, gcp_emulator, moto_server, seaweed_server
from .servers.processes import free_ports
from .servers.stores import GcsServer, S3Server

__all__ = ["fake_gcs_server", "gcp_emulator", "moto_server", "seaweed_server"]

CONTENT = os.urandom(100_000)
NO_RETRY = {"retries": {"total_max_attempts": 1}, "read_timeout": 5}


class TestServers:
    @pytest.mark.parametrize("fixture", ["moto_server", "seaweed_server"])
    def test_s3_keeps_what_it_is_given(self, fixture: str, request: pytest.FixtureRequest) -> None:
        server: S3Server = request.getfixturevalue(fixture)
        bucket = server.make_bucket()
        with closing(server.client()) as client:
            client.put_object(Bucket=bucket, Key="a/b c.bin", Body=CONTENT)
            assert read(client, bucket, "a/b c.bin") == CONTENT

    @pytest.mark.parametrize("fixture", ["fake_gcs_server", "gcp_emulator"])
    @pytest.mark.parametrize("chunk", [None, 262_144], ids=["whole", "resumable"])
    def test_gcs_keeps_what_it_is_given(self, fixture: str, chunk: int | None, request: pytest.FixtureRequest) -> None:
        server: GcsServer = request.getfixturevalue(fixture)
        bucket = server.make_bucket()
        with FaultProxy(server.endpoint) as proxy, closing(server.client(proxy.endpoint)) as client:
            blob = client.bucket(bucket).blob("a/b c.bin", chunk_size=chunk)
            # Of unknown size: a known one is sent whole up to 8 MB.
            blob.upload_from_file(BytesIO(CONTENT * 4), size=None if chunk else len(CONTENT) * 4)
            assert blob.download_as_bytes() == CONTENT * 4
            # Links in answers lead through the proxy, so it sees them all.
            assert any("alt=media" in seen.path for seen in proxy.requests)
            assert sum(seen.method == "PUT" for seen in proxy.requests) == (2 if chunk else 0)

    def test_seaweed_checks_signatures_through_the_proxy(self, seaweed_server: S3Server) -> None:
        from botocore.exceptions import ClientError

        bucket = seaweed_server.make_bucket()
        forger = S3Server("forger", seaweed_server.endpoint, seaweed_server.access_key, "wrong")
        with FaultProxy(seaweed_server.endpoint) as proxy:
            with closing(seaweed_server.client(proxy.endpoint)) as client:
                client.put_object(Bucket=bucket, Key="k", Body=CONTENT)
            with closing(forger.client(proxy.endpoint)) as client, pytest.raises(ClientError, match="Signature"):
                client.put_object(Bucket=bucket, Key="k", Body=CONTENT)
        assert [seen.status for seen in proxy.requests] == [200, 403]


@pytest.fixture
def proxy(moto_server: S3Server) -> Iterator[FaultProxy]:
    with FaultProxy(moto_server.endpoint) as proxy:
        yield proxy


@pytest.fixture
def client(moto_server: S3Server, proxy: FaultProxy) -> Iterator[Any]:
    """A client behind the proxy that never tries again."""
    with closing(moto_server.client(proxy.endpoint, **NO_RETRY)) as client:
        yield client


@pytest.fixture(scope="module")
def bucket(moto_server: S3Server) -> str:
    return moto_server.make_bucket()


def read(client: Any, bucket: str, key: str) -> bytes:
    # Not `with body`: that enters the raw stream below, which checks neither length nor checksum.
    with closing(client.get_object(Bucket=bucket, Key=key)["Body"]) as body:
        return bytes(body.read())


def exists(client: Any, bucket: str, key: str) -> bool:
    return bool(client.list_objects_v2(Bucket=bucket, Prefix=key)["KeyCount"])


class TestPassing:
    def test_connections_live_on(self, proxy: FaultProxy, client: Any, bucket: str) -> None:
        for number in range(5):
            client.put_object(Bucket=bucket, Key="alive", Body=CONTENT[:number])
            assert client.head_object(Bucket=bucket, Key="alive")["ContentLength"] == number
            assert read(client, bucket, "alive") == CONTENT[:number]
        assert len(proxy._threads) == 2
        assert [seen.body_length for seen in proxy.requests if seen.method == "PUT"] == [0, 1, 2, 3, 4]

    def test_answers_without_a_body_end(self, client: Any, bucket: str) -> None:
        client.put_object(Bucket=bucket, Key="gone", Body=b"x")
        client.delete_object(Bucket=bucket, Key="gone")
        assert not exists(client, bucket, "gone")

    def test_chunks_arrive(self, proxy: FaultProxy, client: Any, bucket: str) -> None:
        proxy.add(Fault(Kind.ANSWER, method="PUT", answer=Answer(200)))
        host, port = proxy.endpoint.removeprefix("http://").split(":")
        with socket.create_connection((host, int(port))) as connection, connection.makefile("rb") as stream:
            head = b"PUT /x HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nExpect: 100-continue\r\n\r\n"
            connection.sendall(head)
            assert stream.readline() == b"HTTP/1.1 100 Continue\r\n"
            connection.sendall(b"3\r\nabc\r\n4;x=y\r\ndefg\r\n0\r\nTrailer: z\r\n\r\n")
            assert stream.readline() == b"\r\n"
            assert stream.readline() == b"HTTP/1.1 200 OK\r\n"
        assert proxy.requests[-1].body_length == 7

    def test_a_server_that_is_gone_is_a_bad_gateway(self) -> None:
        import requests

        with FaultProxy(f"http://127.0.0.1:{free_ports(1)[0]}") as proxy, requests.Session() as session:
            assert session.get(proxy.endpoint, timeout=5).status_code == 502


class TestFaults:
    @pytest.mark.parametrize(
        ("kind", "stored", "received"),
        [
            (Kind.RESET_BEFORE_BODY, False, 0),
            (Kind.RESET_MID_BODY, False, len(CONTENT) // 2),
            (Kind.RESET_AFTER_BODY, False, len(CONTENT)),
            (Kind.LOST_ANSWER, True, len(CONTENT)),
        ],
    )
    def test_resets(self, proxy: FaultProxy, client: Any, bucket: str, kind: Kind, stored: bool, received: int) -> None:
        from botocore.exceptions import ConnectionClosedError, HTTPClientError

        proxy.add(Fault(kind, method="PUT", path=kind.name))
        with pytest.raises((ConnectionClosedError, HTTPClientError), match=r"reset|closed") as caught:
            client.put_object(Bucket=bucket, Key=kind.name, Body=CONTENT)
        assert "ConnectionResetError" in repr(caught.value.kwargs["error"]) or kind is not Kind.LOST_ANSWER
        seen = proxy.requests[0]
        assert (seen.body_length, seen.status, seen.upstream_status) == (received, None, 200 if stored else None)
        assert exists(client, bucket, kind.name) is stored

    @pytest.mark.parametrize(
        ("status", "code"),
        [
            *((400, "ExpiredToken"), (403, "AccessDenied"), (409, "ConditionalRequestConflict"), (429, "SlowDown")),
            *((500, "InternalError"), (501, "NotImplemented"), (503, "SlowDown")),
        ],
    )
    def test_made_up_errors(self, proxy: FaultProxy, client: Any, bucket: str, status: int, code: str) -> None:
        from botocore.exceptions import ClientError

        proxy.add(Fault(Kind.ANSWER, answer=s3_error(status, code)))
        with pytest.raises(ClientError) as caught:
            client.put_object(Bucket=bucket, Key=f"error-{status}", Body=CONTENT)
        answer = caught.value.response
        assert (answer["ResponseMetadata"]["HTTPStatusCode"], answer["Error"]["Code"]) == (status, code)
        assert not exists(client, bucket, f"error-{status}")

    def test_gcs_errors_are_understood(self, fake_gcs_server: GcsServer) -> None:
        from google.api_core.exceptions import Forbidden

        with FaultProxy(fake_gcs_server.endpoint) as proxy, closing(fake_gcs_server.client(proxy.endpoint)) as client:
            proxy.add(Fault(Kind.ANSWER, answer=gcs_error(403, "forbidden", "not yours")))
            with pytest.raises(Forbidden, match="not yours"):
                client.get_bucket("any")

    def test_an_error_may_come_with_status_200(self, proxy: FaultProxy, client: Any, bucket: str) -> None:
        from botocore.exceptions import ClientError

        upload = client.create_multipart_upload(Bucket=bucket, Key="late")["UploadId"]
        names = {"Bucket": bucket, "Key": "late", "UploadId": upload}
        part = client.upload_part(**names, PartNumber=1, Body=CONTENT)
        proxy.add(Fault(Kind.REPLACED_ANSWER, "POST", query="uploadId", answer=s3_error(200, "InternalError")))
        with pytest.raises(ClientError, match="InternalError"):
            client.complete_multipart_upload(
                **names, MultipartUpload={"Parts": [{"PartNumber": 1, "ETag": part["ETag"]}]}
            )
        assert read(client, bucket, "late") == CONTENT

    def test_half_of_a_body(self, proxy: FaultProxy, client: Any, bucket: str) -> None:
        from botocore.exceptions import IncompleteReadError, ResponseStreamingError

        client.put_object(Bucket=bucket, Key="half", Body=CONTENT)
        proxy.add(Fault(Kind.TRUNCATED, "GET"))
        with pytest.raises((ResponseStreamingError, IncompleteReadError)):
            read(client, bucket, "half")
        assert read(client, bucket, "half") == CONTENT

    def test_a_flipped_byte(self, proxy: FaultProxy, client: Any, bucket: str) -> None:
        from botocore.exceptions import FlexibleChecksumError

        client.put_object(Bucket=bucket, Key="flipped", Body=CONTENT)
        proxy.add(Fault(Kind.CORRUPTED, "GET"))
        with pytest.raises(FlexibleChecksumError):
            read(client, bucket, "flipped")

    def test_slow_answers_take_their_time(self, proxy: FaultProxy, client: Any, bucket: str) -> None:
        proxy.add(Fault(Kind.SLOW, seconds=0.2))
        start = time.monotonic()
        client.put_object(Bucket=bucket, Key="slow", Body=CONTENT)
        assert time.monotonic() - start >= 0.2

    def test_a_gate_lets_a_slow_answer_go(self, proxy: FaultProxy, client: Any, bucket: str) -> None:
        fault = proxy.add(Fault(Kind.SLOW))
        saver = threading.Thread(target=lambda: client.put_object(Bucket=bucket, Key="gate", Body=CONTENT))
        saver.start()
        assert fault.reached.wait(5)
        assert proxy.requests[0].status is None
        fault.gate.set()
        saver.join(5)
        assert proxy.requests[0].status == 200

    def test_a_black_hole_swallows(self, moto_server: S3Server, proxy: FaultProxy, bucket: str) -> None:
        from botocore.exceptions import ReadTimeoutError

        proxy.add(Fault(Kind.BLACK_HOLE))
        with closing(moto_server.client(proxy.endpoint, **{**NO_RETRY, "read_timeout": 0.3})) as client:
            with pytest.raises(ReadTimeoutError):
                client.put_object(Bucket=bucket, Key="hole", Body=CONTENT)
            assert not exists(client, bucket, "hole")

    @pytest.mark.parametrize("kind", [Kind.BLACK_HOLE, Kind.SLOW])
    def test_closing_lets_all_go(self, moto_server: S3Server, kind: Kind) -> None:
        proxy = FaultProxy(moto_server.endpoint)
        fault = proxy.add(Fault(kind))
        errors: list[Exception] = []
        waiting = threading.Thread(target=ask, args=(proxy.endpoint, errors))
        waiting.start()
        assert fault.reached.wait(5)
        start = time.monotonic()
        proxy.close()
        waiting.join(5)
        assert time.monotonic() - start < 2
        assert [type(error).__name__ for error in errors] == ["ConnectionError"]
        assert not any(thread.is_alive() for thread in proxy._threads)

    def test_something_happens_in_between(
        self, moto_server: S3Server, proxy: FaultProxy, client: Any, bucket: str
    ) -> None:
        def overwrite() -> None:
            with closing(moto_server.client()) as other:
                other.put_object(Bucket=bucket, Key="between", Body=b"theirs")

        client.put_object(Bucket=bucket, Key="between", Body=b"ours")
        proxy.add(Fault(Kind.CALL, "GET", call=overwrite))
        assert read(client, bucket, "between") == b"theirs"

    def test_a_hook_that_fails_fails_the_test(self, moto_server: S3Server) -> None:
        errors: list[Exception] = []
        with pytest.raises(ZeroDivisionError), FaultProxy(moto_server.endpoint) as proxy:
            proxy.add(Fault(Kind.CALL, call=lambda: 1 // 0))
            ask(proxy.endpoint, errors)
        assert len(errors) == 1


def ask(url: str, errors: list[Exception]) -> None:
    """Send a request and keep the error that it ends in."""
    import requests

    with requests.Session() as session:
        try:
            session.get(url, timeout=10)
        except requests.RequestException as error:
            errors.append(error)


class TestRules:
    def test_faults_strike_what_they_name(self, proxy: FaultProxy, client: Any, bucket: str) -> None:
        error = s3_error(403, "AccessDenied")
        proxy.add(Fault(Kind.ANSWER, method="GET", answer=error))
        proxy.add(Fault(Kind.ANSWER, path=re.compile(r"/k\d$"), query="uploadId", answer=error))
        client.put_object(Bucket=bucket, Key="k1", Body=b"x")
        assert [seen.fault for seen in proxy.requests] == [None]

    def test_some_pass_and_some_are_struck(self, proxy: FaultProxy, client: Any, bucket: str) -> None:
        fault = proxy.add(Fault(Kind.CALL, times=2, after=1, call=lambda: None))
        for _ in range(5):
            client.put_object(Bucket=bucket, Key="counted", Body=b"x")
        assert [seen.fault is fault for seen in proxy.requests] == [False, True, True, False, False]
        assert (fault.seen, fault.strikes) == (5, 2)

    def test_none_is_every_time(self, proxy: FaultProxy, client: Any, bucket: str) -> None:
        fault = proxy.add(Fault(Kind.CALL, times=None, call=lambda: None))
        for _ in range(3):
            client.put_object(Bucket=bucket, Key="counted", Body=b"x")
        assert fault.strikes == 3
        proxy.clear()
        client.put_object(Bucket=bucket, Key="counted", Body=b"x")
        assert fault.strikes == 3
        assert len(proxy.requests) == 1

    def test_a_fault_needs_what_its_kind_needs(self) -> None:
        for kind in (Kind.ANSWER, Kind.REPLACED_ANSWER, Kind.CALL):
            with pytest.raises(ValueError, match=kind.name):
                Fault(kind)
