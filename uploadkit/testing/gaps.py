"""Promises that a server is known not to show, and how a check is run where that is so."""

from __future__ import annotations

from collections.abc import Container, Mapping

from .subject import Check, NotShown, Subject


class Unsteady(str):
    """The reason of a gap that shows only sometimes, such as a race: its check is not run at all."""

    __slots__ = ()


def check_gaps(gaps: Mapping[str, str], known: Container[str]) -> None:
    """Refuse a gap that belongs to no check.

    :raises ValueError: naming it.
    """
    for name in gaps:
        if name not in known:
            raise ValueError(f"gaps names {name!r}, which is no check of the contract")


def run_check(check: Check, subject: Subject, gaps: Mapping[str, str]) -> None:
    """Run a check; where it has a gap it must fail.

    :raises NotShown: if the promise cannot be shown, or fails where it has a gap.
    :raises AssertionError: if the promise is broken, or kept although it has a gap.
    """
    reason = gaps.get(check.name)
    if reason is None:
        check.run(subject)
        return
    if isinstance(reason, Unsteady):
        raise NotShown(reason)
    try:
        check.run(subject)
    except NotShown:
        raise
    except Exception as error:
        raise NotShown(reason) from error
    raise AssertionError(f"{check.name} holds here: the gap is closed, remove it from gaps (it was: {reason})")
