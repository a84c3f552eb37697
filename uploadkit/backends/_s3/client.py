"""Calls to S3: one way in, for the client, the parameters of the options, the deadline and the errors."""

from __future__ import annotations

import re
from dataclasses import replace
from functools import cache, cached_property, partial
from typing import Any, cast

import boto3
from botocore import UNSIGNED, __version__
from botocore.config import Config
from botocore.exceptions import BotoCoreError
from botocore.session import Session

from .._cloud.body import Body
from .._cloud.bucket import Place
from .._cloud.clients import shared_client
from .._cloud.deadline import DeadlineExceededError, current_deadline, deadline
from .._cloud.translate import translating
from .errors import configuration_error, meaning, meaning_for_bucket
from .options import S3Options, check_extra_args

BACKEND = "s3"

#: Since 1.44, botocore knows a timeout of a single request. Before, a request that is begun may take all of the
#: client's timeout, so none is begun that might end after the deadline.
TIMES_REQUESTS = tuple(map(int, __version__.split(".")[:2])) >= (1, 44)
_NEARLY_ALL = 0.9
#: What fits into the buffer of a socket, in bytes.
_SMALL_BODY = 64 * 1024

#: The operations that the options are for.
_OPERATIONS = (
    *("PutObject", "GetObject", "HeadObject", "DeleteObject", "DeleteObjects", "CopyObject", "ListObjectsV2"),
    *("CreateMultipartUpload", "UploadPart", "UploadPartCopy", "CompleteMultipartUpload"),
    *("AbortMultipartUpload", "ListParts", "ListMultipartUploads"),
)
#: In the lists of names of our own error messages, words that tell more than the method's name.
_ACTIONS = {
    **dict.fromkeys(("put_object", "create_multipart_upload", "upload_part"), "save"),
    **dict.fromkeys(("complete_multipart_upload", "abort_multipart_upload"), "save"),
    **dict.fromkeys(("copy_object", "upload_part_copy"), "copy"),
    **dict.fromkeys(("delete_object", "delete_objects"), "delete"),
    **dict.fromkeys(("list_objects_v2", "list_multipart_uploads", "list_parts"), "list"),
    "get_object": "open",
    "head_object": "look up",
}


class S3Calls:
    """Calls operations of S3 for one bucket.

    :param options: The backend's options.
    :param place: The bucket and prefix.
    """

    def __init__(self, options: S3Options, place: Place) -> None:
        self.options = options = _with_style(options, place.bucket)
        self.place = place
        self._parameters = options.parameters()
        self._by_operation: dict[str, dict[str, Any]] = {}
        self._identity = options.client_identity
        self._watched: Any = None
        if options.extra_args:
            check_extra_args(options.extra_args, known_parameters())

    @property
    def client(self) -> Any:
        """The boto3 client: the one that was handed in, else this process's."""
        client = self.options.client
        if client is None:
            client = shared_client(self._identity, lambda: make_client(self.options))
        if self._watched is not client:
            _watch(client)
            self._watched = client
        return client

    def __call__(self, operation: str, key: str | None, **parameters: Any) -> dict[str, Any]:
        """Call ``operation`` (a method of the client) for the object of ``key``, or for the bucket if it is None.

        A ``Key`` among the parameters is the object to act on; ``key`` is then only what errors name.

        :raises BackendError: whatever goes wrong, with the SDK's error as its cause.
        """
        if key is not None and "Key" not in parameters:
            parameters["Key"] = self.place.stored(key)
        table = meaning if "Key" in parameters else meaning_for_bucket
        body_size = len(parameters.get("Body", b""))
        action = (
            _ACTIONS[operation] if key is not None else f"{_ACTIONS[operation]} in the bucket {self.place.bucket!r}"
        )
        with translating(table, action, key, BACKEND), deadline(self.options.deadline, body_size):
            client = self.client
            given = {**self.parameters(operation), "Bucket": self.place.bucket, **parameters}
            return cast("dict[str, Any]", getattr(client, operation)(**given))

    def parameters(self, operation: str) -> dict[str, Any]:
        """Return those of the options' parameters that ``operation`` knows."""
        found = self._by_operation.get(operation)
        if found is None:
            meta = self.client.meta
            known = meta.service_model.operation_model(meta.method_to_api_mapping[operation]).input_shape.members
            found = {name: value for name, value in self._parameters.items() if name in known}
            if operation == "list_parts":  # botocore does not encode the key for this one, and S3 does not need it
                found = {name: value for name, value in found.items() if not name.startswith("SSECustomer")}
            self._by_operation[operation] = found
        return found

    @cached_property
    def is_aws(self) -> bool:
        """Whether the other side is Amazon's, which keeps what it promises of conditions."""
        host = self.client.meta.endpoint_url.split("://")[-1].split("/")[0].split(":")[0]
        return bool(host.endswith((".amazonaws.com", ".amazonaws.com.cn", ".amazonaws.eu")))


