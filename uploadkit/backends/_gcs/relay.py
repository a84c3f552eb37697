"""Sending one thing while the next one is prepared."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType


class Relay:
    """Makes calls one after another in a thread of its own, so that what the next one needs can be read meanwhile.

    :param concurrency: With 0 or 1 there is no thread, each call is made where it is handed over; more than 2 is as 2,
        for the calls may not overtake each other.
    """

    def __init__(self, concurrency: int) -> None:
        self._pool = ThreadPoolExecutor(1, "uploadkit-relay") if concurrency > 1 else None
        self._under_way: Future[object] | None = None

    def send(self, call: Callable[[], object]) -> None:
        """Hand a call over, as soon as the one before it has ended.

        :raises BaseException: what that one raised; then this one is not made.
        """
        if self._pool is None:
            call()
            return
        self.finish()
        self._under_way = self._pool.submit(call)

    def finish(self) -> None:
        """Wait for the last call.

        :raises BaseException: what it raised.
        """
        under_way, self._under_way = self._under_way, None
        if under_way is not None:
            under_way.result()

    def __enter__(self) -> Relay:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Wait until no call is under way any more; what one raised that nobody waited for is of no interest."""
        if self._pool is not None:
            self._pool.shutdown(wait=True, cancel_futures=True)
