"""The time that one call to a store may take, all its retries included."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

#: A body of so many bytes is sent within the plain deadline; a larger one gets proportionally more time.
_USUAL_BODY = 8 * 1024 * 1024


class DeadlineExceededError(Exception):
    """The time is over. The translation at the backend's edge makes an `UnavailableError` of it."""


class Deadline:
    """A point in time.

    :param seconds: How far away it is.
    """

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._ends = time.monotonic() + seconds

    def left(self) -> float:
        """Return the seconds that are left, 0 if none."""
        return max(0.0, self._ends - time.monotonic())

    def check(self) -> None:
        """Refuse to go on when the time is over.

        :raises DeadlineExceededError: then.
        """
        if not self.left():
            raise DeadlineExceededError(f"no answer within {self.seconds:g} seconds")


_current: ContextVar[Deadline | None] = ContextVar("uploadkit_deadline", default=None)


def current_deadline() -> Deadline | None:
    """Return the deadline of the call that this thread is in, if any."""
    return _current.get()


@contextmanager
def deadline(seconds: float, body_size: int = 0) -> Iterator[Deadline]:
    """Set the deadline of the calls inside; one that is set already is kept too.

    :param seconds: For a request with a small body or none.
    :param body_size: The length of the body in bytes.
    """
    seconds *= max(1.0, body_size / _USUAL_BODY)
    outer = _current.get()
    limit = outer if outer is not None and outer.left() < seconds else Deadline(seconds)
    token = _current.set(limit)
    try:
        yield limit
    finally:
        _current.reset(token)
