"""Uploads that save themselves: `TestingFileStorage` and other `FileStorage` classes with a ``save`` of their own.

Flask-Uploads called ``storage.save(path)``, and tests and apps rely on being called, with the same functions of `os`
around it. So on a local set the path is the final one; such a ``save`` is not under all promises of a backend: its
file can be seen while it is written, and overwriting may fail half-way. The name is reserved first, so that it loses
nobody else's file.
"""

from __future__ import annotations

import os
from contextlib import suppress
from typing import NamedTuple

from werkzeug.datastructures import FileStorage

from .conflicts import other_name, randomized
from .exceptions import AlreadyExistsError, InvalidKeyError, UploadNotAllowed
from .judging import judge
from .keys import segments
from .models import FileInfo
from .streams import length_of
from .targets import Rules, Target, checked
from .test_helper import TestingFileStorage

_WERKZEUGS_SAVE = FileStorage.save
_TRIES = 100


class _Place(NamedTuple):
    """Where to save, and whether what is there may be replaced."""

    target: Target
    replaces: bool = False


def saves_itself(storage: FileStorage) -> bool:
    """Whether ``save`` was overridden or replaced, so that its author expects it to be called."""
    return "save" in vars(storage) or type(storage).save is not _WERKZEUGS_SAVE


def save_on_disk(rules: Rules, storage: FileStorage, target: Target, policy: str) -> FileInfo:
    """Let ``storage`` save itself into a local set: look, resolve the conflict, make the folder, call.

    :raises InvalidKeyError: if a symbolic link would lead out of the set, or a file is where a folder should be.
    :raises AlreadyExistsError: if the name is taken and ``policy`` is ``"error"``.
    """
    backend = rules.config.backend
    place = _Place(target)
    for _ in range(_TRIES):
        folder = os.path.join(str(backend.path("")), *segments(target.folder))
        if os.path.exists(os.path.join(folder, place.target.basename)):
            place = _resolved(rules, storage, place.target, folder, policy)
        path = str(backend.path(place.target.key))
        _make_folder(folder, place.target)
        if isinstance(storage, TestingFileStorage):
            storage.save(path)
            return FileInfo(place.target.key, length_of(storage.stream) or 0)  # type: ignore[arg-type]
        if place.replaces or _reserve(path):
            return _call(rules, storage, place, path)
    raise _taken(rules, place.target)


def _call(rules: Rules, storage: FileStorage, place: _Place, path: str) -> FileInfo:
    backend, key = rules.config.backend, place.target.key
    expected = length_of(storage.stream)  # type: ignore[arg-type]
    try:
        storage.save(path)
        written = os.path.getsize(path) if os.path.isfile(path) else None
        rules.config.settings.require_size(written)
        if written:
            with open(path, "rb") as file:
                judge(rules.config.settings.validators, key, file)
    except BaseException as error:
        if not place.replaces or isinstance(error, UploadNotAllowed):
            with suppress(OSError):
                os.unlink(path)
        raise
    if not written and expected:  # it only noted the path, or wrote elsewhere
        if not place.replaces:
            with suppress(OSError):
                os.unlink(path)
        return FileInfo(key, expected)
    return backend.stat(key) if written is not None else FileInfo(key, 0)


def _reserve(path: str) -> bool:
    """Take the name for ourselves; return whether it was free. What cannot be reserved is not ours to judge."""
    try:
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666))
    except FileExistsError:
        return False
    except OSError:  # the folder is not there: a test has replaced what makes it
        return True
    return True


def _make_folder(folder: str, target: Target) -> None:
    if os.path.exists(folder):
        return
    try:
        os.makedirs(folder)
    except (FileExistsError, NotADirectoryError) as error:
        if not os.path.isdir(folder):  # else somebody was faster
            raise InvalidKeyError(
                f"A part of the folder {target.folder!r} is a file.", key=target.key, backend="local"
            ) from error


def _resolved(rules: Rules, storage: FileStorage, target: Target, folder: str, policy: str) -> _Place:
    if policy == "overwrite":
        return _Place(target, replaces=True)
    if policy == "error":
        raise _taken(rules, target)
    if policy == "unique":
        return _Place(target._replace(basename=randomized(target.basename)))
    answer = rules.resolve_conflict(folder, target.basename)
    if answer == target.basename:
        return _Place(target, replaces=True)
    return _Place(checked(rules, storage, target._replace(basename=other_name(target.basename, answer))))


def _taken(rules: Rules, target: Target) -> AlreadyExistsError:
    backend = rules.config.backend.name
    return AlreadyExistsError(f"{target.key!r} exists already.", key=target.key, backend=backend)
