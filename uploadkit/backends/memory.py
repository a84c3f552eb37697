"""The memory backend: files in a dict, for tests and demos."""

from __future__ import annotations

import io
import threading
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from itertools import count
from typing import BinaryIO

from ..directmodels import Part, PartLimits
from ..exceptions import AlreadyExistsError, NotFoundError
from ..filetypes import content_type_for
from ..keys import check_key
from ..models import FileInfo, SaveOptions
from ..remotepath import RemotePath
from ..streams import Tally, chunks, rewind, window
from ._memory_parts import Uploads


@dataclass(frozen=True)
class _Stored:
    content: bytes
    info: FileInfo


class MemoryBackend:
    """Keeps files in this process's memory. Everything is gone when the process or this object is.

    :param destination: A name for the URIs that `path` returns; it has no other effect.
    """

    name = "memory"
    part_limits: PartLimits = PartLimits(min_size=1, max_size=5 * 1024**3, max_count=10_000)

    def __init__(self, destination: str | None = None) -> None:
        self._root = f"memory://{destination or ''}"
        self._files: dict[str, _Stored] = {}
        self._lock = threading.Lock()
        self._versions = count(1)
        self._uploads = Uploads(self.name)

    def save(self, key: str, stream: BinaryIO, options: SaveOptions) -> FileInfo:
        check_key(key)
        rewind(stream)
        return self._publish(key, *self._gather(key, chunks(stream), options), options)

    def open(self, key: str) -> BinaryIO:
        return io.BytesIO(self._get(key).content)

    def stat(self, key: str) -> FileInfo:
        return _as_told(self._get(key).info)

    def delete(self, key: str) -> None:
        check_key(key)
        with self._lock:
            self._files.pop(key, None)

    def url(self, key: str) -> str | None:
        check_key(key)
        return None

    def path(self, key: str) -> RemotePath:
        return RemotePath(f"{self._root}/{check_key(key) if key else ''}", self.name)

    def open_range(self, key: str, start: int, length: int | None = None) -> BinaryIO:
        return window(self.open(key), start, length)

    def list_files(self, prefix: str = "") -> Iterator[FileInfo]:
        with self._lock:
            found = sorted(key for key in self._files if key.startswith(prefix))
        for key in found:
            stored = self._files.get(key)
            if stored is not None:
                yield _as_listed(stored.info)

    def copy(self, source: str, target: str, options: SaveOptions) -> FileInfo:
        stored = self._get(source)
        return self._publish(check_key(target), stored.content, stored.info.checksum, options)

    def move(self, source: str, target: str, *, overwrite: bool = False) -> FileInfo:
        check_key(source)
        check_key(target)
        with self._lock:
            stored = self._files.get(source)
            if stored is None:
                raise self._missing(source)
            self._refuse_existing(target, overwrite or source == target)
            del self._files[source]
            usual = stored.info.content_type == content_type_for(source)
            content_type = content_type_for(target) if usual else stored.info.content_type
            moved = replace(stored, info=replace(stored.info, key=target, content_type=content_type))
            self._files[target] = moved
        return moved.info

    def open_snapshot(self, key: str) -> tuple[FileInfo, BinaryIO]:
        stored = self._get(key)
        return _as_told(stored.info), io.BytesIO(stored.content)

    def delete_many(self, keys: Sequence[str]) -> None:
        for key in keys:
            check_key(key)
        with self._lock:
            for key in keys:
                self._files.pop(key, None)

    def create_multipart(self, key: str, options: SaveOptions) -> str:
        return self._uploads.begin(check_key(key), options)

    def put_part(self, key: str, upload_id: str, number: int, stream: BinaryIO) -> Part:
        self.part_limits.check_number(number)
        rewind(stream)
        return self._uploads.put(check_key(key), upload_id, number, b"".join(chunks(stream)))

    def list_parts(self, key: str, upload_id: str) -> Iterator[Part]:
        return iter(self._uploads.parts(check_key(key), upload_id))

    def complete_multipart(
        self, key: str, upload_id: str, parts: Sequence[Part], *, overwrite: bool = False
    ) -> FileInfo:
        with self._uploads.completing(check_key(key), upload_id, parts) as (contents, options):
            gathered = self._gather(key, contents, options)
            return self._publish(key, *gathered, replace(options, overwrite=overwrite))

    def abort_multipart(self, key: str, upload_id: str) -> None:
        self._uploads.abort(check_key(key), upload_id)

    def _gather(self, key: str, pieces: Iterable[bytes], options: SaveOptions) -> tuple[bytes, str | None]:
        """Return the whole content and its checksum, held against what ``options`` announce."""
        tally = Tally(options, key, self.name, "sha256")
        content = bytearray()
        for piece in pieces:
            tally.add(piece)
            content += piece
        return bytes(content), tally.finish()

    def _publish(self, key: str, content: bytes, checksum: str | None, options: SaveOptions) -> FileInfo:
        info = FileInfo(
            key=key,
            size=len(content),
            content_type=options.content_type or content_type_for(key),
            last_modified=datetime.now(timezone.utc),
            etag=str(next(self._versions)),
            checksum=checksum,
            content_disposition=options.content_disposition,
            cache_control=options.cache_control,
            metadata=dict(options.metadata),
        )
        with self._lock:
            self._refuse_existing(key, options.overwrite)
            self._files[key] = _Stored(content, info)
        return info

    def _get(self, key: str) -> _Stored:
        check_key(key)
        with self._lock:
            stored = self._files.get(key)
        if stored is None:
            raise self._missing(key)
        return stored

    def _refuse_existing(self, key: str, overwrite: bool) -> None:
        if key in self._files and not overwrite:
            raise AlreadyExistsError(f"{key!r} exists already in memory.", key=key, backend=self.name)

    def _missing(self, key: str) -> NotFoundError:
        return NotFoundError(f"There is no file {key!r} in memory.", key=key, backend=self.name)


def _as_told(info: FileInfo) -> FileInfo:
    """Return a copy whose metadata the caller may change."""
    return replace(info, metadata=dict(info.metadata))


def _as_listed(info: FileInfo) -> FileInfo:
    """Leave out what listings of other backends do not tell, so that tests do not come to rely on it."""
    return FileInfo(info.key, info.size, content_type_for(info.key), info.last_modified, info.etag)
