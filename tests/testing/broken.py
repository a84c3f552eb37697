"""Backends that break one promise each: the kit has to notice every one."""

from __future__ import annotations

import io
import os
import threading
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any, BinaryIO

from uploadkit.backends.capabilities import Capabilities, capabilities
from uploadkit.backends.memory import MemoryBackend, _Stored
from uploadkit.disposition import safe_disposition
from uploadkit.exceptions import AlreadyExistsError, NotFoundError
from uploadkit.keys import check_key
from uploadkit.models import FileInfo, SaveOptions
from uploadkit.remotepath import RemotePath
from uploadkit.streams import chunks
from uploadkit.testing.checks_races import THREADS


class LosesTheLastByte(MemoryBackend):
    def open(self, key: str) -> BinaryIO:
        content = super().open(key).read()
        return io.BytesIO(content[:-1] if len(content) > 1000 else content)


class TranslatesLineEnds(MemoryBackend):
    def open(self, key: str) -> BinaryIO:
        return io.BytesIO(super().open(key).read().replace(b"\r\n", b"\n"))


class TellsTheWrongSize(MemoryBackend):
    def stat(self, key: str) -> FileInfo:
        info = super().stat(key)
        return replace(info, size=info.size + 1)


class LowersKeys(MemoryBackend):
    def save(self, key: str, stream: BinaryIO, options: SaveOptions) -> FileInfo:
        return super().save(key.lower(), stream, options)


class DecodesKeys(MemoryBackend):
    def save(self, key: str, stream: BinaryIO, options: SaveOptions) -> FileInfo:
        return replace(super().save(key.replace("%20", " "), stream, options), key=key)

    def _get(self, key: str) -> _Stored:
        stored = super()._get(key.replace("%20", " "))
        return replace(stored, info=replace(stored.info, key=key))


class TrustsKeysWhenDeleting(MemoryBackend):
    def delete(self, key: str) -> None:
        self._files.pop(key, None)


class TrustsKeysInUrls(MemoryBackend):
    def url(self, key: str) -> None:
        return None


class TrustsKeysWhenMoving(MemoryBackend):
    def move(self, source: str, target: str, *, overwrite: bool = False) -> FileInfo:
        try:
            return super().move(source, target, overwrite=overwrite)
        except ValueError:
            return self.stat(source)


class OverwritesAlways(MemoryBackend):
    def save(self, key: str, stream: BinaryIO, options: SaveOptions) -> FileInfo:
        return super().save(key, stream, replace(options, overwrite=True))


class SaysExistsButOverwrites(MemoryBackend):
    def save(self, key: str, stream: BinaryIO, options: SaveOptions) -> FileInfo:
        existed = key in self._files
        info = super().save(key, stream, replace(options, overwrite=True))
        if existed and not options.overwrite:
            raise AlreadyExistsError("exists", key=key, backend=self.name)
        return info


class NeverOverwrites(MemoryBackend):
    def save(self, key: str, stream: BinaryIO, options: SaveOptions) -> FileInfo:
        try:
            return super().save(key, stream, replace(options, overwrite=False))
        except AlreadyExistsError:
            if options.overwrite:
                return self.stat(key)
            raise


class InheritsMetadata(MemoryBackend):
    def save(self, key: str, stream: BinaryIO, options: SaveOptions) -> FileInfo:
        if key in self._files:
            options = replace(options, metadata={**self.stat(key).metadata, **options.metadata})
        return super().save(key, stream, options)


class OverwritesOnlyWhatIsThere(MemoryBackend):
    def save(self, key: str, stream: BinaryIO, options: SaveOptions) -> FileInfo:
        if options.overwrite:
            self.stat(check_key(key))
        return super().save(key, stream, options)


class HasNaiveTimes(MemoryBackend):
    def stat(self, key: str) -> FileInfo:
        info = super().stat(key)
        assert info.last_modified is not None
        return replace(info, last_modified=info.last_modified.replace(tzinfo=None))


class KnowsNoTypes(MemoryBackend):
    def stat(self, key: str) -> FileInfo:
        return replace(super().stat(key), content_type="application/octet-stream")


class DropsMetadata(MemoryBackend):
    def stat(self, key: str) -> FileInfo:
        return replace(super().stat(key), metadata={})


