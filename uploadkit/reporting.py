"""Reporting what becomes of an upload, whichever way it came in."""

from __future__ import annotations

import logging
from time import perf_counter
from types import TracebackType
from typing import BinaryIO

from werkzeug.datastructures import FileStorage
from werkzeug.exceptions import HTTPException

from .exceptions import AlreadyExistsError, BackendError, UploadNotAllowed
from .filetypes import content_type_for
from .models import FileInfo
from .names import presentable
from .pending import pending_key
from .signals import REJECTED, UploadEvent, is_heeded, send, upload_deleted, upload_failed, upload_refused, upload_saved
from .streams import length_of
from .targets import Rules

_LONGEST_NAME = 255


class Reporting:
    """Tells what becomes of one upload: a context around everything that may refuse it or fail.

    :param rules: The upload set.
    :param filename: What the visitor calls the file.
    :param stream: Its content, to say how long it is.
    """

    def __init__(self, rules: Rules, filename: str | None, stream: BinaryIO | None = None) -> None:
        self._rules = rules
        self._filename = filename
        self._stream = stream

    def __enter__(self) -> Reporting:
        self._began = perf_counter()
        return self

    def saved(self, info: FileInfo) -> FileInfo:
        """Tell that the file is stored; return the same."""
        rules, settings = self._rules, self._rules.config.settings
        if is_heeded(upload_saved, rules):
            key = pending_key(settings, info.key) if info.pending else info.key
            send(upload_saved, rules, event_of(rules, info, key, self._began, pending=info.pending))
        return info

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if isinstance(error, UploadNotAllowed):
            send(upload_refused, self._rules, self._unstored(code=error.code, reason=error.reason))
        elif isinstance(error, Exception):
            send(upload_failed, self._rules, self._unstored(error=error, reason=str(error)), _level_of(error))

    def _unstored(
        self, *, code: str | None = None, reason: str | None = None, error: Exception | None = None
    ) -> UploadEvent:
        name = presentable(self._filename, _LONGEST_NAME) if isinstance(self._filename, str) else ""
        return UploadEvent(
            self._rules.name,
            name,
            None,
            self._rules.config.backend.name,
            _length(self._stream),
            content_type_for(name),
            perf_counter() - self._began,
            code=code,
            reason=reason,
            error=error,
        )


def reporting(rules: Rules, storage: FileStorage) -> Reporting:
    """Return what tells of the upload in a `FileStorage`."""
    return Reporting(rules, storage.filename, storage.stream)  # type: ignore[arg-type]


def event_of(
    rules: Rules, info: FileInfo, key: str, began: float, *, pending: bool = False, reason: str | None = None
) -> UploadEvent:
    """Return the event of a file that is known.

    :param began: What `time.perf_counter` said at the beginning.
    """
    return UploadEvent(
        rules.name,
        info.key,
        key,
        rules.config.backend.name,
        info.size,
        info.content_type,
        perf_counter() - began,
        info.checksum,
        pending,
        REJECTED if reason is not None else None,
        reason,
    )


def report_deleted(rules: Rules, info: FileInfo, began: float) -> None:
    """Tell that a file was deleted."""
    send(upload_deleted, rules, event_of(rules, info, info.key, began))


def _level_of(error: Exception) -> int:
    """Return how loudly a failure is told: one of the visitor's connection is no trouble of the app's."""
    if isinstance(error, HTTPException):
        return logging.INFO
    may_pass = isinstance(error, AlreadyExistsError) or (isinstance(error, BackendError) and error.retryable)
    return logging.WARNING if may_pass else logging.ERROR


def _length(stream: BinaryIO | None) -> int | None:
    """Return how long an upload is that went wrong, if it still tells."""
    try:
        return None if stream is None else length_of(stream)
    except Exception:  # noqa: BLE001 - it is closed, or is what went wrong; that is to be told, not this
        return None
