"""Saving: from a source and a target to a stored file."""

from __future__ import annotations

import hashlib
import io
import os
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
from typing import BinaryIO, NamedTuple, Protocol, cast

from werkzeug.datastructures import FileStorage

from . import legacy
from .backends.capabilities import capabilities
from .backends.memory import MemoryBackend
from .config import UploadConfiguration
from .conflicts import candidates, randomized
from .deciding import decided
from .disposition import safe_disposition
from .exceptions import AlreadyExistsError, IntegrityError, NotFoundError
from .filetypes import content_type_for
from .judging import judge, judged
from .keys import join, segments
from .models import MAX_METADATA_BYTES, ORIGINAL_FILENAME, FileInfo, SaveOptions
from .names import presentable
from .operations import checksum, exists
from .pending import pending_key, pending_keys, unlocated
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


class Request(NamedTuple):
    """What the caller of ``save`` or ``put`` asks for.

    :param options: Attributes to store; what is None is filled in.
    :param on_conflict: Overrides the set's setting.
    :param streamed: Whether the source is still arriving, so that it goes on to a store at once if it can; under
        ``"rename"`` and ``"unique"`` then with a random word in its name, for it cannot be sent again under another.
    """

    folder: str | os.PathLike[str] | None = None
    name: str | None = None
    on_conflict: str | None = None
    options: SaveOptions = SaveOptions()
    streamed: bool = False


def save(rules: Rules, storage: FileStorage, request: Request) -> FileInfo:
    """Store an upload under the set's rules; all or nothing.

    :raises UploadNotAllowed: if the rules refuse it.
    :raises BackendError: if the backend fails.
    """
    policy = check_policy(request.on_conflict or rules.config.settings.on_conflict)
    target = choose_target(rules, storage, request.folder, request.name)
    by_content = rules.config.settings.naming == "sha256" and not split_name(request.name)[1]
    if legacy.saves_itself(storage):
        return _let_save_itself(rules, storage, target, request, policy, by_content)
    if request.streamed and policy in ("rename", "unique") and not by_content and _is_sent_on(rules, storage):
        target, policy = _with_own_word(rules, storage, target), "error"
    with ExitStack() as stack:
        stream = _judged(stack, rules, storage, target, policy, by_content)
        options = _options(rules.config, storage, target, request, length_of(stream))
        if by_content:
            target, options = _named_by_content(rules, storage, target, stream, options)
            return _store_once(rules, target, stream, options)
        return store(rules, storage, target, stream, options, policy)


def check(rules: Rules, storage: FileStorage, request: Request) -> None:
    """Refuse an upload that `save` would refuse; store nothing.

    :raises UploadNotAllowed: if the rules refuse it.
    :raises ValueError: if its stream cannot be read twice.
    """
    stream = cast("BinaryIO", storage.stream)
    if not is_seekable(stream):
        raise ValueError("check() needs a stream that can be read twice; save() judges others while they pass")
    target = choose_target(rules, storage, request.folder, request.name)
    rules.config.settings.require_size(length_of(stream))
    judge(rules.config.settings.validators, target.key, stream)


def store(
    rules: Rules, storage: FileStorage, target: Target, stream: BinaryIO, options: SaveOptions, policy: str
) -> FileInfo:
    """Store a stream under the first candidate name that is free."""
    return place(
        rules,
        storage,
        target,
        policy,
        lambda key, overwrite: arrived(rules.config, key, stream, _to_overwrite(options, overwrite)),
    )


def _to_overwrite(options: SaveOptions, overwrite: bool) -> SaveOptions:
    return options if options.overwrite is overwrite else replace(options, overwrite=overwrite)


def arrived(config: UploadConfiguration, key: str, stream: BinaryIO, options: SaveOptions) -> FileInfo:
    """Store a new file: under its key, or, on a set with quarantine, where it waits for that key.

    A file that waits is never replaced, for it may be the one that a scanner looks at; so another one of its name is
    refused, whatever ``options.overwrite`` says.

    :raises AlreadyExistsError: if the key is taken, or waited for.
    """
    backend, settings = config.backend, config.settings
    if not settings.quarantine:
        return backend.save(key, stream, options)
    newest, *older = pending_keys(settings, key)
    if not options.overwrite and exists(backend, key):
        raise AlreadyExistsError(f"{key!r} exists already.", key=key, backend=backend.name)
    waits = f"A file that is to be {key!r} waits in quarantine; release() or reject() it first."
    if any(exists(backend, waiting) for waiting in older):
        raise AlreadyExistsError(waits, key=key, backend=backend.name)
    try:
        with unlocated(settings):
            info = backend.save(newest, stream, replace(options, overwrite=False))
    except AlreadyExistsError as error:
        raise AlreadyExistsError(waits, key=key, backend=backend.name) from error
    if not options.overwrite and exists(backend, key):  # it was released between the look and the save
        with suppress(NotFoundError), decided(backend, replace(info, key=newest)):
            backend.delete(newest)
        raise AlreadyExistsError(f"{key!r} exists already.", key=key, backend=backend.name)
    return replace(info, key=key, pending=True)


