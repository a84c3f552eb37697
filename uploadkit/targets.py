"""Targets: the folder and name that an upload is stored under, decided before a byte is read.

Everything that a visitor, the app or an overridden hook contributes passes through `names` and then through
``file_allowed``: what is checked is what is stored.
"""

from __future__ import annotations

import os
import uuid
from collections.abc import Callable, Container
from datetime import datetime, timezone
from typing import Any, BinaryIO, NamedTuple, Protocol, TypeVar

from werkzeug.datastructures import FileStorage

from .config import UploadConfiguration
from .exceptions import InvalidFilenameError, InvalidKeyError, UploadNotAllowed
from .filetypes import as_extensions, extension, lowercase_ext
from .keys import check_key, join, split
from .names import NameStyle, clean_filename, clean_folder
from .pending import pending_key, unlocated

#: Says whether the current visitor may have a file, by True or False; see `UploadSet.authorize`.
Authorizer = Callable[[str], object]
HookT = TypeVar("HookT", bound=Callable[..., Any])


class Rules(Protocol):
    """What saving asks of an upload set; each method may be overridden or replaced on the instance."""

    name: str
    extensions: Container[str]
    authorizer: Authorizer | None

    @property
    def config(self) -> UploadConfiguration: ...
    def get_basename(self, filename: str) -> str: ...
    def file_allowed(self, storage: Any, basename: str) -> bool: ...
    def extension_allowed(self, ext: str) -> bool: ...
    def resolve_conflict(self, target_folder: str, basename: str) -> str: ...


class Target(NamedTuple):
    """Where an upload goes: a clean folder (perhaps empty) and a clean, allowed name."""

    folder: str
    basename: str

    @property
    def key(self) -> str:
        return join(self.folder, self.basename)


def default_hook(hook: HookT) -> HookT:
    """Mark a hook's own implementation, so that an override can be told from it."""
    hook.__uploadkit_default__ = hook  # type: ignore[attr-defined]
    return hook


def is_overridden(hook: Callable[..., Any]) -> bool:
    """Whether a hook, as found on a set, is not uploadkit's own; a wrapper copies the mark but is not what it marks."""
    function = getattr(hook, "__func__", hook)
    return getattr(function, "__uploadkit_default__", None) is not function


def choose_target(
    rules: Rules, storage: FileStorage, folder: str | os.PathLike[str] | None, name: str | None
) -> Target:
    """Decide where an upload goes.

    :raises InvalidFilenameError: if no safe name can be made.
    :raises UploadNotAllowed: if the visitor's name or the stored one is refused by the set's rules.
    """
    settings = rules.config.settings
    basename = _client_basename(rules, storage)
    require_allowed(rules, storage, basename)
    name_folder, leaf = split_name(name)
    target_folder = join(read_folder(folder, settings.names), clean_folder(name_folder, settings.names))
    if leaf:
        return checked(rules, storage, Target(target_folder, _explicit_basename(leaf, basename, settings.names)))
    return checked(rules, storage, _named(rules, storage, target_folder, basename))


def named_target(rules: Rules, name: str, stream: BinaryIO | None = None) -> Target:
    """Decide where a file goes that the app itself names, folder and all.

    :param stream: The content, for hooks that look at it.

    :raises InvalidFilenameError: if no safe name can be made.
    :raises UploadNotAllowed: if the set's rules refuse the name.
    """
    names = rules.config.settings.names
    folder, leaf = split_name(name)
    basename = lowercase_ext(clean_filename(leaf, names))
    return checked(rules, FileStorage(stream, basename), Target(clean_folder(folder, names), basename))


def checked(rules: Rules, storage: FileStorage, target: Target) -> Target:
    """Return ``target`` if its key is one and the set allows exactly that name.

    :raises UploadNotAllowed: otherwise.
    """
    require_allowed(rules, storage, target.basename)
    try:
        check_key(target.key)
        if rules.config.settings.quarantine:
            with unlocated(rules.config.settings):
                check_key(pending_key(rules.config.settings, target.key))
    except InvalidKeyError as error:
        raise InvalidFilenameError(f"The folder and filename cannot be used: {error}") from error
    return target


