"""A file of this machine, stored on S3."""

from __future__ import annotations

import io
import os
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import cache, partial
from itertools import count
from pathlib import Path
from typing import Any

from benchmarks.harness.bodies import photo
from benchmarks.harness.clients import BUCKET, boto3_client, django_storage, obstore_store, s3_options
from benchmarks.harness.model import KIB, MIB, Case, Contestant, Goal, Job, Scale, Trial, human_size
from benchmarks.harness.sinks import http_sink, https_sink

#: Stores the file at a path under a name.
Store = Callable[[Path, str], object]

BACKEND, FROM_FILE, FROM_BYTES = "S3Backend.save", "uploadkit put(file)", "uploadkit put(bytes)"
PUT_OBJECT, UPLOAD_FILEOBJ, DJANGO, OBSTORE = "put_object", "upload_fileobj", "django-storages", "obstore"
SMALL = 10 * KIB


def by_put_object() -> Store:
    client = boto3_client()

    def store(path: Path, name: str) -> object:
        with path.open("rb") as file:
            return client.put_object(Bucket=BUCKET, Key=name, Body=file, ContentType="image/jpeg")

    return store


def by_upload_fileobj() -> Store:
    client = boto3_client()
    return lambda path, name: client.upload_fileobj(path.open("rb"), BUCKET, name)  # it closes the file


def by_django_storages() -> Store:
    storage = django_storage()
    from django.core.files import File

    def store(path: Path, name: str) -> object:
        with path.open("rb") as file:
            return storage.save(name, File(file))

    return store


def by_obstore() -> Store:
    import obstore

    store_of_rust = obstore_store()
    return lambda path, name: obstore.put(store_of_rust, name, path)


def by_the_backend() -> Store:
    from uploadkit import SaveOptions
    from uploadkit.backends.s3 import S3Backend, S3Options

    backend, options = S3Backend(BUCKET, S3Options(**s3_options())), SaveOptions()

    def store(path: Path, name: str) -> object:
        with path.open("rb") as file:
            return backend.save(name, file, options)

    return store


def by_the_set(read: Callable[[Path], AbstractContextManager[Any]]) -> Store:
    from flask import Flask

    from uploadkit import IMAGES, UploadSet, configure_uploads

    app, photos = Flask("benchmark"), UploadSet("photos", IMAGES)
    app.config.update(UPLOADED_PHOTOS_BACKEND="s3", UPLOADED_PHOTOS_DEST=BUCKET, UPLOADED_PHOTOS_OPTIONS=s3_options())
    configure_uploads(app, photos)
    app.app_context().push()

    def store(path: Path, name: str) -> object:
        with read(path) as source:
            return photos.put(source, name)

    return store


content = cache(Path.read_bytes)

#: What makes each contestant, and the module that it needs.
STORES: dict[str, tuple[Callable[[], Store], str]] = {
    BACKEND: (by_the_backend, "boto3"),
    FROM_FILE: (partial(by_the_set, partial(io.open, mode="rb")), "boto3"),
    FROM_BYTES: (partial(by_the_set, lambda path: nullcontext(content(path))), "boto3"),
    PUT_OBJECT: (by_put_object, "boto3"),
    UPLOAD_FILEOBJ: (by_upload_fileobj, "boto3"),
    DJANGO: (by_django_storages, "storages"),
    OBSTORE: (by_obstore, "obstore"),
}


@contextmanager
def prepared(name: str, size: int) -> Iterator[Job]:
    """Make a contestant ready to store a file of ``size`` bytes, under a new name each time."""
    with tempfile.TemporaryDirectory() as folder:
        path, small = Path(folder, "photo.jpg"), Path(folder, "small.jpg")
        for each, length in ((path, size), (small, min(size, SMALL))):
            with each.open("wb") as file:
                file.writelines(photo(length))
        if name == FROM_BYTES:  # they are in memory before it begins
            content(path)
        store, start, numbers = STORES[name][0](), os.urandom(4).hex(), count()

        def save(path: Path) -> None:
            store(path, f"{start}-{next(numbers)}.jpg")

        yield Job(partial(save, path), warm=partial(save, small))


def goals(size: int) -> tuple[Goal, ...]:
    if size == SMALL:
        limits = ((1.15, PUT_OBJECT), (0.4, DJANGO))
        return tuple(Goal(each, "cpu", *limit) for each in (FROM_BYTES, FROM_FILE, BACKEND) for limit in limits)
    if size == 64 * MIB:
        return tuple(Goal(each, of, 0.6, UPLOAD_FILEOBJ) for each in (FROM_FILE, FROM_BYTES) for of in ("cpu", "wall"))
    return ()


def trials(scale: Scale) -> list[Trial]:
    """Return a trial for each size, with and without TLS."""
    sinks: Mapping[str, Any] = {"http": http_sink, "https": https_sink}
    return [
        Trial(
            f"{human_size(size)}, {scheme}",
            tuple(Contestant(name, partial(prepared, name, size), (need,)) for name, (_, need) in STORES.items()),
            peer=PUT_OBJECT if size == SMALL else UPLOAD_FILEOBJ,
            calls=scale.calls({SMALL: 200, 8 * MIB: 8, 64 * MIB: 2}.get(size, 1)),
            size=size,
            goals=goals(size),
            service=sink,
        )
        for scheme, sink in sinks.items()
        for size in scale.sizes([SMALL], [8 * MIB, 64 * MIB, 256 * MIB])
    ]


CASE = Case(
    "save_to_s3",
    "A file to S3",
    "A file on this machine's disk is stored on a store that keeps nothing (nginx with canned answers), over http and "
    "over https with a certificate of its own. All clients have their defaults; obstore cannot be told to trust one "
    "more certificate and checks none. uploadkit alone refuses to overwrite and has every byte checked by a SHA-256 or "
    "CRC-32 that goes with it.",
    trials,
)
