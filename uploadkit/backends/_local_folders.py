"""Folders of the local backend, reached so that no symbolic link can lead a key out of the destination.

On POSIX every step is taken relative to the descriptor of the folder before it, with ``O_NOFOLLOW``: a folder that
is swapped for a link while we walk is refused, not followed. Where the system has no such calls (Windows), steps are
taken by path and each folder is checked first.
"""

from __future__ import annotations

import errno
import os
import stat
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from ..exceptions import InvalidKeyError
from ._local_errors import BACKEND

HAS_DIR_FD = {os.open, os.mkdir, os.stat, os.unlink, os.link, os.rename} <= os.supports_dir_fd
_DIRECTORY = getattr(os, "O_DIRECTORY", 0) | getattr(os, "O_CLOEXEC", 0)
_NOFOLLOW = getattr(os, "O_NOFOLLOW", 0)
_BINARY = getattr(os, "O_BINARY", 0) | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_NOINHERIT", 0)
_LINK_AS_IS: dict[str, Any] = {"follow_symlinks": False} if os.link in os.supports_follow_symlinks else {}


class Folder:
    """One open folder. Names given to its methods are single segments and are never followed as links."""

    def __init__(self, path: str, fd: int | None) -> None:
        self.path = path
        self.fd = fd

    def close(self) -> None:
        if self.fd is not None:
            os.close(self.fd)

    def open(self, name: str, flags: int, mode: int = 0o600) -> int:
        path, where = self._at(name)
        if self.fd is None and os.path.islink(path):
            raise OSError(errno.ELOOP, os.strerror(errno.ELOOP))
        return os.open(path, flags | _NOFOLLOW | _BINARY, mode, **where)

    def lstat(self, name: str) -> os.stat_result:
        path, where = self._at(name)
        return os.stat(path, follow_symlinks=False, **where)

    def exists(self, name: str) -> bool:
        try:
            self.lstat(name)
        except FileNotFoundError:
            return False
        return True

    def unlink(self, name: str) -> None:
        path, where = self._at(name)
        os.unlink(path, **where)

    def link(self, name: str, target: Folder, new_name: str) -> None:
        source, here = self._at(name)
        destination, there = target._at(new_name)
        os.link(source, destination, **_prefixed("src", here), **_prefixed("dst", there), **_LINK_AS_IS)

    def replace(self, name: str, target: Folder, new_name: str) -> None:
        source, here = self._at(name)
        destination, there = target._at(new_name)
        os.replace(source, destination, **_prefixed("src", here), **_prefixed("dst", there))

    def entries(self) -> list[tuple[str, bool]]:
        """Return the names in here, each with whether it is a folder, in the order their keys have in a listing."""
        with os.scandir(self.path if self.fd is None else self.fd) as scan:
            found = [(entry.name, entry.is_dir(follow_symlinks=False)) for entry in scan]
        return sorted(found, key=lambda entry: entry[0] + "/" * entry[1])

    def child(self, name: str, *, create: bool = False, mode: int | None = None, sync: bool = False) -> Folder:
        """Open a folder in this one; make it first if asked to, in the given mode and flushed to disk."""
        if create and self._mkdir(name, mode):
            if sync:
                self.sync()
            return self._opened(name, mode)
        return self._opened(name, None)

    def sync(self) -> None:
        """Flush this folder's entries to disk."""
        if self.fd is not None:
            os.fsync(self.fd)

    def _mkdir(self, name: str, mode: int | None) -> bool:
        path, where = self._at(name)
        try:
            os.mkdir(path, 0o777 if mode is None else mode, **where)
        except FileExistsError:
            return False
        return True

    def _opened(self, name: str, mode: int | None) -> Folder:
        path, where = self._at(name)
        if self.fd is None:
            self._refuse_link(name)
            if not os.path.isdir(path):
                raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR))
            return Folder(path, None)
        try:
            fd = os.open(path, os.O_RDONLY | _DIRECTORY | _NOFOLLOW, **where)
        except OSError as error:
            if error.errno in (errno.ELOOP, errno.ENOTDIR):
                self._refuse_link(name)
            raise
        if mode is not None:
            os.fchmod(fd, mode)
        return Folder(os.path.join(self.path, name), fd)

    def _refuse_link(self, name: str) -> None:
        info = self.lstat(name)
        if stat.S_ISLNK(info.st_mode) or getattr(info, "st_reparse_tag", False):
            raise InvalidKeyError(f"Path traversal attempt: the folder {name!r} is a symbolic link.", backend=BACKEND)

    def _at(self, name: str) -> tuple[str, dict[str, Any]]:
        return (os.path.join(self.path, name), {}) if self.fd is None else (name, {"dir_fd": self.fd})


def _prefixed(prefix: str, where: dict[str, Any]) -> dict[str, Any]:
    return {f"{prefix}_{name}": value for name, value in where.items()}


@contextmanager
def opened_root(root: str, *, create: bool, mode: int | None) -> Iterator[Folder]:
    """Open the destination itself, which may be a link: the administrator chose it."""
    if create and not os.path.isdir(root):
        os.makedirs(root, exist_ok=True)
        if mode is not None:
            os.chmod(root, mode)
    if not HAS_DIR_FD and not os.path.isdir(root):
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT))
    folder = Folder(root, os.open(root, os.O_RDONLY | _DIRECTORY) if HAS_DIR_FD else None)
    try:
        yield folder
    finally:
        folder.close()


@contextmanager
def opened_below(
    top: Folder, segments: Iterable[str], *, create: bool = False, mode: int | None = None, sync: bool = False
) -> Iterator[Folder]:
    """Walk from ``top`` down the ``segments`` and open the last folder; ``top`` itself stays open."""
    folder = top
    try:
        for segment in segments:
            below = folder.child(segment, create=create, mode=mode, sync=sync)
            if folder is not top:
                folder.close()
            folder = below
        yield folder
    finally:
        if folder is not top:
            folder.close()


def sync_file(fd: int) -> None:
    """Flush a file to the disk itself; macOS needs a call of its own for that (fcntl(2), F_FULLFSYNC)."""
    if sys.platform == "darwin":
        import fcntl

        fcntl.fcntl(fd, fcntl.F_FULLFSYNC)
    else:
        os.fsync(fd)
