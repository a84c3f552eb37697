"""What signed URLs cost, beside boto3's in the same run.

Run it with ``python benchmarks/signing.py``. Nothing here needs the network.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from statistics import median
from typing import Any

from boto3.session import Session
from botocore.config import Config
from flask import Flask

from uploadkit import IMAGES, UploadSet, configure_uploads
from uploadkit.backends.s3 import S3Backend, S3Options
from uploadkit.models import LinkOptions

ROUNDS, CALLS = 9, 1000
PREFIX = "photos"
TYPE = "image/jpeg"
CREDENTIALS = ("AKIDEXAMPLE", "secret")

Sign = Callable[[str], object]


def disposition(name: str) -> str:
    """Return how a file is offered."""
    return f'inline; filename="{name}"'


def by_boto3() -> Sign:
    """Return what signs with boto3."""
    client: Any = Session(*CREDENTIALS, region_name="eu-central-1").client(
        "s3", config=Config(signature_version="s3v4")
    )

    def sign(name: str) -> object:
        parameters = {
            "Bucket": "bucket",
            "Key": f"{PREFIX}/{name}",
            "ResponseContentType": TYPE,
            "ResponseContentDisposition": disposition(name),
        }
        return client.generate_presigned_url("get_object", Params=parameters, ExpiresIn=3600)

    return sign


def by_the_backend() -> Sign:
    """Return what signs with a backend."""
    access_key_id, secret = CREDENTIALS
    options = S3Options(region="eu-central-1", access_key_id=access_key_id, secret_access_key=secret)
    backend = S3Backend(f"bucket/{PREFIX}", options)
    return lambda name: backend.signed_url(name, 3600, LinkOptions("GET", TYPE, disposition(name)))


def by_the_set() -> Sign:
    """Return what signs one URL as an app does, within a request."""
    access_key_id, secret = CREDENTIALS
    app, photos = Flask("benchmark"), UploadSet("photos", IMAGES)
    app.config.update(
        UPLOADED_PHOTOS_BACKEND="s3",
        UPLOADED_PHOTOS_DEST=f"bucket/{PREFIX}",
        UPLOADED_PHOTOS_OPTIONS={
            "region": "eu-central-1",
            "access_key_id": access_key_id,
            "secret_access_key": secret,
        },
    )
    configure_uploads(app, photos)
    app.test_request_context().push()
    return photos.signed_url


#: What is measured beside boto3, each by what makes it.
CANDIDATES: dict[str, Callable[[], Sign]] = {
    "S3Backend.signed_url": by_the_backend,
    "UploadSet.signed_url": by_the_set,
}


def seconds(sign: Sign, names: list[str]) -> float:
    """Return the seconds that it takes to sign a URL for each name."""
    begun = time.perf_counter()
    for name in names:
        sign(name)
    return time.perf_counter() - begun


def measure(make: Callable[[], Sign]) -> list[tuple[float, float]]:
    """Return our seconds for all the calls, and those over boto3's: medians of rounds that take turns.

    First for fresh URLs, then for the same again, within the window.
    """
    ours, bare = make(), by_boto3()
    seconds(ours, ["warm.jpg"]), seconds(bare, ["warm.jpg"])
    fresh, again = [], []
    for number in range(ROUNDS):
        names = [f"{number}-{count:05}.jpg" for count in range(CALLS)]  # fresh ones: nothing may be remembered
        theirs = seconds(bare, names)
        fresh.append((seconds(ours, names), theirs))
        again.append((seconds(ours, names), theirs))
    return [
        (median(mine for mine, _ in each), median(mine / theirs for mine, theirs in each)) for each in (fresh, again)
    ]


def main() -> None:
    """Measure, and print what came out."""
    for name, make in CANDIDATES.items():
        for what, (ours, ratio) in zip(("fresh", "the same"), measure(make), strict=True):
            print(f"{CALLS} URLs, {what}, {name}: {ours * 1000:.1f} ms, {ratio:.4f} of boto3's time")


if __name__ == "__main__":
    main()
