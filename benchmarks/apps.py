"""The apps that the contestants are: each takes a photo from a form and stores it."""

from __future__ import annotations

import logging
import os
import shutil
from collections.abc import Callable, Iterable
from functools import partial
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flask import Flask, request

from benchmarks.harness.clients import BUCKET, boto3_client, s3_options
from benchmarks.harness.model import Unavailable

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

MakeApp = Callable[[Path], "WSGIApplication"]

#: What the form's field of the photo is called.
FIELD = "photo"
_PIECE = 256 * 1024


def create(name: str, folder: str) -> WSGIApplication:
    """Return the app of a contestant; web servers call this.

    :param folder: Where it keeps files.
    :raises Unavailable: if what it needs does not exist.
    """
    logging.disable(logging.WARNING)  # advice that an app gets at its start
    return APPS[name](Path(folder))


def fast_forms(*, on: bool) -> dict[str, bool]:
    """Return the setting for the parser of forms.

    :raises Unavailable: if this version has none and it is to be on.
    """
    from uploadkit.settings import APP_KEYS

    if "FAST_FORMS" in APP_KEYS:
        return {"UPLOADS_FAST_FORMS": on}
    if on:
        raise Unavailable("this version of uploadkit has no UPLOADS_FAST_FORMS")
    return {}


def _app(store: Callable[[], object]) -> Flask:
    """Return an app that calls ``store`` on a form and answers what it returns."""
    app = Flask("benchmark")
    app.add_url_rule("/", "store", lambda: str(store()), methods=["POST"])
    return app


def _sent() -> Any:
    return request.files[FIELD]


def _uploadkit(folder: Path, *, fast: bool, fsync: bool, checksum: str | None = "sha256") -> Flask:
    from uploadkit import IMAGES, UploadSet, configure_uploads

    photos = UploadSet("photos", IMAGES)
    app = _app(lambda: photos.save(_sent()))
    app.config.update(UPLOADED_PHOTOS_DEST=str(folder), UPLOADED_PHOTOS_OPTIONS={"fsync": fsync, "checksum": checksum})
    app.config.update(fast_forms(on=fast))
    configure_uploads(app, photos)
    return app


def _reuploaded(folder: Path, *, fsync: bool) -> Flask:
    import flask_uploads

    photos = flask_uploads.UploadSet("photos", flask_uploads.IMAGES)

    def store() -> str:
        name: str = photos.save(_sent())
        if fsync:
            flush(folder / name)
            flush(folder)
        return name

    app = _app(store)
    app.config["UPLOADED_PHOTOS_DEST"] = str(folder)
    flask_uploads.configure_uploads(app, photos)
    return app


def _flask_storage(folder: Path) -> Flask:
    import flask_storage

    photos = flask_storage.Storage("photos", flask_storage.IMAGES)
    app = _app(lambda: photos.save(_sent()))
    app.config["FS_ROOT"] = str(folder)
    flask_storage.init_app(app, photos)
    return app


