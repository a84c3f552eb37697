"""What the object stores keep beside a file in its metadata: the user's words, and two of our own."""

from __future__ import annotations

import base64
import binascii
import re
import secrets
from collections.abc import Mapping

from ...models import RESERVED_METADATA

#: The digest of the content, so that ranged answers, which carry none, can be verified too.
SHA256 = f"{RESERVED_METADATA}sha256"
#: Which call stored the file: whoever lost the answer recognises its own file by it.
UPLOAD = f"{RESERVED_METADATA}upload"

_PLAIN = re.compile(r"(?!=\?)[!-~](?:[ -~]*[!-~])?")
_ENCODED = re.compile(r"=\?utf-8\?b\?([A-Za-z0-9+/=]*)\?=", re.IGNORECASE)
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_HEX_SHA256 = re.compile(r"[0-9a-f]{64}")


def new_upload_word() -> str:
    """Return a word that no other call has."""
    return secrets.token_hex(12)


def own_words(word: str, sha256: str | None) -> dict[str, str]:
    """Return our own metadata of a file that is about to be stored."""
    return {UPLOAD: word} if sha256 is None else {UPLOAD: word, SHA256: sha256}


def users_words(metadata: Mapping[str, str]) -> dict[str, str]:
    """Return what is the user's in the stored metadata."""
    return {name: value for name, value in metadata.items() if not name.startswith(RESERVED_METADATA)}


def stored_sha256(metadata: Mapping[str, str]) -> str | None:
    """Return ``"sha256:<hex>"`` as it was stored with the file, if it was."""
    digest = metadata.get(SHA256, "")
    return f"sha256:{digest}" if _HEX_SHA256.fullmatch(digest) else None


def as_headers(metadata: Mapping[str, str]) -> dict[str, str]:
    """Write values so that HTTP headers carry them unchanged: encoded words (RFC 2047), where they are not ASCII."""
    return {name: value if _PLAIN.fullmatch(value) else _encoded(value) for name, value in metadata.items()}


def from_headers(metadata: Mapping[str, str]) -> dict[str, str]:
    """Read what `as_headers` wrote; what anybody else wrote is left as it is."""
    return {name.lower(): _decoded(value) for name, value in metadata.items()}


def _encoded(value: str) -> str:
    return f"=?utf-8?b?{base64.b64encode(value.encode()).decode()}?="


def _decoded(value: str) -> str:
    found = _ENCODED.fullmatch(value)
    if found is None:
        return value
    try:
        decoded = base64.b64decode(found[1], validate=True).decode()
        return value if _CONTROL.search(decoded) else decoded
    except (binascii.Error, UnicodeDecodeError):
        return value
