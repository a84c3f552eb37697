"""Parts of a body come one after another, in pieces, and never look complete when they are not."""

from __future__ import annotations

import io
import subprocess
import sys
from typing import Any

import pytest
from werkzeug.datastructures import Headers
from werkzeug.exceptions import RequestEntityTooLarge

from tests.forms.odd_bodies import ALIKE, END, FIELD, FILE, STRICTER
from uploadkit.forms.parts import PartHead, form_events


def events(body: bytes, size: int = 64, **options: Any) -> list[Any]:
    return list(form_events(io.BytesIO(body), b"bound", buffer_size=size, **options))


@pytest.mark.parametrize("size", [1, 5, 64, 10_000])
def test_a_part_is_a_head_its_bytes_and_none(size: int) -> None:
    found = events(FIELD + FILE.replace(b"content", b"content" * 100) + END, size)
    ends = [at for at, event in enumerate(found) if event is None]
    assert len(ends) == 2
    head = found[ends[0] + 1]
    assert head == PartHead(
        "f",
        "x.txt",
        Headers([("Content-Disposition", 'form-data; name="f"; filename="x.txt"'), ("Content-Type", "text/plain")]),
    )
    pieces = found[ends[0] + 2 : ends[1]]
    assert b"".join(pieces) == b"content" * 100
    assert all(0 < len(piece) <= size for piece in pieces)
    assert found[-1] is None


def test_parts_come_before_the_rest_is_read() -> None:
    stream = io.BytesIO(FIELD + FILE.replace(b"content", bytes(1_000_000)) + END)
    found = form_events(stream, b"bound", buffer_size=1000)
    assert [next(found) for _ in range(4)][3].name == "f"  # type: ignore[union-attr]
    assert stream.tell() == 1000


def test_the_rest_is_read_to_its_end() -> None:
    """Else the next request on the connection would begin in the middle."""
    stream = io.BytesIO(FIELD + END + bytes(100_000))
    list(form_events(stream, b"bound", buffer_size=1000))
    assert stream.read() == b""


@pytest.mark.parametrize("size", [1, 64, 10_000])
def test_a_body_that_ends_early_is_never_complete(size: int) -> None:
    body = FIELD + FILE + b"--bound--"
    for end in range(len(body)):
        with pytest.raises(ValueError):
            events(body[:end], size)


@pytest.mark.parametrize("body", STRICTER.values(), ids=STRICTER)
def test_odd_bodies_are_malformed(body: bytes) -> None:
    """Here nobody is asked who forgives more: what was handed out cannot be taken back."""
    with pytest.raises(ValueError):
        events(body, 10_000)


@pytest.mark.parametrize(
    ("body", "options"),
    [
        (FIELD * 4 + END, {"max_parts": 3}),
        (FIELD.replace(b"form-data", b"form-data; " + b"x" * 1000) + END, {"max_header_size": 500}),
        (FIELD.replace(b"\r\n\r\n", b"\r\nX: y" * 300 + b"\r\n\r\n") + END, {"max_header_size": 500}),
        (b"x" * 1000 + b"\r\n" + FIELD + END, {"max_header_size": 500}),
        (FIELD + END + b"x" * 1000, {"max_header_size": 500}),
    ],
    ids=["parts", "one header", "many headers", "before", "behind"],
)
def test_limits(body: bytes, options: dict[str, int]) -> None:
    with pytest.raises(RequestEntityTooLarge):
        events(body, **options)
    assert events(body, **dict.fromkeys(options, 5000))


def test_the_limit_of_headers_is_none_of_contents() -> None:
    assert events(FILE.replace(b"content", bytes(10_000)) + END, max_header_size=500)


def test_parts_with_many_headers_are_no_limit_of_the_parser() -> None:
    assert events(ALIKE["many headers"])


def test_the_parser_is_loaded_when_it_is_needed() -> None:
    """Most apps never do; `import uploadkit` and configure_uploads() stay light."""
    program = (
        "import sys, flask, uploadkit\n"
        "app = flask.Flask('x'); app.config['UPLOADED_A_DEST'] = '/tmp'; app.config['UPLOADS_FAST_FORMS'] = False\n"
        "uploadkit.configure_uploads(app, uploadkit.UploadSet('a'))\n"
        "sys.exit('multipart' in sys.modules)\n"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False, stderr=subprocess.DEVNULL).returncode == 0
