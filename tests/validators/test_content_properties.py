"""What must hold for every content there is, however hostile."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.validators.attacks import PAYLOADS
from tests.validators.corpus import honest, sample
from tests.validators.judging import Counted, candidate, refusal
from uploadkit import AUDIO, DEFAULTS, UploadNotAllowed
from uploadkit.filetypes import ARCHIVES
from uploadkit.validators import HEAD_SIZE
from uploadkit.validators.content import ContentType, default_content_check

PIECES = st.sampled_from([data for data in {**honest(), **PAYLOADS}.values() if data])
EXTENSIONS = st.sampled_from([*DEFAULTS, *AUDIO, *ARCHIVES, "md", "html", "exe", "py", "dat", ""])


@given(PIECES, EXTENSIONS, st.sampled_from([1, 7, 4096]))
def test_a_stream_that_gives_little_at_once_is_judged_alike(data: bytes, ext: str, at_once: int) -> None:
    data = data[: 3000 * at_once]
    verdicts = []
    for piece in (at_once, 1 << 30):
        try:
            ContentType()(candidate(f"a.{ext}", data, at_once=piece))
        except UploadNotAllowed as error:
            verdicts.append(error.reason)
        else:
            verdicts.append("")
    assert verdicts[0] == verdicts[1]


@st.composite
def damaged(draw: st.DrawFn) -> bytes:
    """Return an honest or hostile file with its end cut off, bytes changed, or another one put in."""
    data = bytearray(draw(PIECES)[:20_000])
    for _ in range(draw(st.integers(0, 8))):
        data[draw(st.integers(0, min(len(data), 600) - 1))] = draw(st.integers(0, 255))
    at = draw(st.integers(0, len(data)))
    return bytes(data[:at]) + draw(st.one_of(st.just(b""), st.binary(max_size=100), PIECES))


@settings(max_examples=400)
@given(st.one_of(st.binary(max_size=2000), damaged()), EXTENSIONS, st.booleans(), st.booleans())
def test_whatever_comes_is_judged_and_nothing_else_happens(data: bytes, ext: str, strict: bool, vague: bool) -> None:
    for allowed in ((), ("image/png", "text/plain")):
        file = candidate(f"a.{ext}", data)
        with suppress(UploadNotAllowed):
            ContentType(*allowed, strict=strict, vague=vague)(file)
        assert not file.stream.closed
        assert isinstance(file.stream, Counted)
        assert file.stream.count <= HEAD_SIZE


@given(damaged(), EXTENSIONS)
def test_what_strictness_lets_in_comes_in_without_it(data: bytes, ext: str) -> None:
    if refusal(ContentType(), f"a.{ext}", data) is None:
        assert refusal(default_content_check, f"a.{ext}", data) is None
    if refusal(ContentType(strict=True), f"a.{ext}", data) is None:
        assert refusal(ContentType(), f"a.{ext}", data) is None


REPEATED = [
    *(
        b"<",
        b" ",
        b"\n",
        b"<!--",
        b"<!---->",
        b"<!-- ",
        b"<?",
        b"<?x ?>",
        b"<!doctype a>",
        b"<!doctype a[",
        b"<!doctype a",
    ),
    *(
        b"<!doctype a[]",
        b"]",
        b"] ",
        b"<script",
        b"<a:",
        b"PK\x03\x04",
        b"PK\x05\x06",
        b"PK\x01\x02",
        b"\xff",
        b"\xff\xfb",
    ),
    *(
        b"%PDF",
        b"\x00",
        b"#!",
        b"GIF89a",
        b"x",
        b"on",
        b" on",
        b" onabc ",
        b"javascript",
        b"\xc3",
        b"\xff\xfe",
        b"<\x00",
        b"\x01",
    ),
]
STARTS = [
    b"",
    b"<?xml?>",
    b"<!doctype a [",
    b"<!doctype ",
    b"<p>",
    b"<svg ",
    b"\xff\xd8\xff",
    b"PK\x03\x04",
    b"<!-- --> a",
]


@contextmanager
def without_coverage() -> Iterator[None]:
    """Let the CPU that is counted be that of the code: what watches its lines takes four times as much."""
    watching = sys.gettrace()
    sys.settrace(None)
    try:
        yield
    finally:
        sys.settrace(watching)


@pytest.mark.slow
@pytest.mark.parametrize("start", STARTS, ids=repr)
def test_no_content_takes_long(start: bytes) -> None:
    for piece in REPEATED:
        data = (start + piece * HEAD_SIZE)[:HEAD_SIZE]
        for ext in ("txt", "xls", "jpg", "mp3", "zip", "svg", "docx", "pdf"):
            with without_coverage():
                began = time.process_time()
                refusal(ContentType(), f"a.{ext}", data)
                took = time.process_time() - began
            assert took < 0.25, (start, piece, ext)


def test_only_the_head_of_a_large_file_is_read() -> None:
    file = candidate("a.jpg", sample("baseline.jpg") + bytes(3 * HEAD_SIZE))
    default_content_check(file)
    assert isinstance(file.stream, Counted)
    assert file.stream.count == HEAD_SIZE


@pytest.mark.slow
def test_a_stream_that_gives_single_bytes_is_read_in_linear_time() -> None:
    file = candidate("a.txt", b"x" * HEAD_SIZE, at_once=1)
    began = time.process_time()
    default_content_check(file)
    assert time.process_time() - began < 2
