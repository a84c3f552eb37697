"""The frozen values of uploads that go around the app: requests that others may send, and parts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from .models import SaveOptions


@dataclass(frozen=True)
class UploadPolicy:
    """What a presigned upload may bring. The store itself refuses whatever differs.

    :param max_size: The greatest length in bytes.
    :param min_size: The least length in bytes. A ``"PUT"`` needs both to be equal: its exact length is signed.
    :param method: ``"PUT"`` for one request with the file as its body; ``"POST"`` for an HTML form, which alone can
        leave the length open.
    :param options: What the file is stored with. ``overwrite`` is false by default, and a form cannot promise that
        on every backend; then it is a `NotSupportedError`.
    :raises ValueError: if the lengths contradict each other.
    """

    max_size: int
    min_size: int = 0
    method: Literal["PUT", "POST"] = "PUT"
    options: SaveOptions = field(default_factory=SaveOptions)

    def __post_init__(self) -> None:
        if not 0 <= self.min_size <= self.max_size:
            raise ValueError(f"min_size and max_size contradict each other: {self.min_size}, {self.max_size}")
        if self.method not in ("PUT", "POST"):
            raise ValueError(f"method must be 'PUT' or 'POST', not {self.method!r}")
        if self.method == "PUT" and self.min_size != self.max_size:
            raise ValueError("a PUT is signed with its exact length: give min_size and max_size the same value")
        if self.options.size is not None and not self.min_size <= self.options.size <= self.max_size:
            raise ValueError(f"options.size is {self.options.size}, outside {self.min_size} to {self.max_size}")


@dataclass(frozen=True)
class PresignedRequest:
    """A request that somebody without credentials may send, once or more, until it expires. It is a secret.

    :param method: ``"PUT"`` or ``"POST"``.
    :param url: Where to send it.
    :param expires_at: When the store stops accepting it.
    :param fields: The fields of a ``"POST"`` form, to be sent before the field ``file``; else empty.
    :param headers: The headers that have to be sent exactly so.
    """

    method: str
    url: str = field(repr=False)
    expires_at: datetime
    fields: Mapping[str, str] = field(default_factory=dict, repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)


@dataclass(frozen=True)
class Part:
    """One stored part of a multipart upload.

    :param number: From 1.
    :param etag: What the store answered for it; the same part stored again may have another one.
    :param size: The length in bytes.
    """

    number: int
    etag: str
    size: int


@dataclass(frozen=True)
class PartLimits:
    """What a backend accepts as parts.

    :param min_size: The least length in bytes of every part but the last.
    :param max_size: The greatest length in bytes of a part.
    :param max_count: The greatest part number.
    """

    min_size: int
    max_size: int
    max_count: int

    def check_number(self, number: int) -> int:
        """Return ``number`` if it may be one.

        :raises ValueError: otherwise.
        """
        if not 1 <= number <= self.max_count:
            raise ValueError(f"part numbers go from 1 to {self.max_count}, not {number}")
        return number
