"""Backends that break one promise each about spools."""

from __future__ import annotations

import io
from typing import Any, BinaryIO, cast

from uploadkit.backends.memory import MemoryBackend
from uploadkit.keys import check_key
from uploadkit.models import FileInfo, SaveOptions


class _Spool(io.BytesIO):
    """Remembers what it is saved as."""

    key: str | None = None
    closes: Any = None
    known: bytes | None = None

    def close(self) -> None:
        if self.closes is not None:
            self.closes()
        super().close()


class SpoolingBackend(MemoryBackend):
    """Keeps its promises."""

    def open_spool(self) -> BinaryIO:
        return _Spool()


class LosesTheEndOfSpools(SpoolingBackend):
    def save(self, key: str, stream: BinaryIO, options: SaveOptions) -> FileInfo:
        if isinstance(stream, _Spool) and len(stream.getvalue()) > 1024 * 1024:
            stream, options = io.BytesIO(stream.getvalue()[:-1]), SaveOptions(content_type=options.content_type)
        return super().save(key, stream, options)


class BelievesItsSpools(SpoolingBackend):
    """Forgets the announced size and checksum where it takes a file over."""

    def save(self, key: str, stream: BinaryIO, options: SaveOptions) -> FileInfo:
        if isinstance(stream, _Spool):
            options = SaveOptions(content_type=options.content_type, overwrite=options.overwrite)
        return super().save(key, stream, options)


class OverwritesWithSpools(SpoolingBackend):
    def save(self, key: str, stream: BinaryIO, options: SaveOptions) -> FileInfo:
        if isinstance(stream, _Spool):
            self.delete(key)
        return super().save(key, stream, options)


class ClosesSpools(SpoolingBackend):
    def save(self, key: str, stream: BinaryIO, options: SaveOptions) -> FileInfo:
        info = super().save(key, stream, options)
        if isinstance(stream, _Spool):
            stream.close()
        return info


class LinksSpoolsTwice(SpoolingBackend):
    """A second name of the same file has its attributes."""

    def save(self, key: str, stream: BinaryIO, options: SaveOptions) -> FileInfo:
        info = super().save(key, stream, options)
        if isinstance(stream, _Spool):
            if stream.key is not None:
                self._files[stream.key] = self._files[key]
            stream.key = key
        return info


class SharesSpools(SpoolingBackend):
    """Stores the spool itself, so that it changes with it."""

    def save(self, key: str, stream: BinaryIO, options: SaveOptions) -> FileInfo:
        info = super().save(key, stream, options)
        if isinstance(stream, _Spool):
            stream.closes = lambda: super(SharesSpools, self).save(
                key, io.BytesIO(stream.getvalue()), SaveOptions(overwrite=True)
            )
        return info


class RemembersOldSpools(SpoolingBackend):
    """Takes the bytes of before a change for those of the file."""

    def open_spool(self) -> BinaryIO:
        class Spool(_Spool):
            def seek(self, offset: int, whence: int = 0, /) -> int:
                self.known = self.known or self.getvalue()
                return super().seek(offset, whence)

        return cast("BinaryIO", Spool())

    def save(self, key: str, stream: BinaryIO, options: SaveOptions) -> FileInfo:
        return super().save(key, io.BytesIO(getattr(stream, "known", None) or stream.read()), options)


class ListsSpools(SpoolingBackend):
    def open_spool(self) -> BinaryIO:
        super().save(check_key("spool"), io.BytesIO(), SaveOptions(overwrite=True))
        return super().open_spool()


#: Each with a check that has to notice it.
BROKEN: list[tuple[type[MemoryBackend], str]] = [
    (LosesTheEndOfSpools, "spools_are_saved_whole"),
    (BelievesItsSpools, "spools_are_held_to_what_was_announced"),
    (OverwritesWithSpools, "spools_are_refused_and_tried_again"),
    (ClosesSpools, "spools_can_be_read_after_saving"),
    (LinksSpoolsTwice, "files_of_one_spool_are_independent"),
    (SharesSpools, "stored_files_do_not_change_with_their_spool"),
    (RemembersOldSpools, "changed_spools_are_saved_as_they_are"),
    (ListsSpools, "unsaved_spools_leave_nothing"),
]
