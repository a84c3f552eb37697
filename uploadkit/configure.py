"""Telling an app about its upload sets."""

from __future__ import annotations

import logging
import os
import warnings
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from .config import UploadConfiguration, config_for_set
from .exceptions import BackendError, ConfigError
from .forms.wiring import use_fast_forms
from .limiting import limit_early
from .operations import sweep
from .scoped import ScopedSet
from .templating import upload_url
from .tokens import check_keys
from .uploadset import UploadSet
from .web.blueprint import uploads_mod

if TYPE_CHECKING:
    from flask import Flask
    from werkzeug.wrappers import Request

    from .forms.receiving import IncomingForm

_log = logging.getLogger("uploadkit")


def configure_uploads(app: Flask, upload_sets: UploadSet | Iterable[UploadSet]) -> None:
    """Read the configuration of upload sets, make their backends, and register the route that serves them.

    Call it after ``app.config`` is complete; call it again for further sets, or after a setting has changed.

    :param app: The app. Its ``upload_set_config`` maps the names of sets to their configuration.
    :param upload_sets: One set, or several.
    :raises ConfigError: if a setting is missing, misspelt or means nothing; no set is changed then.
    """
    sets = (upload_sets,) if isinstance(upload_sets, UploadSet) else tuple(upload_sets)
    _require_sets(sets)
    check_keys(app)
    defaults = {"dest": app.config.get("UPLOADS_DEFAULT_DEST"), "url": app.config.get("UPLOADS_DEFAULT_URL")}
    found = {uset.name: config_for_set(uset, app, defaults) for uset in sets}
    _refuse_namesakes(app, sets)
    known: dict[str, UploadConfiguration] = {**getattr(app, "upload_set_config", {}), **found}
    if uploads_mod.name not in app.blueprints and any(map(_needs_route, known.values())):
        _register(app)
    _keep(app, found)
    app.extensions.setdefault("uploadkit_sets", {}).update({uset.name: uset for uset in sets})
    app.jinja_env.globals.setdefault("upload_url", upload_url)
    limit_early(app)
    use_fast_forms(app)
    _warn_of_shared_settings(known)
    _warn_of_open_folders(known)
    _warn_of_endless_files(app, found)
    for config in found.values():
        _sweep(config)


class Uploads:
    """The same as an extension object: ``uploads = Uploads(photos, docs)``, later ``uploads.init_app(app)``.

    :param upload_sets: The sets.
    :raises TypeError: if something else is given, such as the app.
    """

    def __init__(self, *upload_sets: UploadSet) -> None:
        _require_sets(upload_sets)
        self.upload_sets = upload_sets

    def init_app(self, app: Flask) -> None:
        """Configure the sets for ``app``; see `configure_uploads`."""
        configure_uploads(app, self.upload_sets)
        app.extensions["uploadkit"] = self

    def receive(self, request: Request, sets: Mapping[str, UploadSet | ScopedSet]) -> IncomingForm:
        """Return the form of a request whose files go to their sets while it arrives; see `uploadkit.receive`."""
        from .forms.receiving import receive  # late: few apps need it

        return receive(request, sets)


def patch_request_class(app: Flask, size: int | None = 64 * 1024 * 1024) -> None:
    """Limit the size of requests. Deprecated: set ``MAX_CONTENT_LENGTH``, which is what this does.

    :param size: The limit in bytes; None keeps what ``MAX_CONTENT_LENGTH`` says.
    """
    warnings.warn(
        "patch_request_class() is deprecated; set app.config['MAX_CONTENT_LENGTH'] instead.",
        DeprecationWarning,
        stacklevel=2,
    )
    if size is not None:
        app.config["MAX_CONTENT_LENGTH"] = size


def _require_sets(upload_sets: Iterable[object]) -> None:
    for uset in upload_sets:
        if not isinstance(uset, UploadSet):
            raise TypeError(
                f"{uset!r:.60} is no UploadSet. Uploads(photos, docs) takes upload sets, and init_app(app) the app; "
                f"configure_uploads(app, (photos, docs)) takes both."
            )


