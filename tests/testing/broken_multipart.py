"""Backends that break one promise each about snapshots, deleting many files, and multipart uploads."""

from __future__ import annotations

import io
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from typing import Any, BinaryIO

from uploadkit.backends._memory_parts import Uploads, _Upload
from uploadkit.backends.memory import MemoryBackend
from uploadkit.directmodels import Part
from uploadkit.exceptions import AlreadyExistsError, NotFoundError
from uploadkit.models import FileInfo, SaveOptions
from uploadkit.streams import chunks
from uploadkit.testing.checks_completion import RACERS


class SnapshotsByTwoCalls(MemoryBackend):
    def open_snapshot(self, key: str) -> tuple[FileInfo, BinaryIO]:
        info, end = self.stat(key), time.monotonic() + 0.5
        while self.stat(key).etag == info.etag and time.monotonic() < end:
            time.sleep(0)
        return info, self.open(key)


class SnapshotsLazily(MemoryBackend):
    def open_snapshot(self, key: str) -> tuple[FileInfo, BinaryIO]:
        return super().open_snapshot(key) if key in self._files else (FileInfo(key, 0), io.BytesIO())


class SnapshotsWithoutTypes(MemoryBackend):
    def open_snapshot(self, key: str) -> tuple[FileInfo, BinaryIO]:
        info, stream = super().open_snapshot(key)
        return replace(info, content_type=None), stream


class DeletesManyByPrefix(MemoryBackend):
    def delete_many(self, keys: Sequence[str]) -> None:
        super().delete_many([key for key in self._files if key.startswith(tuple(keys))])


class MissesManyDeletedFiles(MemoryBackend):
    def delete_many(self, keys: Sequence[str]) -> None:
        for key in keys:
            self.stat(key)
        super().delete_many(keys)


class DecodesManyKeys(MemoryBackend):
    def delete_many(self, keys: Sequence[str]) -> None:
        super().delete_many([*keys, *(key.replace("%20", " ") for key in keys)])


class DeletesOneRequestFull(MemoryBackend):
    def delete_many(self, keys: Sequence[str]) -> None:
        super().delete_many(keys[:100])


class TrustsManyKeys(MemoryBackend):
    def delete_many(self, keys: Sequence[str]) -> None:
        for key in keys:
            self._files.pop(key, None)


class TrustsKeysOfUploads(MemoryBackend):
    def create_multipart(self, key: str, options: SaveOptions) -> str:
        return self._uploads.begin(key, options)


class HasNoPartLimits(MemoryBackend):
    part_limits: Any = None


class _Keeping(MemoryBackend):
    """Keeps its uploads in another way."""

    uploads = Uploads

    def __init__(self) -> None:
        super().__init__()
        self._uploads = self.uploads(self.name)


class JoinsInOrderOfArrival(_Keeping):
    class uploads(Uploads):
        def _contents(self, upload: _Upload, parts: Sequence[Part]) -> list[bytes]:
            return [upload.parts[part.number][1] for part in parts]


class JoinsInOrderOfText(_Keeping):
    class uploads(Uploads):
        def _contents(self, upload: _Upload, parts: Sequence[Part]) -> list[bytes]:
            return [upload.parts[part.number][1] for part in sorted(parts, key=lambda part: str(part.number))]


class ForgetsPartsThatArriveAtOnce(_Keeping):
    class uploads(Uploads):
        both = threading.Barrier(2)

        def put(self, key: str, upload_id: str, number: int, content: bytes) -> Part:
            upload, part = self._find(key, upload_id), Part(number, "etag", len(content))
            parts = dict(upload.parts)
            self.both.wait(10)
            upload.parts = {**parts, number: (part, content)}
            return part


class KeepsTheFirstPart(_Keeping):
    class uploads(Uploads):
        def put(self, key: str, upload_id: str, number: int, content: bytes) -> Part:
            known = self._find(key, upload_id).parts.get(number)
            return known[0] if known else super().put(key, upload_id, number, content)


class ListsPartsAsTheyCame(_Keeping):
    class uploads(Uploads):
        def parts(self, key: str, upload_id: str) -> list[Part]:
            return [part for part, _ in self._find(key, upload_id).parts.values()]


class ListsPartsOfTheKey(_Keeping):
    class uploads(Uploads):
        def parts(self, key: str, upload_id: str) -> list[Part]:
            found = [part for upload in self._uploads.values() for part, _ in upload.parts.values()]
            return sorted(found, key=lambda part: part.number)


class ListsPartsEagerly(MemoryBackend):
    def list_parts(self, key: str, upload_id: str) -> Any:
        return list(super().list_parts(key, upload_id))


