"""What may come in: every honest file does, and nothing that pretends."""

from __future__ import annotations

import pytest

from tests.validators.attacks import PAYLOADS, hostile, lies
from tests.validators.corpus import LIVE_DRAWING, PAGE, honest, sample
from tests.validators.judging import refusal
from uploadkit import AUDIO, DEFAULTS
from uploadkit.filetypes import ARCHIVES, EXECUTABLES, SCRIPTS, SOURCE
from uploadkit.validators.content import ContentType, default_content_check

HONEST, HOSTILE, LIES = honest(), hostile(), lies()
PRESETS = DEFAULTS + AUDIO + ARCHIVES


def test_the_corpus_has_several_honest_files_of_every_extension_that_is_allowed_by_a_preset() -> None:
    assert {name.rpartition(".")[2] for name in HONEST} >= set(PRESETS)
    assert len(HONEST) > 200


@pytest.mark.parametrize("check", [default_content_check, ContentType()], ids=repr)
def test_no_honest_file_is_refused(check: ContentType) -> None:
    assert [name for name, data in HONEST.items() if refusal(check, name, data)] == []


@pytest.mark.parametrize("check", [default_content_check, ContentType(), ContentType(strict=True)], ids=repr)
def test_every_hostile_file_is_refused_with_a_code(check: ContentType) -> None:
    errors = {name: refusal(check, name, data) for name, data in HOSTILE.items()}
    assert [name for name, error in errors.items() if error is None] == []
    assert {error.code for error in errors.values() if error} == {"content_type"}


def test_a_file_that_merely_is_not_what_its_name_says_is_refused_on_request_only() -> None:
    assert [name for name, data in LIES.items() if not refusal(ContentType(), name, data)] == []
    assert refusal(default_content_check, "words.jpg", b"only words") is None
    assert refusal(default_content_check, "random.jpg", bytes(range(256)) * 4) is None


@pytest.mark.parametrize("ext", EXECUTABLES + SCRIPTS + SOURCE + ("bat", "html", "htm", "php5", "zzz", "ts"))
def test_an_extension_that_promises_nothing_may_have_any_content(ext: str) -> None:
    assert [name for name, data in PAYLOADS.items() if refusal(ContentType(), f"a.{ext}", data)] == []


def test_a_file_without_an_extension_may_have_any_content() -> None:
    assert [name for name, data in PAYLOADS.items() if refusal(ContentType(), "a", data)] == []


def test_an_empty_file_is_the_business_of_others() -> None:
    assert [ext for ext in PRESETS if refusal(ContentType(strict=True), f"a.{ext}", b"")] == []


@pytest.mark.parametrize(("name", "other"), [("saved by a browser.jpg", "photo.png"), ("renamed.doc", "rich.doc")])
def test_what_honest_files_are_often_named_wrongly_is_refused_if_strict(name: str, other: str) -> None:
    for each in (name, other):
        assert refusal(ContentType(), each, HONEST[each]) is None
        assert refusal(ContentType(strict=True), each, HONEST[each])


def test_a_visitor_reads_the_extension_and_what_the_file_looks_like() -> None:
    error = refusal(ContentType(), "holiday.jpg", PAGE)
    assert error
    assert error.reason == "This file is named .jpg, but its content looks like a web page."
    assert error.allowed == ("image/jpeg",)


def test_a_visitor_reads_that_something_is_hidden() -> None:
    error = refusal(ContentType(), "a.gif", sample("still.gif") + b"<?php phpinfo();")
    assert error
    assert error.reason == "Something else is hidden in this file."


CLIENTS_TYPES = [
    *("text/html;image/png", "image/png, text/html", "image/svg+xml", "image/svg xml", "image/png\r\nX: 1", "", "*/*"),
    *("image/png;", "IMAGE/PNG", "text/html", "image/jpeg", "application/x-php"),
]


@pytest.mark.parametrize("sent", CLIENTS_TYPES)
def test_a_type_of_any_shape_cannot_open_the_door_to_a_page(sent: str) -> None:
    for data in (PAGE, LIVE_DRAWING, PAYLOADS["php"]):
        assert refusal(default_content_check, "a.png", data, sent)
        assert refusal(ContentType("image/png", "image/jpeg"), "a.png", data, sent)


