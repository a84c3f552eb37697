"""A corpus of hostile names, folders and filenames: each is stored inside and allowed, or refused with a reason."""

from __future__ import annotations

import io
import os
import re
import unicodedata
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any

import pytest
from flask import Flask

from uploadkit import (
    ALL,
    EXECUTABLES,
    IMAGES,
    SCRIPTS,
    AllExcept,
    FileStorage,
    InvalidFilenameError,
    InvalidKeyError,
    NotFoundError,
    UploadNotAllowed,
    UploadSet,
    configure_uploads,
)

# The corpora

TRAVERSALS = [
    *("../x", "../../x", "../../../../../../etc/x", "..", "../", "../..", "/x", "//x", "///x", "/etc/x", "/"),
    *("//", "./x", "./../x"),
    *("x/..", "x/../..", "x/../../y", "x/./../../y", "x//../..//y", ".../x", "..../x", "....//x", "..././x"),
    *(".. /x", " ../x", ".. ./x"),
    *("..\\x", "..\\..\\x", "\\x", "\\\\server\\share\\x", "C:\\x", "C:/x", "C:x", "x\\..\\..\\y", "..\\/x"),
    *("/..\\x", "\\..\\x"),
    *("%2e%2e/x", "%2e%2e%2fx", "..%2fx", "..%5cx", "%252e%252e%252fx", "..%c0%afx", "..%00/x", "%2fx"),
    *("..\x00/x", "x\x00/../y", "\x00../x", "..\n/x", "\n../x", "..\u200b/x", ".\u200b./x", "\u2024\u2024/x"),
    *("\uff0e\uff0e/x",),
    *("..\uff0fx", "..\u2215x", "..\u2044x", "..\u29f8x", "..\uff3cx", "\u202e../x", "..\u202e/x", "..\ufeff/x"),
    *("..\u00ad/x",),
    *(
        "~/x",
        "~root/x",
        "$HOME/x",
        "${HOME}/x",
        "`id`/x",
        "$(id)/x",
        "%USERPROFILE%/x",
        "file:///x",
        "http://e.example/x",
        "s3://b/x",
    ),
    *("../dest_private/x", "../dest/../dest_private/x", "dest/../../dest_private/x", "/dev/null"),
    *("/proc/self/environ", "link/x", "link/../x"),
    *(".uploadkit/x", ".uploadkit/tmp/x", ".UPLOADKIT/x", "./.uploadkit/x", ".git/hooks/x"),
    *(".ssh/authorized_keys", ".x/.y/.z"),
]
FOLDER_ODDITIES: list[Any] = [
    *(
        "",
        " ",
        "\t",
        ".",
        "...",
        "_",
        "-",
        "--",
        "-rf",
        "*",
        "?",
        "a*",
        "[a]",
        "{a,b}",
        "a|b",
        "a;b",
        "a&b",
        "a>b",
        "a'b",
        'a"b',
        "a:b",
    ),
    *(
        "CON",
        "nul/x",
        "com1",
        "LPT1.d",
        "aux ",
        "a/prn/b",
        "a.",
        "a ",
        "a. .",
        "x" * 256,
        "x" * 5000,
        "/".join(["x"] * 600),
        "日" * 100,
    ),
    *(
        "/".join(["x" * 255] * 5),
        "é",
        "e\u0301",
        "日本",
        "👨\u200d👩\u200d👧",
        "\ud800",
        "a\udcffb",
        "\ue000",
        "\U0010ffff",
        "a\u2028b",
        "\x7f",
        "\x85",
    ),
    *(
        5,
        5.5,
        b"bytes",
        b"../x",
        ["a"],
        ("a",),
        {"a": 1},
        object(),
        True,
        Path("a/b"),
        Path("../x"),
        PurePosixPath("/abs"),
    ),
]
NAME_ODDITIES: list[Any] = [
    *("n.php", "n.PHP", "n.pHp", "n.php.", "n.php ", "n.php\t", "n.php/", "n.php\x00", "n.php\x00.jpg"),
    *("n.jpg\x00.php", "n.php;.jpg", "n.php%00.jpg"),
    *("n.php::$DATA", "n.php:.jpg", "n.p\u200bhp", "n.p hp", "n.ph\u0440", "n.php\u202ejpg", "n.jpg.php"),
    *("n.php.jpg", "n\n.php", "n.php\n"),
    *("Makefile", ".htaccess", ".htaccess.", "authorized_keys", "id_rsa", "n", "n.", "n..", "n. .", ".n", "..n"),
    *("...n", ".php", ".jpg", "..jpg"),
    *("n.sh", "n.SO", "n.exe", "n.Dll", "n.py", "n.ｐｈｐ", "n.\u017fh", "n.phｐ", "n.js\u00ad", "n.j\u0301s"),
    *("n.PY\u034f", "n.e\ufeffxe"),
    *("CON", "con.jpg", "NUL.", "aux.jpg.", "COM1.php", "x" * 251 + ".jpg", "x" * 252 + ".jpg"),
    *("x" * 5000 + ".jpg", "n." + "x" * 300),
    *("日本.jpg", "日本", "日本.", "日本.php", "😀.", "a/b/", "a/b/..", "a/../", "/", "//", "a//n.jpg", "-n.jpg", "--"),
    *("-", "_", "*.jpg", "?.jpg"),
    *(5, 5.5, b"n.jpg", ["n.jpg"], ("n.jpg",), {}, object(), True, Path("n.jpg")),
]
FILENAME_STEMS = [
    *("a", "A b", "ünï", "日本語", "кот", "😀", "a.b", "a..b", "_a", "-a", ".a", " a", "a ", "a/b", "a\\b", "../a"),
    *("..\\a", "/a", "C:\\a"),
    *("CON", "nul", "com1", "LPT9", "a\x00", "a\r\nb", "a\u202eb", "a\u200bb", "a\u034fb", "\u3164", "\u115f"),
    *("a'b", 'a"b', "a<b>", "a|b", "a*"),
    *(
        "x" * 255,
        "日" * 90,
        "\ud800",
        "a\udc80",
        "e\u0301",
        "İ",
        "%2e%2e%2fa",
        "$(id)",
        "a;b",
        "~",
        "",
        "...",
        "_",
        "con.a",
        "a\u2028",
        "link/a",
    ),
]
FILENAME_ENDS = [".jpg", ".JPG", ".php", ".pHp.", "", ".exe ", ".jpg.sh"]
FILENAMES: list[Any] = [
    *(stem + end for stem in FILENAME_STEMS for end in FILENAME_ENDS),
    *(name for name in NAME_ODDITIES if isinstance(name, str)),
    *("index.html", "a.svg", "a.shtml", ".htpasswd", "web.config", "a.tar.gz", "thumbs.db", "desktop.ini"),
    *(".DS_Store", "a.b.c.d.e.jpg"),
    *("a" * 10_000 + ".jpg", "a." * 200 + "jpg", "." * 300 + "jpg", "/" * 300 + "a.jpg", "../" * 300 + "a.jpg"),
    *("\u0301" * 300 + ".jpg",),
    *("a" * length + f".{ext}." + "y" * 40 for length in range(248, 254) for ext in ("PHP", "SH", "Exe", "JPG")),
    *(None, 5, b"a.jpg", b"../a.jpg", ["a.jpg"]),
]
NAMES: list[Any] = [*TRAVERSALS, *(text + ".jpg" for text in TRAVERSALS), *NAME_ODDITIES]
FOLDERS: list[Any] = [*TRAVERSALS, *FOLDER_ODDITIES]