class TellsOtherEtagsOfParts(MemoryBackend):
    def list_parts(self, key: str, upload_id: str) -> Iterator[Part]:
        return (replace(part, etag=f'"{part.etag}"') for part in super().list_parts(key, upload_id))


class ForgetsAttributesOfUploads(MemoryBackend):
    def create_multipart(self, key: str, options: SaveOptions) -> str:
        return super().create_multipart(key, SaveOptions())


class ForgetsAnnouncements(MemoryBackend):
    def create_multipart(self, key: str, options: SaveOptions) -> str:
        return super().create_multipart(key, replace(options, size=None, checksum=None))


class TakesAnyPartNumber(MemoryBackend):
    def put_part(self, key: str, upload_id: str, number: int, stream: BinaryIO) -> Part:
        return self._uploads.put(key, upload_id, number, stream.read())


class StoresPartsOfParts(MemoryBackend):
    def put_part(self, key: str, upload_id: str, number: int, stream: BinaryIO) -> Part:
        got = bytearray()
        try:
            for chunk in chunks(stream):
                got += chunk
        finally:
            part = super().put_part(key, upload_id, number, io.BytesIO(got))
        return part


class WrapsTheErrorOfAPart(MemoryBackend):
    def put_part(self, key: str, upload_id: str, number: int, stream: BinaryIO) -> Part:
        try:
            return super().put_part(key, upload_id, number, stream)
        except OSError as error:
            if isinstance(error, NotFoundError):
                raise
            raise NotFoundError("something failed", key=key, backend=self.name) from error


class ShowsUnfinishedUploads(MemoryBackend):
    def create_multipart(self, key: str, options: SaveOptions) -> str:
        with suppress(AlreadyExistsError):
            self.save(key, io.BytesIO(b""), options)
        return super().create_multipart(key, options)


class ListsUnfinishedUploads(MemoryBackend):
    def list_files(self, prefix: str = "") -> Iterator[FileInfo]:
        yield from super().list_files(prefix)
        yield from (FileInfo(upload.key, 0) for upload in self._uploads._uploads.values())


class DeletesWhatIsAborted(MemoryBackend):
    def abort_multipart(self, key: str, upload_id: str) -> None:
        super().abort_multipart(key, upload_id)
        self.delete(key)


class CompletesWhatIsAborted(MemoryBackend):
    def abort_multipart(self, key: str, upload_id: str) -> None:
        with suppress(Exception):
            self.complete_multipart(key, upload_id, list(self.list_parts(key, upload_id)), overwrite=True)


class CompletesOverFiles(MemoryBackend):
    def complete_multipart(
        self, key: str, upload_id: str, parts: Sequence[Part], *, overwrite: bool = False
    ) -> FileInfo:
        return super().complete_multipart(key, upload_id, parts, overwrite=True)


class OverwritesAsItBegan(MemoryBackend):
    def complete_multipart(
        self, key: str, upload_id: str, parts: Sequence[Part], *, overwrite: bool = False
    ) -> FileInfo:
        began = self._uploads._find(key, upload_id).options.overwrite
        return super().complete_multipart(key, upload_id, parts, overwrite=overwrite or began)


class ForgetsRefusedUploads(MemoryBackend):
    def complete_multipart(
        self, key: str, upload_id: str, parts: Sequence[Part], *, overwrite: bool = False
    ) -> FileInfo:
        try:
            return super().complete_multipart(key, upload_id, parts, overwrite=overwrite)
        finally:
            self.abort_multipart(key, upload_id)


class IgnoresEtags(_Keeping):
    class uploads(Uploads):
        def _contents(self, upload: _Upload, parts: Sequence[Part]) -> list[bytes]:
            known = [upload.parts[part.number][0] if part.number in upload.parts else part for part in parts]
            return super()._contents(upload, known)


class SkipsMissingParts(_Keeping):
    class uploads(Uploads):
        def _contents(self, upload: _Upload, parts: Sequence[Part]) -> list[bytes]:
            return super()._contents(upload, [part for part in parts if part.number in upload.parts])


class CompletesOfNothing(_Keeping):
    class uploads(Uploads):
        def _contents(self, upload: _Upload, parts: Sequence[Part]) -> list[bytes]:
            return super()._contents(upload, parts) if parts else []


class LooksThenCompletes(MemoryBackend):
    def __init__(self) -> None:
        super().__init__()
        self._all_have_looked = threading.Barrier(RACERS)

    def complete_multipart(
        self, key: str, upload_id: str, parts: Sequence[Part], *, overwrite: bool = False
    ) -> FileInfo:
        if key in self._files:
            raise AlreadyExistsError("exists", key=key, backend=self.name)
        self._all_have_looked.wait(10)
        return super().complete_multipart(key, upload_id, parts, overwrite=True)


