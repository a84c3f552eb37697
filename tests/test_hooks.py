"""The four methods that apps override: honoured on every backend, and never trusted."""

from __future__ import annotations

import functools
import io
import types
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from flask import Flask

from uploadkit import (
    ALL,
    IMAGES,
    AlreadyExistsError,
    FileStorage,
    InvalidFilenameError,
    TestingFileStorage,
    UploadNotAllowed,
    UploadSet,
    configure_uploads,
)

Hook = Callable[..., Any]
Manner = Callable[[Any, dict[str, Hook]], UploadSet]


def overridden(extensions: Any, hooks: dict[str, Hook]) -> UploadSet:
    """A subclass, as most apps have it; hooks do not take ``self`` here."""

    def method(hook: Hook) -> Hook:
        return lambda self, *args, **kwargs: hook(*args, **kwargs)

    kind = types.new_class(
        "Custom", (UploadSet,), exec_body=lambda body: body.update({n: method(h) for n, h in hooks.items()})
    )
    made: UploadSet = kind("photos", extensions)
    return made


def patched(extensions: Any, hooks: dict[str, Hook]) -> UploadSet:
    """Functions assigned to the instance, as recipes and tests do."""
    photos = UploadSet("photos", extensions)
    for name, hook in hooks.items():
        setattr(photos, name, hook)
    return photos


def wrapped(extensions: Any, hooks: dict[str, Hook]) -> UploadSet:
    """Decorators around our own methods: `functools.wraps` copies every mark that the original bears."""
    photos = UploadSet("photos", extensions)
    for name, hook in hooks.items():
        setattr(photos, name, functools.wraps(getattr(photos, name))(lambda *args, hook=hook: hook(*args)))
    return photos


