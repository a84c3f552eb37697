"""The contract on S3: moto in process, moto over a socket, and SeaweedFS."""

from __future__ import annotations

import functools
from collections.abc import Iterator

import pytest

from tests.backends import gaps
from tests.servers.requirements import need
from tests.servers.stores import S3Server, fresh_name
from uploadkit.backends.protocol import Backend
from uploadkit.testing import BackendContract
from uploadkit.testing.subject import BackendMaker

pytestmark = pytest.mark.slow


def open_bucket(server: S3Server, bucket: str) -> Backend:
    """Open a bucket, also in another process."""
    from uploadkit.backends.s3 import S3Backend, S3Options

    options = S3Options(
        endpoint_url=server.endpoint,
        region=server.region,
        access_key_id=server.access_key,
        secret_access_key=server.secret_key,
    )
    return S3Backend(f"{bucket}/a prefix", options)


class OverASocket(BackendContract):
    """What the servers have in common."""

    __test__ = False
    server: S3Server

    def make_backend(self) -> Backend:
        return open_bucket(self.server, self.server.make_bucket())

    def process_factory(self) -> BackendMaker:
        return functools.partial(open_bucket, self.server, self.server.make_bucket())


class TestMoto(OverASocket):
    __test__ = True
    column = "S3: moto, over a socket"
    gaps = gaps.MOTO

    @pytest.fixture(autouse=True)
    def _server(self, moto_server: S3Server) -> None:
        self.server = moto_server


class TestSeaweed(OverASocket):
    __test__ = True
    column = "S3: SeaweedFS"
    gaps = gaps.SEAWEED

    @pytest.fixture(autouse=True)
    def _server(self, seaweed_server: S3Server) -> None:
        self.server = seaweed_server


class TestMotoInProcess(BackendContract):
    """What a test suite of an app uses."""

    column = "S3: moto, in process"
    gaps = gaps.MOTO_IN_PROCESS

    @pytest.fixture(autouse=True)
    def _mocked(self) -> Iterator[None]:
        need("moto", {"moto": "moto[s3]", "boto3": "boto3"})
        from moto import mock_aws

        from uploadkit.backends._cloud.clients import close_clients

        close_clients()  # one that was made before is not mocked
        with mock_aws():
            yield
        close_clients()

    def make_backend(self) -> Backend:
        import boto3

        from uploadkit.backends.s3 import S3Backend, S3Options

        bucket = fresh_name()
        client = boto3.client("s3", region_name="us-east-1")
        client.create_bucket(Bucket=bucket)
        client.close()
        return S3Backend(bucket, S3Options(region="us-east-1"))
