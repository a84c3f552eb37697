"""Presigned requests that store, and the URL of a public bucket: made here, without the network."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import closing
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from email.utils import format_datetime
from typing import Any, cast
from xml.sax.saxutils import escape

from botocore import UNSIGNED

from ...digests import split_checksum
from ...directmodels import PresignedRequest, UploadPolicy
from ...exceptions import NotSupportedError
from ...models import SaveOptions, check_expiry
from .._cloud.metadata import new_upload_word
from .._cloud.translate import translating
from .checksums import from_hex
from .client import BACKEND, S3Calls, make_client
from .credentials import signing_credentials
from .errors import meaning
from .files import attributes_of
from .options import S3Options
from .uploads import LIMITS, s3_upload_id


def presign_upload(calls: S3Calls, key: str, policy: UploadPolicy, expires_in: int) -> PresignedRequest:
    """Return a request that stores a file, see `SupportsDirectUpload.presign_upload`."""
    check_expiry(expires_in)
    return (_presign_put if policy.method == "PUT" else _presign_post)(calls, key, policy, expires_in)


def presign_part(
    calls: S3Calls, key: str, upload_id: str, number: int, expires_in: int, size: int | None
) -> PresignedRequest:
    """Return a request that stores a part, see `SupportsPresignedParts.presign_part`."""
    check_expiry(expires_in)
    calls.place.stored(key)
    given: dict[str, Any] = {
        "UploadId": s3_upload_id(key, upload_id),
        "PartNumber": LIMITS.check_number(number),
        **({} if size is None else {"ContentLength": size}),
    }
    return _put_request(calls, "upload_part", key, expires_in, given)


def bucket_url(calls: S3Calls) -> str:
    """Return the bucket's own URL. The SDK knows how buckets are addressed; it is asked without any credentials."""
    client = make_client(_unsigned(calls))
    with translating(meaning, "make the URL of", calls.place.bucket, BACKEND), closing(client):
        url = client.generate_presigned_url("get_object", Params={"Bucket": calls.place.bucket, "Key": "x"})
    return cast("str", url).partition("?")[0].removesuffix("/x")


def _unsigned(calls: S3Calls) -> S3Options:
    """Return options that lead to the same place as those of ``calls``, for a client that signs nothing."""
    options, given = calls.options, calls.options.client
    if given is None:
        nobody: dict[str, Any] = dict.fromkeys(("access_key_id", "secret_access_key", "session_token"))
        return replace(options, signature_version="unsigned", **nobody)
    style = (given.meta.config.s3 or {}).get("addressing_style", "auto")
    return S3Options(
        region=given.meta.region_name,
        endpoint_url=None if calls.is_aws else given.meta.endpoint_url,
        addressing_style=style,
        signature_version="unsigned",
    )


def _presign_put(calls: S3Calls, key: str, policy: UploadPolicy, expires_in: int) -> PresignedRequest:
    given = {
        **attributes_of(calls, key, policy.options, new_upload_word(), None),
        **_announced(policy.options),
        "ContentLength": policy.max_size,
        **({} if policy.options.overwrite else {"IfNoneMatch": "*"}),
    }
    return _put_request(calls, "put_object", key, expires_in, given)


def _presign_post(calls: S3Calls, key: str, policy: UploadPolicy, expires_in: int) -> PresignedRequest:
    if not policy.options.overwrite:
        raise NotSupportedError(
            f"A form cannot promise to S3 not to overwrite {key!r}. Use method='PUT', or a key that nobody else has "
            "and overwrite=True.",
            key=key,
            backend=BACKEND,
        )
    given = {**attributes_of(calls, key, policy.options, new_upload_word(), None), **_announced(policy.options)}
    fields = _headers(calls, "put_object", {**calls.parameters("put_object"), **given})
    fields = {("acl" if name == "x-amz-acl" else name): value for name, value in fields.items()}
    if fields.pop("x-amz-tagging", None) is not None:
        fields["tagging"] = _tagging(calls.options.tags)
    fields["success_action_status"] = "201"
    conditions: list[Any] = [{name: value} for name, value in fields.items()]
    refuse_secrets(calls, key)
    with translating(meaning, "sign an upload of", key, BACKEND):
        _, end = signing_credentials(calls.client)
        made = calls.client.generate_presigned_post(
            calls.place.bucket,
            calls.place.stored(key),
            Fields=fields,
            Conditions=[*conditions, ["content-length-range", policy.min_size, policy.max_size]],
            ExpiresIn=expires_in,
        )
    return PresignedRequest("POST", made["url"], _expiry(expires_in, end), fields=dict(made["fields"]))


