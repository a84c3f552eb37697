"""The route that serves upload sets without a base URL."""

from __future__ import annotations

from flask import Blueprint, abort, current_app, request
from werkzeug.wrappers import Response

from ..config import UploadConfiguration
from ..exceptions import BackendError, InvalidKeyError, NotFoundError
from ..keys import is_hidden
from ..urls import not_served
from .serving import file_response

uploads_mod: Blueprint = Blueprint("_uploads", "uploadkit", url_prefix="/_uploads")


@uploads_mod.route("/<setname>/<path:filename>")
def uploaded_file(setname: str, filename: str) -> Response:
    """Serve a file of a set that may be served; an unknown set, file or name is the same 404."""
    config: UploadConfiguration | None = getattr(current_app, "upload_set_config", {}).get(setname)
    if config is None or is_hidden(filename):
        abort(404)
    if not config.settings.serve:
        abort(404, not_served(setname, config) if current_app.debug else None)
    try:
        return file_response(config.backend, filename, request.environ)
    except (NotFoundError, InvalidKeyError):
        abort(404)
    except BackendError as error:
        current_app.logger.exception("could not serve %r of upload set %r", filename, setname)
        abort(503 if error.retryable else 500)
