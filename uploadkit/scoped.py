"""A view of an upload set below one folder."""

from __future__ import annotations

from .exceptions import InvalidKeyError
from .keys import join
from .targets import Rules, read_folder
from .verbs import FileVerbs


class ScopedSet(FileVerbs):
    """The files of a set below one folder. Names are relative to the folder; nothing outside can be reached.

    Made by ``photos.scoped("tenants/42")``. Rules, settings and hooks are the set's.

    :param rules: The set.
    :param prefix: The folder, clean.
    :raises InvalidKeyError: if ``prefix`` is empty: that would be the whole set.
    """

    def __init__(self, rules: Rules, prefix: str) -> None:
        if not prefix:
            raise InvalidKeyError("scoped() needs a folder; nothing usable is left of the one that was given.")
        self._set = rules
        self._prefix = prefix

    def __repr__(self) -> str:
        return f"<ScopedSet {self._prefix!r} of {self._set!r}>"

    @property
    def prefix(self) -> str:
        """The folder that this is a view of."""
        return self._prefix

    def scoped(self, prefix: str) -> ScopedSet:
        """Return a view of a folder further down."""
        further = read_folder(prefix, self._set.config.settings.names)
        return ScopedSet(self._set, join(self._prefix, further) if further else "")

    @property
    def _rules(self) -> Rules:
        return self._set
