"""Optional powers of backends, and the one value that says which of them a backend has.

``capabilities(backend)`` returns a frozen `Capabilities`; each field is the object that has the power, or None. A
wrapper (or a backend whose powers depend on its settings) answers for itself with a ``capabilities()`` method.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, fields
from datetime import timedelta
from typing import TYPE_CHECKING, Any, BinaryIO, Protocol, runtime_checkable

from ..models import FileInfo, LinkOptions, SaveOptions, SignedURL
from .protocol import Backend

if TYPE_CHECKING:
    from ..directmodels import Part, PartLimits, PresignedRequest, UploadPolicy


@runtime_checkable
class SupportsRange(Protocol):
    """Can read a part of a file without the rest."""

    def open_range(self, key: str, start: int, length: int | None = None) -> BinaryIO:
        """Open ``length`` bytes (None: all) from ``start`` (from 0) as a seekable stream that the caller closes.

        A range behind the end is empty; one that reaches over it is cut.

        :raises NotFoundError: if there is no such file.
        :raises ValueError: if ``start`` or ``length`` is negative.
        """
        ...


@runtime_checkable
class SupportsListing(Protocol):
    """Can tell which files there are."""

    def list_files(self, prefix: str = "") -> Iterator[FileInfo]:
        """Yield the files whose key starts with ``prefix``, lazily, in the order of the keys' code points.

        Unfinished and internal files are never among them.
        """
        ...


@runtime_checkable
class SupportsCopy(Protocol):
    """Can copy a file without moving its bytes through this process."""

    def copy(self, source: str, target: str, options: SaveOptions) -> FileInfo:
        """Copy ``source`` to ``target`` under the promises of `Backend.save`; ``options`` replace the attributes.

        :raises NotFoundError: if there is no ``source``.
        :raises AlreadyExistsError: if ``target`` exists and ``options.overwrite`` is false.
        """
        ...


@runtime_checkable
class SupportsMove(Protocol):
    """Can give a file another key in one step."""

    def move(self, source: str, target: str, *, overwrite: bool = False) -> FileInfo:
        """Rename ``source`` to ``target`` with everything it carries; nobody sees both or neither.

        A content type that is the usual one of the old key becomes the usual one of the new.

        :raises NotFoundError: if there is no ``source``.
        :raises AlreadyExistsError: if ``target`` exists and ``overwrite`` is false.
        """
        ...


@runtime_checkable
class SupportsSweep(Protocol):
    """Can remove what killed processes left behind."""

    def sweep(self, older_than: timedelta = timedelta(hours=24)) -> int:
        """Remove unfinished files that nobody works on and that are older than ``older_than``; return how many."""
        ...


@runtime_checkable
class SupportsSnapshot(Protocol):
    """Can open a file together with what is known of it."""

    def open_snapshot(self, key: str) -> tuple[FileInfo, BinaryIO]:
        """Return what `Backend.stat` and `Backend.open` would, both of one and the same content.

        :raises NotFoundError: if there is no such file.
        """
        ...


@runtime_checkable
class SupportsStreaming(Protocol):
    """Can give a file from front to end as it arrives, with little memory."""

    def open_stream(self, key: str, start: int = 0, length: int | None = None) -> tuple[FileInfo, BinaryIO]:
        """Return what is known of the whole file, and ``length`` bytes (None: all) of it from ``start``.

        All bytes are of the content that the `FileInfo` tells of; if it is replaced meanwhile, reading fails. The
        stream need not be seekable. It may hold a connection until it is read to its end or closed; a connection that
        breaks is made up for. Bytes are handed out as they come, so no checksum is held against them.

        :raises NotFoundError: if there is no such file.
        :raises ValueError: if ``start`` or ``length`` is negative.
        """
        ...


@runtime_checkable
class SupportsSpooling(Protocol):
    """Can keep what arrives where it will be stored, so that storing it does not copy it."""

    def open_spool(self) -> BinaryIO:
        """Return an empty temporary file of this backend, to write, to read and to give to its `Backend.save`.

        `save` takes over what was written, without a copy where it can; the caller still closes the file, and may read
        and save it again before. A file that is closed without being saved leaves nothing.

        What is saved never changes with it: writing to a file that was taken over raises `io.UnsupportedOperation`,
        and what is saved from one file several times are independent files. It opens where the backend cannot be
        reached, too; that is told by `save`.
        """
        ...


@runtime_checkable
class SupportsBatchDelete(Protocol):
    """Can remove many files at once."""

    def delete_many(self, keys: Sequence[str]) -> None:
        """Remove up to 1,000 files; missing ones are no error.

        :raises InvalidKeyError: if one of them is no key; then none is removed.
        :raises BackendError: if some could not be removed; the others are.
        """
        ...


@runtime_checkable
class SupportsSigning(Protocol):
    """Can hand out links that work without credentials for a while."""

    def signed_url(self, key: str, expires_in: int, options: LinkOptions | None = None) -> SignedURL:
        """Return a URL that reads the file until ``expires_in`` seconds after ``options.signed_at``, or from now.

        It takes no network but where only another service can sign, and the file need not exist. It ends sooner
        where the credentials that sign it do.

        :raises ValueError: if ``expires_in`` is not between 1 second and seven days.
        :raises NotSupportedError: if the backend's options make such links impossible.
        """
        ...


@runtime_checkable
class SupportsDirectUpload(Protocol):
    """Can let somebody without credentials store one file."""

    def presign_upload(self, key: str, policy: UploadPolicy, expires_in: int) -> PresignedRequest:
        """Return a request that stores a file under ``key`` as ``policy`` allows; no network.

        :raises ValueError: if ``expires_in`` is not between 1 second and seven days.
        :raises NotSupportedError: if the store cannot enforce the policy.
        """
        ...


@runtime_checkable
class SupportsMultipart(Protocol):
    """Can store a file in parts that arrive one by one, in any order, from several processes.

    Until it is completed, nobody sees any of it. Where an upload id is unknown, or its upload was completed or
    aborted, every method but `abort_multipart` raises `NotFoundError`.
    """

    part_limits: PartLimits

    def create_multipart(self, key: str, options: SaveOptions) -> str:
        """Begin an upload with the attributes of ``options`` and return its upload id.

        ``options.overwrite`` says nothing yet; a size or checksum is held to when the upload is completed.

        :raises NotSupportedError: if an option cannot be honoured.
        """
        ...

    def put_part(self, key: str, upload_id: str, number: int, stream: BinaryIO) -> Part:
        """Store a part; one that is there under the same number is replaced.

        A seekable stream is read from its start; the part is held in memory.

        :raises ValueError: if ``number`` is outside the `PartLimits`.
        """
        ...

    def list_parts(self, key: str, upload_id: str) -> Iterator[Part]:
        """Yield the parts that are stored, in the order of their numbers."""
        ...

    def complete_multipart(
        self, key: str, upload_id: str, parts: Sequence[Part], *, overwrite: bool = False
    ) -> FileInfo:
        """Make one file of ``parts``, in the order of their numbers, under the promises of `Backend.save`.

        If it raises, the upload is still there, to be completed otherwise or aborted.

        :raises AlreadyExistsError: if the key exists and ``overwrite`` is false.
        :raises NotFoundError: if there is no such upload; a store may say so only after it has looked for the key.
        :raises IntegrityError: if a part is not stored as given, is given twice or is too small, or none is given.
        """
        ...

    def abort_multipart(self, key: str, upload_id: str) -> None:
        """Forget the upload and its parts; one that is gone is no error."""
        ...


@runtime_checkable
class SupportsPresignedParts(Protocol):
    """Can let somebody without credentials store one part of a multipart upload."""

    def presign_part(
        self, key: str, upload_id: str, number: int, expires_in: int, *, size: int | None = None
    ) -> PresignedRequest:
        """Return a ``"PUT"`` request that stores part ``number``.

        The answer's header ``ETag``, with its quotes or without, is the `Part.etag` to complete the upload with.

        :param size: The exact length in bytes that the store has to demand; None for any.
        :raises ValueError: if ``number`` or ``expires_in`` is out of bounds.
        """
        ...


@dataclass(frozen=True)
class Capabilities:
    """The optional powers of one backend: each is the object that has it, or None. Print it to see their names."""

    range: SupportsRange | None = None
    listing: SupportsListing | None = None
    copy: SupportsCopy | None = None
    move: SupportsMove | None = None
    sweep: SupportsSweep | None = None
    snapshot: SupportsSnapshot | None = None
    streaming: SupportsStreaming | None = None
    spooling: SupportsSpooling | None = None
    batch_delete: SupportsBatchDelete | None = None
    signing: SupportsSigning | None = None
    direct_upload: SupportsDirectUpload | None = None
    multipart: SupportsMultipart | None = None
    presigned_parts: SupportsPresignedParts | None = None

    def names(self) -> tuple[str, ...]:
        """Return the names of the powers that are there."""
        return tuple(power.name for power in fields(self) if getattr(self, power.name) is not None)

    def __str__(self) -> str:
        return ", ".join(self.names()) or "no optional powers"


@runtime_checkable
class AnswersForItself(Protocol):
    """A backend whose powers cannot be read off its methods, such as a wrapper."""

    def capabilities(self) -> Capabilities:
        """Return the powers that calls to this backend will really find."""
        ...


def capabilities(backend: Backend) -> Capabilities:
    """Return the optional powers of ``backend``."""
    return backend.capabilities() if isinstance(backend, AnswersForItself) else declared(backend)


def declared(backend: Backend) -> Capabilities:
    """Return the powers that ``backend`` has methods for, whether or not its options let it use them."""
    found: dict[str, Any] = {power: backend for power, members in _MEMBERS.items() if _has(backend, members)}
    return Capabilities(**found)


def _members(protocol: type) -> tuple[str, ...]:
    named = {**vars(protocol), **protocol.__annotations__}
    return tuple(name for name in named if not name.startswith("_"))


def _has(backend: Backend, members: Iterable[str]) -> bool:
    return all(getattr(backend, name, None) is not None for name in members)


#: What a backend must have for each power. `isinstance` looks for the same, and takes several times as long.
_MEMBERS = {
    "range": _members(SupportsRange),
    "listing": _members(SupportsListing),
    "copy": _members(SupportsCopy),
    "move": _members(SupportsMove),
    "sweep": _members(SupportsSweep),
    "snapshot": _members(SupportsSnapshot),
    "streaming": _members(SupportsStreaming),
    "spooling": _members(SupportsSpooling),
    "batch_delete": _members(SupportsBatchDelete),
    "signing": _members(SupportsSigning),
    "direct_upload": _members(SupportsDirectUpload),
    "multipart": _members(SupportsMultipart),
    "presigned_parts": _members(SupportsPresignedParts),
}
