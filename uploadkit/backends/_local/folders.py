"""Folders of the local backend, reached so that no symbolic link can lead a key out of the destination.

On POSIX every step is taken relative to the descriptor of the folder before it, with ``O_NOFOLLOW``: a folder that
is swapped for a link while we walk is refused, not followed. Where the system has no such calls (Windows), steps are
taken by path and each folder is checked first.
"""

from __future__ import annotations

import errno
import os
import re
import stat
import sys
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from typing import Any, NamedTuple

from ...exceptions import BackendError, InvalidKeyError
from .errors import BACKEND

HAS_DIR_FD = {os.open, os.mkdir, os.stat, os.unlink, os.link, os.rename} <= os.supports_dir_fd
_DIRECTORY = getattr(os, "O_DIRECTORY", 0) | getattr(os, "O_CLOEXEC", 0)
_NOFOLLOW = getattr(os, "O_NOFOLLOW", 0)
_BINARY = getattr(os, "O_BINARY", 0) | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_NOINHERIT", 0)
#: Without O_NONBLOCK a named pipe in the folder would hang us.
READ = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0)
#: acl(5): the list that new files get; and what SELinux derives their label from.
_HANDED_DOWN = ("system.posix_acl_default", "security.selinux")
_NUMBER_ONLY = getattr(os, "O_PATH", 0)
_LINK_AS_IS: dict[str, Any] = {"follow_symlinks": False} if os.link in os.supports_follow_symlinks else {}
#: Names that mean something else to Windows: other drives, streams of a file, devices, the same file without the dot.
_ODD_ON_WINDOWS = r'[<>:"|?*]|[. ]$|^(con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³]|conin\$|conout\$)(\.|$)'


class Policy(NamedTuple):
    """How files and folders are made: their permission bits (None leaves them to the umask), flushed or not."""

    file_mode: int | None = None
    folder_mode: int | None = None
    fsync: bool = True


class Folder:
    """One open folder. Names given to its methods are single segments and are never followed as links."""

    def __init__(self, path: str, fd: int | None, policy: Policy) -> None:
        self.path = path
        self.fd = fd
        self.policy = policy

    def close(self) -> None:
        if self.fd is not None:
            close_quietly(self.fd)

    def handed_down(self) -> tuple[object, ...]:
        """Return what files get from the folder that they are made in: the device, the group, permissions, labels.

        A file that is linked into a folder has those of the folder where it was made, so they have to be the same.
        """
        found = os.stat(self.path if self.fd is None else self.fd)
        group = found.st_gid if found.st_mode & stat.S_ISGID else None
        return found.st_dev, group, *(self._attribute(name) for name in _HANDED_DOWN)

    def _attribute(self, name: str) -> bytes | None:
        if self.fd is None or not hasattr(os, "getxattr"):
            return None
        try:
            return os.getxattr(self.fd, name)
        except OSError:
            return None

    def open(self, name: str, flags: int, mode: int = 0o600) -> int:
        path, where = self._at(name)
        if self.fd is None:
            self._refuse_odd(path)
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

    @contextmanager
    def held(self, name: str) -> Iterator[os.stat_result | None]:
        """Yield what bears this name, if anything does; no other file is given its inode number while inside."""
        with ExitStack() as stack:
            found = None
            with suppress(FileNotFoundError):
                if _NUMBER_ONLY and self.fd is not None:
                    fd = self.open(name, _NUMBER_ONLY)
                    stack.callback(close_quietly, fd)
                    found = os.fstat(fd)
                else:
                    found = self.lstat(name)
            yield found

    def withdraw(self, name: str, number: int) -> bool:
        """Remove the file with this inode number, if it still bears the name; return whether it is gone."""
        try:
            if self.lstat(name).st_ino == number:
                self.unlink(name)
        except FileNotFoundError:
            return True
        except OSError:
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

    def child(self, name: str, *, create: bool = False) -> Folder:
        """Open a folder in this one; make it first if asked to, in the mode of the policy and flushed to disk."""
        made = create and self._mkdir(name)
        folder = self._opened(name)
        try:
            if made:
                folder.set_mode()
                self.sync()
        except BaseException:
            folder.close()
            with suppress(OSError):  # else the next saver would take it for flushed
                self._rmdir(name)
            raise
        return folder

    def set_mode(self) -> None:
        """Give this folder the mode of the policy, whatever the umask says."""
        if self.policy.folder_mode is not None:
            os.chmod(self.path if self.fd is None else self.fd, self.policy.folder_mode)

    def sync(self) -> None:
        """Flush this folder's entries to disk, if the policy asks for it."""
        if self.fd is not None and self.policy.fsync:
            os.fsync(self.fd)

    def _mkdir(self, name: str) -> bool:
        path, where = self._at(name)
        try:
            os.mkdir(path, 0o777 if self.policy.folder_mode is None else self.policy.folder_mode, **where)
        except FileExistsError:
            return False
        return True

    def _rmdir(self, name: str) -> None:
        path, where = self._at(name)
        os.rmdir(path, **where)

    def _opened(self, name: str) -> Folder:
        path, where = self._at(name)
        if self.fd is None:
            self._refuse_link(name)
            if not os.path.isdir(path):
                raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR))
            return Folder(path, None, self.policy)
        try:
            fd = os.open(path, os.O_RDONLY | _DIRECTORY | _NOFOLLOW, **where)
        except OSError as error:
            if error.errno in (errno.ELOOP, errno.ENOTDIR):
                self._refuse_link(name)
            raise
        return Folder(os.path.join(self.path, name), fd, self.policy)

    def _refuse_link(self, name: str) -> None:
        info = self.lstat(name)
        if stat.S_ISLNK(info.st_mode) or getattr(info, "st_reparse_tag", False):
            raise InvalidKeyError(f"Path traversal attempt: the folder {name!r} is a symbolic link.", backend=BACKEND)

    def _refuse_odd(self, path: str) -> None:
        """Say what ``O_NOFOLLOW`` and opening a folder say on POSIX."""
        for is_odd, number in ((os.path.islink, errno.ELOOP), (os.path.isdir, errno.EISDIR)):
            if is_odd(path):
                raise OSError(number, os.strerror(number))

    def _at(self, name: str) -> tuple[str, dict[str, Any]]:
        if sys.platform == "win32":
            refuse_odd_on_windows(name)
        return (os.path.join(self.path, name), {}) if self.fd is None else (name, {"dir_fd": self.fd})


