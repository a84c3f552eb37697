"""What a case is made of."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from typing import Literal

KIB, MIB, GIB = 1024, 1024**2, 1024**3

#: ``cpu`` (user and system) and ``wall`` in seconds, ``peak`` (resident memory over idle), ``written`` (what was sent
#: to disks) and ``wchar`` (what was given to write calls) in bytes.
Measure = Literal["cpu", "wall", "peak", "written", "wchar"]
MEASURES: tuple[Measure, ...] = ("cpu", "wall", "peak", "written", "wchar")
ScaleName = Literal["quick", "normal", "full"]


class Unavailable(Exception):
    """A contestant cannot take part here; the message says why."""


@dataclass(frozen=True)
class Scale:
    """How much is measured.

    :param name: ``"quick"`` is for seeing that everything runs; ``"full"`` adds files of gigabytes.
    :param rounds: How often each contestant has its turn.
    """

    name: ScaleName
    rounds: int

    @property
    def is_quick(self) -> bool:
        return self.name == "quick"

    @property
    def is_full(self) -> bool:
        return self.name == "full"

    def calls(self, count: int) -> int:
        """Return how many calls a turn has, where ``count`` would be right."""
        return max(1, count // 50) if self.is_quick else count

    def sizes(self, small: Sequence[int], long: Sequence[int] = (), longest: Sequence[int] = ()) -> tuple[int, ...]:
        """Return the sizes to measure: the ``small`` always, the ``long`` unless quick, the ``longest`` if full."""
        return (*small, *(() if self.is_quick else long), *(longest if self.is_full else ()))


SCALES: dict[str, Scale] = {
    scale.name: scale for scale in (Scale("quick", rounds=2), Scale("normal", rounds=7), Scale("full", rounds=9))
}


@dataclass(frozen=True)
class Costs:
    """What one call costs; None is what cannot be known on this system."""

    cpu: float
    wall: float
    peak: int | None = None
    written: float | None = None
    wchar: float | None = None


@dataclass(frozen=True)
class Job:
    """A contestant that is ready.

    :param action: What is measured. It may return the costs itself, of a process that it ran.
    :param warm: Called once before the rounds; None calls ``action`` instead.
    :param after: Called after each turn, unmeasured: it takes away what was stored.
    :param watched: The processes whose costs count; none means the one that calls.
    """

    action: Callable[[], object]
    warm: Callable[[], object] | None = None
    after: Callable[[], object] | None = None
    watched: tuple[int, ...] = ()


@dataclass(frozen=True)
class Contestant:
    """Somebody who takes part.

    :param name: What the table calls it.
    :param prepare: Makes it ready, in a process of its own.
    :param needs: The modules that must be installed for it.
    """

    name: str
    prepare: Callable[[], AbstractContextManager[Job]]
    needs: tuple[str, ...] = ()


@dataclass(frozen=True)
class Goal:
    """What is aimed at.

    :param kind: ``"ratio"``: not more than ``most`` times the peer's; ``"over"``: not more than ``most`` above the
        peer's; ``"plain"``: not more than ``most``. Seconds or bytes where it is not a ratio.
    """

    contestant: str
    measure: Measure
    most: float
    peer: str = ""
    kind: Literal["ratio", "over", "plain"] = "ratio"


#: Runs what the contestants of a trial share; yields variables for their environment.
Service = Callable[[], AbstractContextManager[Mapping[str, str]]]


def no_service() -> AbstractContextManager[Mapping[str, str]]:
    """Share nothing."""
    return nullcontext({})


@dataclass(frozen=True)
class Trial:
    """Contestants that take turns at one thing.

    :param peer: The contestant that the others are compared with.
    :param calls: How many calls make one turn; costs are of one.
    :param size: How many bytes a call moves; 0 if that says nothing.
    """

    name: str
    contestants: tuple[Contestant, ...]
    peer: str
    calls: int = 1
    size: int = 0
    goals: tuple[Goal, ...] = ()
    service: Service = no_service


@dataclass(frozen=True)
class Case:
    """Trials that belong together.

    :param about: What is measured, for the page; Markdown.
    """

    name: str
    title: str
    about: str
    trials: Callable[[Scale], Sequence[Trial]] = field(repr=False)


def human_size(size: float) -> str:
    """Return a size as people write it: ``10 KiB``."""
    for unit, name in ((GIB, "GiB"), (MIB, "MiB"), (KIB, "KiB")):
        if size >= unit:
            return f"{size / unit:.3g} {name}"
    return f"{size:.0f} B"
