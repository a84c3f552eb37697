"""Saving: from a source and a target to a stored file."""

from __future__ import annotations

import hashlib
import io
import os
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field, replace
from typing import BinaryIO, Protocol, cast

from werkzeug.datastructures import FileStorage

from . import legacy
from .config import UploadConfiguration
from .conflicts import candidates
from .disposition import safe_disposition
from .exceptions import AlreadyExistsError, IntegrityError, NotFoundError
from .filetypes import content_type_for
from .judging import judge, judged
from .keys import join, segments
from .models import MAX_METADATA_BYTES, ORIGINAL_FILENAME, FileInfo, SaveOptions
from .names import presentable
from .operations import checksum, exists
from .settings import ON_CONFLICT, SetSettings
from .streams import Tally, chunks, is_seekable, length_of, spool
from .targets import Rules, Target, checked, choose_target, split_name, with_extension
from .test_helper import TestingFileStorage
from .validators.content import default_content_check

_TRIES = 5


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
    if legacy.saves_itself(storage):
        return _let_save_itself(rules, storage, target, request, policy, by_content)
    with ExitStack() as stack:
        stream = _repeatable(stack, rules, storage, policy, by_content)
        stream = judged(stack, rules.config.settings.validators, target.key, stream)
        options = _options(rules.config, storage, target, request, length_of(stream))
        if by_content:
            target, options = _named_by_content(rules, storage, target, stream, options)
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
        yield FileStorage(io.BytesIO(bytes(source)), filename)
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
    stream = _limited(cast("BinaryIO", storage.stream), rules.config.settings)
    if is_seekable(stream) or (policy in ("overwrite", "error") and not by_content):
        return stream
    return stack.enter_context(spool(stream))


def _options(
    config: UploadConfiguration, storage: FileStorage, target: Target, request: Request, length: int | None
) -> SaveOptions:
    options = request.options
    metadata: Mapping[str, str] = options.metadata
    taken = sum(len(name) + len(value.encode()) for name, value in metadata.items())
    original = presentable(storage.filename or "", MAX_METADATA_BYTES - taken - len(ORIGINAL_FILENAME))
    if original and original != target.basename and ORIGINAL_FILENAME not in metadata:
        metadata = {**metadata, ORIGINAL_FILENAME: original}
    return replace(
        options,
        content_type=options.content_type or content_type_for(target.basename),
        content_disposition=options.content_disposition or _disposition(config, target, options),
        cache_control=options.cache_control or _cache_control(config),
        metadata=metadata,
        size=options.size if options.size is not None else length,
    )


def _cache_control(config: UploadConfiguration) -> str | None:
    """Return what files are stored with where the store answers visitors itself; the route reads the setting."""
    public = config.settings.access != "private" and config.signing is not None
    return config.settings.cache_control if public else None


def _disposition(config: UploadConfiguration, target: Target, options: SaveOptions) -> str | None:
    """Return what types to show are stored with, likewise; else the backend chooses."""
    inline = config.settings.inline
    return safe_disposition(target.basename, options.content_type, inline) if inline and config.signing else None


def _let_save_itself(
    rules: Rules, storage: FileStorage, target: Target, request: Request, policy: str, by_content: bool
) -> FileInfo:
    """Call the upload's own ``save``: on a local set with the final path, else with one from which it is stored."""
    length, validators = length_of(cast("BinaryIO", storage.stream)), rules.config.settings.validators
    rules.config.settings.require_size(length)
    place = rules.config.backend.path(target.key)
    if isinstance(storage, TestingFileStorage) or validators == (default_content_check,):
        if is_seekable(cast("BinaryIO", storage.stream)):  # else by what it wrote
            judge(validators, target.key, cast("BinaryIO", storage.stream))
    elif validators:  # what it writes is judged before anybody can see it, not what it is made of
        by_content = True
    if isinstance(place, str) and (isinstance(storage, TestingFileStorage) or not by_content):
        return legacy.save_on_disk(rules, storage, target, policy)
    if isinstance(storage, TestingFileStorage):
        storage.save(str(place))
        return FileInfo(target.key, length or 0)
    with tempfile.TemporaryDirectory(prefix="uploadkit-") as folder:
        path = os.path.join(folder, target.basename)
        storage.save(path)
        with open(path, "rb") as file:
            return save(rules, FileStorage(file, storage.filename), request)


def _named_by_content(
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
    named = replace(target, basename=with_extension(stem, target.basename))
    return checked(rules, storage, named), replace(options, checksum=f"sha256:{stem}", size=tally.size)


def _store_once(rules: Rules, target: Target, stream: BinaryIO, options: SaveOptions) -> FileInfo:
    """Store a file that is named after its content; one that is there already is the same file."""
    backend = rules.config.backend
    for _ in range(_TRIES):
        try:
            return backend.save(target.key, stream, replace(options, overwrite=False))
        except AlreadyExistsError as error:
            taken = error
        with suppress(NotFoundError):  # it was deleted meanwhile
            return _same_file(rules, target, options)
    raise taken


def _same_file(rules: Rules, target: Target, options: SaveOptions) -> FileInfo:
    """Return what is known of the file that is there, without what its first uploader said of it.

    :raises IntegrityError: if its content is not what its name says.
    """
    backend = rules.config.backend
    info = backend.stat(target.key)
    same = info.size == options.size and info.checksum == options.checksum
    if not same and f"sha256:{checksum(backend, target.key)}" != options.checksum:
        raise IntegrityError(
            f"{target.key!r} is named after its content but has another one; delete it and save again.",
            key=target.key,
            backend=backend.name,
        )
    return replace(info, metadata={}, content_disposition=None, cache_control=None, checksum=options.checksum)


class _Limited(io.RawIOBase):
    """Passes a stream on until it is longer than allowed, or ends before it is long enough."""

    def __init__(self, stream: BinaryIO, settings: SetSettings) -> None:
        self._stream = stream
        self._settings = settings
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
        self._settings.require_no_more(self._passed)
        if piece == b"" and size:
            self._settings.require_size(self._passed)
        return piece


def _limited(stream: BinaryIO, settings: SetSettings) -> BinaryIO:
    """Hold a stream to the set's size.

    :raises UploadNotAllowed: now if the length is known, else as soon as more arrives.
    """
    settings.require_size(length_of(stream))
    bounded = settings.max_size is not None or settings.min_size is not None
    return cast("BinaryIO", _Limited(stream, settings)) if bounded else stream
