"""A file of this machine, stored on Google Cloud Storage."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any

from benchmarks.harness.bodies import photo
from benchmarks.harness.clients import endpoint
from benchmarks.harness.model import KIB, MIB, Case, Contestant, Job, Scale, Trial, human_size
from benchmarks.harness.sinks import GCS_BUCKET, gcs_emulator

#: Stores the file at a path under a name.
Store = Callable[[Path, str], object]

BACKEND, THE_SET, BLOB, DJANGO = "GCSBackend.save", "uploadkit put(file)", "upload_from_file", "django-storages"
SMALL = 10 * KIB


def bucket() -> Any:
    """Return the bucket of this trial, by the SDK, with its defaults."""
    from google.auth.credentials import AnonymousCredentials
    from google.cloud import storage

    options = {"api_endpoint": endpoint()}
    client = storage.Client(project="benchmark", credentials=AnonymousCredentials(), client_options=options)
    return client.bucket(os.environ[GCS_BUCKET])


def by_the_backend() -> Store:
    from uploadkit import SaveOptions
    from uploadkit.backends.gcs import GCSBackend, GCSOptions

    backend, options = GCSBackend(os.environ[GCS_BUCKET], GCSOptions(endpoint=endpoint())), SaveOptions()

    def store(path: Path, name: str) -> object:
        with path.open("rb") as file:
            return backend.save(name, file, options)

    return store


def by_the_set() -> Store:
    from flask import Flask

    from uploadkit import IMAGES, UploadSet, configure_uploads

    app, photos = Flask("benchmark"), UploadSet("photos", IMAGES)
    app.config.update(
        UPLOADED_PHOTOS_BACKEND="gcs",
        UPLOADED_PHOTOS_DEST=os.environ[GCS_BUCKET],
        UPLOADED_PHOTOS_OPTIONS={"endpoint": endpoint()},
    )
    configure_uploads(app, photos)
    app.app_context().push()

    def store(path: Path, name: str) -> object:
        with path.open("rb") as file:
            return photos.put(file, name)

    return store


def by_the_sdk() -> Store:
    place = bucket()

    def store(path: Path, name: str) -> object:
        with path.open("rb") as file:
            return place.blob(name).upload_from_file(file, content_type="image/jpeg")

    return store


def by_django_storages() -> Store:
    import django
    from django.conf import settings
    from google.auth.credentials import AnonymousCredentials

    settings.configure()
    django.setup()
    from django.core.files import File
    from storages.backends.gcloud import GoogleCloudStorage

    storage = GoogleCloudStorage(
        bucket_name=os.environ[GCS_BUCKET], project_id="benchmark", credentials=AnonymousCredentials()
    )

    def store(path: Path, name: str) -> object:
        with path.open("rb") as file:
            return storage.save(name, File(file))

    return store


#: What makes each contestant, and the module that it needs.
STORES: dict[str, tuple[Callable[[], Store], str]] = {
    BACKEND: (by_the_backend, "google.cloud.storage"),
    THE_SET: (by_the_set, "google.cloud.storage"),
    BLOB: (by_the_sdk, "google.cloud.storage"),
    DJANGO: (by_django_storages, "storages"),
}


@contextmanager
def prepared(name: str, size: int) -> Iterator[Job]:
    """Make a contestant ready to store a file of ``size`` bytes, under a new name each time."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "photo.jpg")
        with path.open("wb") as file:
            file.writelines(photo(size))
        store, place, start, numbers = STORES[name][0](), bucket(), os.urandom(4).hex(), count()

        def empty() -> None:
            for blob in place.list_blobs(prefix=start):  # the emulator keeps them in memory
                blob.delete()

        yield Job(lambda: store(path, f"{start}-{next(numbers)}.jpg"), after=empty)


def trials(scale: Scale) -> list[Trial]:
    """Return a trial for each size."""
    return [
        Trial(
            human_size(size),
            tuple(Contestant(name, partial(prepared, name, size), (need,)) for name, (_, need) in STORES.items()),
            peer=BLOB,
            calls=scale.calls({SMALL: 50, 8 * MIB: 4}.get(size, 1)),
            size=size,
            service=gcs_emulator,
        )
        for size in scale.sizes([SMALL], [8 * MIB, 64 * MIB])
    ]


CASE = Case(
    "save_to_gcs",
    "A file to Google Cloud Storage",
    "A file on this machine's disk is stored on fake-gcs-server, over http. CPU, memory and bytes are the client's; "
    "wall time is the emulator's, too. All clients have their defaults, and send a checksum along. uploadkit alone "
    "refuses to overwrite, for which it looks first on an emulator, one request more than on Google's own servers; it "
    "sends long files in pieces of 8 MiB, of which two are in memory.",
    trials,
)
