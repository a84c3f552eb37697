"""Operations on any backend: by its own power where it has one, else the long way round."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from itertools import islice
from typing import BinaryIO

from .backends.capabilities import capabilities
from .backends.protocol import Backend
from .digests import new_digest
from .disposition import safe_disposition
from .exceptions import InvalidKeyError, NotFoundError, NotSupportedError, PreconditionError, UnavailableError
from .filetypes import content_type_for
from .keys import check_key
from .models import FileInfo, SaveOptions
from .streams import check_range, chunks, window

_TRIES = 10
#: How many files are deleted at a time: what S3 takes in one request.
_BATCH = 1000


def exists(backend: Backend, key: str) -> bool:
    """Whether there is a file; a key that cannot be has none. Failures to find out are raised, never a False."""
    try:
        backend.stat(key)
    except (NotFoundError, InvalidKeyError):
        return False
    return True


def open_stream(backend: Backend, key: str, start: int = 0, length: int | None = None) -> tuple[FileInfo, BinaryIO]:
    """Open a file, or a part of it, for reading it once from front to end, with what is known of the whole file.

    :raises NotFoundError: if there is no such file.
    :raises ValueError: if ``start`` or ``length`` is negative.
    """
    check_range(start, length)
    power = capabilities(backend).streaming
    if power is not None:
        return power.open_stream(key, start, length)
    info, stream = open_current(backend, key)
    return info, window(stream, start, info.size if length is None else length)


def open_range(backend: Backend, key: str, start: int, length: int | None = None) -> BinaryIO:
    """Open a part of a file as a seekable stream.

    :raises ValueError: if ``start`` or ``length`` is negative.
    """
    check_range(start, length)
    power = capabilities(backend).range
    if power is not None:
        return power.open_range(key, start, length)
    return window(backend.open(key), start, length)


def open_current(backend: Backend, key: str) -> tuple[FileInfo, BinaryIO]:
    """Open a file together with what is known of it; both are of the same content.

    :raises NotFoundError: if there is no such file.
    :raises UnavailableError: if it changes faster than it can be opened.
    """
    power = capabilities(backend).snapshot
    if power is not None:
        return power.open_snapshot(key)
    info = backend.stat(key)
    for _ in range(_TRIES):
        stream = backend.open(key)
        try:
            again = backend.stat(key)
        except BaseException:
            stream.close()
            raise
        if again.etag == info.etag:
            return info, stream
        stream.close()
        info = again
    raise UnavailableError(f"{key!r} changes all the time; try again.", key=key, backend=backend.name)


def list_files(backend: Backend, prefix: str = "") -> Iterator[FileInfo]:
    """List the files whose key starts with ``prefix``.

    :raises NotSupportedError: at once, if the backend cannot list.
    """
    power = capabilities(backend).listing
    if power is None:
        raise NotSupportedError(f"The {backend.name!r} backend cannot list its files.", backend=backend.name)
    return power.list_files(prefix)


def copy(backend: Backend, source: str, target: str, *, overwrite: bool = False) -> FileInfo:
    """Copy a file with everything it carries.

    :raises NotFoundError: if there is no ``source``.
    :raises AlreadyExistsError: if ``target`` exists and ``overwrite`` is false.
    """
    if capabilities(backend).copy is not None:
        return _copy(backend, backend.stat(source), target, overwrite=overwrite)
    return copy_between(backend, source, backend, target, overwrite=overwrite)


def move(backend: Backend, source: str, target: str, *, overwrite: bool = False) -> FileInfo:
    """Give a file another key. Without the power it is copied, then deleted: never lost, for a moment there twice.

    :raises NotFoundError: if there is no ``source``.
    :raises AlreadyExistsError: if ``target`` exists and ``overwrite`` is false.
    """
    check_key(target)
    if source == target:
        return backend.stat(source)
    power = capabilities(backend).move
    if power is not None:
        try:
            return power.move(source, target, overwrite=overwrite)
        except NotSupportedError:  # between two file systems, for one
            pass
    before = backend.stat(source)
    info = _copy(backend, before, target, overwrite=overwrite)
    if backend.stat(source).etag != before.etag:
        raise PreconditionError(
            f"{source!r} was replaced while it was moved; it stays as it is now, and {target!r} has what it was.",
            key=source,
            backend=backend.name,
        )
    backend.delete(source)
    return info


def copy_between(source: Backend, key: str, target: Backend, new_key: str, *, overwrite: bool = False) -> FileInfo:
    """Copy a file from one backend to another, checked against the size and checksum that the first one knows."""
    info, stream = open_current(source, key)
    with stream:
        return target.save(new_key, stream, replace(carried(info, new_key), overwrite=overwrite))


def delete_all(backend: Backend, prefix: str) -> Iterator[FileInfo]:
    """Delete every file whose key starts with ``prefix``; yield each when it is gone."""
    found = list_files(backend, prefix)
    power = capabilities(backend).batch_delete
    while batch := list(islice(found, _BATCH)):
        if power is not None:
            power.delete_many([info.key for info in batch])
            yield from batch
            continue
        for info in batch:
            backend.delete(info.key)
            yield info


def checksum(backend: Backend, key: str, algorithm: str = "sha256") -> str:
    """Read a file and return its digest in hexadecimal.

    :param algorithm: One of `hashlib`, or ``"crc32"``.
    :raises ValueError: if there is no such algorithm.
    """
    digest = new_digest(algorithm)
    with backend.open(key) as stream:
        for chunk in chunks(stream):
            digest.update(chunk)
    return digest.hexdigest()


def sweep(backend: Backend, older_than: timedelta = timedelta(hours=24)) -> int:
    """Remove what killed processes left, if the backend can leave anything; return how many."""
    power = capabilities(backend).sweep
    return power.sweep(older_than) if power is not None else 0


def carried(info: FileInfo, key: str) -> SaveOptions:
    """Return the options that store under ``key`` what ``info`` tells of.

    A usual content type or disposition follows the name.

    :raises NotSupportedError: if another program stored the file with attributes that cannot be carried everywhere.
    """
    try:
        return SaveOptions(
            content_type=None if info.content_type == content_type_for(info.key) else info.content_type,
            content_disposition=None if _is_usual(info) else info.content_disposition,
            cache_control=info.cache_control,
            metadata=dict(info.metadata),
            checksum=info.checksum,
            size=info.size,
        )
    except ValueError as error:
        raise NotSupportedError(f"The attributes of {info.key!r} cannot be copied: {error}.", key=info.key) from error


def _is_usual(info: FileInfo) -> bool:
    """Whether a file has the disposition that it gets where none is given; it has the file's name in it."""
    return info.content_disposition == safe_disposition(info.key, info.content_type)


def _copy(backend: Backend, info: FileInfo, target: str, *, overwrite: bool) -> FileInfo:
    """Copy the file that ``info`` tells of, by the backend's own power if it has it."""
    power = capabilities(backend).copy
    if power is None:
        return copy_between(backend, info.key, backend, target, overwrite=overwrite)
    return power.copy(info.key, target, replace(carried(info, target), overwrite=overwrite))
