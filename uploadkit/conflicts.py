"""Conflicts: which name to try next when one is taken.

The first try is the name itself. Then come ``n_1``, ``n_2`` …, found from the last one that was given, or by big steps
and halving, so that the thousandth upload of one name costs three looks, or a dozen, and not a thousand; beyond that,
and after losing a few races, a random suffix. That a name is free is only ever decided by the backend, when it stores
the file.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from .exceptions import AlreadyExistsError
from .names import random_word, with_suffix
from .recent import Recent
from .targets import Rules, Target, clean_hook_result, is_overridden

#: Small at first, for most names are taken once or twice, and each look may be a request.
_STEPS = (1, 2, 4, 32, 256, 1024)
_MOST = _STEPS[-1]
_NUMBERED_TRIES = 3
_RANDOM_TRIES = 20
_HOOK_TRIES = 100

Exists = Callable[[str], bool]


def free_number(basename: str, exists: Exists, last: int = 0) -> int | None:
    """Return the first free number found for ``basename``, None if there are too many.

    Where numbers have gaps, any gap's first number may be the one.

    :param last: The number to begin behind if it is still taken, and the first one too.
    """

    def is_taken(number: int) -> bool:
        return exists(with_suffix(basename, str(number)))

    found = _step(last if last > 1 and is_taken(1) and is_taken(last) else 0, is_taken)
    if found is None:
        return None
    taken, free = found
    while free - taken > 1:
        middle = (taken + free) // 2
        if is_taken(middle):
            taken = middle
        else:
            free = middle
    return free


def _step(begin: int, is_taken: Callable[[int], bool]) -> tuple[int, int] | None:
    """Go forward in steps; return the last taken number that was seen and a free one, None if there is none."""
    taken = begin
    for step in _STEPS:
        free = min(begin + step, _MOST)
        if free == taken:
            return None
        if not is_taken(free):
            return taken, free
        taken = free
    return None


def randomized(basename: str) -> str:
    """Return ``basename`` with a suffix that nobody else has."""
    return with_suffix(basename, random_word())


def free_name(basename: str, exists: Exists) -> str:
    """Return a name like ``basename`` that was free a moment ago."""
    return _with_number(basename, free_number(basename, exists))


def candidates(
    rules: Rules, target: Target, target_folder: Callable[[], str], exists: Exists, policy: str
) -> Iterator[tuple[str, bool]]:
    """Yield names to try, each with whether it may be overwritten, until the caller has stored the file.

    :param target: What was asked for.
    :param target_folder: What an overridden ``resolve_conflict`` is given: the absolute folder, or the key's prefix.
    """
    basename = target.basename
    yield basename, policy == "overwrite"
    if policy == "rename" and is_overridden(rules.resolve_conflict):
        yield from _by_hook(rules, basename, target_folder())
    elif policy == "rename":
        for _ in range(_NUMBERED_TRIES):
            yield _next_number(rules.config.numbers, target, exists), False
    if policy in ("rename", "unique"):
        for _ in range(_RANDOM_TRIES):
            yield randomized(basename), False


def other_name(basename: str, answer: object) -> str:
    """Clean what a hook answered that wants another name; if cleaning undoes the difference, make one."""
    cleaned = clean_hook_result(answer, "resolve_conflict")
    return randomized(basename) if cleaned == basename else cleaned


def _next_number(numbers: Recent[int], target: Target, exists: Exists) -> str:
    """Return a name with a number that was free a moment ago, and remember the number."""
    number = free_number(target.basename, exists, numbers.get(target.key) or 0)
    if number is not None:
        numbers.keep(target.key, number)
    return _with_number(target.basename, number)


def _with_number(basename: str, number: int | None) -> str:
    return randomized(basename) if number is None else with_suffix(basename, str(number))


def _by_hook(rules: Rules, basename: str, target_folder: str) -> Iterator[tuple[str, bool]]:
    """Ask an overridden hook; if it returns the name that it was asked about, it wants that file overwritten."""
    for _ in range(_HOOK_TRIES):
        answer = rules.resolve_conflict(target_folder, basename)
        if answer == basename:
            yield basename, True
            return
        basename = other_name(basename, answer)
        yield basename, False
    raise AlreadyExistsError(
        f"resolve_conflict() named {_HOOK_TRIES} files that exist already; the last is {basename!r}."
    )
