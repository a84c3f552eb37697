"""Signals: what happened to uploads, for apps that act on it or count it.

Each is sent when it is true, with the upload set as its sender and one `UploadEvent`::

    @upload_saved.connect_via(photos)
    def make_thumbnail(uset, event): ...

Whatever a receiver raises is logged and goes no further: the file is stored, or is not, all the same.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from inspect import iscoroutinefunction
from typing import Any

from blinker import NamedSignal, Namespace
from flask import current_app

_signals = Namespace()

#: A file was stored; on a set with quarantine it waits there, and ``pending`` is true.
upload_saved: NamedSignal = _signals.signal("upload-saved")
#: A file was refused, by the set's rules or by `UploadSet.reject`; nothing is left of it.
upload_refused: NamedSignal = _signals.signal("upload-refused")
#: A file was deleted.
upload_deleted: NamedSignal = _signals.signal("upload-deleted")
#: A file left the quarantine under the name of the event.
upload_released: NamedSignal = _signals.signal("upload-released")
#: A file could not be stored, for a reason that is not the visitor's; nothing is left of it.
upload_failed: NamedSignal = _signals.signal("upload-failed")

#: The code of files that `UploadSet.reject` deleted.
REJECTED = "rejected"

_log = logging.getLogger("uploadkit.events")


@dataclass(frozen=True, eq=False)
class UploadEvent:
    """What a signal tells of one file. What is not known is None.

    :param set: The name of the upload set.
    :param name: The filename in the set; of a file that got none, what the visitor calls it.
    :param key: The key in the backend; None if nothing was stored.
    :param backend: The name of the backend, such as ``"s3"``.
    :param size: The length in bytes.
    :param content_type: The media type that belongs to the name.
    :param duration: How long it took, in seconds.
    :param checksum: ``"sha256:<hex>"`` or what else the backend computed.
    :param pending: Whether the file waits in quarantine.
    :param code: Why it was refused: the code of the `UploadNotAllowed`, or ``"rejected"``.
    :param reason: The same as a sentence.
    :param error: What was raised, when it failed.
    """

    set: str
    name: str
    key: str | None
    backend: str
    size: int | None
    content_type: str | None
    duration: float
    checksum: str | None = None
    pending: bool = False
    code: str | None = None
    reason: str | None = None
    error: Exception | None = None


def send(signal: NamedSignal, sender: object, event: UploadEvent, level: int = logging.INFO) -> None:
    """Write the log line of an event and call the receivers of its signal."""
    known_as = signal.name.replace("-", "_")
    with _guarded("The log line of %s failed", known_as):
        _write(signal, event, level)
    if signal.receivers and not signal.is_muted:
        for receiver in signal.receivers_for(sender):
            with _guarded("A receiver of %s failed for %r: %r", known_as, event.name, receiver):
                _call(receiver, sender, event)


def is_heeded(signal: NamedSignal, sender: object) -> bool:
    """Whether anybody would learn of an event: a receiver, or whoever reads the log."""
    return _log.isEnabledFor(logging.INFO) or signal.has_receivers_for(sender)


def _write(signal: NamedSignal, event: UploadEvent, level: int) -> None:
    if _log.isEnabledFor(level):
        fields = {name: value for name, value in vars(event).items() if value is not None and value is not False}
        if event.pending or event.code == REJECTED:
            fields.pop("key", None)  # it tells where files wait
        if event.error is not None:
            fields["error"] = type(event.error).__name__
        _log.log(level, "%s %s", signal.name.replace("-", "_"), _line(fields), extra={"upload": fields})


def _line(fields: dict[str, Any]) -> str:
    """Return ``key=value`` pairs; text is quoted as JSON quotes it, so that no name can break the line."""
    return " ".join(f"{name}={_shown(value)}" for name, value in fields.items())


def _shown(value: object) -> str:
    if isinstance(value, float):
        return f"{value:.6f}"
    return json.dumps(value if isinstance(value, (int, str)) else str(value))


def _call(receiver: Callable[..., Any], sender: object, event: UploadEvent) -> None:
    if iscoroutinefunction(receiver):
        receiver = current_app.ensure_sync(receiver)
    receiver(sender, event=event)


@contextmanager
def _guarded(message: str, *arguments: object) -> Iterator[None]:
    """Log what goes wrong, if that can be logged: the file is where it is."""
    try:
        yield
    except Exception:  # noqa: BLE001
        with suppress(Exception):
            _log.exception(message, *arguments)
