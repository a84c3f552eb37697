"""Saving to S3: one request for a file that fits in one part, parts for a longer one."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any, BinaryIO

from ...models import FileInfo, SaveOptions
from ...streams import Tally, length_of, read_block, rewind
from .._cloud.body import Body
from .._cloud.metadata import new_upload_word
from .checksums import checksum_headers, from_hex
from .client import BACKEND, S3Calls
from .conditions import store
from .files import attributes_of, saved_info
from .multipart import save_in_parts


def save(calls: S3Calls, key: str, stream: BinaryIO, options: SaveOptions) -> FileInfo:
    """Store a stream under ``key``, see `Backend.save`."""
    name = calls.place.stored(key)
    length = length_of(stream)
    part_size = calls.options.part_size
    if length is None or length <= part_size:
        rewind(stream)
        head = read_block(stream, part_size + 1)
        if len(head) <= part_size:
            return _save_whole(calls, key, name, head, options)
    else:
        head = bytearray()
    return save_in_parts(calls, key, head, stream, length, options)


def _save_whole(calls: S3Calls, key: str, name: str, content: bytearray, options: SaveOptions) -> FileInfo:
    """Store a file that is in memory; it is judged before anything is sent.

    :param name: What the object of ``key`` is called.
    """
    tally = Tally(options, key, BACKEND, "sha256")
    tally.add(content)
    algorithm, _, digest = (tally.finish() or "").partition(":")
    sha256 = digest if algorithm == "sha256" else hashlib.sha256(content).hexdigest()
    word = new_upload_word()
    attributes = attributes_of(calls, key, options, word, sha256)
    checksum = _whole_checksum(calls.options.checksum_algorithm, content, sha256)

    def send(condition: Mapping[str, str]) -> FileInfo:
        request: dict[str, Any] = {"Key": name, **attributes, **checksum, **condition}
        answer = calls("put_object", key, Body=Body(content), **request)
        return saved_info(key, len(content), attributes, answer)

    return store(calls, key, word, "put_object", send, overwrite=options.overwrite)


def _whole_checksum(algorithm: str, content: bytearray, sha256: str) -> dict[str, Any]:
    """Return the parameters for the store to verify a whole file by, without hashing it twice."""
    if algorithm in ("auto", "SHA256"):
        return {"ChecksumSHA256": from_hex(sha256)}
    return checksum_headers(algorithm, content)
