"""Presigned requests: V4 signatures for those who store a file."""

from __future__ import annotations

import base64
import re
from datetime import datetime, timedelta, timezone
from typing import Any

from ...directmodels import PresignedRequest, UploadPolicy
from ...models import SaveOptions, check_expiry
from .._cloud.metadata import as_headers
from .._cloud.translate import translating
from .iam import end_of, signer_for, unable
from .options import GCSOptions
from .wire import Request, Wire

#: Where a form's fields have other names than headers.
_FORM_NAMES = {
    "content-type": "Content-Type",
    "content-disposition": "Content-Disposition",
    "cache-control": "Cache-Control",
    "x-goog-acl": "acl",
}
_UPPER = re.compile("([A-Z])")


def presign_upload(wire: Wire, key: str, policy: UploadPolicy, expires_in: int) -> PresignedRequest:
    """Return a request that stores a file, as `SupportsDirectUpload.presign_upload` promises."""
    check_expiry(expires_in)
    name = wire.place.stored(key)
    return (_put if policy.method == "PUT" else _post)(wire, key, name, policy, expires_in)


def presign_put(wire: Wire, key: str, name: str, expires_in: int, headers: dict[str, str]) -> PresignedRequest:
    """Return a ``"PUT"`` of the object ``name`` that needs exactly ``headers``."""
    check_expiry(expires_in)
    payer = {"userProject": wire.options.user_project} if wire.options.user_project else None
    request = Request("sign a URL of", key, "PUT", "")
    with translating(request.meaning, request.action, key, wire.name):
        signer = signer_for(wire, key)
        expires_at, life = _end(signer, expires_in)
        blob = wire.client.bucket(wire.place.bucket).blob(name)
        url: str = blob.generate_signed_url(
            version="v4",
            expiration=life,
            method="PUT",
            headers=dict(headers),
            query_parameters=payer,
            credentials=signer,
        )
    return PresignedRequest("PUT", url, headers=headers, expires_at=expires_at)


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
        raise unable(
            wire, key, "a form always replaces a file that exists; ask for overwrite=True, or for the method 'PUT'"
        )
    if policy.options.checksum is not None:
        raise unable(wire, key, "a form cannot carry a checksum; use the method 'PUT'")
    fields = {**_headers(wire, key, policy.options), **own_headers(wire.options)}
    fields = {_FORM_NAMES.get(field, field): value for field, value in fields.items()}
    request = Request("sign a form for", key, "POST", "")
    with translating(request.meaning, request.action, key, wire.name):
        signer = signer_for(wire, key)
        expires_at, life = _end(signer, expires_in)
        policy_of_form = wire.client.generate_signed_post_policy_v4(
            wire.place.bucket,
            name,
            expiration=life,
            conditions=[["content-length-range", policy.min_size, policy.max_size]],
            fields=fields,
            credentials=signer,
        )
    return PresignedRequest(
        "POST", policy_of_form["url"].rstrip("/"), fields=policy_of_form["fields"], expires_at=expires_at
    )


def _headers(wire: Wire, key: str, options: SaveOptions) -> dict[str, str]:
    """Return the attributes of a file as headers or fields."""
    chosen = wire.options.filled_in(key, options)
    found = {
        "content-type": chosen["content_type"],
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
        raise unable(wire, key, f"the store can hold a direct upload to an md5 checksum, not to {algorithm}")
    return base64.b64encode(bytes.fromhex(digest)).decode()


def _end(signer: Any, expires_in: int) -> tuple[datetime, timedelta]:
    """Return when a request that is signed now ends, and how far away that is."""
    now = datetime.now(timezone.utc)
    ends = end_of(signer, now + timedelta(seconds=expires_in), now)
    return ends, ends - now