def make_client(options: S3Options) -> Any:
    """Return a new client.

    :raises ConfigError: if the SDK does not accept the options.
    """
    try:
        core = Session(profile=options.profile)
        core.set_default_client_config(_patience(options))  # for the clients that fetch credentials
        return boto3.session.Session(botocore_session=core).client(
            "s3",
            region_name=options.region,
            endpoint_url=options.endpoint_url,
            aws_access_key_id=options.access_key_id,
            aws_secret_access_key=options.secret_access_key,
            aws_session_token=options.session_token,
            config=_config(options),
        )
    except (BotoCoreError, ValueError) as error:
        raise configuration_error(error) from error


def _patience(options: S3Options) -> Config:
    return Config(
        connect_timeout=options.connect_timeout,
        read_timeout=min(options.read_timeout, options.deadline),
        retries={"mode": "standard", "total_max_attempts": options.max_attempts},
    )


def _config(options: S3Options) -> Config:
    own = Config(
        signature_version=UNSIGNED if options.signature_version == "unsigned" else options.signature_version,
        max_pool_connections=max(options.pool_size, options.concurrency),
        tcp_keepalive=True,
        use_dualstack_endpoint=options.dual_stack or None,
        # Every request carries a checksum of ours in its headers: no trailers, which many stores refuse, and no
        # second hash of the body for the signature.
        request_checksum_calculation="when_required",
        response_checksum_validation="when_required",
        s3={
            "addressing_style": options.addressing_style or ("path" if options.endpoint_url else "virtual"),
            "use_accelerate_endpoint": options.accelerate,
            "payload_signing_enabled": False,
        },
    )
    return _patience(options).merge(own)


def _with_style(options: S3Options, bucket: str) -> S3Options:
    """Decide how to address the bucket: in the host name, which alone is regional on AWS, where that works.

    No certificate is for a host with the dots of a bucket's name before it, and few other stores have such hosts.
    """
    if options.client is not None or options.addressing_style is not None:
        return options
    return replace(options, addressing_style="path" if options.endpoint_url or "." in bucket else "virtual")


def _watch(client: Any) -> None:
    """Let ``client`` keep the deadline: before each attempt, the first and the repeated ones."""
    keep = partial(_keep_deadline, client.meta.config.read_timeout)
    client.meta.events.register("before-send.s3", keep, unique_id="uploadkit-deadline")
    # Behind those of everybody else, who may want to read the body: moto answers there, in the place of a store.
    client.meta.events.register_last("before-send", _send_in_pieces, unique_id="uploadkit-pieces")
    client.meta.events.register_last("before-call.s3", _send_at_once, unique_id="uploadkit-at-once")


def _keep_deadline(read_timeout: float, request: Any, **_: Any) -> None:
    limit = current_deadline()
    if limit is None:
        return
    limit.check()
    if TIMES_REQUESTS:
        request.context["read_timeout"] = min(read_timeout, limit.left())
    elif _is_repeated(request) and limit.left() < min(read_timeout, _NEARLY_ALL * limit.seconds):
        raise DeadlineExceededError(f"too little is left of {limit.seconds:g} seconds for another attempt")


def _send_in_pieces(request: Any, **_: Any) -> None:
    if isinstance(request.body, Body):  # not if the SDK has wrapped it, to hash what passes
        request.body = request.body.pieces()


def _send_at_once(params: dict[str, Any], **_: Any) -> None:
    """Do not ask the store whether to send a small body (RFC 9110, 10.1.1): the answer takes longer than the body."""
    body = params.get("body")
    if isinstance(body, Body) and len(body) <= _SMALL_BODY:
        params["headers"].pop("Expect", None)


def _is_repeated(request: Any) -> bool:
    """Whether this is not the first attempt; the SDK says so in a header."""
    return not re.search(r"attempt=1\b", str(request.headers.get("amz-sdk-request", "attempt=1")))


@cache
def known_parameters() -> frozenset[str]:
    """Return the names of all parameters that the operations in use know; no client is needed."""
    model = Session().get_service_model("s3")
    return frozenset(name for operation in _OPERATIONS for name in model.operation_model(operation).input_shape.members)
