"""What the local backend keeps beside a file's bytes: content type, metadata, checksum.

They travel in an extended attribute of the file itself, written before the file is published, so that both appear in
one step. Where the file system has none (macOS and Windows from Python, some network file systems), what was asked to
be kept goes to a small JSON file in the internal folder; a checksum alone is not worth one there.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
import stat
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, fields
from typing import Any

from ...exceptions import DurabilityUncertainError
from ...filetypes import content_type_for
from ...keys import INTERNAL_FOLDER
from ...models import SaveOptions
from .folders import READ, Folder, close_quietly, opened_below, sync_file

_XATTR = "user.uploadkit"
#: Not there, not allowed, or too small: a sidecar may do.
_NO_XATTR = (errno.EOPNOTSUPP, errno.ENOTSUP, errno.EPERM, errno.EACCES, errno.E2BIG, errno.ENOSPC, errno.ERANGE)
_NO_VALUE = (getattr(errno, "ENODATA", errno.ENOENT), *_NO_XATTR)
_SIDECARS = (INTERNAL_FOLDER, "attributes")
_LARGEST = 64 * 1024
_WORDS = ("content_type", "content_disposition", "cache_control", "checksum")


@dataclass(frozen=True)
class Attributes:
    """What is kept for one file. The checksum counts only as long as the file was not changed in place."""

    content_type: str | None = None
    content_disposition: str | None = None
    cache_control: str | None = None
    metadata: Mapping[str, str] = field(default_factory=dict)
    checksum: str | None = None
    modified: int = 0

    @classmethod
    def of(cls, key: str, options: SaveOptions, checksum: str | None = None, modified: int = 0) -> Attributes:
        """Take from ``options`` what the key does not tell anyway."""
        usual = options.content_type == content_type_for(key)
        return cls(
            content_type=None if usual else options.content_type,
            content_disposition=options.content_disposition,
            cache_control=options.cache_control,
            metadata=dict(options.metadata),
            checksum=checksum,
            modified=modified,
        )

    def asked_for(self) -> bool:
        """Whether there is more than a checksum to keep."""
        return bool(self.content_type or self.content_disposition or self.cache_control or self.metadata)

    def dumps(self) -> bytes:
        kept = {name: value for name, value in vars(self).items() if value}
        return json.dumps(kept, ensure_ascii=False, separators=(",", ":")).encode()

    @classmethod
    def loads(cls, data: bytes) -> Attributes:
        """Read what `dumps` wrote; anything else counts as nothing."""
        try:
            found = json.loads(data[:_LARGEST])
        except (ValueError, RecursionError):
            return cls()
        known = {one.name for one in fields(cls)}
        return cls(**{name: value for name, value in found.items() if name in known}) if _is_plain(found) else cls()


@contextmanager
def kept(fd: int, key: str, attributes: Attributes, root: Folder) -> Iterator[Attributes]:
    """Keep ``attributes`` for an open file that is published inside; if it is not, nothing stays.

    Yield what `read` will find: nothing, where a checksum alone would need a file of its own.
    """
    data = attributes.dumps()
    if _write_xattr(fd, data):
        yield attributes
        return
    number = os.fstat(fd).st_ino
    remove(number, key, root)  # of an earlier file that had the same number
    try:
        if attributes.asked_for():
            _write_sidecar(number, key, data, root)
        yield attributes if attributes.asked_for() else Attributes()
    except DurabilityUncertainError:  # it was published
        raise
    except BaseException:
        with suppress(OSError):
            remove(number, key, root)
        raise


@contextmanager
def replaced(folder: Folder, name: str, key: str, root: Folder) -> Iterator[None]:
    """Forget what is kept for the file that is replaced inside."""
    with folder.held(name) as old:
        yield
        if old is not None:
            with suppress(OSError):  # the new file is in its place, and inherits nothing: the inode differs
                remove(old.st_ino, key, root)


def read(fd: int, key: str, root: Folder) -> Attributes:
    """Return what is kept for an open file."""
    data = _read_xattr(fd)
    if data is None:
        data = _read_sidecar(os.fstat(fd).st_ino, key, root)
    return Attributes.loads(data)


def remove(number: int, key: str, root: Folder) -> None:
    """Forget what lies in a sidecar of the file with this inode number."""
    with suppress(FileNotFoundError), opened_below(root, _SIDECARS) as folder:
        folder.unlink(_sidecar_name(number, key))


def rename(number: int, key: str, new_key: str, root: Folder) -> None:
    """Let a sidecar follow a file that gets another key."""
    with suppress(FileNotFoundError), opened_below(root, _SIDECARS) as folder:
        folder.replace(_sidecar_name(number, key), folder, _sidecar_name(number, new_key))


def _write_xattr(fd: int, data: bytes) -> bool:
    if not hasattr(os, "setxattr"):
        return False
    try:
        os.setxattr(fd, _XATTR, data)
    except OSError as error:
        if error.errno not in _NO_XATTR:
            raise
        return False
    return True


def _read_xattr(fd: int) -> bytes | None:
    if not hasattr(os, "getxattr"):
        return None
    try:
        return os.getxattr(fd, _XATTR)
    except OSError as error:
        if error.errno not in _NO_VALUE:
            raise
        return None


def _write_sidecar(number: int, key: str, data: bytes, root: Folder) -> None:
    mode = root.policy.file_mode
    with opened_below(root, _SIDECARS, create=True) as folder:
        fd = folder.open(_sidecar_name(number, key), os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode or 0o666)
        with os.fdopen(fd, "wb") as file:
            file.write(data)
            file.flush()
            if mode is not None and hasattr(os, "fchmod"):
                os.fchmod(fd, mode)
            if root.policy.fsync:
                sync_file(fd)
        folder.sync()


def _read_sidecar(number: int, key: str, root: Folder) -> bytes:
    try:
        with opened_below(root, _SIDECARS) as folder:
            fd = folder.open(_sidecar_name(number, key), READ)
    except FileNotFoundError:
        return b"{}"
    try:
        return os.read(fd, _LARGEST) if stat.S_ISREG(os.fstat(fd).st_mode) else b"{}"
    finally:
        close_quietly(fd)


def _sidecar_name(number: int, key: str) -> str:
    """The name binds key and inode: a file that replaces another one does not inherit its attributes."""
    return f"{hashlib.sha256(key.encode()).hexdigest()[:40]}-{number}.json"


def _is_plain(found: Any) -> bool:
    """Whether JSON that anybody may have edited has types and values that could have been saved."""
    if not isinstance(found, dict) or not isinstance(found.get("metadata", {}), dict):
        return False
    metadata = found.get("metadata", {})
    words = {name: found[name] for name in _WORDS if name in found}
    if not all(isinstance(text, str) for text in [*words.values(), *metadata.values()]):
        return False
    try:
        SaveOptions(metadata=metadata, **words)
    except ValueError:
        return False
    return isinstance(found.get("modified", 0), int)
