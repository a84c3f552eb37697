"""Deciding about a file that waits: of all who release or reject it, in whatever process, one does.

Who decides first stores a claim beside the file: a create-only save, of which every backend lets one succeed. The claim
bears the etag of the file, and goes when the decision is carried out. Nobody else may delete or move the file, and a
file that waits is never replaced; so what was claimed is what is released.
"""

from __future__ import annotations

import hashlib
import io
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta, timezone
from itertools import count

from .backends.protocol import Backend
from .exceptions import AlreadyExistsError, BackendError, NotFoundError
from .keys import join, split
from .models import FileInfo, SaveOptions

#: After so long a claim counts as left by a killed process: no release takes as long.
STALE = timedelta(hours=6)
_CLAIM = ".claim-"
_TRIES = 3
_log = logging.getLogger("uploadkit")
_LETTERS = 32


@contextmanager
def decided(backend: Backend, info: FileInfo) -> Iterator[None]:
    """Be the only one to decide about a waiting file, as long as the block runs.

    :param info: What is known of it where it waits.
    :raises NotFoundError: if somebody else decides about it, or has.
    """
    claims = _claimed(backend, info)
    try:
        if backend.stat(info.key).etag != info.etag:
            raise _gone(backend, info)
        yield
    finally:
        for claim in claims:
            _forget(backend, claim)


def _forget(backend: Backend, claim: str) -> None:
    for _ in range(_TRIES):
        try:
            backend.delete(claim)
        except BackendError as error:
            problem = error
        else:
            return
    _log.warning("a claim on a file in quarantine was left behind, and blocks it for six hours: %s", problem)


def _claimed(backend: Backend, info: FileInfo) -> list[str]:
    """Store a claim; return it behind those of killed processes that it comes after."""
    claims: list[str] = []
    for claim in _names(info):
        claims.append(claim)
        try:
            backend.save(claim, io.BytesIO(), SaveOptions(content_type="text/plain", size=0))
        except AlreadyExistsError:
            if not _is_stale(backend, claim):
                raise _gone(backend, info) from None
        else:
            return claims
    raise AssertionError  # there is no end to the names


def _names(info: FileInfo) -> Iterator[str]:
    folder, name = split(info.key)
    identity = hashlib.sha256(f"{name}\n{info.etag}".encode()).hexdigest()[:_LETTERS]
    for number in count():
        yield join(folder, f"{_CLAIM}{identity}-{number}.txt")


def _is_stale(backend: Backend, claim: str) -> bool:
    """Whether a claim was left behind. One that has gone just now was carried out."""
    try:
        stored = backend.stat(claim).last_modified
    except NotFoundError:
        return False
    return stored is not None and datetime.now(timezone.utc) - stored > STALE


def _gone(backend: Backend, info: FileInfo) -> NotFoundError:
    return NotFoundError(
        f"Somebody else decides about {info.key!r}, or has; it no longer waits in quarantine.",
        key=info.key,
        backend=backend.name,
    )
