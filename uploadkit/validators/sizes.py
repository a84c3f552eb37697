"""Validators for the length of a file."""

from __future__ import annotations

from dataclasses import InitVar, dataclass, field
from typing import ClassVar

from ..candidate import Candidate
from ..sizes import parse_size, too_large, too_small


@dataclass(frozen=True)
class MaxSize:
    """Refuse files that are too large, with the code ``"too_large"``.

    A file whose length nobody knows yet passes here; whoever stores it stops at ``max_size`` bytes.

    :param limit: The greatest length: bytes, or text such as ``"5 MB"``. It is kept as ``max_size``, in bytes.
    :raises ValueError: if it is no size.
    """

    limit: InitVar[int | str]
    max_size: int = field(init=False)
    head_only: ClassVar[bool] = True

    def __post_init__(self, limit: int | str) -> None:
        object.__setattr__(self, "max_size", parse_size(limit))

    def __call__(self, candidate: Candidate, /) -> None:
        """Judge the length that is known.

        :raises UploadNotAllowed: if it is above the limit.
        """
        if candidate.size is not None and candidate.size > self.max_size:
            raise too_large(self.max_size)


@dataclass(frozen=True)
class MinSize:
    """Refuse files that are too small, with the code ``"too_small"``.

    A file whose length nobody knows yet passes here; whoever stores it sees at its end whether ``min_size`` bytes came.

    :param limit: The least length: bytes, or text such as ``"1 kB"``. It is kept as ``min_size``, in bytes.
    :raises ValueError: if it is no size.
    """

    limit: InitVar[int | str]
    min_size: int = field(init=False)
    head_only: ClassVar[bool] = True

    def __post_init__(self, limit: int | str) -> None:
        object.__setattr__(self, "min_size", parse_size(limit))

    def __call__(self, candidate: Candidate, /) -> None:
        """Judge the length that is known.

        :raises UploadNotAllowed: if it is below the limit.
        """
        if candidate.size is not None and candidate.size < self.min_size:
            raise too_small(self.min_size)
