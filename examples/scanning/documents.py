"""Documents that a virus scanner has to see before anybody else does.

Started as a program it runs the app; with ``scan`` behind it, it looks at all that waits, as a timer or a worker would
do again and again. Both need clamd, at ``CLAMD_ADDRESS``.
"""

from __future__ import annotations

import logging
import os
import sys
from pathlib import Path
from typing import Any

from clamd import Address, ScanError, scan
from flask import Flask, current_app, jsonify, request
from flask.typing import ResponseReturnValue

from uploadkit import (
    DOCUMENTS,
    BackendError,
    FileInfo,
    NotFoundError,
    PreconditionError,
    UploadNotAllowed,
    UploadSet,
    configure_uploads,
)

documents = UploadSet("documents", ("pdf", *DOCUMENTS))
_log = logging.getLogger(__name__)


def create_app(**settings: Any) -> Flask:
    """Make the app.

    :param settings: Further settings, such as ``CLAMD_ADDRESS``.
    """
    app = Flask(__name__)
    app.config.update(
        SECRET_KEY=os.environ.get("SECRET_KEY", "only for trying it out"),
        CLAMD_ADDRESS=("127.0.0.1", 3310),
        UPLOADED_DOCUMENTS_DEST=Path(app.instance_path, "documents"),
        UPLOADED_DOCUMENTS_QUARANTINE=True,
        UPLOADED_DOCUMENTS_MAX_SIZE="25 MB",  # not more than clamd's StreamMaxLength
        UPLOADED_DOCUMENTS_SERVE=True,
    )
    app.config.update(settings)
    configure_uploads(app, documents)
    app.add_url_rule("/", view_func=documents.limit(upload), methods=["POST"])
    app.cli.command("scan")(scan_all)
    return app


def upload() -> ResponseReturnValue:
    """Take a document; its link works as soon as it was found harmless."""
    try:
        name = documents.save(request.files["file"])
    except UploadNotAllowed as error:
        return jsonify(error=error.reason, code=error.code), 422
    return jsonify(name=name, url=documents.url(name)), 202


def scan_all() -> None:
    """Release or reject whatever waits."""
    for info in documents.pending.list_files():
        try:
            judge(info)
        except (NotFoundError, PreconditionError):  # another worker was faster
            continue
        except (ScanError, BackendError, UploadNotAllowed) as error:  # the others need not wait for this one
            _log.warning("%s still waits: %s", info.filename, error)


def judge(info: FileInfo) -> None:
    """Release a file in which nothing is found, reject another.

    :raises ScanError: if the scanner cannot say; the file goes on waiting.
    """
    name = info.filename
    address: Address = current_app.config["CLAMD_ADDRESS"]
    with documents.pending.open(name) as stream:
        found = scan(stream, address)
    if found is None:
        documents.release(name, etag=info.etag)
    else:
        documents.reject(name, f"The virus scanner found {found}.", etag=info.etag)


if __name__ == "__main__":
    app = create_app()
    if sys.argv[1:] == ["scan"]:
        with app.app_context():
            scan_all()
    else:
        app.run()
