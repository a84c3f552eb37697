"""The names that programs written for Flask-Uploads and Flask-Reuploaded import."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

import pytest
import werkzeug.datastructures
import werkzeug.utils

import uploadkit

DROP_IN_NAMES = [
    *(
        "UploadSet",
        "UploadConfiguration",
        "UploadNotAllowed",
        "configure_uploads",
        "config_for_set",
        "TestingFileStorage",
        "addslash",
    ),
    *(
        "extension",
        "lowercase_ext",
        "All",
        "ALL",
        "AllExcept",
        "TEXT",
        "DOCUMENTS",
        "IMAGES",
        "AUDIO",
        "DATA",
        "SCRIPTS",
        "ARCHIVES",
        "SOURCE",
        "EXECUTABLES",
    ),
    *("DEFAULTS", "uploads_mod", "uploaded_file", "patch_request_class", "secure_filename", "FileStorage"),
]

SUBMODULES = {
    "extensions": "TEXT DOCUMENTS IMAGES AUDIO DATA SCRIPTS ARCHIVES SOURCE EXECUTABLES DEFAULTS ALL AllExcept All "
    "extension lowercase_ext",
    "exceptions": "UploadNotAllowed",
    "test_helper": "TestingFileStorage",
}

PRESETS = ["TEXT", "DOCUMENTS", "IMAGES", "AUDIO", "DATA", "SCRIPTS", "ARCHIVES", "SOURCE", "EXECUTABLES", "DEFAULTS"]


@pytest.mark.parametrize("name", DROP_IN_NAMES)
def test_a_name_of_the_old_api_is_exported_by_uploadkit(name: str):
    assert getattr(uploadkit, name) is not None
    assert name in uploadkit.__all__


def test_every_name_in_all_is_there_and_listed_once():
    assert [name for name in uploadkit.__all__ if not hasattr(uploadkit, name)] == []
    assert len(uploadkit.__all__) == len(set(uploadkit.__all__))


@pytest.mark.parametrize(
    ("module", "name"), [(module, name) for module in SUBMODULES for name in SUBMODULES[module].split()]
)
def test_a_submodule_of_flask_reuploaded_has_the_very_object_that_uploadkit_exports(module: str, name: str):
    assert getattr(import_module(f"uploadkit.{module}"), name) is getattr(uploadkit, name)


def test_no_submodule_hides_a_function_that_users_import():
    for module in ("filetypes", "exceptions", "test_helper", "config", "configure", "web.blueprint"):
        import_module(f"uploadkit.{module}")
    assert callable(uploadkit.extension)
    assert callable(uploadkit.addslash)
    assert callable(uploadkit.configure_uploads)


def test_werkzeugs_own_names_are_reexported_unchanged():
    assert uploadkit.FileStorage is werkzeug.datastructures.FileStorage
    assert uploadkit.secure_filename is werkzeug.utils.secure_filename


@pytest.mark.parametrize("preset", PRESETS)
def test_a_preset_is_a_tuple_of_lower_case_extensions_without_dots(preset: str):
    value = getattr(uploadkit, preset)
    assert isinstance(value, tuple)
    assert value
    assert all(isinstance(ext, str) and ext == ext.lower() and not ext.startswith(".") for ext in value)
    assert len(value) == len(set(value))


def test_presets_can_be_added_up_as_apps_do():
    assert "jpg" in uploadkit.IMAGES + uploadkit.DOCUMENTS + ("heic",)
    assert uploadkit.DEFAULTS == uploadkit.TEXT + uploadkit.DOCUMENTS + uploadkit.IMAGES + uploadkit.DATA


@pytest.mark.parametrize(
    ("preset", "extensions"),
    [
        ("TEXT", "txt"),
        ("DOCUMENTS", "rtf odf ods gnumeric abw doc docx xls xlsx pdf"),
        ("IMAGES", "jpg jpe jpeg png gif svg bmp webp"),
        ("AUDIO", "wav mp3 aac ogg oga flac"),
        ("DATA", "csv ini json plist xml yaml yml"),
        ("SCRIPTS", "js php pl py rb sh"),
        ("ARCHIVES", "gz bz2 zip tar tgz txz 7z"),
        ("SOURCE", "c cpp h java rs go d hs s"),
        ("EXECUTABLES", "so exe dll"),
    ],
)
def test_a_preset_has_what_apps_expect_in_it(preset: str, extensions: str):
    assert set(extensions.split()) <= set(getattr(uploadkit, preset))


def test_the_default_preset_has_no_scripts_archives_or_programs():
    dangerous = uploadkit.SCRIPTS + uploadkit.EXECUTABLES + uploadkit.ARCHIVES + uploadkit.SOURCE
    assert not set(uploadkit.DEFAULTS) & set(dangerous)


def test_all_holds_everything_and_is_an_instance_of_its_exported_class():
    assert isinstance(uploadkit.ALL, uploadkit.All)
    assert "exe" in uploadkit.ALL
    assert "" in uploadkit.ALL


def test_all_except_refuses_only_its_items():
    allowed = uploadkit.AllExcept(uploadkit.SCRIPTS + uploadkit.EXECUTABLES)
    assert "txt" in allowed
    assert "exe" not in allowed
    assert "py" not in allowed
    assert allowed.items == uploadkit.SCRIPTS + uploadkit.EXECUTABLES


@pytest.mark.parametrize(("url", "expected"), [("http://x.test/u", "http://x.test/u/"), ("/u/", "/u/"), ("", "/")])
def test_addslash_adds_one_slash_at_most(url: str, expected: str):
    assert uploadkit.addslash(url) == expected


@pytest.mark.parametrize(
    ("filename", "expected"),
    [("a.TXT", "a.txt"), ("A.B.Gz", "A.B.gz"), ("FOO", "FOO"), (".HTACCESS", ".HTACCESS"), ("", "")],
)
def test_lowercase_ext_touches_the_last_extension_only(filename: str, expected: str):
    assert uploadkit.lowercase_ext(filename) == expected


def test_upload_not_allowed_is_an_exception_that_can_be_raised_without_arguments():
    with pytest.raises(uploadkit.UploadNotAllowed) as caught:
        raise uploadkit.UploadNotAllowed
    assert str(caught.value)


def test_no_top_level_flask_uploads_is_shipped_beside_uploadkit():
    packaging = Path(__file__).parents[2].joinpath("pyproject.toml").read_text(encoding="utf-8")
    assert 'packages = ["uploadkit"]' in packaging
