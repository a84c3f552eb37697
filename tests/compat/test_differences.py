"""Where Flask-Uploads and the releases of Flask-Reuploaded differ: what uploadkit chose, case by case."""

from __future__ import annotations

import io
import logging
import re
import threading
import warnings
from collections.abc import Iterator
from contextvars import Context
from pathlib import Path
from typing import Any

import pytest
from flask import Flask, request

from uploadkit import (
    ALL,
    IMAGES,
    FileStorage,
    TestingFileStorage,
    UploadConfiguration,
    UploadNotAllowed,
    UploadSet,
    configure_uploads,
    extension,
    patch_request_class,
)


def upload(filename: Any = "f.jpg", content: bytes = b"content") -> FileStorage:
    return FileStorage(io.BytesIO(content), filename)


@pytest.fixture
def dest(tmp_path: Path) -> Path:
    return tmp_path / "dest"


@pytest.fixture(autouse=True)
def context(app: Flask) -> Iterator[None]:
    with app.app_context():
        yield


def make(
    app: Flask, dest: Path, extensions: Any = IMAGES, kind: type[UploadSet] = UploadSet, **settings: Any
) -> UploadSet:
    photos = kind("photos", extensions)
    app.config["UPLOADED_PHOTOS_DEST"] = dest
    app.config.update({f"UPLOADED_PHOTOS_{key}": value for key, value in settings.items()})
    configure_uploads(app, photos)
    return photos


@pytest.fixture
def photos(app: Flask, dest: Path) -> UploadSet:
    return make(app, dest)


@pytest.fixture
def anything(app: Flask, dest: Path) -> UploadSet:
    return make(app, dest, ALL)


def files_below(folder: Path) -> set[str]:
    """What a visitor's uploads are; dot folders are the backend's own business."""
    found = (path.relative_to(folder) for path in folder.rglob("*") if path.is_file())
    return {path.as_posix() for path in found if not path.parts[0].startswith(".")}


# Nested folders


@pytest.mark.parametrize(
    ("folder", "name", "expected"),
    [
        ("a/b", None, "a/b/f.jpg"),
        (None, "a/b/n.", "a/b/n.jpg"),
        (None, "a/b/", "a/b/f.jpg"),
        ("a", "b/n.", "a/b/n.jpg"),
        ("a/b", "c/d/n.jpg", "a/b/c/d/n.jpg"),
        ("a//b/", None, "a/b/f.jpg"),
        ("./a/./b", None, "a/b/f.jpg"),
        ("a/../b", None, "a/b/f.jpg"),
    ],
)
def test_folders_stay_nested_and_path_finds_the_file_again(
    photos: UploadSet, dest: Path, folder: str | None, name: str | None, expected: str
):
    stored = photos.save(upload(), folder=folder, name=name)
    assert stored == expected
    assert files_below(dest) == {expected}
    assert photos.path(stored) == str(dest / expected)


@pytest.mark.parametrize("folder", ["a", "a/b", "a b/_c", "../../tmp", "/abs/x", "日本/é", "u+v"])
def test_path_with_the_folder_that_save_was_given_is_the_stored_file(photos: UploadSet, folder: str):
    stored = photos.save(upload(content=b"here"), folder=folder)
    path = photos.path(stored.rpartition("/")[2], folder=folder)
    assert path == photos.path(stored)
    assert Path(path).read_bytes() == b"here"


# White space, dots and underscores at the ends of folders


@pytest.mark.parametrize(
    ("folder", "expected"),
    [
        ("a b", "a_b"),
        ("a \t b", "a_b"),
        ("_priv", "priv"),
        (".hid", "hid"),
        ("hid.", "hid"),
        ("priv_", "priv"),
        ("x/_priv/.hid/a b", "x/priv/hid/a_b"),
        ("users/42/avatars", "users/42/avatars"),
        ("A-b.c_d", "A-b.c_d"),
    ],
)
def test_a_folder_is_cleaned_segment_by_segment(photos: UploadSet, folder: str, expected: str):
    assert photos.save(upload(), folder=folder) == f"{expected}/f.jpg"


