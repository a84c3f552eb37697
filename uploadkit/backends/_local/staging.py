"""Staged files of the local backend: written where nobody looks, then published under their name in one step.

In the order of preference:

1. a file without any name (``O_TMPFILE``) that is linked: a killed process leaves nothing;
2. a temporary name that is linked, then removed;
3. a temporary name that is renamed, if the new name is free (``renameat2(2)``, ``renamex_np(2)``, Windows).

To overwrite, a temporary name is renamed over the old one.
"""

from __future__ import annotations

import errno
import logging
import os
import stat
import sys
from contextlib import ExitStack, suppress
from typing import Protocol

from ...exceptions import NotSupportedError
from ...keys import INTERNAL_FOLDER
from ...names import random_word
from .errors import BACKEND
from .folders import Folder, close_quietly, opened_below

#: Where temporary names are, below the root.
TEMPORARY_FOLDER = (INTERNAL_FOLDER, "tmp")
#: Every temporary name begins like this; the sweeper touches no other.
TEMPORARY_PREFIX = "uploadkit-"

if sys.platform != "win32":
    import fcntl  # here, because a late import fails when descriptors run out

_log = logging.getLogger("uploadkit.local")
_O_TMPFILE = getattr(os, "O_TMPFILE", 0)
_DESCRIPTORS = "/proc/self/fd"
_NO_TMPFILE = (errno.EOPNOTSUPP, errno.EISDIR, errno.EINVAL, errno.ENOENT)
# Two numbers on macOS, where link(2) and renamex_np(2) return ENOTSUP.
_UNSUPPORTED = (errno.EOPNOTSUPP, errno.ENOTSUP, errno.ENOSYS)
_NO_LINK = (errno.EPERM, errno.EMLINK, *_UNSUPPORTED)
_NO_EXCLUSIVE_RENAME = (errno.EINVAL, *_UNSUPPORTED)
_NEITHER = (
    "The destination's file system knows neither hard links nor renaming without overwriting, so files could be lost. "
    "Choose another file system, or save with overwrite."
)
_RENAME_NOREPLACE = 1  # linux/fs.h
_RENAME_EXCL = 4  # macOS sys/stdio.h


class StagedFile(Protocol):
    """An open file that nobody sees yet."""

    fd: int

    def settle(self, mode: int | None) -> None:
        """Give it its permission bits, None for those of the umask: the last change before it is flushed."""
        ...

    def publish(self, folder: Folder, name: str, *, overwrite: bool) -> None:
        """Make it visible, complete, in one step."""
        ...

    def discard(self) -> None:
        """Close it and remove every trace that is not the published name."""
        ...


def stage(root: Folder, folder: Folder, *, overwrite: bool) -> StagedFile:
    """Open a staged file for ``folder``, which lies below ``root``."""
    if _O_TMPFILE and folder.fd is not None and not overwrite and os.path.isdir(_DESCRIPTORS):
        try:
            return UnnamedFile(folder)
        except OSError as error:
            if error.errno not in _NO_TMPFILE:
                raise
    return NamedFile(root)


class UnnamedFile:
    """A file without a name: the kernel forgets it when it is closed unpublished."""

    def __init__(self, folder: Folder) -> None:
        self.fd = os.open(".", _O_TMPFILE | os.O_RDWR | os.O_CLOEXEC, 0o666, dir_fd=folder.fd)
        self.handed_down = folder.handed_down()
        self._own_mode: int | None = None

    def settle(self, mode: int | None) -> None:
        if mode is not None and self._own_mode is None:
            self._own_mode = stat.S_IMODE(os.fstat(self.fd).st_mode)  # for the next one who asks for it
        wanted = self._own_mode if mode is None else mode
        if wanted is not None:
            os.fchmod(self.fd, wanted)

    def publish(self, folder: Folder, name: str, *, overwrite: bool) -> None:
        # With dst_dir_fd Python calls linkat(2) with AT_SYMLINK_FOLLOW; without, link(2), which does not follow.
        os.link(f"{_DESCRIPTORS}/{self.fd}", name, dst_dir_fd=folder.fd, follow_symlinks=True)

    def discard(self) -> None:
        fd, self.fd = self.fd, -1
        if fd >= 0:
            close_quietly(fd)


