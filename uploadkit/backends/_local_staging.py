"""Staged files of the local backend: written where nobody looks, then published under their name in one step.

In the order of preference:

1. a file without any name (``O_TMPFILE``) that is linked: a killed process leaves nothing;
2. a temporary name that is linked, then removed;
3. a temporary name that is renamed, if the new name is free (``renameat2(2)``, ``renamex_np(2)``, Windows).

To overwrite, a temporary name is renamed over the old one.
"""

from __future__ import annotations

import ctypes
import errno
import os
import sys
from contextlib import ExitStack, suppress
from typing import Protocol

from ..exceptions import NotSupportedError
from ..keys import INTERNAL_FOLDER
from ..names import random_word
from ._local_errors import BACKEND
from ._local_folders import Folder, opened_below

#: Where temporary names are, below the root.
TEMPORARY_FOLDER = (INTERNAL_FOLDER, "tmp")
#: Every temporary name begins like this; the sweeper touches no other.
TEMPORARY_PREFIX = "uploadkit-"

_O_TMPFILE = getattr(os, "O_TMPFILE", 0)
_DESCRIPTORS = "/proc/self/fd"
_NO_TMPFILE = (errno.EOPNOTSUPP, errno.EISDIR, errno.EINVAL, errno.ENOENT)
_NO_LINK = (errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK)
_NO_EXCLUSIVE_RENAME = (errno.ENOSYS, errno.EINVAL, errno.EOPNOTSUPP)
_RENAME_NOREPLACE = 1  # linux/fs.h
_RENAME_EXCL = 4  # macOS sys/stdio.h


class StagedFile(Protocol):
    """An open file that nobody sees yet."""

    fd: int

    def publish(self, folder: Folder, name: str, *, overwrite: bool) -> None:
        """Make it visible, complete, in one step."""
        ...

    def discard(self) -> None:
        """Close it and remove every trace that is not the published name."""
        ...


def stage(root: Folder, folder: Folder, mode: int | None, *, overwrite: bool) -> StagedFile:
    """Open a staged file for ``folder``, which lies below ``root``."""
    if _O_TMPFILE and folder.fd is not None and not overwrite and os.path.isdir(_DESCRIPTORS):
        try:
            return UnnamedFile(folder, mode)
        except OSError as error:
            if error.errno not in _NO_TMPFILE:
                raise
    return NamedFile(root, mode)


class UnnamedFile:
    """A file without a name: the kernel forgets it when it is closed unpublished."""

    def __init__(self, folder: Folder, mode: int | None) -> None:
        self.fd = os.open(".", _O_TMPFILE | os.O_WRONLY | os.O_CLOEXEC, 0o666, dir_fd=folder.fd)
        if mode is not None:
            os.fchmod(self.fd, mode)

    def publish(self, folder: Folder, name: str, *, overwrite: bool) -> None:
        # With dst_dir_fd Python calls linkat(2) with AT_SYMLINK_FOLLOW; without, link(2), which does not follow.
        os.link(f"{_DESCRIPTORS}/{self.fd}", name, dst_dir_fd=folder.fd)

    def discard(self) -> None:
        os.close(self.fd)


class NamedFile:
    """A file under a temporary name, locked as long as it is open so that the sweeper leaves it alone."""

    def __init__(self, root: Folder, mode: int | None) -> None:
        self._name = TEMPORARY_PREFIX + random_word(20)
        self._stack = ExitStack()
        try:
            self._temporary = self._stack.enter_context(opened_below(root, TEMPORARY_FOLDER, create=True))
            self._create(mode)
        except BaseException:
            self._stack.close()
            raise

    def _create(self, mode: int | None) -> None:
        self.fd = self._temporary.open(self._name, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o666)
        self._stack.callback(self._forget)
        self._stack.callback(self._close)
        # The kernel has applied the umask, which cannot be read without changing it for every thread.
        self._mode = (os.fstat(self.fd).st_mode & 0o7777) if mode is None else mode
        self._chmod(0o600)
        lock(self.fd)

    def publish(self, folder: Folder, name: str, *, overwrite: bool) -> None:
        self._chmod(self._mode)
        if sys.platform == "win32":
            self._close()  # an open file cannot be renamed there
        if overwrite:
            self._temporary.replace(self._name, folder, name)
            return
        try:
            self._temporary.link(self._name, folder, name)
        except OSError as error:
            if error.errno not in _NO_LINK:
                raise
            rename_exclusively(self._temporary, self._name, folder, name)

    def discard(self) -> None:
        self._stack.close()

    def _forget(self) -> None:
        with suppress(FileNotFoundError):
            self._temporary.unlink(self._name)

    def _close(self) -> None:
        if self.fd >= 0:
            fd, self.fd = self.fd, -1
            os.close(fd)

    def _chmod(self, mode: int) -> None:
        if hasattr(os, "fchmod"):
            os.fchmod(self.fd, mode)


def lock(fd: int) -> bool:
    """Try to lock an open file against the sweeper; where the system cannot, it refuses to delete open files."""
    try:
        import fcntl
    except ImportError:  # Windows
        return True
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def rename_to_free(source: Folder, name: str, target: Folder, new_name: str) -> None:
    """Rename a file, if the new name is free; where that takes two steps, both names are there in between."""
    try:
        rename_exclusively(source, name, target, new_name)
    except NotSupportedError:
        source.link(name, target, new_name)
        source.unlink(name)


def rename_exclusively(source: Folder, name: str, target: Folder, new_name: str) -> None:
    """Rename a file, if the new name is free.

    :raises FileExistsError: if it is not.
    :raises NotSupportedError: if the file system cannot do that in one step.
    """
    if sys.platform == "win32":
        os.rename(os.path.join(source.path, name), os.path.join(target.path, new_name))
        return
    number = _rename_call(source, name, target, new_name)
    if number in _NO_EXCLUSIVE_RENAME:
        raise NotSupportedError(
            "The destination's file system knows neither hard links nor renaming without overwriting, so files "
            "could be lost. Choose another file system, or save with overwrite.",
            backend=BACKEND,
        )
    if number:
        raise OSError(number, os.strerror(number))


def _rename_call(source: Folder, name: str, target: Folder, new_name: str) -> int:
    """Call the C library; return 0 or the errno."""
    libc = ctypes.CDLL(None, use_errno=True)
    call, flag = ("renameatx_np", _RENAME_EXCL) if sys.platform == "darwin" else ("renameat2", _RENAME_NOREPLACE)
    rename = getattr(libc, call, None)
    if rename is None or source.fd is None or target.fd is None:
        return errno.ENOSYS
    failed = rename(source.fd, os.fsencode(name), target.fd, os.fsencode(new_name), flag)
    return ctypes.get_errno() if failed else 0
