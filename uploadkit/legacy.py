"""Uploads that save themselves: `TestingFileStorage` and other `FileStorage` classes with a ``save`` of their own.

Flask-Uploads called ``storage.save(path)``, and tests and apps rely on being called, with the same functions of `os`
around it. So on a local set the path is the final one; such a ``save`` is not under the promises of a backend. On
every other backend it gets a temporary path, and what it wrote is stored from there.
"""

from __future__ import annotations

import os
from contextlib import suppress

from werkzeug.datastructures import FileStorage

from .conflicts import randomized
from .exceptions import AlreadyExistsError
from .models import FileInfo
from .streams import length_of
from .targets import Rules, Target, checked, clean_hook_result

_WERKZEUGS_SAVE = FileStorage.save


def saves_itself(storage: FileStorage) -> bool:
    """Whether ``save`` was overridden or replaced, so that its author expects it to be called."""
    return "save" in vars(storage) or type(storage).save is not _WERKZEUGS_SAVE


def save_on_disk(rules: Rules, storage: FileStorage, target: Target, policy: str) -> FileInfo:
    """Let ``storage`` save itself into a local set: look, resolve the conflict, make the folder, call.

    :raises InvalidKeyError: if a symbolic link would lead out of the set.
    :raises AlreadyExistsError: if the name is taken and ``policy`` is ``"error"``.
    """
    backend = rules.config.backend
    folder = os.path.join(str(backend.path("")), *target.folder.split("/")) if target.folder else str(backend.path(""))
    if os.path.exists(os.path.join(folder, target.basename)):
        target = _resolved(rules, storage, target, folder, policy)
    path = str(backend.path(target.key))
    if not os.path.exists(folder):
        with suppress(FileExistsError):  # somebody else was faster
            os.makedirs(folder)
    existed = os.path.lexists(path)
    try:
        storage.save(path)
    except BaseException:
        if not existed:
            with suppress(OSError):
                os.unlink(path)
        raise
    if os.path.isfile(path):
        return backend.stat(target.key)
    return FileInfo(target.key, length_of(storage.stream) or 0)  # type: ignore[arg-type]


def _resolved(rules: Rules, storage: FileStorage, target: Target, folder: str, policy: str) -> Target:
    if policy == "overwrite":
        return target
    if policy == "error":
        raise AlreadyExistsError(f"{target.key!r} exists already.", key=target.key, backend=rules.config.backend.name)
    if policy == "unique":
        return Target(target.folder, randomized(target.basename))
    basename = clean_hook_result(rules.resolve_conflict(folder, target.basename), "resolve_conflict")
    return checked(rules, storage, Target(target.folder, basename))
