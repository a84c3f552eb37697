"""Multipart uploads, built on composing: the store's own ones know no condition, so they would overwrite.

A part is an object in the internal folder, ``multipart/<upload id>/<number>``; beside the parts lies an empty object
with the attributes that the file is to have. Completing composes the parts. They have the storage class of the file,
for the store composes no others.
"""

from __future__ import annotations

import hashlib
import re
import secrets
from collections.abc import Iterator, Sequence
from contextlib import suppress
from datetime import datetime, timedelta, timezone
from itertools import groupby
from typing import Any, BinaryIO

from ...directmodels import Part, PartLimits, PresignedRequest
from ...exceptions import BackendError, IntegrityError, NotFoundError, NotSupportedError
from ...models import RESERVED_METADATA, FileInfo, SaveOptions
from ...streams import read_block, rewind
from .._cloud.metadata import new_upload_word
from .compose import compose
from .listing import objects, remove_all
from .objects import attributes, info_of, md5_of
from .saving import put_object
from .signing import own_headers, presign_put
from .wire import Wire

LIMITS = PartLimits(min_size=1, max_size=5 * 1024**3, max_count=10_000)

_START = "start"
_SIZE = f"{RESERVED_METADATA}size"
_ID = re.compile(r"[0-9a-f]{32}-([0-9a-f]{16})")
_FIELDS = "name,size,generation,etag,md5Hash,contentType,contentDisposition,cacheControl,metadata"


def create(wire: Wire, key: str, options: SaveOptions) -> str:
    """Begin an upload, as `SupportsMultipart.create_multipart` promises."""
    wire.place.stored(key)
    if options.checksum is not None:
        raise NotSupportedError(
            f"A multipart upload of {key!r} on the {wire.name!r} backend cannot be held to a checksum: "
            "the store does not read composed files again.",
            key=key,
            backend=wire.name,
        )
    upload_id = f"{secrets.token_hex(16)}-{_mark(key)}"
    word = new_upload_word()
    wanted = attributes(_folder(wire, upload_id) + _START, key, options, wire.options, word)
    if options.size is not None:
        wanted["metadata"][_SIZE] = str(options.size)
    put_object(wire, key, wanted, b"", word, overwrite=True)
    return upload_id


def put(wire: Wire, key: str, upload_id: str, number: int, stream: BinaryIO) -> Part:
    """Store a part, as `SupportsMultipart.put_part` promises."""
    folder = _checked(wire, key, upload_id)
    LIMITS.check_number(number)
    wire.get(key, folder + _START, "find the upload of")
    rewind(stream)
    word = new_upload_word()
    wanted = attributes(_part_name(folder, number), "part", SaveOptions(), wire.options, word)
    return _part(number, put_object(wire, key, wanted, read_block(stream, LIMITS.max_size), word, overwrite=True))


def stored_parts(wire: Wire, key: str, upload_id: str) -> Iterator[Part]:
    """Yield the parts, as `SupportsMultipart.list_parts` promises."""
    _, found = _find(wire, key, upload_id)
    yield from (_part(number, item) for number, item in sorted(found.items()))


def complete(wire: Wire, key: str, upload_id: str, parts: Sequence[Part], *, overwrite: bool) -> FileInfo:
    """Make a file of parts, as `SupportsMultipart.complete_multipart` promises."""
    name = wire.place.stored(key)
    start, found = _find(wire, key, upload_id)
    chosen = [_chosen(wire, key, part, found) for part in sorted(parts, key=lambda part: part.number)]
    _check(wire, key, parts, sum(int(item["size"]) for item in chosen), start["metadata"].pop(_SIZE, None))
    info = info_of(key, compose(wire, key, {**start, "name": name}, chosen, overwrite=overwrite))
    with suppress(BackendError):  # the file is there; what is left is swept
        _remove(wire, _folder(wire, upload_id))
    return info


def abort(wire: Wire, key: str, upload_id: str) -> None:
    """Forget an upload, as `SupportsMultipart.abort_multipart` promises."""
    with suppress(NotFoundError):
        _remove(wire, _checked(wire, key, upload_id))


