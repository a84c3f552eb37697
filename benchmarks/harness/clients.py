"""What the contestants talk to a store with, each as its documentation says."""

from __future__ import annotations

import os
from typing import Any

from .sinks import CERTIFICATE, ENDPOINT

BUCKET, REGION, ACCESS_KEY, SECRET_KEY = "bucket", "us-east-1", "key", "secret"


def endpoint() -> str:
    """Return the URL of the store of this trial."""
    return os.environ[ENDPOINT]


def boto3_client() -> Any:
    """Return a client with boto3's defaults."""
    import boto3

    return boto3.client(
        "s3",
        endpoint_url=endpoint(),
        region_name=REGION,
        aws_access_key_id=ACCESS_KEY,
        aws_secret_access_key=SECRET_KEY,
    )


def s3_options() -> dict[str, Any]:
    """Return the options of a set on this store; all else is left at its default."""
    return {
        "endpoint_url": endpoint(),
        "region": REGION,
        "access_key_id": ACCESS_KEY,
        "secret_access_key": SECRET_KEY,
    }


def django_storage() -> Any:
    """Return the S3 storage of django-storages."""
    import django
    from django.conf import settings

    settings.configure()
    django.setup()
    from storages.backends.s3 import S3Storage

    return S3Storage(
        bucket_name=BUCKET,
        endpoint_url=endpoint(),
        region_name=REGION,
        access_key=ACCESS_KEY,
        secret_key=SECRET_KEY,
    )


def obstore_store() -> Any:
    """Return a store of obstore, which is Rust's object_store."""
    from obstore.store import S3Store

    # It knows no way to name one more authority.
    client = {"allow_http": True, "allow_invalid_certificates": CERTIFICATE in os.environ}
    return S3Store(
        BUCKET,
        endpoint=endpoint(),
        region=REGION,
        access_key_id=ACCESS_KEY,
        secret_access_key=SECRET_KEY,
        virtual_hosted_style_request=False,
        client_options=client,
    )
