"""Conflicts: which name to try next when one is taken.

The first try is the name itself. Then come ``n_1``, ``n_2`` …, found by big steps and halving, so that the thousandth
upload of one name costs a dozen looks and not a thousand; beyond that, and after losing a few races, a random
suffix. That a name is free is only ever decided by the backend, when it stores the file.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from .exceptions import AlreadyExistsError
from .names import random_word, with_suffix
from .targets import Rules, clean_hook_result, is_overridden

#: Small at first, for most names are taken once or twice, and each look may be a request.
_STEPS = (1, 2, 4, 32, 256, 1024)
_NUMBERED_TRIES = 3
_RANDOM_TRIES = 20
_HOOK_TRIES = 100

Exists = Callable[[str], bool]


def numbered(basename: str, exists: Exists) -> str | None:
    """Return ``basename`` with the first free number found, None if there are too many.

    Where numbers have gaps, any gap's first number may be the one.
    """
    taken, free = 0, 1
    for free in _STEPS:
        if not exists(with_suffix(basename, str(free))):
            break
        taken = free
    else:
        return None
    while free - taken > 1:
        middle = (taken + free) // 2
        if exists(with_suffix(basename, str(middle))):
            taken = middle
        else:
            free = middle
    return with_suffix(basename, str(free))


def randomized(basename: str) -> str:
    """Return ``basename`` with a suffix that nobody else has."""
    return with_suffix(basename, random_word())


def free_name(basename: str, exists: Exists) -> str:
    """Return a name like ``basename`` that was free a moment ago."""
    return numbered(basename, exists) or randomized(basename)


def candidates(
    rules: Rules, basename: str, target_folder: Callable[[], str], exists: Exists, policy: str
) -> Iterator[tuple[str, bool]]:
    """Yield names to try, each with whether it may be overwritten, until the caller has stored the file.

    :param target_folder: What an overridden ``resolve_conflict`` is given: the absolute folder, or the key's prefix.
    """
    yield basename, policy == "overwrite"
    if policy == "rename" and is_overridden(rules.resolve_conflict):
        yield from _by_hook(rules, basename, target_folder())
    elif policy == "rename":
        for _ in range(_NUMBERED_TRIES):
            yield free_name(basename, exists), False
    if policy in ("rename", "unique"):
        for _ in range(_RANDOM_TRIES):
            yield randomized(basename), False


def other_name(basename: str, answer: object) -> str:
    """Clean what a hook answered that wants another name; if cleaning undoes the difference, make one."""
    cleaned = clean_hook_result(answer, "resolve_conflict")
    return randomized(basename) if cleaned == basename else cleaned


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