def require_allowed(rules: Rules, storage: FileStorage, basename: str) -> None:
    """Ask the set's ``file_allowed``.

    :raises UploadNotAllowed: if it says no.
    """
    if rules.file_allowed(storage, basename):
        return
    ext, allowed = extension(basename), listed_extensions(rules)
    if rules.extension_allowed(ext):
        raise UploadNotAllowed(f"The file {basename!r} is not accepted here.", params={"name": basename})
    reason = f"File extension {ext!r} is not allowed." if ext else "A file without an extension is not allowed."
    if allowed:
        reason += f" Allowed are: {', '.join(allowed)}."
    params = {"extension": ext, "allowed": ", ".join(allowed or ())}
    raise UploadNotAllowed(reason, code="extension", allowed=allowed, params=params)


def listed_extensions(rules: Rules) -> tuple[str, ...] | None:
    """Return the extensions that a set accepts, if they can be listed."""
    sources = (as_extensions(rules.extensions), as_extensions(rules.config.allow))
    if not all(isinstance(source, (tuple, list, set, frozenset)) for source in sources):
        return None
    deny = as_extensions(rules.config.deny)
    own = {ext for ext in sources[0] if ext not in deny}  # type: ignore[attr-defined]
    return tuple(sorted(ext for ext in own.union(sources[1]) if ext))  # type: ignore[arg-type]


def require_filename(storage: FileStorage) -> str:
    """Return what the visitor calls the file.

    :raises InvalidFilenameError: if nothing: a form that was sent with no file chosen.
    """
    if not storage.filename:
        raise InvalidFilenameError("Filename must not be empty! No file was chosen.", code="empty")
    return storage.filename


def clean_hook_result(result: object, hook: str) -> str:
    """Clean what an overridden hook returned; letters of every script are kept, for that is why people override.

    :raises InvalidFilenameError: if it is no name: not a str, empty, or with a folder in it.
    """
    if not isinstance(result, str) or "/" in result or "\\" in result:
        raise InvalidFilenameError(f"{hook}() must return a filename without folders, not {result!r:.60}.")
    return clean_filename(result, "unicode")


def read_folder(folder: str | os.PathLike[str] | None, names: NameStyle) -> str:
    """Clean a ``folder`` argument.

    :raises InvalidFilenameError: if it is not text.
    """
    if folder is None:
        return ""
    text = os.fspath(folder) if isinstance(folder, os.PathLike) else folder
    if not isinstance(text, str):
        raise InvalidFilenameError(f"The folder must be a str, not {type(folder).__name__}.", code="folder")
    return clean_folder(text, names)


def split_name(name: str | None) -> tuple[str, str]:
    """Take a ``name`` argument apart into its folder and its last segment; either may be empty.

    :raises InvalidFilenameError: if it is not text.
    """
    if name is None:
        return "", ""
    if not isinstance(name, str):
        raise InvalidFilenameError(f"The name must be a str, not {type(name).__name__}.")
    return split(name.replace("\\", "/"))


def _client_basename(rules: Rules, storage: FileStorage) -> str:
    basename = rules.get_basename(require_filename(storage))
    return clean_hook_result(basename, "get_basename") if is_overridden(rules.get_basename) else basename


def _explicit_basename(leaf: str, client: str, names: NameStyle) -> str:
    """A name that ends with a dot asks for the visitor's extension."""
    cleaned = clean_filename(leaf, names)
    ext = extension(client)
    if leaf.rstrip().endswith(".") and ext:
        return clean_filename(f"{cleaned}.{ext}", names)
    return lowercase_ext(cleaned)


def _named(rules: Rules, storage: FileStorage, folder: str, basename: str) -> Target:
    settings = rules.config.settings
    naming = settings.naming
    if callable(naming):
        made = naming(basename, storage)
        name_folder, leaf = split_name(made)
        return Target(
            join(folder, clean_folder(name_folder, "unicode")), clean_hook_result(leaf, "the NAMING function")
        )
    if naming == "uuid":
        return Target(folder, with_extension(uuid.uuid4().hex, basename))
    if naming.startswith("dated:"):
        dated = datetime.now(timezone.utc).strftime(naming.partition(":")[2])
        return Target(join(folder, clean_folder(dated, settings.names)), basename)
    return Target(folder, basename)


def with_extension(stem: str, basename: str) -> str:
    """Return ``stem`` with the extension of ``basename``."""
    ext = extension(basename)
    return f"{stem}.{ext}" if ext else stem
