"""The verbs of upload sets: the same on every backend, for a whole set and for a view of one folder of it."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from dataclasses import replace
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any, BinaryIO

from werkzeug.datastructures import FileStorage

from . import operations, saving
from .bodies import announced_length
from .borrowing import borrowed
from .exceptions import InvalidKeyError, NotFoundError
from .filetypes import extension
from .judging import judge
from .keys import check_key, is_hidden, join
from .linkverbs import LinkVerbs
from .models import FileInfo, SaveOptions
from .quarantine import PendingFiles
from .remotepath import RemotePath
from .reporting import report_deleted, reporting
from .saving import Request, Source
from .settings import OnConflict
from .signals import is_heeded, upload_deleted
from .targets import Target, is_overridden, named_target, read_folder, require_filename, split_name

if TYPE_CHECKING:
    from .backends.protocol import Backend


class FileVerbs(LinkVerbs):
    """What can be done with the files of a set. Filenames are ``/``-separated and relative to the set."""

    def save(
        self,
        storage: FileStorage,
        folder: str | os.PathLike[str] | None = None,
        name: str | None = None,
        *,
        on_conflict: OnConflict | None = None,
    ) -> str:
        """Store a form's file and return the filename it got, folder included.

        The whole file is stored, wherever its stream stands, and the stream is left open.

        :param storage: The file, from ``request.files``.
        :param folder: The folder in the set; segments are cleaned one by one.
        :param name: The name to store it under, instead of the visitor's; a dot at the end asks for the visitor's
            extension (``"42."``), and it may begin with a folder.
        :param on_conflict: What to do if the name is taken; None means as the set is configured.
        :raises UploadNotAllowed: if the file is refused; ``reason`` can be shown to the visitor.
        :raises BackendError: if it could not be stored; nothing is left of it.
        :raises TypeError: if ``storage`` is no `FileStorage`.
        """
        if not isinstance(storage, FileStorage):
            raise TypeError("storage must be a werkzeug.FileStorage; put() takes bytes, streams and paths")
        with reporting(self._rules, storage) as report:
            require_filename(storage)
            wanted = Request(self._folder(folder), name, on_conflict)
            return self._shown(report.saved(saving.save(self._rules, storage, wanted))).key

    def check(
        self, storage: FileStorage, folder: str | os.PathLike[str] | None = None, name: str | None = None
    ) -> None:
        """Refuse a form's file that `save` would refuse; store nothing, and leave the stream at its start.

        :param storage: The file, from ``request.files``.
        :param folder: As for `save`.
        :param name: As for `save`.
        :raises UploadNotAllowed: if the file is refused; ``reason`` can be shown to the visitor.
        :raises ValueError: if the stream cannot be read twice; those of forms can.
        :raises TypeError: if ``storage`` is no `FileStorage`.
        """
        if not isinstance(storage, FileStorage):
            raise TypeError("storage must be a werkzeug.FileStorage")
        with reporting(self._rules, storage):
            require_filename(storage)
            saving.check(self._rules, storage, Request(self._folder(folder), name))

    def put(
        self,
        source: Source,
        name: str,
        folder: str | os.PathLike[str] | None = None,
        *,
        on_conflict: OnConflict | None = None,
        content_type: str | None = None,
        content_disposition: str | None = None,
        cache_control: str | None = None,
        metadata: Mapping[str, str] | None = None,
        checksum: str | None = None,
        size: int | None = None,
    ) -> FileInfo:
        """Store bytes, a binary stream or a file of this machine, and return what was stored.

        The same rules hold as for a form's file called ``name``.

        :param source: Bytes, a binary stream (a seekable one is read from its start; it is left open), a path, or a
            `FileStorage`.
        :param name: What the file is called; it may begin with a folder.
        :param folder: The folder in the set.
        :param on_conflict: What to do if the name is taken; None means as the set is configured.
        :param content_type: The media type; None means by the extension.
        :param content_disposition: The ``Content-Disposition`` to keep with it.
        :param cache_control: The ``Cache-Control`` to keep with it.
        :param metadata: Small words to keep with it (see `SaveOptions`).
        :param checksum: ``"sha256:<hex>"`` of the bytes, if known; other bytes are refused.
        :param size: The length in bytes, if known; another length is refused.
        :raises UploadNotAllowed: if the set's rules refuse it.
        :raises BackendError: if it could not be stored; nothing is left of it.
        """
        options = SaveOptions(content_type, content_disposition, cache_control, metadata or {}, checksum, size)
        name_folder, leaf = split_name(name)
        with saving.as_storage(source, leaf) as storage, reporting(self._rules, storage) as report:
            own_folder = read_folder(name_folder, self._rules.config.settings.names)
            wanted = Request(join(self._folder(folder), own_folder), None, on_conflict, options)
            return self._shown(report.saved(saving.save(self._rules, storage, wanted)))

    def save_stream(
        self,
        stream: BinaryIO,
        name: str,
        length: int | None = None,
        folder: str | os.PathLike[str] | None = None,
        *,
        on_conflict: OnConflict | None = None,
        content_type: str | None = None,
        content_disposition: str | None = None,
        cache_control: str | None = None,
        metadata: Mapping[str, str] | None = None,
        checksum: str | None = None,
    ) -> FileInfo:
        """Store a stream while it is arriving, such as ``request.stream``, and return what was stored.

        As `put`, but a backend that can send the bytes on at once (S3, Google Cloud Storage) does so: nothing waits in
        a temporary file. Under ``"rename"`` and ``"unique"`` the name then has a random word in it, for the file could
        not be sent again under another one. With ``NAMING = "sha256"``, and with validators that want to see the whole
        file, it does wait.

        :param stream: A binary stream, read once.
        :param length: How many bytes it has to bring; None means the ``Content-Length`` of the current request if it
            is the body of that, else any number. Give it where it is known: some servers show a body that was cut off
            as one that has ended.
        :raises UploadNotAllowed: if the set's rules refuse it; the rest of it was not read.
        :raises IntegrityError: if it is shorter or longer than ``length``; nothing is left of it.
        :raises ClientDisconnected: (Werkzeug's, 400) if the visitor went away; nothing is left of it.
        :raises LengthRequired: (Werkzeug's, 411) if it is a body of which the server does not tell where it ends.
        :raises BackendError: if it could not be stored; nothing is left of it.
        """
        size = announced_length(stream) if length is None else length
        options = SaveOptions(content_type, content_disposition, cache_control, metadata or {}, checksum, size)
        name_folder, leaf = split_name(name)
        with saving.as_storage(stream, leaf) as storage, reporting(self._rules, storage) as report:
            self._rules.config.settings.require_size(size)
            own_folder = read_folder(name_folder, self._rules.config.settings.names)
            wanted = Request(join(self._folder(folder), own_folder), None, on_conflict, options, streamed=True)
            return self._shown(report.saved(saving.save(self._rules, storage, wanted)))

    def _receive(
        self,
        storage: FileStorage,
        folder: str | os.PathLike[str] | None,
        name: str | None,
        on_conflict: OnConflict | None,
    ) -> FileInfo:
        """Store a form's file that is still arriving; as `save`, and return what was stored."""
        with reporting(self._rules, storage) as report:
            require_filename(storage)
            wanted = Request(self._folder(folder), name, on_conflict, streamed=True)
            return self._shown(report.saved(saving.save(self._rules, storage, wanted)))

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
            return saving.arrived(config, new_key, stream, options)

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

    def _folder(self, folder: str | os.PathLike[str] | None) -> str:
        return join(self._prefix, read_folder(folder, self._rules.config.settings.names))

    def _shown(self, info: FileInfo) -> FileInfo:
        """The same, under the name that this view has for it."""
        return replace(info, key=info.key[len(self._prefix) + 1 :]) if self._prefix else info

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
            return self._shown(saving.place(self._rules, storage, within, saving.check_policy(on_conflict), action))
