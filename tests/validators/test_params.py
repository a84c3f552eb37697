"""What a refusal's sentence speaks of can be had by itself, for sentences in other languages."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from tests.conftest import MakeSet, form_file
from tests.validators.judging import candidate
from tests.validators.pictures import HONEST, name_of, png
from tests.validators.zips import zipped
from uploadkit import IMAGES, UploadNotAllowed
from uploadkit.validators import Archive, ContentType, ImageSize, MaxSize, MinSize, SafeSvg, Validator

PICTURE = png(20, 10)
FILES = zipped(("a", b"1234"), ("b", b""))
CASES: list[tuple[Validator, str, bytes, str, Mapping[str, object]]] = [
    (MaxSize("1 kB"), "a.txt", bytes(1001), "too_large", {"limit": "1 kB", "max_size": 1000}),
    (MinSize("1 KiB"), "a.txt", bytes(1023), "too_small", {"limit": "1 KiB", "min_size": 1024}),
    (ContentType(), "a.png", b"<!doctype html>", "content_type", {"extension": "png"}),
    (ContentType("image/gif"), "a.png", PICTURE, "content_type", {"extension": "png"}),
    (
        ImageSize(max_width=19, max_height=1000),
        "a.png",
        PICTURE,
        "image_too_large",
        {"limit": "19 × 1,000 pixels", "max_width": 19, "max_height": 1000},
    ),
    (
        ImageSize(max_pixels=199),
        "a.png",
        PICTURE,
        "image_too_large",
        {"limit": "199 pixels in all", "max_pixels": 199, "max_width": None, "max_height": None},
    ),
    (
        ImageSize(min_width=21),
        "a.png",
        PICTURE,
        "image_too_small",
        {"limit": "21 pixels in width", "min_width": 21, "min_height": None},
    ),
    (ImageSize(formats=("gif", "jpeg")), "a.png", PICTURE, "image_format", {"allowed": "GIF, JPEG"}),
    (
        ImageSize(max_frames=2),
        name_of("animated gif"),
        HONEST["animated gif"],
        "image_frames",
        {"limit": "2", "max_frames": 2},
    ),
    (SafeSvg("1 kB"), "a.svg", b"<svg/>" + b" " * 1000, "svg_too_large", {"limit": "1 kB", "max_size": 1000}),
    (Archive(max_files=1), "a.zip", FILES, "archive_files", {"limit": "1", "max_files": 1}),
    (Archive(max_total=3), "a.zip", FILES, "archive_total", {"limit": "3 bytes", "max_total": 3}),
]


@pytest.mark.parametrize(("check", "name", "data", "code", "params"), CASES, ids=lambda value: str(value)[:30])
def test_a_refusal_tells_its_limits(
    check: Validator, name: str, data: bytes, code: str, params: Mapping[str, object]
) -> None:
    with pytest.raises(UploadNotAllowed) as raised:
        check(candidate(name, data))
    assert raised.value.code == code
    assert params.items() <= raised.value.params.items()
    shown = raised.value.params.get("limit", raised.value.params.get("allowed", raised.value.params.get("extension")))
    assert str(shown) in raised.value.reason or code == "content_type"


@pytest.mark.parametrize(
    ("settings", "content", "params"),
    [
        ({"max_size": 1000}, bytes(1001), {"limit": "1 kB", "max_size": 1000}),
        ({"min_size": 2000}, bytes(1001), {"limit": "2 kB", "min_size": 2000}),
    ],
)
def test_the_settings_tell_their_limits_too(
    make_set: MakeSet, settings: dict[str, int], content: bytes, params: dict[str, object]
) -> None:
    with pytest.raises(UploadNotAllowed) as raised:
        make_set(**settings).save(form_file(content))
    assert raised.value.params == params


def test_a_refused_extension_is_told_with_those_that_are_not(make_set: MakeSet) -> None:
    with pytest.raises(UploadNotAllowed) as raised:
        make_set(("jpg", "png")).save(form_file(filename="a.EXE"))
    assert raised.value.params == {"extension": "exe", "allowed": "jpg, png"}


def test_an_error_of_an_app_has_the_params_that_it_is_given(make_set: MakeSet) -> None:
    given = {"limit": 3}
    error = UploadNotAllowed("Too many.", code="quota", params=given)
    given["limit"] = 4
    assert error.params == {"limit": 3}
    assert UploadNotAllowed().params == {}


def test_a_file_field_is_told_what_to_offer(make_set: MakeSet) -> None:
    assert make_set(("png", "jpg")).accept == ".jpg,.png"
    assert make_set(IMAGES).accept == ",".join(f".{each}" for each in sorted(IMAGES))
    assert make_set().accept == ""
