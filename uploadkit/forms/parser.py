"""Werkzeug's form parser, with a faster reading of multipart/form-data (RFC 7578)."""

from __future__ import annotations

import io
from typing import IO, TYPE_CHECKING, BinaryIO, cast

from werkzeug.datastructures import FileStorage, MultiDict
from werkzeug.exceptions import RequestEntityTooLarge
from werkzeug.formparser import FormDataParser, MultiPartParser
from werkzeug.sansio.multipart import File

from ..bodies import ArrivingBody
from ..streams import read_block
from .parts import BUFFER_SIZE, PartEvent, PartHead, form_events

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

_Parsed = tuple[IO[bytes], MultiDict[str, str], MultiDict[str, FileStorage]]


class FastFormDataParser(FormDataParser):
    """Parses forms as Werkzeug does, in less time. It has the same arguments, limits and results.

    A body that is odd from its beginning is left to Werkzeug's own parser, which forgives more. What is odd only behind
    the first ``buffer_size`` bytes counts as malformed.
    """

    #: How much is read at a time, in bytes.
    buffer_size = BUFFER_SIZE

    def parse(
        self, stream: IO[bytes], mimetype: str, content_length: int | None, options: dict[str, str] | None = None
    ) -> _Parsed:
        """Return ``stream`` read to its end, the fields and the files.

        :param stream: The body, limited to its length.
        :param mimetype: Everything but ``multipart/form-data`` is left to Werkzeug.
        :param content_length: The length of the body in bytes, if it is known.
        :param options: The parameters of the content type.
        :raises ValueError: if the body is malformed and the parser is not silent; a silent one finds nothing then.
        :raises RequestEntityTooLarge: if a limit is exceeded.
        :raises ClientDisconnected: if the server says that the body broke off.
        """
        boundary = (options or {}).get("boundary", "")
        if mimetype != "multipart/form-data" or not boundary or not boundary.isascii():
            return super().parse(stream, mimetype, content_length, options)
        body = _Body(cast("BinaryIO", ArrivingBody(cast("BinaryIO", stream))), self.buffer_size)
        try:
            return (stream, *self._read(body, boundary.encode(), content_length))
        except ValueError:
            if body.went_on and not self.silent:
                raise
        if body.went_on:
            return stream, self.cls(), self.cls()
        return (stream, *super().parse(body.again(), mimetype, content_length, options)[1:])

    def _read(
        self, body: _Body, boundary: bytes, content_length: int | None
    ) -> tuple[MultiDict[str, str], MultiDict[str, FileStorage]]:
        collector = _Collector(self, content_length)
        limit = self.max_form_memory_size
        if limit is not None and limit < min(len(body.first), collector.parser.buffer_size):
            raise RequestEntityTooLarge  # Werkzeug holds each piece that it reads to it, whatever is in there
        try:
            for event in form_events(
                cast("BinaryIO", body),
                boundary,
                max_parts=self.max_form_parts,
                max_header_size=limit,
                buffer_size=self.buffer_size,
            ):
                collector.take(event)
        except BaseException:
            collector.discard()
            raise
        return self.cls(collector.fields), self.cls(collector.files)


class _Body(io.RawIOBase):
    """A stream whose first bytes can be read twice."""

    def __init__(self, stream: BinaryIO, size: int) -> None:
        self._stream = stream
        self.first = bytes(read_block(stream, size))
        self._at_start = True
        #: Whether more than the first bytes was read.
        self.went_on = False

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1, /) -> bytes:
        if self._at_start and size >= len(self.first):
            self._at_start = False
            return self.first
        piece = self._stream.read(size)
        self.went_on = self.went_on or bool(piece)
        return piece

    def again(self) -> IO[bytes]:
        """Return the whole stream from its start."""
        return cast("IO[bytes]", _Chained(io.BytesIO(self.first), self._stream))


class _Chained(io.RawIOBase):
    """One stream behind the other."""

    def __init__(self, first: BinaryIO, second: BinaryIO) -> None:
        self._streams = [first, second]

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer, /) -> int:
        view = memoryview(buffer).cast("B")
        piece = self._streams[0].read(len(view))
        if not piece and len(self._streams) > 1:
            del self._streams[0]
            piece = self._streams[0].read(len(view))
        view[: len(piece)] = piece
        return len(piece)


class _Collector:
    """Puts the parts of a form where they belong."""

    def __init__(self, owner: FormDataParser, content_length: int | None) -> None:
        #: Asked for what Werkzeug does with single parts.
        self.parser = MultiPartParser(owner.stream_factory, owner.max_form_memory_size, owner.cls)
        self.fields: list[tuple[str, str]] = []
        self.files: list[tuple[str, FileStorage]] = []
        self._content_length = content_length
        self._head: PartHead | None = None
        self._pieces: list[bytes] = []
        self._size = 0
        self._file: IO[bytes] | None = None

    def take(self, event: PartEvent) -> None:
        if isinstance(event, PartHead):
            self._begin(event)
        elif event is None:
            self._end()
        elif self._file is not None:
            self._file.write(event)
        else:
            self._add(event)

    def discard(self) -> None:
        """Close all files."""
        for file in (self._file, *(storage.stream for _, storage in self.files)):
            if file is not None:
                file.close()

    def _begin(self, head: PartHead) -> None:
        self._head, self._pieces, self._size, self._file = head, [], 0, None
        if head.filename is not None:
            file = File(cast("str", head.name), head.filename, head.headers)
            self._file = self.parser.start_file_streaming(file, self._content_length)

    def _add(self, piece: bytes) -> None:
        self._pieces.append(piece)
        self._size += len(piece)
        limit = self.parser.max_form_memory_size
        if limit is not None and self._size > limit:
            raise RequestEntityTooLarge

    def _end(self) -> None:
        head = cast("PartHead", self._head)
        name = cast("str", head.name)  # as Werkzeug has it: None, if there is none
        if self._file is None:
            charset = self.parser.get_part_charset(head.headers)
            self.fields.append((name, b"".join(self._pieces).decode(charset, "replace")))
        else:
            self._file.seek(0)
            self.files.append((name, FileStorage(self._file, head.filename, name, headers=head.headers)))
            self._file = None