@pytest.fixture(params=["local", "memory"])
def backend(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


@pytest.fixture(params=[overridden, patched, wrapped])
def manner(request: pytest.FixtureRequest) -> Manner:
    found: Manner = request.param
    return found


MakeSet = Callable[..., UploadSet]


@pytest.fixture
def make(app: Flask, tmp_path: Path, backend: str, manner: Manner) -> Iterator[MakeSet]:
    """Make a configured set with hooks."""

    def made(extensions: Any = IMAGES, settings: dict[str, Any] | None = None, **hooks: Hook) -> UploadSet:
        photos = manner(extensions, hooks)
        app.config.update(UPLOADED_PHOTOS_DEST=str(tmp_path / "dest"), UPLOADED_PHOTOS_BACKEND=backend)
        app.config.update({f"UPLOADED_PHOTOS_{key}": value for key, value in (settings or {}).items()})
        configure_uploads(app, photos)
        return photos

    with app.app_context():
        yield made


def upload(filename: str = "f.jpg", content: bytes = b"content") -> FileStorage:
    return FileStorage(io.BytesIO(content), filename)


def stored_in(photos: UploadSet) -> list[str]:
    return [info.key for info in photos.list_files()]


def content_of(photos: UploadSet, name: str) -> bytes:
    with photos.open(name) as file:
        return file.read()


def raising(error: Exception) -> Hook:
    def hook(*args: Any) -> Any:
        raise error

    return hook


@pytest.mark.parametrize("hook", ["file_allowed", "extension_allowed"])
def test_a_file_field_offers_every_file_where_a_hook_decides(make: MakeSet, hook: str) -> None:
    assert make(**{hook: lambda *args: True}).accept == ""
    assert make(resolve_conflict=lambda folder, name: name).accept.startswith(".bmp,.gif,")


BAD_NAMES: list[Any] = [
    *("../x.jpg", "/x.jpg", "", "..", ".", "a/x.jpg", "a/../x.jpg", "..\\x.jpg", "\\x.jpg", "C:\\x.jpg"),
    *("x.jpg/", "___"),
    *(None, 5, b"x.jpg", ["x.jpg"], True, Path("x.jpg")),
]


# get_basename


def test_get_basename_names_the_file(make: MakeSet):
    asked: list[str] = []

    def get_basename(filename: str) -> str:
        asked.append(filename)
        return "made-" + filename.lower()

    photos = make(get_basename=get_basename)
    assert photos.save(upload("My Pic.JPG"), folder="a") == "a/made-my_pic.jpg"
    assert asked == ["My Pic.JPG"]
    assert stored_in(photos) == ["a/made-my_pic.jpg"]


def test_get_basename_is_asked_about_the_visitors_name_only(make: MakeSet):
    asked: list[str] = []

    def get_basename(filename: str) -> str:
        asked.append(filename)
        return "made.png"

    photos = make(get_basename=get_basename)
    assert photos.save(upload(), name="a/given.jpg") == "a/given.jpg"
    assert photos.save(upload(), name="given.") == "given.png"
    assert asked == ["f.jpg", "f.jpg"]


@pytest.mark.parametrize("name", ["日本語.jpg", "кот.jpg", "😀.jpg", "ñ.jpg"])
def test_get_basename_may_return_letters_of_any_script(make: MakeSet, name: str):
    photos = make(get_basename=lambda filename: name)
    assert photos.save(upload()) == name
    assert content_of(photos, name) == b"content"


@pytest.mark.parametrize(
    ("answer", "stored"),
    [
        ("my pic.jpg", "my_pic.jpg"),
        (".x.jpg", "x.jpg"),
        ("-x.jpg", "x.jpg"),
        ("x.JPG", "x.jpg"),
        ("CON.jpg", "CON_.jpg"),
        ("x\x00\u202e.jpg", "x.jpg"),
    ],
)
def test_what_get_basename_returns_is_cleaned(make: MakeSet, answer: str, stored: str):
    photos = make(get_basename=lambda filename: answer)
    assert photos.save(upload()) == stored
    assert stored_in(photos) == [stored]


def test_what_get_basename_returns_is_cut_at_255_bytes(make: MakeSet):
    photos = make(get_basename=lambda filename: "日" * 200 + ".jpg")
    stored = photos.save(upload())
    assert stored == "日" * 83 + ".jpg"
    assert stored_in(photos) == [stored]


@pytest.mark.parametrize("answer", BAD_NAMES, ids=repr)
def test_a_get_basename_that_returns_no_name_is_refused_and_nothing_is_stored(
    make: MakeSet, tmp_path: Path, answer: Any
):
    photos = make(ALL, get_basename=lambda filename: answer)
    with pytest.raises(InvalidFilenameError) as caught:
        photos.save(upload())
    assert caught.value.reason
    assert stored_in(photos) == []
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


@pytest.mark.parametrize("answer", ["x.exe", "x.PHP", "x", "x.jpg.exe", "x.e\u200bxe"])
def test_the_extension_of_what_get_basename_returns_is_checked(make: MakeSet, answer: str):
    photos = make(get_basename=lambda filename: answer)
    with pytest.raises(UploadNotAllowed):
        photos.save(upload())
    assert stored_in(photos) == []


def test_what_get_basename_raises_reaches_the_caller(make: MakeSet):
    photos = make(get_basename=raising(LookupError("mine")))
    with pytest.raises(LookupError, match="mine"):
        photos.save(upload())
    assert stored_in(photos) == []


def test_a_get_basename_that_calls_its_parent_works(make: MakeSet):
    photos = make()
    own = photos.get_basename
    photos.get_basename = lambda filename: "p-" + own(filename)  # type: ignore[method-assign]
    assert photos.save(upload("ünï.JPG")) == "p-uni.jpg"


# file_allowed


def test_file_allowed_sees_the_upload_and_every_name_that_is_stored(make: MakeSet):
    asked: list[tuple[Any, str]] = []

    def file_allowed(storage: Any, basename: str) -> bool:
        asked.append((storage, basename))
        return True

    photos = make(file_allowed=file_allowed)
    storage = upload("My Pic.EXE")
    assert photos.save(storage) == "My_Pic.exe"
    assert photos.save(storage) == "My_Pic_1.exe"
    assert {name for _, name in asked} == {"My_Pic.exe", "My_Pic_1.exe"}
    assert all(given is storage for given, _ in asked)


@pytest.mark.parametrize("refused", ["f.jpg", "n.jpg"])
def test_a_file_allowed_that_refuses_either_name_stores_nothing(make: MakeSet, refused: str):
    photos = make(file_allowed=lambda storage, basename: basename != refused)
    with pytest.raises(UploadNotAllowed) as caught:
        photos.save(upload(), name="n.jpg")
    assert caught.value.reason
    assert stored_in(photos) == []


@pytest.mark.parametrize("answer", [False, None, 0, "", ()])
def test_whatever_is_false_is_a_refusal(make: MakeSet, answer: Any):
    photos = make(file_allowed=lambda storage, basename: answer)
    with pytest.raises(UploadNotAllowed):
        photos.save(upload())


def test_a_file_allowed_that_says_yes_does_not_open_a_way_out(make: MakeSet, tmp_path: Path):
    photos = make(file_allowed=lambda storage, basename: True)
    assert photos.save(upload(), folder="../../out", name="../n.sh") == "out/n.sh"
    assert stored_in(photos) == ["out/n.sh"]
    assert not (tmp_path / "out").exists()


def test_file_allowed_may_read_the_stream_and_the_whole_file_is_stored(make: MakeSet):
    photos = make(file_allowed=lambda storage, basename: storage.stream.read(4) != b"MZ\x90\x00")
    for number in range(2):
        name = photos.save(upload(content=b"content" + bytes([number])))
        assert content_of(photos, name) == b"content" + bytes([number])


def test_a_refusal_that_file_allowed_raises_itself_keeps_its_reason(make: MakeSet):
    photos = make(file_allowed=raising(UploadNotAllowed("Too blue.")))
    with pytest.raises(UploadNotAllowed, match=r"^Too blue\.$"):
        photos.save(upload())


# extension_allowed


def test_extension_allowed_decides(make: MakeSet):
    asked: list[str] = []

    def extension_allowed(ext: str) -> bool:
        asked.append(ext)
        return ext in ("xyz", "")

    photos = make(extension_allowed=extension_allowed)
    assert photos.save(upload("a.XYZ")) == "a.xyz"
    assert photos.save(upload("README")) == "README"
    for name in ("a.jpg", "a.xyz.jpg"):
        with pytest.raises(UploadNotAllowed, match="jpg"):
            photos.save(upload(name))
    assert set(asked) == {"xyz", "", "jpg"}
    assert stored_in(photos) == ["README", "a.xyz"]


def test_extension_allowed_is_asked_by_the_forms_check_too(make: MakeSet):
    photos = make(extension_allowed=lambda ext: ext == "xyz")
    assert photos.file_allowed([upload()], "a.xyz") is True
    assert photos.file_allowed([upload()], "a.jpg") is False


# resolve_conflict


def test_resolve_conflict_is_not_asked_while_the_name_is_free(make: MakeSet):
    photos = make(resolve_conflict=raising(AssertionError("asked")))
    assert photos.save(upload()) == "f.jpg"


@pytest.mark.parametrize("folder", [None, "a/b"])
def test_resolve_conflict_names_the_file_and_is_told_the_folder(
    make: MakeSet, backend: str, tmp_path: Path, folder: str | None
):
    asked: list[tuple[str, str]] = []

    def resolve_conflict(target_folder: str, basename: str) -> str:
        asked.append((target_folder, basename))
        return "second.jpg"

    photos = make(resolve_conflict=resolve_conflict)
    names = [photos.save(upload(content=content), folder=folder) for content in (b"one", b"two")]
    prefix = f"{folder}/" if folder else ""
    assert names == [f"{prefix}f.jpg", f"{prefix}second.jpg"]
    assert [content_of(photos, name) for name in names] == [b"one", b"two"]
    expected = str(tmp_path / "dest" / (folder or "")) if backend == "local" else (folder or "")
    assert asked == [(expected, "f.jpg")]
    assert type(asked[0][0]) is str


def test_a_resolve_conflict_that_returns_the_same_name_overwrites(make: MakeSet):
    photos = make(resolve_conflict=lambda target_folder, basename: basename)
    for content in (b"the first", b"second", b"3"):
        assert photos.save(upload(content=content), folder="a") == "a/f.jpg"
        assert content_of(photos, "a/f.jpg") == content
    assert stored_in(photos) == ["a/f.jpg"]


@pytest.mark.parametrize("pattern", ["_{}", "-{}", ".{}", "+{}", "{}~", "{}\u200b", "{}."])
def test_a_resolve_conflict_whose_change_is_cleaned_away_overwrites_nothing(make: MakeSet, pattern: str):
    photos = make(resolve_conflict=lambda target_folder, basename: pattern.format(basename))
    names = [photos.save(upload(content=content)) for content in (b"first", b"second")]
    assert len(set(names)) == 2
    assert [content_of(photos, name) for name in names] == [b"first", b"second"]


def test_a_resolve_conflict_that_names_another_taken_file_is_asked_again_and_that_file_is_kept(make: MakeSet):
    photos = make(resolve_conflict=lambda target_folder, basename: {"f.jpg": "g.jpg", "g.jpg": "h.jpg"}[basename])
    photos.put(b"precious", "g.jpg")
    photos.save(upload(content=b"first"))
    assert photos.save(upload(content=b"second")) == "h.jpg"
    assert content_of(photos, "g.jpg") == b"precious"
    assert content_of(photos, "h.jpg") == b"second"


def test_a_resolve_conflict_that_goes_round_in_circles_ends_with_an_error_and_overwrites_nothing(make: MakeSet):
    photos = make(resolve_conflict=lambda target_folder, basename: "g.jpg" if basename == "f.jpg" else "f.jpg")
    photos.put(b"f", "f.jpg")
    photos.put(b"g", "g.jpg")
    with pytest.raises(AlreadyExistsError, match="resolve_conflict"):
        photos.save(upload(content=b"new"))
    assert [content_of(photos, name) for name in ("f.jpg", "g.jpg")] == [b"f", b"g"]


@pytest.mark.parametrize("answer", BAD_NAMES, ids=repr)
def test_a_resolve_conflict_that_returns_no_name_is_refused_and_nothing_is_stored(
    make: MakeSet, tmp_path: Path, answer: Any
):
    photos = make(ALL, resolve_conflict=lambda target_folder, basename: answer)
    photos.save(upload(content=b"old"))
    before = sorted(path for path in tmp_path.rglob("*") if path.is_file())
    with pytest.raises(InvalidFilenameError) as caught:
        photos.save(upload(content=b"new"))
    assert caught.value.reason
    assert stored_in(photos) == ["f.jpg"]
    assert content_of(photos, "f.jpg") == b"old"
    assert sorted(path for path in tmp_path.rglob("*") if path.is_file()) == before


@pytest.mark.parametrize("answer", ["f.exe", "f.jpg.PHP", "f", ".htaccess"])
def test_the_extension_of_what_resolve_conflict_returns_is_checked(make: MakeSet, answer: str):
    photos = make(resolve_conflict=lambda target_folder, basename: answer)
    photos.save(upload())
    with pytest.raises(UploadNotAllowed):
        photos.save(upload())
    assert stored_in(photos) == ["f.jpg"]


@pytest.mark.parametrize("answer", ["f.exe", "../x.jpg", "/x.jpg", "", None, 5])
def test_a_resolve_conflict_is_trusted_no_more_for_an_upload_that_saves_itself(
    make: MakeSet, backend: str, tmp_path: Path, answer: Any
):
    if backend != "local":
        with pytest.raises(UploadNotAllowed):
            make(resolve_conflict=lambda *args: answer).save(upload("f.exe"))
        return
    photos = make(resolve_conflict=lambda target_folder, basename: answer)
    photos.save(upload())
    storage = TestingFileStorage(filename="f.jpg")
    with pytest.raises(UploadNotAllowed):
        photos.save(storage)
    assert storage.saved is None


@pytest.mark.parametrize(
    ("answer", "stored"), [("two words.jpg", "two_words.jpg"), (".x.JPG", "x.jpg"), ("日本.jpg", "日本.jpg")]
)
def test_what_resolve_conflict_returns_is_cleaned(make: MakeSet, answer: str, stored: str):
    photos = make(resolve_conflict=lambda target_folder, basename: answer)
    photos.save(upload())
    assert photos.save(upload()) == stored
    assert photos.exists(stored)


@pytest.mark.parametrize(("policy", "stored"), [("overwrite", r"f.jpg"), ("error", None)])
def test_resolve_conflict_is_not_asked_where_another_policy_is_set(make: MakeSet, policy: str, stored: str | None):
    photos = make(settings={"ON_CONFLICT": policy}, resolve_conflict=raising(AssertionError("asked")))
    photos.save(upload())
    if stored is None:
        with pytest.raises(AlreadyExistsError):
            photos.save(upload())
    else:
        assert photos.save(upload()) == stored


# All together


def test_hooks_are_honoured_by_put_and_in_a_scoped_view(make: MakeSet):
    photos = make(
        ("jpg",),
        get_basename=lambda filename: "p-" + filename,
        extension_allowed=lambda ext: ext == "xyz",
        resolve_conflict=lambda target_folder, basename: "again-" + basename,
    )
    assert photos.put(b"one", "a.xyz").key == "p-a.xyz"
    tenant = photos.scoped("tenants/42")
    assert [tenant.save(upload("a.xyz")) for _ in range(2)] == ["p-a.xyz", "again-p-a.xyz"]
    assert stored_in(photos) == ["p-a.xyz", "tenants/42/again-p-a.xyz", "tenants/42/p-a.xyz"]
    with pytest.raises(UploadNotAllowed):
        tenant.put(b"x", "a.jpg")


@pytest.mark.parametrize("answer", ["", "a/", None, 5, "a/..", "..", "x.exe", "x"])
def test_what_a_naming_function_returns_is_refused_unless_it_is_an_allowed_name(make: MakeSet, answer: Any):
    photos = make(settings={"NAMING": lambda basename, storage: answer})
    with pytest.raises(UploadNotAllowed) as caught:
        photos.save(upload())
    assert caught.value.reason
    assert stored_in(photos) == []


@pytest.mark.parametrize(
    ("answer", "stored"), [("../x.jpg", "x.jpg"), ("/x.jpg", "x.jpg"), ("a/../../b c/.x.JPG", "a/b_c/x.jpg")]
)
def test_what_a_naming_function_returns_is_contained(make: MakeSet, tmp_path: Path, answer: str, stored: str):
    photos = make(settings={"NAMING": lambda basename, storage: answer})
    assert photos.save(upload()) == stored
    assert stored_in(photos) == [stored]
    assert not (tmp_path / "x.jpg").exists()