class DropsDisposition(MemoryBackend):
    def stat(self, key: str) -> FileInfo:
        return replace(super().stat(key), content_disposition=None)


class ManglesMetadata(MemoryBackend):
    def stat(self, key: str) -> FileInfo:
        info = super().stat(key)
        return replace(
            info, metadata={name: text.encode("ascii", "replace").decode() for name, text in info.metadata.items()}
        )


class ReadsFromWhereTheStreamIs(MemoryBackend):
    def save(self, key: str, stream: BinaryIO, options: SaveOptions) -> FileInfo:
        return super().save(key, io.BytesIO(b"".join(chunks(stream))), options)


class ClosesTheStream(MemoryBackend):
    def save(self, key: str, stream: BinaryIO, options: SaveOptions) -> FileInfo:
        info = super().save(key, stream, options)
        stream.close()
        return info


class ReadsOnce(MemoryBackend):
    """Takes one read for the whole stream."""

    def save(self, key: str, stream: BinaryIO, options: SaveOptions) -> FileInfo:
        return super().save(key, io.BytesIO(stream.read(1_000_000)) if not stream.seekable() else stream, options)


class NeedsSeeking(MemoryBackend):
    def save(self, key: str, stream: BinaryIO, options: SaveOptions) -> FileInfo:
        stream.seek(0)
        return super().save(key, stream, options)


class StoresWhatItGot(MemoryBackend):
    """Keeps what came before the source failed."""

    def save(self, key: str, stream: BinaryIO, options: SaveOptions) -> FileInfo:
        check_key(key)
        got = bytearray()
        try:
            for chunk in chunks(stream):
                got += chunk
        except BaseException:
            super().save(key, io.BytesIO(got), replace(options, size=None))
            raise
        return super().save(key, io.BytesIO(got), options)


class WrapsTheSourcesError(MemoryBackend):
    def save(self, key: str, stream: BinaryIO, options: SaveOptions) -> FileInfo:
        try:
            return super().save(key, stream, options)
        except OSError as error:
            if isinstance(error, (AlreadyExistsError, NotFoundError)):
                raise
            raise NotFoundError("something failed", key=key, backend=self.name) from error


class DeletesBeforeOverwriting(MemoryBackend):
    def save(self, key: str, stream: BinaryIO, options: SaveOptions) -> FileInfo:
        if options.overwrite:
            self.delete(key)
        return super().save(key, stream, options)


class ShowsUnfinishedFiles(MemoryBackend):
    def save(self, key: str, stream: BinaryIO, options: SaveOptions) -> FileInfo:
        super().save(key, io.BytesIO(b""), options)
        try:
            return super().save(key, stream, replace(options, overwrite=True))
        except BaseException:
            self.delete(key)
            raise


class ListsUnfinishedFiles(MemoryBackend):
    def save(self, key: str, stream: BinaryIO, options: SaveOptions) -> FileInfo:
        self._files[key + ".part"] = _Stored(b"", FileInfo(key + ".part", 0))
        try:
            return super().save(key, stream, options)
        finally:
            del self._files[key + ".part"]


class IgnoresTheAnnouncedSize(MemoryBackend):
    def save(self, key: str, stream: BinaryIO, options: SaveOptions) -> FileInfo:
        return super().save(key, stream, replace(options, size=None))


class IgnoresTheChecksum(MemoryBackend):
    def save(self, key: str, stream: BinaryIO, options: SaveOptions) -> FileInfo:
        return super().save(key, stream, replace(options, checksum=None))


class EncodesText(MemoryBackend):
    def save(self, key: str, stream: Any, options: SaveOptions) -> FileInfo:
        if isinstance(stream, io.StringIO):
            stream = io.BytesIO(stream.read().encode())
        return super().save(key, stream, options)


class MissesDeletedFiles(MemoryBackend):
    def delete(self, key: str) -> None:
        self.stat(key)
        super().delete(key)


class DeletesByPrefix(MemoryBackend):
    def delete(self, key: str) -> None:
        check_key(key)
        for other in [other for other in self._files if other.startswith(key)]:
            del self._files[other]


class OpensLazily(MemoryBackend):
    def open(self, key: str) -> BinaryIO:
        check_key(key)
        return io.BytesIO(self._files[key].content if key in self._files else b"")


