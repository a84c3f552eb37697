"""The verbs of upload sets: the same on every backend, for a whole set and for a view of one folder of it."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from dataclasses import replace
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any, BinaryIO

from werkzeug.datastructures import FileStorage

from . import operations
from .borrowing import borrowed
from .exceptions import InvalidKeyError, NotFoundError
from .filetypes import extension
from .judging import judge
from .keys import check_key, is_hidden, join
from .models import FileInfo
from .placing import arrived, check_policy, place
from .quarantine import PendingFiles
from .remotepath import RemotePath
from .reporting import report_deleted
from .savingverbs import SavingVerbs
from .settings import OnConflict
from .signals import is_heeded, upload_deleted
from .targets import Target, is_overridden, named_target

if TYPE_CHECKING:
    from .backends.protocol import Backend


class FileVerbs(SavingVerbs):
    """What can be done with the files of a set. Filenames are ``/``-separated and relative to the set."""

    def open(self, name: str, start: int = 0, length: int | None = None) -> BinaryIO:
        """Open a file for reading, or ``length`` bytes of it from ``start``. It is seekable; close it.

        :raises NotFoundError: if there is no such file.
        :raises ValueError: if the name is none, or ``start`` or ``length`` is negative.
        """
        key = self._key(name)
        if start == 0 and length is None:
            return self._backend.open(key)
        return operations.open_range(self._backend, key, start, length)

    def stat(self, name: str) -> FileInfo:
        """Return what is known of a file.

        :raises NotFoundError: if there is no such file.
        """
        return self._shown(self._backend.stat(self._key(name)))

    def exists(self, name: str) -> bool:
        """Whether there is such a file. A name that cannot be one has none; other failures are raised."""
        try:
            key = self._key(name)
        except InvalidKeyError:
            return False
        return operations.exists(self._backend, key)

    def delete(self, name: str, *, missing_ok: bool = False) -> None:
        """Delete a file.

        :param missing_ok: Whether it is fine if there is none.
        :raises NotFoundError: if there is none and ``missing_ok`` is false.
        """
        began, key, info = perf_counter(), self._key(name), None
        if not missing_ok or is_heeded(upload_deleted, self._rules):
            with suppress(NotFoundError) if missing_ok else nullcontext():
                info = self._backend.stat(key)
        self._backend.delete(key)
        if info is not None:
            report_deleted(self._rules, info, began)

    def delete_prefix(self, prefix: str) -> int:
        """Delete every file below a folder (``"users/4"`` does not touch ``users/42``); return how many.

        :raises InvalidKeyError: if ``prefix`` is empty: that would be the whole set.
        """
        folder = self._folder(prefix)
        if folder == self._prefix:
            whole = f"everything in {self._prefix!r}" if self._prefix else "the whole set"
            raise InvalidKeyError(f"delete_prefix() needs a folder; an empty one would delete {whole}.")
        began, count = perf_counter(), 0
        for count, info in enumerate(operations.delete_all(self._backend, folder + "/"), 1):  # noqa: B007
            report_deleted(self._rules, info, began)
        return count

    def list_files(self, prefix: str = "") -> Iterator[FileInfo]:
        """Yield the files below a folder, of the whole set by default, lazily, in the order of their names.

        :raises NotSupportedError: at once, if the backend cannot list.
        """
        folder = self._folder(prefix)
        found = operations.list_files(self._backend, folder + "/" if folder else "")
        return (self._shown(info) for info in found if not is_hidden(info.key))

    @property
    def pending(self) -> PendingFiles:
        """The files that wait in quarantine.

        :raises ConfigError: if the set is configured without ``UPLOADED_<NAME>_QUARANTINE``.
        """
        return PendingFiles(self._rules, self._prefix)

    def release(self, name: str, *, etag: str | None = None, on_conflict: OnConflict | None = None) -> str:
        """Let a file out of quarantine and return the filename it got; see `PendingFiles.release`."""
        return self.pending.release(name, etag=etag, on_conflict=on_conflict)

    def reject(
        self,
        name: str,
        reason: str = "The file was rejected.",
        *,
        etag: str | None = None,
        missing_ok: bool = False,
    ) -> None:
        """Delete a file that waits in quarantine; see `PendingFiles.reject`."""
        self.pending.reject(name, reason, etag=etag, missing_ok=missing_ok)

    def copy(self, name: str, new_name: str, *, on_conflict: OnConflict = "error") -> FileInfo:
        """Copy a file within the set, with its content type and metadata.

        :raises NotFoundError: if there is no such file.
        :raises AlreadyExistsError: if ``new_name`` is taken and ``on_conflict`` is ``"error"``.
        :raises UploadNotAllowed: if the set's rules refuse ``new_name``.
        """
        return self._to(operations.copy, name, new_name, on_conflict)

    def move(self, name: str, new_name: str, *, on_conflict: OnConflict = "error") -> FileInfo:
        """Give a file another name or folder within the set.

        :raises NotFoundError: if there is no such file.
        :raises AlreadyExistsError: if ``new_name`` is taken and ``on_conflict`` is ``"error"``.
        :raises UploadNotAllowed: if the set's rules refuse ``new_name``.
        """
        return self._to(operations.move, name, new_name, on_conflict)

    def copy_to(
        self, other: FileVerbs, name: str, new_name: str | None = None, *, on_conflict: OnConflict = "error"
    ) -> FileInfo:
        """Copy a file into another set, on whichever backend; the bytes are checked on the way.

        :param other: The set, or the view of one.
        :param new_name: The name there; None means the same.
        :raises UploadNotAllowed: if the other set's rules refuse it.
        """
        config, to = other._rules.config, name if new_name is None else new_name
        info, stream = operations.open_current(self._backend, self._key(name))  # what is judged is what is copied

        def action(new_key: str, overwrite: bool) -> FileInfo:
            options = replace(operations.carried(info, new_key), overwrite=overwrite)
            return arrived(config, new_key, stream, options)

        with stream:
            config.settings.require_size(info.size)
            return other._placed(lambda: nullcontext(stream), to, on_conflict, action)

    def path(self, filename: str, folder: str | os.PathLike[str] | None = None) -> Any:
        """Return where a file is: its absolute path on a local set, a `RemotePath` elsewhere. It need not exist.

        :param folder: The folder it was saved to, as given to `save`.
        :raises InvalidKeyError: (a `ValueError`) if the name leads out of the set.
        """
        check_key(filename)
        key = check_key(join(self._folder(folder), filename))
        place = self._backend.path(key)
        return place.of_set(self._rules.name) if isinstance(place, RemotePath) else place

    @contextmanager
    def local_path(self, name: str, *, write: bool = False) -> Iterator[Path]:
        """A context manager: have a file as a real one for a ``with`` block, for libraries that want a path.

        On a local set it is the file itself. Elsewhere it is a temporary copy, checked against the stored size and
        checksum, with the same extension.

        :param write: Whether changes count. A temporary copy is then stored when the block ends without an error;
            on a local set, changes count at once in any case.
        :raises NotFoundError: if there is no such file.
        :raises PreconditionError: if it was changed by somebody else before the block ended; nothing is stored then.
        :raises UploadNotAllowed: if it has become too large; elsewhere than on a local set nothing is stored then.
        """
        with borrowed(self._backend, self._key(name), self._rules.config.settings, write=write) as path:
            yield path

    def checksum(self, name: str, algorithm: str = "sha256") -> str:
        """Read a file and return its digest in hexadecimal.

        :raises NotFoundError: if there is no such file.
        :raises ValueError: if `hashlib` has no such algorithm.
        """
        return operations.checksum(self._backend, self._key(name), algorithm)

    @property
    def _backend(self) -> Backend:
        return self._rules.config.backend

    def _to(self, operation: Any, name: str, new_name: str, on_conflict: OnConflict) -> FileInfo:
        key, backend = self._key(name), self._backend

        def action(new_key: str, overwrite: bool) -> FileInfo:
            info: FileInfo = operation(backend, key, new_key, overwrite=overwrite)
            return info

        return self._placed(lambda: backend.open(key), new_name, on_conflict, action, known_as=extension(key))

    def _judge(self, key: str, content: Callable[[], AbstractContextManager[BinaryIO]]) -> None:
        validators = self._rules.config.settings.validators
        if validators:
            with content() as stream:
                judge(validators, key, stream)

    def _placed(
        self,
        content: Callable[[], AbstractContextManager[BinaryIO]],
        new_name: str,
        on_conflict: OnConflict,
        action: Callable[[str, bool], FileInfo],
        known_as: str | None = None,
    ) -> FileInfo:
        """Find a place for a file of a backend; a hook that judges files can look at its content.

        :param known_as: The extension under which the set's validators have seen it already.
        """
        with content() if is_overridden(self._rules.file_allowed) else nullcontext() as stream:
            target = named_target(self._rules, new_name, stream)
            within = Target(join(self._prefix, target.folder), target.basename)
            check_key(within.key)
            if extension(within.basename) != known_as:
                self._judge(within.key, content)
            storage = FileStorage(stream, target.basename)
            return self._shown(place(self._rules, storage, within, check_policy(on_conflict), action))
