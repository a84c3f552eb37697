"""What caches may do with an answer (RFC 9111)."""

from __future__ import annotations

from werkzeug.datastructures import ResponseCacheControl
from werkzeug.http import parse_cache_control_header

#: Nobody may keep it.
NOT_KEPT = "private, no-store"
#: The visitor's browser may keep it, and has to ask each time.
REVALIDATED = "private, no-cache"


def for_visitor(seconds: float) -> str:
    """Return what lets the visitor's browser keep an answer for a while."""
    return f"private, max-age={max(0, int(seconds))}"


def for_redirect(cache_control: str | None, seconds: float) -> str:
    """Return what lets caches keep a redirect to a link, but no longer than the link lives.

    :param cache_control: What holds for the file itself.
    :param seconds: How long the link lives.
    """
    rules = parse_cache_control_header(cache_control, cls=ResponseCacheControl)
    if rules.no_store or rules.no_cache:
        return NOT_KEPT if rules.no_store else REVALIDATED
    allowed = seconds if rules.max_age is None else min(rules.max_age, seconds)
    return f"{'private' if rules.private else 'public'}, max-age={max(0, int(allowed))}"