def _refuse_namesakes(app: Flask, sets: Iterable[UploadSet]) -> None:
    """Refuse a set that would take the place of another one, and with it the function that guards its files.

    :raises ConfigError: naming it.
    """
    known: dict[str, UploadSet] = app.extensions.get("uploadkit_sets", {})
    for uset in sets:
        old = known.get(uset.name)
        if old is not None and old is not uset and old.authorizer is not None and uset.authorizer is None:
            raise ConfigError(
                f"Another upload set {uset.name!r} of the app has a function under authorize(), this one has none. Use "
                f"that set."
            )


def _warn_of_shared_settings(known: dict[str, UploadConfiguration]) -> None:
    """Warn of sets whose names differ in case only: settings are in capitals, so that what is for one is for both."""
    by_key: dict[str, list[str]] = {}
    for name in known:
        by_key.setdefault(name.upper(), []).append(name)
    for key, names in by_key.items():
        if len(names) > 1:
            sets = " and ".join(map(repr, names))
            _log.warning("the upload sets %s have the same settings, UPLOADED_%s_…: rename one", sets, key)


def _warn_of_open_folders(known: dict[str, UploadConfiguration]) -> None:
    """Warn of a set whose folder lies in that of a set which is served to everybody."""
    places = {name: config.backend.path("") for name, config in known.items()}
    for outer, config in known.items():
        for inner, place in places.items():
            around = places[outer]
            if outer == inner or not isinstance(around, str) or not isinstance(place, str):
                continue
            if config.settings.serve and not known[inner].settings.serve and _lies_in(place, around):
                _log.warning("the files of upload set %r lie in the folder of %r, which serves them", inner, outer)


def _warn_of_endless_files(app: Flask, found: dict[str, UploadConfiguration]) -> None:
    """Warn once of sets that take files as long as a visitor likes to send; Flask has no limit by default."""
    endless = [name for name, config in found.items() if config.settings.max_size is None]
    if endless and app.config.get("MAX_CONTENT_LENGTH") is None and "uploadkit_endless" not in app.extensions:
        app.extensions["uploadkit_endless"] = True
        _log.warning(
            "Upload sets %s accept files of any length: set MAX_CONTENT_LENGTH for all requests, or "
            "UPLOADED_<NAME>_MAX_SIZE.",
            ", ".join(map(repr, endless)),
        )


def _lies_in(place: str, around: str) -> bool:
    return os.path.normcase(place + os.sep).startswith(os.path.normcase(os.path.join(around, "")))


def _needs_route(config: UploadConfiguration) -> bool:
    """Whether links of a set may lead to the route."""
    return config.base_url is None or config.settings.access == "private" or config.settings.serve


def _register(app: Flask) -> None:
    try:
        app.register_blueprint(uploads_mod)
    except AssertionError as error:
        raise ConfigError(
            "The first set that needs uploadkit's route was configured after the app had answered a request, so the "
            "route can no longer be added. Call configure_uploads() before the app runs."
        ) from error


def _keep(app: Flask, found: dict[str, UploadConfiguration]) -> None:
    if not hasattr(app, "upload_set_config"):
        app.upload_set_config = {}  # type: ignore[attr-defined]  # where Flask-Uploads has it; apps read it
    app.upload_set_config.update(found)  # type: ignore[attr-defined]


def _sweep(config: UploadConfiguration) -> None:
    """Remove what killed processes left on this machine; that it fails is no reason not to start.

    What they left in a store is for ``flask uploads sweep``: a start must not wait for the network.
    """
    if not isinstance(config.backend.path(""), str):
        return
    try:
        count = sweep(config.backend)
    except BackendError as error:
        _log.warning("could not look for left-over temporary files: %s", error)
    else:
        if count:
            _log.info("removed %d temporary files of killed processes", count)
