"""Reading single values of an app's configuration, strictly, with the way out in every error."""

from __future__ import annotations

import re
from collections.abc import Container, Iterable, Mapping
from importlib import import_module
from typing import TYPE_CHECKING, Any, cast

from .candidate import Validator
from .exceptions import ConfigError
from .filetypes import as_extensions, content_type_for
from .models import MAX_EXPIRY, LinkOptions
from .sizes import parse_size

if TYPE_CHECKING:
    from .signers.request import URLSigner

_LOCATION = re.compile(r"/(?:(?!\.\.?/)[A-Za-z0-9._~-]+/)+")
_UNKNOWN_TYPE = "application/octet-stream"
_TRUE, _FALSE = ("true", "yes", "on", "1"), ("false", "no", "off", "0", "")
#: Types that browsers can be asked to show: none of them runs scripts in the origin that serves it.
_CAN_BE_SHOWN = re.compile(r"(image|audio|video)/(?!.*xml)[^;]+|text/(plain|csv|markdown)|application/(pdf|json)")


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


def read_header(config: Mapping[str, Any], key: str) -> str | None:
    """Read a setting that becomes the value of a header."""
    value = read_text(config, key)
    try:
        LinkOptions(content_disposition=value)
    except ValueError:
        raise ConfigError(f"{key} must be printable ASCII, as a header is, not {value!r}.") from None
    return value


def read_window(config: Mapping[str, Any], key: str) -> int | None:
    """Read a number of seconds; 0 is none at all."""
    value = config.get(key)
    if value is None:
        return None
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < MAX_EXPIRY:
        raise ConfigError(f"{key} must be whole seconds, from 0 to less than seven days ({MAX_EXPIRY}), not {value!r}.")
    return value


def read_signer(config: Mapping[str, Any], key: str) -> URLSigner | None:
    """Read what makes signed URLs: something to call, or ``"package.module:name"`` of it."""
    value = config.get(key)
    if isinstance(value, str):
        value = _imported(key, value)
    if value is not None and not callable(value):
        raise ConfigError(f"{key} must be something to call with a LinkRequest, not a {type(value).__name__}.")
    return cast("URLSigner | None", value)


def _imported(key: str, target: str) -> object:
    module, _, name = target.partition(":")
    try:
        return getattr(import_module(module), name)
    except (ImportError, AttributeError, ValueError) as error:
        raise ConfigError(f"{key} = {target!r} could not be imported: {error}. Write 'package.module:name'.") from error


def read_validators(config: Mapping[str, Any], key: str) -> tuple[Validator, ...]:
    """Read what looks at files: a list of callables, or of ``"package.module:name"``."""
    value = config.get(key)
    if value is not None and (callable(value) or isinstance(value, (str, bytes)) or not isinstance(value, Iterable)):
        raise ConfigError(f"{key} must be a list of validators, such as [MinSize('1 kB')], not {value!r:.60}.")
    found = [_imported(key, each) if isinstance(each, str) else each for each in value or ()]
    for each in found:
        if not callable(each) or isinstance(each, type):
            raise ConfigError(f"{key} has {each!r:.60}, which cannot be called with a Candidate.")
    return cast("tuple[Validator, ...]", tuple(found))


def read_inline(config: Mapping[str, Any], key: str) -> frozenset[str]:
    """Read the extensions of files to show in the browser; return their media types."""
    extensions = read_extensions(config, key)
    if not isinstance(extensions, Iterable):
        raise ConfigError(f"{key} must list extensions, such as ('pdf',), not {extensions!r}.")
    types = {ext: content_type_for(f"x.{ext}") for ext in extensions}
    for ext, content_type in types.items():
        if "/" in ext or content_type == _UNKNOWN_TYPE:
            raise ConfigError(f"{key} lists extensions of known types, such as 'pdf'; {ext!r} is none.")
        if not _CAN_BE_SHOWN.fullmatch(content_type):
            raise ConfigError(
                f"{key}: files with the extension {ext!r} ({content_type}) may run scripts in a browser, or cannot be "
                "shown; they are always downloads."
            )
    return frozenset(types.values())


def read_location(config: Mapping[str, Any], key: str) -> str | None:
    """Read a path of a web server, with a slash at both ends."""
    value = read_header(config, key)
    if value is not None and not _LOCATION.fullmatch(value):
        raise ConfigError(
            f"{key} must be a path of plain letters with a slash at both ends, such as '/internal/', not {value!r}."
        )
    return value
