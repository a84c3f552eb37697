"""What only shows when old programs are run: Flask-WTF, odd containers, patched functions, messages."""

from __future__ import annotations

import io
import os
import shutil
import stat
from collections.abc import Callable, Iterable, Iterator
from contextvars import Context
from pathlib import Path
from typing import Any

import pytest
from flask import Flask, has_app_context
from flask_wtf import FlaskForm
from flask_wtf.file import (
    FileAllowed,
    FileField,
    FileRequired,
    MultipleFileField,
)

from uploadkit import (
    ALL,
    IMAGES,
    AllExcept,
    FileStorage,
    InvalidKeyError,
    NotSupportedError,
    RemotePath,
    TestingFileStorage,
    UploadConfiguration,
    UploadNotAllowed,
    UploadSet,
    configure_uploads,
)


def upload(filename: str = "f.jpg", content: bytes = b"content") -> FileStorage:
    return FileStorage(io.BytesIO(content), filename)


@pytest.fixture
def dest(tmp_path: Path) -> Path:
    return tmp_path / "dest"


@pytest.fixture(autouse=True)
def context(app: Flask) -> Iterator[None]:
    with app.app_context():
        yield


def make(
    app: Flask, dest: Path | str, extensions: Any = IMAGES, kind: type[UploadSet] = UploadSet, **settings: Any
) -> UploadSet:
    photos = kind("photos", extensions)
    app.config["UPLOADED_PHOTOS_DEST"] = dest
    app.config.update({f"UPLOADED_PHOTOS_{key}": value for key, value in settings.items()})
    configure_uploads(app, photos)
    return photos


@pytest.fixture
def photos(app: Flask, dest: Path) -> UploadSet:
    return make(app, dest)


def files_below(folder: Path) -> set[str]:
    """What a visitor's uploads are; dot folders are the backend's own business."""
    found = (path.relative_to(folder) for path in folder.rglob("*") if path.is_file())
    return {path.as_posix() for path in found if not path.parts[0].startswith(".")}


# Flask-WTF


def errors_of_form(app: Flask, validator: FileAllowed, *files: tuple[str, bytes], several: bool = False) -> list[str]:
    """What a form with one file field says to a post."""
    field = (MultipleFileField if several else FileField)(validators=[FileRequired(), validator])
    form_class: type[FlaskForm] = type("Form", (FlaskForm,), {"upload": field})
    data = {"upload": [(io.BytesIO(content), name) for name, content in files]}
    with app.test_request_context(method="POST", data=data):
        form = form_class(meta={"csrf": False})
        form.validate()
        return [str(error) for error in form.errors.get("upload", [])]


@pytest.mark.parametrize("several", [False, True], ids=["FileField", "MultipleFileField"])
@pytest.mark.parametrize(
    ("filename", "accepted"),
    [("a.jpg", True), ("A.JPG", True), ("a.py", False), ("a", False), ("中文.jpg", True), ("a.jpg.exe", False)],
)
def test_flask_wtf_file_allowed_takes_a_set(
    app: Flask, photos: UploadSet, filename: str, accepted: bool, several: bool
):
    errors = errors_of_form(app, FileAllowed(photos, "Images only!"), (filename, b"x"), several=several)
    assert errors == ([] if accepted else ["Images only!"])


def test_flask_wtf_refuses_a_form_of_which_one_file_is_refused(app: Flask, photos: UploadSet):
    files = ("a.jpg", b"x"), ("b.exe", b"x")
    assert errors_of_form(app, FileAllowed(photos, "Images only!"), *files, several=True) == ["Images only!"]


def test_flask_wtf_takes_a_set_that_allows_everything(app: Flask, dest: Path):
    for extensions in (ALL, AllExcept(("exe",))):
        files = make(app, dest, extensions)
        assert errors_of_form(app, FileAllowed(files), ("a.whatever", b"x")) == []


def test_a_set_is_not_iterable():
    photos = UploadSet("photos", IMAGES)
    assert not isinstance(photos, Iterable)
    with pytest.raises(TypeError):
        iter(photos)  # type: ignore[call-overload]
    with pytest.raises(TypeError):
        "jpg" in photos  # type: ignore[operator]  # noqa: B015 - asking is the point


