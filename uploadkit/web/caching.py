"""What caches may do with an answer (RFC 9111)."""

from __future__ import annotations

#: Nobody may keep it.
NOT_KEPT = "private, no-store"
#: The visitor's browser may keep it, and has to ask each time.
REVALIDATED = "private, no-cache"
_LONGEST_NUMBER = 12


def for_visitor(seconds: float) -> str:
    """Return what lets the visitor's browser keep an answer for a while."""
    return f"private, max-age={max(0, int(seconds))}"


def never_kept(cache_control: str | None) -> bool:
    """Whether nobody may keep what says so."""
    return "no-store" in _rules(cache_control)


def privately(cache_control: str | None) -> str | None:
    """Return the same for an answer that is one visitor's: no shared cache may keep it, whatever the file says."""
    rules = _rules(cache_control)
    if not rules or {"private", "no-store", "no-cache"} & rules.keys():
        return cache_control
    return for_visitor(_seconds(rules, "max-age")) if "max-age" in rules else "private"


def for_redirect(cache_control: str | None, seconds: float) -> str:
    """Return what lets caches keep a redirect to a link, but no longer than the link lives.

    :param cache_control: What holds for the file itself.
    :param seconds: How long the link lives.
    """
    rules = _rules(cache_control)
    if "no-store" in rules or "no-cache" in rules:
        return NOT_KEPT if "no-store" in rules else REVALIDATED
    allowed = [seconds, *(_seconds(rules, name) for name in ("max-age", "s-maxage") if name in rules)]
    return f"{'private' if 'private' in rules else 'public'}, max-age={max(0, int(min(allowed)))}"


def _rules(cache_control: str | None) -> dict[str, str]:
    """Return the directives of a header by their names, which are the same in any case (RFC 9111, section 5.2)."""
    pairs = [part.strip().partition("=") for part in (cache_control or "").lower().split(",")]
    found: dict[str, str] = {}
    for name, _, value in pairs:
        kept = found.get(name)
        found[name] = value if kept is None else min(kept, value, key=_number)  # the strictest one counts
    found.pop("", None)
    return found


def _seconds(rules: dict[str, str], name: str) -> int:
    return _number(rules[name])


def _number(value: str) -> int:
    """Return a number of seconds; what is none lets nobody keep anything."""
    digits = value.strip('"')
    return int(digits) if digits.isdecimal() and len(digits) < _LONGEST_NUMBER else 0
