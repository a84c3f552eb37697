"""The signatures of the old API: old calls, positional or by keyword, mean what they always meant."""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask

import uploadkit
from uploadkit import DEFAULTS, IMAGES, TestingFileStorage, UploadConfiguration, UploadSet

NONE: Any = inspect.Parameter.empty

SIGNATURES: list[tuple[Callable[..., Any], list[tuple[str, Any]]]] = [
    (UploadSet, [("name", "files"), ("extensions", DEFAULTS), ("default_dest", None)]),
    (UploadSet.save, [("self", NONE), ("storage", NONE), ("folder", None), ("name", None)]),
    (UploadSet.url, [("self", NONE), ("filename", NONE)]),
    (UploadSet.path, [("self", NONE), ("filename", NONE), ("folder", None)]),
    (UploadSet.file_allowed, [("self", NONE), ("storage", NONE), ("basename", NONE)]),
    (UploadSet.extension_allowed, [("self", NONE), ("ext", NONE)]),
    (UploadSet.get_basename, [("self", NONE), ("filename", NONE)]),
    (UploadSet.resolve_conflict, [("self", NONE), ("target_folder", NONE), ("basename", NONE)]),
    (UploadConfiguration, [("destination", NONE), ("base_url", None), ("allow", ()), ("deny", ())]),
    (uploadkit.configure_uploads, [("app", NONE), ("upload_sets", NONE)]),
    (uploadkit.config_for_set, [("uset", NONE), ("app", NONE), ("defaults", None)]),
    (uploadkit.patch_request_class, [("app", NONE), ("size", 64 * 1024 * 1024)]),
    (uploadkit.uploaded_file, [("setname", NONE), ("filename", NONE)]),
    (uploadkit.addslash, [("url", NONE)]),
    (uploadkit.extension, [("filename", NONE)]),
    (uploadkit.lowercase_ext, [("filename", NONE)]),
    (uploadkit.AllExcept, [("items", NONE)]),
    (
        TestingFileStorage,
        [
            ("stream", None),
            ("filename", None),
            ("name", None),
            ("content_type", "application/octet-stream"),
            ("content_length", -1),
            ("headers", None),
        ],
    ),
]


def _titled(value: object) -> str | None:
    return getattr(value, "__qualname__", None)


@pytest.mark.parametrize(("function", "expected"), SIGNATURES, ids=_titled)
def test_the_old_arguments_come_first_in_their_order_with_their_defaults(
    function: Callable[..., Any], expected: list[tuple[str, Any]]
):
    parameters = list(inspect.signature(function).parameters.values())
    old = parameters[: len(expected)]
    assert [(parameter.name, parameter.default) for parameter in old] == expected
    assert {parameter.kind for parameter in old} == {inspect.Parameter.POSITIONAL_OR_KEYWORD}


@pytest.mark.parametrize(("function", "expected"), SIGNATURES, ids=_titled)
def test_new_arguments_can_only_be_given_by_keyword_and_need_not_be(
    function: Callable[..., Any], expected: list[tuple[str, Any]]
):
    for parameter in list(inspect.signature(function).parameters.values())[len(expected) :]:
        assert parameter.kind is inspect.Parameter.KEYWORD_ONLY
        assert parameter.default is not NONE


def test_a_set_made_without_arguments_is_called_files_and_takes_the_defaults():
    files = UploadSet()
    assert (files.name, files.extensions, files.default_dest, files._config) == ("files", DEFAULTS, None, None)


def test_a_set_keeps_its_arguments_as_attributes():
    def destination(app: Flask) -> str:
        return "/somewhere"

    extensions = ["jpg"]
    photos = UploadSet("Photos", extensions, destination)
    assert photos.name == "Photos"
    assert photos.extensions is extensions
    assert photos.default_dest is destination


def test_a_configuration_keeps_its_arguments_as_attributes_and_as_a_tuple():
    config = UploadConfiguration("/data", "https://cdn.test/", ("pdf",), ("svg",))
    assert (config.destination, config.base_url, config.allow, config.deny) == config.tuple
    assert config.tuple == ("/data", "https://cdn.test/", ("pdf",), ("svg",))


