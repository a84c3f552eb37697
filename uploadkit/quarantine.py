"""Quarantine: the files of a set that wait until somebody has looked at them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import replace
from pathlib import Path
from time import perf_counter
from typing import BinaryIO

from flask import request
from werkzeug.datastructures import FileStorage
from werkzeug.wrappers import Response

from . import operations
from .backends.protocol import Backend
from .borrowing import borrowed
from .deciding import decided
from .exceptions import ConfigError, InvalidKeyError, NotFoundError, PreconditionError
from .keys import file_key, is_hidden, join, split
from .models import FileInfo
from .pending import pending_keys, unlocated
from .placing import check_policy, place
from .reporting import event_of
from .settings import OnConflict, SetSettings
from .signals import send, upload_refused, upload_released
from .targets import Rules, Target, is_overridden
from .web.caching import NOT_KEPT
from .web.delivery import Grant, deliver
from .web.missing import as_not_found


class PendingFiles:
    """The files of a set, or of a folder of it, that wait in quarantine; made by ``photos.pending``.

    Filenames are those that the files are to get. Nothing but this sees the files: no link, listing or route does.

    :param rules: The set.
    :param prefix: The folder that names are relative to.
    :raises ConfigError: if the set is configured without quarantine.
    """

    def __init__(self, rules: Rules, prefix: str) -> None:
        if not rules.config.settings.quarantine:
            raise ConfigError(
                f"Upload set {rules.name!r} has no quarantine: set UPLOADED_{rules.name.upper()}_QUARANTINE = True."
            )
        self._rules = rules
        self._prefix = prefix

    def open(self, name: str) -> BinaryIO:
        """Open a waiting file for reading. It is seekable; close it.

        :raises NotFoundError: if none of this name waits.
        """
        return self._backend.open(self._stat(name)[1].key)

    def stat(self, name: str) -> FileInfo:
        """Return what is known of a waiting file; its ``etag`` can be given to `release`.

        :raises NotFoundError: if none of this name waits.
        """
        return self._shown(*self._stat(name))

    def exists(self, name: str) -> bool:
        """Whether a file of this name waits."""
        try:
            self._stat(name)
        except (NotFoundError, InvalidKeyError):
            return False
        return True

    def list_files(self) -> Iterator[FileInfo]:
        """Yield the waiting files, lazily, in the order of their names.

        :raises NotSupportedError: at once, if the backend cannot list.
        """
        found = [
            (folder, operations.list_files(self._backend, join(folder, self._prefix) + "/"))
            for folder in self._settings.quarantine
        ]
        waiting = ((info.key[len(folder) + 1 :], info) for folder, infos in found for info in infos)
        return (self._shown(key, info) for key, info in waiting if not is_hidden(key))

    @contextmanager
    def local_path(self, name: str) -> Iterator[Path]:
        """Lend a waiting file as one of this machine for the length of a ``with`` block. Do not change it.

        :raises NotFoundError: if none of this name waits.
        """
        with borrowed(self._backend, self._stat(name)[1].key, self._settings, write=False) as path:
            yield path

    def serve(self, name: str, *, download: str | bool | None = None) -> Response:
        """Return the response for a waiting file, for a page of those who decide about it; see `UploadSet.serve`.

        It goes through the app, on every backend, with the headers that keep it from running in the app's origin, and
        nobody may keep it. Who may see the page is for the app to decide.

        :param download: Offer it as a download under this name or, if true, its own.
        :raises NotFoundError: if none of this name waits; nobody need catch it, the visitor gets a 404.
        :raises InvalidKeyError: (a `ValueError`) if the name leads out of the set; likewise.
        """
        grant = Grant(public=False, cache=NOT_KEPT, download=download, through_app=True)
        try:
            return deliver(self._rules, self._stat(name)[1].key, grant, request)
        except (NotFoundError, InvalidKeyError) as error:
            raise as_not_found(error) from error

    def release(self, name: str, *, etag: str | None = None, on_conflict: OnConflict | None = None) -> str:
        """Let a file out of quarantine and return the filename it got.

        On a local set it is renamed in one step; on S3 and Google Cloud Storage it is copied within the store and then
        deleted: it is never missing, and for a moment there twice. Of several who release or reject it, one does.

        :param etag: That of the file that was looked at, from `stat` or `list_files`; another one is not released.
        :param on_conflict: What to do if the name was taken meanwhile; None means as the set is configured.
        :raises NotFoundError: if none of this name waits, or somebody else decides about it.
        :raises PreconditionError: if it is not the file with this ``etag``; it stays where it is.
        :raises AlreadyExistsError: if the name is taken and ``on_conflict`` is ``"error"``.
        """
        began = perf_counter()
        policy = check_policy(on_conflict or self._settings.on_conflict)
        key, info = self._looked_at(name, etag)
        with unlocated(self._settings), decided(self._backend, info):
            released = self._already_there(key, info) or self._placed(key, info, policy)
        send(upload_released, self._rules, event_of(self._rules, released, released.key, began))
        return self._shown(released.key, released).key

    def reject(
        self,
        name: str,
        reason: str = "The file was rejected.",
        *,
        etag: str | None = None,
        missing_ok: bool = False,
    ) -> None:
        """Delete a file that waits in quarantine.

        :param reason: What is told to receivers of `upload_refused`, and in the log.
        :param etag: That of the file that was looked at; another one is not deleted.
        :param missing_ok: Whether it is fine if none of this name waits.
        :raises NotFoundError: if there is none, or somebody else decides about it, and ``missing_ok`` is false.
        :raises PreconditionError: if it is not the file with this ``etag``; it stays where it is.
        """
        began = perf_counter()
        with suppress(NotFoundError) if missing_ok else nullcontext(), unlocated(self._settings):
            key, info = self._looked_at(name, etag)
            with decided(self._backend, info):
                self._backend.delete(info.key)
            told = replace(info, key=key)
            send(upload_refused, self._rules, event_of(self._rules, told, info.key, began, reason=reason))

    @property
    def _backend(self) -> Backend:
        return self._rules.config.backend

    @property
    def _settings(self) -> SetSettings:
        return self._rules.config.settings

    def _stat(self, name: str) -> tuple[str, FileInfo]:
        """Return the key that a waiting file is to get, and what is known of it where it waits."""
        key = file_key(self._prefix, name)
        for waiting in pending_keys(self._settings, key):
            with suppress(NotFoundError):
                return key, self._backend.stat(waiting)
        raise NotFoundError(
            f"No file waits in quarantine to be {key!r} on the {self._backend.name!r} backend.",
            key=key,
            backend=self._backend.name,
        )

    def _looked_at(self, name: str, etag: str | None) -> tuple[str, FileInfo]:
        """The same, if it is the file that somebody has looked at."""
        key, info = self._stat(name)
        if etag is not None and info.etag != etag:
            raise PreconditionError(
                f"The file that waits to be {key!r} is not the one that was looked at; it stays in quarantine.",
                key=key,
                backend=self._backend.name,
            )
        return key, info

    def _shown(self, key: str, info: FileInfo) -> FileInfo:
        """The same, under the name that this view has for it."""
        name = key[len(self._prefix) + 1 :] if self._prefix else key
        return replace(info, key=name, pending=info.key != key)

    def _placed(self, key: str, info: FileInfo, policy: str) -> FileInfo:
        """Move a file to the first free name."""

        def action(new_key: str, overwrite: bool) -> FileInfo:
            return operations.move(self._backend, info.key, new_key, overwrite=overwrite)

        target, judges = Target(*split(key)), is_overridden(self._rules.file_allowed)
        with self._backend.open(info.key) if judges else nullcontext() as stream:
            storage = FileStorage(stream, target.basename)
            return place(self._rules, storage, target, policy, action)

    def _already_there(self, key: str, info: FileInfo) -> FileInfo | None:
        """Return the released file of the same content, where files are named after their content; forget ours."""
        if self._settings.naming != "sha256":
            return None
        try:
            there = self._backend.stat(key)
        except NotFoundError:
            return None
        if info.checksum is None or there.checksum != info.checksum:
            return None
        self._backend.delete(info.key)
        return there
