"""V4 signatures in a URL, as far as Amazon's and Google's are the same.

See https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-query-string-auth.html and
https://cloud.google.com/storage/docs/authentication/canonical-requests.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from urllib.parse import quote


def canonical_path(path: str) -> str:
    """Return a path as it is signed and sent: everything quoted but slashes and what RFC 3986 leaves unreserved."""
    return quote(path, safe="/~")


def canonical_query(parameters: Iterable[tuple[str, str]]) -> str:
    """Return parameters as they are signed and sent: quoted, and in the order of their quoted names."""
    quoted = sorted((quote(name, safe="~"), quote(value, safe="~")) for name, value in parameters)
    return "&".join(f"{name}={value}" for name, value in quoted)


def string_to_sign(algorithm: str, signed_at: str, scope: str, *, method: str, host: str, path: str, query: str) -> str:
    """Return what is signed for a request that has no body and whose one signed header is ``Host``.

    :param algorithm: ``"AWS4-HMAC-SHA256"`` or ``"GOOG4-RSA-SHA256"``.
    :param signed_at: The time, as ``20260131T235959Z``.
    :param scope: What the key is good for, such as ``20260131/eu-central-1/s3/aws4_request``.
    :param host: With the port where the URL has one.
    :param path: See `canonical_path`.
    :param query: See `canonical_query`; without the signature.
    """
    canonical = f"{method}\n{path}\n{query}\nhost:{host}\n\nhost\nUNSIGNED-PAYLOAD"
    digest = hashlib.sha256(canonical.encode()).hexdigest()
    return f"{algorithm}\n{signed_at}\n{scope}\n{digest}"
