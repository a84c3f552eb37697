"""From ``app.config`` to the configuration of one upload set."""

from __future__ import annotations

import os
from collections.abc import Callable, Container, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

from .backends.capabilities import SupportsSigning, capabilities
from .backends.local import LocalBackend
from .backends.protocol import Backend
from .backends.registry import create_backend
from .exceptions import ConfigError
from .models import SignedURL
from .pending import pending_folders
from .recent import Recent
from .remotepath import RemotePath
from .settings import (
    APP_KEYS,
    SET_KEYS,
    SetSettings,
    read_settings,
    refuse_app_settings,
    refuse_missing_defaults,
    refuse_misspelt,
    warn_of_likely_slips,
    with_validators,
)
from .validators.content import ContentType, default_content_check
from .values import read_extensions, read_flag, read_mapping, read_text

if TYPE_CHECKING:
    from flask import Flask

#: How many signed links a set remembers: those of the pages that are looked at, in a few megabytes.
_REMEMBERED_LINKS = 4096
#: How many names a set remembers that were taken: of what phones and scanners call their files.
_REMEMBERED_NUMBERS = 1024
#: Options that say where in a store one set lives.
_OWN_PLACE = {"bucket", "prefix"}

Destination = str | os.PathLike[str] | RemotePath


class NamedSet(Protocol):
    """What `config_for_set` needs of an upload set."""

    name: str
    default_dest: Callable[[Flask], Any] | None


class UploadConfiguration:
    """The configuration of one upload set. The arguments are also the attributes.

    :param destination: The folder to keep the files in; on a backend without local paths a `RemotePath`.
    :param base_url: The URL, with its slash at the end, below which a web server offers the files; None where
        uploadkit's own route or the backend does.
    :param allow: Extensions to accept beside the set's own.
    :param deny: Extensions to refuse although they are among the set's own.
    :param backend: Where the files live; None means the folder ``destination``.
    :param settings: Everything else.
    """

    def __init__(
        self,
        destination: Destination,
        base_url: str | None = None,
        allow: Container[str] = (),
        deny: Container[str] = (),
        *,
        backend: Backend | None = None,
        settings: SetSettings | None = None,
    ) -> None:
        self.destination = destination
        self.base_url = base_url
        self.allow = allow
        self.deny = deny
        self.settings: SetSettings = settings or SetSettings()
        self._backend = backend
        #: Whether a link that answers 404 was warned of already.
        self.warned: bool = False
        self._made_for: Destination | None = None if backend is None else destination
        #: The signed links that were made last, each with when it begins and ceases to be the one to give out.
        self.signed: Recent[tuple[SignedURL, float, float]] = Recent(_REMEMBERED_LINKS)
        #: By key: the last number that a file of a taken name was given here. Others may have gone on, or deleted it.
        self.numbers: Recent[int] = Recent(_REMEMBERED_NUMBERS)
        self._signing: tuple[Backend, SupportsSigning | None] | None = None

    @property
    def backend(self) -> Backend:
        """Where the files live; made anew if ``destination`` was assigned to."""
        if self._backend is None or self._made_for != self.destination:
            if isinstance(self.destination, RemotePath):
                raise ConfigError(f"{self.destination} is no local folder; give its backend.")
            old = self._backend
            here = self.destination
            self._backend = old.at(here) if isinstance(old, LocalBackend) else LocalBackend(here)
            self._made_for = self.destination
        return self._backend

    @property
    def signing(self) -> SupportsSigning | None:
        """The backend's power to sign links, if it has it."""
        backend = self.backend
        if self._signing is None or self._signing[0] is not backend:
            self._signing = (backend, capabilities(backend).signing)
        return self._signing[1]

    @property
    def tuple(self) -> tuple[Destination, str | None, Container[str], Container[str]]:
        """Destination, base URL, allowed and denied extensions."""
        return (self.destination, self.base_url, self.allow, self.deny)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, UploadConfiguration):
            return NotImplemented
        return self.tuple == other.tuple

    __hash__: ClassVar[None]  # type: ignore[assignment]  # it can be changed, and Flask-Uploads' was not hashable either

    def __repr__(self) -> str:
        return f"UploadConfiguration{self.tuple!r}"


def config_for_set(uset: NamedSet, app: Flask, defaults: Mapping[str, Any] | None = None) -> UploadConfiguration:
    """Return the configuration of one upload set, with its backend made and checked.

    :param uset: The upload set.
    :param app: The app whose ``config`` is read.
    :param defaults: ``dest`` and ``url``: the app's ``UPLOADS_DEFAULT_DEST`` and ``UPLOADS_DEFAULT_URL``.
    :raises ConfigError: if a setting is missing, misspelt or means nothing; it names the set, the key and the way out.
    """
    config, prefix = app.config, f"UPLOADED_{uset.name.upper()}_"
    refuse_misspelt(config, prefix, SET_KEYS)
    refuse_misspelt(config, "UPLOADS_", APP_KEYS)
    refuse_app_settings(config, prefix)
    refuse_missing_defaults(config)
    spec, options = _chosen_backend(config, prefix)
    destination, source = _chosen_destination(uset, app, prefix, defaults or {}, local=spec == "local")
    if _shares_a_bucket(config, prefix):
        options["prefix"] = "/".join(part for part in (options.get("prefix"), uset.name) if part)
    backend = _made_backend(uset.name, app, spec, destination, options, source)
    base_url = read_text(config, prefix + "URL")
    if base_url is None and source == "UPLOADS_DEFAULT_DEST" and (defaults or {}).get("url"):
        base_url = addslash((defaults or {})["url"]) + uset.name + "/"
    autoserve = base_url is None and read_flag(config, "UPLOADS_AUTOSERVE", False)
    settings = read_settings(config, prefix, autoserve=autoserve)
    if settings.url_signer is None:
        settings = replace(settings, url_signer=getattr(uset, "url_signer", None))
    settings = _with_all_validators(settings, uset, read_flag(config, prefix + "CONTENT_CHECK", True))
    if read_flag(config, prefix + "QUARANTINE", False):
        settings = replace(settings, quarantine=pending_folders(app, uset.name))
    made = UploadConfiguration(
        destination if spec == "local" else _root_of(backend, uset.name),
        base_url,
        read_extensions(config, prefix + "ALLOW"),
        read_extensions(config, prefix + "DENY"),
        backend=backend,
        settings=settings,
    )
    _check_delivery(made, uset.name, prefix)
    warn_of_likely_slips(config, prefix, base_url)
    return made


