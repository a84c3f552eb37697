"""What a client signs with."""

from __future__ import annotations

from math import floor
from typing import Any

_TRIES = 3


def signing_credentials(client: Any) -> tuple[Any, int | None]:
    """Return what the client signs with at the moment, and when that ends in seconds since 1970, as far as it is known.

    There is no other way to them than the SDK's private one; where it is closed one day, only the SDK signs.
    """
    source = getattr(getattr(client, "_request_signer", None), "_credentials", None)
    if source is None:
        return None, None
    for _ in range(_TRIES):
        credentials, end = source.get_frozen_credentials(), getattr(source, "_expiry_time", None)
        if getattr(source, "_frozen_credentials", credentials) == credentials:
            break  # else another thread renewed them in between, and the end is that of its own
    return credentials, None if end is None else floor(end.timestamp())
