"""Signed URLs and presigned requests: V4 signatures, made here with a key or by Google's IAM without one."""

from __future__ import annotations

import base64
import json
import re
from datetime import datetime, timedelta, timezone
from functools import partial
from typing import Any

from google.auth.credentials import AnonymousCredentials, Signing
from google.auth.transport.requests import Request as AuthRequest

from ...exceptions import NotSupportedError
from ...filetypes import content_type_for
from ...models import PresignedRequest, SaveOptions, UploadPolicy, check_expiry
from .._cloud.metadata import as_headers
from .._cloud.translate import translating
from .client import credentials_of
from .options import GCSOptions
from .wire import Request, Wire

_IAM = "https://iamcredentials.googleapis.com/v1/projects/-/serviceAccounts"
_WAY_OUT = "give the option 'credentials' a service account's key, or credentials that impersonate a service account"
#: Where a form's fields have other names than headers.
_FORM_NAMES = {
    "content-type": "Content-Type",
    "content-disposition": "Content-Disposition",
    "cache-control": "Cache-Control",
    "x-goog-acl": "acl",
}
_UPPER = re.compile("([A-Z])")


class IAMSigner(Signing):
    """Signs as a service account whose private key Google keeps; it costs one request.

    The account needs the permission ``iam.serviceAccounts.signBlob`` on itself.

    :param wire: Sends the request.
    :param email: The service account.
    """

    def __init__(self, wire: Wire, email: str) -> None:
        self._wire = wire
        self._email = email

    def sign_bytes(self, message: bytes) -> bytes:
        """Return the signature of ``message``."""
        request = Request("sign", None, "POST", f"{_IAM}/{self._email}:signBlob", foreign=True)
        request.headers = {"Content-Type": "application/json"}
        request.body = json.dumps({"payload": base64.b64encode(message).decode()}).encode()
        return base64.b64decode(self._wire.send(request).json()["signedBlob"])

    @property
    def signer_email(self) -> str:
        """The service account."""
        return self._email

    @property
    def signer(self) -> Any:
        """Itself, for the library."""
        return self


def signed_url(wire: Wire, key: str, expires_in: int, content_type: str | None, content_disposition: str | None) -> str:
    """Return a URL that reads a file, as `SupportsSigning.signed_url` promises."""
    name = wire.place.stored(key)
    answers = {"response_type": content_type, "response_disposition": content_disposition}
    return sign(wire, key, "GET", name, expires_in, **answers)


def presign_upload(wire: Wire, key: str, policy: UploadPolicy, expires_in: int) -> PresignedRequest:
    """Return a request that stores a file, as `SupportsDirectUpload.presign_upload` promises."""
    check_expiry(expires_in)
    name = wire.place.stored(key)
    return (_put if policy.method == "PUT" else _post)(wire, key, name, policy, expires_in)


def presign_put(wire: Wire, key: str, name: str, expires_in: int, headers: dict[str, str]) -> PresignedRequest:
    """Return a ``"PUT"`` of the object ``name`` that needs exactly ``headers``."""
    expires_at = _expiry(expires_in)
    url = sign(wire, key, "PUT", name, expires_in, headers=dict(headers))
    return PresignedRequest("PUT", url, headers=headers, expires_at=expires_at)


def sign(wire: Wire, key: str, method: str, name: str, expires_in: int, **more: Any) -> str:
    """Return the signed URL of a request.

    :param more: See `google.cloud.storage.Blob.generate_signed_url`.
    """
    seconds = check_expiry(expires_in)
    payer = {"userProject": wire.options.user_project} if wire.options.user_project else None
    request = Request("sign", key, method, "")
    with translating(request.meaning, "sign a URL of", key, wire.name):
        blob = wire.client.bucket(wire.place.bucket).blob(name)
        url: str = blob.generate_signed_url(
            version="v4",
            expiration=timedelta(seconds=seconds),
            method=method,
            query_parameters=payer,
            credentials=_signer(wire, key),
            **more,
        )
    return url


