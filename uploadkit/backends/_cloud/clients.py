"""Clients of vendors' SDKs: made on first use, once per process and set of options, shared, made again after a fork."""

from __future__ import annotations

import atexit
import os
import threading
from collections.abc import Callable, Hashable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

_lock = threading.Lock()
_clients: dict[Hashable, Any] = {}
_inherited: list[dict[Hashable, Any]] = []


def shared_client(identity: Hashable, make: Callable[[], Any]) -> Any:
    """Return this process's client for ``identity``, made by ``make`` if there is none yet."""
    client = _clients.get(identity)
    if client is None:
        with _lock:
            client = _clients.get(identity)
            if client is None:
                client = _clients[identity] = make()
    return client


def freeze(value: object) -> Hashable:
    """Return something hashable that is equal for equal options."""
    if isinstance(value, Mapping):
        return tuple(sorted((name, freeze(item)) for name, item in value.items()))
    if isinstance(value, (list, tuple, set)):
        return tuple(freeze(item) for item in value)
    return value if isinstance(value, Hashable) else _Itself(value)


@dataclass(frozen=True, eq=False)
class _Itself:
    """Equal to nothing but one of the same object; it keeps the object alive, whose id might else be another's."""

    value: object

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Itself) and other.value is self.value

    def __hash__(self) -> int:
        return id(self.value)


def close_clients() -> None:
    """Close the connections of all shared clients; the next call makes new ones."""
    with _lock:
        clients = list(_clients.values())
        _clients.clear()
    for client in clients:
        with suppress(Exception):  # one that fails must not keep the others open, nor the process from ending
            client.close()


def _forget_after_fork() -> None:
    """Leave the parent's connections to the parent: two processes that read from one get each other's answers."""
    global _lock, _clients  # noqa: PLW0603 - the lock may be held by a thread that does not exist here
    _lock = threading.Lock()
    _inherited.append(_clients)  # kept: closing them would say goodbye on the parent's TLS connections
    _clients = {}


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_after_fork)
atexit.register(close_clients)