class NamedFile:
    """A file under a temporary name, locked as long as it is open so that the sweeper leaves it alone."""

    def __init__(self, root: Folder) -> None:
        self._name = TEMPORARY_PREFIX + random_word(20)
        self._stack = ExitStack()
        try:
            self._temporary = self._stack.enter_context(opened_below(root, TEMPORARY_FOLDER, create=True))
            self.handed_down = self._temporary.handed_down()
            self._create()
        except BaseException:
            self._stack.close()
            raise

    def _create(self) -> None:
        self.fd = -1
        self._stack.callback(self._forget)  # before it is made, so that no interruption comes between
        self._stack.callback(self._close)
        self.fd = self._temporary.open(self._name, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o666)
        # The kernel has applied the umask, which cannot be read without changing it for every thread.
        self._own_mode = stat.S_IMODE(os.fstat(self.fd).st_mode)
        self._chmod(0o600)
        lock(self.fd)

    def settle(self, mode: int | None) -> None:
        self._chmod(self._own_mode if mode is None else mode)

    def publish(self, folder: Folder, name: str, *, overwrite: bool) -> None:
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
        try:
            self._temporary.unlink(self._name)
        except FileNotFoundError:  # it was renamed
            pass
        except OSError as error:  # whether the save succeeded is told by now
            _log.warning("left %s to the sweeper: %s", self._name, error.strerror)

    def _close(self) -> None:
        if self.fd >= 0:
            fd, self.fd = self.fd, -1
            close_quietly(fd)

    def _chmod(self, mode: int) -> None:
        if hasattr(os, "fchmod"):
            os.fchmod(self.fd, mode)


def lock(fd: int) -> bool:
    """Try to lock an open file against the sweeper; where the system cannot, it refuses to delete open files."""
    if sys.platform == "win32":
        return True
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def unlock(fd: int) -> None:
    """Undo `lock`: a published file is not ours any more."""
    if sys.platform != "win32":
        fcntl.flock(fd, fcntl.LOCK_UN)


def rename_to_free(source: Folder, name: str, target: Folder, new_name: str) -> None:
    """Rename a file, if the new name is free; where that takes two steps, both names are there in between."""
    try:
        rename_exclusively(source, name, target, new_name)
    except NotSupportedError:
        try:
            source.link(name, target, new_name)
        except OSError as error:
            if error.errno in _NO_LINK:
                raise NotSupportedError(_NEITHER, backend=BACKEND) from error
            raise
        try:
            source.unlink(name)
        except BaseException:
            with suppress(OSError):
                target.unlink(new_name)
            raise


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
        raise NotSupportedError(_NEITHER, backend=BACKEND)
    if number:
        raise OSError(number, os.strerror(number))


def _rename_call(source: Folder, name: str, target: Folder, new_name: str) -> int:
    """Call the C library; return 0 or the errno."""
    try:
        import ctypes  # late: it takes as long as the rest of the backend, and few file systems need it
    except ImportError:  # Python was built without it, or descriptors have run out
        return errno.ENOSYS
    libc = ctypes.CDLL(None, use_errno=True)
    call, flag = ("renameatx_np", _RENAME_EXCL) if sys.platform == "darwin" else ("renameat2", _RENAME_NOREPLACE)
    rename = getattr(libc, call, None)
    if rename is None or source.fd is None or target.fd is None:
        return errno.ENOSYS
    failed = rename(source.fd, os.fsencode(name), target.fd, os.fsencode(new_name), flag)
    return ctypes.get_errno() if failed else 0