EXTENSIONS: dict[str, Any] = {"IMAGES": IMAGES, "ALL": ALL, "AllExcept": AllExcept(SCRIPTS + EXECUTABLES)}
CONTENT = b"\x00hostile\r\n"

_BIDI_OR_INVISIBLE = re.compile("[\u00ad\u061c\u180e\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]")
_DEVICE = re.compile(r"(con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³])(\.|$)", re.IGNORECASE)


class Ground:
    """A destination among canaries, a set on it, and what must hold of every outcome."""

    def __init__(self, app: Flask, root: Path, backend: str, extensions: Any, names: str) -> None:
        self.root = root
        self.dest = root / "dest"
        self.extensions = extensions
        self.local = backend == "local"
        self._plant()
        self.uset = UploadSet("hostile", extensions)
        app.config.update(
            UPLOADED_HOSTILE_DEST=str(self.dest), UPLOADED_HOSTILE_BACKEND=backend, UPLOADED_HOSTILE_NAMES=names
        )
        configure_uploads(app, self.uset)
        self.canaries = self._outside()

    def _plant(self) -> None:
        for folder in ("dest", "dest_private", "etc", "elsewhere", "x"):
            (self.root / folder).mkdir()
        for name in (
            "x",
            "x.jpg",
            "a.jpg",
            "dest_private/x",
            "dest_private/x.jpg",
            "etc/passwd",
            "etc/x",
            "elsewhere/x",
            "elsewhere/a.jpg",
        ):
            path = self.root / name
            if not path.is_dir():
                path.write_text("canary")
        (self.dest / "link").symlink_to(self.root / "elsewhere")
        (self.dest / "trap.jpg").symlink_to(self.root / "x.jpg")

    def _outside(self) -> dict[str, bytes | None]:
        found: dict[str, bytes | None] = {}
        for folder, folders, files in os.walk(self.root):
            if Path(folder) == self.root:
                folders.remove("dest")
            found.update({os.path.join(folder, name): None for name in folders})
            found.update({os.path.join(folder, name): Path(folder, name).read_bytes() for name in files})
        return found

    def problems(self, filename: Any, **arguments: Any) -> Iterator[str]:
        """Save; yield whatever is not as promised."""
        storage = FileStorage(io.BytesIO(CONTENT), "f.jpg")
        storage.filename = filename  # its own __init__ takes less
        try:
            stored = self.uset.save(storage, **arguments)
        except (UploadNotAllowed, InvalidKeyError) as error:
            yield from self.refusal_problems(error)
        except Exception as error:  # noqa: BLE001 - any other one is what is looked for
            yield f"raised {error!r}"
        else:
            yield from self._stored_problems(stored)

    def refusal_problems(self, error: Exception) -> Iterator[str]:
        message = str(error)
        if len(message) < 10 or not message.isprintable() or len(message) > 1000:
            yield f"an unreadable message: {message!r}"
        if str(self.root) in message:
            yield f"the server's path in the message: {message!r}"

    def _stored_problems(self, stored: str) -> Iterator[str]:
        if type(stored) is not str:
            yield f"returned {stored!r}"
            return
        ext = os.path.splitext(stored)[1][1:]
        if ext not in self.extensions or ext.lower() not in self.extensions:
            yield f"stored {stored!r}, which is not allowed"
        for segment in stored.split("/"):
            yield from self._segment_problems(segment)
        with self.uset.open(stored) as file:
            if file.read() != CONTENT:
                yield f"{stored!r} has other content"
        if self.local:
            real = os.path.realpath(self.dest / stored)
            if real != os.path.join(os.path.realpath(self.dest), *stored.split("/")) or not os.path.isfile(real):
                yield f"stored {stored!r} at {real!r}"

    def _segment_problems(self, segment: str) -> Iterator[str]:
        if segment.startswith((".", "-", " ")) or segment.endswith((".", " ")) or not segment:
            yield f"the edges of {segment!r}"
        if any(unicodedata.category(letter)[0] == "C" for letter in segment) or _BIDI_OR_INVISIBLE.search(segment):
            yield f"control or invisible characters in {segment!r}"
        if set(segment) & set('\\<>:"|?*'):
            yield f"special characters in {segment!r}"
        if len(segment.encode()) > 255 or _DEVICE.match(segment):
            yield f"length or device name of {segment!r}"

    def end_problems(self) -> Iterator[str]:
        """Look at the canaries, and at what is there altogether."""
        outside = self._outside()
        yield from (
            f"outside: {path!r}"
            for path in {**self.canaries, **outside}
            if outside.get(path, b"") != self.canaries.get(path, b"")
        )
        if not (self.dest / "link").is_symlink() or not (self.dest / "trap.jpg").is_symlink():
            yield "a symbolic link was replaced"