class MakesUploadsUp(_Keeping):
    class uploads(Uploads):
        def _find(self, key: str, upload_id: str) -> _Upload:
            return self._uploads.setdefault(upload_id, _Upload(key, SaveOptions()))


class IgnoresTheKeyOfUploads(_Keeping):
    class uploads(Uploads):
        def _find(self, key: str, upload_id: str) -> _Upload:
            return super()._find(self._uploads[upload_id].key if upload_id in self._uploads else key, upload_id)


class AbortsUploadsOfOtherKeys(_Keeping):
    class uploads(Uploads):
        def abort(self, key: str, upload_id: str) -> None:
            self._uploads.pop(upload_id, None)


class KeepsCompletedUploads(_Keeping):
    class uploads(Uploads):
        @contextmanager
        def completing(
            self, key: str, upload_id: str, parts: Sequence[Part]
        ) -> Iterator[tuple[list[bytes], SaveOptions]]:
            upload = self._find(key, upload_id)
            yield self._contents(upload, parts), upload.options


class MissesAbortedUploads(_Keeping):
    class uploads(Uploads):
        def abort(self, key: str, upload_id: str) -> None:
            self._find(key, upload_id)
            super().abort(key, upload_id)


class AbortsAllUploadsOfTheKey(_Keeping):
    class uploads(Uploads):
        def abort(self, key: str, upload_id: str) -> None:
            self._uploads = {other: upload for other, upload in self._uploads.items() if upload.key != key}


#: Each with a check that has to notice it.
BROKEN: list[tuple[type[MemoryBackend], str]] = [
    (SnapshotsByTwoCalls, "snapshots_are_of_one_content"),
    (SnapshotsLazily, "opens_snapshots"),
    (SnapshotsWithoutTypes, "opens_snapshots"),
    (DeletesManyByPrefix, "deletes_exactly_the_given_files"),
    (MissesManyDeletedFiles, "deletes_exactly_the_given_files"),
    (DecodesManyKeys, "deletes_exactly_the_given_files"),
    (DeletesOneRequestFull, "deletes_hundreds_at_once"),
    (TrustsManyKeys, "refuses_unsafe_keys"),
    (TrustsKeysOfUploads, "refuses_unsafe_keys"),
    (HasNoPartLimits, "powers_are_declared_honestly"),
    (JoinsInOrderOfArrival, "parts_are_put_together_in_number_order"),
    (JoinsInOrderOfText, "parts_are_put_together_in_number_order"),
    (ForgetsPartsThatArriveAtOnce, "parts_may_arrive_at_once"),
    (KeepsTheFirstPart, "a_part_sent_again_replaces_the_first"),
    (ListsPartsAsTheyCame, "lists_parts_in_number_order"),
    (ListsPartsOfTheKey, "lists_parts_in_number_order"),
    (ListsPartsEagerly, "lists_parts_in_number_order"),
    (TellsOtherEtagsOfParts, "lists_parts_in_number_order"),
    (ForgetsAttributesOfUploads, "multipart_keeps_options_or_refuses_them"),
    (ForgetsAnnouncements, "multipart_holds_to_announcements_or_refuses_them"),
    (TakesAnyPartNumber, "refuses_bad_part_numbers"),
    (StoresPartsOfParts, "a_failing_source_stores_no_part"),
    (WrapsTheErrorOfAPart, "a_failing_source_stores_no_part"),
    (ShowsUnfinishedUploads, "nobody_sees_an_unfinished_upload"),
    (ListsUnfinishedUploads, "nobody_sees_an_unfinished_upload"),
    (CompletesWhatIsAborted, "nobody_sees_an_unfinished_upload"),
    (CompletesOverFiles, "completion_never_overwrites_unasked"),
    (OverwritesAsItBegan, "completion_never_overwrites_unasked"),
    (ForgetsRefusedUploads, "completion_never_overwrites_unasked"),
    (IgnoresEtags, "completion_checks_the_parts"),
    (IgnoresEtags, "completion_refuses_a_replaced_part"),
    (SkipsMissingParts, "completion_checks_the_parts"),
    (CompletesOfNothing, "completion_checks_the_parts"),
    (ForgetsRefusedUploads, "completion_checks_the_parts"),
    (LooksThenCompletes, "one_completion_wins"),
    (MakesUploadsUp, "unknown_uploads_are_not_found"),
    (IgnoresTheKeyOfUploads, "unknown_uploads_are_not_found"),
    (AbortsUploadsOfOtherKeys, "unknown_uploads_are_not_found"),
    (KeepsCompletedUploads, "a_completed_upload_is_gone"),
    (DeletesWhatIsAborted, "a_completed_upload_is_gone"),
    (MissesAbortedUploads, "aborts_once_and_again"),
    (AbortsAllUploadsOfTheKey, "aborts_once_and_again"),
]
