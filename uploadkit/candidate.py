"""What a validator judges, and what a validator is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import BinaryIO, Protocol

#: How much of a file whose length nobody knows is read before it is judged, in bytes.
HEAD_SIZE = 256 * 1024


@dataclass(frozen=True, eq=False)
class Candidate:
    """A file that is about to be stored.

    :param filename: The name that it would get, folder included, in the set.
    :param content_type: The media type that belongs to the extension of that name.
    :param stream: Its bytes, at their start and seekable. Leave it open; wherever it is left, the next validator finds
        it at its start again.
    :param size: The length of the whole file in bytes; None if nobody knows yet.
    :param complete: Whether ``stream`` has all of it, or the first `HEAD_SIZE` bytes only. Validators that did not say
        that the head is enough for them always get all of it.
    """

    filename: str
    content_type: str
    stream: BinaryIO
    size: int | None
    complete: bool = True

    @property
    def extension(self) -> str:
        """The extension in lower case, without its dot; empty if there is none."""
        name = self.filename.rpartition("/")[2]
        stem, dot, found = name.rpartition(".")
        return found.lower() if dot and stem else ""


class Validator(Protocol):
    """Something to call with a `Candidate`; it returns, or raises `UploadNotAllowed` to refuse the file.

    A validator for which the beginning of a file is enough says so by an attribute ``head_only = True``; then a file
    that comes as an unseekable stream need not be kept somewhere before it is judged.
    """

    def __call__(self, candidate: Candidate, /) -> None:
        """Refuse a file by raising."""
        ...