# Ways out of the destination


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ({"folder": "../x"}, "x/f.jpg"),
        ({"folder": "../../tmp"}, "tmp/f.jpg"),
        ({"folder": "/abs"}, "abs/f.jpg"),
        ({"folder": ".."}, "f.jpg"),
        ({"folder": "/"}, "f.jpg"),
        ({"name": "/n.jpg"}, "n.jpg"),
        ({"name": "../n.jpg"}, "n.jpg"),
        ({"name": "../../../etc/n.jpg"}, "etc/n.jpg"),
        ({"name": "..\\..\\n.jpg"}, "n.jpg"),
        ({"folder": "..\\x"}, "x/f.jpg"),
        ({"folder": "../x", "name": "../../y/n."}, "x/y/n.jpg"),
    ],
)
def test_what_would_lead_out_of_the_destination_is_dropped(
    photos: UploadSet, tmp_path: Path, arguments: dict[str, str], expected: str
):
    assert photos.save(upload(), **arguments) == expected  # type: ignore[arg-type]
    assert files_below(tmp_path) == {f"dest/{expected}"}


def test_a_name_that_aims_at_a_system_file_is_stored_inside(anything: UploadSet, tmp_path: Path):
    stored = anything.save(upload(), name="../../../etc/passwd")
    assert files_below(tmp_path) == {f"dest/{stored}"}


# The extension of the name that is stored


@pytest.mark.parametrize("name", ["n.py", "n.PY", "n.jpg.py", "a/n.py", "n.py ", "n.py.", "n.p\u200by"])
def test_a_name_with_a_refused_extension_is_refused_and_the_message_says_which(
    photos: UploadSet, dest: Path, name: str
):
    if name.endswith("."):  # asks for the visitor's extension
        assert photos.save(upload(), name=name) == "n.py.jpg"
        return
    with pytest.raises(UploadNotAllowed, match="'py' is not allowed"):
        photos.save(upload(), name=name)
    assert files_below(dest) == set()


@pytest.mark.parametrize("name", ["n", "Makefile", ".htaccess", "authorized_keys", "a/n"])
def test_a_name_without_an_extension_is_refused_unless_that_is_allowed(app: Flask, dest: Path, name: str):
    with pytest.raises(UploadNotAllowed, match="without an extension"):
        make(app, dest).save(upload(), name=name)
    assert files_below(dest) == set()
    stored = make(app, dest, ALLOW=("",)).save(upload(), name=name)
    assert files_below(dest) == {stored}


@pytest.mark.parametrize("name", ["n.jpg", "n.", None])
def test_the_visitors_own_name_must_pass_as_well(photos: UploadSet, dest: Path, name: str | None):
    with pytest.raises(UploadNotAllowed, match="'py' is not allowed"):
        photos.save(upload("f.py"), name=name)
    assert files_below(dest) == set()


@pytest.mark.parametrize(("name", "expected"), [("N.JPG", "N.jpg"), ("N.JpEg", "N.jpeg"), ("A/N.PNG", "A/N.png")])
def test_the_extension_of_a_given_name_is_made_lower_case(photos: UploadSet, name: str, expected: str):
    assert photos.save(upload(), name=name) == expected


def test_an_upper_case_extension_does_not_slip_past_a_deny_list(app: Flask, dest: Path):
    files = make(app, dest, ALL, DENY=("php",))
    with pytest.raises(UploadNotAllowed, match="'php' is not allowed"):
        files.save(upload(), name="backdoor.PHP")
    with pytest.raises(UploadNotAllowed, match="'php' is not allowed"):
        files.save(upload("backdoor.PHP"))
    assert files_below(dest) == set()


def test_an_overridden_file_allowed_has_the_last_word_on_the_final_name(app: Flask, dest: Path):
    asked: list[str] = []

    class Lenient(UploadSet):
        def file_allowed(self, storage: Any, basename: str) -> bool:
            asked.append(basename)
            return True

    assert make(app, dest, kind=Lenient).save(upload(), name="n.py") == "n.py"
    assert asked == ["f.jpg", "n.py"]


def test_an_overridden_file_allowed_can_refuse_the_final_name_alone(app: Flask, dest: Path):
    class Picky(UploadSet):
        def file_allowed(self, storage: Any, basename: str) -> bool:
            return basename == "f.jpg"

    with pytest.raises(UploadNotAllowed):
        make(app, dest, kind=Picky).save(upload(), name="n.jpg")
    assert files_below(dest) == set()


