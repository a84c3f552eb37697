"""The local backend: files in a folder, published in one step, flushed to disk, never outside the folder."""

from __future__ import annotations

import errno
import io
import os
import stat
import sys
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext, suppress
from datetime import timedelta
from typing import BinaryIO, cast

from ..exceptions import (
    AlreadyExistsError,
    DurabilityUncertainError,
    InvalidKeyError,
    NotFoundError,
)
from ..heldfile import HeldFile
from ..keys import check_key, segments, split
from ..models import FileInfo, SaveOptions
from ..streams import Tally, chunks, rewind, window
from ._local import attributes
from ._local.adopting import AdoptedFile, NotAdopted, adoptable, adopted_checksum, copy_held
from ._local.errors import BACKEND, translating
from ._local.folders import (
    READ,
    Folder,
    Policy,
    close_quietly,
    opened_below,
    opened_root,
    refuse_odd_on_windows,
    sync_file,
)
from ._local.listing import file_info, list_below, sweep_below
from ._local.options import read_checksum, read_flag, read_mode, read_root
from ._local.staging import StagedFile, rename_to_free, stage


class LocalBackend:
    """Keeps files in a folder of this machine.

    :param destination: The folder; it is made when the first file is saved. A relative one is taken from the
        working directory of this moment.
    :param fsync: Flush each file and its folder to the disk before `save` returns, so that a power cut cannot take
        back what was reported as stored.
    :param file_mode: The permission bits of files (``0o640``); None leaves them to the umask.
    :param folder_mode: The permission bits of folders that are made; None leaves them to the umask.
    :param checksum: The `hashlib` algorithm that is computed while files are written and kept beside them; None for
        none.
    :raises ConfigError: if ``destination`` is empty, or `hashlib` does not know ``checksum`` or its length.
    """

    name = BACKEND

    def __init__(
        self,
        destination: str | os.PathLike[str],
        *,
        fsync: bool = True,
        file_mode: int | None = None,
        folder_mode: int | None = None,
        checksum: str | None = "sha256",
    ) -> None:
        self._root = read_root(destination)
        self._policy = Policy(
            read_mode("file_mode", file_mode), read_mode("folder_mode", folder_mode), read_flag("fsync", fsync)
        )
        self._checksum = read_checksum(checksum)

    def at(self, destination: str | os.PathLike[str]) -> LocalBackend:
        """Return the same backend for another folder."""
        policy = self._policy
        return LocalBackend(
            destination,
            fsync=policy.fsync,
            file_mode=policy.file_mode,
            folder_mode=policy.folder_mode,
            checksum=self._checksum,
        )

    def save(self, key: str, stream: BinaryIO, options: SaveOptions) -> FileInfo:
        check_key(key)
        rewind(stream)
        with ExitStack() as stack:
            with translating("save", key):
                root = stack.enter_context(self._root_folder(create=True))
                folder, name = _enter(stack, root, key)
                if not options.overwrite and folder.exists(name):
                    raise self._exists(key)
                held = adoptable(stream, folder)
            if held is not None:
                stack.callback(held.unclaim)
                checksum = adopted_checksum(held, Tally(options, key, self.name, self._checksum))
                with suppress(NotAdopted):
                    return self._store(AdoptedFile(held, root), folder, name, key, root, options, checksum)
            with translating("save", key):
                staged = stage(root, folder, overwrite=options.overwrite)
            stack.callback(staged.discard)
            checksum = self._write(staged, key, stream, options)
            return self._store(staged, folder, name, key, root, options, checksum)

    def open_spool(self) -> BinaryIO:
        return cast("BinaryIO", HeldFile(self._stage_spool, self._checksum))

    def open(self, key: str) -> BinaryIO:
        with self._opened(key) as (fd, _):
            return cast("BinaryIO", io.BufferedReader(io.FileIO(os.dup(fd), "rb")))

    def open_snapshot(self, key: str) -> tuple[FileInfo, BinaryIO]:
        with self._opened(key) as (fd, root), translating("stat", key):
            info = self._info(fd, key, attributes.read(fd, key, root))
            return info, cast("BinaryIO", io.BufferedReader(io.FileIO(os.dup(fd), "rb")))

    def stat(self, key: str) -> FileInfo:
        with self._opened(key) as (fd, root), translating("stat", key):
            return self._info(fd, key, attributes.read(fd, key, root))

    def delete(self, key: str) -> None:
        with suppress(NotFoundError), self._located(key, "delete") as (root, folder, name), folder.held(name) as found:
            if found is not None and not stat.S_ISDIR(found.st_mode):
                folder.unlink(name)
                attributes.remove(found.st_ino, key, root)
                folder.sync()

    def url(self, key: str) -> str | None:
        check_key(key)
        return None

    def path(self, key: str) -> str:
        if not key:
            return self._root
        names = check_key(key).split("/")
        path = os.path.join(self._root, *names)
        with translating("find the path of", key):
            if sys.platform == "win32":
                for name in names:
                    refuse_odd_on_windows(name)
            if not _is_below(os.path.realpath(path), os.path.realpath(self._root)):
                raise InvalidKeyError(
                    f"Path traversal attempt: {key!r} leads out of the destination through a symbolic link.",
                    backend=self.name,
                )
        return path

    def open_range(self, key: str, start: int, length: int | None = None) -> BinaryIO:
        return window(self.open(key), start, length)

    def list_files(self, prefix: str = "") -> Iterator[FileInfo]:
        with suppress(NotFoundError), translating("list", prefix), self._root_folder() as root:
            yield from list_below(root, prefix)

    def move(self, source: str, target: str, *, overwrite: bool = False) -> FileInfo:
        check_key(target)
        with self._opened(source) as (fd, root), translating("move", source):  # closed again: Windows wants that
            info = self._info(fd, target, attributes.read(fd, source, root))
        if source != target:
            with self._located(source, "move") as (root, old_folder, old_name), ExitStack() as stack:
                number = old_folder.lstat(old_name).st_ino
                folder, name = _enter(stack, root, target)
                with attributes.replaced(folder, name, target, root) if overwrite else nullcontext():
                    rename = Folder.replace if overwrite else rename_to_free
                    rename(old_folder, old_name, folder, name)
                attributes.rename(number, source, target, root)
                self._sync_moved(folder, old_folder, target)
        return info

    def sweep(self, older_than: timedelta = timedelta(hours=24)) -> int:
        with suppress(NotFoundError), translating("sweep", "temporary files"), self._root_folder() as root:
            return sweep_below(root, older_than)
        return 0

    # Saving

    def _write(self, staged: StagedFile, key: str, stream: BinaryIO, options: SaveOptions) -> str | None:
        """Write the whole stream; return its checksum. What the stream itself raises is not ours to translate."""
        tally = Tally(options, key, self.name, self._checksum)
        copied = copy_held(stream, staged.fd, tally)
        for chunk in () if copied else chunks(stream):
            tally.add(chunk)
            with translating("save", key):
                _write_whole(staged.fd, chunk)
        return tally.finish()

    def _store(
        self,
        staged: StagedFile,
        folder: Folder,
        name: str,
        key: str,
        root: Folder,
        options: SaveOptions,
        checksum: str | None,
    ) -> FileInfo:
        """Give a whole file its attributes, flush it and publish it."""
        with translating("save", key):
            wanted = attributes.Attributes.of(key, options, checksum, _stamp(staged.fd))
            with attributes.kept(staged.fd, key, wanted, root) as kept:
                info = self._info(staged.fd, key, kept)
                self._flush(staged)
                self._publish(staged, folder, name, key, root, overwrite=options.overwrite)
        return info

    def _flush(self, staged: StagedFile) -> None:
        """Learn of every failed write before the file is published."""
        staged.settle(self._policy.file_mode)
        if self._policy.fsync:
            sync_file(staged.fd)
        else:
            os.close(os.dup(staged.fd))  # network file systems tell it when any descriptor is closed

    def _stage_spool(self) -> StagedFile:
        with self._root_folder(create=True) as root:
            return stage(root, root, overwrite=False)

    def _publish(
        self, staged: StagedFile, folder: Folder, name: str, key: str, root: Folder, *, overwrite: bool
    ) -> None:
        number = os.fstat(staged.fd).st_ino
        with attributes.replaced(folder, name, key, root) if overwrite else nullcontext():
            staged.publish(folder, name, overwrite=overwrite)
        try:
            folder.sync()
        except BaseException as error:
            if not overwrite and folder.withdraw(name, number):
                raise
            if isinstance(error, OSError):
                raise self._uncertain(key, error, retryable=overwrite) from error
            raise

    def _sync_moved(self, folder: Folder, old_folder: Folder, key: str) -> None:
        try:
            folder.sync()
            old_folder.sync()
        except OSError as error:
            raise self._uncertain(key, error, retryable=False) from error

    def _uncertain(self, key: str, error: OSError, *, retryable: bool) -> DurabilityUncertainError:
        return DurabilityUncertainError(
            f"{key!r} is in its place on the local backend, but flushing its folder failed "
            f"({os.strerror(error.errno or 0)}): a power cut may undo that.",
            key=key,
            backend=self.name,
            retryable=retryable,
        )

    def _exists(self, key: str) -> AlreadyExistsError:
        return AlreadyExistsError(f"{key!r} exists already on the local backend.", key=key, backend=self.name)

    # Finding

    def _root_folder(self, *, create: bool = False) -> AbstractContextManager[Folder]:
        return opened_root(self._root, self._policy, create=create)

    @contextmanager
    def _located(self, key: str, action: str) -> Iterator[tuple[Folder, Folder, str]]:
        """Open the root and the folder of ``key``; yield them and the last segment."""
        folder_key, name = split(check_key(key))
        with translating(action, key), self._root_folder() as root, ExitStack() as stack:
            try:
                folder = stack.enter_context(opened_below(root, segments(folder_key)))
            except NotADirectoryError as error:
                raise self._missing(key) from error
            yield root, folder, name

    @contextmanager
    def _opened(self, key: str) -> Iterator[tuple[int, Folder]]:
        """Open a regular file and the root; whatever else bears the name counts as missing."""
        with ExitStack() as stack:
            root, folder, name = stack.enter_context(self._located(key, "open"))
            try:
                fd = folder.open(name, READ)
            except OSError as error:
                if error.errno in (errno.ELOOP, errno.ENXIO, errno.EISDIR):
                    raise self._missing(key) from error
                raise
            stack.callback(close_quietly, fd)
            if not stat.S_ISREG(os.fstat(fd).st_mode):
                raise self._missing(key)
            yield fd, root

    def _info(self, fd: int, key: str, kept: attributes.Attributes) -> FileInfo:
        found = os.fstat(fd)
        return file_info(
            key,
            found,
            content_type=kept.content_type,
            checksum=kept.checksum if kept.modified == found.st_mtime_ns else None,
            content_disposition=kept.content_disposition,
            cache_control=kept.cache_control,
            metadata=dict(kept.metadata),
        )

    def _missing(self, key: str) -> NotFoundError:
        return NotFoundError(f"There is no file {key!r} on the local backend.", key=key, backend=self.name)


def _enter(stack: ExitStack, root: Folder, key: str) -> tuple[Folder, str]:
    """Open the folder of ``key``, made if need be; return it and the last segment."""
    folder, name = split(key)
    return stack.enter_context(opened_below(root, segments(folder), create=True)), name


def _is_below(path: str, root: str) -> bool:
    try:
        return os.path.commonpath([root, path]) == root
    except ValueError:  # on different drives
        return False


def _stamp(fd: int) -> int:
    """Set a file's time to the nanosecond and return what was kept of it.

    The kernel's own stamps are only as fine as its tick: a change right after would not show in etag and checksum.
    """
    if os.utime in os.supports_fd:
        now = time.time_ns()
        with suppress(OSError):
            os.utime(fd, ns=(now, now))
    return os.fstat(fd).st_mtime_ns


def _write_whole(fd: int, chunk: bytes) -> None:
    """Write all of ``chunk``: write(2) may take less, and says so only by its return value."""
    view = memoryview(chunk)
    while view:
        view = view[os.write(fd, view) :]
