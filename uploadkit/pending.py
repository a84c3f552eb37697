"""Where the files of a set wait in quarantine.

The folder begins with a dot, so that it is never listed, linked to or served by uploadkit; and its name is a secret of
the app, so that it cannot be guessed where a web server or a public bucket offers everything that lies below the set.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from .exceptions import BackendError
from .keys import join
from .secretkeys import secret_keys
from .settings import SetSettings

if TYPE_CHECKING:
    from flask import Flask

_FOLDER = ".pending-"
_LETTERS = 32


def pending_folders(app: Flask, set_name: str) -> tuple[str, ...]:
    """Return the folder in which new files wait, and behind it those of earlier secret keys.

    :raises ConfigError: if the app has no ``SECRET_KEY``.
    """
    keys = secret_keys(app, f"UPLOADED_{set_name.upper()}_QUARANTINE names the folder in which files wait by")
    return tuple(_folder(key, set_name) for key in reversed(keys))


def pending_key(settings: SetSettings, key: str) -> str:
    """Return the key under which a new file waits for the key that it is to get."""
    return join(settings.quarantine[0], key)


def pending_keys(settings: SetSettings, key: str) -> Iterable[str]:
    """Return the keys under which a file may be waiting."""
    return (join(folder, key) for folder in settings.quarantine)


@contextmanager
def unlocated(settings: SetSettings) -> Iterator[None]:
    """Let errors tell of files by the keys that they are to get: where they wait is a secret."""
    try:
        yield
    except BackendError as error:
        for folder in settings.quarantine:
            error.message = error.message.replace(folder + "/", "")
            error.key = error.key and error.key.removeprefix(folder + "/")
        error.args = (error.message,)
        raise


def _folder(secret_key: str | bytes, set_name: str) -> str:
    secret = secret_key.encode() if isinstance(secret_key, str) else secret_key
    digest = hmac.new(secret, b"uploadkit.pending.v1." + set_name.encode(), hashlib.sha256)
    return _FOLDER + digest.hexdigest()[:_LETTERS]
