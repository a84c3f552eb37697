"""`RemotePath`: where a file is on a backend without local paths."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import NoReturn

from .exceptions import NotSupportedError


@dataclass(frozen=True)
class RemotePath:
    """The place of a file that has no local path. ``str()`` of it is the URI (``s3://bucket/key``).

    Using it as a local file (``open``, ``os.remove``, ``os.path.exists``, ``os.path.join`` …) raises
    `NotSupportedError` at once. It is neither a `str` nor an `OSError` case on purpose: ``os.path.exists`` would
    say False of a URI, and code that swallows `OSError` would take a file that is there for one that is not.

    :param uri: The URI.
    :param backend: The backend's name.
    :param upload_set: The name of the upload set it was asked of, if any.
    """

    uri: str
    backend: str
    upload_set: str | None = None

    def of_set(self, name: str) -> RemotePath:
        """The same place, asked of the upload set ``name``."""
        return replace(self, upload_set=name)

    def __str__(self) -> str:
        return self.uri

    def __fspath__(self) -> str:
        self._refuse()

    def __add__(self, other: object) -> str:
        self._refuse()

    def __radd__(self, other: object) -> str:
        self._refuse()

    def __truediv__(self, other: object) -> str:
        self._refuse()

    def __rtruediv__(self, other: object) -> str:
        self._refuse()

    def _refuse(self) -> NoReturn:
        who = f"upload set {self.upload_set!r}" if self.upload_set else "this upload set"
        name = self.upload_set or "uploads"
        raise NotSupportedError(
            f"{self.uri} is no local file: {who} lives on the {self.backend!r} backend. Use the set's own open(), "
            f"delete() or exists(), or `with {name}.local_path(…) as path:` where a real file is needed.",
            backend=self.backend,
        )
