"""The app that is soaked, as gunicorn starts it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from flask import Flask, Response, request

from uploadkit import (
    AlreadyExistsError,
    IntegrityError,
    NotFoundError,
    UploadNotAllowed,
    UploadSet,
    configure_uploads,
    receive,
)

if TYPE_CHECKING:
    from uploadkit.settings import OnConflict

KIB, MIB = 1024, 1024 * 1024
#: The sets, by what is special of them; the first of each pair is local, the second on S3.
SETS = {"plain": ("files", "cloud"), "tight": ("tight", "tightcloud"), "waiting": ("waiting", "waitingcloud")}
LONGEST_FILE, LONGEST_TIGHT, LONGEST_BODY = 31 * MIB, 256 * KIB, 128 * MIB


def create_app(settings_file: str) -> Flask:
    """Return the app that is soaked; gunicorn calls this."""
    settings = json.loads(Path(settings_file).read_text())
    app = Flask("soak")
    app.config.update(SECRET_KEY="soak", UPLOADS_FAST_FORMS=True, MAX_CONTENT_LENGTH=LONGEST_BODY)
    sets = {name: UploadSet(name, ("bin", "jpg")) for pair in SETS.values() for name in pair}
    for kind, pair in SETS.items():
        for name, place in zip(pair, ("local", "s3"), strict=True):
            longest = LONGEST_TIGHT if kind == "tight" else LONGEST_FILE
            keys = {**settings[place], "MAX_SIZE": longest, "QUARANTINE": kind == "waiting"}
            keys["DEST"] += f"/{name}"
            app.config.update({f"UPLOADED_{name.upper()}_{key}": value for key, value in keys.items()})
    configure_uploads(app, tuple(sets.values()))
    _add_views(app, sets)
    _add_decisions(app, sets)
    _add_errors(app)
    return app


def _policy() -> OnConflict | None:
    return cast("OnConflict | None", request.args.get("on_conflict"))


def _add_views(app: Flask, sets: dict[str, UploadSet]) -> None:
    @app.get("/ready")
    def ready() -> str:
        return "yes"

    @app.post("/form/<name>")
    def form(name: str) -> tuple[dict[str, Any], int]:
        saved: list[str] = []
        try:
            for storage in request.files.getlist("file"):
                saved.append(sets[name].save(storage, on_conflict=_policy()))  # noqa: PERF401 - needed if one fails
        except BaseException:
            for filename in saved:
                sets[name].delete(filename)
            raise
        return {"files": saved}, 201 if saved else 400

    @app.post("/receive/<name>")
    def received(name: str) -> tuple[dict[str, Any], int]:
        with receive(request, {"file": sets[name]}) as incoming:
            for part in incoming:
                part.save(on_conflict=_policy())
        return {"files": [file.filename for file in incoming.files]}, 201

    @app.put("/put/<name>/<filename>")
    def put(name: str, filename: str) -> tuple[dict[str, Any], int]:
        info = sets[name].save_stream(request.stream, filename, on_conflict=_policy())
        return {"files": [info.key]}, 201


def _add_decisions(app: Flask, sets: dict[str, UploadSet]) -> None:
    @app.post("/release/<name>/<filename>")
    def release(name: str, filename: str) -> dict[str, Any]:
        return {"files": [sets[name].release(filename)]}

    @app.post("/reject/<name>/<filename>")
    def reject(name: str, filename: str) -> dict[str, Any]:
        sets[name].reject(filename)
        return {"files": []}

    @app.delete("/put/<name>/<filename>")
    def delete(name: str, filename: str) -> dict[str, Any]:
        sets[name].delete(filename)
        return {"files": []}


def _add_errors(app: Flask) -> None:
    for kind, status in (
        (UploadNotAllowed, 422),
        (AlreadyExistsError, 409),
        (IntegrityError, 400),
        (NotFoundError, 404),
    ):

        def handler(error: Exception, status: int = status) -> Response:
            return Response(str(error), status)

        app.register_error_handler(kind, handler)
