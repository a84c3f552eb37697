"""The one table from errno to uploadkit's errors."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager

from ...exceptions import (
    AlreadyExistsError,
    BackendError,
    InvalidKeyError,
    NotFoundError,
    NotSupportedError,
    PermissionDeniedError,
    UnavailableError,
)

BACKEND = "local"

_TABLE: dict[int, type[BackendError]] = {
    errno.ENOENT: NotFoundError,
    errno.EEXIST: AlreadyExistsError,
    errno.EACCES: PermissionDeniedError,
    errno.EPERM: PermissionDeniedError,
    errno.EROFS: PermissionDeniedError,
    errno.ENAMETOOLONG: InvalidKeyError,
    errno.ELOOP: InvalidKeyError,
    errno.ENOTDIR: InvalidKeyError,
    errno.EISDIR: InvalidKeyError,
    errno.EILSEQ: InvalidKeyError,
    errno.EXDEV: NotSupportedError,
    errno.EAGAIN: UnavailableError,
    errno.EBUSY: UnavailableError,
    errno.EMFILE: UnavailableError,
    errno.ENFILE: UnavailableError,
    errno.ESTALE: UnavailableError,
    errno.ETIMEDOUT: UnavailableError,
}


def translate(error: OSError, action: str, key: str) -> BackendError:
    """Return our error for one of the operating system; its message shows the key, never a path of the server."""
    kind = _TABLE.get(error.errno or 0, BackendError)
    if kind is NotFoundError and action == "save":
        kind = BackendError  # it is the destination that vanished or cannot be made, not the file
    reason = os.strerror(error.errno) if error.errno else type(error).__name__
    return kind(f"Could not {action} {key!r} on the local backend: {reason}.", key=key, backend=BACKEND)


@contextmanager
def translating(action: str, key: str) -> Iterator[None]:
    """Turn what the operating system raises inside into our errors."""
    try:
        yield
    except BackendError as error:
        error.key = error.key or key
        raise
    except OSError as error:
        raise translate(error, action, key) from error
    except UnicodeEncodeError as error:  # the server runs under a locale that knows no Unicode
        raise InvalidKeyError(
            f"Could not {action} {key!r} on the local backend: the file system's encoding ({error.encoding}) has no "
            "such name. Start the server with PYTHONUTF8=1 or a UTF-8 locale.",
            key=key,
            backend=BACKEND,
        ) from error
