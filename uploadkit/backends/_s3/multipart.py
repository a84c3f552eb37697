"""Saving a long file to S3 in parts: bounded memory, nothing visible before the end, nothing left after a failure."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from functools import partial
from itertools import count
from typing import Any, BinaryIO

from ...exceptions import BackendError, NotFoundError, PermissionDeniedError, UnavailableError
from ...models import FileInfo, SaveOptions
from ...streams import is_seekable, rewind
from .._cloud.body import Body
from .._cloud.metadata import new_upload_word
from .checksums import PartsTally, upload_parameters
from .client import BACKEND, S3Calls
from .conditions import CONFLICT, already_there, create_only, store
from .errors import code_of
from .files import attributes_of, is_taken, saved_info
from .parts import Buffers, Sender, cut, forget_frames, part_sizes

_log = logging.getLogger("uploadkit")

#: How often an upload is begun anew after a conflict (409) at its end.
_TRIES = 3


def save_in_parts(
    calls: S3Calls, key: str, head: bytearray, stream: BinaryIO, length: int | None, options: SaveOptions
) -> FileInfo:
    """Store what is in ``head`` and then in ``stream``.

    S3 wants an upload that met a conflict at its end to be begun anew; an unseekable stream cannot be read again.

    :param length: The length of the whole, if it is known.
    """
    _refuse_early(calls, key, options)
    for _ in range(_TRIES):
        try:
            return _Upload(calls, key, options).run(head, stream, length)
        except (UnavailableError, NotFoundError) as error:
            if code_of(error) not in (*CONFLICT, "NoSuchUpload"):
                raise
            refused = error
        if not is_seekable(stream):
            break
        rewind(stream)
        head = bytearray()
    raise UnavailableError(
        f"Could not save {key!r} on the {BACKEND!r} backend: {refused}", key=key, backend=BACKEND
    ) from refused


def abort(calls: S3Calls, key: str, upload_id: str) -> None:
    """Forget an upload and its parts after a failure; what cannot be removed is named in the log, for the sweeper."""
    for _ in range(2):
        try:
            remove(calls, key, upload_id)
        except BackendError as error:
            problem = error
        else:
            return
    _log.warning(
        "The multipart upload %s of %r is left behind (%s); `flask uploads sweep` removes it.", upload_id, key, problem
    )


def remove(calls: S3Calls, key: str, upload_id: str) -> None:
    """Forget an upload and its parts. A part that was still on its way may arrive after that, so it is looked for.

    :raises BackendError: if it cannot be removed.
    """
    for _ in range(2):
        try:
            calls("abort_multipart_upload", key, UploadId=upload_id)
        except NotFoundError:
            return
        if not _is_there(calls, key, upload_id):
            return
    problem = f"A multipart upload of {key!r} on the {BACKEND!r} backend is still there after it was aborted."
    raise BackendError(problem, key=key, backend=BACKEND, retryable=True)


def _is_there(calls: S3Calls, key: str, upload_id: str) -> bool:
    """Whether an upload that was aborted is known to exist all the same."""
    try:
        calls("list_parts", key, UploadId=upload_id)
    except BackendError:  # it is gone, or nobody can say
        return False
    return True


def _refuse_early(calls: S3Calls, key: str, options: SaveOptions) -> None:
    """Find a taken key before gigabytes are sent for nothing; what counts is the condition at the end.

    :raises AlreadyExistsError: if there is a file.
    """
    if options.overwrite:
        return
    create_only(calls, key, "complete_multipart_upload", overwrite=False)
    try:
        taken = is_taken(calls, key)
    except PermissionDeniedError:  # credentials that may only write
        return
    if taken:
        raise already_there(key)


class _Upload:
    """One attempt to store a file in parts."""

    def __init__(self, calls: S3Calls, key: str, options: SaveOptions) -> None:
        chosen = calls.options.checksum_algorithm
        self._calls = calls
        self._key = key
        self._options = options
        self._algorithm = "CRC32" if chosen == "auto" else chosen
        self._word = new_upload_word()
        announced = (options.checksum or "").removeprefix("sha256:")
        sha256 = announced if announced != options.checksum else None
        self._attributes = attributes_of(calls, key, options, self._word, sha256 or None)
        self._tally = PartsTally(options, key, self._algorithm)
        self._buffers = Buffers()

    def run(self, head: bytearray, stream: BinaryIO, length: int | None) -> FileInfo:
        begun = upload_parameters(self._algorithm)
        answer = self._calls("create_multipart_upload", self._key, **self._attributes, **begun)
        upload_id = answer["UploadId"]
        try:
            parts = self._send_parts(upload_id, head, stream, length)
            return self._complete(upload_id, parts, self._tally.finish())
        except BaseException as error:
            abort(self._calls, self._key, upload_id)
            self._buffers.forget()
            forget_frames(error)
            raise

    def _send_parts(
        self, upload_id: str, head: bytearray, stream: BinaryIO, length: int | None
    ) -> list[dict[str, Any]]:
        sizes = part_sizes(self._calls.options.part_size, length)
        with Sender[dict[str, Any]](self._calls.options.concurrency) as sender:
            numbers = count(1)  # not enumerate(), which would keep each part in memory for longer than it is needed
            for content in cut(head, stream, sizes, self._key, self._buffers):
                checksum = self._tally.add(content)
                sender.send(partial(self._send_part, upload_id, next(numbers), content, checksum))
                del content
            return sender.results()

    def _send_part(
        self, upload_id: str, number: int, content: memoryview, checksum: Mapping[str, Any]
    ) -> dict[str, Any]:
        answer = self._calls(
            "upload_part",
            self._key,
            UploadId=upload_id,
            PartNumber=number,
            Body=Body(content),
            **checksum,
        )
        self._buffers.give_back(content)
        confirmed = {name: value for name, value in {**checksum, **answer}.items() if _is_checksum(name)}
        return {"PartNumber": number, "ETag": answer["ETag"], **confirmed}

    def _complete(self, upload_id: str, parts: list[dict[str, Any]], whole: Mapping[str, Any]) -> FileInfo:
        def send(condition: Mapping[str, str]) -> FileInfo:
            answer = self._calls(
                "complete_multipart_upload",
                self._key,
                UploadId=upload_id,
                MultipartUpload={"Parts": parts},
                **whole,
                **condition,
            )
            return saved_info(self._key, self._tally.size, self._attributes, answer)

        operation = "complete_multipart_upload"
        return store(self._calls, self._key, self._word, operation, send, overwrite=self._options.overwrite)


def _is_checksum(name: str) -> bool:
    return name.startswith("Checksum") and name not in ("ChecksumType", "ChecksumAlgorithm")
