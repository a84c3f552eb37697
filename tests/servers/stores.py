"""How tests reach a server: the endpoint, the credentials, a client, and fresh buckets."""

from __future__ import annotations

import threading
import uuid
from contextlib import closing
from dataclasses import dataclass
from functools import cache
from typing import Any

#: Sessions are not safe for threads; clients are.
_sessions = threading.Lock()


def fresh_name() -> str:
    """Return a bucket name that no other test has."""
    return f"uploadkit-{uuid.uuid4().hex}"


@cache
def session_of(access_key: str, secret_key: str, region: str) -> Any:
    """Return a session that lives on: each new one reads the description of S3 again, for 0.3 s."""
    import boto3

    return boto3.session.Session(access_key, secret_key, region_name=region)


@dataclass(frozen=True)
class S3Server:
    """A server that speaks S3, addressed by path."""

    name: str
    endpoint: str
    access_key: str
    secret_key: str
    region: str = "us-east-1"

    def client(self, endpoint: str | None = None, **config: Any) -> Any:
        """Return a boto3 client, at ``endpoint`` if a proxy stands in between; close it after use."""
        from botocore.config import Config

        options = Config(s3={"addressing_style": "path"}).merge(Config(**config))
        with _sessions:
            session = session_of(self.access_key, self.secret_key, self.region)
            return session.client("s3", endpoint_url=endpoint or self.endpoint, config=options)

    def make_bucket(self) -> str:
        """Make a bucket for one test."""
        name = fresh_name()
        with closing(self.client()) as client:
            client.create_bucket(Bucket=name)
        return name


@dataclass(frozen=True)
class GcsServer:
    """A server that speaks the JSON API of Google Cloud Storage, without credentials."""

    name: str
    endpoint: str
    project: str = "uploadkit"

    def client(self, endpoint: str | None = None) -> Any:
        """Return a storage client, at ``endpoint`` if a proxy stands in between; close it after use."""
        from google.auth.credentials import AnonymousCredentials
        from google.cloud import storage

        options = {"api_endpoint": endpoint or self.endpoint}
        return storage.Client(project=self.project, credentials=AnonymousCredentials(), client_options=options)

    def make_bucket(self) -> str:
        """Make a bucket for one test."""
        name = fresh_name()
        with closing(self.client()) as client:
            client.create_bucket(name)
        return name
