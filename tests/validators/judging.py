"""Calling a validator, and seeing how much it read."""

from __future__ import annotations

import io
from typing import Any

from uploadkit import UploadNotAllowed
from uploadkit.filetypes import content_type_for
from uploadkit.validators import Candidate
from uploadkit.validators.content import ContentType


class Counted(io.BytesIO):
    """Counts what is read, and gives at most so much at once."""

    def __init__(self, data: bytes, at_once: int = 1 << 30) -> None:
        super().__init__(data)
        self.at_once = at_once
        self.count = 0

    def read(self, size: int | None = -1, /) -> bytes:
        wanted = self.at_once if size is None or size < 0 else min(size, self.at_once)
        data = super().read(wanted)
        self.count += len(data)
        return data


def candidate(name: str, data: bytes, content_type: str | None = None, **more: Any) -> Candidate:
    """Return what a validator gets."""
    return Candidate(name, content_type or content_type_for(name), Counted(data, **more), len(data))


def refusal(check: ContentType, name: str, data: bytes, content_type: str | None = None) -> UploadNotAllowed | None:
    """Return the error by which a file is refused; None if it passes."""
    try:
        check(candidate(name, data, content_type))
    except UploadNotAllowed as error:
        return error
    return None
