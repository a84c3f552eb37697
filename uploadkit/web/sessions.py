"""Whether an answer will carry the visitor's session."""

from __future__ import annotations

from typing import Any, cast

from flask import Flask
from flask.globals import request_ctx


def sends_session(app: Flask) -> bool:
    """Whether Flask will put a session cookie on the answer, as it does for permanent sessions on each one.

    The session is looked at behind Flask's back, which would else take the answer for one that depends on it.
    """
    context = cast("Any", request_ctx)._get_current_object()  # noqa: SLF001 - Flask's way to the object itself
    session = vars(context).get("_session", vars(context).get("session"))  # as Flask 3.1.3 calls it, and before
    if not session:
        return False
    looked_into = getattr(session, "accessed", True)
    sends = app.session_interface.should_set_cookie(app, session)
    session.accessed = looked_into
    return sends