class NamesNoKey(MemoryBackend):
    def _missing(self, key: str) -> NotFoundError:
        return NotFoundError("not found")


class GivesPipes(MemoryBackend):
    def open(self, key: str) -> BinaryIO:
        reader, writer = os.pipe()
        content = super().open(key).read()

        def feed() -> None:
            with suppress(BrokenPipeError), open(writer, "wb") as pipe:
                pipe.write(content[:60_000])

        threading.Thread(target=feed).start()
        return open(reader, "rb")


class SharesOnePosition(MemoryBackend):
    def __init__(self) -> None:
        super().__init__()
        self._streams: dict[str, io.BytesIO] = {}

    def open(self, key: str) -> BinaryIO:
        stream = self._streams.get(key)
        if stream is None or stream.closed or stream.getvalue() != super().open(key).read():
            stream = self._streams[key] = io.BytesIO(super().open(key).read())
        return stream


class _Live(io.BytesIO):
    def __init__(self, backend: MemoryBackend, key: str) -> None:
        super().__init__(MemoryBackend._get(backend, key).content)
        self._source = (backend, key)

    def read(self, size: int | None = -1, /) -> bytes:
        at, (backend, key) = self.tell(), self._source
        content = MemoryBackend._get(backend, key).content[at:]
        piece = content if size is None or size < 0 else content[:size]
        self.seek(at + len(piece))
        return piece


class MixesWhileReading(MemoryBackend):
    def open(self, key: str) -> BinaryIO:
        return _Live(self, key)


class CountsRangesFromOne(MemoryBackend):
    def open_range(self, key: str, start: int, length: int | None = None) -> BinaryIO:
        return super().open_range(key, max(start - 1, 0), length)


class TakesNegativeRanges(MemoryBackend):
    def open_range(self, key: str, start: int, length: int | None = None) -> BinaryIO:
        return super().open_range(key, max(start, 0), length)


class SignsUrls(MemoryBackend):
    def url(self, key: str) -> str:
        check_key(key)
        return f"https://example.org/{key}?signature=1"


class ChangesUrls(MemoryBackend):
    def url(self, key: str) -> str:
        check_key(key)
        return f"https://example.org/{len(self._files)}"


class HasPathsLikeUris(MemoryBackend):
    def path(self, key: str) -> Any:
        return f"memory://{check_key(key) if key else ''}"


class HasSilentPaths(MemoryBackend):
    class Silent(RemotePath):
        def __fspath__(self) -> str:
            return self.uri

    def path(self, key: str) -> RemotePath:
        return self.Silent(super().path(key).uri, self.name)


class HasErrorsThatStay(MemoryBackend):
    class Missing(NotFoundError):
        def __init__(self, key: str, backend: str) -> None:
            super().__init__(f"no {key}", key=key, backend=backend)

        def __reduce__(self) -> Any:
            return type(self), (f"no {self.key}", self.backend)

    def _missing(self, key: str) -> NotFoundError:
        return self.Missing(key, self.name)


class DeclaresWhatItHasNot(MemoryBackend):
    def capabilities(self) -> Capabilities:
        return replace(capabilities(MemoryBackend()), sweep=object())  # type: ignore[arg-type]


class HidesWhatItHas(MemoryBackend):
    def capabilities(self) -> Capabilities:
        return Capabilities()


class ListsInOrderOfSaving(MemoryBackend):
    def list_files(self, prefix: str = "") -> Iterator[FileInfo]:
        return iter([stored.info for key, stored in self._files.items() if key.startswith(prefix)])


class ListsByFolder(MemoryBackend):
    def list_files(self, prefix: str = "") -> Iterator[FileInfo]:
        folder = prefix.rstrip("/") + "/" if prefix else ""
        return super().list_files(folder)


class ListsByPattern(MemoryBackend):
    def list_files(self, prefix: str = "") -> Iterator[FileInfo]:
        import fnmatch

        return iter([self._files[key].info for key in sorted(self._files) if fnmatch.fnmatchcase(key, prefix + "*")])


class ListsEagerly(MemoryBackend):
    def list_files(self, prefix: str = "") -> Any:
        return list(super().list_files(prefix))


