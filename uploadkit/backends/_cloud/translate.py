"""The edge between vendors' SDKs and uploadkit: what they raise becomes ours, by a table, with theirs as the cause."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import NamedTuple

from ...exceptions import BackendError, UnavailableError, UploadKitError
from .deadline import DeadlineExceededError


class Meaning(NamedTuple):
    """What an SDK's error means.

    :param kind: Our error.
    :param reason: A sentence's end that names no secret: never text of the SDK's that may hold URLs or headers.
    :param retryable: Whether the same call may succeed later; None is what ``kind`` says.
    """

    kind: type[BackendError]
    reason: str
    retryable: bool | None = None


#: Says what an error of the SDK means.
Table = Callable[[Exception], Meaning]


def translated(error: Exception, table: Table, action: str, key: str | None, backend: str) -> BackendError:
    """Return our error for one of the SDK's."""
    late = isinstance(error, DeadlineExceededError)
    kind, reason, retryable = Meaning(UnavailableError, str(error)) if late else table(error)
    what = f"{action} {key!r}" if key else action
    message = f"Could not {what} on the {backend!r} backend: {reason}."
    return kind(message, key=key, backend=backend, retryable=retryable)


@contextmanager
def translating(table: Table, action: str, key: str | None, backend: str) -> Iterator[None]:
    """Turn what the SDK raises inside into our errors. Only calls to the SDK belong inside, never to a source."""
    try:
        yield
    except UploadKitError:
        raise
    except Exception as error:
        raise translated(error, table, action, key, backend) from error