def _copy(folder: Path, *, fsync: bool) -> WSGIApplication:
    """Return an app that parses nothing: it copies the whole body into a file."""
    numbers = count()

    def app(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        left, body = int(environ["CONTENT_LENGTH"]), environ["wsgi.input"]
        path = folder / f"{next(numbers)}.body"
        with path.open("wb", buffering=0) as file:
            while left and (piece := body.read(min(left, _PIECE))):
                file.write(piece)
                left -= len(piece)
            if fsync:
                os.fsync(file.fileno())
        if fsync:
            flush(folder)
        start_response("200 OK", [("Content-Length", "0")])
        return []

    return app


def _on_s3(*, fast: bool | None) -> tuple[Flask, Any]:
    """Return an app without a route, and its set on S3; with ``fast`` None nothing is said about its parser."""
    from uploadkit import IMAGES, UploadSet, configure_uploads

    app, photos = Flask("benchmark"), UploadSet("photos", IMAGES)
    app.config.update(UPLOADED_PHOTOS_BACKEND="s3", UPLOADED_PHOTOS_DEST=BUCKET, UPLOADED_PHOTOS_OPTIONS=s3_options())
    if fast is not None:
        app.config.update(fast_forms(on=fast))
    configure_uploads(app, photos)
    return app, photos


def _uploadkit_s3(_: Path, *, fast: bool) -> Flask:
    app, photos = _on_s3(fast=fast)
    app.add_url_rule("/", "store", lambda: str(photos.save(_sent())), methods=["POST"])
    return app


def _receive_s3(_: Path) -> Flask:
    import uploadkit

    if not hasattr(uploadkit, "receive"):
        raise Unavailable("this version of uploadkit has no receive()")
    receive: Any = uploadkit.receive
    app, photos = _on_s3(fast=None)

    def store() -> str:
        with receive(request, {FIELD: photos}) as form:
            return ", ".join(part.save() for part in form)

    app.add_url_rule("/", "store", store, methods=["POST"])
    return app


def _boto3_s3(_: Path) -> Flask:
    client, numbers = boto3_client(), count()

    def store() -> str:
        name = f"{next(numbers)}-{_sent().filename}"
        client.upload_fileobj(_sent().stream, BUCKET, name)
        return name

    return _app(store)


def flush(path: Path) -> None:
    """Write a file or a folder through to the disk."""
    fd = os.open(path, os.O_RDONLY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def empty(folder: Path) -> None:
    """Take away what was stored."""
    for each in folder.iterdir():
        if each.is_dir() and not each.is_symlink():
            shutil.rmtree(each)
        else:
            each.unlink()


FAST, FAST_UNSYNCED = "uploadkit", "uploadkit, fsync off"
FAST_UNHASHED, FAST_UNSYNCED_UNHASHED = "uploadkit, no checksum", "uploadkit, fsync off, no checksum"
PLAIN, PLAIN_UNSYNCED = "uploadkit, FAST_FORMS off", "uploadkit, FAST_FORMS off, fsync off"
REUPLOADED, REUPLOADED_SYNCED = "Flask-Reuploaded", "Flask-Reuploaded + fsync"
FLASK_STORAGE, COPY, COPY_SYNCED = "flask-storage", "copy of the body", "copy of the body + fsync"
BOTO3_FORM, SAVED_FORM, RECEIVED_FORM = "Flask form + upload_fileobj", "uploadkit save", "uploadkit receive"
SAVED_PLAIN_FORM = "uploadkit save, FAST_FORMS off"

APPS: dict[str, MakeApp] = {
    FAST: partial(_uploadkit, fast=True, fsync=True),
    FAST_UNSYNCED: partial(_uploadkit, fast=True, fsync=False),
    FAST_UNHASHED: partial(_uploadkit, fast=True, fsync=True, checksum=None),
    FAST_UNSYNCED_UNHASHED: partial(_uploadkit, fast=True, fsync=False, checksum=None),
    PLAIN: partial(_uploadkit, fast=False, fsync=True),
    PLAIN_UNSYNCED: partial(_uploadkit, fast=False, fsync=False),
    REUPLOADED: partial(_reuploaded, fsync=False),
    REUPLOADED_SYNCED: partial(_reuploaded, fsync=True),
    FLASK_STORAGE: _flask_storage,
    COPY: partial(_copy, fsync=False),
    COPY_SYNCED: partial(_copy, fsync=True),
    BOTO3_FORM: _boto3_s3,
    SAVED_FORM: partial(_uploadkit_s3, fast=True),
    SAVED_PLAIN_FORM: partial(_uploadkit_s3, fast=False),
    RECEIVED_FORM: _receive_s3,
}
#: The modules that contestants need.
NEEDS: dict[str, tuple[str, ...]] = {
    REUPLOADED: ("flask_uploads",),
    REUPLOADED_SYNCED: ("flask_uploads",),
    FLASK_STORAGE: ("flask_storage",),
    **dict.fromkeys((BOTO3_FORM, SAVED_FORM, SAVED_PLAIN_FORM, RECEIVED_FORM), ("boto3",)),
}
