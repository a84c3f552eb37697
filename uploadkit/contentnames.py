"""Files that are named after their content: the same content is stored once."""

from __future__ import annotations

import hashlib
from contextlib import suppress
from dataclasses import replace
from typing import BinaryIO

from werkzeug.datastructures import FileStorage

from .exceptions import AlreadyExistsError, IntegrityError, NotFoundError
from .models import FileInfo, SaveOptions
from .operations import checksum
from .pending import pending_keys
from .placing import arrived
from .streams import Tally, chunks
from .targets import Rules, Target, checked, with_extension

_TRIES = 5


def named_by_content(
    rules: Rules, storage: FileStorage, target: Target, stream: BinaryIO, options: SaveOptions
) -> tuple[Target, SaveOptions]:
    """Name the target after the bytes' own digest, which the backend then checks once more.

    :raises IntegrityError: if they are not the bytes that were announced.
    """
    digest = hashlib.sha256()
    tally = Tally(options, target.key, rules.config.backend.name)
    for chunk in chunks(stream):
        digest.update(chunk)
        tally.add(chunk)
    tally.finish()
    stem = digest.hexdigest()
    named = target._replace(basename=with_extension(stem, target.basename))
    return checked(rules, storage, named), replace(options, checksum=f"sha256:{stem}", size=tally.size)


def store_once(rules: Rules, target: Target, stream: BinaryIO, options: SaveOptions) -> FileInfo:
    """Store a file that is named after its content; one that is there already is the same file."""
    for _ in range(_TRIES):
        try:
            return arrived(rules.config, target.key, stream, replace(options, overwrite=False))
        except AlreadyExistsError as error:
            taken = error
        for key in (target.key, *pending_keys(rules.config.settings, target.key)):
            with suppress(NotFoundError):  # it was deleted or released meanwhile
                return replace(_same_file(rules, key, options), key=target.key, pending=key != target.key)
    raise taken


def _same_file(rules: Rules, key: str, options: SaveOptions) -> FileInfo:
    """Return what is known of the file that is there, without what its first uploader said of it.

    :raises IntegrityError: if its content is not what its name says.
    """
    backend = rules.config.backend
    info = backend.stat(key)
    same = info.size == options.size and info.checksum == options.checksum
    if not same and f"sha256:{checksum(backend, key)}" != options.checksum:
        raise IntegrityError(
            f"{key!r} is named after its content but has another one; delete it and save again.",
            key=key,
            backend=backend.name,
        )
    return replace(info, metadata={}, content_disposition=None, cache_control=None, checksum=options.checksum)