def presign(wire: Wire, key: str, upload_id: str, number: int, expires_in: int, size: int | None) -> PresignedRequest:
    """Return a request that stores a part, as `SupportsPresignedParts.presign_part` promises."""
    folder = _checked(wire, key, upload_id)
    name = _part_name(folder, LIMITS.check_number(number))
    lengths = f"0,{LIMITS.max_size}" if size is None else f"{size},{size}"
    headers = {"x-goog-content-length-range": lengths, **own_headers(wire.options, internal=True)}
    return presign_put(wire, key, name, expires_in, headers)


def sweep(wire: Wire, older_than: timedelta) -> int:
    """Remove the uploads in which nothing was stored for ``older_than``; return how many there were."""
    before = datetime.now(timezone.utc) - older_than
    root = f"{wire.place.internal}multipart/"
    listed = objects(wire, root, "name,size,generation,timeCreated")
    swept = 0
    for upload_id, found in groupby(listed, lambda item: item["name"].removeprefix(root).partition("/")[0]):
        if max(info_of("", item).last_modified or before for item in found) <= before:
            _remove(wire, _folder(wire, upload_id))
            swept += 1
    return swept


def _mark(key: str) -> str:
    """Return what binds an upload id to its key."""
    return hashlib.sha256(key.encode()).hexdigest()[:16]


def _folder(wire: Wire, upload_id: str) -> str:
    return f"{wire.place.internal}multipart/{upload_id}/"


def _part_name(folder: str, number: int) -> str:
    return f"{folder}{number:05d}"


def _checked(wire: Wire, key: str, upload_id: str) -> str:
    """Return the folder of an upload, if its id can be one of ``key``."""
    wire.place.stored(key)
    found = _ID.fullmatch(upload_id)
    if found is None or found[1] != _mark(key):
        raise _unknown(wire, key)
    return _folder(wire, upload_id)


def _find(wire: Wire, key: str, upload_id: str) -> tuple[dict[str, Any], dict[int, dict[str, Any]]]:
    """Return the start object of an upload and its parts by number."""
    folder = _checked(wire, key, upload_id)
    found = {item["name"].removeprefix(folder): item for item in objects(wire, folder, _FIELDS)}
    if _START not in found:
        raise _unknown(wire, key)
    return found[_START], {int(tail): item for tail, item in found.items() if tail.isdecimal()}


def _part(number: int, item: dict[str, Any]) -> Part:
    return Part(number, _tags(item)[0], int(item["size"]))


def _tags(item: dict[str, Any]) -> list[str]:
    """Return the etags that a part goes by: the md5 as the store answers a ``PUT``, and what it answers if it has none.

    With a key of Cloud KMS the answer to a ``PUT`` is made of the JSON API's etag.
    """
    md5 = (md5_of(item) or "").removeprefix("md5:")
    return [tag for tag in (md5, str(item["generation"]), item.get("etag"), f"-{item.get('etag')}") if tag]


def _chosen(wire: Wire, key: str, part: Part, found: dict[int, dict[str, Any]]) -> dict[str, Any]:
    item = found.get(part.number)
    if item is None or part.etag.strip('"') not in _tags(item) or part.size != int(item["size"]):
        raise _refused(wire, key, f"part {part.number} is not stored as given")
    return item


def _check(wire: Wire, key: str, parts: Sequence[Part], size: int, announced: str | None) -> None:
    if not parts or len({part.number for part in parts}) != len(parts):
        raise _refused(wire, key, "the list of parts is empty or has a number twice")
    if announced is not None and int(announced) != size:
        raise _refused(wire, key, f"{announced} bytes were announced, {size} arrived")


def _remove(wire: Wire, folder: str) -> None:
    """Remove an upload, its start first: after that it is unknown, and no more parts are taken."""
    wire.remove(None, folder + _START)
    remove_all(wire, [item["name"] for item in objects(wire, folder, "name")])


def _unknown(wire: Wire, key: str) -> NotFoundError:
    message = f"There is no such upload of {key!r} on the {wire.name!r} backend."
    return NotFoundError(message, key=key, backend=wire.name)


def _refused(wire: Wire, key: str, why: str) -> IntegrityError:
    return IntegrityError(f"{key!r} was not completed on the {wire.name!r} backend: {why}.", key=key, backend=wire.name)
