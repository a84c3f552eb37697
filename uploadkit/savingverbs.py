"""The verbs of upload sets that take files in."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import replace

from werkzeug.datastructures import FileStorage

from . import saving
from .bodies import announced_length, arriving
from .keys import join
from .linkverbs import LinkVerbs
from .models import FileInfo, SaveOptions
from .reporting import reporting
from .saving import Request
from .settings import OnConflict
from .sources import ReadableSource, Source, as_storage
from .targets import is_overridden, listed_extensions, read_folder, require_filename, split_name


class SavingVerbs(LinkVerbs):
    """Taking files into a set. Filenames are ``/``-separated and relative to the set."""

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

    @property
    def accept(self) -> str:
        """For the ``accept`` of an ``<input type="file">``: the extensions of the set, as in ``".gif,.jpg"``.

        It is empty, so that browsers offer every file, if the extensions cannot be listed or a hook of yours decides.
        To browsers it is a hint (https://html.spec.whatwg.org/multipage/input.html#attr-input-accept); `save` decides.
        """
        if is_overridden(self._rules.file_allowed) or is_overridden(self._rules.extension_allowed):
            return ""
        return ",".join(f".{each}" for each in listed_extensions(self._rules) or ())

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
        with as_storage(source, leaf) as storage, reporting(self._rules, storage) as report:
            own_folder = read_folder(name_folder, self._rules.config.settings.names)
            wanted = Request(join(self._folder(folder), own_folder), None, on_conflict, options)
            return self._shown(report.saved(saving.save(self._rules, storage, wanted)))

    def save_stream(
        self,
        stream: ReadableSource,
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
        with as_storage(arriving(stream), leaf) as storage, reporting(self._rules, storage) as report:
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

    def _folder(self, folder: str | os.PathLike[str] | None) -> str:
        return join(self._prefix, read_folder(folder, self._rules.config.settings.names))

    def _shown(self, info: FileInfo) -> FileInfo:
        """The same, under the name that this view has for it."""
        return replace(info, key=info.key[len(self._prefix) + 1 :]) if self._prefix else info