def test_file_allowed_takes_a_list_of_files_and_reads_none_of_them(photos: UploadSet):
    class Unreadable(io.BytesIO):
        def read(self, size: int | None = -1, /) -> bytes:
            raise AssertionError("read")

        seek = readinto = readline = read  # type: ignore[assignment]

    storages = [FileStorage(Unreadable(b"x"), "a.jpg"), FileStorage(Unreadable(b"x"), "b.jpg")]
    assert photos.file_allowed(storages, "a.jpg") is True
    assert photos.file_allowed(storages, "a.exe") is False
    assert photos.file_allowed(storages[0], "a.jpg") is True


@pytest.mark.parametrize("filename", ["中文.jpg", "A.JPG", "my pic.jpg", "😀.png", "-x.gif", "CON.jpg"])
def test_what_the_form_accepts_save_stores(app: Flask, photos: UploadSet, filename: str):
    assert errors_of_form(app, FileAllowed(photos), (filename, b"x")) == []
    assert photos.exists(photos.save(upload(filename)))


# Containers of extensions


class OnlyIn:
    """A container that knows ``in`` and nothing else."""

    def __contains__(self, item: object) -> bool:
        return item in ("jpg", "pdf")


def test_extensions_may_be_a_container_that_knows_only_in(app: Flask, dest: Path):
    files = make(app, dest, OnlyIn())
    assert files.save(upload("a.pdf")) == "a.pdf"
    with pytest.raises(UploadNotAllowed, match="'exe' is not allowed"):
        files.save(upload("a.exe"))


def test_allow_and_deny_may_be_containers_that_know_only_in(dest: Path):
    files = UploadSet("files", ("pdf", "gif"))
    files._config = UploadConfiguration(dest, None, OnlyIn(), OnlyIn())
    assert [files.extension_allowed(ext) for ext in ("jpg", "pdf", "gif", "exe")] == [True, True, True, False]
    files._config = UploadConfiguration(dest, deny=OnlyIn())
    assert [files.extension_allowed(ext) for ext in ("jpg", "pdf", "gif", "exe")] == [False, False, True, False]
    with pytest.raises(UploadNotAllowed, match="'pdf' is not allowed"):
        files.save(upload("a.pdf"))


def test_extensions_as_text_mean_that_one_extension(app: Flask, dest: Path):
    files = make(app, dest, "jpg")
    assert files.extensions == "jpg"
    assert [files.extension_allowed(ext) for ext in ("jpg", "jp", "j", "g", "")] == [True, False, False, False, False]


def test_extensions_as_empty_text_mean_files_without_an_extension(app: Flask, dest: Path):
    files = make(app, dest, (""))
    assert files.extension_allowed("") is True
    assert files.extension_allowed("jpg") is False
    assert files.save(upload("README")) == "README"


def test_allow_given_as_text_to_a_configuration_means_that_one_extension(dest: Path):
    files = UploadSet("files", ())
    files._config = UploadConfiguration(dest, allow="pdf")
    assert [files.extension_allowed(ext) for ext in ("pdf", "p", "df", "")] == [True, False, False, False]


@pytest.mark.parametrize(
    "extensions", [["jpg"], ("jpg",), {"jpg"}, frozenset({"jpg"}), {"jpg": "image/jpeg"}, OnlyIn(), "jpg", ALL]
)
def test_extensions_are_kept_as_given(extensions: Any):
    assert UploadSet("photos", extensions).extensions is extensions


def test_extensions_can_be_assigned_to_later(photos: UploadSet):
    photos.extensions = ("txt",)
    assert photos.save(upload("a.txt")) == "a.txt"
    with pytest.raises(UploadNotAllowed):
        photos.save(upload("a.jpg"))


# resolve_conflict


def test_a_resolve_conflict_that_returns_the_same_name_overwrites(app: Flask, dest: Path):
    class Overwriting(UploadSet):
        def resolve_conflict(self, target_folder: str, basename: str) -> str:
            return basename

    photos = make(app, dest, kind=Overwriting)
    assert photos.save(upload(content=b"old, longer")) == photos.save(upload(content=b"new")) == "f.jpg"
    assert files_below(dest) == {"f.jpg"}
    assert (dest / "f.jpg").read_bytes() == b"new"


