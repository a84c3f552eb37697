"""The signed links that were made last."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable
from threading import Lock
from typing import NamedTuple

from .models import SignedURL


class Remembered(NamedTuple):
    """A signed link, and from when until when it is the one to give out, in seconds since 1970."""

    link: SignedURL
    since: float
    until: float


class RecentLinks:
    """Keeps the links that were asked for last, up to a number of them. Threads may share it.

    :param most: How many.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._links: OrderedDict[Hashable, Remembered] = OrderedDict()
        self._lock = Lock()

    def __len__(self) -> int:
        return len(self._links)

    def get(self, asked: Hashable) -> Remembered | None:
        """Return the link for what is asked, which becomes the latest; None if there is none."""
        found = self._links.get(asked)
        if found is not None:
            try:  # noqa: SIM105 - suppress() would take longer than all the rest
                self._links.move_to_end(asked)
            except KeyError:  # another thread has made it the one too many
                pass
        return found

    def keep(self, asked: Hashable, link: Remembered) -> None:
        """Keep ``link``; forget the oldest one if there are too many."""
        with self._lock:
            self._links[asked] = link
            self._links.move_to_end(asked)
            if len(self._links) > self._most:
                self._links.popitem(last=False)
