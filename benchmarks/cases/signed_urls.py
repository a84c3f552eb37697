"""Links that are signed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from functools import partial
from itertools import count
from typing import Any

from flask import Flask

from benchmarks.harness.model import Case, Contestant, Job, Scale, Trial

PREFIX, TYPE, REGION = "photos", "image/jpeg", "eu-central-1"
ACCESS_KEY, SECRET_KEY = "AKIDEXAMPLE", "secret"
BOTO3, BACKEND, SET, OBSTORE = "generate_presigned_url", "S3Backend.signed_url", "UploadSet.signed_url", "obstore"
#: How many names are signed again and again, where the names are the same.
SAME = 100

Sign = Callable[[str], object]


def options() -> dict[str, Any]:
    return {"region": REGION, "access_key_id": ACCESS_KEY, "secret_access_key": SECRET_KEY}


def disposition(name: str) -> str:
    """Return how a file is offered."""
    return f'inline; filename="{name}"'


def by_boto3() -> Sign:
    """Return what signs with boto3."""
    from boto3.session import Session
    from botocore.config import Config

    session = Session(ACCESS_KEY, SECRET_KEY, region_name=REGION)
    client: Any = session.client("s3", config=Config(signature_version="s3v4"))

    def sign(name: str) -> object:
        parameters = {
            "Bucket": "bucket",
            "Key": f"{PREFIX}/{name}",
            "ResponseContentType": TYPE,
            "ResponseContentDisposition": disposition(name),
        }
        return client.generate_presigned_url("get_object", Params=parameters, ExpiresIn=3600)

    return sign


def by_obstore() -> Sign:
    """Return what signs with obstore, which cannot name a type or a disposition."""
    import obstore
    from obstore.store import S3Store

    store = S3Store("bucket", region=REGION, access_key_id=ACCESS_KEY, secret_access_key=SECRET_KEY)
    return lambda name: obstore.sign(store, "GET", f"{PREFIX}/{name}", timedelta(hours=1))


def by_the_backend() -> Sign:
    """Return what signs with a backend."""
    from uploadkit.backends.s3 import S3Backend, S3Options
    from uploadkit.models import LinkOptions

    backend = S3Backend(f"bucket/{PREFIX}", S3Options(**options()))
    return lambda name: backend.signed_url(name, 3600, LinkOptions("GET", TYPE, disposition(name)))


def by_the_set() -> Sign:
    """Return what signs as an app does, within a request."""
    from uploadkit import IMAGES, UploadSet, configure_uploads

    app, photos = Flask("benchmark"), UploadSet("photos", IMAGES)
    app.config.update(
        UPLOADED_PHOTOS_BACKEND="s3",
        UPLOADED_PHOTOS_DEST=f"bucket/{PREFIX}",
        UPLOADED_PHOTOS_OPTIONS=options(),
    )
    configure_uploads(app, photos)
    app.test_request_context().push()
    return photos.signed_url


@contextmanager
def prepared(make: Callable[[], Sign], *, fresh: bool) -> Iterator[Job]:
    sign, numbers = make(), count(SAME)

    def sign_all() -> None:
        for number in range(SAME):
            sign(f"{number:08}.jpg")

    yield Job(lambda: sign(f"{next(numbers) if fresh else next(numbers) % SAME:08}.jpg"), warm=sign_all)


MAKERS: dict[str, tuple[Callable[[], Sign], str]] = {
    BACKEND: (by_the_backend, "boto3"),
    SET: (by_the_set, "boto3"),
    BOTO3: (by_boto3, "boto3"),
    OBSTORE: (by_obstore, "obstore"),
}


def trials(scale: Scale) -> list[Trial]:
    """Return a trial for names that are new, and one for names that were signed a moment ago."""
    return [
        Trial(
            "new names" if fresh else "the same names again",
            tuple(
                Contestant(name, partial(prepared, make, fresh=fresh), (need,)) for name, (make, need) in MAKERS.items()
            ),
            peer=BOTO3,
            calls=scale.calls(2000),
        )
        for fresh in (True, False)
    ]


CASE = Case(
    "signed_urls",
    "Signed links of S3",
    "A link is signed for an hour, with the media type and the disposition to answer with; nothing of it needs the "
    "network. Once with ever new names, once with a hundred names again and again. obstore's links name neither type "
    "nor disposition.",
    trials,
)
