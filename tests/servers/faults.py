"""What a fault proxy does to which requests."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum, auto

from .wire import Answer, Head


class Kind(Enum):
    """What happens to a request that a fault strikes."""

    RESET_BEFORE_BODY = auto()
    RESET_MID_BODY = auto()
    #: The whole body is read and goes nowhere.
    RESET_AFTER_BODY = auto()
    #: The server does what it was asked; the client sees a reset.
    LOST_ANSWER = auto()
    #: ``Fault.answer`` without asking the server.
    ANSWER = auto()
    #: The server does what it was asked; the client sees ``Fault.answer``.
    REPLACED_ANSWER = auto()
    #: Half of the body that the head announces, then the end of the connection.
    TRUNCATED = auto()
    #: One byte in the middle of the body is another.
    CORRUPTED = auto()
    #: The true answer after ``Fault.seconds``, or after ``Fault.gate`` is set.
    SLOW = auto()
    #: The request is read and never answered.
    BLACK_HOLE = auto()
    #: ``Fault.call`` runs before the request goes on.
    CALL = auto()


@dataclass(eq=False)
class Fault:
    """A rule: which requests are struck, and how.

    :param path: A part of the path, or a pattern to be found in it.
    :param query: A part of the query.
    :param times: How many requests are struck; None is all of them.
    :param after: How many matching requests pass unharmed first.
    :param seconds: How long a slow answer takes; None waits for ``gate``.
    """

    kind: Kind
    method: str | None = None
    path: str | re.Pattern[str] | None = None
    query: str | None = None
    times: int | None = 1
    after: int = 0
    answer: Answer | None = None
    seconds: float | None = None
    call: Callable[[], object] | None = None
    #: Lets slow answers go; the proxy sets it when it closes.
    gate: threading.Event = field(default_factory=threading.Event)
    #: Set as soon as a request was struck.
    reached: threading.Event = field(default_factory=threading.Event)
    seen: int = 0
    strikes: int = 0

    def __post_init__(self) -> None:
        if self.kind in (Kind.ANSWER, Kind.REPLACED_ANSWER) and self.answer is None:
            raise ValueError(f"{self.kind} needs an answer")
        if self.kind is Kind.CALL and self.call is None:
            raise ValueError(f"{self.kind} needs a call")

    def takes(self, head: Head) -> bool:
        """Count a request and tell whether it is struck; the proxy asks under its lock."""
        if not self._matches(head):
            return False
        self.seen += 1
        if self.seen <= self.after or (self.times is not None and self.strikes >= self.times):
            return False
        self.strikes += 1
        return True

    def _matches(self, head: Head) -> bool:
        if self.method not in (None, head.method) or (self.query is not None and self.query not in head.query):
            return False
        if isinstance(self.path, re.Pattern):
            return self.path.search(head.path) is not None
        return self.path is None or self.path in head.path


def s3_error(status: int, code: str, message: str = "made up by a test") -> Answer:
    """Return an error as S3 answers it; status 200 makes one that came too late for the status."""
    body = (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f"<Error><Code>{code}</Code><Message>{message}</Message>"
        "<RequestId>4442587FB7D0A2F9</RequestId><HostId>aGVsbG8=</HostId></Error>"
    )
    headers = (("Content-Type", "application/xml"), ("x-amz-request-id", "4442587FB7D0A2F9"))
    return Answer(status, body.encode(), headers)


def gcs_error(status: int, reason: str, message: str = "made up by a test") -> Answer:
    """Return an error as the JSON API of Google Cloud Storage answers it."""
    detail = {"message": message, "domain": "global", "reason": reason}
    body = json.dumps({"error": {"code": status, "message": message, "errors": [detail]}})
    return Answer(status, body.encode(), (("Content-Type", "application/json; charset=UTF-8"),))
