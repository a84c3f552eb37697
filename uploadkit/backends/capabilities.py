"""Optional powers of backends, and the one value that says which of them a backend has.

``capabilities(backend)`` returns a frozen `Capabilities`; each field is the object that has the power, or None. A
wrapper (or a backend whose powers depend on its settings) answers for itself with a ``capabilities()`` method.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields
from datetime import timedelta
from typing import BinaryIO, Protocol, runtime_checkable

from ..models import FileInfo, SaveOptions
from .protocol import Backend


@runtime_checkable
class SupportsRange(Protocol):
    """Can read a part of a file without the rest."""

    def open_range(self, key: str, start: int, length: int | None = None) -> BinaryIO:
        """Open ``length`` bytes (None: all) from ``start`` (from 0) as a seekable stream that the caller closes.

        A range behind the end is empty; one that reaches over it is cut.

        :raises NotFoundError: if there is no such file.
        :raises ValueError: if ``start`` or ``length`` is negative.
        """
        ...


@runtime_checkable
class SupportsListing(Protocol):
    """Can tell which files there are."""

    def list_files(self, prefix: str = "") -> Iterator[FileInfo]:
        """Yield the files whose key starts with ``prefix``, lazily, in the order of the keys' code points.

        Unfinished and internal files are never among them.
        """
        ...


@runtime_checkable
class SupportsCopy(Protocol):
    """Can copy a file without moving its bytes through this process."""

    def copy(self, source: str, target: str, options: SaveOptions) -> FileInfo:
        """Copy ``source`` to ``target`` under the promises of `Backend.save`; ``options`` replace the attributes.

        :raises NotFoundError: if there is no ``source``.
        :raises AlreadyExistsError: if ``target`` exists and ``options.overwrite`` is false.
        """
        ...


@runtime_checkable
class SupportsMove(Protocol):
    """Can give a file another key in one step."""

    def move(self, source: str, target: str, *, overwrite: bool = False) -> FileInfo:
        """Rename ``source`` to ``target`` with everything it carries; nobody sees both or neither.

        A content type that is the usual one of the old key becomes the usual one of the new.

        :raises NotFoundError: if there is no ``source``.
        :raises AlreadyExistsError: if ``target`` exists and ``overwrite`` is false.
        """
        ...


@runtime_checkable
class SupportsSweep(Protocol):
    """Can remove what killed processes left behind."""

    def sweep(self, older_than: timedelta = timedelta(hours=24)) -> int:
        """Remove unfinished files that nobody works on and that are older than ``older_than``; return how many."""
        ...


@dataclass(frozen=True)
class Capabilities:
    """The optional powers of one backend: each is the object that has it, or None. Print it to see their names."""

    range: SupportsRange | None = None
    listing: SupportsListing | None = None
    copy: SupportsCopy | None = None
    move: SupportsMove | None = None
    sweep: SupportsSweep | None = None

    def names(self) -> tuple[str, ...]:
        """Return the names of the powers that are there."""
        return tuple(power.name for power in fields(self) if getattr(self, power.name) is not None)

    def __str__(self) -> str:
        return ", ".join(self.names()) or "no optional powers"


@runtime_checkable
class AnswersForItself(Protocol):
    """A backend whose powers cannot be read off its methods, such as a wrapper."""

    def capabilities(self) -> Capabilities:
        """Return the powers that calls to this backend will really find."""
        ...


def capabilities(backend: Backend) -> Capabilities:
    """Return the optional powers of ``backend``."""
    if isinstance(backend, AnswersForItself):
        return backend.capabilities()
    return Capabilities(
        range=backend if isinstance(backend, SupportsRange) else None,
        listing=backend if isinstance(backend, SupportsListing) else None,
        copy=backend if isinstance(backend, SupportsCopy) else None,
        move=backend if isinstance(backend, SupportsMove) else None,
        sweep=backend if isinstance(backend, SupportsSweep) else None,
    )
