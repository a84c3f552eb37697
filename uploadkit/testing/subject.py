"""What a check is given, and what it is."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO, cast

from ..backends.protocol import Backend
from ..models import FileInfo, SaveOptions

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

BackendMaker = Callable[[], Backend]


class NotShown(Exception):
    """A check cannot show its promise on this backend; the message says why."""


@dataclass(frozen=True)
class Subject:
    """The backend that is checked.

    :param make: Makes it, fresh and empty.
    :param process_factory: Returns a function that can be pickled and that opens one and the same fresh place in
        every process; or None, where that cannot be.
    """

    make: BackendMaker
    process_factory: Callable[[], BackendMaker | None] = lambda: None


@dataclass(frozen=True)
class Check:
    """One promise and the function that shows it.

    :param run: Raises `AssertionError` if the promise is broken and `NotShown` if it cannot be shown.
    """

    name: str
    promise: str
    run: Callable[[Subject], None]

    @classmethod
    def of(cls, function: Callable[[Subject], None]) -> Check:
        """Make a check of a function; its name and the first line of its docstring say what it checks."""
        return cls(function.__name__, (function.__doc__ or "").strip().splitlines()[0], function)


def put(backend: Backend, key: str, content: bytes, *, overwrite: bool = False) -> FileInfo:
    """Save bytes."""
    return backend.save(key, io.BytesIO(content), SaveOptions(overwrite=overwrite))


def get(backend: Backend, key: str) -> bytes:
    """Read a file whole."""
    with backend.open(key) as stream:
        return stream.read()


def must(condition: object, message: str) -> None:
    """Fail a check; unlike ``assert`` also when Python runs with ``-O``."""
    if not condition:
        raise AssertionError(message)


def must_raise(kind: type[BaseException], action: Callable[[], object], what: str) -> BaseException:
    """Return the error that ``action`` has to raise."""
    try:
        action()
    except kind as error:
        return error
    except Exception as error:
        raise AssertionError(f"{what} must raise {kind.__name__}, not {type(error).__name__}: {error}") from error
    raise AssertionError(f"{what} must raise {kind.__name__}")


def absent(backend: Backend, key: str) -> bool:
    """Whether there is no such file."""
    try:
        backend.stat(key)
    except FileNotFoundError:
        return True
    return False


class Source(io.RawIOBase):
    """A stream for checks.

    :param content: What it gives, in pieces of at most ``piece`` bytes.
    :param seekable: Whether it can seek.
    :param fail_after: How many bytes it gives before it raises ``error``.
    :param on_read: Called before each read.
    """

    def __init__(
        self,
        content: bytes,
        *,
        piece: int = 64 * 1024,
        seekable: bool = False,
        fail_after: int | None = None,
        error: BaseException | None = None,
        on_read: Callable[[], object] | None = None,
    ) -> None:
        self._inner = io.BytesIO(content)
        self._piece = piece
        self._can_seek = seekable
        self._fail_after = fail_after
        self._error = error or RuntimeError("the source failed")
        self._on_read = on_read

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return self._can_seek

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        if not self._can_seek:
            raise io.UnsupportedOperation("seek")
        return self._inner.seek(offset, whence)

    def tell(self) -> int:
        if not self._can_seek:
            raise io.UnsupportedOperation("tell")
        return self._inner.tell()

    def readinto(self, buffer: WriteableBuffer, /) -> int:
        if self._on_read is not None:
            self._on_read()
        view = memoryview(buffer).cast("B")
        room = min(len(view), self._piece)
        if self._fail_after is not None:
            room = min(room, self._fail_after - self._inner.tell())
            if room <= 0:
                raise self._error
        piece = self._inner.read(room)
        view[: len(piece)] = piece
        return len(piece)


def source(content: bytes, **options: object) -> BinaryIO:
    """Return a `Source`."""
    return cast("BinaryIO", Source(content, **options))  # type: ignore[arg-type]