def place(
    rules: Rules, storage: FileStorage, target: Target, policy: str, action: Callable[[str, bool], FileInfo]
) -> FileInfo:
    """Call ``action(key, overwrite)`` with one candidate after another until it finds a free one.

    :raises AlreadyExistsError: if the policy leaves no further candidate.
    """
    backend, settings = rules.config.backend, rules.config.settings
    root = backend.path("")

    def taken(basename: str) -> bool:
        key = join(target.folder, basename)
        keys = (key, *pending_keys(settings, key))
        if isinstance(root, str):  # a look is a hint; this one is quick
            return any(os.path.lexists(os.path.join(root, *segments(each))) for each in keys)
        return any(exists(backend, each) for each in keys)

    def target_folder() -> str:
        return os.path.join(root, *segments(target.folder)) if isinstance(root, str) else target.folder

    for basename, overwrite in candidates(rules, target.basename, target_folder, taken, policy):
        attempt = target
        if basename != target.basename:
            attempt = checked(rules, storage, target._replace(basename=basename))
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


def _judged(
    stack: ExitStack, rules: Rules, storage: FileStorage, target: Target, policy: str, by_content: bool
) -> BinaryIO:
    """Return a stream that is held to the set's size, and that the validators have seen.

    They see it before all of it has arrived, if its first bytes are enough for them.
    """
    settings = rules.config.settings
    stream = _limited(cast("BinaryIO", storage.stream), settings)
    if is_seekable(stream) or not all(getattr(validator, "head_only", False) for validator in settings.validators):
        stream = _repeatable(stack, rules, stream, policy, by_content)
        return judged(stack, settings.validators, target.key, stream)
    stream = judged(stack, settings.validators, target.key, stream)
    return _repeatable(stack, rules, stream, policy, by_content)


def _repeatable(stack: ExitStack, rules: Rules, stream: BinaryIO, policy: str, by_content: bool) -> BinaryIO:
    """Return a stream that can be read once more, if it may have to be."""
    if is_seekable(stream) or (policy in ("overwrite", "error") and not by_content):
        return stream
    power = capabilities(rules.config.backend).spooling
    return stack.enter_context(spool(stream, power.open_spool() if power is not None else None))


def _is_sent_on(rules: Rules, storage: FileStorage) -> bool:
    """Whether the backend sends bytes on that can be read only once, rather than keep them until they have a name."""
    backend = rules.config.backend
    keeps = capabilities(backend).spooling is not None or isinstance(backend, MemoryBackend)
    return not keeps and not is_seekable(cast("BinaryIO", storage.stream))


def _with_own_word(rules: Rules, storage: FileStorage, target: Target) -> Target:
    """Return a target that nobody else has."""
    return checked(rules, storage, target._replace(basename=randomized(target.basename)))


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
    settings = rules.config.settings
    length, validators = length_of(cast("BinaryIO", storage.stream)), settings.validators
    settings.require_size(length)
    by_content = by_content or bool(settings.quarantine)
    place = rules.config.backend.path(pending_key(settings, target.key) if settings.quarantine else target.key)
    if isinstance(storage, TestingFileStorage) or validators == (default_content_check,):
        if is_seekable(cast("BinaryIO", storage.stream)):  # else by what it wrote
            judge(validators, target.key, cast("BinaryIO", storage.stream))
    elif validators:  # what it writes is judged before anybody can see it, not what it is made of
        by_content = True
    is_test = isinstance(storage, TestingFileStorage)
    if isinstance(place, str) and (not settings.quarantine if is_test else not by_content):
        return legacy.save_on_disk(rules, storage, target, policy)
    if is_test:
        storage.save(str(place))
        return FileInfo(target.key, length or 0, pending=bool(settings.quarantine))
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
    named = target._replace(basename=with_extension(stem, target.basename))
    return checked(rules, storage, named), replace(options, checksum=f"sha256:{stem}", size=tally.size)


def _store_once(rules: Rules, target: Target, stream: BinaryIO, options: SaveOptions) -> FileInfo:
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
    length = length_of(stream)
    settings.require_size(length)
    bounded = settings.max_size is not None or settings.min_size is not None
    if length is not None:  # the backend is told, and holds the stream to it
        return stream
    return cast("BinaryIO", _Limited(stream, settings)) if bounded else stream
