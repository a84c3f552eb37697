"""Saving: from a source and a target to a stored file."""

from __future__ import annotations

import hashlib
import io
import os
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from typing import BinaryIO, Protocol, cast

from werkzeug.datastructures import FileStorage

from . import legacy
from .conflicts import candidates
from .exceptions import AlreadyExistsError, IntegrityError, UploadNotAllowed
from .filetypes import content_type_for
from .keys import join, segments
from .models import ORIGINAL_FILENAME, FileInfo, SaveOptions
from .names import presentable
from .operations import exists
from .settings import ON_CONFLICT, readable_size
from .streams import chunks, is_seekable, length_of, spool
from .targets import Rules, Target, checked, choose_target, split_name, with_extension
from .test_helper import TestingFileStorage


class ReadableSource(Protocol):
    """A binary stream, as far as saving needs one."""

    def read(self, size: int, /) -> bytes: ...


Source = bytes | bytearray | memoryview | ReadableSource | FileStorage | str | os.PathLike[str]


@dataclass(frozen=True)
class Request:
    """What the caller of ``save`` or ``put`` asks for.

    :param options: Attributes to store; what is None is filled in.
    :param on_conflict: Overrides the set's setting.
    """

    folder: str | os.PathLike[str] | None = None
    name: str | None = None
    on_conflict: str | None = None
    options: SaveOptions = field(default_factory=SaveOptions)


def save(rules: Rules, storage: FileStorage, request: Request) -> FileInfo:
    """Store an upload under the set's rules; all or nothing.

    :raises UploadNotAllowed: if the rules refuse it.
    :raises BackendError: if the backend fails.
    """
    target = choose_target(rules, storage, request.folder, request.name)
    policy = check_policy(request.on_conflict or rules.config.settings.on_conflict)
    by_content = rules.config.settings.naming == "sha256" and not split_name(request.name)[1]
    with ExitStack() as stack:
        stream = _repeatable(stack, rules, storage, policy, by_content)
        options = _options(storage, target, request, length_of(stream))
        if by_content:
            target, options = _named_by_content(rules, storage, target, stream, options)
        if legacy.saves_itself(storage):
            return _let_save_itself(rules, storage, target, options, "overwrite" if by_content else policy)
        if by_content:
            return _store_once(rules, target, stream, options)
        return store(rules, storage, target, stream, options, policy)


def store(
    rules: Rules, storage: FileStorage, target: Target, stream: BinaryIO, options: SaveOptions, policy: str
) -> FileInfo:
    """Store a stream under the first candidate name that is free."""
    backend = rules.config.backend
    return place(
        rules,
        storage,
        target,
        policy,
        lambda key, overwrite: backend.save(key, stream, replace(options, overwrite=overwrite)),
    )


def place(
    rules: Rules, storage: FileStorage, target: Target, policy: str, action: Callable[[str, bool], FileInfo]
) -> FileInfo:
    """Call ``action(key, overwrite)`` with one candidate after another until it finds a free one.

    :raises AlreadyExistsError: if the policy leaves no further candidate.
    """
    backend = rules.config.backend

    def taken(basename: str) -> bool:
        return exists(backend, join(target.folder, basename))

    def target_folder() -> str:
        root = backend.path("")
        return os.path.join(root, *segments(target.folder)) if isinstance(root, str) else target.folder

    for basename, overwrite in candidates(rules, target.basename, target_folder, taken, policy):
        attempt = replace(target, basename=basename)
        if attempt != target:
            checked(rules, storage, attempt)
        try:
            return action(attempt.key, overwrite)
        except AlreadyExistsError as error:
            refused = error
    raise refused


@contextmanager
def as_storage(source: Source, filename: str) -> Iterator[FileStorage]:
    """Wrap bytes, a binary stream, a path or a form's file as a `FileStorage` called ``filename``.

    Streams of the caller are left open.

    :raises TypeError: if it is none of these.
    """
    if isinstance(source, FileStorage):
        yield FileStorage(source.stream, filename)
    elif isinstance(source, (bytes, bytearray, memoryview)):
        yield FileStorage(io.BytesIO(source), filename)
    elif isinstance(source, (str, os.PathLike)):
        with open(source, "rb") as file:
            yield FileStorage(file, filename)
    elif hasattr(source, "read"):
        yield FileStorage(cast("BinaryIO", source), filename)
    else:
        raise TypeError(f"cannot store a {type(source).__name__}; give bytes, a binary stream, a path or a FileStorage")