# Cleaning of names


@pytest.mark.parametrize(
    ("name", "expected"), [("my pic.jpg", "my_pic.jpg"), ("_n.jpg", "n.jpg"), ("ünï.jpg", "uni.jpg")]
)
def test_names_are_made_ascii_by_default(photos: UploadSet, name: str, expected: str):
    assert photos.save(upload(), name=name) == expected
    photos.delete(expected)
    assert photos.save(upload(name)) == expected


@pytest.mark.parametrize("name", ["ünï.jpg", "中文.jpg", "кот.jpg", "😀.jpg"])
def test_unicode_names_are_kept_where_the_set_opts_in(app: Flask, dest: Path, name: str):
    photos = make(app, dest, NAMES="unicode")
    assert photos.save(upload(name)) == name
    assert photos.save(upload(), name=f"a/{name}") == f"a/{name}"
    assert files_below(dest) == {name, f"a/{name}"}


@pytest.mark.parametrize("name", ["n.", "n. ", "n.\t"])
def test_a_dot_at_the_end_of_a_name_asks_for_the_visitors_extension(photos: UploadSet, name: str):
    assert photos.save(upload("F.JPEG"), name=name) == "n.jpeg"


def test_a_dot_at_the_end_goes_where_the_visitors_file_has_no_extension(anything: UploadSet):
    assert anything.save(upload("f"), name="n.") == "n"


@pytest.mark.parametrize("name", [".", "...", "..", ". .", "a/..", "a/."])
def test_a_name_of_dots_is_a_value_error_and_an_upload_not_allowed(photos: UploadSet, dest: Path, name: str):
    with pytest.raises(ValueError, match="Invalid filename after sanitization"):
        photos.save(upload(), name=name)
    with pytest.raises(UploadNotAllowed, match="Invalid filename after sanitization"):
        photos.save(upload(), name=name)
    assert files_below(dest) == set()


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ({"name": ""}, "f.jpg"),
        ({"name": "a/"}, "a/f.jpg"),
        ({"folder": ""}, "f.jpg"),
        ({"name": "a/", "folder": ""}, "a/f.jpg"),
    ],
)
def test_an_empty_name_or_folder_is_as_if_it_was_not_given(photos: UploadSet, arguments: dict[str, str], expected: str):
    assert photos.save(upload(), **arguments) == expected  # type: ignore[arg-type]


@pytest.mark.parametrize("filename", ["中文.jpg", "日本語.JPG", "😀.jpg", "кот.jpg", "男孩.tar.jpg", "中文.jpg "])
@pytest.mark.parametrize("extensions", [IMAGES, ALL], ids=["IMAGES", "ALL"])
def test_a_name_that_loses_its_stem_gets_a_short_one_and_keeps_its_extension(
    app: Flask, dest: Path, filename: str, extensions: Any
):
    files = make(app, dest, extensions)
    first, second = files.save(upload(filename)), files.save(upload(filename))
    assert first != second
    for stored in (first, second):
        assert re.fullmatch(r"[A-Za-z0-9_-]{1,20}(\.tar)?\.jpg|tar\.jpg", stored)
        assert files.stat(stored).original_filename == filename


@pytest.mark.parametrize(
    ("filename", "expected"), [("foo", ""), (".foo", ""), ("a.b.Gz", "Gz"), ("a.", ""), ("", ""), ("x.y/z", "")]
)
def test_extension_is_what_follows_the_last_dot_of_a_name_with_a_stem(filename: str, expected: str):
    assert extension(filename) == expected


# Names that are none


@pytest.mark.parametrize("filename", ["", "..", ".", "___", "/", "../", " "])
def test_a_filename_that_is_none_is_refused_as_both_errors(anything: UploadSet, dest: Path, filename: str):
    for kind in (UploadNotAllowed, ValueError):
        with pytest.raises(kind, match=r"Filename must not be empty!|Invalid filename after sanitization"):
            anything.save(upload(filename))
    assert files_below(dest) == set()


def test_no_filename_at_all_is_refused_as_both_errors(anything: UploadSet):
    for kind in (UploadNotAllowed, ValueError):
        with pytest.raises(kind, match="Filename must not be empty!"):
            anything.save(FileStorage(io.BytesIO(b"x")))