def test_a_resolve_conflict_that_deletes_the_old_file_first_works(app: Flask, dest: Path):
    class Deleting(UploadSet):
        def resolve_conflict(self, target_folder: str, basename: str) -> str:
            os.remove(os.path.join(target_folder, basename))
            return basename

    photos = make(app, dest, kind=Deleting)
    for content in (b"one", b"two", b"three"):
        assert photos.save(upload(content=content), folder="a/b") == "a/b/f.jpg"
        assert (dest / "a/b/f.jpg").read_bytes() == content


def test_resolve_conflict_can_be_called_as_apps_do(photos: UploadSet, dest: Path):
    assert photos.resolve_conflict(str(dest), "f.jpg") == "f_1.jpg"
    photos.save(upload())
    photos.save(upload())
    assert photos.resolve_conflict(str(dest), "f.jpg") == "f_2.jpg"


# TestingFileStorage and other uploads that save themselves


def test_a_testing_file_storage_notes_the_final_path_and_writes_no_file(photos: UploadSet, dest: Path):
    storage = TestingFileStorage(filename="My Pic.JPG")
    assert photos.save(storage, folder="a/b") == "a/b/My_Pic.jpg"
    assert storage.saved == str(dest / "a/b/My_Pic.jpg")
    assert files_below(dest) == set()


def test_a_testing_file_storage_is_not_collected_by_pytest():
    assert vars(TestingFileStorage)["__test__"] is False


