"""Saving: from a source and a target to a stored file."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import replace
from typing import BinaryIO, NamedTuple, cast

from werkzeug.datastructures import FileStorage

from . import legacy
from .backends.capabilities import capabilities
from .config import UploadConfiguration
from .conflicts import randomized
from .contentnames import named_by_content, store_once
from .disposition import safe_disposition
from .filetypes import content_type_for
from .judging import judge, judged
from .models import MAX_METADATA_BYTES, ORIGINAL_FILENAME, FileInfo, SaveOptions
from .names import presentable
from .pending import pending_key
from .placing import arrived, check_policy, place
from .sources import limited
from .streams import is_seekable, length_of, spool
from .targets import Rules, Target, checked, choose_target, split_name
from .test_helper import TestingFileStorage
from .validators.content import default_content_check


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
            target, options = named_by_content(rules, storage, target, stream, options)
            return store_once(rules, target, stream, options)
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


def _judged(
    stack: ExitStack, rules: Rules, storage: FileStorage, target: Target, policy: str, by_content: bool
) -> BinaryIO:
    """Return a stream that is held to the set's size, and that the validators have seen.

    They see it before all of it has arrived, if its first bytes are enough for them.
    """
    settings = rules.config.settings
    stream = limited(cast("BinaryIO", storage.stream), settings)
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
    if is_seekable(cast("BinaryIO", storage.stream)) or capabilities(backend).spooling is not None:
        return False
    from .backends.memory import MemoryBackend  # late: most apps have none

    return not isinstance(backend, MemoryBackend)


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
