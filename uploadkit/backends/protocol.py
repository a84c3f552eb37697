"""The contract between upload sets and backends: six methods."""

from __future__ import annotations

from typing import BinaryIO, Protocol, runtime_checkable

from ..models import FileInfo, SaveOptions
from ..remotepath import RemotePath


@runtime_checkable
class Backend(Protocol):
    """Keeps files under keys.

    What a backend must hold:

    - It stores under exactly the key that it is given, and checks the key first with `uploadkit.keys.check_key`.
    - All methods are synchronous and may be called from several threads and processes at once.
    - Every failure of its own leaves as a `BackendError` with key, backend and ``retryable``; the vendor's error is
      its ``__cause__``. What the source stream raises leaves unchanged.
    - An option that it cannot honour is a `NotSupportedError`, never dropped.

    What its author may rely on:

    - Keys come from `UploadSet` clean. Options are checked. Names, conflicts and URLs are decided above.
    - Streams give bytes. Whether they can seek is told by `uploadkit.streams.is_seekable`.

    ``uploadkit.testing.BackendContract`` checks all of this.
    """

    name: str

    def save(self, key: str, stream: BinaryIO, options: SaveOptions) -> FileInfo:
        """Store a whole stream under ``key``, all or nothing.

        Nobody ever sees a part of the file, and if this raises, the key is as it was before. A seekable stream is
        read from its start, wherever it stands; an unseekable one from where it is. The stream is left open.

        :raises AlreadyExistsError: if the key exists and ``options.overwrite`` is false, also when two savers race:
            exactly one of them wins.
        :raises IntegrityError: if size or checksum differ from what ``options`` announce.
        :raises NotSupportedError: if an option cannot be honoured.
        """
        ...

    def open(self, key: str) -> BinaryIO:
        """Open a file for reading; the caller closes it. The stream is seekable.

        :raises NotFoundError: now, not on the first read.
        """
        ...

    def stat(self, key: str) -> FileInfo:
        """Look a file up.

        :raises NotFoundError: if there is none.
        """
        ...

    def delete(self, key: str) -> None:
        """Remove a file; a missing one is no error."""
        ...

    def url(self, key: str) -> str | None:
        """Return the lasting public URL, or None where there is none. It is never signed and needs no network."""
        ...

    def path(self, key: str) -> str | RemotePath:
        """Return where the file is: an absolute local path, or a `RemotePath`. The empty key means the root.

        It need not exist. It does not leave the root, not even through a symbolic link.
        """
        ...