@pytest.mark.parametrize("filename", ["", None])
def test_a_given_name_does_not_make_up_for_a_form_without_a_file(anything: UploadSet, filename: str | None):
    with pytest.raises(ValueError, match="Filename must not be empty!"):
        anything.save(FileStorage(io.BytesIO(b""), filename), name="n.jpg")


@pytest.mark.parametrize("thing", [None, b"bytes", "path.jpg", io.BytesIO(b"x"), Path("a.jpg"), 5])
def test_save_takes_only_a_file_storage_and_says_so(photos: UploadSet, thing: Any):
    with pytest.raises(TypeError, match=r"storage must be a werkzeug\.FileStorage"):
        photos.save(thing)


def test_put_takes_bytes_streams_and_paths(photos: UploadSet, tmp_path: Path):
    (tmp_path / "source").write_bytes(b"path")
    assert photos.put(b"bytes", "a.jpg").size == 5
    assert photos.put(io.BytesIO(b"stream"), "b.jpg").size == 6
    assert photos.put(tmp_path / "source", "c.jpg").size == 4
    assert [Path(photos.path(name)).read_bytes() for name in ("a.jpg", "b.jpg", "c.jpg")] == [
        b"bytes",
        b"stream",
        b"path",
    ]


# Conflicts


@pytest.mark.parametrize(
    ("filename", "expected"),
    [
        ("a.jpg", ["a.jpg", "a_1.jpg", "a_2.jpg", "a_3.jpg"]),
        ("a.tar.gz", ["a.tar.gz", "a.tar_1.gz", "a.tar_2.gz", "a.tar_3.gz"]),
        ("README", ["README", "README_1", "README_2", "README_3"]),
        ("a_1.jpg", ["a_1.jpg", "a_1_1.jpg", "a_1_2.jpg", "a_1_3.jpg"]),
    ],
)
def test_a_taken_name_gets_a_number(anything: UploadSet, filename: str, expected: list[str]):
    stored = [anything.save(upload(filename, str(number).encode())) for number in range(4)]
    assert stored == expected
    assert [Path(anything.path(name)).read_bytes() for name in stored] == [b"0", b"1", b"2", b"3"]


def test_a_given_name_that_is_taken_gets_a_number_too(photos: UploadSet):
    assert [photos.save(upload(), "a", "n.") for _ in range(3)] == ["a/n.jpg", "a/n_1.jpg", "a/n_2.jpg"]


