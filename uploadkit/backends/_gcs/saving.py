"""Saving files: one request for a small one, a resumable upload for a large one or one of unknown length."""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator
from contextlib import suppress
from functools import partial
from typing import Any, BinaryIO

from ...exceptions import AlreadyExistsError, BackendError, IntegrityError, NotFoundError, UnavailableError
from ...models import FileInfo, SaveOptions
from ...streams import Tally, read_block, rewind
from .._cloud.deadline import deadline
from .._cloud.metadata import UPLOAD, new_upload_word
from .errors import NO_BUCKET
from .objects import Crc32c, attributes, extra_params, info_of, sha256_of
from .relay import Relay
from .resumable import Session
from .wire import Pieces, Request, Wire

_LAST_LOOK = 5.0


def save(wire: Wire, key: str, stream: BinaryIO, options: SaveOptions) -> FileInfo:
    """Store a stream as `Backend.save` promises; hold about two chunks of it in memory."""
    name = wire.place.stored(key)
    rewind(stream)
    size = wire.options.chunk_size
    first = read_block(stream, size + 1)
    if len(first) > size:
        blocks = _blocks(stream, first, size)
        del first  # or it would be held to the end
        return _save_large(wire, key, name, blocks, options)
    tally = Tally(options, key, wire.name, "sha256")
    tally.add(first)
    sha256 = sha256_of(tally.finish())
    word = new_upload_word()
    wanted = attributes(name, key, options, wire.options, word, sha256)
    return info_of(key, put_object(wire, key, wanted, first, word, overwrite=options.overwrite))


def put_object(
    wire: Wire, key: str, wanted: dict[str, Any], content: bytes | bytearray, word: str, *, overwrite: bool
) -> dict[str, Any]:
    """Store an object in one request, with a checksum that the store holds the content against.

    :param wanted: What `attributes` returned.
    :param word: The upload word in it.
    """
    digest = Crc32c(content)
    is_internal = wanted["name"].startswith(wire.place.internal)
    wanted = {**wanted, "crc32c": str(digest)}
    boundary = secrets.token_hex(16)
    head = (
        f"--{boundary}\r\nContent-Type: application/json; charset=UTF-8\r\n\r\n{json.dumps(wanted)}\r\n"
        f"--{boundary}\r\nContent-Type: {wanted['contentType']}\r\n\r\n"
    )
    request = Request(
        "save",
        key,
        "POST",
        wire.url(upload=True),
        {"uploadType": "multipart", **extra_params(wire.options, internal=is_internal)},
        {"Content-Type": f"multipart/related; boundary={boundary}"},
        Pieces(head.encode(), content, f"\r\n--{boundary}--\r\n".encode()),
        missing=NO_BUCKET,
    )
    found = create(wire, request, wanted["name"], word, overwrite=overwrite)
    return verified(wire, key, found, digest, len(content))


def create(wire: Wire, request: Request, name: str, word: str, *, overwrite: bool) -> dict[str, Any]:
    """Send a request that makes the object ``name``; recognise it by its word when the answer was lost.

    :raises AlreadyExistsError: if there is one, of somebody else's, and it may not be replaced.
    """
    try:
        wire.condition(request, name, overwrite=overwrite)
        return wire.send(request).json()
    except (AlreadyExistsError, UnavailableError) as error:
        if isinstance(error, AlreadyExistsError) and request.attempts <= 1:
            raise
        return our_own(wire, request.key or name, name, word, error)


def our_own(wire: Wire, key: str, name: str, word: str, error: BackendError) -> dict[str, Any]:
    """Return the object ``name`` if it has our word.

    :param error: What is raised if it has not.
    :raises UnavailableError: if nobody can tell: "it exists" would make the caller store it under another key.
    """
    try:
        with deadline(_LAST_LOOK):
            found = wire.get(key, name)
    except UnavailableError as unknown:
        raise unknown from error
    except BackendError:
        raise error from None
    if (found.get("metadata") or {}).get(UPLOAD) != word:
        raise error
    return found


def verified(wire: Wire, key: str, found: dict[str, Any], digest: Crc32c, size: int) -> dict[str, Any]:
    """Return what was stored if it is what was sent.

    :param digest: Its CRC32C as computed here.
    :raises IntegrityError: if it is not; it is removed.
    """
    if found.get("crc32c", str(digest)) == str(digest) and int(found["size"]) == size:
        return found
    with suppress(BackendError):
        wire.remove(key, found["name"], str(found["generation"]))
    raise IntegrityError(
        f"Could not save {key!r} on the {wire.name!r} backend: other bytes were stored than were sent.",
        key=key,
        backend=wire.name,
        retryable=True,
    )


def _save_large(
    wire: Wire, key: str, name: str, blocks: Iterator[tuple[bytearray, bool]], options: SaveOptions
) -> FileInfo:
    tally = Tally(options, key, wire.name)
    digest = Crc32c()
    word = new_upload_word()
    wanted = attributes(name, key, options, wire.options, word, sha256_of(options.checksum))
    session = Session.begin(wire, key, wanted, overwrite=options.overwrite)
    try:
        with Relay(wire.options.concurrency) as relay:
            for block, is_last in blocks:
                tally.add(block)
                digest.update(block)
                if is_last:
                    tally.finish()
                    relay.finish()
                    found = _finish(session, block, tally.size, digest, word)
                else:
                    relay.send(partial(session.put, block))
                del block  # before the next one is read
    except BaseException:
        session.cancel()
        raise
    return info_of(key, verified(wire, key, found, digest, tally.size))


def _finish(session: Session, block: bytearray, size: int, digest: Crc32c, word: str) -> dict[str, Any]:
    """Send the last block; only now the file comes into being."""
    try:
        return session.finish(block, size, str(digest))
    except (AlreadyExistsError, UnavailableError, NotFoundError) as error:
        session.cancel()  # before looking: afterwards it would come into being unseen
        return our_own(session.wire, session.key, session.name, word, error)


def _blocks(stream: BinaryIO, block: bytearray, size: int) -> Iterator[tuple[bytearray, bool]]:
    """Yield blocks of ``size`` bytes, and the last with True. One byte is read ahead to know it.

    :param block: The first ``size + 1`` bytes.
    """
    while len(block) > size:
        ahead = block[size:]
        del block[size:]
        yield block, False
        block = bytearray()  # lets the old one go before the next is read
        block = read_block(stream, size)
        block[:0] = ahead
    yield block, True
