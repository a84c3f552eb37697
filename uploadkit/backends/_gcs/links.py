"""Signed URLs of Google Cloud Storage.

They are the URLs of google-cloud-storage, byte for byte. Its method takes no moment of signing, so none of its URLs
can be made again.
"""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any
from urllib.parse import urlsplit

from ...models import LinkOptions, SignedURL, check_expiry
from .._cloud.translate import translating
from .._cloud.v4 import canonical_path, canonical_query, string_to_sign
from .iam import end_of, signer_for, unable
from .wire import Request, Wire

_ALGORITHM = "GOOG4-RSA-SHA256"


def signed_url(wire: Wire, key: str, expires_in: int, options: LinkOptions) -> SignedURL:
    """Return a URL that reads a file, see `SupportsSigning.signed_url`."""
    life = timedelta(seconds=check_expiry(expires_in))
    name = wire.place.stored(key)
    request = Request("sign a URL of", key, options.method, "")
    with translating(request.meaning, request.action, key, wire.name):
        signer = signer_for(wire, key)
        begins, ends = _span(signer, life, options.signed_at)
        if ends <= begins:
            raise unable(wire, key, "without a key of its own it is signed for 12 hours, and signed_at is behind them")
        return SignedURL(_signed(wire, signer, name, begins, ends, options), ends)


def _span(signer: Any, life: timedelta, signed_at: datetime | None) -> tuple[datetime, datetime]:
    """Return from when until when a URL works."""
    now = datetime.now(timezone.utc).replace(microsecond=0)
    begins = (signed_at or now).astimezone(timezone.utc).replace(microsecond=0)
    return begins, end_of(signer, begins + life, now, steady=signed_at is not None)


def _signed(wire: Wire, signer: Any, name: str, begins: datetime, ends: datetime, options: LinkOptions) -> str:
    base = wire.client.api_endpoint.rstrip("/")
    path = canonical_path(f"/{wire.place.bucket}/{name}")
    at = f"{begins:%Y%m%dT%H%M%SZ}"
    scope = f"{at[:8]}/auto/storage/goog4_request"
    query = canonical_query(
        {
            "X-Goog-Algorithm": _ALGORITHM,
            "X-Goog-Credential": f"{signer.signer_email}/{scope}",
            "X-Goog-Date": at,
            "X-Goog-Expires": str(int((ends - begins).total_seconds())),
            "X-Goog-SignedHeaders": "host",
            **_answers(wire, options),
        }.items()
    )
    text = string_to_sign(
        _ALGORITHM, at, scope, method=options.method, host=urlsplit(base).netloc, path=path, query=query
    )
    return f"{base}{path}?{query}&X-Goog-Signature={signer.sign_bytes(text.encode()).hex()}"


def _answers(wire: Wire, options: LinkOptions) -> dict[str, str]:
    """Return the parameters of what is answered, and of who pays for it."""
    found = {
        "response-content-type": options.content_type,
        "response-content-disposition": options.content_disposition,
        "userProject": wire.options.user_project,
    }
    return {name: value for name, value in found.items() if value}
