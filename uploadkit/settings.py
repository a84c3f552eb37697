"""Settings: reading single values of an app's configuration, strictly, with the way out in every error."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Container, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, cast

from werkzeug.datastructures import FileStorage

from .exceptions import ConfigError, UploadNotAllowed
from .filetypes import as_extensions
from .names import NameStyle

Access = Literal["public", "private"]
OnConflict = Literal["rename", "overwrite", "error", "unique"]
#: Makes the name a file is stored under from its cleaned name and the upload; it may contain folders.
NamingFunction = Callable[[str, FileStorage], str]
Naming = str | NamingFunction

ON_CONFLICT: tuple[OnConflict, ...] = ("rename", "overwrite", "error", "unique")
NAMINGS = ("original", "uuid", "sha256", "dated:%Y/%m/%d")
#: What may follow ``UPLOADED_<NAME>_``.
SET_KEYS = (
    *("DEST", "URL", "ALLOW", "DENY", "BACKEND", "OPTIONS"),
    *("ACCESS", "SERVE", "ON_CONFLICT", "NAMING", "NAMES", "MAX_SIZE"),
)
#: What may follow ``UPLOADS_``.
APP_KEYS = ("DEFAULT_DEST", "DEFAULT_URL", "DEFAULT_BACKEND", "DEFAULT_OPTIONS", "AUTOSERVE")

#: How much alike two words are that count as one and a slip; looser, and settings of the app itself would.
_MISSPELT = 0.85
_SIZE = re.compile(r"([0-9]{1,15})\s*([kmgt]i?)?b?", re.IGNORECASE)
_TRUE, _FALSE = ("true", "yes", "on", "1"), ("false", "no", "off", "0", "")


@dataclass(frozen=True)
class SetSettings:
    """How one upload set behaves, beside what Flask-Uploads knew.

    :param serve: Whether the ``_uploads`` route serves the set.
    :param access: Who may fetch the files: everybody, or only who was given a signed link; None is not said.
    :param on_conflict: What happens when a name is taken: ``"rename"``, ``"overwrite"``, ``"error"``, ``"unique"``.
    :param naming: How names are made: ``"original"``, ``"uuid"``, ``"sha256"``, ``"dated:<strftime>"`` or a function.
    :param names: ``"ascii"`` or ``"unicode"``.
    :param max_size: The longest file that is accepted, in bytes; None for no limit.
    """

    serve: bool = False
    access: Access | None = None
    on_conflict: OnConflict = "rename"
    naming: Naming = "original"
    names: NameStyle = "ascii"
    max_size: int | None = None

    def require_size(self, size: int | None) -> None:
        """Refuse a file that is too long; None is a length that is not known.

        :raises UploadNotAllowed: with the code ``"too_large"``.
        """
        if size is not None and self.max_size is not None and size > self.max_size:
            limit = readable_size(self.max_size)
            raise UploadNotAllowed(f"The file is too large; at most {limit} are allowed.", code="too_large")


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
    """Refuse ``UPLOADS_DEFAULT_MAX_SIZE`` and the like: somebody would believe that they hold.

    :raises ConfigError: naming the key.
    """
    for rest in SET_KEYS:
        key = f"UPLOADS_DEFAULT_{rest}"
        if key in config and f"DEFAULT_{rest}" not in APP_KEYS:
            raise ConfigError(f"{key} is no setting of uploadkit: there is no default. Set UPLOADED_<NAME>_{rest}.")


def read_choice(config: Mapping[str, Any], key: str, choices: Iterable[str], default: str | None) -> str | None:
    """Read a setting that is one of a few words."""
    value = config.get(key, default)
    if value is None or value == default:
        return default
    if value not in tuple(choices):
        raise ConfigError(f"{key} = {value!r} means nothing. It may be: {', '.join(choices)}.")
    return str(value)


def read_flag(config: Mapping[str, Any], key: str, default: bool) -> bool:
    """Read a setting that is true or false, also as the words that environment variables bring."""
    value = config.get(key)
    if value is None:
        return default
    word = str(value).strip().lower()
    if word in _TRUE or word in _FALSE:
        return word in _TRUE
    raise ConfigError(f"{key} = {value!r} must be True or False.")


def read_size(config: Mapping[str, Any], key: str) -> int | None:
    """Read a size: a number of bytes, or text such as ``"5 MB"`` (millions) or ``"5 MiB"`` (powers of 1,024)."""
    value = config.get(key)
    if value is None:
        return None
    try:
        return parse_size(value)
    except ValueError as error:
        raise ConfigError(f"{key}: {error}") from error


def parse_size(value: int | str) -> int:
    """Turn ``"5 MB"``, ``"64 KiB"`` or a number into bytes.

    :raises ValueError: if it is no size, or not above zero.
    """
    match = _SIZE.fullmatch(value.strip()) if isinstance(value, str) else None
    if match is not None:
        number, unit = int(match[1]), (match[2] or "").lower()
        value = number * (1024 if unit.endswith("i") else 1000) ** " kmgt".index(unit[:1] or " ")
    if not isinstance(value, int) or isinstance(value, bool) or value <= 0:
        raise ValueError(f"{value!r} is no size; write a whole number of bytes above zero, or text such as '5 MB'.")
    return value


def readable_size(size: int) -> str:
    """Return a size as people write it, if it is a round one: ``"5 MB"``, ``"64 KiB"``, ``"1,234 bytes"``."""
    for factor, units in ((1000, ("TB", "GB", "MB", "kB")), (1024, ("TiB", "GiB", "MiB", "KiB"))):
        for power, unit in zip((4, 3, 2, 1), units, strict=True):
            if size % factor**power == 0:
                return f"{size // factor**power} {unit}"
    return f"{size:,} bytes"


def read_naming(config: Mapping[str, Any], key: str) -> Naming:
    """Read how names are made."""
    value = config.get(key, "original")
    if callable(value) or (isinstance(value, str) and (value in NAMINGS or value.startswith("dated:"))):
        return cast("Naming", value)
    raise ConfigError(f"{key} = {value!r} means nothing. It may be: {', '.join(NAMINGS)}; or a function.")


def read_extensions(config: Mapping[str, Any], key: str) -> Container[str]:
    """Read a setting that lists extensions, in lower case, as they are stored; an empty string lists none."""
    value = config.get(key)
    if value is not None and (isinstance(value, bytes) or not hasattr(value, "__contains__")):
        raise ConfigError(f"{key} must list extensions, such as ('jpg', 'png'), not {value!r}.")
    return as_extensions(value or None) if isinstance(value, str) else as_extensions(value)


def read_text(config: Mapping[str, Any], key: str) -> str | None:
    """Read a setting that is text."""
    value = config.get(key)
    if value is not None and not isinstance(value, str):
        raise ConfigError(f"{key} must be text, not {value!r}.")
    return value


def read_mapping(config: Mapping[str, Any], key: str) -> dict[str, Any]:
    """Read a setting that is a dict."""
    value = config.get(key)
    if value is not None and not isinstance(value, Mapping):
        raise ConfigError(f"{key} must be a dict of the backend's options, not {type(value).__name__}.")
    return dict(value or {})