def test_a_configuration_is_made_by_keywords_too():
    config = UploadConfiguration(destination="/data", base_url="u/", allow=("a",), deny=("b",))
    assert config.tuple == ("/data", "u/", ("a",), ("b",))


@pytest.mark.parametrize(
    "other",
    [
        UploadConfiguration("/other"),
        UploadConfiguration("/data", "u/"),
        UploadConfiguration("/data", None, ("a",)),
        UploadConfiguration("/data", None, (), ("a",)),
    ],
    ids=["destination", "base_url", "allow", "deny"],
)
def test_configurations_that_differ_in_one_argument_are_not_equal(other: UploadConfiguration):
    assert UploadConfiguration("/data") != other


def test_configurations_with_the_same_arguments_are_equal():
    assert UploadConfiguration("/data", "u/", ("a",)) == UploadConfiguration("/data", "u/", ("a",))


def test_upload_sets_are_told_apart_by_identity_and_can_be_dict_keys():
    first, second = UploadSet("photos", IMAGES), UploadSet("photos", IMAGES)
    assert first == first  # noqa: PLR0124 - tests of apps compare them
    assert first != second
    assert {first: 1, second: 2}[first] == 1


def test_the_config_property_cannot_be_assigned_to_but_its_override_can():
    photos = UploadSet("photos", IMAGES)
    with pytest.raises(AttributeError):
        photos.config = UploadConfiguration("/data")  # type: ignore[misc]
    photos._config = UploadConfiguration("/data")
    assert photos.config is photos._config


def test_config_for_set_takes_its_defaults_as_a_dict(app: Flask):
    config = uploadkit.config_for_set(UploadSet("photos", IMAGES), app, {"dest": "/data", "url": "https://cdn.test"})
    assert config.tuple == ("/data/photos", "https://cdn.test/photos/", (), ())


def test_config_for_set_takes_its_defaults_by_keyword_and_with_either_half_missing(app: Flask):
    photos = UploadSet("photos", IMAGES)
    config = uploadkit.config_for_set(uset=photos, app=app, defaults={"dest": "/data"})
    assert config.tuple == ("/data/photos", None, (), ())


def test_the_configurations_stay_on_the_app_under_the_sets_names(app: Flask):
    app.config.update(UPLOADED_PHOTOS_DEST="/data/photos", UPLOADED_DOCS_DEST="/data/docs")
    uploadkit.configure_uploads(app, UploadSet("Photos", IMAGES))
    uploadkit.configure_uploads(app, UploadSet("docs"))
    configs: dict[str, UploadConfiguration] = app.upload_set_config  # type: ignore[attr-defined]
    assert type(configs) is dict
    assert {name: config.destination for name, config in configs.items()} == {
        "Photos": "/data/photos",
        "docs": "/data/docs",
    }


def test_patch_request_class_defaults_to_64_mib(app: Flask):
    with pytest.warns(DeprecationWarning, match="MAX_CONTENT_LENGTH"):
        uploadkit.patch_request_class(app)
    assert app.config["MAX_CONTENT_LENGTH"] == 64 * 1024 * 1024


def test_patch_request_class_without_a_size_keeps_what_the_app_says(app: Flask):
    app.config["MAX_CONTENT_LENGTH"] = 5
    with pytest.warns(DeprecationWarning, match="patch_request_class"):
        uploadkit.patch_request_class(app, None)
    assert app.config["MAX_CONTENT_LENGTH"] == 5


def test_the_deprecation_warning_of_patch_request_class_points_at_its_caller(app: Flask):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        uploadkit.patch_request_class(app, 1)
    assert [warning.filename for warning in caught] == [__file__]


def test_a_testing_file_storage_made_without_arguments_is_an_empty_upload():
    storage = TestingFileStorage()
    assert storage.saved is None
    assert storage.read() == b""
    assert storage.content_type == "application/octet-stream"


def test_a_testing_file_storage_ignores_its_headers_argument():
    storage = TestingFileStorage(filename="a.txt", headers={"X-Other": "1"})
    assert "X-Other" not in storage.headers
    assert storage.filename == "a.txt"
