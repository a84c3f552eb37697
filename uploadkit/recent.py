"""What was used last, up to a number of things."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable
from threading import Lock
from typing import Generic, TypeVar

ValueT = TypeVar("ValueT")


class Recent(Generic[ValueT]):
    """Keeps the values that were asked for last, up to a number of them. Threads may share it.

    :param most: How many.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._values: OrderedDict[Hashable, ValueT] = OrderedDict()
        self._lock = Lock()

    def __len__(self) -> int:
        return len(self._values)

    def get(self, asked: Hashable) -> ValueT | None:
        """Return the value of what is asked for, which becomes the latest; None if there is none."""
        found = self._values.get(asked)
        if found is not None:
            try:  # noqa: SIM105 - suppress() would take longer than all the rest
                self._values.move_to_end(asked)
            except KeyError:  # another thread has made it the one too many
                pass
        return found

    def keep(self, asked: Hashable, value: ValueT) -> None:
        """Keep ``value``; forget the oldest one if there are too many."""
        with self._lock:
            self._values[asked] = value
            self._values.move_to_end(asked)
            if len(self._values) > self._most:
                self._values.popitem(last=False)
