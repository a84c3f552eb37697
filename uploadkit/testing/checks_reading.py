"""Checks of reading: `Backend.open`, `stat`, `url`, `path`, and the errors of what is not there."""

from __future__ import annotations

import io
import os
import pickle
from functools import partial

from ..exceptions import BackendError, NotFoundError
from ..operations import open_range
from ..remotepath import RemotePath
from .checks_saving import content_of
from .subject import Subject, get, must, must_raise, put

_LENGTH = 1000
_RANGES = (
    *((0, None), (0, 0), (0, 1), (0, 999), (0, 1000), (0, 1001), (0, 10**9)),
    *((1, None), (1, 0), (1, 1), (500, 100), (500, 500), (500, 501), (999, None), (999, 1), (999, 2)),
    *((1000, None), (1000, 0), (1000, 1), (1001, None), (10**9, 5)),
)


def a_missing_file_is_not_found_at_once(subject: Subject) -> None:
    """Opening or looking up what is not there raises NotFoundError now, with key and backend named."""
    backend = subject.make()
    put(backend, "folder/file", b"x")
    for key in ("missing", "folder", "folder/missing", "folder/file/below"):
        for name, call in (("open", backend.open), ("stat", backend.stat)):
            error = must_raise(NotFoundError, partial(call, key), f"{name}({key!r})")
            must(isinstance(error, BackendError) and error.key == key, "the error does not name the key")
            must(isinstance(error, BackendError) and error.backend == backend.name, "the error names no backend")
            must(isinstance(error, BackendError) and not error.retryable, "a missing file is not worth a retry")


def opens_seekable_streams(subject: Subject) -> None:
    """What open returns can seek and tell; two readers do not disturb each other."""
    backend = subject.make()
    content = content_of(200_000)
    put(backend, "a", content)
    with backend.open("a") as one, backend.open("a") as other:
        must(one.readable() and one.seekable(), "the stream cannot seek")
        must(one.read(10) == content[:10], "the first bytes are wrong")
        must(other.read() == content, "another reader does not get the whole file")
        must(one.seek(-5, io.SEEK_END) == len(content) - 5, "seek does not return the position")
        must(one.read() == content[-5:] and one.read() == b"", "the last bytes are wrong")
        one.seek(100)
        must(one.tell() == 100, "tell does not follow seek")
        must(one.read(50) == content[100:150], "the bytes after a seek are wrong")


def an_open_file_is_never_mixed(subject: Subject) -> None:
    """A reader whose file is overwritten or deleted gets the old bytes, or an error; never a mixture."""
    backend = subject.make()
    old, new = b"o" * 300_000, b"n" * 300_000
    put(backend, "a", old)
    with backend.open("a") as stream:
        head = stream.read(1000)
        put(backend, "a", new, overwrite=True)
        try:
            rest = stream.read()
        except BackendError:
            rest = old[1000:]
    must(head + rest == old, "a reader got bytes of two files")
    must(get(backend, "a") == new, "a later reader does not get the new file")


def reads_every_kind_of_range(subject: Subject) -> None:
    """Ranges give exactly their bytes: cut at the end, empty behind it, seekable, refused when negative."""
    backend = subject.make()
    content = content_of(_LENGTH)
    put(backend, "a", content)
    for start, length in _RANGES:
        expected = content[start:] if length is None else content[start : start + length]
        with open_range(backend, "a", start, length) as stream:
            must(stream.read() == expected, f"range start={start} length={length} is wrong")
            stream.seek(0)
            must(stream.read(7) == expected[:7], f"range start={start} length={length} cannot be read again")
    for start, length in ((-1, None), (0, -1), (-5, 3)):
        must_raise(ValueError, partial(open_range, backend, "a", start, length), "a negative range")
    must_raise(NotFoundError, lambda: open_range(backend, "missing", 0, 1), "a range of a missing file")


def urls_last(subject: Subject) -> None:
    """A URL is None or lasting: the same at every call, without query, also for a file that is not there."""
    backend = subject.make()
    first = backend.url("folder/a b.txt")
    put(backend, "folder/a b.txt", b"x")
    must(first == backend.url("folder/a b.txt"), "the URL changed")
    must(
        first is None or (first.startswith(("http://", "https://")) and "?" not in first),
        f"{first!r} is no lasting URL",
    )


def paths_are_local_or_loud(subject: Subject) -> None:
    """A path is absolute and below the root, or a RemotePath that refuses to be used as a file."""
    backend = subject.make()
    put(backend, "folder/a.txt", b"content")
    path, root = backend.path("folder/a.txt"), backend.path("")
    if isinstance(path, str):
        must(os.path.isabs(path), f"{path!r} is not absolute")
        must(os.path.commonpath([str(root), path]) == str(root), f"{path!r} is not below {root!r}")
        with open(path, "rb") as file:
            must(file.read() == b"content", "the path leads to other bytes")
        return
    must(isinstance(path, RemotePath) and isinstance(root, RemotePath), f"{path!r} is neither a str nor a RemotePath")
    must("://" in str(path), f"{str(path)!r} is no URI")
    must_raise(NotImplementedError, lambda: os.path.exists(path), "using a RemotePath as a file")


def errors_travel(subject: Subject) -> None:
    """Errors can be pickled, as worker processes do, and say the same afterwards."""
    backend = subject.make()
    error = must_raise(NotFoundError, lambda: backend.stat("missing"), "stat of a missing file")
    again = pickle.loads(pickle.dumps(error))  # noqa: S301 - our own bytes
    must(str(again) == str(error) and type(again) is type(error), "a pickled error is another one")
    must(again.key == "missing", "a pickled error forgets its key")


READING = (
    a_missing_file_is_not_found_at_once,
    opens_seekable_streams,
    an_open_file_is_never_mixed,
    reads_every_kind_of_range,
    urls_last,
    paths_are_local_or_loud,
    errors_travel,
)
