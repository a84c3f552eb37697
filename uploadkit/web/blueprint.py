"""The route that serves upload sets without a base URL."""

from __future__ import annotations

from http import HTTPStatus

from flask import Blueprint, abort, current_app, request
from flask import Response as FlaskResponse
from werkzeug.wrappers import Response

from ..config import UploadConfiguration
from ..exceptions import BackendError, InvalidKeyError, NotFoundError
from ..keys import file_key
from ..uploadset import UploadSet
from .access import grant_for
from .caching import NOT_KEPT, privately
from .delivery import deliver
from .sessions import sends_session

uploads_mod: Blueprint = Blueprint("_uploads", "uploadkit", url_prefix="/_uploads")

_REFUSALS = (HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND)


@uploads_mod.after_request
def keep_from_caches(response: FlaskResponse) -> FlaskResponse:
    """Let nobody keep a refusal, which may be another one's file, nor an answer together with a visitor's session."""
    if response.status_code in _REFUSALS:
        response.headers.setdefault("Cache-Control", NOT_KEPT)
    elif sends_session(current_app):
        response.headers["Cache-Control"] = privately(response.headers.get("Cache-Control")) or "private"
    return response


@uploads_mod.route("/<setname>/<path:filename>")
def uploaded_file(setname: str, filename: str) -> Response:
    """Serve a file to a visitor who may have it; an unknown set, file or name is the same 404."""
    known: dict[str, UploadConfiguration] = getattr(current_app, "upload_set_config", {})
    if setname not in known:
        abort(404)
    uset = current_app.extensions.get("uploadkit_sets", {}).get(setname) or UploadSet(setname)
    try:
        key = file_key("", filename)
        return deliver(uset, key, grant_for(uset, key, request), request)
    except (NotFoundError, InvalidKeyError):
        abort(404)
    except BackendError as error:
        current_app.logger.exception("could not serve %r of upload set %r", filename, setname)
        abort(503 if error.retryable else 500)
