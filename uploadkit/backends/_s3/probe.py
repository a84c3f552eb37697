"""Finding out whether a store that speaks S3's protocol keeps its conditions too."""

from __future__ import annotations

import logging
from typing import Any
from weakref import WeakKeyDictionary

from ...exceptions import AlreadyExistsError, BackendError, NotSupportedError
from .._cloud.metadata import new_upload_word
from .client import BACKEND, S3Calls
from .errors import code_of, is_unknown_request

_log = logging.getLogger("uploadkit")

_CONDITION = {"IfNoneMatch": "*"}

#: What is known of each client's store: operations that keep conditions, and operations that refuse them.
_kept: WeakKeyDictionary[Any, set[str]] = WeakKeyDictionary()
_refused: WeakKeyDictionary[Any, set[str]] = WeakKeyDictionary()


def require_conditions(calls: S3Calls, operation: str) -> None:
    """Make sure, once for each client, that the store does not overwrite on ``operation`` when it is told not to.

    :raises NotSupportedError: if it overwrites all the same, or refuses the condition.
    """
    kept = _kept.setdefault(calls.client, set())
    if operation in kept:
        return
    name = f"{calls.place.internal}probe-{new_upload_word()}"
    try:
        calls("put_object", None, Key=name, Body=b"", ContentMD5=_EMPTY_MD5)
        _try_to_overwrite(calls, name, operation)
    finally:
        _remove(calls, name)
    kept.add(operation)


def refuses_conditions(calls: S3Calls, operation: str) -> bool:
    """Whether the store is known to refuse conditions on ``operation``."""
    return operation in _refused.get(calls.client, ())


def remember_refusal(calls: S3Calls, operation: str) -> None:
    """Send no more conditions with ``operation`` to this client's store."""
    _refused.setdefault(calls.client, set()).add(operation)


def not_kept(what: str, operation: str) -> NotSupportedError:
    """Return the error for a store that cannot promise not to overwrite."""
    return NotSupportedError(
        f"The store {what} the condition If-None-Match on {operation}, so a save might overwrite another file. Set the "
        "option conditional_writes='best-effort' to look first instead; two saves of one name at the same moment can "
        "then lose one of them. Or name files at random (NAMING 'uuid') and set ON_CONFLICT 'overwrite'.",
        backend=BACKEND,
    )


#: The MD5 of nothing, in base64.
_EMPTY_MD5 = "1B2M2Y8AsgTpgAmY7PhCfg=="


def _try_to_overwrite(calls: S3Calls, name: str, operation: str) -> None:
    try:
        if operation == "put_object":
            calls(operation, None, Key=name, Body=b"", ContentMD5=_EMPTY_MD5, **_CONDITION)
        else:
            _complete_over(calls, name)
    except AlreadyExistsError:
        return
    except NotSupportedError as error:
        if is_unknown_request(error):
            raise not_kept("refuses", operation) from error
        raise
    raise not_kept("ignores", operation)


def _complete_over(calls: S3Calls, name: str) -> None:
    upload = {"Key": name, "UploadId": calls("create_multipart_upload", None, Key=name)["UploadId"]}
    try:
        part = calls("upload_part", None, **upload, PartNumber=1, Body=b"")
        parts = [{"PartNumber": 1, "ETag": part["ETag"]}]
        calls("complete_multipart_upload", None, **upload, MultipartUpload={"Parts": parts}, **_CONDITION)
    finally:
        _quietly(calls, "abort_multipart_upload", upload)


def _remove(calls: S3Calls, name: str) -> None:
    _quietly(calls, "delete_object", {"Key": name})


def _quietly(calls: S3Calls, operation: str, parameters: dict[str, str]) -> None:
    try:
        calls(operation, None, **parameters)
    except BackendError as error:
        if code_of(error) != "NoSuchUpload":
            _log.warning("%s of the probe %s failed: %s", operation, parameters["Key"], error)