def test_the_legacy_path_asks_resolves_makes_the_folder_and_saves_in_that_order(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    root = str(tmp_path / "nowhere")
    calls: list[tuple[Any, ...]] = []

    class Recording(TestingFileStorage):
        def save(self, dst: Any, buffer_size: int = 16384) -> None:
            calls.append(("save", dst))
            super().save(dst, buffer_size)

    class Resolving(UploadSet):
        def resolve_conflict(self, target_folder: str, basename: str) -> str:
            calls.append(("resolve_conflict", target_folder, basename))
            return "other.jpg"

    real_exists = os.path.exists

    def exists(path: Any) -> bool:
        if not str(path).startswith(root):
            return real_exists(path)
        calls.append(("exists", path))
        return str(path).endswith("/f.jpg")

    monkeypatch.setattr(os.path, "exists", exists)
    monkeypatch.setattr(os, "makedirs", lambda path: calls.append(("makedirs", path)))
    photos = Resolving("photos", IMAGES)
    photos._config = UploadConfiguration(root)
    storage = Recording(filename="f.jpg")
    assert photos.save(storage, folder="a") == "a/other.jpg"
    assert storage.saved == f"{root}/a/other.jpg"
    assert calls == [
        ("exists", f"{root}/a/f.jpg"),
        ("resolve_conflict", f"{root}/a", "f.jpg"),
        ("exists", f"{root}/a"),
        ("makedirs", f"{root}/a"),
        ("save", f"{root}/a/other.jpg"),
    ]
    assert type(calls[-1][1]) is str
    assert list(tmp_path.iterdir()) == []


def test_the_default_resolve_conflict_counts_with_the_exists_that_a_test_replaced(
    monkeypatch: pytest.MonkeyPatch,
):
    taken = {"/uploads", "/uploads/f.jpg", "/uploads/f_1.jpg"}
    monkeypatch.setattr(os.path, "exists", taken.__contains__)
    monkeypatch.setattr(os, "makedirs", lambda path: None)
    photos = UploadSet("photos", IMAGES)
    photos._config = UploadConfiguration("/uploads")
    storage = TestingFileStorage(filename="f.jpg")
    assert photos.save(storage) == "f_2.jpg"
    assert storage.saved == "/uploads/f_2.jpg"


def test_an_upload_whose_class_overrides_save_is_called_with_a_path(app: Flask, dest: Path):
    class Stamping(FileStorage):
        def save(self, dst: Any, buffer_size: int = 16384) -> None:
            super().save(dst, buffer_size)
            with open(dst, "ab") as file:
                file.write(b"-stamped")

    photos = make(app, dest)
    stored = [photos.save(Stamping(io.BytesIO(b"file"), "f.jpg"), folder="new") for _ in range(2)]
    assert stored == ["new/f.jpg", "new/f_1.jpg"]
    assert [(dest / name).read_bytes() for name in stored] == [b"file-stamped", b"file-stamped"]


def test_an_upload_whose_class_overrides_save_is_called_on_a_set_elsewhere_too(app: Flask):
    class Stamping(FileStorage):
        def save(self, dst: Any, buffer_size: int = 16384) -> None:
            super().save(dst, buffer_size)
            with open(dst, "ab") as file:
                file.write(b"-stamped")

    photos = make(app, "anywhere", BACKEND="memory")
    stored = photos.save(Stamping(io.BytesIO(b"file"), "f.jpg"), folder="new")
    with photos.open(stored) as file:
        assert file.read() == b"file-stamped"


def test_the_rules_hold_for_uploads_that_save_themselves(photos: UploadSet, dest: Path):
    storage = TestingFileStorage(filename="f.exe")
    with pytest.raises(UploadNotAllowed, match="exe"):
        photos.save(storage)
    assert storage.saved is None
    with pytest.raises(UploadNotAllowed, match="py"):
        photos.save(TestingFileStorage(filename="f.jpg"), name="n.py")
    assert files_below(dest) == set()


# What save returns


@pytest.mark.parametrize("storage", [upload(), TestingFileStorage(filename="f.jpg")], ids=["upload", "testing"])
def test_save_returns_a_plain_str(photos: UploadSet, storage: FileStorage):
    class Text(str):
        __slots__ = ()

    assert type(photos.save(storage, folder=Text("a"), name=Text("n."))) is str
    assert type(photos.save(storage)) is str


def test_save_returns_the_folder_with_slashes_and_the_name(photos: UploadSet):
    assert photos.save(upload(), "folder", "name.jpg") == "folder/name.jpg"
    assert photos.save(storage=upload()) == "f.jpg"
    assert photos.save(storage=upload(), folder="folder", name="other.jpg") == "folder/other.jpg"


# Destinations


def test_a_default_dest_that_returns_none_falls_through_to_the_default(app: Flask):
    app.config["UPLOADS_DEFAULT_DEST"] = "/default"
    photos = UploadSet("photos", IMAGES, default_dest=lambda app: None)
    configure_uploads(app, photos)
    assert photos.config.destination == "/default/photos"


@pytest.mark.parametrize("kind", [Path, str])
def test_the_destination_may_be_a_path_and_is_returned_as_given(
    app: Flask, tmp_path: Path, kind: Callable[[Path], Any]
):
    given = kind(tmp_path / "dest")
    photos = make(app, given)
    assert photos.config.destination is given
    assert app.upload_set_config["photos"].destination is given  # type: ignore[attr-defined]
    stored = photos.save(upload())
    assert photos.path(stored) == str(tmp_path / "dest" / "f.jpg")


def test_the_default_destination_may_be_a_path(app: Flask, tmp_path: Path):
    app.config["UPLOADS_DEFAULT_DEST"] = tmp_path
    photos = UploadSet("photos", IMAGES)
    configure_uploads(app, photos)
    assert photos.path(photos.save(upload())) == str(tmp_path / "photos" / "f.jpg")


@pytest.mark.parametrize("umask", [0o022, 0o027, 0o077])
def test_missing_folders_and_files_get_the_modes_that_the_umask_leaves(app: Flask, tmp_path: Path, umask: int):
    photos = make(app, tmp_path / "x" / "dest")
    before = os.umask(umask)
    try:
        photos.save(upload(), folder="a/b")
    finally:
        os.umask(before)
    for folder in ("x", "x/dest", "x/dest/a", "x/dest/a/b"):
        assert stat.S_IMODE((tmp_path / folder).stat().st_mode) == 0o777 & ~umask
    assert stat.S_IMODE((tmp_path / "x/dest/a/b/f.jpg").stat().st_mode) == 0o666 & ~umask


def test_a_relative_destination_is_pinned_when_it_is_configured(
    app: Flask, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    (tmp_path / "here").mkdir()
    (tmp_path / "there").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    app.config["UPLOADS_AUTOSERVE"] = True
    photos = make(app, "uploads")
    monkeypatch.chdir(tmp_path / "there")
    stored = photos.save(upload())
    assert photos.path(stored) == str(tmp_path / "here" / "uploads" / "f.jpg")
    assert files_below(tmp_path) == {"here/uploads/f.jpg"}
    with app.test_client().get("/_uploads/photos/f.jpg") as response:
        assert (response.status_code, response.data) == (200, b"content")


# Containment


def test_a_symlinked_folder_that_leaves_the_destination_is_refused(photos: UploadSet, dest: Path, tmp_path: Path):
    outside = tmp_path / "outside"
    outside.mkdir()
    dest.mkdir()
    (dest / "link").symlink_to(outside)
    for storage in (upload(), TestingFileStorage(filename="f.jpg")):
        with pytest.raises(ValueError, match="Path traversal attempt"):
            photos.save(storage, folder="link")
        with pytest.raises(ValueError, match="Path traversal attempt"):
            photos.save(storage, name="link/new/n.jpg")
    with pytest.raises(ValueError, match="Path traversal attempt"):
        photos.path("link/f.jpg")
    assert list(outside.iterdir()) == []


def test_a_destination_that_is_a_symlink_itself_is_fine(app: Flask, tmp_path: Path):
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    photos = make(app, tmp_path / "link")
    assert photos.save(upload(), folder="a") == "a/f.jpg"
    assert photos.path("a/f.jpg") == str(tmp_path / "link" / "a" / "f.jpg")
    assert (tmp_path / "real/a/f.jpg").read_bytes() == b"content"
    storage = TestingFileStorage(filename="g.jpg")
    photos.save(storage)
    assert storage.saved == str(tmp_path / "link" / "g.jpg")


@pytest.mark.parametrize(
    "filename", ["../f", "/f", "a/../../f", "..", ".", "", "a//b", "a/./b", "a\\..\\b", "a\0b", "/etc/passwd", "a/"]
)
def test_path_raises_a_value_error_for_what_is_no_file_of_the_set(photos: UploadSet, filename: str):
    with pytest.raises(ValueError, match=r"Invalid key"):
        photos.path(filename)
    with pytest.raises(InvalidKeyError):
        photos.path(filename, folder="a")


def test_path_need_not_exist_and_is_absolute(photos: UploadSet, dest: Path):
    assert photos.path("a/f.jpg") == str(dest / "a" / "f.jpg")
    assert photos.path("f.jpg", folder="a/b") == str(dest / "a" / "b" / "f.jpg")
    assert photos.path("f.jpg", "a") == str(dest / "a" / "f.jpg")
    assert type(photos.path("f.jpg")) is str
    assert not dest.exists()


def test_the_path_of_a_file_elsewhere_is_its_uri_and_fails_loudly_as_a_file(app: Flask):
    photos = make(app, "bucket", BACKEND="memory")
    for place in (photos.path("a/f.jpg"), photos.config.destination):
        assert isinstance(place, RemotePath)
        assert not isinstance(place, str)
        assert str(place).startswith("memory://bucket/")
        for use in (open, os.remove, os.path.exists, lambda path: os.path.join(path, "x"), Path, shutil.rmtree):
            with pytest.raises(NotSupportedError, match=r"memory.*local_path") as caught:
                use(place)
            assert isinstance(caught.value, NotImplementedError)
            assert not isinstance(caught.value, OSError)
    assert str(photos.path("f.jpg", folder="a")) == "memory://bucket/a/f.jpg"


@pytest.mark.parametrize("backend", ["local", "memory"])
def test_local_path_is_a_real_file_on_any_backend(app: Flask, dest: Path, backend: str):
    photos = make(app, str(dest), BACKEND=backend)
    with photos.local_path(photos.save(upload(), folder="a")) as path:
        assert path.read_bytes() == b"content"
        assert path.name == "f.jpg"


# The blueprint


def test_the_route_is_the_one_that_apps_link_to(app: Flask, photos: UploadSet):
    [rule] = [rule for rule in app.url_map.iter_rules() if rule.endpoint == "_uploads.uploaded_file"]
    assert rule.rule == "/_uploads/<setname>/<path:filename>"
    assert rule.arguments == {"setname", "filename"}
    assert [name for name in app.blueprints if "upload" in name] == ["_uploads"]


def test_the_route_is_registered_once_and_only_when_it_is_needed(app: Flask, dest: Path):
    make(app, dest, URL="https://cdn.test/")
    assert "_uploads" not in app.blueprints
    app.config["UPLOADED_PHOTOS_URL"] = None
    for _ in range(3):
        make(app, dest)
        configure_uploads(app, UploadSet("docs", default_dest=lambda app: dest))
    assert [rule.endpoint for rule in app.url_map.iter_rules()].count("_uploads.uploaded_file") == 1


def test_an_unknown_set_is_a_404(app: Flask, dest: Path):
    app.config["UPLOADS_AUTOSERVE"] = True
    make(app, dest).save(upload())
    client = app.test_client()
    for url in (
        "/_uploads/nothing/f.jpg",
        "/_uploads/photos/nothing.jpg",
        "/_uploads/photos/",
        "/_uploads/PHOTOS/f.jpg",
    ):
        assert client.get(url).status_code == 404


def test_url_is_external(app: Flask, dest: Path):
    app.config["UPLOADS_AUTOSERVE"] = True
    photos = make(app, dest)
    with app.test_request_context(base_url="https://shop.test/app"):
        assert photos.url("a/f.jpg") == "https://shop.test/app/_uploads/photos/a/f.jpg"


def test_the_link_that_url_gives_leads_to_the_file(app: Flask, dest: Path):
    app.config["UPLOADS_AUTOSERVE"] = True
    photos = make(app, dest, NAMES="unicode")
    stored = photos.save(upload("ünï 中文.jpg"), folder="日本/a b")
    with app.test_request_context():
        url = photos.url(stored)
    with app.test_client().get(url) as response:
        assert (response.status_code, response.data) == (200, b"content")


# Messages


@pytest.mark.parametrize(
    ("act", "words"),
    [
        (lambda photos: photos.save(upload("..")), "Invalid filename after sanitization"),
        (lambda photos: photos.save(upload(), name="..."), "Invalid filename after sanitization"),
        (lambda photos: photos.path("../f.jpg"), "Path traversal attempt"),
        (lambda photos: photos.url("../f.jpg"), "Path traversal attempt"),
        (lambda photos: photos.save(upload("a.exe")), "'exe' is not allowed"),
        (lambda photos: photos.save(upload(), name="n.py"), "'py' is not allowed"),
        (lambda photos: photos.save(upload("")), "Filename must not be empty!"),
        (lambda photos: photos.save(FileStorage(io.BytesIO())), "Filename must not be empty!"),
        (lambda photos: photos.save("f.jpg"), "storage must be a werkzeug.FileStorage"),
        (lambda photos: UploadSet("docs").config, "not properly configured"),
        (lambda photos: UploadSet("my_docs"), "Name must be alphanumeric (no underscores)"),
    ],
)
def test_a_message_has_the_words_that_callers_match(photos: UploadSet, act: Callable[[UploadSet], Any], words: str):
    with pytest.raises((UploadNotAllowed, ValueError, TypeError, RuntimeError)) as caught:
        act(photos)
    assert words in str(caught.value)


def test_a_missing_destination_is_told_of_with_the_sets_name(app: Flask):
    with pytest.raises(RuntimeError) as caught:
        configure_uploads(app, UploadSet("docs"))
    assert "no destination for set docs" in str(caught.value)


# Sets in tests and in odd apps


def test_sets_can_be_patched_on_the_instance(photos: UploadSet, dest: Path):
    photos.resolve_conflict = lambda target_folder, basename: basename  # type: ignore[method-assign]
    photos.save(upload(content=b"old"))
    assert photos.save(upload(content=b"new")) == "f.jpg"
    assert (dest / "f.jpg").read_bytes() == b"new"


def test_any_attribute_can_be_set_on_a_set_and_a_configuration(photos: UploadSet):
    photos.thumbnail_size = (100, 100)  # type: ignore[attr-defined]
    photos.config.note = "mine"  # type: ignore[attr-defined]
    assert photos.thumbnail_size == (100, 100)  # type: ignore[attr-defined]
    assert photos.config.note == "mine"  # type: ignore[attr-defined]


def test_a_set_with_a_configuration_of_its_own_needs_no_app(tmp_path: Path):
    def work() -> list[Any]:
        assert not has_app_context()
        photos = UploadSet("photos", IMAGES)
        photos._config = UploadConfiguration(str(tmp_path), "https://cdn.test/")
        stored = photos.save(upload())
        return [stored, photos.url(stored), photos.path(stored), photos.exists(stored)]

    expected = ["f.jpg", "https://cdn.test/f.jpg", str(tmp_path / "f.jpg"), True]
    assert Context().run(work) == expected


def test_configuring_a_set_again_takes_the_new_destination(app: Flask, tmp_path: Path):
    photos = make(app, tmp_path / "one")
    photos.save(upload())
    app.config["UPLOADED_PHOTOS_DEST"] = tmp_path / "two"
    configure_uploads(app, photos)
    assert photos.save(upload()) == "f.jpg"
    assert files_below(tmp_path) == {"one/f.jpg", "two/f.jpg"}


def test_a_set_can_be_configured_again_inside_a_request(app: Flask, tmp_path: Path):
    photos = make(app, tmp_path / "start")

    @app.post("/<tenant>")
    def save(tenant: str) -> str:
        app.config["UPLOADED_PHOTOS_DEST"] = tmp_path / tenant
        configure_uploads(app, photos)
        return photos.save(upload())

    client = app.test_client()
    assert [client.post(f"/{tenant}").text for tenant in ("one", "two", "one")] == ["f.jpg", "f.jpg", "f_1.jpg"]
    assert files_below(tmp_path) == {"one/f.jpg", "one/f_1.jpg", "two/f.jpg"}


def test_assigning_another_destination_to_a_configuration_moves_the_set(photos: UploadSet, tmp_path: Path):
    photos.save(upload())
    photos.config.destination = tmp_path / "moved"
    assert photos.save(upload()) == "f.jpg"
    assert files_below(tmp_path) == {"dest/f.jpg", "moved/f.jpg"}


@pytest.mark.parametrize("backend", ["local", "memory"])
def test_sets_of_one_name_in_two_apps_do_not_share_files(tmp_path: Path, backend: str):
    photos = UploadSet("photos", IMAGES)
    apps = [Flask("first"), Flask("second")]
    for app in apps:
        app.config.update(UPLOADED_PHOTOS_DEST=str(tmp_path / app.name), UPLOADED_PHOTOS_BACKEND=backend)
        configure_uploads(app, photos)
    for app in apps:
        with app.app_context():
            assert photos.save(upload(content=app.name.encode())) == "f.jpg"
    for app in apps:
        with app.app_context(), photos.open("f.jpg") as file:
            assert file.read() == app.name.encode()


def test_set_names_may_be_mixed_case(app: Flask, tmp_path: Path):
    app.config.update(UPLOADED_MYPHOTOS_DEST=tmp_path, UPLOADS_AUTOSERVE=True)
    photos = UploadSet("MyPhotos", IMAGES)
    configure_uploads(app, photos)
    assert list(app.upload_set_config) == ["MyPhotos"]  # type: ignore[attr-defined]
    photos.save(upload())
    with app.test_client().get("/_uploads/MyPhotos/f.jpg") as response:
        assert response.status_code == 200


@pytest.mark.parametrize(
    "given",
    [
        tuple,
        list,
        set,
        iter,
        lambda sets: (one for one in sets),
        lambda sets: {one.name: one for one in sets}.values(),
    ],
    ids=["tuple", "list", "set", "iterator", "generator", "dict view"],
)
def test_configure_uploads_takes_any_iterable_of_sets(app: Flask, tmp_path: Path, given: Callable[[Any], Any]):
    app.config["UPLOADS_DEFAULT_DEST"] = tmp_path
    configure_uploads(app, given([UploadSet("photos", IMAGES), UploadSet("docs")]))
    assert set(app.upload_set_config) == {"photos", "docs"}  # type: ignore[attr-defined]


def test_configure_uploads_takes_one_set_and_its_keywords(app: Flask, tmp_path: Path):
    app.config["UPLOADS_DEFAULT_DEST"] = tmp_path
    configure_uploads(app, UploadSet("photos", IMAGES))
    configure_uploads(app=app, upload_sets=UploadSet("docs"))
    configure_uploads(app, upload_sets=[UploadSet("more")])
    configure_uploads(app, ())
    assert list(app.upload_set_config) == ["photos", "docs", "more"]  # type: ignore[attr-defined]


# Files whose stream stands somewhere else


@pytest.mark.parametrize("backend", ["local", "memory"])
def test_a_file_that_a_validator_has_read_is_stored_whole_and_twice(app: Flask, dest: Path, backend: str):
    photos = make(app, str(dest), BACKEND=backend)
    content = bytes(range(256)) * 40
    storage = upload(content=content)
    storage.stream.read(400)
    for expected in ("f.jpg", "f_1.jpg"):
        assert photos.save(storage) == expected
        with photos.open(expected) as file:
            assert file.read() == content
        assert not storage.stream.closed
