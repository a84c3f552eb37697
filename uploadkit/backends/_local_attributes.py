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
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field, fields
from typing import Any

from ..filetypes import content_type_for
from ..keys import INTERNAL_FOLDER
from ..models import SaveOptions
from ._local_folders import Folder, opened_below

_XATTR = "user.uploadkit"
_NO_XATTR = (errno.EOPNOTSUPP, errno.ENOTSUP, errno.E2BIG, errno.ENOSPC, errno.ERANGE)
_NO_VALUE = (getattr(errno, "ENODATA", errno.ENOENT), *_NO_XATTR)
_SIDECARS = (INTERNAL_FOLDER, "attributes")
_LARGEST = 64 * 1024


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
    def of(cls, key: str, options: SaveOptions) -> Attributes:
        """Take from ``options`` what the key does not tell anyway."""
        usual = options.content_type == content_type_for(key)
        return cls(
            content_type=None if usual else options.content_type,
            content_disposition=options.content_disposition,
            cache_control=options.cache_control,
            metadata=dict(options.metadata),
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
        except ValueError:
            return cls()
        known = {one.name for one in fields(cls)}
        return cls(**{name: value for name, value in found.items() if name in known}) if _is_plain(found) else cls()


def write(fd: int, key: str, attributes: Attributes, root: Folder) -> None:
    """Keep ``attributes`` for an open file that is not yet published."""
    data = attributes.dumps()
    if _write_xattr(fd, data):
        return
    number = os.fstat(fd).st_ino
    remove(number, key, root)  # of an earlier file that had the same number
    if attributes.asked_for():
        _write_sidecar(number, key, data, root)


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
    with opened_below(root, _SIDECARS, create=True) as folder:
        fd = folder.open(_sidecar_name(number, key), os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
        with os.fdopen(fd, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        folder.sync()


def _read_sidecar(number: int, key: str, root: Folder) -> bytes:
    try:
        with opened_below(root, _SIDECARS) as folder:
            fd = folder.open(_sidecar_name(number, key), os.O_RDONLY)
    except FileNotFoundError:
        return b"{}"
    with os.fdopen(fd, "rb") as file:
        return file.read(_LARGEST)


def _sidecar_name(number: int, key: str) -> str:
    """The name binds key and inode: a file that replaces another one does not inherit its attributes."""
    return f"{hashlib.sha256(key.encode()).hexdigest()[:40]}-{number}.json"


def _is_plain(found: Any) -> bool:
    """Whether JSON that anybody may have edited has the types that `Attributes` promises."""
    if not isinstance(found, dict) or not isinstance(found.get("metadata", {}), dict):
        return False
    texts = [value for name, value in found.items() if name not in ("metadata", "modified")]
    texts += [text for pair in found.get("metadata", {}).items() for text in pair]
    return all(isinstance(text, str) for text in texts) and isinstance(found.get("modified", 0), int)
