"""The one table from what boto3 raises to uploadkit's errors."""

from __future__ import annotations

from botocore import exceptions as botocore_errors
from botocore.parsers import ResponseParserError
from urllib3.exceptions import HTTPError

from ...exceptions import (
    AlreadyExistsError,
    BackendError,
    ConfigError,
    IntegrityError,
    InvalidKeyError,
    NotFoundError,
    NotSupportedError,
    PermissionDeniedError,
    UnavailableError,
)
from .._cloud.translate import Meaning

#: S3's codes (https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html).
_CODES: dict[str, Meaning] = {
    "NoSuchKey": Meaning(NotFoundError, "there is no such file"),
    "NoSuchUpload": Meaning(NotFoundError, "there is no such multipart upload"),
    "NoSuchBucket": Meaning(BackendError, "the bucket does not exist"),
    "PreconditionFailed": Meaning(AlreadyExistsError, "it exists already"),
    "ConditionalRequestConflict": Meaning(UnavailableError, "another request for the same file was under way"),
    "OperationAborted": Meaning(UnavailableError, "another request for the same file was under way"),
    "AccessDenied": Meaning(
        PermissionDeniedError,
        "the credentials do not allow it; without the permission s3:ListBucket, S3 says so of missing files too",
    ),
    "ExpiredToken": Meaning(PermissionDeniedError, "the credentials have expired"),
    "ExpiredTokenException": Meaning(PermissionDeniedError, "the credentials have expired"),
    "InvalidAccessKeyId": Meaning(PermissionDeniedError, "the access key is unknown"),
    "SignatureDoesNotMatch": Meaning(PermissionDeniedError, "the secret access key is wrong"),
    "RequestTimeTooSkewed": Meaning(PermissionDeniedError, "this machine's clock is wrong"),
    "AllAccessDisabled": Meaning(PermissionDeniedError, "access to the bucket is disabled"),
    "AccessControlListNotSupported": Meaning(
        NotSupportedError, "the bucket accepts no ACLs; leave out the option 'acl'"
    ),
    "BadDigest": Meaning(IntegrityError, "the bytes that arrived are not the bytes that were sent", retryable=True),
    "XAmzContentChecksumMismatch": Meaning(
        IntegrityError, "the bytes that arrived are not the bytes that were sent", retryable=True
    ),
    "IncompleteBody": Meaning(UnavailableError, "the connection broke"),
    "InvalidPart": Meaning(IntegrityError, "a part is not stored as it was given"),
    "InvalidPartOrder": Meaning(IntegrityError, "the parts are not in order"),
    "EntityTooSmall": Meaning(IntegrityError, "a part that is not the last is smaller than 5 MiB"),
    "EntityTooLarge": Meaning(BackendError, "it is larger than S3 allows"),
    "KeyTooLongError": Meaning(InvalidKeyError, "the key is too long"),
    "MetadataTooLarge": Meaning(NotSupportedError, "the metadata is larger than the 2 KB that S3 keeps"),
    "NotImplemented": Meaning(NotSupportedError, "the store does not know this request"),
    "SlowDown": Meaning(UnavailableError, "S3 asks to slow down"),
    **dict.fromkeys(
        ("InternalError", "ServiceUnavailable", "RequestTimeout", "500"),
        Meaning(UnavailableError, "S3 had an error of its own"),
    ),
    "InvalidObjectState": Meaning(BackendError, "the file is archived and must be restored first"),
    "PermanentRedirect": Meaning(BackendError, "the bucket is in another region; set the option 'region'"),
    "AuthorizationHeaderMalformed": Meaning(BackendError, "the bucket is in another region; set the option 'region'"),
    "IllegalLocationConstraintException": Meaning(
        BackendError, "the bucket is in another region; set the option 'region'"
    ),
}

_STATUSES: dict[int, Meaning] = {
    400: Meaning(BackendError, "S3 refused the request"),
    401: _CODES["AccessDenied"],
    403: _CODES["AccessDenied"],
    404: _CODES["NoSuchKey"],
    409: _CODES["OperationAborted"],
    411: Meaning(
        NotSupportedError, "the store refuses the request's checksum; try the option checksum_algorithm='MD5' or 'none'"
    ),
    412: _CODES["PreconditionFailed"],
    429: _CODES["SlowDown"],
    501: _CODES["NotImplemented"],
    503: _CODES["SlowDown"],
}

