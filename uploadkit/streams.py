"""Streams: what backends and upload sets both need to read a source once, whole and checked."""

from __future__ import annotations

import io
import tempfile
from collections.abc import Iterator
from typing import TYPE_CHECKING, BinaryIO, cast

from .digests import new_digest, split_checksum
from .exceptions import IntegrityError
from .models import SaveOptions

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

#: How much is read from a source at a time, in bytes.
CHUNK_SIZE = 256 * 1024
#: How much of an unseekable source is kept in memory before it goes to a temporary file, in bytes.
SPOOL_SIZE = 1024 * 1024
_NOTHING_YET = "the source is a non-blocking stream with nothing to read yet"


def is_seekable(stream: BinaryIO) -> bool:
    """Whether ``stream`` can be read from its start again.

    `tempfile.SpooledTemporaryFile` has no ``seekable`` before Python 3.11; Werkzeug stores form files in it.
    """
    probe = getattr(stream, "seekable", None)
    if probe is not None:
        return bool(probe())
    try:
        stream.seek(0, io.SEEK_CUR)
    except (AttributeError, OSError):
        return False
    return True


def rewind(stream: BinaryIO) -> None:
    """Go to the start of a seekable stream; leave another one where it is."""
    if is_seekable(stream):
        stream.seek(0)


def length_of(stream: BinaryIO) -> int | None:
    """Return the whole length of a seekable stream in bytes and rewind it; None for an unseekable one."""
    if not is_seekable(stream):
        return None
    stream.seek(0, io.SEEK_END)
    length = stream.tell()  # what SpooledTemporaryFile.seek() does not return before Python 3.11
    stream.seek(0)
    return length


def spool(stream: BinaryIO, copy: BinaryIO | None = None) -> BinaryIO:
    """Copy the rest of an unseekable stream where it can be read twice.

    :param copy: An empty file for it; None for memory, then an unnamed temporary file. It is closed on failure.
    """
    if copy is None:
        copy = cast("BinaryIO", tempfile.SpooledTemporaryFile(max_size=SPOOL_SIZE))  # noqa: SIM115 - the caller closes
    try:
        for chunk in chunks(stream):
            copy.write(chunk)
        copy.seek(0)
    except BaseException:
        copy.close()
        raise
    return copy


def chunks(stream: BinaryIO, size: int = CHUNK_SIZE) -> Iterator[bytes]:
    """Yield the rest of ``stream``.

    :raises TypeError: if it is a text stream.
    :raises BlockingIOError: if it is non-blocking and has nothing to give: it has not ended.
    """
    while chunk := read_some(stream, size):
        yield chunk


def read_some(stream: BinaryIO, size: int = CHUNK_SIZE) -> bytes:
    """Return the next bytes, at most ``size``; none at the end.

    :raises TypeError: if it is a text stream.
    :raises BlockingIOError: if it is non-blocking and has nothing to give: it has not ended.
    """
    try:
        chunk: object = stream.read(size)
    except StopIteration as error:  # inside a generator it would count as its end
        raise OSError("the source raised StopIteration") from error
    if chunk is None:
        raise BlockingIOError(_NOTHING_YET)
    if not isinstance(chunk, bytes):
        raise TypeError("the source must give bytes; open the file in binary mode ('rb')")
    return chunk


def read_block(stream: BinaryIO, size: int) -> bytearray:
    """Return the next ``size`` bytes, fewer only at the end."""
    block = bytearray()
    while len(block) < size:
        piece = read_some(stream, min(CHUNK_SIZE, size - len(block)))
        if not piece:
            break
        block += piece
    return block


#: Streams whose ``readinto`` gives what their ``read`` gives. A subclass may have another ``read`` alone, and an object
#: that hands on another stream's attributes may have a ``readinto`` that is not its own: what it decrypts stays unread.
_PLAIN_STREAMS = (io.BufferedReader, io.BytesIO, io.BufferedRandom, io.FileIO)


def fill(buffer: memoryview, stream: BinaryIO) -> int:
    """Fill ``buffer`` with the next bytes; return how many there are, fewer than fit in only at the end.

    :raises TypeError: if it is a text stream.
    :raises BlockingIOError: if it is non-blocking and has nothing to give: it has not ended.
    """
    read = _read_into if type(stream) in _PLAIN_STREAMS else _read_and_copy
    at = 0
    while at < len(buffer):
        count = read(stream, buffer[at : at + CHUNK_SIZE])
        if not count:
            break
        at += count
    return at


def _read_into(stream: BinaryIO, buffer: memoryview) -> int:
    count: int | None = cast("io.BufferedReader", stream).readinto(buffer)
    if count is None:
        raise BlockingIOError(_NOTHING_YET)
    return count


