"""Claims: one completion of a multipart upload at a time for each key, on stores that are not AWS.

A probe shows that a store keeps ``If-None-Match`` on CompleteMultipartUpload, but not that it looks and stores in one
step: SeaweedFS lets two completions at the same moment both succeed, and one file is lost. Of PutObject every store
that keeps the condition at all has kept it in races too. So whoever completes first puts a small hidden object.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any

from ...exceptions import AlreadyExistsError, BackendError, NotFoundError, UnavailableError
from .._cloud.body import Body
from .._cloud.metadata import UPLOAD, new_upload_word
from .client import BACKEND, S3Calls
from .files import bare_etag, time_of

_log = logging.getLogger("uploadkit")

#: A claim of a process that was killed counts no more after this time; no completion takes so long.
STALE_AFTER = timedelta(minutes=15)


@contextmanager
def claimed(calls: S3Calls, key: str) -> Iterator[None]:
    """Hold the claim to complete an upload to ``key``.

    :raises AlreadyExistsError: if somebody else is completing one.
    """
    claim = _Claim(calls, key)
    claim.take()
    try:
        yield
    finally:
        claim.release()


class _Claim:
    """The hidden object that says who completes an upload to ``key``; its metadata has the word of this claim."""

    def __init__(self, calls: S3Calls, key: str) -> None:
        self._calls = calls
        self._key = key
        self._name = f"{calls.place.internal}claims/{hashlib.sha256(key.encode()).hexdigest()}"
        self._word = new_upload_word()
        self._etag: str | None = None

    def take(self) -> None:
        """Put the object, or take over one that counts no more."""
        try:
            return self._put(IfNoneMatch="*")
        except (AlreadyExistsError, UnavailableError) as error:
            there = self._look()
            if there is not None and self._is_ours(there):  # the answer got lost
                self._etag = bare_etag(there)
                return None
            if isinstance(error, UnavailableError):
                raise
            if there is None or not _is_stale(there):
                raise _busy(self._key) from error
        try:
            return self._put(IfMatch=f'"{bare_etag(there)}"')  # of several who find it stale, one gets it
        except (AlreadyExistsError, NotFoundError) as error:
            raise _busy(self._key) from error

    def release(self) -> None:
        """Remove the object, unless it took so long that somebody else has taken it over."""
        try:
            self._remove()
        except BackendError as error:
            _log.warning("The claim %s could not be removed (%s); it counts for %s.", self._name, error, STALE_AFTER)

    def _put(self, **condition: str) -> None:
        content = Body(self._word.encode())  # no two claims have the same etag
        mark = {UPLOAD: self._word}
        answer = self._calls("put_object", self._key, Key=self._name, Body=content, Metadata=mark, **condition)
        self._etag = bare_etag(answer)

    def _look(self) -> dict[str, Any] | None:
        try:
            return self._calls("head_object", self._key, Key=self._name)
        except BackendError:
            return None

    def _is_ours(self, answer: dict[str, Any]) -> bool:
        return bool(answer.get("Metadata", {}).get(UPLOAD) == self._word)

    def _remove(self) -> None:
        try:
            self._calls("delete_object", self._key, Key=self._name, IfMatch=f'"{self._etag}"')
        except NotFoundError:
            return
        except AlreadyExistsError:  # it is another one; or the store does not take etags as it gave them
            there = self._look()
            if there is not None and self._is_ours(there):
                self._calls("delete_object", self._key, Key=self._name)


def _is_stale(answer: dict[str, Any]) -> bool:
    """Whether a claim counts no more, by the store's own clock."""
    taken: datetime = answer["LastModified"]
    return time_of(answer) - taken > STALE_AFTER


def _busy(key: str) -> AlreadyExistsError:
    problem = f"Could not save {key!r} on the {BACKEND!r} backend: another upload of it is being completed."
    return AlreadyExistsError(problem, key=key, backend=BACKEND)
