"""Walking the local backend's folders: to list the files, and to sweep what killed processes left."""

from __future__ import annotations

import logging
import os
import stat
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime, timedelta, timezone
from typing import Any

from ...exceptions import InvalidKeyError
from ...filetypes import content_type_for
from ...keys import INTERNAL_FOLDER, check_key, join, segments, split
from ...models import FileInfo
from .folders import READ, Folder, close_quietly, opened_below
from .staging import TEMPORARY_FOLDER, TEMPORARY_PREFIX, lock

_log = logging.getLogger("uploadkit.local")
_BATCH = 512


def list_below(root: Folder, prefix: str) -> Iterator[FileInfo]:
    """Yield the regular files whose key starts with ``prefix``, in key order; links are never followed.

    One folder's names are held at a time (per level), never all of them.
    """
    folder = split(prefix)[0]
    if folder and not _is_key(folder):
        return iter(())  # no key begins like that, and the file system must not be asked
    return _list_folder(root, folder, prefix)


def file_info(key: str, found: os.stat_result, content_type: str | None = None, **kept: Any) -> FileInfo:
    """Return what a stat tells of a file, and what is kept beside it: further fields of `FileInfo`."""
    return FileInfo(
        key=key,
        size=found.st_size,
        content_type=content_type or content_type_for(key),
        last_modified=_time_of(found.st_mtime),
        etag=f"{found.st_ino:x}-{found.st_mtime_ns:x}-{found.st_size:x}",
        **kept,
    )


def _time_of(seconds: float) -> datetime | None:
    try:
        return datetime.fromtimestamp(seconds, timezone.utc)
    except (OverflowError, ValueError, OSError):  # a year that Python does not know
        return None


def sweep_below(root: Folder, older_than: timedelta) -> int:
    """Remove temporary files that are older and that no living process has locked; return how many."""
    oldest = time.time() - older_than.total_seconds()
    try:
        with opened_below(root, TEMPORARY_FOLDER) as folder:
            names = [name for name, _ in folder.entries() if name.startswith(TEMPORARY_PREFIX)]
            return sum(_sweep_one(folder, name, oldest) for name in names)
    except FileNotFoundError:
        return 0


def _list_folder(root: Folder, folder_key: str, prefix: str) -> Iterator[FileInfo]:
    files: list[str] = []
    for name, is_folder in _entries(root, folder_key):
        key = join(folder_key, name)
        if not _is_key(key):
            continue
        if is_folder and (key + "/").startswith(prefix[: len(key) + 1]):
            yield from _stat_all(root, folder_key, files)
            files = []
            yield from _list_folder(root, key, prefix)
        elif not is_folder and key.startswith(prefix):
            files.append(name)
            if len(files) == _BATCH:
                yield from _stat_all(root, folder_key, files)
                files = []
    yield from _stat_all(root, folder_key, files)


def _entries(root: Folder, folder_key: str) -> list[tuple[str, bool]]:
    try:
        with opened_below(root, segments(folder_key)) as folder:
            return folder.entries()
    except (FileNotFoundError, NotADirectoryError):
        return []


def _stat_all(root: Folder, folder_key: str, names: list[str]) -> list[FileInfo]:
    """Stat a batch of names in one folder; what vanished meanwhile, or is no regular file, is left out."""
    found: list[FileInfo] = []
    if names:
        with suppress(FileNotFoundError, NotADirectoryError), opened_below(root, segments(folder_key)) as folder:
            for name in names:
                with suppress(FileNotFoundError):
                    info = folder.lstat(name)
                    if stat.S_ISREG(info.st_mode):
                        found.append(file_info(join(folder_key, name), info))
    return found


def _is_key(key: str) -> bool:
    """Names on disk that cannot be keys (no valid UTF-8, for one) are left alone, and told of."""
    try:
        check_key(key)
    except InvalidKeyError as error:
        if key != INTERNAL_FOLDER:
            _log.warning("left out of the listing: %s", error)
        return False
    return True


def _sweep_one(folder: Folder, name: str, oldest: float) -> bool:
    """Remove one file if it is stale; one that cannot be removed does not keep the others."""
    try:
        fd = _opened_to_lock(folder, name)
        try:
            stale = _is_stale(fd, oldest)
            if stale and sys.platform != "win32":
                folder.unlink(name)  # while it is locked
        finally:
            close_quietly(fd)
        if stale and sys.platform == "win32":  # an open file cannot be removed there, not even by who opened it
            folder.unlink(name)
    except FileNotFoundError:
        return False
    except OSError as error:
        _log.warning("could not sweep %s: %s", name, error.strerror)
        return False
    return stale


def _opened_to_lock(folder: Folder, name: str) -> int:
    flags = READ - os.O_RDONLY
    try:
        return folder.open(name, flags | os.O_RDWR)  # which a lock on NFS needs
    except PermissionError:
        return folder.open(name, flags | os.O_RDONLY)


def _is_stale(fd: int, oldest: float) -> bool:
    found = os.fstat(fd)
    return stat.S_ISREG(found.st_mode) and found.st_mtime < oldest and lock(fd)
