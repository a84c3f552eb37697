"""The options of the Google Cloud Storage backend."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from ...exceptions import ConfigError
from .._cloud.bucket import BucketOptions, require_count, require_number
from .._cloud.clients import freeze

#: The store takes the requests of a resumable upload in multiples of so many bytes
#: (https://cloud.google.com/storage/docs/performing-resumable-uploads#chunked-upload).
CHUNK_UNIT = 256 * 1024
#: Where files are, unless an endpoint is set.
DEFAULT_ENDPOINT = "https://storage.googleapis.com"
#: The value of ``credentials`` that sends none.
ANONYMOUS = "anonymous"

_ACLS = (
    *("authenticatedRead", "bucketOwnerFullControl", "bucketOwnerRead"),
    *("private", "projectPrivate", "publicRead"),
)


@dataclass(frozen=True, kw_only=True)
class GCSOptions(BucketOptions):
    """The options of `GCSBackend`, beside those that every object store has.

    :param project: The project of the client. Reading and writing files need none.
    :param credentials: A credentials object of google-auth, the path of a service account's key file, the content of
        that file as a dict, or ``"anonymous"``. None finds the default credentials, or none for an endpoint.
    :param endpoint: The URL of another server, such as an emulator or a regional endpoint.
    :param acl: The predefined ACL of new files, such as ``"publicRead"``. A bucket with uniform access refuses it.
    :param storage_class: The storage class of new files, such as ``"NEARLINE"``; None is the bucket's.
    :param kms_key: The full name of the Cloud KMS key that encrypts new files; None is the bucket's.
    :param chunk_size: The bytes that one request of a large upload carries, a multiple of 262,144; a file that is
        not larger goes in one request.
    :param concurrency: With 2 or more, one chunk is sent in a thread while the next one is read; with 0 or 1 there is
        no thread (gevent, eventlet). A save holds about two chunks in memory, without the thread about one.
    :param user_project: The project that pays for requests, where the bucket's owner does not.
    :param client: A ready `google.cloud.storage.Client`, used as it is; it must be made in the process that uses it.
    """

    project: str | None = None
    credentials: Any = field(default=None, repr=False)
    endpoint: str | None = None
    acl: str | None = None
    storage_class: str | None = None
    kms_key: str | None = None
    chunk_size: int = 8 * 1024 * 1024
    concurrency: int = 2
    user_project: str | None = None
    client: Any = field(default=None, repr=False)

    def __post_init__(self) -> None:
        super().__post_init__()
        require_number("chunk_size", self.chunk_size)
        require_count("concurrency", self.concurrency, least=0)
        if not isinstance(self.chunk_size, int) or self.chunk_size % CHUNK_UNIT:
            raise ConfigError(f"chunk_size must be a multiple of {CHUNK_UNIT} bytes (256 KiB), not {self.chunk_size}.")
        if self.acl is not None and self.acl not in _ACLS:
            raise ConfigError(f"acl must be one of {', '.join(_ACLS)}, not {self.acl!r}.")
        if self.endpoint is not None:
            _check_endpoint(self.endpoint)
        if self.client is not None and any((self.project, self.credentials, self.endpoint)):
            raise ConfigError("A client brings its own project, credentials and endpoint: set it or them, not both.")

    @property
    def is_anonymous(self) -> bool:
        """Whether requests carry no credentials."""
        return self.client is None and (
            self.credentials == ANONYMOUS or (self.credentials is None and self.endpoint is not None)
        )

    @property
    def client_identity(self) -> Hashable:
        """What clients must have in common to be shared."""
        return "gcs", self.project, freeze(self.credentials), self.endpoint, self.pool_size


def _check_endpoint(endpoint: str) -> None:
    parts = urlsplit(endpoint)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.username:
        raise ConfigError("endpoint must be a URL like 'http://127.0.0.1:4443', without a user or a query.")
