"""The memory backend: files in a dict, for tests and demos."""

from __future__ import annotations

import io
import threading
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from itertools import count
from typing import BinaryIO

from ..exceptions import AlreadyExistsError, NotFoundError
from ..filetypes import content_type_for
from ..keys import check_key
from ..models import FileInfo, SaveOptions
from ..remotepath import RemotePath
from ..streams import Tally, chunks, rewind, window


@dataclass(frozen=True)
class _Stored:
    content: bytes
    info: FileInfo


class MemoryBackend:
    """Keeps files in this process's memory. Everything is gone when the process or this object is.

    :param destination: A name for the URIs that `path` returns; it has no other effect.
    """

    name = "memory"

    def __init__(self, destination: str | None = None) -> None:
        self._root = f"memory://{destination or ''}"
        self._files: dict[str, _Stored] = {}
        self._lock = threading.Lock()
        self._versions = count(1)

    def save(self, key: str, stream: BinaryIO, options: SaveOptions) -> FileInfo:
        check_key(key)
        rewind(stream)
        tally = Tally(options, key, self.name, "sha256")
        content = bytearray()
        for chunk in chunks(stream):
            tally.add(chunk)
            content += chunk
        return self._publish(key, bytes(content), tally.finish(), options)

    def open(self, key: str) -> BinaryIO:
        return io.BytesIO(self._get(key).content)

    def stat(self, key: str) -> FileInfo:
        info = self._get(key).info
        return replace(info, metadata=dict(info.metadata))

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


def _as_listed(info: FileInfo) -> FileInfo:
    """Leave out what listings of other backends do not tell, so that tests do not come to rely on it."""
    return FileInfo(info.key, info.size, content_type_for(info.key), info.last_modified, info.etag)
