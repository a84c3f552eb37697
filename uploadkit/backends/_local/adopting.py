"""Held files of the local backend: linked under their name instead of copied, where that can be done.

A held file is linked once. A second name of the same file would share content and attributes with the first, so every
later save of it is a copy.
"""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from functools import partial
from typing import BinaryIO, cast

from ...heldfile import HeldFile
from ...names import random_word
from ...streams import Tally, chunks, rewind
from .folders import Folder, opened_below
from .staging import TEMPORARY_FOLDER, TEMPORARY_PREFIX, NamedFile, UnnamedFile, lock, unlock

_LARGEST_COPY = 1 << 30


class NotAdopted(Exception):
    """The file could not be linked, and has to be copied; it is unchanged but for its attributes."""


def adoptable(stream: BinaryIO, folder: Folder) -> HeldFile | None:
    """Return the held file that ``stream`` is, claimed, if it can be linked into ``folder``.

    All of it is in the file then. It cannot be linked if files that are made in ``folder`` get another group or other
    permissions than those of the folder where it was made.
    """
    if not isinstance(stream, HeldFile) or sys.platform == "win32":  # which cannot rename what is open
        return None
    place = stream.place
    if not isinstance(place, (UnnamedFile, NamedFile)) or place.handed_down != folder.handed_down():
        return None
    if not stream.claim():
        return None
    if stream.place is None:  # somebody was faster
        stream.unclaim()
        return None
    stream.flush()
    return stream


def adopted_checksum(held: HeldFile, tally: Tally) -> str | None:
    """Hold a file to what was announced and return its checksum; read it only if another digest is wanted.

    :raises IntegrityError: if size or checksum are not the announced ones.
    """
    known = held.known
    if known is not None and tally.is_served_by(known[1]):
        tally.take_over(*known)
    else:
        stream = cast("BinaryIO", held)
        for chunk in chunks(stream):
            tally.add(chunk)
        rewind(stream)
    return tally.finish()


class AdoptedFile:
    """A held file as a staged file: publishing it leaves the stream open, and readable."""

    def __init__(self, held: HeldFile, root: Folder) -> None:
        self.fd = held.descriptor
        self._held = held
        self._place = cast("UnnamedFile | NamedFile", held.place)
        self._root = root

    def settle(self, mode: int | None) -> None:
        self._place.settle(mode)

    def publish(self, folder: Folder, name: str, *, overwrite: bool) -> None:
        over = overwrite and isinstance(self._place, UnnamedFile)
        publish = self._link_over if over else partial(self._place.publish, overwrite=overwrite)
        try:
            self._held.publish(partial(publish, folder, name))
        except FileExistsError:
            raise
        except OSError as error:  # another mount or quota of the same device, or no /proc
            raise NotAdopted from error

    def discard(self) -> None:
        """Nothing: the stream closes its file."""

    def _link_over(self, folder: Folder, name: str) -> None:
        """Give the file a temporary name, then rename it over the old file: a link never replaces one."""
        temporary = TEMPORARY_PREFIX + random_word(20)
        lock(self.fd)
        with opened_below(self._root, TEMPORARY_FOLDER, create=True) as waiting:
            try:
                self._place.publish(waiting, temporary, overwrite=False)
                waiting.replace(temporary, folder, name)
                unlock(self.fd)
            except BaseException:
                with suppress(OSError):
                    waiting.unlink(temporary)
                raise


def copy_held(stream: BinaryIO, fd: int, tally: Tally) -> bool:
    """Copy a held file whose checksum is known within the kernel; return False if nothing was copied.

    :raises OSError: if the stored file that it has become was changed.
    """
    if not isinstance(stream, HeldFile) or not hasattr(os, "copy_file_range"):
        return False
    stream.flush()
    known = stream.known
    if known is None or not tally.is_served_by(known[1]) or not _copied(stream.descriptor, fd, known[0]):
        return False
    stream.require_unchanged()
    tally.take_over(*known)
    return True


def _copied(source: int, target: int, size: int) -> bool:
    """Copy ``size`` bytes and return whether the kernel could; where files stand does not change."""
    done = 0
    with suppress(OSError):
        while done < size:
            count = os.copy_file_range(source, target, min(size - done, _LARGEST_COPY), done, done)
            if not count:
                break
            done += count
    return done == size