def check_policy(policy: str) -> str:
    """Return ``policy`` if there is one of that name.

    :raises ValueError: otherwise.
    """
    if policy not in ON_CONFLICT:
        raise ValueError(f"on_conflict must be one of {', '.join(ON_CONFLICT)}, not {policy!r}")
    return policy


def _repeatable(stack: ExitStack, rules: Rules, storage: FileStorage, policy: str, by_content: bool) -> BinaryIO:
    """Return a stream that is held to the set's size, and that can be read once more if it may have to be."""
    stream = _limited(cast("BinaryIO", storage.stream), rules.config.settings.max_size)
    if is_seekable(stream) or (policy in ("overwrite", "error") and not by_content):
        return stream
    return stack.enter_context(spool(stream))


def _options(storage: FileStorage, target: Target, request: Request, length: int | None) -> SaveOptions:
    options = request.options
    metadata: Mapping[str, str] = options.metadata
    original = presentable(storage.filename or "")
    if original != target.basename and ORIGINAL_FILENAME not in metadata:
        metadata = {**metadata, ORIGINAL_FILENAME: original}
    return replace(
        options,
        content_type=options.content_type or content_type_for(target.basename),
        metadata=metadata,
        size=options.size if options.size is not None else length,
    )


def _let_save_itself(rules: Rules, storage: FileStorage, target: Target, options: SaveOptions, policy: str) -> FileInfo:
    place = rules.config.backend.path(target.key)
    if isinstance(place, str):
        return legacy.save_on_disk(rules, storage, target, policy)
    if isinstance(storage, TestingFileStorage):
        storage.save(str(place))
        return FileInfo(target.key, options.size or 0)
    with tempfile.TemporaryDirectory(prefix="uploadkit-") as folder:
        path = os.path.join(folder, target.basename)
        storage.save(path)
        with open(path, "rb") as file:
            own = replace(options, size=None, checksum=None)
            return store(rules, storage, target, _limited(file, rules.config.settings.max_size), own, policy)


def _named_by_content(
    rules: Rules, storage: FileStorage, target: Target, stream: BinaryIO, options: SaveOptions
) -> tuple[Target, SaveOptions]:
    """Name the target after the bytes' own digest, which the backend then checks once more."""
    digest = hashlib.sha256()
    for chunk in chunks(stream):
        digest.update(chunk)
    stem = digest.hexdigest()
    named = replace(target, basename=with_extension(stem, target.basename))
    return checked(rules, storage, named), replace(options, checksum=f"sha256:{stem}")


def _store_once(rules: Rules, target: Target, stream: BinaryIO, options: SaveOptions) -> FileInfo:
    """Store a file that is named after its content; one that is there already is the same file."""
    backend = rules.config.backend
    try:
        return backend.save(target.key, stream, replace(options, overwrite=False))
    except AlreadyExistsError as error:
        info = backend.stat(target.key)
        if info.size != options.size:
            raise IntegrityError(
                f"{target.key!r} is named after its content but has {info.size} bytes instead of {options.size}; "
                f"delete it and save again.",
                key=target.key,
                backend=backend.name,
            ) from error
        return info


class _Limited(io.RawIOBase):
    """Passes a stream on until it is longer than allowed."""

    def __init__(self, stream: BinaryIO, limit: int) -> None:
        self._stream = stream
        self._limit = limit
        self._passed = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return is_seekable(self._stream)

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        self._stream.seek(offset, whence)
        self._passed = self._stream.tell()
        return self._passed

    def tell(self) -> int:
        return self._stream.tell()

    def read(self, size: int = -1) -> bytes:
        piece = self._stream.read(size)
        self._passed += len(piece or b"")
        if self._passed > self._limit:
            raise too_large(self._limit)
        return piece


def _limited(stream: BinaryIO, limit: int | None) -> BinaryIO:
    """Hold a stream to a length.

    :raises UploadNotAllowed: now if the length is known, else as soon as more arrives.
    """
    if limit is None:
        return stream
    length = length_of(stream)
    if length is not None and length > limit:
        raise too_large(limit)
    return cast("BinaryIO", _Limited(stream, limit))


def too_large(limit: int) -> UploadNotAllowed:
    """Return the refusal of a file that is longer than ``limit`` bytes."""
    return UploadNotAllowed(f"The file is too large; at most {readable_size(limit)} are allowed.", code="too_large")
