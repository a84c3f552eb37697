"""Receiving forms: files go to their backend while the request is still arriving.

The parts of a ``multipart/form-data`` body (RFC 7578) come one after another. A text field is kept. A file is handed to
the app before any of its bytes were read, and what the app says of it decides where they go.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Mapping
from contextlib import suppress
from copy import copy
from types import TracebackType
from typing import TYPE_CHECKING, BinaryIO, NamedTuple, TypeAlias, cast

from werkzeug.datastructures import FileStorage, MultiDict
from werkzeug.exceptions import (
    BadRequest,
    ClientDisconnected,
    HTTPException,
    RequestEntityTooLarge,
    UnsupportedMediaType,
)
from werkzeug.http import parse_options_header
from werkzeug.wrappers import Request

from ..bodies import require_visible_end, unwrapped
from ..exceptions import NotFoundError, PreconditionError
from ..models import FileInfo
from ..scoped import ScopedSet
from ..settings import OnConflict
from ..targets import is_overridden, split_name
from ..uploadset import UploadSet
from .partstream import PartStream, TakenStream

if TYPE_CHECKING:
    from .parts import PartHead

_log = logging.getLogger("uploadkit")

#: What takes the files of a field.
AnySet: TypeAlias = UploadSet | ScopedSet

#: What a text field may say that it is written in (RFC 7578, section 5.1.2); everything else is read as UTF-8.
_CHARSETS = ("ascii", "us-ascii", "iso-8859-1")


class ReceivedFile(NamedTuple):
    """A file of a form that was stored.

    :param field: The name of the form's field.
    :param filename: The filename in the set.
    :param info: What is known of the file.
    """

    field: str
    filename: str
    info: FileInfo


def receive(request: Request, sets: Mapping[str, AnySet]) -> IncomingForm:
    """Return the form of a request, of which nothing was read yet.

    From now on ``request.form`` has the text fields that have arrived, and ``request.files`` is empty.

    :param request: The request. Nobody may have read its form before.
    :param sets: The upload set, or the view of one, for each field that brings files. Files of other fields are passed
        over.
    :raises RuntimeError: if ``request.form``, ``request.files`` or the body was read before.
    :raises UnsupportedMediaType: (415) if the body is no ``multipart/form-data``.
    :raises BadRequest: (400) if the content type names no boundary.
    :raises RequestEntityTooLarge: (413) if the body is announced to be longer than ``request.max_content_length``.
    :raises LengthRequired: (411) if the server cannot tell where the body ends.
    :raises TypeError: if ``sets`` has something else than upload sets.
    """
    if not isinstance(sets, Mapping):
        raise TypeError(f'receive() takes a mapping such as {{"photo": photos}}, not a {type(sets).__name__}.')
    for uset in sets.values():
        if not isinstance(uset, (UploadSet, ScopedSet)):
            raise TypeError(f"receive() takes the upload set of each field, not a {type(uset).__name__}.")
    request = unwrapped(request)
    _refuse_if_read(request)
    return IncomingForm(request, _boundary_of(request), sets)


class IncomingForm:
    """A form that is arriving; made by `receive`. Iterate over it once, in a ``with`` block or without one.

    Each step of the loop gives a file of one of the mapped fields. It has to be saved or skipped before the next one.
    A ``with`` block that ends by an exception deletes what was saved of this form. One that ends otherwise, also by
    ``break`` or ``return``, reads the rest and passes its files over. Without a ``with`` block neither is done.

    Files that may have been somebody's before are not deleted: those that were saved with ``"overwrite"``, or on a set
    with ``NAMING = "sha256"`` or a ``resolve_conflict`` of its own.
    """

    def __init__(self, request: Request, boundary: bytes, sets: Mapping[str, AnySet]) -> None:
        from .parts import form_events

        #: The text fields that have arrived; all of them when the loop or the ``with`` block has ended.
        self.fields: MultiDict[str, str] = MultiDict()
        #: The files that were saved, in order.
        self.files: list[ReceivedFile] = []
        self._sets = sets
        self._longest_field = request.max_form_memory_size
        self._events = form_events(
            cast("BinaryIO", request.stream),
            boundary,
            max_parts=request.max_form_parts,
            max_header_size=request.max_form_memory_size,
        )
        self._part: IncomingFile | None = None
        self._stream: PartStream | None = None
        self._failure: HTTPException | None = None
        self._undo: list[tuple[AnySet, FileInfo]] = []
        # Whoever reads them must not read bytes of ours.
        vars(request).update(form=self.fields, files=MultiDict(), stream=TakenStream())

    def __iter__(self) -> IncomingForm:
        return self

    def __next__(self) -> IncomingFile:
        """Return the next file.

        :raises RuntimeError: if the last one was neither saved nor skipped.
        :raises BadRequest: (400) if the form is malformed or broke off.
        :raises RequestEntityTooLarge: (413) if a limit of the request is exceeded.
        """
        self._leave_part(deliberately=False)
        while True:
            head = self._next()
            if head is None or isinstance(head, bytes) or head.name is None:
                continue  # the rest of a part that nobody wants
            if head.filename is None:
                self.fields.add(head.name, self._read_text(head))
            elif head.filename and head.name in self._sets:
                stream = PartStream(self._next_piece)
                self._part = IncomingFile(head, self._sets[head.name], stream, self._note)
                self._stream = stream
                return self._part

    def __enter__(self) -> IncomingForm:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if kind is not None:
            self._take_back()
            return
        try:
            self._read_rest()
        except BaseException:
            self._take_back()
            raise

    def _read_rest(self) -> None:
        self._leave_part(deliberately=True)
        for part in self:
            part.skip()

    def _leave_part(self, *, deliberately: bool) -> None:
        """Pass over what is left of the last file.

        :raises RuntimeError: if nobody has said what is to become of it.
        """
        part, self._part = self._part, None
        if part is None or self._stream is None:
            return
        if not part.is_settled and not deliberately:
            raise RuntimeError(
                f"The file of the field {part.field!r} was neither saved nor skipped, and it cannot be had later: call "
                f"save() or skip() of each part before the loop goes on."
            )
        part.is_settled = True
        self._stream.pass_over()

    def _read_text(self, head: PartHead) -> str:
        value = bytearray()
        while (piece := self._next_piece()) is not None:
            value += piece
            if self._longest_field is not None and len(value) > self._longest_field:
                self._failure = RequestEntityTooLarge()
                raise copy(self._failure)
        charset = parse_options_header(head.headers.get("content-type"))[1].get("charset", "").lower()
        return value.decode(charset if charset in _CHARSETS else "utf-8", "replace")

    def _next_piece(self) -> bytes | None:
        """Return the next bytes of the part that is arriving, None when it has ended."""
        return cast("bytes | None", self._next())  # the parser ends each part before the next one begins

    def _next(self) -> PartHead | bytes | None:
        """Return the parser's next event.

        What went wrong once is raised each time: a form that broke off must never look like one that has ended.

        :raises StopIteration: if the form has ended.
        """
        if self._failure is not None:
            raise copy(self._failure)
        try:
            return next(self._events)
        except StopIteration:
            raise
        except HTTPException as error:
            self._failure = copy(error)  # without the traceback, whose frames hold this form, and parts of files
            raise
        except ValueError as error:
            self._failure = BadRequest(f"The form is malformed, or it broke off: {error}.")
            raise copy(self._failure) from error
        except OSError as error:
            self._failure = ClientDisconnected("The form broke off.")
            raise copy(self._failure) from error
        except BaseException:  # such as the timeout of a worker, which somebody may catch
            self._failure = ClientDisconnected("The form broke off.")
            raise

    def _note(self, part: IncomingFile, info: FileInfo, is_ours: bool) -> None:
        """Take note of a file that was saved, and whether it is one to delete if the form fails."""
        self.files.append(ReceivedFile(part.field, info.key, info))
        if is_ours:
            self._undo.append((part.set, info))

    def _take_back(self) -> None:
        """Delete what was saved; what cannot be deleted is named in the log."""
        self.files.clear()
        while self._undo:
            uset, info = self._undo.pop()
            try:
                _take_back_one(uset, info)
            except Exception:  # noqa: BLE001 - what made the form fail is the error to tell
                _log.exception("%r of %r came with a form that failed, and could not be deleted", info.key, uset)


class IncomingFile:
    """A file of a form, before its bytes were read; made by `IncomingForm`."""

    def __init__(
        self, head: PartHead, uset: AnySet, stream: PartStream, note: Callable[[IncomingFile, FileInfo, bool], None]
    ) -> None:
        #: The name of the form's field.
        self.field: str = head.name or ""
        #: What the visitor calls the file.
        self.filename: str = head.filename or ""
        #: What the visitor's browser says of the content. It is never believed.
        self.content_type: str | None = head.headers.get("content-type")
        #: The upload set, or the view of one, that the field is mapped to.
        self.set: AnySet = uset
        #: Whether it was saved or skipped, or somebody tried to.
        self.is_settled: bool = False
        self._note = note
        self._storage = FileStorage(cast("BinaryIO", stream), self.filename, self.field, headers=head.headers)

    def __repr__(self) -> str:
        return f"<IncomingFile {self.field!r}: {self.filename!r}>"

    def save(
        self,
        folder: str | os.PathLike[str] | None = None,
        name: str | None = None,
        *,
        on_conflict: OnConflict | None = None,
    ) -> str:
        """Store the file while it arrives and return the filename it got, folder included; see `UploadSet.save`.

        On a backend that sends it on at once (S3, Google Cloud Storage), ``"rename"`` and ``"unique"`` give it a name
        with a random word, for it could not be sent again under another one.

        :param folder: The folder in the set.
        :param name: The name to store it under, instead of the visitor's.
        :param on_conflict: What to do if the name is taken; None means as the set is configured.
        :raises UploadNotAllowed: if the file is refused; the rest of it was not read.
        :raises BackendError: if it could not be stored; nothing is left of it.
        :raises BadRequest: (400) if the form is malformed or broke off; nothing is left of the file.
        :raises RuntimeError: if it was saved or skipped before.
        """
        self._settle()
        info = self.set._receive(self._storage, folder, name, on_conflict)  # noqa: SLF001 - a friend: as save()
        self._note(self, info, not self._may_replace(name, on_conflict))
        return info.key

    def skip(self) -> None:
        """Do without the file. Its bytes are read and forgotten when the loop goes on.

        :raises RuntimeError: if it was saved or skipped before.
        """
        self._settle()

    def _settle(self) -> None:
        if self.is_settled:
            raise RuntimeError(f"The file of the field {self.field!r} was saved or skipped already, or is gone.")
        self.is_settled = True

    def _may_replace(self, name: str | None, on_conflict: OnConflict | None) -> bool:
        """Whether what was stored may have been there before, so that it is not ours to delete."""
        rules = self.set._rules  # noqa: SLF001 - a friend: hooks belong to the set itself
        settings = rules.config.settings
        policy = on_conflict or settings.on_conflict
        by_hook = policy == "rename" and is_overridden(rules.resolve_conflict)
        by_content = settings.naming == "sha256" and not split_name(name)[1]
        return policy == "overwrite" or by_hook or by_content


def _take_back_one(uset: AnySet, info: FileInfo) -> None:
    """Delete a file, unless somebody has replaced it: what is there then is another one."""
    if info.pending:
        with suppress(NotFoundError, PreconditionError):
            uset.reject(info.key, "The form that it came with failed.", etag=info.etag)
        return
    with suppress(NotFoundError):
        if uset.stat(info.key).etag == info.etag:
            uset.delete(info.key, missing_ok=True)


def _refuse_if_read(request: Request) -> None:
    """Refuse a request whose body somebody has read, or may have.

    :raises RuntimeError: with the way out.
    """
    state = vars(request)
    if "form" in state or "files" in state or "_cached_data" in state:
        raise RuntimeError(
            "The form was read before receive() was called, by request.form, request.files, request.values or "
            "request.get_data(): in the view, in a before_request function, or in an extension. Flask-WTF's "
            "CSRFProtect reads it to look for its token: exempt the view, and validate the token of a header "
            "(X-CSRFToken) in it."
        )


def _boundary_of(request: Request) -> bytes:
    if request.mimetype != "multipart/form-data":
        raise UnsupportedMediaType("Files come in forms here: the content type must be multipart/form-data.")
    boundary = request.mimetype_params.get("boundary")
    if not boundary:
        raise BadRequest("The content type of the form names no boundary.")
    require_visible_end(request)
    return boundary.encode("utf-8", "replace")
