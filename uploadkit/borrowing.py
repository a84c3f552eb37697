"""Lending a stored file as a real one, for libraries that want a path."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from .backends.protocol import Backend
from .exceptions import PreconditionError
from .judging import judge
from .keys import split
from .models import FileInfo, SaveOptions
from .operations import carried, open_current
from .settings import SetSettings
from .streams import Tally, chunks


@contextmanager
def borrowed(backend: Backend, key: str, settings: SetSettings, *, write: bool) -> Iterator[Path]:
    """Yield the path of the file itself on a local backend, of a verified temporary copy elsewhere.

    :param write: Whether the copy is stored again when the block ends without an error.
    """
    place = backend.path(key)
    if isinstance(place, str):
        backend.stat(key)
        yield Path(place)
        settings.require_size(Path(place).stat().st_size if write else None)
        return
    with tempfile.TemporaryDirectory(prefix="uploadkit-") as folder:
        path = Path(folder, split(key)[1])
        info = _download(backend, key, path)
        yield path
        if write:
            settings.require_size(path.stat().st_size)
            with path.open("rb") as changed:
                judge(settings.validators, key, changed)
            _store_again(backend, info, path)


def _download(backend: Backend, key: str, path: Path) -> FileInfo:
    info, stream = open_current(backend, key)
    tally = Tally(SaveOptions(size=info.size, checksum=info.checksum), key, backend.name)
    with stream, path.open("wb") as file:
        for chunk in chunks(stream):
            tally.add(chunk)
            file.write(chunk)
    tally.finish()
    return info


def _store_again(backend: Backend, info: FileInfo, path: Path) -> None:
    if backend.stat(info.key).etag != info.etag:
        raise PreconditionError(
            f"{info.key!r} was changed by somebody else while it was worked on; nothing was stored.",
            key=info.key,
            backend=backend.name,
        )
    options = replace(carried(info, info.key), size=path.stat().st_size, checksum=None, overwrite=True)
    with path.open("rb") as file:
        backend.save(info.key, file, options)
