"""The n-th upload of one name."""

from __future__ import annotations

import io
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from itertools import count
from pathlib import Path

from flask import Flask
from werkzeug.datastructures import FileStorage

from benchmarks.harness.bodies import JPEG
from benchmarks.harness.model import KIB, Case, Contestant, Goal, Job, Scale, Trial

CONTENT = JPEG + bytes(KIB)
MOST = 2.0
#: Makes what saves a file, and fills the set with so many files of one name.
Make = Callable[[Path, int], Callable[[FileStorage], object]]


def upload(name: str) -> FileStorage:
    """Return what a form has for a file."""
    return FileStorage(io.BytesIO(CONTENT), name)


def in_a_set(folder: Path, taken: int, *, backend: str) -> Callable[[FileStorage], object]:
    from uploadkit import IMAGES, UploadSet, configure_uploads

    app, photos = Flask("benchmark"), UploadSet("photos", IMAGES)
    app.config["UPLOADED_PHOTOS_BACKEND"] = backend
    if backend == "local":
        app.config.update(UPLOADED_PHOTOS_DEST=str(folder), UPLOADED_PHOTOS_OPTIONS={"fsync": False})
    configure_uploads(app, photos)
    app.app_context().push()
    for _ in range(taken):
        photos.save(upload("image.jpg"))
    return photos.save


def in_reuploaded(folder: Path, taken: int) -> Callable[[FileStorage], object]:
    import flask_uploads

    app, photos = Flask("benchmark"), flask_uploads.UploadSet("photos", flask_uploads.IMAGES)
    app.config["UPLOADED_PHOTOS_DEST"] = str(folder)
    flask_uploads.configure_uploads(app, photos)
    app.app_context().push()
    for number in range(taken):  # as it names them; saving them all would take minutes
        Path(folder, f"image_{number}.jpg" if number else "image.jpg").write_bytes(CONTENT)
    save: Callable[[FileStorage], object] = photos.save
    return save


@contextmanager
def prepared(make: Make, n: int) -> Iterator[Job]:
    """Make a set ready in which ``image.jpg`` is saved for the n-th time; the first time, of ever new names."""
    with tempfile.TemporaryDirectory() as folder:
        save, numbers = make(Path(folder), n - 1), count()
        name = "image{}.jpg" if n == 1 else "image.jpg"
        yield Job(lambda: save(upload(name.format(next(numbers)))))


def who(name: str, n: int) -> str:
    return f"{name}, n = {n:,}"


MAKERS: dict[str, tuple[Make, str]] = {
    "local": (partial(in_a_set, backend="local"), "flask"),
    "memory": (partial(in_a_set, backend="memory"), "flask"),
    "Flask-Reuploaded": (in_reuploaded, "flask_uploads"),
}


def trials(scale: Scale) -> list[Trial]:
    """Return a trial for each kind of set."""
    many = scale.sizes([1_000], [10_000])
    return [
        Trial(
            name,
            tuple(Contestant(who(name, n), partial(prepared, make, n), (need,)) for n in (1, *many)),
            peer=who(name, 1),
            calls=scale.calls(100),
            goals=()
            if name == "Flask-Reuploaded"
            else tuple(Goal(who(name, n), of, MOST, who(name, 1)) for n in many for of in ("cpu", "wall")),
        )
        for name, (make, need) in MAKERS.items()
    ]


CASE = Case(
    "same_name",
    "The n-th upload of one name",
    "A small photo is saved under a name that is taken already, fsync off. Ratios are to the first upload of a name in "
    "the same kind of set.",
    trials,
)
