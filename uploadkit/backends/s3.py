"""The S3 backend: Amazon S3, and stores that speak its protocol, by boto3."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import timedelta
from functools import cached_property
from typing import Any, BinaryIO, NoReturn

from ..directmodels import Part, PartLimits, PresignedRequest, UploadPolicy
from ..exceptions import BackendError
from ..filetypes import content_type_for
from ..models import FileInfo, LinkOptions, SaveOptions, SignedURL
from ..remotepath import RemotePath
from ..streams import check_range
from ._cloud.bucket import place_of
from ._factory import options_factory
from ._s3 import copying, links, listing, reading, saving, signing, streaming, uploads
from ._s3.client import BACKEND, S3Calls
from ._s3.errors import code_of, meaning_of_code
from ._s3.files import bare_etag, info_of, look_up
from ._s3.options import S3Options
from .capabilities import Capabilities, declared
from .registry import BackendFactory

#: What stores answer that do not know how to delete several files at once.
_NO_BATCHES = (
    "NotImplemented",
    "501",
    "MethodNotAllowed",
    "405",
    "MissingContentMD5",
    "InvalidRequest",
    "MalformedXML",
)


class S3Backend:
    """Keeps files in a bucket of S3.

    :param destination: ``"bucket"``, ``"bucket/prefix"`` or ``"s3://bucket/prefix"``.
    :param options: How to talk to the store; on AWS with a role none is needed.
    :raises ConfigError: if no bucket is named, or ``options.extra_args`` has what S3 does not know.
    """

    name = BACKEND
    part_limits: PartLimits = uploads.LIMITS

    def __init__(self, destination: Any = None, options: S3Options | None = None) -> None:
        options = options or S3Options()
        self._options = options
        self._place = place_of(destination, options, "s3")
        self._calls = S3Calls(options, self._place)

    def __reduce__(self) -> NoReturn:
        raise TypeError("An S3Backend cannot be pickled: it may hold credentials. Make one in each process.")

    def __repr__(self) -> str:
        return f"S3Backend({self._place.uri('')!r})"

    def capabilities(self) -> Capabilities:
        """Return its powers; some options leave nothing that others could be given."""
        found = declared(self)
        if not self._options.can_sign_for_others:
            return replace(found, signing=None, direct_upload=None, presigned_parts=None)
        return found if self._options.can_be_linked_to else replace(found, signing=None)

    def save(self, key: str, stream: BinaryIO, options: SaveOptions) -> FileInfo:
        return saving.save(self._calls, key, stream, options)

    def open(self, key: str) -> BinaryIO:
        return reading.open_file(self._calls, key)

    def stat(self, key: str) -> FileInfo:
        return info_of(key, look_up(self._calls, key))

    def delete(self, key: str) -> None:
        self._calls("delete_object", key)

    def url(self, key: str) -> str | None:
        if self._options.custom_domain:
            return self._place.public_url(self._options.custom_domain, key)
        self._place.stored(key)
        return self._place.public_url(self._public_base, key) if self._options.public else None

    def path(self, key: str) -> RemotePath:
        return RemotePath(self._place.uri(key), self.name)

    def open_range(self, key: str, start: int, length: int | None = None) -> BinaryIO:
        check_range(start, length)
        return reading.open_part(self._calls, key, start, length)[1]

    def open_snapshot(self, key: str) -> tuple[FileInfo, BinaryIO]:
        return reading.open_snapshot(self._calls, key)

    def open_stream(self, key: str, start: int = 0, length: int | None = None) -> tuple[FileInfo, BinaryIO]:
        check_range(start, length)
        return streaming.open_stream(self._calls, key, start, length)

    def list_files(self, prefix: str = "") -> Iterator[FileInfo]:
        for found in listing.listed(self._calls, self._place.prefix + prefix):
            key = self._place.key(found["Key"])
            if key is not None:
                yield FileInfo(key, found["Size"], content_type_for(key), found["LastModified"], bare_etag(found))

    def copy(self, source: str, target: str, options: SaveOptions) -> FileInfo:
        return copying.copy(self._calls, source, target, options)

    def delete_many(self, keys: Sequence[str]) -> None:
        names = {self._place.stored(key): key for key in keys}
        if not names:
            return
        wanted = {"Objects": [{"Key": name} for name in names], "Quiet": True}
        try:
            answer = self._calls("delete_objects", None, Delete=wanted)
        except BackendError as error:
            if code_of(error) not in _NO_BATCHES:
                raise
            for key in keys:
                self.delete(key)
            return
        for failed in answer.get("Errors", ()):
            raise self._not_deleted(names.get(failed["Key"], failed["Key"]), failed.get("Code", ""))

    def sweep(self, older_than: timedelta = timedelta(hours=24)) -> int:
        return listing.sweep(self._calls, older_than)

    def signed_url(self, key: str, expires_in: int, options: LinkOptions | None = None) -> SignedURL:
        return links.signed_url(self._calls, key, expires_in, options or LinkOptions())

    def presign_upload(self, key: str, policy: UploadPolicy, expires_in: int) -> PresignedRequest:
        return signing.presign_upload(self._calls, key, policy, expires_in)

    def create_multipart(self, key: str, options: SaveOptions) -> str:
        return uploads.create(self._calls, key, options)

    def put_part(self, key: str, upload_id: str, number: int, stream: BinaryIO) -> Part:
        return uploads.put(self._calls, key, upload_id, number, stream)

    def list_parts(self, key: str, upload_id: str) -> Iterator[Part]:
        return uploads.stored_parts(self._calls, key, upload_id)

    def complete_multipart(
        self, key: str, upload_id: str, parts: Sequence[Part], *, overwrite: bool = False
    ) -> FileInfo:
        return uploads.complete(self._calls, key, upload_id, parts, overwrite=overwrite)

    def abort_multipart(self, key: str, upload_id: str) -> None:
        uploads.give_up(self._calls, key, upload_id)

    def presign_part(
        self, key: str, upload_id: str, number: int, expires_in: int, *, size: int | None = None
    ) -> PresignedRequest:
        return signing.presign_part(self._calls, key, upload_id, number, expires_in, size)

    @cached_property
    def _public_base(self) -> str:
        """The bucket's own URL, in the way of addressing that the client has."""
        return signing.bucket_url(self._calls)

    def _not_deleted(self, key: str, code: str) -> BackendError:
        found = meaning_of_code(code)
        return found.kind(
            f"Could not delete {key!r} on the {self.name!r} backend: {found.reason}.", key=key, backend=self.name
        )


#: Makes the backend from settings: a destination, and the fields of `S3Options` as keywords.
create: BackendFactory = options_factory(S3Backend, S3Options)

__all__ = ["S3Backend", "S3Options", "create"]
