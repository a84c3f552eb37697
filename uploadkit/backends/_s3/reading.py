"""Reading from S3: ranged requests, each held to the version of the file that the first one saw."""

from __future__ import annotations

import io
import re
from collections.abc import Mapping
from contextlib import closing
from typing import Any, BinaryIO, cast

from botocore.exceptions import IncompleteReadError

from ...exceptions import BackendError, PreconditionError, UnavailableError
from ...models import FileInfo
from .._cloud.deadline import Deadline, deadline
from .._cloud.ranged import FIRST_WINDOW, Expected, RangedReader, buffered
from .._cloud.translate import translated, translating
from .client import BACKEND, S3Calls
from .errors import code_of, meaning
from .files import bare_etag, info_of, look_up

_TOTAL = re.compile(r"bytes \d+-\d+/(\d+)")
_BLOCK = 256 * 1024
_TRIES = 5


def open_file(calls: S3Calls, key: str) -> BinaryIO:
    """Open a whole file.

    :raises NotFoundError: now.
    """
    return open_part(calls, key, 0, None)[1]


def open_snapshot(calls: S3Calls, key: str) -> tuple[FileInfo, BinaryIO]:
    """Open a whole file and tell all that is known of it. What is known of a long one, only HEAD tells.

    :raises NotFoundError: now.
    """
    for _ in range(_TRIES):
        info, stream = open_part(calls, key, 0, None)
        if info.checksum is not None or info.size <= FIRST_WINDOW:
            return info, stream
        known = info_of(key, look_up(calls, key))
        if known.etag == info.etag:
            return known, stream
        stream.close()
    raise changed(key)


def open_part(calls: S3Calls, key: str, start: int, length: int | None) -> tuple[FileInfo, BinaryIO]:
    """Open ``length`` bytes (None: all) from ``start``.

    :raises NotFoundError: now.
    """
    window = min(FIRST_WINDOW, calls.options.read_ahead)
    size = window if length is None else min(length, window)
    for _ in range(_TRIES):
        if size:
            try:
                return _opened(calls, key, start, length, size)
            except BackendError as error:
                if not is_behind_the_end(error):
                    raise
        info = info_of(key, look_up(calls, key))
        if not size or start >= info.size:  # else it has grown since
            return info, _nothing()
    raise changed(key)


def _opened(calls: S3Calls, key: str, start: int, length: int | None, size: int) -> tuple[FileInfo, BinaryIO]:
    answer, first = _get(calls, key, start, start + size)
    total = total_of(answer)
    info = info_of(key, answer, total)
    end = total if length is None else min(start + length, total)
    return info, _reader(calls, info, start, end, first) if start < total else _nothing()


def _reader(calls: S3Calls, info: FileInfo, start: int, end: int, first: bytes) -> BinaryIO:
    def fetch(begin: int, stop: int) -> bytes:
        try:
            answer, content = _get(calls, info.key, begin, stop)
        except BackendError as error:
            if is_behind_the_end(error):  # the file is shorter by now
                raise changed(info.key) from error
            raise
        if bare_etag(answer) != info.etag:
            raise changed(info.key)
        return content

    reader = RangedReader(
        fetch,
        start,
        end,
        first=first,
        expected=_expected(calls, info) if (start, end) == (0, info.size) else None,
        read_ahead=calls.options.read_ahead,
        backend=BACKEND,
        key=info.key,
    )
    return buffered(reader)


def changed(key: str) -> PreconditionError:
    """Return the error for a file that was overwritten while it was read."""
    return PreconditionError(
        f"{key!r} on the {BACKEND!r} backend was overwritten while it was read; open it again.",
        key=key,
        backend=BACKEND,
        retryable=True,
    )


def _expected(calls: S3Calls, info: FileInfo) -> Expected | None:
    """Return the checksum to hold a whole file to: the stored one, else the one that only HEAD tells of."""
    if info.checksum is not None:
        return Expected.known(info.checksum)
    if not calls.options.checksum_mode:
        return None

    def tell() -> str | None:
        found = info_of(info.key, look_up(calls, info.key))
        if found.etag != info.etag:
            raise changed(info.key)
        return found.checksum if (found.checksum or "").startswith("crc32:") else None

    return Expected("crc32", tell)


def _get(calls: S3Calls, key: str, begin: int, stop: int) -> tuple[dict[str, Any], bytes]:
    """Return an answer and exactly its bytes from ``begin`` to before ``stop``, or to the file's end.

    A body that breaks off is asked for again, as the SDK does with everything before the body; all within one deadline.
    """
    with deadline(calls.options.deadline, stop - begin) as limit:
        for _ in range(calls.options.max_attempts):
            answer = calls("get_object", key, Range=f"bytes={begin}-{stop - 1}")
            try:
                return answer, _content(key, answer, begin, stop, limit)
            except UnavailableError as error:
                broken = error
    raise broken


def _content(key: str, answer: dict[str, Any], begin: int, stop: int, limit: Deadline) -> bytes:
    """Read the body whole, so that its connection goes back to the pool at once."""
    ignored = "ContentRange" not in answer  # by a store that knows no ranges and sends the file from its start
    skip, wanted = (begin if ignored else 0), max(0, min(stop, total_of(answer)) - begin)
    content = bytearray()
    with translating(meaning, "read", key, BACKEND), closing(answer["Body"]) as body:
        while len(content) < wanted and (block := some_of(body, min(_BLOCK, skip or wanted - len(content)))):
            limit.check()
            if skip:
                skip -= len(block)
            else:
                content += block
    if len(content) < wanted:
        broken = IncompleteReadError(actual_bytes=len(content), expected_bytes=wanted)
        raise translated(broken, meaning, "read", key, BACKEND) from broken
    return bytes(content)


def some_of(body: Any, size: int) -> bytes:
    """Return what there is of a body, at most ``size`` bytes; none at its end.

    The SDK's own ``read`` waits until all of it is there, which may be for ever when single bytes drip in.
    """
    raw = getattr(body, "_raw_stream", None)
    read = getattr(raw, "read1", None) or body.read
    return cast("bytes", read(size))


def is_behind_the_end(error: BackendError) -> bool:
    return code_of(error) in ("InvalidRange", "416")


def total_of(answer: Mapping[str, Any]) -> int:
    """Return the length of the whole file, of which the answer may have a range only."""
    found = _TOTAL.match(answer.get("ContentRange", ""))
    return int(found[1]) if found else int(answer["ContentLength"])


def _nothing() -> BinaryIO:
    return cast("BinaryIO", io.BytesIO())
