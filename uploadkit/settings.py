"""Settings: how one upload set behaves, as an app's configuration says."""

from __future__ import annotations

import difflib
import logging
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal, cast

from werkzeug.datastructures import FileStorage

from .candidate import Validator
from .exceptions import ConfigError
from .names import NameStyle
from .sizes import too_large, too_small
from .values import (
    read_choice,
    read_flag,
    read_header,
    read_inline,
    read_location,
    read_signer,
    read_size,
    read_validators,
    read_window,
)

if TYPE_CHECKING:
    from .signers.request import URLSigner

_log = logging.getLogger("uploadkit")

Access = Literal["public", "private"]
Delivery = Literal["redirect", "proxy"]
OnConflict = Literal["rename", "overwrite", "error", "unique"]
#: Makes the name a file is stored under from its cleaned name and the upload; it may contain folders.
NamingFunction = Callable[[str, FileStorage], str]
Naming = str | NamingFunction

ON_CONFLICT: tuple[OnConflict, ...] = ("rename", "overwrite", "error", "unique")
NAMINGS = ("original", "uuid", "sha256", "dated:%Y/%m/%d")
#: What may follow ``UPLOADED_<NAME>_``.
SET_KEYS = (
    *("DEST", "URL", "ALLOW", "DENY", "BACKEND", "OPTIONS"),
    *("ACCESS", "SERVE", "ON_CONFLICT", "NAMING", "NAMES", "MAX_SIZE", "VALIDATORS"),
    *("CONTENT_CHECK", "QUARANTINE"),
    *("DELIVERY", "CACHE_CONTROL", "URL_WINDOW", "URL_SIGNER", "INLINE", "X_ACCEL_REDIRECT"),
)
#: The first of them were there before uploadkit; an app may have its own settings of nearly the same name.
_OF_FLASK_UPLOADS = 4
#: What may follow ``UPLOADS_``.
APP_KEYS = (
    *("DEFAULT_DEST", "DEFAULT_URL", "DEFAULT_BACKEND", "DEFAULT_OPTIONS"),
    *("AUTOSERVE", "EXTERNAL_URLS", "FAST_FORMS"),
)

#: What others call some of our settings.
_MEANT = {
    "PUBLIC": "ACCESS = 'public'",
    "PRIVATE": "ACCESS = 'private'",
    "PROXY": "DELIVERY = 'proxy'",
    "SIGNER": "URL_SIGNER",
    "BASE_URL": "URL",
    "CACHE": "CACHE_CONTROL",
    "LINK_WINDOW": "URL_WINDOW",
    "X_ACCEL": "X_ACCEL_REDIRECT",
    "EXPIRES_IN": "an argument of signed_url()",
    "FOLDER": "DEST",
    **{option.upper(): f"OPTIONS = {{{option!r}: …}}" for option in ("bucket", "region", "custom_domain")},
}
#: How much alike two words are that count as one and a slip; looser, and settings of the app itself would.
_MISSPELT = 0.85


@dataclass(frozen=True, eq=False)
class SetSettings:
    """How one upload set behaves, beside what Flask-Uploads knew.

    :param serve: Whether the ``_uploads`` route serves the set.
    :param access: Who may fetch the files: everybody, or only who was given a signed link; None is not said.
    :param on_conflict: What happens when a name is taken: ``"rename"``, ``"overwrite"``, ``"error"``, ``"unique"``.
    :param naming: How names are made: ``"original"``, ``"uuid"``, ``"sha256"``, ``"dated:<strftime>"`` or a function.
    :param names: ``"ascii"`` or ``"unicode"``.
    :param max_size: The longest file that is accepted, in bytes; None for no limit.
    :param min_size: The shortest file that is accepted, in bytes; None for no limit.
    :param validators: What looks at a file before it is stored.
    :param delivery: How the route and `serve` hand files out: ``"redirect"`` to the store, or ``"proxy"`` through the
        app; None redirects where somebody can sign links.
    :param cache_control: The ``Cache-Control`` of files that everybody may have.
    :param url_window: How many seconds apart two calls make the same signed URL at most; None is five minutes, but not
        longer than the URL is asked to live.
    :param url_signer: Makes the signed URLs instead of the backend.
    :param inline: Further media types to show in the browser.
    :param x_accel_redirect: The location of the web server below which it has the set's folder.
    :param quarantine: The folders in which files wait for their release, that of new files first; empty for none.
    :param external_urls: Whether links to the route begin with scheme and host.
    """

    serve: bool = False
    access: Access | None = None
    on_conflict: OnConflict = "rename"
    naming: Naming = "original"
    names: NameStyle = "ascii"
    max_size: int | None = None
    min_size: int | None = None
    validators: tuple[Validator, ...] = ()
    delivery: Delivery | None = None
    cache_control: str | None = None
    url_window: int | None = None
    url_signer: URLSigner | None = None
    inline: frozenset[str] = frozenset()
    x_accel_redirect: str | None = None
    quarantine: tuple[str, ...] = ()
    external_urls: bool = True

    def require_size(self, size: int | None) -> None:
        """Refuse a file that is too long or too short; None is a length that is not known.

        :raises UploadNotAllowed: with the code ``"too_large"`` or ``"too_small"``.
        """
        self.require_no_more(size)
        if size is not None and self.min_size is not None and size < self.min_size:
            raise too_small(self.min_size)

    def require_no_more(self, size: int | None) -> None:
        """Refuse a file of which so many bytes have come.

        :raises UploadNotAllowed: with the code ``"too_large"``.
        """
        if size is not None and self.max_size is not None and size > self.max_size:
            raise too_large(self.max_size)


