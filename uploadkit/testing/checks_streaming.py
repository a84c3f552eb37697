"""Checks of streams: a file, or a part of it, from front to end, of one content, however it is read and left."""

from __future__ import annotations

import io
from contextlib import ExitStack
from functools import partial
from typing import BinaryIO

from ..backends.capabilities import SupportsStreaming, capabilities
from ..backends.protocol import Backend
from ..exceptions import BackendError, NotFoundError
from ..streams import chunks
from .checks_saving import content_of
from .checks_snapshots import must_be_of_one_content
from .subject import NotShown, Subject, get, must, must_raise, put

_SIZES = (0, 1, 64 * 1024 + 1, 1024 * 1024 + 7)
_LENGTH = 1000
_RANGES = (
    *((0, None), (0, 0), (0, 1), (0, 999), (0, 1000), (0, 1001), (0, 10**9)),
    *((1, None), (500, 100), (500, 501), (999, None), (999, 2)),
    *((1000, None), (1000, 0), (1000, 1), (10**9, None), (10**9, 5)),
)
#: Long enough to be on its way for some time.
_LONG = 4 * 1024 * 1024
#: More streams than a pool of connections has.
_MANY = 40


def streams_give_the_file(subject: Subject) -> None:
    """A stream gives exactly the bytes that were saved, with what stat tells, at every size."""
    backend, power = _made(subject)
    for size in _SIZES:
        key, content = f"folder/{size} bytes.txt", content_of(size)
        put(backend, key, content)
        info, stream = power.open_stream(key)
        with stream:
            must(b"".join(chunks(stream)) == content, f"{size} bytes came back changed")
            must(stream.read(1) == b"" and stream.read() == b"", "there is something behind the end")
        must(info == backend.stat(key), f"the stream tells other things than stat: {info!r}")


def streams_of_parts_give_their_bytes(subject: Subject) -> None:
    """A part of a file is exactly its bytes: cut at the end, empty behind it; what is told is of the whole file."""
    backend, power = _made(subject)
    content = content_of(_LENGTH)
    for key, whole in (("a", content), ("empty", b"")):
        put(backend, key, whole)
        expected = backend.stat(key)
        for start, length in _RANGES:
            info, stream = power.open_stream(key, start, length)
            with stream:
                end = None if length is None else start + length
                must(stream.read() == whole[start:end], f"start={start} length={length} of {len(whole)} bytes is wrong")
            same = (info.key, info.size, info.etag) == (expected.key, expected.size, expected.etag)
            must(same, f"start={start} length={length} tells of another file than the whole: {info!r}")


def streams_refuse_at_once(subject: Subject) -> None:
    """A stream of a missing file is a NotFoundError now, with key and backend named; a negative one a ValueError."""
    backend, power = _made(subject)
    put(backend, "a", b"content")
    for start, length in ((0, None), (0, 0), (5, 1)):
        call = partial(power.open_stream, "missing", start, length)
        error = must_raise(NotFoundError, call, f"a stream of a missing file (start={start})")
        named = isinstance(error, BackendError) and (error.key, error.backend) == ("missing", backend.name)
        must(named, "the error does not name key and backend")
    for start, length in ((-1, None), (0, -1), (-5, 3)):
        must_raise(ValueError, partial(power.open_stream, "a", start, length), "a negative start or length")


def streams_are_read_in_any_pieces(subject: Subject) -> None:
    """A stream gives pieces as small or big as they are asked for, and ends once."""
    backend, power = _made(subject)
    content = content_of(300_000)
    put(backend, "a", content)
    for start, size in ((0, 64 * 1024), (0, 10**9), (299_000, 1), (100_000, 77_777)):
        stream = power.open_stream("a", start)[1]
        with stream:
            must(stream.readable() and stream.read(0) == b"", "it is not readable, or read(0) gives something")
            pieces = list(iter(partial(stream.read, size), b""))
            must(all(len(piece) <= size for piece in pieces), f"read({size}) gives more")
            must(b"".join(pieces) == content[start:], f"pieces of {size} bytes are not the file")
    stream = power.open_stream("a")[1]
    with stream:
        head = stream.read(1)
        must(head + stream.read(-1) == content, "reading the rest after the first byte is wrong")
    must(_read_into(power.open_stream("a")[1]) in (content, None), "readinto gives other bytes")


def streams_may_be_left(subject: Subject) -> None:
    """A stream can be closed early, and twice; however many were left, or read to their end, the next one works."""
    backend, power = _made(subject)
    content = content_of(_LONG)
    put(backend, "long", content)
    put(backend, "short", b"content")
    for number in range(_MANY):
        stream = power.open_stream("long")[1]
        if number % 2:
            head = stream.read(10)
            must(head and content.startswith(head), "the first bytes are wrong")
        stream.close()
        stream.close()
        must(stream.closed, "a stream is not closed although it was told to")
    with ExitStack() as opened:
        for _ in range(_MANY):
            stream = opened.enter_context(power.open_stream("short")[1])
            must(b"".join(chunks(stream)) == b"content", "after many streams another one has other bytes")
    must(get(backend, "long") == content, "after many streams the file cannot be read")


def streams_run_beside_each_other(subject: Subject) -> None:
    """A stream that is half read is in nobody's way: others are read meanwhile, then it goes on."""
    backend, power = _made(subject)
    content = content_of(_LONG)
    put(backend, "a", content)
    with power.open_stream("a")[1] as first, power.open_stream("a", 1000)[1] as second:
        for stream, start in ((first, 0), (second, 1000)):
            must(stream.read(1) == content[start : start + 1], "the first byte is wrong")
        must(get(backend, "a") == content, "the file cannot be read beside streams of it")
        must(b"".join(chunks(second)) == content[1001:], "a stream beside another one has other bytes")
        must(b"".join(chunks(first)) == content[1:], "a stream that waited for another one has other bytes")


def an_open_stream_is_never_mixed(subject: Subject) -> None:
    """A stream whose file is overwritten meanwhile gives the old bytes, or an error; never a mixture, nor a part."""
    backend, power = _made(subject)
    old, new = b"o" * _LONG, b"n" * _LONG
    put(backend, "a", old)
    stream = power.open_stream("a")[1]
    with stream:
        head = stream.read(1000)
        put(backend, "a", new, overwrite=True)
        try:
            rest = b"".join(chunks(stream))
        except BackendError:
            rest = old[len(head) :]
    must(head + rest == old, "a stream gave bytes of two files, or ended early")
    must(get(backend, "a") == new, "a later reader does not get the new file")


def streams_are_of_one_content(subject: Subject) -> None:
    """The info and the bytes of a stream belong together, also while others overwrite the file."""
    backend, power = _made(subject)
    must_be_of_one_content(backend, lambda: power.open_stream("a"), "a stream")


STREAMING = (
    streams_give_the_file,
    streams_of_parts_give_their_bytes,
    streams_refuse_at_once,
    streams_are_read_in_any_pieces,
    streams_may_be_left,
    streams_run_beside_each_other,
    an_open_stream_is_never_mixed,
    streams_are_of_one_content,
)


def _made(subject: Subject) -> tuple[Backend, SupportsStreaming]:
    backend = subject.make()
    power = capabilities(backend).streaming
    if power is None:
        raise NotShown("the backend does not declare streaming")
    return backend, power


def _read_into(stream: BinaryIO) -> bytes | None:
    """Read a stream by ``readinto``; None if it has no such method."""
    with stream:
        fill = getattr(stream, "readinto", None)
        if fill is None:
            return None
        room, found = bytearray(70_000), io.BytesIO()
        while count := fill(room):
            found.write(room[:count])
        return found.getvalue()
