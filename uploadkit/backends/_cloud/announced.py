"""Holding the source of a copy to what is announced of it: no byte passes here that could be counted or hashed."""

from __future__ import annotations

from ...exceptions import IntegrityError, NotSupportedError
from ...models import FileInfo, SaveOptions


def check_announced(info: FileInfo, options: SaveOptions, backend: str) -> None:
    """Compare what is known of the source with the size and checksum in ``options``.

    :raises IntegrityError: if one of them is another one.
    :raises NotSupportedError: if the checksum is not known by the announced algorithm.
    """
    algorithm = (options.checksum or "").partition(":")[0]
    if algorithm and algorithm != (info.checksum or "").partition(":")[0]:
        problem = (
            f"The {backend!r} backend does not know the {algorithm} of {info.key!r}, so a copy cannot be held to it."
        )
        raise NotSupportedError(problem, key=info.key, backend=backend)
    other_size = options.size is not None and options.size != info.size
    if other_size or (options.checksum is not None and options.checksum != info.checksum):
        problem = f"{info.key!r} was not copied on the {backend!r} backend: it is not the file that was announced."
        raise IntegrityError(problem, key=info.key, backend=backend)
