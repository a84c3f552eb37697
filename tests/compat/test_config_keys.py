"""The configuration keys of the old API: what each means, and which wins."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest
from flask import Flask

from uploadkit import (
    ALL,
    IMAGES,
    ConfigError,
    FileStorage,
    UploadConfiguration,
    UploadNotAllowed,
    UploadSet,
    configure_uploads,
)


def configured(app: Flask, uset: UploadSet | None = None, **settings: Any) -> UploadConfiguration:
    app.config.update(settings)
    uset = uset or UploadSet("photos", IMAGES)
    configure_uploads(app, uset)
    found: UploadConfiguration = app.upload_set_config[uset.name]  # type: ignore[attr-defined]
    return found


def has_route(app: Flask) -> bool:
    return "_uploads" in app.blueprints


# The destination


def test_the_sets_own_destination_beats_default_dest_and_the_default(app: Flask):
    photos = UploadSet("photos", IMAGES, default_dest=lambda app: "/called")
    config = configured(app, photos, UPLOADED_PHOTOS_DEST="/own", UPLOADS_DEFAULT_DEST="/default")
    assert config.destination == "/own"


def test_default_dest_beats_the_default_and_is_given_the_app(app: Flask):
    given: list[Flask] = []

    def destination(app: Flask) -> str:
        given.append(app)
        return "/called"

    config = configured(app, UploadSet("photos", IMAGES, destination), UPLOADS_DEFAULT_DEST="/default")
    assert config.destination == "/called"
    assert given == [app]


def test_default_dest_is_not_asked_where_the_set_has_its_own_destination(app: Flask):
    def destination(app: Flask) -> str:
        raise AssertionError("asked")

    assert configured(app, UploadSet("photos", IMAGES, destination), UPLOADED_PHOTOS_DEST="/own").destination == "/own"


def test_the_default_destination_gets_the_sets_name_as_a_subfolder(app: Flask):
    assert configured(app, UPLOADS_DEFAULT_DEST="/default").destination == "/default/photos"
    assert configured(app, UPLOADS_DEFAULT_DEST="/default/").destination == "/default/photos"


def test_the_default_destination_takes_the_name_as_written_and_the_key_in_upper_case(app: Flask):
    config = configured(app, UploadSet("MyPhotos", IMAGES), UPLOADS_DEFAULT_DEST="/default")
    assert config.destination == "/default/MyPhotos"
    assert configured(app, UploadSet("MyPhotos", IMAGES), UPLOADED_MYPHOTOS_DEST="/own").destination == "/own"


def test_without_any_destination_the_error_names_the_set_and_is_a_runtime_error(app: Flask):
    with pytest.raises(RuntimeError, match="no destination for set photos"):
        configured(app)
    with pytest.raises(ConfigError, match="UPLOADED_PHOTOS_DEST"):
        configured(app)


def test_a_set_that_is_not_local_needs_no_destination(app: Flask):
    config = configured(app, UPLOADED_PHOTOS_BACKEND="memory")
    assert config.backend.name == "memory"


# The URL


def test_the_url_is_used_literally(app: Flask):
    photos = UploadSet("photos", IMAGES)
    config = configured(app, photos, UPLOADED_PHOTOS_DEST="/own", UPLOADED_PHOTOS_URL="https://cdn.test/p?f=")
    assert config.base_url == "https://cdn.test/p?f="
    with app.app_context():
        assert photos.url("a.jpg") == "https://cdn.test/p?f=a.jpg"


def test_a_filename_is_quoted_behind_a_base_url_but_for_its_slashes(app: Flask):
    photos = UploadSet("photos", ALL)
    configured(app, photos, UPLOADED_PHOTOS_DEST="/own", UPLOADED_PHOTOS_URL="https://cdn.test/")
    with app.app_context():
        assert photos.url('f/a?b#c "d%é.jpg') == "https://cdn.test/f/a%3Fb%23c%20%22d%25%C3%A9.jpg"


def test_an_empty_url_gives_bare_names_and_no_route(app: Flask):
    photos = UploadSet("photos", IMAGES)
    config = configured(app, photos, UPLOADED_PHOTOS_DEST="/own", UPLOADED_PHOTOS_URL="", UPLOADS_AUTOSERVE=True)
    assert config.base_url == ""
    assert not has_route(app)
    with app.app_context():
        assert photos.url("f/a.jpg") == "f/a.jpg"


def test_the_default_url_goes_with_the_default_destination(app: Flask):
    config = configured(app, UPLOADS_DEFAULT_DEST="/default", UPLOADS_DEFAULT_URL="https://cdn.test/up")
    assert config.base_url == "https://cdn.test/up/photos/"


def test_the_default_url_keeps_its_own_slash(app: Flask):
    config = configured(app, UPLOADS_DEFAULT_DEST="/default", UPLOADS_DEFAULT_URL="https://cdn.test/up/")
    assert config.base_url == "https://cdn.test/up/photos/"


def test_the_default_url_does_not_go_with_a_sets_own_destination(app: Flask):
    config = configured(
        app, UPLOADED_PHOTOS_DEST="/own", UPLOADS_DEFAULT_DEST="/default", UPLOADS_DEFAULT_URL="https://cdn.test/"
    )
    assert config.base_url is None


def test_the_default_url_does_not_go_with_default_dest(app: Flask):
    photos = UploadSet("photos", IMAGES, default_dest=lambda app: "/called")
    config = configured(app, photos, UPLOADS_DEFAULT_DEST="/default", UPLOADS_DEFAULT_URL="https://cdn.test/")
    assert config.base_url is None


def test_a_sets_own_url_beats_the_default_url(app: Flask):
    config = configured(
        app, UPLOADS_DEFAULT_DEST="/default", UPLOADS_DEFAULT_URL="https://cdn.test/", UPLOADED_PHOTOS_URL="https://o/"
    )
    assert config.base_url == "https://o/"


# Allow and deny


@pytest.mark.parametrize(
    ("extensions", "allow", "deny", "ext", "expected"),
    [
        (("jpg",), (), (), "jpg", True),
        (("jpg",), (), (), "png", False),
        (("jpg",), ("png",), (), "png", True),
        (("jpg",), (), ("jpg",), "jpg", False),
        (("jpg",), ("jpg",), ("jpg",), "jpg", True),
        (("jpg",), ("exe",), ("exe",), "exe", True),
        (ALL, (), ("exe",), "exe", False),
        (ALL, (), ("exe",), "txt", True),
        (("jpg",), (), (), "", False),
        (("jpg",), ("",), (), "", True),
        (ALL, (), (), "", True),
    ],
)
def test_allow_beats_deny_and_deny_beats_the_sets_own_extensions(
    app: Flask, extensions: Any, allow: Any, deny: Any, ext: str, expected: bool
):
    photos = UploadSet("photos", extensions)
    configured(
        app,
        photos,
        UPLOADED_PHOTOS_DEST="/own",
        UPLOADED_PHOTOS_ALLOW=allow,
        UPLOADED_PHOTOS_DENY=deny,
    )
    with app.app_context():
        assert photos.extension_allowed(ext) is expected


@pytest.mark.parametrize("key", ["ALLOW", "DENY"])
@pytest.mark.parametrize("value", [["pdf", "odt"], ("pdf", "odt"), "pdf,odt", "pdf odt", "pdf, odt", " pdf ,odt "])
def test_extensions_in_the_config_may_be_a_list_or_text(app: Flask, key: str, value: Any):
    config = configured(app, **{"UPLOADED_PHOTOS_DEST": "/own", f"UPLOADED_PHOTOS_{key}": value})
    assert getattr(config, key.lower()) == ("pdf", "odt")


@pytest.mark.parametrize("key", ["ALLOW", "DENY"])
@pytest.mark.parametrize("value", [None, "", (), []])
def test_no_extensions_in_the_config_are_none(app: Flask, key: str, value: Any):
    config = configured(app, **{"UPLOADED_PHOTOS_DEST": "/own", f"UPLOADED_PHOTOS_{key}": value})
    assert getattr(config, key.lower()) == ()


# Serving


def test_the_route_is_there_if_some_set_has_no_base_url(app: Flask):
    configured(app, UPLOADED_PHOTOS_DEST="/own", UPLOADED_PHOTOS_URL="https://cdn.test/")
    assert not has_route(app)
    configured(app, UploadSet("docs"), UPLOADED_DOCS_DEST="/docs")
    assert has_route(app)


@pytest.mark.parametrize(("value", "status"), [(True, 200), (False, 404), (None, 404), ("true", 200), ("false", 404)])
def test_autoserve_decides_whether_the_route_answers(app: Flask, tmp_path: Path, value: Any, status: int):
    photos = UploadSet("photos", IMAGES)
    configured(app, photos, UPLOADED_PHOTOS_DEST=tmp_path, UPLOADS_AUTOSERVE=value)
    with app.app_context():
        name = photos.save(FileStorage(io.BytesIO(b"x"), "a.jpg"))
    with app.test_client().get(f"/_uploads/photos/{name}") as response:
        assert response.status_code == status


def test_autoserve_is_off_where_nothing_is_said(app: Flask, tmp_path: Path):
    (tmp_path / "a.jpg").write_bytes(b"x")
    configured(app, UPLOADED_PHOTOS_DEST=tmp_path)
    with app.test_client().get("/_uploads/photos/a.jpg") as response:
        assert response.status_code == 404


# Names of sets and keys that are not ours


@pytest.mark.parametrize("name", ["photos", "Photos2", "фото", "写真"])
def test_a_set_name_of_letters_and_digits_of_any_script_is_fine(app: Flask, name: str):
    config = configured(app, UploadSet(name, IMAGES), **{f"UPLOADED_{name.upper()}_DEST": "/own"})
    assert config.destination == "/own"


@pytest.mark.parametrize("name", ["", "my_photos", "my-photos", "my photos", "a/b", "a.b", "photos\n"])
def test_a_set_name_with_other_characters_is_refused(name: str):
    with pytest.raises(ValueError, match=r"Name must be alphanumeric \(no underscores\)"):
        UploadSet(name, IMAGES)


@pytest.mark.parametrize("name", ["photos", "profilepicturesofusers"])
@pytest.mark.parametrize("word", ["DIR", "QUALITY", "THUMBNAILS", "WIDTH", "DEST_OLD", "SIZES"])
def test_an_apps_own_keys_beside_ours_are_left_alone_however_long_the_sets_name_is(app: Flask, name: str, word: str):
    config = configured(
        app,
        UploadSet(name, IMAGES),
        **{f"UPLOADED_{name.upper()}_DEST": "/own", f"UPLOADED_{name.upper()}_{word}": "mine"},
    )
    assert config.destination == "/own"


@pytest.mark.parametrize("name", ["photos", "profilepicturesofusers"])
@pytest.mark.parametrize(
    ("word", "meant"), [("BACKED", "BACKEND"), ("ALOW", "ALLOW"), ("ON_CONFLICTS", "ON_CONFLICT"), ("DESTS", "DEST")]
)
def test_a_misspelt_key_of_ours_is_refused_and_the_right_one_named(app: Flask, name: str, word: str, meant: str):
    prefix = f"UPLOADED_{name.upper()}_"
    with pytest.raises(ConfigError, match=rf"{prefix}{word}.*{prefix}{meant}\b"):
        configured(app, UploadSet(name, IMAGES), **{f"{prefix}DEST": "/own", f"{prefix}{word}": "mine"})
    assert not hasattr(app, "upload_set_config")


def test_settings_of_another_set_do_not_matter(app: Flask, tmp_path: Path):
    docs = UploadSet("docs", ("txt",))
    configured(
        app,
        docs,
        UPLOADED_DOCS_DEST=tmp_path,
        UPLOADED_PHOTOS_ALLOW="exe",
        UPLOADED_PHOTOS_DEST="/elsewhere",
        UPLOADED_PHOTOS_URL="https://cdn.test/",
    )
    with app.app_context(), pytest.raises(UploadNotAllowed, match="exe"):
        docs.save(FileStorage(io.BytesIO(b"x"), "a.exe"))
    assert list(tmp_path.iterdir()) == []