class CopiesOverFiles(MemoryBackend):
    def copy(self, source: str, target: str, options: SaveOptions) -> FileInfo:
        return super().copy(source, target, replace(options, overwrite=True))


class CopiesWithOldMetadata(MemoryBackend):
    def copy(self, source: str, target: str, options: SaveOptions) -> FileInfo:
        return super().copy(source, target, replace(options, metadata=self.stat(source).metadata))


class MovesByCopying(MemoryBackend):
    def move(self, source: str, target: str, *, overwrite: bool = False) -> FileInfo:
        return self.copy(source, target, SaveOptions(overwrite=overwrite or source == target))


class MovesOverFiles(MemoryBackend):
    def move(self, source: str, target: str, *, overwrite: bool = False) -> FileInfo:
        return super().move(source, target, overwrite=True)


class _StoresDispositions(MemoryBackend):
    """Stores a disposition with the file's name where none is given, as stores do that serve files themselves."""

    def _publish(self, key: str, content: bytes, checksum: str | None, options: SaveOptions) -> FileInfo:
        kept = options.content_disposition or safe_disposition(key, options.content_type)
        return super()._publish(key, content, checksum, replace(options, content_disposition=kept))


class MovesWithTheOldName(_StoresDispositions):
    """Takes the disposition for given in any case."""


class CopiesWithTheOldName(_StoresDispositions):
    def copy(self, source: str, target: str, options: SaveOptions) -> FileInfo:
        found = options.content_disposition or self.stat(source).content_disposition
        return super().copy(source, target, replace(options, content_disposition=found))


class MovesWithoutDisposition(MemoryBackend):
    def move(self, source: str, target: str, *, overwrite: bool = False) -> FileInfo:
        stored = self._get(source)
        self._files[source] = replace(stored, info=replace(stored.info, content_disposition=None))
        return super().move(source, target, overwrite=overwrite)


class SweepsFiles(MemoryBackend):
    def sweep(self, older_than: timedelta = timedelta(hours=24)) -> int:
        doomed = [key for key in self._files if key.startswith("uploadkit-")]
        for key in doomed:
            self.delete(key)
        return len(doomed)


class LooksThenStores(MemoryBackend):
    """All threads look before the first one stores."""

    def __init__(self) -> None:
        super().__init__()
        self._all_have_looked = threading.Barrier(THREADS)

    def save(self, key: str, stream: BinaryIO, options: SaveOptions) -> FileInfo:
        check_key(key)
        if key in self._files:
            raise AlreadyExistsError("exists", key=key, backend=self.name)
        self._all_have_looked.wait()
        return super().save(key, stream, replace(options, overwrite=True))


class WritesInTwoSteps(MemoryBackend):
    """A writer gives up its second half when others write at the same time."""

    def __init__(self) -> None:
        super().__init__()
        self._others_write = threading.Barrier(THREADS // 2)

    def save(self, key: str, stream: BinaryIO, options: SaveOptions) -> FileInfo:
        if not options.overwrite:
            return super().save(key, stream, options)
        content = stream.read()
        info = super().save(key, io.BytesIO(content[: len(content) // 2]), options)
        self._others_write.wait()
        return info


class LooksThenStoresOnDisk:
    """A file system backend that asks whether a file exists before it writes it."""

    name = "naive"

    def __init__(self, folder: str) -> None:
        self._folder = Path(folder)

    def save(self, key: str, stream: BinaryIO, options: SaveOptions) -> FileInfo:
        path = self._folder / key
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.exists():
            raise AlreadyExistsError("exists", key=key, backend=self.name)
        content = stream.read()
        (path.parent / f"arrived-{os.getpid()}").touch()
        for _ in range(20_000):  # until the others have looked as well, or long enough
            if len(list(path.parent.glob("arrived-*"))) > 1:
                break
        path.write_bytes(content)
        return FileInfo(key, len(content))

    def open(self, key: str) -> BinaryIO:
        return (self._folder / key).open("rb")

    def stat(self, key: str) -> FileInfo:
        return FileInfo(key, (self._folder / key).stat().st_size)

    def delete(self, key: str) -> None: ...

    def url(self, key: str) -> None: ...

    def path(self, key: str) -> str:
        return str(self._folder / key)