@pytest.fixture(params=["local", "memory"])
def backend(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


@pytest.fixture(params=["ascii", "unicode"])
def names(request: pytest.FixtureRequest) -> str:
    style: str = request.param
    return style


@pytest.fixture(params=EXTENSIONS)
def ground(request: pytest.FixtureRequest, app: Flask, tmp_path: Path, backend: str, names: str) -> Iterator[Ground]:
    with app.app_context():
        yield Ground(app, tmp_path, backend, EXTENSIONS[request.param], names)


def found_in(ground: Ground, cases: list[tuple[Any, dict[str, Any]]]) -> list[str]:
    found = [
        f"{ascii(filename)[:60]} {ascii(arguments)[:80]}: {problem}"
        for filename, arguments in cases
        for problem in ground.problems(filename, **arguments)
    ]
    return found + list(ground.end_problems())


def test_the_corpora_are_as_large_as_they_claim():
    assert len({repr(value) for value in FOLDERS + NAMES}) >= 300
    assert len({repr(value) for value in FILENAMES}) >= 300


def test_a_hostile_folder_is_contained_or_refused(ground: Ground):
    assert found_in(ground, [("a.jpg", {"folder": folder}) for folder in FOLDERS]) == []


def test_a_hostile_name_is_contained_and_allowed_or_refused(ground: Ground):
    assert found_in(ground, [("a.jpg", {"name": name}) for name in NAMES]) == []


def test_a_hostile_name_in_a_hostile_folder_is_contained_and_allowed_or_refused(ground: Ground):
    pairs = zip(FOLDERS, reversed(NAMES), strict=False)
    assert found_in(ground, [("a.jpg", {"folder": folder, "name": name}) for folder, name in pairs]) == []


def test_a_hostile_filename_is_contained_and_allowed_or_refused(ground: Ground):
    assert found_in(ground, [(filename, {}) for filename in FILENAMES]) == []


def test_a_hostile_filename_gives_its_extension_only_if_that_is_allowed(ground: Ground):
    assert found_in(ground, [(filename, {"name": "n.", "folder": "f"}) for filename in FILENAMES]) == []


def test_ordinary_names_of_any_script_are_stored_and_keep_their_extension(ground: Ground):
    ordinary = [
        "photo.jpg",
        "IMG_1234.JPG",
        "日本語.jpg",
        "한국어.png",
        "кот.jpeg",
        "עברית.gif",
        "ไทย.jpg",
        "😀.webp",
        "año nuevo.png",
        "a (1).jpg",
    ]
    for filename in ordinary:
        stored = ground.uset.save(FileStorage(io.BytesIO(CONTENT), filename))
        assert os.path.splitext(stored)[1] == os.path.splitext(filename)[1].lower()
        assert ground.uset.exists(stored)


READERS = ("path", "open", "stat", "delete", "checksum", "exists", "copy", "move", "local_path")
HOSTILE_KEYS = [
    text for text in TRAVERSALS if text.startswith(("..", "/")) or "/../" in text or text.endswith("/..")
] + ["", ".", "a\x00b", "\ud800"]


def read(uset: UploadSet, verb: str, name: str) -> Any:
    if verb in ("copy", "move"):
        return getattr(uset, verb)(name, "copied.jpg")
    if verb == "local_path":
        with uset.local_path(name) as path:
            return path
    return getattr(uset, verb)(name)


@pytest.mark.parametrize("verb", [*READERS, "url"])
def test_no_verb_reaches_out_of_the_set(app: Flask, tmp_path: Path, backend: str, verb: str):
    """Keys come from databases and requests too, not only from save()."""
    found: list[str] = []
    with app.test_request_context():
        ground = Ground(app, tmp_path, backend, ALL, "ascii")
        for name in HOSTILE_KEYS:
            try:
                answer = read(ground.uset, verb, name)
            except (InvalidKeyError, NotFoundError) as error:
                found.extend(f"{name!r}: {problem}" for problem in ground.refusal_problems(error))
            except Exception as error:  # noqa: BLE001 - any other one is what is looked for
                found.append(f"{name!r}: raised {error!r}")
            else:
                inside = verb in ("path", "url") and not ({"..", "."} & set(name.split("/")) or name.startswith("/"))
                if answer is not False and not inside:
                    found.append(f"{name!r}: {answer!r}")
        assert found + list(ground.end_problems()) == []


@pytest.mark.parametrize("verb", READERS)
def test_no_verb_follows_a_link_out_of_a_local_set(app: Flask, tmp_path: Path, verb: str):
    with app.test_request_context():
        ground = Ground(app, tmp_path, "local", ALL, "ascii")
        for name in ("link/x", "link/a.jpg", "trap.jpg"):
            if verb == "exists":
                assert ground.uset.exists(name) is False
            else:
                with pytest.raises((InvalidKeyError, NotFoundError)):
                    read(ground.uset, verb, name)
        assert list(ground.end_problems()) == []


@pytest.mark.parametrize("prefix", ["", "..", "/", "../", ".", "./", "*", "[a-z]", "?", "dest_private"])
def test_deleting_a_hostile_prefix_deletes_nothing_else(app: Flask, tmp_path: Path, backend: str, prefix: str):
    with app.app_context():
        ground = Ground(app, tmp_path, backend, ALL, "ascii")
        kept = [
            ground.uset.save(FileStorage(io.BytesIO(CONTENT), "a.jpg"), folder=folder) for folder in (None, "a", "b/c")
        ]
        if prefix.strip("./"):
            assert ground.uset.delete_prefix(prefix) == 0
        else:
            with pytest.raises(InvalidKeyError, match="needs a folder"):
                ground.uset.delete_prefix(prefix)
        assert all(ground.uset.exists(name) for name in kept)
        assert list(ground.end_problems()) == []


@pytest.mark.parametrize("prefix", ["", "..", "/", "...", None, 5, b"a", ["a"]])
def test_a_scoped_view_of_no_folder_is_refused(app: Flask, tmp_path: Path, backend: str, prefix: Any):
    with app.app_context():
        ground = Ground(app, tmp_path, backend, ALL, "ascii")
        with pytest.raises((InvalidKeyError, InvalidFilenameError), match="folder"):
            ground.uset.scoped(prefix)


@pytest.mark.parametrize("prefix", ["../../x", "é", "_", "-", "a/../b", ".uploadkit", "tenants/42"])
def test_a_scoped_view_of_a_hostile_prefix_is_contained(app: Flask, tmp_path: Path, backend: str, prefix: str):
    with app.app_context():
        ground = Ground(app, tmp_path, backend, ALL, "ascii")
        view = ground.uset.scoped(prefix)
        assert view.save(FileStorage(io.BytesIO(CONTENT), "a.jpg"), folder="../..", name="../n.jpg") == "n.jpg"
        assert ground.uset.exists(f"{view.prefix}/n.jpg")
        for name in ("../a.jpg", "../../x.jpg", "/n.jpg", "..", ""):
            with pytest.raises(InvalidKeyError):
                view.open(name)
            assert view.exists(name) is False
        assert list(ground.end_problems()) == []
