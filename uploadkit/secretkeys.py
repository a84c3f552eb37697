"""The secret keys of an app, read as strictly as what hangs on them deserves."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from .exceptions import ConfigError

if TYPE_CHECKING:
    from flask import Flask


def secret_keys(app: Flask, purpose: str) -> Sequence[str | bytes]:
    """Return ``SECRET_KEY_FALLBACKS`` and, as the last, ``SECRET_KEY``.

    :param purpose: What needs them, for the error.
    :raises ConfigError: if there is no key, or what is there is none.
    """
    if not app.secret_key:
        raise ConfigError(
            f"{purpose} the app's SECRET_KEY: set it to something long, random and secret, the same in every process."
        )
    older = app.config.get("SECRET_KEY_FALLBACKS") or ()
    # Of a text, each letter would be a key.
    keys = [older] if isinstance(older, (str, bytes)) else [*older, app.secret_key]
    if keys == [older] or not all(isinstance(key, (str, bytes)) and key for key in keys):
        raise ConfigError(
            "SECRET_KEY must be text or bytes, and SECRET_KEY_FALLBACKS a list of such, none of them empty; in the "
            """environment, digits need quotes, and a list is written '["older"]'."""
        )
    return keys
