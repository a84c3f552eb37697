"""The options of the S3 backend, and the request parameters that follow from them."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, get_args
from urllib.parse import urlencode

from ...exceptions import ConfigError
from .._cloud.bucket import BucketOptions, require_count
from .._cloud.clients import freeze
from ..registry import near_miss

ChecksumAlgorithm = Literal["auto", "SHA256", "SHA1", "CRC32", "CRC32C", "CRC64NVME", "MD5", "none"]
ConditionalWrites = Literal["require", "best-effort"]

MIB = 1024 * 1024
#: S3's limits for parts (https://docs.aws.amazon.com/AmazonS3/latest/userguide/qfacts.html).
LEAST_PART = 5 * MIB
LARGEST_PART = 5 * 1024 * MIB

#: What only a client that is made with these can do; a client that is handed in was made already.
_CLIENT_OPTIONS = (
    *("region", "endpoint_url", "access_key_id", "secret_access_key", "session_token", "profile"),
    *("addressing_style", "signature_version", "accelerate", "dual_stack"),
    *("connect_timeout", "read_timeout", "deadline", "max_attempts", "pool_size"),
)
#: AES-256.
_CUSTOMER_KEY = 32
_NEED_CRT = ("CRC32C", "CRC64NVME")


@dataclass(frozen=True, kw_only=True)
class S3Options(BucketOptions):
    """How to talk to S3 or to a store that speaks its protocol. Nothing is needed on AWS but a bucket.

    :param region: The bucket's region; None is the SDK's (environment, profile).
    :param endpoint_url: The URL of a store that is not AWS.
    :param access_key_id: Credentials; None finds them as the SDK does: environment, profile, SSO, web identity, role.
    :param secret_access_key: See ``access_key_id``.
    :param session_token: Of temporary credentials.
    :param profile: The name of a profile in the SDK's configuration files.
    :param addressing_style: ``"path"``, ``"virtual"`` or ``"auto"``; None is ``"path"`` with an
        ``endpoint_url`` or a dot in the bucket's name, else ``"virtual"``.
    :param signature_version: ``"s3v4"``, ``"s3"`` for very old stores, or ``"unsigned"``.
    :param accelerate: Use the accelerate endpoint.
    :param dual_stack: Use the endpoint that has IPv6 too.
    :param acl: A canned ACL for every file; most buckets refuse ACLs, so none is sent unless asked.
    :param storage_class: For every file, such as ``"STANDARD_IA"``.
    :param sse: ``"AES256"``, ``"aws:kms"`` or ``"aws:kms:dsse"``.
    :param kms_key_id: The key for ``sse="aws:kms"``.
    :param sse_customer_key: 32 bytes: the store encrypts with this key and forgets it (SSE-C).
    :param tags: Tags for every file.
    :param checksum_algorithm: What the store verifies each request's bytes by. ``"auto"`` is SHA-256 for a file in
        one request and CRC-32 of the whole for one in parts; ``"MD5"`` (``Content-MD5``) and ``"none"`` are for
        stores that refuse the newer ones; CRC32C and CRC64NVME need ``awscrt``.
    :param checksum_mode: Whether `stat` and verified reading ask for stored checksums; with SSE-KMS that needs the
        permission ``kms:Decrypt``.
    :param requester_pays: Accept the costs of a requester-pays bucket.
    :param expected_bucket_owner: The account that must own the bucket.
    :param conditional_writes: ``"require"``: a store that cannot refuse to overwrite is an error, found out by a
        probe before the first save where it is not AWS. ``"best-effort"``: look first, and live with a race.
    :param part_size: The length of parts in bytes; a longer file is stored in parts. It grows for huge files.
    :param concurrency: How many parts are sent at a time; 0 uses no threads (gevent, eventlet).
    :param client: A boto3 client to use instead of making one.
    :param extra_args: Further parameters of S3's operations, such as ``{"ObjectLockMode": "GOVERNANCE"}``; each goes
        to every operation that knows it.
    :raises ConfigError: if a value means nothing, or two contradict each other.
    """

    region: str | None = None
    endpoint_url: str | None = None
    access_key_id: str | None = field(default=None, repr=False)
    secret_access_key: str | None = field(default=None, repr=False)
    session_token: str | None = field(default=None, repr=False)
    profile: str | None = None
    addressing_style: Literal["auto", "path", "virtual"] | None = None
    signature_version: str = "s3v4"
    accelerate: bool = False
    dual_stack: bool = False
    acl: str | None = None
    storage_class: str | None = None
    sse: str | None = None
    kms_key_id: str | None = None
    sse_customer_key: str | bytes | None = field(default=None, repr=False)
    tags: Mapping[str, str] = field(default_factory=dict)
    checksum_algorithm: ChecksumAlgorithm = "auto"
    checksum_mode: bool = True
    requester_pays: bool = False
    expected_bucket_owner: str | None = None
    conditional_writes: ConditionalWrites = "require"
    part_size: int = 8 * MIB
    concurrency: int = 4
    client: Any = field(default=None, repr=False)
    extra_args: Mapping[str, Any] = field(default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        super().__post_init__()
        require_count("concurrency", self.concurrency, least=0)
        require_count("part_size", self.part_size, LEAST_PART, LARGEST_PART)
        _require_choice("checksum_algorithm", self.checksum_algorithm, get_args(ChecksumAlgorithm))
        _require_choice("conditional_writes", self.conditional_writes, get_args(ConditionalWrites))
        _require_choice("addressing_style", self.addressing_style, (None, "auto", "path", "virtual"))
        _require_choice("signature_version", self.signature_version, ("s3v4", "s3", "unsigned"))
        self._check_pairs()
        if self.client is not None:
            self._refuse_beside_a_client()

    def _check_pairs(self) -> None:
        if (self.access_key_id is None) != (self.secret_access_key is None):
            raise ConfigError("Give access_key_id and secret_access_key together, or neither.")
        if self.session_token is not None and self.access_key_id is None:
            raise ConfigError("A session_token needs access_key_id and secret_access_key beside it.")
        if self.kms_key_id is not None and not (self.sse or "").startswith("aws:kms"):
            raise ConfigError("kms_key_id needs sse='aws:kms'.")
        if self.sse_customer_key is not None and self.sse is not None:
            raise ConfigError("sse and sse_customer_key exclude each other: one file has one encryption.")
        if self.sse_customer_key is not None and len(self.sse_customer_key) != _CUSTOMER_KEY:
            raise ConfigError(f"sse_customer_key must be {_CUSTOMER_KEY} bytes long, in plain, not in base64.")
        if self.sse_customer_key is not None and (self.public or self.custom_domain):
            raise ConfigError("Files with an sse_customer_key cannot be public: every request needs the key.")
        if self.endpoint_url is not None and "@" in self.endpoint_url:
            raise ConfigError(
                "endpoint_url must not have a user or password; give access_key_id and secret_access_key."
            )
        if self.accelerate and self.endpoint_url is not None:
            raise ConfigError("accelerate is an endpoint of AWS: it cannot be used with an endpoint_url.")
        if self.checksum_algorithm in _NEED_CRT:
            _require_crt(self.checksum_algorithm)

    def _refuse_beside_a_client(self) -> None:
        default = S3Options()
        given = [name for name in _CLIENT_OPTIONS if getattr(self, name) != getattr(default, name)]
        given = [name for name in given if name != "deadline"]  # that one is ours
        if given:
            raise ConfigError(f"{', '.join(given)} cannot be changed for a client that is handed in ready-made.")

    @property
    def can_sign_for_others(self) -> bool:
        """Whether requests can be signed that others may send: not without credentials, nor with a secret in them."""
        return self.signature_version != "unsigned" and self.sse_customer_key is None

    @property
    def can_be_linked_to(self) -> bool:
        """Whether a request needs nothing that has to travel as a header, which a link in a page cannot have."""
        return not {"RequestPayer", "ExpectedBucketOwner"} & self.parameters().keys()

    @property
    def client_identity(self) -> Hashable:
        """What two sets must have in common to share a client."""
        pool = max(self.pool_size, self.concurrency)
        return ("s3", pool, *(freeze(getattr(self, name)) for name in _CLIENT_OPTIONS if name != "pool_size"))

    def parameters(self) -> dict[str, Any]:
        """Return the request parameters that follow from the options, for whichever operations know them."""
        given: dict[str, Any] = {
            "ACL": self.acl,
            "StorageClass": self.storage_class,
            "ServerSideEncryption": self.sse,
            "SSEKMSKeyId": self.kms_key_id,
            "Tagging": urlencode(self.tags) or None,
            "TaggingDirective": "REPLACE" if self.tags else None,
            "RequestPayer": "requester" if self.requester_pays else None,
            "ExpectedBucketOwner": self.expected_bucket_owner,
            "ExpectedSourceBucketOwner": self.expected_bucket_owner,
            **self._customer_key(),
        }
        return {**{name: value for name, value in given.items() if value is not None}, **self.extra_args}

    def _customer_key(self) -> dict[str, Any]:
        if self.sse_customer_key is None:
            return {}
        key = self.sse_customer_key
        return {
            "SSECustomerAlgorithm": "AES256",
            "SSECustomerKey": key,
            "CopySourceSSECustomerAlgorithm": "AES256",
            "CopySourceSSECustomerKey": key,
        }


def check_extra_args(extra: Iterable[str], known: Iterable[str]) -> None:
    """Refuse further parameters that no operation of S3 knows, and those that would break a promise.

    :raises ConfigError: naming the near miss.
    """
    known = set(known)
    for name in extra:
        if name in _OURS or name.startswith("Checksum"):
            raise ConfigError(f"extra_args must not have {name!r}: uploadkit sets it for each file.")
        if name not in known:
            raise ConfigError(f"extra_args has {name!r}, which S3 does not know. {near_miss(name, known)}")


#: Parameters that are the backend's own business.
_OURS = frozenset(
    {
        *("Bucket", "Key", "Body", "Metadata", "IfMatch", "IfNoneMatch", "Range", "PartNumber", "UploadId"),
        *("MultipartUpload", "CopySource", "MetadataDirective", "ContentLength", "ContentMD5", "Delete", "Prefix"),
        *("ContentType", "ContentDisposition", "CacheControl", "CopySourceIfMatch", "CopySourceRange", "VersionId"),
        *("Delimiter", "EncodingType", "StartAfter", "ContinuationToken", "KeyMarker", "UploadIdMarker"),
        *("PartNumberMarker", "TaggingDirective", "ResponseContentType", "ResponseContentDisposition"),
    }
)


def _require_choice(name: str, value: object, choices: Iterable[object]) -> None:
    choices = tuple(choices)
    if value not in choices:
        raise ConfigError(f"{name} must be one of {', '.join(map(repr, choices))}, not {value!r}.")


def _require_crt(algorithm: str) -> None:
    from importlib.util import find_spec

    if find_spec("awscrt") is None:
        raise ConfigError(f"checksum_algorithm={algorithm!r} needs awscrt: pip install 'botocore[crt]'.")
