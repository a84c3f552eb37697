"""Configuration: from app.config to upload sets, and clear errors at start."""

from __future__ import annotations

import io
import json
import os
import sys
import types
from pathlib import Path
from typing import Any

import pytest
from flask import Flask

from uploadkit import (
    ALL,
    AllExcept,
    ConfigError,
    NotConfiguredError,
    RemotePath,
    SaveOptions,
    UploadConfiguration,
    Uploads,
    UploadSet,
    config_for_set,
    configure_uploads,
    patch_request_class,
)
from uploadkit.backends import capabilities, create_backend
from uploadkit.backends.local import LocalBackend
from uploadkit.backends.memory import MemoryBackend
from uploadkit.sizes import parse_size


def configured(app: Flask, **config: Any) -> UploadConfiguration:
    app.config.update(config)
    photos = UploadSet("photos", ALL)
    configure_uploads(app, photos)
    with app.app_context():
        return photos.config


class TestBackends:
    def test_the_local_folder_is_the_default(self, app: Flask, tmp_path: Path) -> None:
        config = configured(app, UPLOADED_PHOTOS_DEST=tmp_path)
        assert config.destination == tmp_path
        assert isinstance(config.backend, LocalBackend)

    def test_a_relative_folder_is_pinned_when_the_app_is_configured(
        self, app: Flask, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.chdir(tmp_path)
        config = configured(app, UPLOADED_PHOTOS_DEST="files")
        monkeypatch.chdir("/")
        assert config.destination == "files"
        assert config.backend.path("a.txt") == str(tmp_path / "files" / "a.txt")

    @pytest.mark.parametrize(
        "spec",
        [
            "memory",
            "uploadkit.backends.memory:MemoryBackend",
            MemoryBackend,
            MemoryBackend(),
            lambda app: MemoryBackend(app.name),
        ],
    )
    def test_a_backend_is_a_name_a_path_a_class_an_instance_or_a_function(self, app: Flask, spec: Any) -> None:
        config = configured(app, UPLOADED_PHOTOS_BACKEND=spec)
        assert isinstance(config.backend, MemoryBackend)
        assert isinstance(config.destination, RemotePath)

    def test_the_apps_backend_is_for_sets_that_name_none(self, app: Flask, tmp_path: Path) -> None:
        app.config.update(
            UPLOADS_DEFAULT_BACKEND="local",
            UPLOADS_DEFAULT_OPTIONS={"fsync": False, "file_mode": 0o600},
            UPLOADS_DEFAULT_DEST=str(tmp_path),
            UPLOADED_DOCS_OPTIONS={"file_mode": 0o640},
            UPLOADED_TEMP_BACKEND="memory",
        )
        sets = [UploadSet(name, ALL) for name in ("photos", "docs", "temp")]
        configure_uploads(app, sets)
        with app.app_context():
            for uset, mode in zip(sets, (0o600, 0o640), strict=False):
                uset.put(b"x", "a.txt")
                assert os.stat(uset.path("a.txt")).st_mode & 0o777 == mode
            assert isinstance(sets[2].config.backend, MemoryBackend)

    def test_a_test_suite_switches_to_memory_by_one_setting(self, app: Flask, tmp_path: Path) -> None:
        config = configured(app, UPLOADED_PHOTOS_DEST=str(tmp_path), UPLOADED_PHOTOS_BACKEND="memory")
        config.backend.save("a.txt", io.BytesIO(b"x"), SaveOptions())
        assert os.listdir(tmp_path) == []

    def test_a_set_is_configured_from_the_environment(
        self, app: Flask, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for name, value in {
            "UPLOADED_PHOTOS_DEST": str(tmp_path),
            "UPLOADED_PHOTOS_OPTIONS__fsync": "false",
            "UPLOADED_PHOTOS_ALLOW": "jpg, png",
            "UPLOADED_PHOTOS_MAX_SIZE": '"5 MB"',
            "UPLOADED_PHOTOS_SERVE": "True",
            "UPLOADED_PHOTOS_ON_CONFLICT": "unique",
        }.items():
            monkeypatch.setenv(f"FLASK_{name}", value)
        app.config.from_prefixed_env()
        config = configured(app)
        assert config.allow == ("jpg", "png")
        assert (config.settings.max_size, config.settings.serve) == (5_000_000, True)
        assert config.settings.on_conflict == "unique"

    def test_one_set_serves_two_apps_each_with_its_own_place(self, tmp_path: Path) -> None:
        photos = UploadSet("photos", ALL)
        apps = [Flask(f"app{number}") for number in range(2)]
        for number, app in enumerate(apps):
            app.config["UPLOADED_PHOTOS_DEST"] = str(tmp_path / str(number))
            configure_uploads(app, photos)
        for number, app in enumerate(apps):
            with app.app_context():
                photos.put(b"%d" % number, "a.txt")
        assert [(tmp_path / str(number) / "a.txt").read_bytes() for number in range(2)] == [b"0", b"1"]

    def test_configuring_again_takes_the_new_place_at_once_also_between_requests(
        self, app: Flask, tmp_path: Path
    ) -> None:
        photos = UploadSet("photos", ALL)
        for number in range(2):
            app.config["UPLOADED_PHOTOS_DEST"] = str(tmp_path / str(number))
            configure_uploads(app, photos)
            assert app.test_client().get("/").status_code == 404
            with app.app_context():
                photos.put(b"x", "a.txt")
        assert (tmp_path / "1" / "a.txt").exists()

    def test_a_destination_that_is_assigned_later_counts(self, tmp_path: Path) -> None:
        config = UploadConfiguration(tmp_path / "a")
        assert config.backend is config.backend
        config.destination = tmp_path / "b"
        assert config.backend.path("x") == str(tmp_path / "b" / "x")
        config.destination = RemotePath("s3://bucket/", "s3")
        with pytest.raises(ConfigError, match="no local folder"):
            _ = config.backend

    def test_left_over_temporary_files_are_swept_at_start(self, app: Flask, tmp_path: Path) -> None:
        folder = tmp_path / ".uploadkit" / "tmp"
        folder.mkdir(parents=True)
        for name, age in (("uploadkit-old", 90_000), ("uploadkit-new", 10), ("other", 90_000)):
            (folder / name).touch()
            then = (folder / name).stat().st_mtime - age
            os.utime(folder / name, (then, then))
        configured(app, UPLOADED_PHOTOS_DEST=tmp_path)
        assert sorted(os.listdir(folder)) == ["other", "uploadkit-new"]

    def test_that_sweeping_fails_is_no_reason_not_to_start(
        self, app: Flask, tmp_path: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        (tmp_path / "elsewhere").mkdir()
        (tmp_path / ".uploadkit").symlink_to(tmp_path / "elsewhere")
        configured(app, UPLOADED_PHOTOS_DEST=tmp_path)
        assert "could not look for left-over" in caplog.text


class TestErrors:
    @pytest.mark.parametrize(
        ("config", "words"),
        [
            ({}, ["no destination for set photos", "UPLOADED_PHOTOS_DEST", "UPLOADS_DEFAULT_DEST"]),
            ({"BACKEND": "memry"}, ["'photos'", "UPLOADED_PHOTOS_BACKEND", "'memry'", "Did you mean 'memory'?"]),
            ({"BACKEND": "xyz"}, ["'xyz'", "local, memory"]),
            ({"BACKEND": "no.such.module:Backend"}, ["could not be imported", "no.such.module:Backend"]),
            ({"BACKEND": "uploadkit.models:Nothing"}, ["'Nothing'", "does not have"]),
            ({"BACKEND": "uploadkit.models:FileInfo"}, ["FileInfo", "missing", "'size'"]),
            ({"BACKEND": "uploadkit.streams:check_range"}, ["missing", "'length'"]),
            ({"BACKEND": "uploadkit.filetypes:extension", "DEST": "a.b"}, ["made a str", "lacks methods"]),
            ({"BACKEND": 5}, ["UPLOADED_PHOTOS_BACKEND", "int"]),
            ({"BACKEND": lambda app: None}, ["UPLOADED_PHOTOS_BACKEND", "NoneType"]),
            ({"BACKEND": MemoryBackend(), "OPTIONS": {"x": 1}}, ["already made", "'x'"]),
            ({"DEST": "/tmp/x", "OPTIONS": {"fsnyc": True}}, ["'fsnyc'", "Did you mean 'fsync'?"]),
            ({"DEST": "/tmp/x", "OPTIONS": {"zzz": True}}, ["'zzz'", "checksum, file_mode, folder_mode, fsync"]),
            ({"DEST": "/tmp/x", "OPTIONS": "fsync"}, ["UPLOADED_PHOTOS_OPTIONS", "dict"]),
            ({"DEST": ""}, ["UPLOADED_PHOTOS_DEST", "needs a destination"]),
            ({"DEST": "/tmp/x", "MAXSIZE": 5}, ["UPLOADED_PHOTOS_MAXSIZE", "Did you mean UPLOADED_PHOTOS_MAX_SIZE?"]),
            ({"DEST": "/tmp/x", "MAX_SIZE": "huge"}, ["UPLOADED_PHOTOS_MAX_SIZE", "'5 MB'"]),
            (
                {"DEST": "/tmp/x", "ON_CONFLICT": "renam"},
                ["UPLOADED_PHOTOS_ON_CONFLICT", "rename, overwrite, error, unique"],
            ),
            ({"DEST": "/tmp/x", "ACCESS": "everybody"}, ["UPLOADED_PHOTOS_ACCESS", "public, private"]),
            ({"DEST": "/tmp/x", "NAMES": "utf8"}, ["UPLOADED_PHOTOS_NAMES", "ascii, unicode"]),
            ({"DEST": "/tmp/x", "NAMING": "guid"}, ["UPLOADED_PHOTOS_NAMING", "or a function"]),
            ({"DEST": "/tmp/x", "SERVE": "perhaps"}, ["UPLOADED_PHOTOS_SERVE", "True or False"]),
        ],
    )
    def test_a_wrong_setting_stops_the_app_and_says_the_way_out(
        self, app: Flask, config: dict[str, Any], words: list[str]
    ) -> None:
        with pytest.raises(RuntimeError) as raised:
            configured(app, **{f"UPLOADED_PHOTOS_{key}": value for key, value in config.items()})
        assert isinstance(raised.value, ConfigError)
        for word in words:
            assert word in str(raised.value)

    def test_a_destination_that_is_a_file_stops_the_app(self, app: Flask, tmp_path: Path) -> None:
        (tmp_path / "file").touch()
        with pytest.raises(ConfigError, match=r"'photos'.*file' from UPLOADED_PHOTOS_DEST.*is a file"):
            configured(app, UPLOADED_PHOTOS_DEST=tmp_path / "file")

    @pytest.mark.parametrize("rest", ["MAX_SIZE", "SERVE", "ON_CONFLICT"])
    def test_a_default_that_does_not_exist_is_not_believed_in(self, app: Flask, rest: str) -> None:
        with pytest.raises(ConfigError, match=f"UPLOADS_DEFAULT_{rest}.*UPLOADED_<NAME>_{rest}"):
            configured(app, **{"UPLOADED_PHOTOS_BACKEND": "memory", f"UPLOADS_DEFAULT_{rest}": 5})

    def test_what_is_no_upload_set_is_a_type_error(self, app: Flask) -> None:
        wrong: tuple[Any, ...] = (app, "photos", 5)
        for thing in wrong:
            with pytest.raises(TypeError, match="is no UploadSet"):
                Uploads(thing)
            with pytest.raises(TypeError, match="is no UploadSet"):
                configure_uploads(app, [thing])

    def test_a_misspelt_setting_of_the_app_is_noticed_too(self, app: Flask) -> None:
        with pytest.raises(ConfigError, match="Did you mean UPLOADS_DEFAULT_BACKEND"):
            configured(app, UPLOADS_DEFAULT_BACKENDS="memory")

    def test_settings_that_resemble_none_are_the_apps_own(self, app: Flask) -> None:
        configured(app, UPLOADED_PHOTOS_BACKEND="memory", UPLOADED_PHOTOS_THUMBNAILS=3, UPLOADS_COLOUR="red")

    def test_no_set_is_changed_when_one_is_wrong(self, app: Flask) -> None:
        config = configured(app, UPLOADED_PHOTOS_BACKEND="memory")
        app.config["UPLOADED_DOCS_BACKEND"] = "memry"
        with pytest.raises(ConfigError):
            configure_uploads(app, (UploadSet("photos", ALL), UploadSet("docs", ALL)))
        assert app.upload_set_config == {"photos": config}  # type: ignore[attr-defined]
        assert app.upload_set_config["photos"] is config  # type: ignore[attr-defined]

    def test_the_route_cannot_be_added_to_an_app_that_runs(self, app: Flask) -> None:
        app.config.update(UPLOADED_PHOTOS_BACKEND="memory", UPLOADED_PHOTOS_URL="/x/", UPLOADED_DOCS_BACKEND="memory")
        configure_uploads(app, UploadSet("photos", ALL))
        app.test_client().get("/")
        with pytest.raises(ConfigError, match="before the app runs"):
            configure_uploads(app, UploadSet("docs", ALL))

    def test_a_set_that_was_not_configured_says_so(self, app: Flask) -> None:
        photos = UploadSet("photos", ALL)
        with app.app_context():
            with pytest.raises(NotConfiguredError, match="not properly configured"):
                _ = photos.config
            configured(app, UPLOADED_PHOTOS_BACKEND="memory")
            with pytest.raises(KeyError) as raised:
                _ = UploadSet("docs", ALL).config
        assert "'docs'" in str(raised.value)
        assert "only 'photos'" in str(raised.value)
        assert isinstance(raised.value, RuntimeError)


class TestEntryPoints:
    def test_another_package_offers_a_backend(
        self, app: Flask, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        info = tmp_path / "thirdparty-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text("Metadata-Version: 2.1\nName: thirdparty\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text("[uploadkit.backends]\nthird = thirdparty_backend:make\n")
        module = types.ModuleType("thirdparty_backend")
        module.make = lambda destination, *, colour="red": MemoryBackend(f"{destination}-{colour}")  # type: ignore[attr-defined]
        monkeypatch.setitem(sys.modules, "thirdparty_backend", module)
        monkeypatch.syspath_prepend(tmp_path)
        config = configured(
            app, UPLOADED_PHOTOS_BACKEND="third", UPLOADED_PHOTOS_DEST="x", UPLOADED_PHOTOS_OPTIONS={"colour": "blue"}
        )
        assert str(config.destination) == "memory://x-blue/"
        with pytest.raises(ConfigError, match="Did you mean 'third'"):
            create_backend("thrid")

    def test_a_factory_that_takes_anything_is_given_anything(self) -> None:
        assert isinstance(create_backend(lambda destination, **options: MemoryBackend(), None, {"x": 1}), MemoryBackend)


class TestExtension:
    def test_the_extension_object_configures_its_sets(self, app: Flask) -> None:
        photos, docs = UploadSet("photos", ALL), UploadSet("docs", ALL)
        uploads = Uploads(photos, docs)
        app.config["UPLOADS_DEFAULT_BACKEND"] = "memory"
        uploads.init_app(app)
        with app.app_context():
            assert photos.put(b"x", "a.txt").key == "a.txt"
            assert not docs.exists("a.txt")
        assert app.extensions["uploadkit"] is uploads

    def test_patch_request_class_sets_the_limit_and_warns(self, app: Flask) -> None:
        with pytest.warns(DeprecationWarning, match="MAX_CONTENT_LENGTH"):
            patch_request_class(app)
        assert app.config["MAX_CONTENT_LENGTH"] == 64 * 1024 * 1024
        with pytest.warns(DeprecationWarning, match="deprecated"):
            patch_request_class(app, None)
        assert app.config["MAX_CONTENT_LENGTH"] == 64 * 1024 * 1024


@pytest.mark.parametrize(
    ("text", "size"),
    [
        (1, 1),
        ("1", 1),
        ("5 MB", 5_000_000),
        ("5MiB", 5 * 2**20),
        ("64 kib", 65536),
        ("2g", 2 * 10**9),
        ("7 B", 7),
        ("1 TiB", 2**40),
    ],
)
def test_sizes_are_read(text: int | str, size: int) -> None:
    assert parse_size(text) == size


@pytest.mark.parametrize("text", [0, -1, True, "0", "", "MB", "5 XB", "1.5 MB", "-5", "²", "1" * 16, None, 1.5])
def test_what_is_no_size_is_refused(text: Any) -> None:
    with pytest.raises(ValueError, match="no size"):
        parse_size(text)


def test_capabilities_can_be_printed() -> None:
    assert str(capabilities(MemoryBackend())) == "range, listing, copy, move, snapshot, batch_delete, multipart"
    assert (
        json.dumps(capabilities(LocalBackend("x")).names())
        == '["range", "listing", "move", "sweep", "snapshot", "spooling"]'
    )


def test_config_for_set_needs_no_defaults(app: Flask) -> None:
    app.config["UPLOADS_DEFAULT_DEST"] = "/tmp/x"
    with pytest.raises(RuntimeError, match="no destination for set photos"):
        config_for_set(UploadSet("photos"), app)
    assert config_for_set(UploadSet("photos"), app, {"dest": "/tmp/x", "url": "/u"}).tuple == (
        "/tmp/x/photos",
        "/u/photos/",
        (),
        (),
    )


def test_extensions_in_settings_are_meant_in_lower_case(app: Flask) -> None:
    config = configured(
        app, UPLOADED_PHOTOS_BACKEND="memory", UPLOADED_PHOTOS_DENY="PHP", UPLOADED_PHOTOS_ALLOW=["JPG"]
    )
    assert (config.deny, config.allow) == (("php",), ("jpg",))


@pytest.mark.parametrize("extensions", [("PNG",), [".png"], {"*.png"}, ".PNG", "jpg, .png"])
def test_extensions_may_be_written_as_people_write_them(extensions: Any) -> None:
    assert UploadSet("photos", extensions).extensions is extensions
    uset = UploadSet("photos", extensions)
    uset._config = UploadConfiguration("unused", deny=extensions if extensions == ("PNG",) else ())
    assert uset.extension_allowed("png") is (extensions != ("PNG",))
    assert not uset.extension_allowed("exe")


def test_all_except_one_extension_as_text() -> None:
    assert "ex" in AllExcept("exe")
    assert "" in AllExcept("exe")
    assert "exe" not in AllExcept("exe")


@pytest.mark.parametrize(
    ("config", "words"),
    [
        ({"OPTIONS": {"file_mode": True}}, "file_mode must be permission bits"),
        ({"OPTIONS": {"file_mode": "rw"}}, "file_mode must be permission bits"),
        ({"OPTIONS": {"folder_mode": -1}}, "folder_mode must be permission bits"),
        ({"OPTIONS": {"fsync": "false"}}, "fsync must be True or False"),
        ({"OPTIONS": {"checksum": "sha999"}}, "checksum"),
        ({"DEST": 123}, "needs a destination"),
        ({"DEST": b"/tmp/x"}, "needs a destination"),
        ({"DEST": "a\0b"}, "needs a destination"),
        ({"URL": 123}, "UPLOADED_PHOTOS_URL must be text"),
        ({"ALLOW": 5}, "UPLOADED_PHOTOS_ALLOW must list extensions"),
        ({"DENY": b"php"}, "UPLOADED_PHOTOS_DENY must list extensions"),
    ],
)
def test_a_value_of_the_wrong_type_stops_the_app(
    app: Flask, tmp_path: Path, config: dict[str, Any], words: str
) -> None:
    config = {"DEST": str(tmp_path), **config}
    with pytest.raises(ConfigError, match=words):
        configured(app, **{f"UPLOADED_PHOTOS_{key}": value for key, value in config.items()})


def test_modes_may_be_text_as_from_the_environment(app: Flask, tmp_path: Path) -> None:
    config = configured(app, UPLOADED_PHOTOS_DEST=tmp_path, UPLOADED_PHOTOS_OPTIONS={"file_mode": "0640"})
    config.backend.save("a.txt", io.BytesIO(b"x"), SaveOptions())
    assert (tmp_path / "a.txt").stat().st_mode & 0o777 == 0o640
    config.destination = tmp_path / "elsewhere"
    config.backend.save("b.txt", io.BytesIO(b"x"), SaveOptions())
    assert (tmp_path / "elsewhere" / "b.txt").stat().st_mode & 0o777 == 0o640


def test_sets_that_have_the_same_settings_are_warned_of(app: Flask, caplog: pytest.LogCaptureFixture) -> None:
    app.config.update(UPLOADS_DEFAULT_BACKEND="memory", MAX_CONTENT_LENGTH=1000)
    configure_uploads(app, (UploadSet("photos"), UploadSet("covers")))
    assert caplog.records == []
    configure_uploads(app, UploadSet("Photos"))
    assert [record.message for record in caplog.records] == [
        "the upload sets 'photos' and 'Photos' have the same settings, UPLOADED_PHOTOS_…: rename one"
    ]
