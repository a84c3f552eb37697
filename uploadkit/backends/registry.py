"""From the name of a backend to the backend.

A factory is called as ``factory(destination, **options)``; ``destination`` is None where nothing was configured.
"""

from __future__ import annotations

import difflib
import inspect
from collections.abc import Callable, Iterable, Mapping
from importlib import import_module
from importlib.metadata import entry_points
from typing import Any

from ..exceptions import ConfigError
from .protocol import Backend

#: The group of entry points in which other packages offer their backends.
ENTRY_POINT_GROUP = "uploadkit.backends"

_BUILT_IN = {
    "local": "uploadkit.backends.local:LocalBackend",
    "memory": "uploadkit.backends.memory:MemoryBackend",
    "s3": "uploadkit.backends.s3:create",
    "gcs": "uploadkit.backends.gcs:create",
}
#: Which extra brings a built-in backend's SDK.
_EXTRAS = {"s3": "boto3", "gcs": "google-cloud-storage"}

BackendFactory = Callable[..., Backend]


def create_backend(
    spec: str | BackendFactory, destination: Any = None, options: Mapping[str, Any] | None = None
) -> Backend:
    """Make a backend.

    :param spec: A built-in name (``"local"``, ``"memory"``), the name of an entry point of the group
        ``uploadkit.backends``, ``"package.module:factory"``, or the factory itself.
    :param destination: Where in the backend the files live; what it means is the backend's business.
    :param options: Keyword arguments for the factory.
    :raises ConfigError: if the name or an option is unknown, or something could not be imported; it names the near
        miss and the way out.
    """
    factory = _load(spec) if isinstance(spec, str) else spec
    options = dict(options or {})
    _check_options(factory, spec, options)
    backend = factory(destination, **options)
    if not isinstance(backend, Backend):
        raise ConfigError(f"{_shown(spec)} made a {type(backend).__name__}, which lacks methods of a backend.")
    return backend


def near_miss(word: str, known: Iterable[str]) -> str:
    """Return a sentence that suggests the known word that ``word`` was perhaps meant to be, else lists them all."""
    known = sorted(known)
    close = difflib.get_close_matches(word, known, n=1)
    if close:
        return f"Did you mean {close[0]!r}?"
    return f"Known are: {', '.join(known)}." if known else "There are none."


def _load(name: str) -> BackendFactory:
    if ":" in name:
        return _import(name, name)
    if name in _BUILT_IN:
        return _import(name, _BUILT_IN[name])
    offered = {point.name: point for point in entry_points(group=ENTRY_POINT_GROUP)}
    if name in offered:
        return _import(name, offered[name].value)
    raise ConfigError(
        f"There is no backend {name!r}. {near_miss(name, {*_BUILT_IN, *offered})} "
        f"Other packages may offer backends, and 'package.module:factory' names any callable."
    )


def _import(name: str, target: str) -> BackendFactory:
    module, _, attribute = target.partition(":")
    try:
        factory: BackendFactory = getattr(import_module(module), attribute)
    except ImportError as error:
        if name in _EXTRAS:
            raise ConfigError(
                f"The backend {name!r} needs {_EXTRAS[name]}, which is not installed: pip install 'uploadkit[{name}]'."
            ) from error
        raise ConfigError(f"The backend {name!r} could not be imported: {error}.") from error
    except AttributeError as error:
        raise ConfigError(f"The backend {name!r} names {attribute!r}, which {module!r} does not have.") from error
    return factory


def _check_options(factory: BackendFactory, spec: object, options: Mapping[str, Any]) -> None:
    signature = inspect.signature(factory)
    takes_any = any(parameter.kind is parameter.VAR_KEYWORD for parameter in signature.parameters.values())
    known = list(signature.parameters)[1:]
    for option in options:
        if option not in known and not takes_any:
            raise ConfigError(f"The backend {_shown(spec)} has no option {option!r}. {near_miss(option, known)}")
    try:
        signature.bind(None, **options)
    except TypeError as error:
        raise ConfigError(f"The backend {_shown(spec)} cannot be made: {error}.") from error


def _shown(spec: object) -> str:
    return repr(spec) if isinstance(spec, str) else getattr(spec, "__name__", type(spec).__name__)
