"""Every error of uploadkit.

::

    UploadKitError
    ├── UploadNotAllowed                 the visitor's file is refused; ``reason`` can be shown to the visitor
    │   └── InvalidFilenameError         (ValueError) no safe name can be made of the one that was given
    ├── ConfigError                      (RuntimeError) a setting is missing, misspelt or contradictory
    │   └── NotConfiguredError           (KeyError) the upload set was not given to ``configure_uploads``
    └── BackendError                     a backend could not do what was asked
        ├── NotFoundError                (FileNotFoundError)
        ├── AlreadyExistsError           (FileExistsError)
        ├── PermissionDeniedError        (PermissionError)
        ├── InvalidKeyError              (ValueError) the key is unsafe or cannot exist on this backend
        ├── PreconditionError            the file changed since it was looked at
        ├── IntegrityError               the bytes that arrived are not the bytes that were announced
        ├── DurabilityUncertainError     the file is visible, but may not survive a power cut
        ├── UnavailableError             (ConnectionError) try again later; ``retryable`` is true
        └── NotSupportedError            (NotImplementedError) this backend has no such power

Each is also the builtin in brackets, so code that catches the builtin keeps working. The error of a
vendor's library is chained as ``__cause__``. Messages name keys and backends, never credentials.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from errno import EACCES, EEXIST, ENOENT


class UploadKitError(Exception):
    """The root of every error that uploadkit raises on purpose."""


class UploadNotAllowed(UploadKitError):
    """A file is refused.

    :param reason: A sentence that may be shown to the visitor.
    :param code: A stable word for the cause, for translation: ``"extension"``, ``"filename"``, ``"empty"``,
        ``"folder"``, ``"too_large"``, ``"too_small"``, ``"content_type"``, those of the other validators, or
        ``"not_allowed"`` for anything else.
    :param allowed: What would have been accepted, where that can be listed.
    :param params: What the reason speaks of, by name, for sentences in other languages: of ``"too_large"``, ``limit``
        is ``"5 MB"`` and ``max_size`` the number of bytes.
    """

    def __init__(
        self,
        reason: str | None = None,
        *,
        code: str = "not_allowed",
        allowed: Iterable[str] | None = None,
        params: Mapping[str, object] | None = None,
    ) -> None:
        self.reason: str = str(reason) if reason else "This file is not accepted here."
        self.code = code
        self.allowed: tuple[str, ...] | None = None if allowed is None else tuple(allowed)
        self.params: dict[str, object] = dict(params or {})
        super().__init__(self.reason)

    def __reduce__(self) -> tuple[object, ...]:
        return _rebuild, (type(self), self.reason, dict(self.__dict__))


class InvalidFilenameError(UploadNotAllowed, ValueError):
    """No safe name can be made of the filename, folder or name that was given."""

    def __init__(self, reason: str | None = None, *, code: str = "filename") -> None:
        super().__init__(reason or "Invalid filename after sanitization.", code=code)


class ConfigError(UploadKitError, RuntimeError):
    """A setting is missing, misspelt or contradictory; the message says which one and the way out."""


class NotConfiguredError(ConfigError, KeyError):
    """An upload set was used that the current app does not know."""

    def __str__(self) -> str:
        return Exception.__str__(self)  # KeyError would show the message in quotes


class BackendError(UploadKitError):
    """A backend could not do what was asked.

    :param message: What happened; it names the key and the backend.
    :param key: The key it happened to.
    :param backend: The name of the backend (``"local"``, ``"s3"`` …).
    :param retryable: Whether the same call may succeed later; the default is the class's.
    """

    retryable: bool = False

    def __init__(
        self, message: str, *, key: str | None = None, backend: str | None = None, retryable: bool | None = None
    ) -> None:
        super().__init__(message)
        self.message = message
        self.key = key
        self.backend = backend
        if retryable is not None:
            self.retryable = retryable

    def __str__(self) -> str:
        return self.message

    def __reduce__(self) -> tuple[object, ...]:
        return _rebuild, (type(self), self.message, dict(self.__dict__))


class NotFoundError(BackendError, FileNotFoundError):
    """There is no file under this key."""

    errno: int | None = ENOENT


class AlreadyExistsError(BackendError, FileExistsError):
    """There is a file under this key, and overwriting was not asked for."""

    errno: int | None = EEXIST


class PermissionDeniedError(BackendError, PermissionError):
    """The process or its credentials may not do this; it says nothing about whether the file exists."""

    errno: int | None = EACCES


class InvalidKeyError(BackendError, ValueError):
    """The key is unsafe, or cannot exist on this backend."""


class PreconditionError(BackendError):
    """The file changed since it was looked at."""


class IntegrityError(BackendError):
    """The bytes that arrived are not the bytes that were announced; nothing was stored."""


class DurabilityUncertainError(BackendError):
    """The file is complete and visible, but flushing its folder failed: a power cut may take it back."""


class UnavailableError(BackendError, ConnectionError):
    """The backend could not be reached or was too busy."""

    retryable = True


class NotSupportedError(BackendError, NotImplementedError):
    """This backend has no such power, or cannot honour an option that was set."""


def _rebuild(kind: type[UploadKitError], message: str, state: dict[str, object]) -> UploadKitError:
    """Make an error again that travelled between processes."""
    error = kind(message)
    error.__dict__.update(state)
    return error
