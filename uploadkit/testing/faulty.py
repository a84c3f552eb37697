"""A backend that fails when it is told to."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, BinaryIO, cast

from ..backends.capabilities import Capabilities, capabilities
from ..backends.protocol import Backend
from ..directmodels import PartLimits
from ..models import FileInfo, SaveOptions
from ..remotepath import RemotePath

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

#: Which argument of a method is the stream that it stores.
_SOURCES = {"save": 1, "put_part": 3}


@dataclass
class _Fault:
    error: BaseException
    times: int | None
    after_call: bool
    after_bytes: int | None

    def strikes(self) -> bool:
        """Whether it is still to happen; counts."""
        if self.times is None:
            return True
        self.times -= 1
        return self.times >= 0


class FaultyBackend:
    """Wraps a backend, passes every call on, and fails where it is told to.

    ::

        backend = FaultyBackend(MemoryBackend())
        backend.fail("save", UnavailableError("the network is gone"), times=1)

    Its powers are those of the backend inside. ``calls`` lists the names of the methods that were called.

    :param inner: The backend that does the work.
    """

    def __init__(self, inner: Backend) -> None:
        self.name: str = inner.name
        self.inner = inner
        self.calls: list[str] = []
        self._faults: dict[str, _Fault] = {}

    def fail(
        self,
        method: str,
        error: BaseException,
        *,
        times: int | None = None,
        after_call: bool = False,
        after_bytes: int | None = None,
    ) -> None:
        """Let ``method`` raise ``error`` from now on.

        :param times: How often; None means until `heal`.
        :param after_call: Do the work first, then raise: an answer that got lost.
        :param after_bytes: Raise after so many bytes of the stream that is saved or opened.
        :raises AttributeError: if the backend has no such method.
        """
        getattr(self.inner, method)
        self._faults[method] = _Fault(error, times, after_call, after_bytes)

    def heal(self) -> None:
        """Fail no more."""
        self._faults.clear()

    def capabilities(self) -> Capabilities:
        """Return the powers of the backend inside; calls to them go through this one."""
        return Capabilities(**dict.fromkeys(capabilities(self.inner).names(), cast("Any", self)))

    def save(self, key: str, stream: BinaryIO, options: SaveOptions) -> FileInfo:
        return cast("FileInfo", self._call("save", key, stream, options))

    def open(self, key: str) -> BinaryIO:
        return cast("BinaryIO", self._call("open", key))

    def stat(self, key: str) -> FileInfo:
        return cast("FileInfo", self._call("stat", key))

    def delete(self, key: str) -> None:
        self._call("delete", key)

    def url(self, key: str) -> str | None:
        return cast("str | None", self._call("url", key))

    def path(self, key: str) -> str | RemotePath:
        return cast("str | RemotePath", self._call("path", key))

    @property
    def part_limits(self) -> PartLimits:
        """What the backend inside accepts as parts."""
        return cast("PartLimits", getattr(self.inner, "part_limits"))  # noqa: B009 - not every backend has it

    def __getattr__(self, method: str) -> Callable[..., object]:
        """The methods of the inner backend's powers."""
        if method == "inner" or not callable(getattr(self.inner, method)):
            raise AttributeError(method)
        return partial(self._call, method)

    def _call(self, method: str, *args: Any, **options: Any) -> object:
        self.calls.append(method)
        fault = self._faults.get(method)
        if fault is None or not fault.strikes():
            return getattr(self.inner, method)(*args, **options)
        if fault.after_bytes is not None and method in _SOURCES:
            at = _SOURCES[method]
            args = (*args[:at], _breaking(args[at], fault), *args[at + 1 :])
            return getattr(self.inner, method)(*args, **options)
        if fault.after_bytes is None and not fault.after_call:
            raise fault.error
        result = getattr(self.inner, method)(*args, **options)
        if fault.after_call:
            raise fault.error
        if isinstance(result, tuple):  # of what is known and the stream
            return result[0], _breaking(result[1], fault, owned=True)
        return _breaking(result, fault, owned=True)


class _Breaking(io.RawIOBase):
    """Passes a stream on and raises after some bytes.

    :param owned: Whether the stream is closed with this one, as one that was opened is; a source is its caller's.
    """

    def __init__(self, stream: BinaryIO, fault: _Fault, *, owned: bool) -> None:
        self._stream = stream
        self._owned = owned
        self._error = fault.error
        self._left = fault.after_bytes or 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer, /) -> int:
        if self._left <= 0:
            raise self._error
        view = memoryview(buffer).cast("B")
        piece = self._stream.read(min(len(view), self._left))
        view[: len(piece)] = piece
        self._left -= len(piece)
        return len(piece)

    def close(self) -> None:
        if self._owned:
            self._stream.close()
        super().close()


def _breaking(stream: BinaryIO, fault: _Fault, *, owned: bool = False) -> BinaryIO:
    return cast("BinaryIO", _Breaking(stream, fault, owned=owned))