def _read_and_copy(stream: BinaryIO, buffer: memoryview) -> int:
    piece = read_some(stream, len(buffer))
    buffer[: len(piece)] = piece
    return len(piece)


class Tally:
    """Counts and hashes what passes, and holds it against what was announced.

    :param options: The announced size and checksum.
    :param key: For the error message.
    :param backend: For the error message.
    :param algorithm: The digest to compute where no checksum was announced; None for none.
    """

    def __init__(self, options: SaveOptions, key: str, backend: str, algorithm: str | None = None) -> None:
        self.size: int = 0
        self._options = options
        self._key = key
        self._backend = backend
        self._algorithm = split_checksum(options.checksum)[0] if options.checksum else algorithm
        self._hash = new_digest(self._algorithm) if self._algorithm else None
        self._checksum: str | None = None

    def add(self, chunk: bytes | bytearray | memoryview) -> None:
        """Take note of the next piece.

        :raises IntegrityError: as soon as it is more than was announced.
        """
        self.count(len(chunk))
        if self._hash is not None:
            self._hash.update(chunk)

    def count(self, size: int) -> None:
        """Take note of the next ``size`` bytes, which are hashed elsewhere; `take_over` takes the digest.

        :raises IntegrityError: as soon as it is more than was announced.
        """
        self.size += size
        if self._options.size is not None and self.size > self._options.size:
            self._refuse(f"more than the announced {self._options.size} bytes arrived")

    def is_served_by(self, checksum: str | None) -> bool:
        """Whether `take_over` can take this checksum: no other digest is wanted."""
        if self._algorithm is None:
            return True
        return checksum is not None and split_checksum(checksum)[0] == self._algorithm

    def take_over(self, size: int, checksum: str | None) -> None:
        """Take what was counted and hashed elsewhere, instead of the bytes.

        :param checksum: ``"algorithm:hex"``; None if none was computed.
        """
        self.size, self._hash = size, None
        self._checksum = checksum if self._algorithm is not None else None

    def finish(self) -> str | None:
        """Return the checksum as ``"algorithm:hex"``, if one was computed.

        :raises IntegrityError: if size or checksum are not the announced ones.
        """
        if self._options.size is not None and self.size != self._options.size:
            self._refuse(f"{self._options.size} bytes were announced, {self.size} arrived")
        checksum = f"{self._algorithm}:{self._hash.hexdigest()}" if self._hash is not None else self._checksum
        if self._options.checksum is not None and checksum != self._options.checksum:
            self._refuse(f"the checksum is {checksum}, not the announced {self._options.checksum}")
        return checksum

    def _refuse(self, problem: str) -> None:
        raise IntegrityError(
            f"{self._key!r} was not stored on the {self._backend!r} backend: {problem}.",
            key=self._key,
            backend=self._backend,
        )


class ByteWindow(io.RawIOBase):
    """A seekable view of ``length`` bytes of a seekable stream, from ``start``. Closing it closes the stream.

    :param length: None means to the end. A window that begins behind the end is empty.
    """

    def __init__(self, stream: BinaryIO, start: int, length: int | None) -> None:
        size = max(stream.seek(0, io.SEEK_END) - start, 0)
        self._stream = stream
        self._start = start
        self._size = size if length is None else min(size, length)
        self._at = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._size}[whence]
        if base + offset < 0:
            raise ValueError(f"negative seek position {base + offset}")
        self._at = base + offset
        return self._at

    def readinto(self, buffer: WriteableBuffer, /) -> int:
        view = memoryview(buffer).cast("B")
        self._stream.seek(self._start + self._at)
        piece = self._stream.read(max(0, min(len(view), self._size - self._at)))
        view[: len(piece)] = piece
        self._at += len(piece)
        return len(piece)

    def close(self) -> None:
        if not self.closed:
            self._stream.close()
        super().close()


def window(stream: BinaryIO, start: int, length: int | None = None) -> BinaryIO:
    """Return a buffered `ByteWindow` of a seekable stream.

    :raises ValueError: if ``start`` or ``length`` is negative; the stream is closed then.
    """
    try:
        check_range(start, length)
        return cast("BinaryIO", io.BufferedReader(ByteWindow(stream, start, length)))
    except BaseException:
        stream.close()
        raise


def check_range(start: int, length: int | None) -> None:
    """Refuse ranges that mean nothing.

    :raises ValueError: if ``start`` or ``length`` is negative.
    """
    if start < 0 or (length is not None and length < 0):
        raise ValueError(f"start and length must not be negative: start={start}, length={length}")
