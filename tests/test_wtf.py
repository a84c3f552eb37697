"""Upload sets in forms: `UploadAllowed` refuses what saving would refuse, and says why."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Any

import pytest
from flask import Flask
from flask_wtf import FlaskForm
from flask_wtf.file import FileAllowed, FileField, FileRequired, MultipleFileField
from markupsafe import Markup

from tests.validators.pictures import png
from uploadkit import IMAGES, UploadNotAllowed, UploadSet, configure_uploads, upload_refused
from uploadkit.validators import ImageSize
from uploadkit.wtf import UploadAllowed

photos = UploadSet("photos", IMAGES, validators=[ImageSize(max_width=100)])


class PhotoForm(FlaskForm):
    photo = FileField(validators=[UploadAllowed(photos)])
    more = MultipleFileField(validators=[UploadAllowed(photos)])


@pytest.fixture
def app(app: Flask) -> Flask:
    app.config.update(WTF_CSRF_ENABLED=False, UPLOADED_PHOTOS_BACKEND="memory", UPLOADED_PHOTOS_MAX_SIZE="1 kB")
    configure_uploads(app, photos)
    return app


def submitted(app: Flask, form_class: type[FlaskForm] = PhotoForm, **files: Any) -> Iterator[FlaskForm]:
    """Yield the form that a request brings, within it."""
    with app.test_request_context(method="POST", data=files):
        form = form_class()
        form.validate()
        yield form


def errors(app: Flask, form_class: type[FlaskForm] = PhotoForm, **files: Any) -> dict[str, Any]:
    for form in submitted(app, form_class, **files):
        return dict(form.errors)
    raise AssertionError


def upload(content: bytes, filename: str = "a.png") -> tuple[io.BytesIO, str]:
    return io.BytesIO(content), filename


REFUSED = [
    (b"<!doctype html>", "a.png", "web page"),
    (png(101, 1), "a.png", "in width"),
    (bytes(1001), "a.png", "too large"),
    (b"x", "a.exe", "'exe' is not allowed"),
    (b"x", "..", "ilename"),
]


@pytest.mark.parametrize(("content", "filename", "reason"), REFUSED, ids=[reason for _, _, reason in REFUSED])
def test_the_reason_of_the_set_is_shown(app: Flask, content: bytes, filename: str, reason: str) -> None:
    found = errors(app, photo=upload(content, filename))
    assert list(found) == ["photo"]
    (message,) = found["photo"]
    assert reason in message
    with app.test_request_context(), pytest.raises(UploadNotAllowed) as refused:
        photos.put(content, filename)
    assert message == refused.value.reason


def test_what_passes_can_be_saved(app: Flask) -> None:
    content = png(100, 100)
    for form in submitted(app, photo=upload(content)):
        assert form.errors == {}
        with photos.open(photos.save(form.photo.data)) as stream:
            assert stream.read() == content


def test_each_of_several_files_is_looked_at(app: Flask) -> None:
    good, bad = upload(png(10, 10)), upload(b"<!doctype html>", "b.png")
    assert errors(app, more=[good, upload(png(10, 10), "b.png")]) == {}
    assert list(errors(app, more=[upload(png(10, 10)), bad])) == ["more"]


@pytest.mark.parametrize("files", [{}, {"photo": (io.BytesIO(), "")}, {"photo": "text"}, {"more": []}])
def test_a_field_with_no_file_chosen_passes(app: Flask, files: Any) -> None:
    assert errors(app, **files) == {}


def test_flask_wtfs_own_validators_work_beside_it(app: Flask) -> None:
    class Form(FlaskForm):
        photo = FileField(
            validators=[FileRequired("choose one"), FileAllowed(photos, "no picture"), UploadAllowed(photos)]
        )

    assert errors(app, Form) == {"photo": ["choose one"]}
    assert errors(app, Form, photo=upload(b"x", "a.exe")) == {"photo": ["no picture"]}
    assert "web page" in errors(app, Form, photo=upload(b"<!doctype html>"))["photo"][0]
    assert errors(app, Form, photo=upload(png(1, 1))) == {}


def test_of_several_files_the_refused_one_is_named(app: Flask) -> None:
    class Form(FlaskForm):
        more = MultipleFileField(validators=[UploadAllowed(photos, {"too_large": Markup("<b>zu groß</b>")})])

    fine = upload(png(1, 1), "fine.png")
    [text] = errors(app, Form, more=[fine, upload(b"x", "<i>.exe")])["more"]
    assert text.startswith("<i>.exe: File extension 'exe' is not allowed.")
    assert not isinstance(text, Markup)  # a template escapes it
    [html] = errors(app, Form, more=[upload(png(1, 1), "fine.png"), upload(bytes(1001), "<i>.png")])["more"]
    assert html == Markup("&lt;i&gt;.png: <b>zu groß</b>")
    assert isinstance(html, Markup)


def test_messages_can_be_given_by_code(app: Flask) -> None:
    class Form(FlaskForm):
        photo = FileField(validators=[UploadAllowed(photos, {"too_large": Markup("<b>zu groß</b>")})])

    assert errors(app, Form, photo=upload(bytes(1001))) == {"photo": [Markup("<b>zu groß</b>")]}
    assert "web page" in errors(app, Form, photo=upload(b"<!doctype html>"))["photo"][0]


def test_messages_can_be_made_by_a_function(app: Flask) -> None:
    class Form(FlaskForm):
        photo = FileField(validators=[UploadAllowed(photos, lambda error: f"{error.code}: {error.allowed}")])

    assert errors(app, Form, photo=upload(bytes(1001))) == {"photo": ["too_large: None"]}


def test_the_set_can_be_chosen_within_the_request(app: Flask) -> None:
    class Form(FlaskForm):
        photo = FileField(validators=[UploadAllowed(lambda: photos.scoped("ada"))])

    assert "web page" in errors(app, Form, photo=upload(b"<!doctype html>"))["photo"][0]


def test_a_refusal_is_told_like_that_of_saving(app: Flask) -> None:
    told: list[str | None] = []

    def note(sender: UploadSet, event: Any) -> None:
        told.append(event.code)

    with upload_refused.connected_to(note):
        errors(app, photo=upload(b"x", "a.exe"))
    assert told == ["extension"]


def test_check_needs_a_stream_that_can_be_read_twice(app: Flask) -> None:
    from uploadkit import FileStorage
    from uploadkit.testing.subject import source

    with app.test_request_context():
        with pytest.raises(ValueError, match="read twice"):
            photos.check(FileStorage(source(b"x"), "a.png"))
        with pytest.raises(TypeError):
            photos.check(b"x")  # type: ignore[arg-type]
