"""Resumable uploads: a file in several requests that nobody sees before the last.

https://cloud.google.com/storage/docs/performing-resumable-uploads
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from ...exceptions import BackendError, UnavailableError
from .._cloud.deadline import deadline
from .._cloud.translate import Meaning
from .errors import NO_BUCKET
from .objects import extra_params
from .wire import Answer, Pieces, Request, Wire

_INCOMPLETE = 308
_CANCELLED = 499
_RANGE = re.compile(r"bytes=0-(\d+)")
_CANCEL_SECONDS = 5.0
_GONE = Meaning(UnavailableError, "the store has forgotten the upload")


@dataclass
class Session:
    """One upload.

    :param url: Where the content goes. Whoever has it can write: it is a secret.
    :param refused: What 412 means.
    """

    wire: Wire
    key: str
    name: str
    url: str = field(repr=False)
    refused: Meaning
    at: int = 0
    open: bool = True

    @classmethod
    def begin(cls, wire: Wire, key: str, wanted: Mapping[str, Any], *, overwrite: bool) -> Session:
        """Begin an upload.

        :param wanted: The attributes of the file.
        :raises AlreadyExistsError: if there is a file and ``overwrite`` is false; what counts is the end, though.
        """
        request = Request(
            "save",
            key,
            "POST",
            wire.url(upload=True),
            {"uploadType": "resumable", "name": wanted["name"], **extra_params(wire.options)},
            {"Content-Type": "application/json; charset=UTF-8", "X-Upload-Content-Type": wanted["contentType"]},
            json.dumps(wanted).encode(),
            missing=NO_BUCKET,
        )
        wire.condition(request, wanted["name"], overwrite=overwrite)
        session = cls(wire, key, wanted["name"], wire.send(request).headers.get("Location", ""), request.refused)
        if not session.url:
            raise session._stuck("the store tells no place for the content")
        return session

    def put(self, block: bytearray) -> None:
        """Send the next block, which is not the last."""
        self._transfer(block, None, {})

    def finish(self, block: bytearray, size: int, crc32c: str) -> dict[str, Any]:
        """Send the last block and return what is known of the object.

        :param size: The length of the file.
        :param crc32c: Its digest, which the store compares before anybody sees the file.
        """
        return self._transfer(block, size, {"X-Goog-Hash": f"crc32c={crc32c}"}).json()

    def cancel(self) -> None:
        """Make the store forget the upload. If that fails, it does so by itself after a week, and shows nothing."""
        if not self.open:
            return
        self.open = False
        with suppress(BackendError), deadline(_CANCEL_SECONDS):
            self.wire.send(self._request("DELETE", accept=frozenset({_CANCELLED})))

    def _transfer(self, block: bytearray, size: int | None, headers: Mapping[str, str]) -> Answer:
        """Send a block until the store has it, each time from where the store got to."""
        start, attempts = self.at, 0
        with deadline(self.wire.options.deadline, len(block)) as limit:
            while True:
                attempts += 1
                try:
                    answer = self._send(memoryview(block)[self.at - start :], size, headers)
                except UnavailableError:
                    if not self.wire.pause(attempts, limit):
                        raise
                    answer = self._send(memoryview(b""), size, headers, ask=True)
                if answer.status != _INCOMPLETE:
                    return answer
                reached = self._reached(answer, start, start + len(block))
                if reached > self.at:
                    self.at, attempts = reached, 0
                if size is None and self.at == start + len(block):
                    return answer
                if attempts >= self.wire.options.max_attempts:
                    raise self._stuck("the store takes no more bytes")

    def _send(self, rest: memoryview, size: int | None, headers: Mapping[str, str], *, ask: bool = False) -> Answer:
        """Send bytes; or none, to ask how far the store got."""
        total = "*" if size is None else size
        sent = f"{self.at}-{self.at + len(rest) - 1}" if len(rest) else "*"
        request = self._request("PUT", accept=frozenset({_INCOMPLETE}))
        request.headers = {**headers, "Content-Range": f"bytes {sent}/{total}"}
        request.body = Pieces(rest)
        request.repeat = ask
        return self.wire.send(request)

    def _request(self, method: str, accept: frozenset[int]) -> Request:
        request = Request("save", self.key, method, self.url, accept=accept, foreign=True)
        request.missing, request.refused = _GONE, self.refused
        return request

    def _reached(self, answer: Answer, start: int, end: int) -> int:
        found = _RANGE.fullmatch(answer.headers.get("Range", ""))
        reached = int(found[1]) + 1 if found else 0
        if not start <= reached <= end:
            raise self._stuck(f"the store claims to have {reached} bytes, not {start} to {end}")
        return reached

    def _stuck(self, why: str) -> UnavailableError:
        return UnavailableError(
            f"Could not save {self.key!r} on the {self.wire.name!r} backend: {why}.",
            key=self.key,
            backend=self.wire.name,
        )