def _with_all_validators(settings: SetSettings, uset: NamedSet, content_check: bool) -> SetSettings:
    """Return settings with the set's validators, and with the usual look at the content if there is no other."""
    own = (*getattr(uset, "validators", ()),)
    looked_at = any(isinstance(each, ContentType) for each in (*own, *settings.validators))
    usual = (default_content_check,) if content_check and not looked_at else ()
    return with_validators(settings, (*usual, *own))


def _check_delivery(made: UploadConfiguration, set_name: str, prefix: str) -> None:
    """Refuse ways of delivery that the backend does not have.

    :raises ConfigError: naming the key.
    """
    settings = made.settings
    if settings.delivery == "redirect" and settings.url_signer is None and made.signing is None:
        raise ConfigError(
            f"Upload set {set_name!r}, {prefix}DELIVERY = 'redirect': the {made.backend.name!r} backend has no links "
            f"to redirect to. Leave the setting out: the files go through the app."
        )
    if settings.x_accel_redirect is not None and isinstance(made.backend.path(""), RemotePath):
        raise ConfigError(
            f"Upload set {set_name!r}, {prefix}X_ACCEL_REDIRECT: only files of a folder can be handed to the web "
            f"server, not those of the {made.backend.name!r} backend."
        )


def addslash(url: str) -> str:
    """Return ``url`` with a slash at its end."""
    return url if url.endswith("/") else url + "/"


def _chosen_backend(config: Mapping[str, Any], prefix: str) -> tuple[Any, dict[str, Any]]:
    """Return the set's own backend and options; a set that names no backend has the app's, under its own options."""
    own = config.get(prefix + "BACKEND")
    options = read_mapping(config, prefix + "OPTIONS")
    if own is not None:
        return own, options
    return config.get("UPLOADS_DEFAULT_BACKEND") or "local", {
        **read_mapping(config, "UPLOADS_DEFAULT_OPTIONS"),
        **options,
    }


def _shares_a_bucket(config: Mapping[str, Any], prefix: str) -> bool:
    """Whether a set has its bucket from the app's options, as others may; then it gets a folder of its own in it."""
    own = config.get(prefix + "BACKEND") is not None or read_mapping(config, prefix + "OPTIONS").keys() & _OWN_PLACE
    return not own and "bucket" in read_mapping(config, "UPLOADS_DEFAULT_OPTIONS")


def _chosen_destination(
    uset: NamedSet, app: Flask, prefix: str, defaults: Mapping[str, Any], *, local: bool
) -> tuple[Any, str | None]:
    """Return the destination and the name of what gave it."""
    own = app.config.get(prefix + "DEST")
    if own is not None:
        return own, prefix + "DEST"
    called = uset.default_dest(app) if uset.default_dest else None
    if called is not None:
        return called, "default_dest"
    if defaults.get("dest") is not None:
        below = os.fspath(defaults["dest"])
        place = os.path.join(below, uset.name) if local else f"{below.rstrip('/')}/{uset.name}"
        return place, "UPLOADS_DEFAULT_DEST"
    if local:
        raise ConfigError(
            f"no destination for set {uset.name}: set {prefix}DEST to a folder, or UPLOADS_DEFAULT_DEST to one for "
            f"all sets, or {prefix}BACKEND to another backend."
        )
    return None, None


def _made_backend(
    name: str, app: Flask, spec: Any, destination: Any, options: dict[str, Any], source: str | None
) -> Backend:
    key = f"UPLOADED_{name.upper()}_BACKEND"
    try:
        if isinstance(spec, (str, type)):
            return create_backend(spec, destination, options)
        if options:
            raise ConfigError(f"options {sorted(options)} cannot be given to a backend that is already made.")
        backend = spec if isinstance(spec, Backend) or not callable(spec) else spec(app)
    except ConfigError as error:
        origin = f" (destination {str(destination)!r} from {source})" if source else ""
        raise ConfigError(f"Upload set {name!r}, {key}{origin}: {error}") from error
    if not isinstance(backend, Backend):
        raise ConfigError(
            f"{key} must name a backend, be one, or be a function that takes the app and returns one; it gave a "
            f"{type(backend).__name__}."
        )
    return backend


def _root_of(backend: Backend, set_name: str) -> str | RemotePath:
    root = backend.path("")
    return root.of_set(set_name) if isinstance(root, RemotePath) else root
