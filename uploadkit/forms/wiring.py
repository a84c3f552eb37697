"""Letting an app's requests parse forms fast, into files that a local set takes over (``UPLOADS_FAST_FORMS``)."""

from __future__ import annotations

import os
from typing import IO, TYPE_CHECKING, Any, cast

from werkzeug.formparser import FormDataParser, default_stream_factory
from werkzeug.wrappers import Request

from ..backends.capabilities import SupportsSpooling, capabilities
from ..heldfile import MEMORY_SIZE
from ..values import read_flag

if TYPE_CHECKING:
    from flask import Flask

    from ..config import UploadConfiguration

_BASE = "_uploadkit_base"


def use_fast_forms(app: Flask, *, default: bool = False) -> None:
    """Give the app a request class with the fast form parser, or take it back, as ``UPLOADS_FAST_FORMS`` says.

    What the app's own request class says about parsers and file streams stays. Call it as often as you like.

    :param default: What holds where the app says nothing.
    :raises ConfigError: if the setting is neither true nor false.
    """
    wanted = read_flag(app.config, "UPLOADS_FAST_FORMS", default)
    base: type[Any] = vars(app.request_class).get(_BASE, app.request_class)
    if not wanted:
        app.request_class = base
    elif base is app.request_class:
        app.request_class = _fast(app, base)


def _fast(app: Flask, base: type[Any]) -> type[Any]:
    from .parser import FastFormDataParser

    members: dict[str, Any] = {_BASE: base, "__doc__": base.__doc__, "__module__": base.__module__}
    if base.form_data_parser_class is FormDataParser:
        members["form_data_parser_class"] = FastFormDataParser
    if base._get_file_stream is Request._get_file_stream:  # noqa: SLF001 - the hook that Werkzeug has for this
        members["_get_file_stream"] = _file_stream_of(app)
    return type(base.__name__, (base,), members)


def _file_stream_of(app: Flask) -> Any:
    def _get_file_stream(
        self: Request,
        total_content_length: int | None,
        content_type: str | None,
        filename: str | None = None,
        content_length: int | None = None,
    ) -> IO[bytes]:
        """Return a file for an upload: of the first local set if it may become long, else Werkzeug's."""
        if total_content_length is None or total_content_length > MEMORY_SIZE:
            power = spooling_power(app)
            if power is not None:
                return power.open_spool()
        return default_stream_factory(total_content_length, content_type, filename, content_length)

    return _get_file_stream


def spooling_power(app: Flask) -> SupportsSpooling | None:
    """Return who keeps the files that arrive: the first set of the app that can; None if there is none.

    Sets whose folder is there and can be written into come before others.
    """
    known = cast("dict[str, UploadConfiguration]", getattr(app, "upload_set_config", {}))
    backends = [config.backend for config in known.values()]
    able = [(backend, power) for backend in backends if (power := capabilities(backend).spooling) is not None]
    for backend, power in able:
        place = backend.path("")
        if isinstance(place, str) and os.access(place, os.W_OK):
            return power
    return able[0][1] if able else None
