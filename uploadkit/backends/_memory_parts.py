"""The multipart uploads of the memory backend that are not completed yet."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from ..directmodels import Part
from ..exceptions import IntegrityError, NotFoundError
from ..models import SaveOptions


@dataclass
class _Upload:
    key: str
    options: SaveOptions
    parts: dict[int, tuple[Part, bytes]] = field(default_factory=dict)


class Uploads:
    """Keeps parts until their upload is completed or aborted.

    :param backend: The name of the backend, for errors.
    """

    def __init__(self, backend: str) -> None:
        self._backend = backend
        self._uploads: dict[str, _Upload] = {}
        self._lock = threading.Lock()

    def begin(self, key: str, options: SaveOptions) -> str:
        """Begin an upload and return its upload id."""
        upload_id = uuid.uuid4().hex
        with self._lock:
            self._uploads[upload_id] = _Upload(key, options)
        return upload_id

    def put(self, key: str, upload_id: str, number: int, content: bytes) -> Part:
        """Store a part, instead of one that is there under the same number.

        :raises NotFoundError: if there is no such upload.
        """
        part = Part(number, uuid.uuid4().hex, len(content))
        with self._lock:
            self._find(key, upload_id).parts[number] = (part, content)
        return part

    def parts(self, key: str, upload_id: str) -> list[Part]:
        """Return the stored parts in the order of their numbers.

        :raises NotFoundError: if there is no such upload.
        """
        with self._lock:
            stored = self._find(key, upload_id).parts
            return [stored[number][0] for number in sorted(stored)]

    @contextmanager
    def completing(self, key: str, upload_id: str, parts: Sequence[Part]) -> Iterator[tuple[list[bytes], SaveOptions]]:
        """Give the contents of ``parts`` in order, and the options; forget the upload unless the block raises.

        :raises NotFoundError: if there is no such upload.
        :raises IntegrityError: if a part is not stored as given, or none is given.
        """
        with self._lock:
            upload = self._find(key, upload_id)
            yield self._contents(upload, parts), upload.options
            del self._uploads[upload_id]

    def abort(self, key: str, upload_id: str) -> None:
        """Forget an upload; one that is gone is no error."""
        with self._lock:
            found = self._uploads.get(upload_id)
            if found is not None and found.key == key:
                del self._uploads[upload_id]

    def _find(self, key: str, upload_id: str) -> _Upload:
        found = self._uploads.get(upload_id)
        if found is None or found.key != key:
            raise NotFoundError(f"There is no such upload of {key!r} in memory.", key=key, backend=self._backend)
        return found

    def _contents(self, upload: _Upload, parts: Sequence[Part]) -> list[bytes]:
        if not parts or len({part.number for part in parts}) != len(parts):
            raise self._refused(upload.key, "the list of parts is empty or has a number twice")
        contents = []
        for part in sorted(parts, key=lambda part: part.number):
            stored, content = upload.parts.get(part.number, (None, b""))
            if stored is None or stored.etag != part.etag:
                raise self._refused(upload.key, f"part {part.number} is not stored as given")
            contents.append(content)
        return contents

    def _refused(self, key: str, what: str) -> IntegrityError:
        return IntegrityError(f"{key!r} was not completed: {what}.", key=key, backend=self._backend)
