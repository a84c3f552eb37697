"""From a backend with an options class to the factory that settings are given to."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any, Protocol, TypeVar

from .protocol import Backend

OptionsT = TypeVar("OptionsT")
OptionsT_contra = TypeVar("OptionsT_contra", contravariant=True)


class TakesOptions(Protocol[OptionsT_contra]):
    """A backend's class."""

    def __call__(self, destination: Any, options: OptionsT_contra) -> Backend:
        """Make the backend."""
        ...


def options_factory(
    backend: TakesOptions[OptionsT_contra], options_class: Callable[..., OptionsT_contra]
) -> Callable[..., Backend]:
    """Return a function that takes the fields of ``options_class`` as keywords, and says so in its signature.

    The registry reads that signature, and so finds misspelt options and their near misses.
    """

    def create(destination: Any = None, **options: Any) -> Backend:
        return backend(destination, options_class(**options))

    place = inspect.Parameter("destination", inspect.Parameter.POSITIONAL_OR_KEYWORD, default=None)
    fields = inspect.signature(options_class).parameters.values()
    create.__signature__ = inspect.Signature([place, *fields])  # type: ignore[attr-defined]
    create.__name__ = getattr(backend, "__name__", "create")
    return create
