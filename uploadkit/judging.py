"""Letting validators look at a file before it is stored."""

from __future__ import annotations

import io
from collections.abc import Sequence
from contextlib import ExitStack
from typing import BinaryIO, cast

from .candidate import HEAD_SIZE, Candidate, Validator
from .filetypes import content_type_for
from .streams import is_seekable, length_of, read_block, read_some, spool


def judge(validators: Sequence[Validator], filename: str, stream: BinaryIO) -> None:
    """Show a seekable stream to each validator, from its start, and leave it there.

    :param filename: What the file would be called, folder included.
    :raises UploadNotAllowed: if one of them refuses it.
    """
    if validators:
        _show(validators, filename, stream, length_of(stream), complete=True)


def judged(stack: ExitStack, validators: Sequence[Validator], filename: str, stream: BinaryIO) -> BinaryIO:
    """Return a stream with the same bytes, which the validators have seen.

    Of an unseekable stream they see the first bytes, if all of them say that these are enough for them; else it is
    kept in memory and a temporary file.

    :param stack: Closes what is made for it.
    :raises UploadNotAllowed: if one of them refuses it.
    """
    if not validators or is_seekable(stream):
        judge(validators, filename, stream)
        return stream
    if all(getattr(validator, "head_only", False) for validator in validators):
        head = bytes(read_block(stream, HEAD_SIZE))
        complete = len(head) < HEAD_SIZE
        _show(validators, filename, io.BytesIO(head), len(head) if complete else None, complete=complete)
        return cast("BinaryIO", _Rejoined(head, stream))
    whole = stack.enter_context(spool(stream))
    judge(validators, filename, whole)
    return whole


def _show(
    validators: Sequence[Validator], filename: str, stream: BinaryIO, size: int | None, *, complete: bool
) -> None:
    candidate = Candidate(filename, content_type_for(filename), stream, size, complete)
    try:
        for validator in validators:
            stream.seek(0)
            validator(candidate)
    finally:
        if not stream.closed:
            stream.seek(0)


class _Rejoined(io.RawIOBase):
    """The bytes that were looked at, and behind them the rest of the stream they came from."""

    def __init__(self, head: bytes, rest: BinaryIO) -> None:
        self._head = memoryview(head)
        self._rest = rest

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        if not self._head:
            return read_some(self._rest) if size < 0 else read_some(self._rest, size)
        end = len(self._head) if size < 0 else size
        piece, self._head = self._head[:end], self._head[end:]
        return bytes(piece)
