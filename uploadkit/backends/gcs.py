"""The Google Cloud Storage backend, by google-cloud-storage."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any, BinaryIO, NoReturn
from urllib.parse import quote

from ..directmodels import Part, PartLimits, PresignedRequest, UploadPolicy
from ..models import FileInfo, LinkOptions, SaveOptions, SignedURL
from ..remotepath import RemotePath
from ..streams import check_range
from ._cloud.bucket import place_of
from ._factory import options_factory
from ._gcs import copying, links, reading, saving, signing, streaming, uploads
from ._gcs.listing import objects, remove_all
from ._gcs.objects import info_of
from ._gcs.options import DEFAULT_ENDPOINT, GCSOptions
from ._gcs.wire import Wire
from .capabilities import Capabilities, declared
from .registry import BackendFactory

_LISTED = "name,size,contentType,timeCreated,updated,generation"


class GCSBackend:
    """Keeps files in a bucket of Google Cloud Storage.

    :param destination: ``"bucket"``, ``"bucket/prefix"`` or ``"gs://bucket/prefix"``.
    :param options: How to talk to the store; on Google Cloud with a service account none is needed.
    :raises ConfigError: if no bucket is named.
    """

    name = "gcs"
    part_limits: PartLimits = uploads.LIMITS

    def __init__(self, destination: Any = None, options: GCSOptions | None = None) -> None:
        self._options = options or GCSOptions()
        self._place = place_of(destination, self._options, "gs")
        self._wire = Wire(self._place, self._options, self.name)

    def __repr__(self) -> str:
        return f"GCSBackend({self._place.uri('')!r})"

    def __reduce__(self) -> NoReturn:
        raise TypeError("A GCSBackend cannot be pickled: it may hold credentials. Make one in each process.")

    def capabilities(self) -> Capabilities:
        """Return its powers; without credentials there is nothing to sign with."""
        found = declared(self)
        if not self._options.is_anonymous:
            return found
        return replace(found, signing=None, direct_upload=None, presigned_parts=None)

    def save(self, key: str, stream: BinaryIO, options: SaveOptions) -> FileInfo:
        return saving.save(self._wire, key, stream, options)

    def open(self, key: str) -> BinaryIO:
        return reading.open_file(self._wire, key)[1]

    def stat(self, key: str) -> FileInfo:
        return info_of(key, self._wire.get(key, self._place.stored(key)))

    def delete(self, key: str) -> None:
        self._wire.remove(key, self._place.stored(key))

    def url(self, key: str) -> str | None:
        self._place.stored(key)
        if self._options.custom_domain:
            return self._place.public_url(self._options.custom_domain, key)
        base = (self._options.endpoint or DEFAULT_ENDPOINT).rstrip("/")
        return self._place.public_url(f"{base}/{quote(self._place.bucket)}", key) if self._options.public else None

    def path(self, key: str) -> RemotePath:
        return RemotePath(self._place.uri(key), self.name)

    def open_range(self, key: str, start: int, length: int | None = None) -> BinaryIO:
        check_range(start, length)
        return reading.open_file(self._wire, key, start, length)[1]

    def open_snapshot(self, key: str) -> tuple[FileInfo, BinaryIO]:
        return reading.open_file(self._wire, key)

    def open_stream(self, key: str, start: int = 0, length: int | None = None) -> tuple[FileInfo, BinaryIO]:
        check_range(start, length)
        return streaming.open_stream(self._wire, key, start, length)

    def list_files(self, prefix: str = "") -> Iterator[FileInfo]:
        for found in objects(self._wire, self._place.prefix + prefix, _LISTED):
            key = self._place.key(found["name"])
            if key is not None:
                yield info_of(key, {**found, "metadata": {}, "md5Hash": None})

    def copy(self, source: str, target: str, options: SaveOptions) -> FileInfo:
        return copying.copy(self._wire, source, target, options)

    def delete_many(self, keys: Sequence[str]) -> None:
        remove_all(self._wire, [self._place.stored(key) for key in keys])

    def sweep(self, older_than: timedelta = timedelta(hours=24)) -> int:
        return uploads.sweep(self._wire, older_than)

    def signed_url(self, key: str, expires_in: int, options: LinkOptions | None = None) -> SignedURL:
        return links.signed_url(self._wire, key, expires_in, options or LinkOptions())

    def presign_upload(self, key: str, policy: UploadPolicy, expires_in: int) -> PresignedRequest:
        return signing.presign_upload(self._wire, key, policy, expires_in)

    def create_multipart(self, key: str, options: SaveOptions) -> str:
        return uploads.create(self._wire, key, options)

    def put_part(self, key: str, upload_id: str, number: int, stream: BinaryIO) -> Part:
        return uploads.put(self._wire, key, upload_id, number, stream)

    def list_parts(self, key: str, upload_id: str) -> Iterator[Part]:
        return uploads.stored_parts(self._wire, key, upload_id)

    def complete_multipart(
        self, key: str, upload_id: str, parts: Sequence[Part], *, overwrite: bool = False
    ) -> FileInfo:
        return uploads.complete(self._wire, key, upload_id, parts, overwrite=overwrite)

    def abort_multipart(self, key: str, upload_id: str) -> None:
        uploads.abort(self._wire, key, upload_id)

    def presign_part(
        self, key: str, upload_id: str, number: int, expires_in: int, *, size: int | None = None
    ) -> PresignedRequest:
        return uploads.presign(self._wire, key, upload_id, number, expires_in, size)


#: Makes the backend from settings: a destination, and the fields of `GCSOptions` as keywords.
create: BackendFactory = options_factory(GCSBackend, GCSOptions)

__all__ = ["GCSBackend", "GCSOptions", "create"]
