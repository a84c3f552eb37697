"""Cutting a stream into parts, and sending several at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import suppress
from types import TracebackType
from typing import BinaryIO, Generic, TypeVar, cast

from ...exceptions import BackendError
from ...streams import fill, read_block
from .client import BACKEND
from .options import LARGEST_PART, MIB

#: S3's greatest part number (https://docs.aws.amazon.com/AmazonS3/latest/userguide/qfacts.html).
MOST_PARTS = 10_000
#: After so many parts of a stream of unknown length, parts are twice as long: 5 TiB fit into 10,000.
_DOUBLES_AFTER = 950
#: Where parts are in local variables.
_HOLD_PARTS = ("uploadkit.streams", "uploadkit.backends._s3.multipart", __name__)

ResultT = TypeVar("ResultT")


def part_sizes(part_size: int, length: int | None) -> Iterator[int]:
    """Yield the length of one part after another, in bytes.

    :param part_size: The least.
    :param length: The length of the whole, if it is known: then all parts but the last are equally long.
    """
    for number in range(MOST_PARTS):
        if length is None:
            yield min(part_size * 2 ** (number // _DOUBLES_AFTER), LARGEST_PART)
        else:
            yield max(part_size, _in_mebibytes(-(-length // MOST_PARTS)))


class Buffers:
    """Memory for parts, which is used again: to get new memory from the system takes longer than to fill it."""

    def __init__(self) -> None:
        self._free: list[bytearray] = []

    def take(self, size: int) -> memoryview:
        """Return ``size`` bytes of any content."""
        while self._free:
            buffer = self._free.pop()
            if len(buffer) == size:
                return memoryview(buffer)
        return memoryview(bytearray(size))

    def give_back(self, part: memoryview) -> None:
        """Let the memory of a part be used again; the caller must not look at the part any more."""
        self._free.append(cast("bytearray", part.obj))

    def forget(self) -> None:
        """Give the memory back that is not in use."""
        self._free.clear()


def forget_frames(error: BaseException) -> None:
    """Let go of the parts that the traceback of an error would keep in memory, as long as anybody keeps the error.

    Flask does until the next garbage collection, if the error becomes the answer.
    """
    traceback = error.__traceback__
    while traceback is not None:
        if str(traceback.tb_frame.f_globals.get("__name__")) in _HOLD_PARTS:
            with suppress(RuntimeError):  # it is the caller's, and still runs
                traceback.tb_frame.clear()
        traceback = traceback.tb_next


def cut(head: bytearray, stream: BinaryIO, sizes: Iterator[int], key: str, buffers: Buffers) -> Iterator[memoryview]:
    """Yield the parts of what is in ``head`` and then in ``stream``; only the last one may be shorter than planned.

    Of all that was read, nothing but the part that was yielded last is kept.

    :param head: Not longer than the first part and one byte. It is emptied.
    :param key: For the error.
    :param buffers: What the parts lie in; whoever is done with a part gives it back.
    :raises BackendError: if the stream is longer than all parts together.
    """
    rest = head
    for size in sizes:
        part = buffers.take(size)
        length = _fill(part, rest, stream)
        rest = rest[size:]
        head.clear()  # the callers hold it to the end
        if length:
            yield part[:length]
        if length < size:
            return
        del part
    if rest or read_block(stream, 1):
        problem = f"Could not save {key!r} on the {BACKEND!r} backend: it is longer than {MOST_PARTS} parts."
        raise BackendError(problem, key=key, backend=BACKEND)


def _fill(part: memoryview, head: bytearray, stream: BinaryIO) -> int:
    """Fill ``part`` from ``head``, then from ``stream``; return how much of it is filled."""
    at = min(len(head), len(part))
    part[:at] = head[:at]
    return at + fill(part[at:], stream)


class Sender(Generic[ResultT]):
    """Makes calls in threads, so many at a time, and keeps their results in order.

    :param concurrency: How many; with 0 or 1 there are no threads, each call is made where it is handed over.
    """

    def __init__(self, concurrency: int) -> None:
        self._concurrency = concurrency
        self._pool = ThreadPoolExecutor(concurrency, "uploadkit-part") if concurrency > 1 else None
        self._pending: set[Future[ResultT]] = set()
        self._sent: list[Future[ResultT]] = []

    def send(self, call: Callable[[], ResultT]) -> None:
        """Hand a call over; return when fewer than ``concurrency`` are under way, so that the next may be prepared.

        :raises BaseException: what a call before this one raised.
        """
        if self._pool is None:
            done: Future[ResultT] = Future()
            done.set_result(call())
            self._sent.append(done)
            return
        future = self._pool.submit(call)
        self._sent.append(future)
        self._pending.add(future)
        while len(self._pending) >= self._concurrency:
            self._wait()

    def results(self) -> list[ResultT]:
        """Wait for all calls and return what they returned, in the order in which they were handed over."""
        while self._pending:
            self._wait()
        return [future.result() for future in self._sent]

    def __enter__(self) -> Sender[ResultT]:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Wait until no call is under way any more; those that have not begun never will."""
        if self._pool is not None:
            self._pool.shutdown(wait=True, cancel_futures=True)

    def _wait(self) -> None:
        done, self._pending = wait(self._pending, return_when=FIRST_COMPLETED)
        for future in done:
            future.result()


def _in_mebibytes(size: int) -> int:
    return -(-size // MIB) * MIB
