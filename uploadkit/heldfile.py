"""Held files: what arrives is kept in memory while it is small, then in a file that a backend can take over."""

from __future__ import annotations

import io
import os
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import TYPE_CHECKING, NoReturn, Protocol

from .digests import Digest, new_digest
from .exceptions import BackendError

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

#: How much of a held file stays in memory, in bytes. Werkzeug keeps as much.
MEMORY_SIZE = 500 * 1024
_BUFFER = 64 * 1024


class Place(Protocol):
    """An open file that nobody sees."""

    fd: int

    def discard(self) -> None:
        """Close it, and remove every trace that is not a published name."""
        ...


class HeldFile(io.BufferedIOBase):
    """A temporary binary file to write once and read often, like `tempfile.SpooledTemporaryFile`.

    What is written before the first `seek` is counted and hashed as it passes, once it is in a file. A backend that
    made the place may take the file over under the name it is saved as; from then on the stream can only be read.

    :param open_place: Makes the file, when the first ``memory_size`` bytes are there; if it fails, a temporary file of
        the system is used, which no backend takes over.
    :param algorithm: The digest to compute, by its name in `hashlib`; None for none.
    :param memory_size: How many bytes stay in memory.
    """

    def __init__(
        self, open_place: Callable[[], Place], algorithm: str | None = None, memory_size: int = MEMORY_SIZE
    ) -> None:
        self._open_place = open_place
        self._algorithm = algorithm
        self._memory_size = memory_size
        self._content: io.BytesIO | io.BufferedRandom = io.BytesIO()
        self._place: Place | None = None
        self._size = 0
        self._digest: Digest | None = None
        self._written = False
        self._untouched = True
        self._published_as: tuple[int, int] | None = None
        self._process = os.getpid()
        self._claim = threading.Lock()

    def __reduce__(self) -> NoReturn:
        raise TypeError("a held file cannot be copied or pickled; read it")

    # What a temporary file offers

    @property
    def name(self) -> None:
        """None: whoever knew the number of the descriptor could change the file unseen."""
        return None

    @property
    def _file(self) -> HeldFile:
        """The same: some programs take the file out of a `tempfile.SpooledTemporaryFile` by this name."""
        return self

    @property
    def _rolled(self) -> bool:
        return self._place is not None

    @property
    def mode(self) -> str:
        """How the file is open."""
        return "rb+"

    def readable(self) -> bool:
        return True

    def writable(self) -> bool:
        return self._published_as is None

    def seekable(self) -> bool:
        return True

    def write(self, data: ReadableBuffer, /) -> int:
        """Write where the file stands.

        :raises io.UnsupportedOperation: if the file was taken over by a backend.
        """
        self._require_own()
        piece = data if isinstance(data, bytes) else bytes(memoryview(data))
        if self._place is None and self._content.tell() + len(piece) > self._memory_size:
            self.rollover()
        if self._written:
            self._untouched = False
        else:
            self._size += len(piece)
            if self._digest is not None:
                self._digest.update(piece)
        return self._content.write(piece)

    def truncate(self, size: int | None = None, /) -> int:
        self._require_own()
        self._untouched = False
        return self._content.truncate(size)

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        self._written = True
        return self._content.seek(offset, whence)

    def tell(self) -> int:
        return self._content.tell()

    def read(self, size: int | None = -1, /) -> bytes:
        self._written = True
        self.require_unchanged()
        return self._content.read(size)

    def read1(self, size: int = -1, /) -> bytes:
        self._written = True
        self.require_unchanged()
        self.flush()  # Python's buffers forget that what was written comes first
        return self._content.read1(size)

    def readline(self, size: int | None = -1, /) -> bytes:
        self._written = True
        self.require_unchanged()
        return self._content.readline(-1 if size is None else size)

    def __iter__(self) -> Iterator[bytes]:
        return iter(self.readline, b"")

    def flush(self) -> None:
        if not self._content.closed:
            self._content.flush()

    def fileno(self) -> int:
        """Return the file's descriptor. Whoever has it can change the file unseen, so no backend takes it over."""
        self._require_open()
        if self._place is None:
            self.rollover()
        self.flush()
        self._untouched = False
        return self.descriptor

    def rollover(self) -> None:
        """Move what is in memory to a file."""
        self._require_open()
        if isinstance(self._content, io.BytesIO):
            self._place = self._new_place()
            at, content = self._content.tell(), self._content.getvalue()
            self._content = io.BufferedRandom(io.FileIO(self._place.fd, "rb+", closefd=False), _BUFFER)
            self._content.write(content)
            self._content.seek(at)
            if self._algorithm is not None and self._untouched:
                self._digest = new_digest(self._algorithm)
                self._digest.update(content)

    def close(self) -> None:
        """Forget the file, unless a backend took it over."""
        if self.closed:
            return
        try:
            if isinstance(self._content, io.BufferedRandom):
                self._content.raw.close()  # so that nothing is flushed: nobody will read it
            self._content.close()
        finally:
            if self._place is not None:
                self._place.discard()
            super().close()

    # What backends ask for

    @property
    def place(self) -> Place | None:
        """The file, if it is in one that can be taken over: whole, unchanged and not yet taken."""
        untaken = self._untouched and self._published_as is None and not self.closed
        return self._place if untaken and not isinstance(self._place, _SystemPlace) else None

    @property
    def descriptor(self) -> int:
        """The file's descriptor, to read from.

        :raises io.UnsupportedOperation: if the file is in memory.
        """
        if self._place is None:
            raise io.UnsupportedOperation("fileno")
        return self._place.fd

    @property
    def known(self) -> tuple[int, str | None] | None:
        """Size and checksum (``"sha256:<hex>"``) of what a file holds; None if it is in memory or was changed."""
        if self._place is None or not self._untouched:
            return None
        return self._size, f"{self._algorithm}:{self._digest.hexdigest()}" if self._digest is not None else None

    def claim(self) -> bool:
        """Let one caller take the file over; return whether it is this one, which has to `unclaim` at the end.

        Others, in other threads and in processes that were forked off, have to copy it.
        """
        return os.getpid() == self._process and self._claim.acquire(blocking=False)

    def unclaim(self) -> None:
        """Let others try, if nobody has taken the file over."""
        self._claim.release()

    def publish(self, publish: Callable[[], None]) -> None:
        """Call what gives the file a name; from then on it is the backend's, also if an interruption comes between.

        If it raises one of our errors or an OSError, and made no name, the file is the stream's own as before.
        """
        self.flush()
        found = os.fstat(self.descriptor)
        self._published_as = found.st_mtime_ns, found.st_size
        try:
            publish()
        except (OSError, BackendError):
            if os.fstat(self.descriptor).st_nlink == found.st_nlink:
                self._published_as = None
            raise
        self._become_reader()

    def require_unchanged(self) -> None:
        """Refuse to give other bytes than those that arrived: a published file may be changed in its place.

        :raises OSError: if it was.
        """
        if self._published_as is not None and not self.closed:
            found = os.fstat(self.descriptor)
            if (found.st_mtime_ns, found.st_size) != self._published_as:
                raise OSError(
                    "The upload was stored without a copy, and the stored file was changed since, so the stream no "
                    "longer has the bytes that arrived. Read it before you change the file, or write a new file."
                )

    def _become_reader(self) -> None:
        """Exchange the descriptor for one that can only read: the file is no longer ours to change."""
        descriptor = self.descriptor
        with suppress(OSError):  # there is no /proc
            reader = os.open(f"/proc/self/fd/{descriptor}", os.O_RDONLY | getattr(os, "O_CLOEXEC", 0))
            try:
                os.dup2(reader, descriptor, inheritable=False)
            finally:
                os.close(reader)

    def _require_own(self) -> None:
        self._require_open()
        if self._published_as is not None:
            raise io.UnsupportedOperation(
                "The upload was stored without a copy: this stream is the stored file, so it can only be read."
            )

    def _require_open(self) -> None:
        if self.closed:
            raise ValueError("I/O operation on closed file")

    def _new_place(self) -> Place:
        with suppress(OSError, BackendError):
            return self._open_place()
        return _SystemPlace()


class _SystemPlace:
    """A temporary file of the system."""

    def __init__(self) -> None:
        self._content = tempfile.TemporaryFile(buffering=0)  # noqa: SIM115 - discard() closes it
        self.fd = self._content.fileno()

    def discard(self) -> None:
        self._content.close()