def _put_request(
    calls: S3Calls, operation: str, key: str, expires_in: int, given: Mapping[str, Any]
) -> PresignedRequest:
    url, end = _sign(calls, operation, key, expires_in, given)
    headers = _headers(calls, operation, {**calls.parameters(operation), **given})
    return PresignedRequest("PUT", url, _expiry(expires_in, end), headers=headers)


def _sign(
    calls: S3Calls, operation: str, key: str, expires_in: int, given: Mapping[str, Any]
) -> tuple[str, int | None]:
    """Return a URL, and when the credentials end that sign it; if they are renewed meanwhile, it works for longer."""
    place = {"Bucket": calls.place.bucket, "Key": calls.place.stored(key)}
    refuse_secrets(calls, key)
    with translating(meaning, "sign a URL of", key, BACKEND):
        _, end = signing_credentials(calls.client)
        url = calls.client.generate_presigned_url(
            operation, Params={**calls.parameters(operation), **given, **place}, ExpiresIn=expires_in
        )
    return cast("str", url), end


def _headers(calls: S3Calls, operation: str, given: Mapping[str, Any]) -> dict[str, str]:
    """Return the HTTP headers that parameters of ``operation`` become."""
    meta = calls.client.meta
    members = meta.service_model.operation_model(meta.method_to_api_mapping[operation]).input_shape.members
    headers: dict[str, str] = {}
    for name, value in given.items():
        wire = members[name].serialization
        if wire.get("location") == "headers":
            headers.update({wire["name"] + word: text for word, text in value.items()})
        elif wire.get("location") == "header":
            headers[wire["name"]] = _header(value, members[name])
    return headers


def _header(value: Any, shape: Any) -> str:
    """Write a parameter as the SDK does when it signs it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, datetime):
        iso = shape.serialization.get("timestampFormat") == "iso8601"
        moment = value.astimezone(timezone.utc)
        return moment.strftime("%Y-%m-%dT%H:%M:%SZ") if iso else format_datetime(moment, usegmt=True)
    return str(value)


def _tagging(tags: Mapping[str, str]) -> str:
    """Write tags as a form has them (https://docs.aws.amazon.com/AmazonS3/latest/API/RESTObjectPOST.html)."""
    listed = (f"<Tag><Key>{escape(name)}</Key><Value>{escape(value)}</Value></Tag>" for name, value in tags.items())
    return f"<Tagging><TagSet>{''.join(listed)}</TagSet></Tagging>"


def _announced(options: SaveOptions) -> dict[str, str]:
    """Return the parameter that holds the bytes to an announced checksum."""
    if options.checksum is None:
        return {}
    algorithm, digest = split_checksum(options.checksum)
    names = {"sha256": "ChecksumSHA256", "sha1": "ChecksumSHA1", "crc32": "ChecksumCRC32", "md5": "ContentMD5"}
    if algorithm not in names:
        raise NotSupportedError(f"S3 cannot hold an upload to a {algorithm} checksum.", backend=BACKEND)
    return {names[algorithm]: from_hex(digest)}


def refuse_secrets(calls: S3Calls, key: str) -> None:
    """Refuse to sign without credentials, and to give away the key that the store encrypts with."""
    problem = None
    if calls.client.meta.config.signature_version is UNSIGNED:
        problem = "the client does not sign anything"
    elif calls.options.sse_customer_key is not None:
        problem = "whoever has the request would need the sse_customer_key"
    if problem is not None:
        raise NotSupportedError(f"Nothing can be signed for {key!r}: {problem}.", key=key, backend=BACKEND)


def _expiry(expires_in: int, end: int | None) -> datetime:
    """Return when a request that was signed just now ends: with the credentials, if they end sooner."""
    asked = datetime.now(timezone.utc) + timedelta(seconds=expires_in)
    return asked if end is None else min(asked, datetime.fromtimestamp(end, timezone.utc))
