"""Placing: finding a name for a file that nobody else has, and storing it there or where it waits for it."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from functools import cache
from typing import BinaryIO

from werkzeug.datastructures import FileStorage

from .config import UploadConfiguration
from .conflicts import candidates
from .deciding import decided
from .exceptions import AlreadyExistsError, NotFoundError
from .keys import join, segments
from .models import FileInfo, SaveOptions
from .operations import exists
from .pending import pending_keys, unlocated
from .settings import ON_CONFLICT
from .targets import Rules, Target, checked


def place(
    rules: Rules, storage: FileStorage, target: Target, policy: str, action: Callable[[str, bool], FileInfo]
) -> FileInfo:
    """Call ``action(key, overwrite)`` with one candidate after another until it finds a free one.

    :raises AlreadyExistsError: if the policy leaves no further candidate.
    """
    backend, settings = rules.config.backend, rules.config.settings

    @cache
    def root() -> str | None:
        found = backend.path("")
        return found if isinstance(found, str) else None

    def taken(basename: str) -> bool:
        key = join(target.folder, basename)
        keys, folder = (key, *pending_keys(settings, key)), root()
        if folder is not None:  # a look is a hint; this one is quick
            return any(os.path.lexists(os.path.join(folder, *segments(each))) for each in keys)
        return any(exists(backend, each) for each in keys)

    def target_folder() -> str:
        folder = root()
        return target.folder if folder is None else os.path.join(folder, *segments(target.folder))

    for basename, overwrite in candidates(rules, target, target_folder, taken, policy):
        attempt = target
        if basename != target.basename:
            attempt = checked(rules, storage, target._replace(basename=basename))
        try:
            return action(attempt.key, overwrite)
        except AlreadyExistsError as error:
            refused = error
    raise refused


def arrived(config: UploadConfiguration, key: str, stream: BinaryIO, options: SaveOptions) -> FileInfo:
    """Store a new file: under its key, or, on a set with quarantine, where it waits for that key.

    A file that waits is never replaced, for it may be the one that a scanner looks at; so another one of its name is
    refused, whatever ``options.overwrite`` says.

    :raises AlreadyExistsError: if the key is taken, or waited for.
    """
    backend, settings = config.backend, config.settings
    if not settings.quarantine:
        return backend.save(key, stream, options)
    newest, *older = pending_keys(settings, key)
    if not options.overwrite and exists(backend, key):
        raise AlreadyExistsError(f"{key!r} exists already.", key=key, backend=backend.name)
    waits = f"A file that is to be {key!r} waits in quarantine; release() or reject() it first."
    if any(exists(backend, waiting) for waiting in older):
        raise AlreadyExistsError(waits, key=key, backend=backend.name)
    try:
        with unlocated(settings):
            info = backend.save(newest, stream, replace(options, overwrite=False))
    except AlreadyExistsError as error:
        raise AlreadyExistsError(waits, key=key, backend=backend.name) from error
    if not options.overwrite and exists(backend, key):  # it was released between the look and the save
        with suppress(NotFoundError), decided(backend, replace(info, key=newest)):
            backend.delete(newest)
        raise AlreadyExistsError(f"{key!r} exists already.", key=key, backend=backend.name)
    return replace(info, key=key, pending=True)


def check_policy(policy: str) -> str:
    """Return ``policy`` if there is one of that name.

    :raises ValueError: otherwise.
    """
    if policy not in ON_CONFLICT:
        raise ValueError(f"on_conflict must be one of {', '.join(ON_CONFLICT)}, not {policy!r}")
    return policy