#: What never reached S3, or whose answer never came back. The first that fits counts.
_KINDS: tuple[tuple[type[Exception] | tuple[type[Exception], ...], Meaning], ...] = (
    (
        (botocore_errors.ConnectTimeoutError, botocore_errors.ReadTimeoutError),
        Meaning(UnavailableError, "S3 did not answer in time"),
    ),
    (
        (
            *(botocore_errors.NoCredentialsError, botocore_errors.PartialCredentialsError),
            *(botocore_errors.CredentialRetrievalError, botocore_errors.TokenRetrievalError),
            *(botocore_errors.SSOError, botocore_errors.ProfileNotFound),
        ),
        Meaning(
            PermissionDeniedError,
            "no credentials were found; give the machine a role, or set access_key_id and secret_access_key",
        ),
    ),
    (botocore_errors.SSLError, Meaning(BackendError, "the store's TLS certificate was not accepted")),
    (
        (botocore_errors.ConnectionError, botocore_errors.HTTPClientError, HTTPError, OSError),
        Meaning(UnavailableError, "the connection failed"),
    ),
    (
        (botocore_errors.ResponseStreamingError, botocore_errors.IncompleteReadError),
        Meaning(UnavailableError, "the answer broke off"),
    ),
    (ResponseParserError, Meaning(UnavailableError, "the answer was no answer of S3")),
    (botocore_errors.FlexibleChecksumError, Meaning(IntegrityError, "the bytes arrived damaged", retryable=True)),
    (
        (botocore_errors.ParamValidationError, botocore_errors.NoRegionError, botocore_errors.BotoCoreError),
        Meaning(BackendError, "the SDK refused the request; the error's cause says why"),
    ),
)

_SERVER_ERROR = 500


def meaning(error: Exception) -> Meaning:
    """Say what an error of boto3 means."""
    if isinstance(error, botocore_errors.ClientError):
        return _answered(error)
    for kinds, found in _KINDS:
        if isinstance(error, kinds):
            return found
    return Meaning(BackendError, f"the SDK failed with {type(error).__name__}")


def meaning_for_bucket(error: Exception) -> Meaning:
    """Say what an error means of a request that names no file."""
    found = meaning(error)
    if found.kind is NotFoundError and code_of(error) != "NoSuchUpload":
        return Meaning(BackendError, "the store does not know the bucket; look at the endpoint and the bucket's name")
    return found


def is_unknown_request(error: BaseException) -> bool:
    """Whether a store does not know what it is asked for, with a code or without."""
    return code_of(error) in ("NotImplemented", "501")


def meaning_of_code(code: str) -> Meaning:
    """Say what a code means that stands in the answer for one of several files."""
    return _CODES.get(code, Meaning(BackendError, f"S3 refused the request ({code})"))


def code_of(error: BaseException | None) -> str:
    """Return S3's code of an error of boto3, or of ours whose cause that is; empty if S3 did not answer."""
    while error is not None and not isinstance(error, botocore_errors.ClientError):
        error = error.__cause__
    return str(error.response.get("Error", {}).get("Code", "")) if error is not None else ""


def was_retried(error: BaseException) -> bool:
    """Whether the SDK sent the request more than once before it raised: an earlier answer may have got lost."""
    cause = error.__cause__
    if not isinstance(cause, botocore_errors.ClientError):
        return False
    return int(cause.response.get("ResponseMetadata", {}).get("RetryAttempts", 0)) > 0


def configuration_error(error: Exception) -> ConfigError:
    """Return our error for a client that cannot be made."""
    return ConfigError(f"No S3 client could be made of these options: {type(error).__name__}: {error}")


def _answered(error: botocore_errors.ClientError) -> Meaning:
    code = str(error.response.get("Error", {}).get("Code", ""))
    status = int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
    if code in _CODES:
        return _CODES[code]
    if status in _STATUSES:
        found = _STATUSES[status]
        return found if found.kind is not BackendError else found._replace(reason=f"{found.reason} ({code or status})")
    if status >= _SERVER_ERROR:
        return Meaning(UnavailableError, f"S3 answered with an error of its own ({code or status})")
    return Meaning(BackendError, f"S3 refused the request ({code or status})")