@pytest.mark.parametrize("sent", CLIENTS_TYPES)
def test_a_type_of_any_shape_cannot_shut_the_door_on_a_picture(sent: str) -> None:
    assert refusal(default_content_check, "a.png", sample("RGB.png"), sent) is None


GARBAGE = [
    *("image/*", "*/*", "image", "", "image/", "/png", "image/png;image/jpeg", "image/png, image/jpeg", " image/png"),
    *("text/html;image/png", "image/svg xml", "image/png/x", "text/plain; charset=utf-8", "ïmage/png", "image/png\n"),
]


@pytest.mark.parametrize("garbage", GARBAGE)
def test_what_is_not_one_type_is_told_to_the_developer(garbage: str) -> None:
    with pytest.raises(ValueError, match="media type"):
        ContentType("image/png", garbage)


def test_only_types_that_are_named_come_in() -> None:
    check = ContentType("image/png", "image/jpeg")
    for name in ("RGB.png", "baseline.jpg", "cmyk.jpe"):
        assert refusal(check, name, sample(name)) is None
    for name in ("still.gif", "lossy.webp", "reportlab.pdf", "xlwt.xls", "camera.avif"):
        error = refusal(check, name, sample(name))
        assert error
        assert error.code == "content_type"
        assert error.allowed == ("image/png", "image/jpeg")


@pytest.mark.parametrize("name", ["a.jpg", "a.png", "a.dat", "a"])
def test_a_type_is_judged_by_content_rather_than_by_extension(name: str) -> None:
    assert refusal(ContentType("image/png"), name, sample("RGB.png")) is None
    assert refusal(ContentType("image/png"), name, sample("lossy.webp"))


def test_equal_parts_of_a_type_are_not_the_type() -> None:
    assert refusal(ContentType("image/svg+xml"), "a.svg", HONEST["bare.svg"]) is None
    for other in ("image/svg", "image/svgxml", "image/svgg+xml", "application/svg+xml", "image/svg+xml2"):
        assert refusal(ContentType(other), "a.svg", HONEST["bare.svg"])


def test_a_page_does_not_come_in_as_a_picture_although_it_begins_like_one() -> None:
    check = ContentType("image/png")
    assert refusal(check, "a.html", sample("RGB.png"))
    assert refusal(check, "a.png", sample("RGB.png") + PAGE)
    assert refusal(check, "a.dat", sample("RGB.png") + PAGE)


@pytest.mark.parametrize(
    ("named", "name"),
    [
        *(("image/bmp", "RGB.bmp"), ("image/x-ms-bmp", "RGB.bmp"), ("IMAGE/JPG", "baseline.jpg")),
        *(("audio/wav", "pcm.wav"), ("audio/x-wav", "pcm.wav"), ("text/xml", "bare.xml"), ("text/csv", "table.csv")),
        *(("application/json", "object.json"), ("application/x-gzip", "file.tgz"), ("text/markdown", "notes.md")),
        *(("application/msword", "word.doc"), ("application/vnd.ms-excel", "xlwt.xls"), ("text/plain", "utf-16.txt")),
        *(("application/vnd.oasis.opendocument.spreadsheet", "calc.ods"), ("audio/mpeg", "padded.mp3")),
        ("application/vnd.openxmlformats-officedocument.wordprocessingml.document", "types last.docx"),
        *(("application/x-gnumeric", "packed.gnumeric"), ("application/pdf", "printed.pdf")),
    ],
)
def test_every_type_comes_in_by_its_names(named: str, name: str) -> None:
    assert refusal(ContentType(named), name, HONEST[name]) is None
    assert refusal(ContentType("image/gif"), name, HONEST[name])


def test_a_check_shows_how_it_was_made() -> None:
    assert repr(ContentType("image/png", strict=True)) == "ContentType('image/png', strict=True)"
    assert repr(default_content_check) == "ContentType(vague=True)"


def test_the_beginning_is_enough() -> None:
    assert ContentType.head_only
