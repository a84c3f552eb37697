"""Copying within S3, without the bytes passing through this process."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any

from ...exceptions import AlreadyExistsError
from ...models import FileInfo, SaveOptions
from .._cloud.announced import check_announced
from .._cloud.body import Body
from .._cloud.metadata import new_upload_word
from .client import BACKEND, S3Calls
from .conditions import store
from .files import attributes_of, info_of, look_up, saved_info
from .multipart import abort
from .options import LARGEST_PART, MIB
from .parts import MOST_PARTS, Sender
from .reading import changed

#: The largest part that is copied in one request when there are several; S3 copies them side by side.
_PART = 512 * MIB


def copy(calls: S3Calls, source: str, target: str, options: SaveOptions) -> FileInfo:
    """Copy ``source`` to ``target``, see `SupportsCopy.copy`."""
    calls.place.stored(target)
    found = look_up(calls, source)
    info = info_of(source, found)
    check_announced(info, options, BACKEND)
    kept = {name: found[name] for name in _KEPT if found.get(name)}
    return _Copy(calls, info, target, options, kept).run()


#: What options do not speak of, and without which the bytes of another program's file may mean nothing.
_KEPT = ("ContentEncoding", "ContentLanguage")


class _Copy:
    """One copy of what is known as ``info``."""

    def __init__(
        self, calls: S3Calls, info: FileInfo, target: str, options: SaveOptions, kept: Mapping[str, Any]
    ) -> None:
        digest = (info.checksum or "").removeprefix("sha256:")
        self._calls = calls
        self._info = info
        self._target = target
        self._overwrite = options.overwrite
        self._word = new_upload_word()
        sha256 = digest if digest != (info.checksum or "") else None
        self._attributes = {**kept, **attributes_of(calls, target, options, self._word, sha256)}
        self._source: dict[str, Any] = {
            "CopySource": {"Bucket": calls.place.bucket, "Key": calls.place.stored(info.key)},
            **({"CopySourceIfMatch": f'"{info.etag}"'} if info.etag else {}),
        }

    def run(self) -> FileInfo:
        """Copy in one request where S3 can and may; else in parts, whose end alone every store makes conditional."""
        if self._info.size == 0:
            return self._store("put_object", self._put_nothing)
        if self._overwrite and self._info.size <= LARGEST_PART:
            return self._store("copy_object", self._copy_whole)
        return self._copy_in_parts()

    def _store(self, operation: str, send: Any) -> FileInfo:
        return store(self._calls, self._target, self._word, operation, send, overwrite=self._overwrite)

    def _stored(self, answer: Mapping[str, Any]) -> FileInfo:
        return saved_info(self._target, self._info.size, self._attributes, answer)

    def _put_nothing(self, condition: Mapping[str, str]) -> FileInfo:
        return self._stored(self._calls("put_object", self._target, Body=Body(b""), **self._attributes, **condition))

    def _copy_whole(self, condition: Mapping[str, str]) -> FileInfo:
        replaced = {"MetadataDirective": "REPLACE", **self._attributes, **condition}
        if (
            self._calls.is_aws
        ):  # a copy has the tags of the options, as one by parts has; not every store knows the word
            replaced["TaggingDirective"] = "REPLACE"
        answer = self._guarded("copy_object", self._target, **self._source, **replaced)
        return self._stored({**answer, **answer["CopyObjectResult"]})

    def _copy_in_parts(self) -> FileInfo:
        begun = self._calls("create_multipart_upload", self._target, **self._attributes)
        upload_id = begun["UploadId"]
        try:
            with Sender[dict[str, Any]](self._calls.options.concurrency) as sender:
                for number, window in enumerate(_windows(self._info.size), start=1):
                    sender.send(partial(self._copy_part, upload_id, number, window))
                parts = {"Parts": sender.results()}
            return self._store("complete_multipart_upload", partial(self._complete, upload_id, parts))
        except BaseException:
            abort(self._calls, self._target, upload_id)
            raise

    def _copy_part(self, upload_id: str, number: int, window: Mapping[str, str]) -> dict[str, Any]:
        place = {"UploadId": upload_id, "PartNumber": number}
        answer = self._guarded("upload_part_copy", self._target, **place, **self._source, **window)
        return {"PartNumber": number, "ETag": answer["CopyPartResult"]["ETag"]}

    def _complete(self, upload_id: str, parts: dict[str, Any], condition: Mapping[str, str]) -> FileInfo:
        finished = {"UploadId": upload_id, "MultipartUpload": parts, **condition}
        return self._stored(self._calls("complete_multipart_upload", self._target, **finished))

    def _guarded(self, operation: str, key: str, **parameters: Any) -> dict[str, Any]:
        """Call an operation whose only condition is that the source is still the same."""
        try:
            return self._calls(operation, key, **parameters)
        except AlreadyExistsError as error:  # what 412 means elsewhere
            raise changed(self._info.key) from error.__cause__


def _windows(size: int) -> Iterator[dict[str, str]]:
    """Yield the range of one part after another; a file that fits into one part is copied without."""
    if size <= LARGEST_PART:
        yield {}
        return
    part = max(_PART, -(-size // MOST_PARTS))
    for start in range(0, size, part):
        yield {"CopySourceRange": f"bytes={start}-{min(start + part, size) - 1}"}