def with_validators(settings: SetSettings, first: Iterable[Validator]) -> SetSettings:
    """Return settings with further validators before their own; the limits of lengths that they have are kept to.

    A stream whose length nobody knows is held to them while it passes.
    """
    validators = (*first, *settings.validators)
    most = [settings.max_size, *(getattr(each, "max_size", None) for each in validators)]
    least = [settings.min_size, *(getattr(each, "min_size", None) for each in validators)]
    return replace(
        settings,
        validators=validators,
        max_size=min((size for size in most if size is not None), default=None),
        min_size=max((size for size in least if size is not None), default=None),
    )


def read_settings(config: Mapping[str, Any], prefix: str, *, autoserve: bool) -> SetSettings:
    """Read the settings of the set whose keys begin with ``prefix``.

    :raises ConfigError: naming the key, if a value means nothing.
    """
    access = read_choice(config, prefix + "ACCESS", ("public", "private"), None)
    serve = read_flag(config, prefix + "SERVE", autoserve or access == "public")
    return SetSettings(
        serve=serve and access != "private",
        access=cast("Access | None", access),
        on_conflict=cast("OnConflict", read_choice(config, prefix + "ON_CONFLICT", ON_CONFLICT, "rename")),
        naming=read_naming(config, prefix + "NAMING"),
        names=cast("NameStyle", read_choice(config, prefix + "NAMES", ("ascii", "unicode"), "ascii")),
        max_size=read_size(config, prefix + "MAX_SIZE"),
        validators=read_validators(config, prefix + "VALIDATORS"),
        delivery=cast("Delivery | None", read_choice(config, prefix + "DELIVERY", ("redirect", "proxy"), None)),
        cache_control=read_header(config, prefix + "CACHE_CONTROL"),
        url_window=read_window(config, prefix + "URL_WINDOW"),
        url_signer=read_signer(config, prefix + "URL_SIGNER"),
        inline=read_inline(config, prefix + "INLINE"),
        x_accel_redirect=read_location(config, prefix + "X_ACCEL_REDIRECT"),
        external_urls=read_flag(config, "UPLOADS_EXTERNAL_URLS", True),
    )


def refuse_misspelt(config: Mapping[str, Any], prefix: str, known: Iterable[str]) -> None:
    """Refuse keys that look like one of ours with a typing error; others may be the app's own.

    :raises ConfigError: naming the key and the one that was meant.
    """
    known = tuple(known)
    for key in config:
        rest = key.removeprefix(prefix)
        if rest != key and rest not in known:
            meant = difflib.get_close_matches(rest, known, n=1, cutoff=_MISSPELT)
            if meant:
                raise ConfigError(f"{key} is no setting of uploadkit. Did you mean {prefix}{meant[0]}?")


def refuse_missing_defaults(config: Mapping[str, Any]) -> None:
    """Refuse ``UPLOADS_DEFAULT_MAX_SIZE``, ``UPLOADS_MAX_SIZE`` and the like: somebody would believe that they hold.

    :raises ConfigError: naming the key.
    """
    for rest in SET_KEYS[_OF_FLASK_UPLOADS:]:
        if f"UPLOADS_{rest}" in config:
            raise ConfigError(
                f"UPLOADS_{rest} is no setting of uploadkit: it is of one set. Set UPLOADED_<NAME>_{rest}."
            )
    for rest in SET_KEYS:
        key = f"UPLOADS_DEFAULT_{rest}"
        if key in config and f"DEFAULT_{rest}" not in APP_KEYS:
            raise ConfigError(f"{key} is no setting of uploadkit: there is no default. Set UPLOADED_<NAME>_{rest}.")


def refuse_app_settings(config: Mapping[str, Any], prefix: str) -> None:
    """Refuse settings of the whole app under the name of one set.

    :raises ConfigError: naming the key.
    """
    for rest in APP_KEYS:
        if prefix + rest in config:
            raise ConfigError(f"{prefix}{rest} is no setting of uploadkit: it is one of the app. Set UPLOADS_{rest}.")


def warn_of_likely_slips(config: Mapping[str, Any], prefix: str, base_url: str | None) -> None:
    """Warn of what may be meant so, since apps have settings of their own, but hardly is."""
    for rest, meant in _MEANT.items():
        if prefix + rest in config:
            _log.warning("%s%s is no setting of uploadkit, so it does nothing. Is %s meant?", prefix, rest, meant)
    if base_url and base_url[-1].isalnum():
        _log.warning("%sURL = %r has no slash at its end; links begin with %r.", prefix, base_url, base_url + "name")


def read_naming(config: Mapping[str, Any], key: str) -> Naming:
    """Read how names are made."""
    value = config.get(key, "original")
    if callable(value) or (isinstance(value, str) and (value in NAMINGS or value.startswith("dated:"))):
        return cast("Naming", value)
    raise ConfigError(f"{key} = {value!r} means nothing. It may be: {', '.join(NAMINGS)}; or a function.")