def _put(wire: Wire, key: str, name: str, policy: UploadPolicy, expires_in: int) -> PresignedRequest:
    size = policy.max_size
    headers = {
        **_headers(wire, key, policy.options),
        "x-goog-content-length-range": f"{size},{size}",
        **own_headers(wire.options),
    }
    if not policy.options.overwrite:
        headers["x-goog-if-generation-match"] = "0"
    if policy.options.checksum is not None:
        headers["content-md5"] = _content_md5(wire, key, policy.options.checksum)
    return presign_put(wire, key, name, expires_in, headers)


def _post(wire: Wire, key: str, name: str, policy: UploadPolicy, expires_in: int) -> PresignedRequest:
    if not policy.options.overwrite:
        raise _unable(
            wire, key, "a form always replaces a file that exists; ask for overwrite=True, or for the method 'PUT'"
        )
    if policy.options.checksum is not None:
        raise _unable(wire, key, "a form cannot carry a checksum; use the method 'PUT'")
    fields = {**_headers(wire, key, policy.options), **own_headers(wire.options)}
    fields = {_FORM_NAMES.get(field, field): value for field, value in fields.items()}
    expires_at = _expiry(expires_in)
    request = Request("sign", key, "POST", "")
    with translating(request.meaning, "sign a form for", key, wire.name):
        policy_of_form = wire.client.generate_signed_post_policy_v4(
            wire.place.bucket,
            name,
            expiration=timedelta(seconds=expires_in),
            conditions=[["content-length-range", policy.min_size, policy.max_size]],
            fields=fields,
            credentials=_signer(wire, key),
        )
    return PresignedRequest(
        "POST", policy_of_form["url"].rstrip("/"), fields=policy_of_form["fields"], expires_at=expires_at
    )


def _headers(wire: Wire, key: str, options: SaveOptions) -> dict[str, str]:
    """Return the attributes of a file as headers or fields."""
    chosen = wire.options.filled_in(options)
    found = {
        "content-type": options.content_type or content_type_for(key),
        "content-disposition": chosen["content_disposition"],
        "cache-control": chosen["cache_control"],
        **{f"x-goog-meta-{name}": value for name, value in as_headers(chosen["metadata"]).items()},
    }
    return {name: value for name, value in found.items() if value is not None}


def own_headers(options: GCSOptions, *, internal: bool = False) -> dict[str, str]:
    """Return what the backend's options ask for, in the words of the XML API.

    :param internal: Whether the object is the backend's own; it is never made public.
    """
    acl = _UPPER.sub(lambda found: "-" + found[1].lower(), options.acl or "")
    found = {
        "x-goog-acl": None if internal else acl or None,
        "x-goog-storage-class": options.storage_class,
        "x-goog-encryption-kms-key-name": options.kms_key,
    }
    return {name: value for name, value in found.items() if value is not None}


def _content_md5(wire: Wire, key: str, checksum: str) -> str:
    algorithm, _, digest = checksum.partition(":")
    if algorithm != "md5":
        raise _unable(wire, key, f"the store can hold a direct upload to an md5 checksum, not to {algorithm}")
    return base64.b64encode(bytes.fromhex(digest)).decode()


def _signer(wire: Wire, key: str) -> Any:
    """Return credentials that can sign.

    :raises NotSupportedError: if there are none.
    """
    credentials = credentials_of(wire.client)
    if isinstance(credentials, Signing):
        return credentials
    email = None if isinstance(credentials, AnonymousCredentials) else _email_of(credentials, wire.options.read_timeout)
    if not email:
        raise _unable(wire, key, f"these credentials cannot sign; {_WAY_OUT}")
    return IAMSigner(wire, email)


def _email_of(credentials: Any, timeout: float) -> str | None:
    """Return the service account that credentials stand for; a machine's knows it after its first refresh."""
    email = getattr(credentials, "service_account_email", None)
    if email == "default":
        credentials.refresh(partial(AuthRequest(), timeout=timeout))
        email = credentials.service_account_email
    return email


def _unable(wire: Wire, key: str, why: str) -> NotSupportedError:
    message = f"Could not sign for {key!r} on the {wire.name!r} backend: {why}."
    return NotSupportedError(message, key=key, backend=wire.name)


def _expiry(seconds: int) -> datetime:
    return datetime.now(timezone.utc) + timedelta(seconds=seconds)