def _prefixed(prefix: str, where: dict[str, Any]) -> dict[str, Any]:
    return {f"{prefix}_{name}": value for name, value in where.items()}


def close_quietly(fd: int) -> None:
    """Close a descriptor through which nothing is lost: nothing was written, or its success is known."""
    with suppress(OSError):
        os.close(fd)


def refuse_odd_on_windows(name: str) -> None:
    """Refuse a segment that Windows would not take for a plain name."""
    if re.search(_ODD_ON_WINDOWS, name, re.IGNORECASE):
        raise InvalidKeyError(f"Windows cannot have a file {name!r}.", backend=BACKEND)


@contextmanager
def opened_root(root: str, policy: Policy, *, create: bool = False) -> Iterator[Folder]:
    """Open the destination itself, which may be a link: the administrator chose it."""
    try:
        try:
            fd = _open_root(root)
        except FileNotFoundError:
            if not create:
                raise
            _make_root(root, policy)
            fd = _open_root(root)
    except NotADirectoryError as error:
        raise BackendError("The destination of the local backend is not a folder.", backend=BACKEND) from error
    folder = Folder(root, fd, policy)
    try:
        yield folder
    finally:
        folder.close()


def _open_root(root: str) -> int | None:
    """Open the destination; where folders have no descriptors, look for it."""
    if HAS_DIR_FD:
        return os.open(root, os.O_RDONLY | _DIRECTORY)
    if not stat.S_ISDIR(os.stat(root).st_mode):
        raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR))
    return None


def _make_root(root: str, policy: Policy) -> None:
    """Make the destination and what is missing above it, each flushed to disk; the mode is the destination's only."""
    above = os.path.dirname(root)
    if above != root and not os.path.isdir(above):
        _make_root(above, policy._replace(folder_mode=None))
    try:
        os.mkdir(root, 0o777 if policy.folder_mode is None else policy.folder_mode)
    except FileExistsError:  # another process was faster, or it is no folder, which opening it tells
        return
    try:
        Folder(root, None, policy).set_mode()
        with suppress(PermissionError), opened_root(above, policy) as parent:  # one may write there, not read
            parent.sync()
    except BaseException:
        with suppress(OSError):
            os.rmdir(root)
        raise


@contextmanager
def opened_below(top: Folder, segments: Iterable[str], *, create: bool = False) -> Iterator[Folder]:
    """Walk from ``top`` down the ``segments`` and open the last folder; ``top`` itself stays open."""
    folder = top
    try:
        for segment in segments:
            below = folder.child(segment, create=create)
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
