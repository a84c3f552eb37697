"""The fast parser finds what Werkzeug's finds, refuses what it refuses, and differs only where it is written down."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import multipart_form_data_conformance as conformance
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from werkzeug.datastructures import ImmutableMultiDict, MultiDict
from werkzeug.exceptions import ClientDisconnected, RequestEntityTooLarge
from werkzeug.formparser import FormDataParser
from werkzeug.http import parse_options_header
from werkzeug.wsgi import LimitedStream

from tests.forms.odd_bodies import ALIKE, BOUNDARY, DIFFERENT, END, FIELD, FILE, SOMETIMES, STRICTER
from uploadkit.forms.parser import FastFormDataParser

_SIZES = (1, 2, 7, 64, 1000, FastFormDataParser.buffer_size)
_REFUSED = "refused"


def sized(size: int) -> type[FastFormDataParser]:
    """A parser that reads so many bytes at a time."""
    return type("Sized", (FastFormDataParser,), {"buffer_size": size})


#: Makes streams that need no closing.
in_memory: Any = lambda **options: io.BytesIO()  # noqa: E731


def found(
    parser: type[FormDataParser], body: bytes, boundary: bytes = BOUNDARY, **options: Any
) -> tuple[Any, Any] | str:
    """What a parser finds in a body, down to the headers; or that it refuses it."""
    try:
        _, form, files = parser(in_memory, silent=False, **options).parse(
            io.BytesIO(body), "multipart/form-data", len(body), {"boundary": boundary.decode("latin-1")}
        )
    except RequestEntityTooLarge:
        return "too large"
    except ValueError:
        return _REFUSED
    return list(form.items(multi=True)), [
        (field, file.name, file.filename, file.read(), [(name.lower(), value) for name, value in file.headers])
        for field, file in files.items(multi=True)
    ]


@pytest.mark.parametrize("body", ALIKE.values(), ids=ALIKE)
def test_reads_odd_bodies_as_werkzeug_does_in_pieces_of_any_size(body: bytes) -> None:
    expected = found(FormDataParser, body)
    assert {size: found(sized(size), body) for size in _SIZES} == dict.fromkeys(_SIZES, expected)


@pytest.mark.parametrize("body", STRICTER.values(), ids=STRICTER)
def test_asks_werkzeug_about_what_is_odd_from_the_beginning(body: bytes) -> None:
    expected = found(FormDataParser, body)
    assert expected != _REFUSED
    assert found(FastFormDataParser, body) == expected


@pytest.mark.parametrize("body", STRICTER.values(), ids=STRICTER)
def test_refuses_what_is_odd_only_later(body: bytes) -> None:
    begun = FILE.replace(b"content", bytes(1000))
    assert found(FormDataParser, begun + body.removeprefix(b"text").removeprefix(b"\xef\xbb\xbf")) != _REFUSED
    assert found(sized(200), begun + body) in (_REFUSED, found(FormDataParser, begun + body))


@pytest.mark.parametrize("size", _SIZES)
@pytest.mark.parametrize("body", SOMETIMES.values(), ids=SOMETIMES)
def test_what_is_odd_is_read_as_werkzeug_does_or_refused(body: bytes, size: int) -> None:
    assert found(sized(size), body) in (found(FormDataParser, body), _REFUSED)


@pytest.mark.parametrize(("body", "fields"), DIFFERENT.values(), ids=DIFFERENT)
def test_reads_these_by_the_letter_of_the_rfc(body: bytes, fields: list[tuple[str, str]]) -> None:
    assert found(FastFormDataParser, body) == (fields, [])
    assert found(FormDataParser, body) not in (_REFUSED, (fields, []))


_WHOLE = FIELD + FILE + FIELD.replace(b"value", b"\r\n--boun\r") + b"--bound--"


@pytest.mark.parametrize("size", _SIZES)
def test_a_body_that_ends_early_is_never_a_form(size: int) -> None:
    assert found(sized(size), _WHOLE) != _REFUSED
    for end in range(len(_WHOLE)):
        assert found(sized(size), _WHOLE[:end]) == _REFUSED == found(FormDataParser, _WHOLE[:end])


_TEXT = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=20)
_PIECE = st.one_of(
    st.binary(max_size=50), st.sampled_from([b"\r\n", b"\r", b"\n", b"--", b"-", b"\r\n--", b"boundary", b"\r\n--b"])
)
_CONTENT = st.lists(_PIECE, max_size=12).map(b"".join)
_HEADER = st.tuples(st.from_regex(r"X-[A-Za-z0-9]{1,8}", fullmatch=True), st.text("abc;=\" xyz,'é", max_size=30))
_PART = st.tuples(_TEXT, st.none() | _TEXT, st.lists(_HEADER, max_size=3), _CONTENT, st.booleans())
_BOUNDARIES = st.from_regex(r"[0-9a-zA-Z'()+_,\-./:=?]{1,30}", fullmatch=True)


def _quoted(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"')


def _encoded(parts: list[Any], boundary: bytes) -> bytes:
    body = b""
    for name, filename, headers, content, first in parts:
        disposition = f'Content-Disposition: form-data; name="{_quoted(name)}"'
        if filename is not None:
            disposition += f'; filename="{_quoted(filename)}"'
        lines = [f"{title}: {value}" for title, value in headers]
        lines = [disposition, *lines] if first else [*lines, disposition]
        body += b"--" + boundary + b"\r\n" + "\r\n".join(lines).encode() + b"\r\n\r\n" + content + b"\r\n"
    return body + b"--" + boundary + b"--\r\n"


@settings(max_examples=300)
@given(st.lists(_PART, max_size=5), _BOUNDARIES, st.integers(1, 300), st.integers(1, 300))
@example([("", "", [], b"\r\n--b", True)], "b0", 5, 3)
def test_forms_are_read_alike(parts: list[Any], boundary: str, size: int, end: int) -> None:
    word = boundary.encode()
    parts = [part for part in parts if b"--" + word not in part[3]]
    body = _encoded(parts, word)
    expected = found(FormDataParser, body, word)
    assert found(sized(size), body, word) == expected
    assert expected != _REFUSED
    assert len(expected[0]) + len(expected[1]) == len(parts)
    short = body[: -min(end, len(body))]
    assert found(sized(size), short, word) == found(FormDataParser, short, word)


def _conformance_cases() -> list[Any]:
    folders = sorted(path.parent for path in Path(conformance.get_tests_dir()).glob("*/*/input.raw"))
    return [pytest.param(folder, id=folder.name) for folder in folders]


@pytest.mark.parametrize("folder", _conformance_cases())
def test_reads_the_conformance_suite_as_werkzeug_does(folder: Path) -> None:
    """What that suite expects is an opinion; what counts here is that an app finds the same with either parser."""
    headers = {name.lower(): value for name, value in json.loads((folder / "headers.json").read_text()).items()}
    mimetype, options = parse_options_header(headers["content-type"])
    body = (folder / "input.raw").read_bytes()
    boundary = options.get("boundary", "").encode()
    assert mimetype == "multipart/form-data"
    assert found(FastFormDataParser, body, boundary) == found(FormDataParser, body, boundary)


@pytest.mark.parametrize("size", [64, FastFormDataParser.buffer_size])
@pytest.mark.parametrize(
    ("body", "options"),
    [
        pytest.param(FIELD * 1000 + END, {"max_form_parts": 1000}, id="as many parts as allowed"),
        pytest.param(FIELD * 1001 + END, {"max_form_parts": 1000}, id="one part more"),
        pytest.param(FIELD * 3 + END, {"max_form_parts": 0}, id="no parts"),
        pytest.param(FIELD.replace(b"value", b"x" * 70_000) + END, {"max_form_memory_size": 70_000}, id="a long field"),
        pytest.param(
            FIELD.replace(b"value", b"x" * 70_001) + END, {"max_form_memory_size": 70_000}, id="one byte more"
        ),
        pytest.param(FIELD * 2 + END, {"max_form_memory_size": 10}, id="a body beyond a tiny limit"),
        pytest.param(FILE + END, {"max_form_memory_size": 500_000}, id="a file within"),
        pytest.param(FILE.replace(b"content", b"x" * 90_000) + END, {"max_form_memory_size": 70_000}, id="a long file"),
        pytest.param(
            FIELD.replace(b"form-data", b"form-data; " + b"x" * 600_000) + END,
            {"max_form_memory_size": 70_000},
            id="endless headers",
        ),
        pytest.param(
            b"x" * 600_000 + b"\r\n" + FIELD + END, {"max_form_memory_size": 70_000}, id="endless text before"
        ),
        pytest.param(FIELD + END + b"x" * 600_000, {"max_form_memory_size": 70_000}, id="endless text behind"),
    ],
)
def test_limits_are_those_of_werkzeug(body: bytes, options: dict[str, Any], size: int) -> None:
    assert found(sized(size), body, **options) == found(FormDataParser, body, **options)


def test_two_fields_may_have_together_what_one_may_not() -> None:
    body = FIELD.replace(b"value", b"x" * 70_000) * 2 + END
    assert len(found(FastFormDataParser, body, max_form_memory_size=70_000)[0]) == 2


@pytest.mark.parametrize("parser", [FormDataParser, FastFormDataParser])
def test_a_silent_parser_finds_nothing_in_a_malformed_body(parser: type[FormDataParser]) -> None:
    stream = io.BytesIO(FIELD)
    assert parser().parse(stream, "multipart/form-data", None, {"boundary": "bound"}) == (
        stream,
        MultiDict(),
        MultiDict(),
    )


@pytest.mark.parametrize("parser", [FormDataParser, FastFormDataParser])
@pytest.mark.parametrize("options", [None, {}, {"boundary": ""}, {"boundary": "b\xe4"}, {"boundary": "a\nb"}])
def test_a_boundary_that_is_none_is_malformed(parser: type[FormDataParser], options: dict[str, str] | None) -> None:
    with pytest.raises(ValueError):
        parser(silent=False).parse(io.BytesIO(FIELD + END), "multipart/form-data", None, options)


@pytest.mark.parametrize("parser", [FormDataParser, FastFormDataParser])
def test_other_types_are_left_alone(parser: type[FormDataParser]) -> None:
    _, form, _ = parser().parse(io.BytesIO(b"a=1&a=2&b="), "application/x-www-form-urlencoded", 10, {})
    assert list(form.items(multi=True)) == [("a", "1"), ("a", "2"), ("b", "")]
    stream, form, files = parser().parse(io.BytesIO(b"{}"), "application/json", 2, {})
    assert (stream.read(), form, files) == (b"{}", MultiDict(), MultiDict())


@pytest.mark.parametrize("parser", [FormDataParser, FastFormDataParser])
def test_the_results_are_of_the_class_that_is_asked_for(parser: type[FormDataParser]) -> None:
    _, form, files = parser(in_memory, cls=ImmutableMultiDict).parse(
        io.BytesIO(FIELD + FILE + END), "multipart/form-data", None, {"boundary": "bound"}
    )
    assert (type(form), type(files)) == (ImmutableMultiDict, ImmutableMultiDict)


@pytest.mark.parametrize("parser", [FormDataParser, FastFormDataParser])
def test_the_factory_of_streams_is_told_the_same(parser: type[FormDataParser]) -> None:
    asked: list[dict[str, Any]] = []

    def factory(**options: Any) -> Any:
        asked.append(options)
        return io.BytesIO()

    body = FILE.replace(b"Content-Type", b"Content-Length: 7\r\nContent-Type") + END
    parser(cast("Any", factory)).parse(io.BytesIO(body), "multipart/form-data", len(body), {"boundary": "bound"})
    assert asked == [
        {"total_content_length": len(body), "content_type": "text/plain", "filename": "x.txt", "content_length": 7}
    ]


_LONG = FILE.replace(b"content", bytes(300_000)) * 3


@pytest.mark.parametrize("parser", [FormDataParser, FastFormDataParser])
@pytest.mark.parametrize(
    "body", [FIELD, FIELD + END, _LONG, _LONG + END], ids=["begun", "whole", "long", "long, whole"]
)
def test_a_client_that_vanishes_is_told_of(parser: type[FormDataParser], body: bytes) -> None:
    """Also where the form's last boundary has arrived, but not the length that was announced."""
    stream: Any = LimitedStream(io.BytesIO(body), len(body) + 1)
    with pytest.raises(ClientDisconnected):
        parser(in_memory).parse(stream, "multipart/form-data", len(body) + 1, {"boundary": "bound"})


def _breaking_at(number: int) -> Callable[..., io.BytesIO]:
    class Breaking(io.BytesIO):
        def write(self, data: Any, /) -> int:
            nonlocal number
            number -= 1
            if number < 0:
                raise OSError("the disk is full")
            return super().write(data)

    return lambda **options: made.append(Breaking()) or made[-1]  # type: ignore[func-returns-value]


made: list[io.BytesIO] = []


@pytest.mark.parametrize(
    "ending", [b"", b"--bound--", b"--bound\r\nnonsense\r\n\r\n"], ids=["short", "whole", "malformed"]
)
def test_files_of_a_form_that_fails_are_closed(ending: bytes) -> None:
    made.clear()
    with pytest.raises((OSError, ValueError)):
        FastFormDataParser(_breaking_at(5 if ending == b"--bound--" else 99), silent=False).parse(
            io.BytesIO(_LONG + ending), "multipart/form-data", None, {"boundary": "bound"}
        )
    assert made
    assert all(file.closed for file in made)