def test_threads_that_save_one_name_at_once_lose_nothing(app: Flask, photos: UploadSet):
    count = 16
    together = threading.Barrier(count)
    stored: dict[int, str] = {}

    def work(number: int) -> None:
        with app.app_context():
            together.wait()
            stored[number] = photos.save(upload(content=bytes([number]) * 2000), folder="new")

    threads = [threading.Thread(target=work, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(stored.values())) == count
    assert all(Path(photos.path(name)).read_bytes() == bytes([number]) * 2000 for number, name in stored.items())


# Serving


def test_nothing_is_served_unless_autoserve_is_true(app: Flask, photos: UploadSet):
    photos.save(upload())
    assert app.test_client().get("/_uploads/photos/f.jpg").status_code == 404


def test_autoserve_serves_only_sets_without_a_url_of_their_own(app: Flask, tmp_path: Path):
    photos, docs, extra = UploadSet("photos", IMAGES), UploadSet("docs", IMAGES), UploadSet("extra", IMAGES)
    app.config.update(
        UPLOADS_DEFAULT_DEST=tmp_path,
        UPLOADS_AUTOSERVE=True,
        UPLOADED_DOCS_URL="https://cdn.test/",
        UPLOADED_EXTRA_URL="https://cdn.test/",
        UPLOADED_EXTRA_SERVE=True,
    )
    configure_uploads(app, (photos, docs, extra))
    for uset in (photos, docs, extra):
        uset.save(upload())
    found = {}
    for uset in (photos, docs, extra):
        with app.test_client().get(f"/_uploads/{uset.name}/f.jpg") as response:
            found[uset.name] = response.status_code
    assert found == {"photos": 200, "docs": 404, "extra": 200}


def test_a_link_to_a_set_that_is_not_served_is_given_out_with_one_warning(
    app: Flask, photos: UploadSet, caplog: pytest.LogCaptureFixture
):
    with app.test_request_context(), caplog.at_level(logging.WARNING, logger="uploadkit"):
        assert photos.url("f.jpg") == "http://localhost/_uploads/photos/f.jpg"
        assert photos.url("g.jpg") == "http://localhost/_uploads/photos/g.jpg"
    [record] = caplog.records
    for word in ("photos", "UPLOADS_AUTOSERVE", "UPLOADED_PHOTOS_SERVE", "UPLOADED_PHOTOS_URL"):
        assert word in record.getMessage()


def test_a_link_to_a_set_that_is_served_gives_no_warning(app: Flask, dest: Path, caplog: pytest.LogCaptureFixture):
    app.config.update(UPLOADS_AUTOSERVE=True, MAX_CONTENT_LENGTH=1_000_000)
    photos = make(app, dest)
    with app.test_request_context(), caplog.at_level(logging.WARNING, logger="uploadkit"):
        assert photos.url("a/f.jpg") == "http://localhost/_uploads/photos/a/f.jpg"
    assert caplog.records == []


@pytest.mark.parametrize(("debug", "told"), [(True, True), (False, False)])
def test_the_404_of_a_set_that_is_not_served_says_why_in_debug_mode_only(
    app: Flask, photos: UploadSet, debug: bool, told: bool
):
    photos.save(upload())
    app.debug = debug
    answer = app.test_client().get("/_uploads/photos/f.jpg")
    assert answer.status_code == 404
    assert ("UPLOADS_AUTOSERVE" in answer.text) is told


# Configuration


def test_an_app_that_was_never_configured_says_so(app: Flask):
    with pytest.raises(RuntimeError, match="The application is not properly configured") as caught:
        UploadSet("photos", IMAGES).config  # noqa: B018 - reading it is the point
    assert "`configure_uploads`" in str(caught.value)


def test_a_set_that_was_not_configured_beside_one_that_was_is_both_errors(app: Flask, photos: UploadSet):
    docs = UploadSet("docs")
    for kind in (RuntimeError, KeyError):
        with pytest.raises(kind, match="not properly configured") as caught:
            docs.config  # noqa: B018 - reading it is the point
        assert "docs" in str(caught.value)


def test_outside_of_an_app_context_it_is_flasks_runtime_error(photos: UploadSet):
    def work() -> None:
        with pytest.raises(RuntimeError, match="application context"):
            photos.save(upload())

    Context().run(work)


@pytest.mark.parametrize("empty", ["", None])
def test_an_empty_default_url_makes_no_links(app: Flask, tmp_path: Path, empty: str | None):
    app.config.update(UPLOADS_DEFAULT_DEST=tmp_path, UPLOADS_DEFAULT_URL=empty)
    photos = UploadSet("photos", IMAGES)
    configure_uploads(app, photos)
    assert photos.config.base_url is None


def test_patch_request_class_sets_the_limit_and_warns(app: Flask):
    with pytest.warns(DeprecationWarning, match="patch_request_class"):
        patch_request_class(app, 1000)
    assert app.config["MAX_CONTENT_LENGTH"] == 1000


def test_patch_request_class_really_refuses_longer_requests(app: Flask):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        patch_request_class(app, 1000)

    @app.post("/")
    def index() -> str:
        return str(len(request.files["f"].read()))

    client = app.test_client()
    assert client.post("/", data={"f": (io.BytesIO(b"x" * 2000), "f.jpg")}).status_code == 413
    assert client.post("/", data={"f": (io.BytesIO(b"x" * 100), "f.jpg")}).text == "100"


# Small things


def test_a_testing_file_storage_that_is_saved_to_a_file_object_notes_its_name(tmp_path: Path):
    storage = TestingFileStorage(filename="f.jpg")
    with (tmp_path / "target").open("wb") as file:
        storage.save(file)
    assert storage.saved == str(tmp_path / "target")
    assert (tmp_path / "target").read_bytes() == b""


@pytest.mark.parametrize("other", [5, None, "x", ("/data", None, (), ())])
def test_a_configuration_is_not_equal_to_something_else(other: object):
    assert (UploadConfiguration("/data") == other) is False
    assert (UploadConfiguration("/data") != other) is True
    assert UploadConfiguration("/data").__eq__(other) is NotImplemented
