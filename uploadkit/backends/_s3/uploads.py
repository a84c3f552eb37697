"""Multipart uploads on S3 that arrive part by part, from anywhere: the power, not the way `save` stores long files."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, BinaryIO

from ...directmodels import Part, PartLimits
from ...exceptions import AlreadyExistsError, BackendError, IntegrityError, NotFoundError, NotSupportedError
from ...filetypes import content_type_for
from ...models import FileInfo, SaveOptions
from ...streams import read_block, rewind
from .._cloud.body import Body
from .._cloud.metadata import new_upload_word
from .checksums import checksum_headers
from .client import BACKEND, S3Calls
from .conditions import COMPLETE, store
from .files import attributes_of, bare_etag, info_of, look_up, recognised, time_of
from .multipart import remove
from .options import LARGEST_PART, LEAST_PART
from .parts import MOST_PARTS

LIMITS = PartLimits(LEAST_PART, LARGEST_PART, MOST_PARTS)


def create(calls: S3Calls, key: str, options: SaveOptions) -> str:
    """Begin an upload. Its upload id is S3's, and before it the word by which a lost answer is recognised later.

    No checksum algorithm is asked for: S3 would then demand it of parts that browsers send.

    :raises NotSupportedError: if a size or checksum is announced: S3 has nothing to hold parts to it by.
    """
    if options.size is not None or options.checksum is not None:
        problem = f"S3 cannot hold a multipart upload of {key!r} to a size or checksum that is announced at its start."
        raise NotSupportedError(problem, key=key, backend=BACKEND)
    word = new_upload_word()
    answer = calls("create_multipart_upload", key, **attributes_of(calls, key, options, word, None))
    return f"{word}.{answer['UploadId']}"


def put(calls: S3Calls, key: str, upload_id: str, number: int, stream: BinaryIO) -> Part:
    """Store a part."""
    LIMITS.check_number(number)
    rewind(stream)
    content = read_block(stream, LARGEST_PART)
    answer = calls(
        "upload_part",
        key,
        **_place(calls, key, upload_id),
        PartNumber=number,
        Body=Body(content),
        **checksum_headers("none" if calls.options.checksum_algorithm == "none" else "MD5", content),
    )
    return Part(number, _bare(answer["ETag"]), len(content))


def stored_parts(calls: S3Calls, key: str, upload_id: str) -> Iterator[Part]:
    """Yield the parts that are stored."""
    place = _place(calls, key, upload_id)
    page: dict[str, Any] = {"NextPartNumberMarker": 0, "IsTruncated": True}
    while page.get("IsTruncated"):
        page = calls("list_parts", key, **place, PartNumberMarker=page["NextPartNumberMarker"])
        for part in page.get("Parts", ()):
            yield Part(part["PartNumber"], _bare(part["ETag"]), part["Size"])


def complete(calls: S3Calls, key: str, upload_id: str, parts: Sequence[Part], *, overwrite: bool) -> FileInfo:
    """Make one file of the parts."""
    place = _place(calls, key, upload_id)
    by_number = {part.number: {"PartNumber": part.number, "ETag": f'"{_bare(part.etag)}"'} for part in parts}
    if not parts or len(by_number) < len(parts):
        what = "gives a part twice" if parts else "has no parts"
        raise IntegrityError(f"The multipart upload of {key!r} {what}.", key=key, backend=BACKEND)
    listed = [by_number[number] for number in sorted(by_number)]

    def send(condition: Mapping[str, str]) -> FileInfo:
        answer = calls("complete_multipart_upload", key, **place, MultipartUpload={"Parts": listed}, **condition)
        return _completed(calls, key, parts, answer)

    word = upload_id.partition(".")[0]
    try:
        return store(calls, key, word, COMPLETE, send, overwrite=overwrite)
    except (AlreadyExistsError, NotFoundError):
        info = None if overwrite else recognised(calls, key, word)
        if info is None:
            raise
        return info  # whoever lost the answer asks again


def give_up(calls: S3Calls, key: str, upload_id: str) -> None:
    """Forget an upload."""
    try:
        own = _place(calls, key, upload_id)["UploadId"]
    except NotFoundError:
        return
    remove(calls, key, own)


def _completed(calls: S3Calls, key: str, parts: Sequence[Part], answer: Mapping[str, Any]) -> FileInfo:
    """Return what is known of the file; it is stored, even if the credentials may not look it up."""
    try:
        return info_of(key, look_up(calls, key))
    except BackendError:
        size = sum(part.size for part in parts)
        return FileInfo(key, size, content_type_for(key), time_of(answer), bare_etag(answer))


def s3_upload_id(key: str, upload_id: str) -> str:
    """Return S3's part of an upload id.

    :raises NotFoundError: if it is none of ours.
    """
    word, dot, own = upload_id.partition(".")
    if not (word and dot and own):
        raise NotFoundError(f"There is no multipart upload of {key!r} with this id.", key=key, backend=BACKEND)
    return own


def _place(calls: S3Calls, key: str, upload_id: str) -> dict[str, str]:
    calls.place.stored(key)
    return {"UploadId": s3_upload_id(key, upload_id)}


def _bare(etag: str) -> str:
    return etag.strip('"')
