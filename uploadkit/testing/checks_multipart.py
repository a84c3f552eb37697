"""Checks of multipart uploads: parts in any order become one file, all at once or not at all.

Parts other than the last must have the least length that the backend names, which may be megabytes. So most checks
complete uploads of one part, and those that do not use few.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

from ..backends.capabilities import SupportsMultipart, capabilities
from ..backends.protocol import Backend
from ..directmodels import Part
from ..exceptions import IntegrityError, NotSupportedError
from ..models import FileInfo, SaveOptions
from .checks_races import at_once
from .checks_saving import content_of
from .subject import NotShown, Subject, absent, get, must, must_raise, source


class Upload:
    """One multipart upload in short words."""

    def __init__(self, power: SupportsMultipart, key: str, options: SaveOptions) -> None:
        self.power: SupportsMultipart = power
        self.key: str = key
        self.id: str = power.create_multipart(key, options)

    def put(self, number: int, content: bytes) -> Part:
        """Store a part."""
        return self.power.put_part(self.key, self.id, number, io.BytesIO(content))

    def parts(self) -> list[Part]:
        """Return the stored parts."""
        return list(self.power.list_parts(self.key, self.id))

    def complete(self, *parts: Part, overwrite: bool = False) -> FileInfo:
        """Make a file of parts."""
        return self.power.complete_multipart(self.key, self.id, parts, overwrite=overwrite)

    def abort(self) -> None:
        """Forget the upload."""
        self.power.abort_multipart(self.key, self.id)


@contextmanager
def uploading(power: SupportsMultipart, key: str, options: SaveOptions | None = None) -> Iterator[Upload]:
    """Begin an upload; leave nothing of it behind, whatever happens."""
    upload = Upload(power, key, options or SaveOptions())
    try:
        yield upload
    finally:
        upload.abort()


def made(subject: Subject) -> tuple[Backend, SupportsMultipart]:
    """Make the backend; return it with its power to store in parts."""
    backend = subject.make()
    power = capabilities(backend).multipart
    if power is None:
        raise NotShown("the backend does not declare multipart")
    return backend, power


def parts_are_put_together_in_number_order(subject: Subject) -> None:
    """Parts that arrive in any order become one file in the order of their numbers."""
    backend, power = made(subject)
    size = max(power.part_limits.min_size, 1000)
    contents = {10: b"the end", 2: content_of(size, 2), 9: content_of(size, 9)}
    with uploading(power, "folder/whole.bin") as upload:
        parts = [upload.put(number, content) for number, content in contents.items()]
        must([part.number for part in parts] == list(contents), "put_part returns another number")
        info = upload.complete(*parts)
    whole = contents[2] + contents[9] + contents[10]
    must(get(backend, "folder/whole.bin") == whole, "the file is not its parts in the order of their numbers")
    must(info.key == "folder/whole.bin" and info.size == len(whole), "complete_multipart tells another key or size")
    must(backend.stat("folder/whole.bin").size == len(whole), "stat tells another size")


def parts_may_arrive_at_once(subject: Subject) -> None:
    """Parts of one upload may be stored from several threads."""
    backend, power = made(subject)
    contents = [content_of(max(power.part_limits.min_size, 1000), 1), b"the end"]
    parts: dict[int, Part] = {}
    with uploading(power, "a") as upload:

        def act(number: int) -> str:
            try:
                parts[number] = upload.put(number + 1, contents[number])
            except Exception as error:  # noqa: BLE001 - reported by the check
                return f"{type(error).__name__}: {error}"
            return "stored"

        outcomes = at_once(2, act)
        must(set(outcomes) == {"stored"}, f"storing two parts at once failed: {outcomes}")
        upload.complete(parts[0], parts[1])
    must(get(backend, "a") == b"".join(contents), "the file is not its parts")


def a_part_sent_again_replaces_the_first(subject: Subject) -> None:
    """Of a part that is stored twice under one number the second counts."""
    backend, power = made(subject)
    with uploading(power, "a") as upload:
        upload.put(1, b"first")
        again = upload.put(1, b"the second")
        must([(part.number, part.size) for part in upload.parts()] == [(1, 10)], "the first part is still listed")
        upload.complete(again)
    must(get(backend, "a") == b"the second", "the part that was replaced is in the file")


def lists_parts_in_number_order(subject: Subject) -> None:
    """The listing has the stored parts in the order of their numbers, as they were given back when stored."""
    _, power = made(subject)
    with uploading(power, "a") as upload, uploading(power, "a") as other:
        must(upload.parts() == [], "a new upload lists parts")
        other.put(3, b"of another upload")
        stored = {number: upload.put(number, b"x" * number) for number in (10, 2, 1)}
        must(isinstance(power.list_parts("a", upload.id), Iterator), "the listing is not lazy")
        found = upload.parts()
        must([part.number for part in found] == [1, 2, 10], "the parts are not all there in the order of their numbers")
        must([part.size for part in found] == [1, 2, 10], "a size is wrong")
        must(found == [stored[1], stored[2], stored[10]], "the listing tells other etags than put_part")


def multipart_keeps_options_or_refuses_them(subject: Subject) -> None:
    """A completed file has the attributes that its upload began with, or beginning it was a NotSupportedError."""
    backend, power = made(subject)
    wanted: tuple[dict[str, Any], ...] = (
        {"content_type": "text/x-own"},
        {"content_disposition": 'attachment; filename="x.txt"'},
        {"cache_control": "private, max-age=60"},
        {"metadata": {"original-filename": "Ünï 日本 'x' + %20.txt", "x": "1"}},
    )
    for number, given in enumerate(wanted):
        try:
            stored = _store(power, f"{number}.jpg", SaveOptions(**given))
        except NotSupportedError:
            must(absent(backend, f"{number}.jpg"), "an option was refused but the file stored")
            continue
        expected: dict[str, Any] = {"content_type": "image/jpeg", **given}
        for info in (stored, backend.stat(f"{number}.jpg")):
            for name, value in expected.items():
                found = getattr(info, name)
                kept = dict(found) == value if name == "metadata" else found == value
                must(kept, f"{name} was dropped or changed: {value!r} became {found!r}")


def multipart_holds_to_announcements_or_refuses_them(subject: Subject) -> None:
    """A size or checksum announced when the upload begins is held against the parts, or is a NotSupportedError."""
    backend, power = made(subject)
    for options in (SaveOptions(size=9), SaveOptions(checksum="sha256:" + "0" * 64)):
        try:
            must_raise(IntegrityError, partial(_store, power, "a", options), "completing other bytes than announced")
        except AssertionError as error:
            if not isinstance(error.__cause__, NotSupportedError):
                raise
        must(absent(backend, "a"), "other bytes than announced were stored")


def refuses_bad_part_numbers(subject: Subject) -> None:
    """A part number outside the limits is a ValueError, and no part is stored."""
    _, power = made(subject)
    with uploading(power, "a") as upload:
        for number in (0, -1, power.part_limits.max_count + 1):
            must_raise(ValueError, partial(upload.put, number, b"x"), f"part number {number}")
        must(upload.parts() == [], "a part with a bad number was stored")
        upload.put(power.part_limits.max_count, b"x")


def a_failing_source_stores_no_part(subject: Subject) -> None:
    """A source that raises half-way leaves the parts as they were, and its own error comes through."""
    _, power = made(subject)
    error = OSError(5, "the source failed")
    with uploading(power, "a") as upload:
        part = upload.put(1, b"content")
        for number in (1, 2):
            stream = source(bytes(100_000), fail_after=50_000, error=error)
            raised = must_raise(OSError, partial(power.put_part, "a", upload.id, number, stream), "a failing source")
            must(raised is error, f"the source raised {error!r}, put_part raised {raised!r}")
        must(upload.parts() == [part], "a part of a part was stored")


MULTIPART = (
    parts_are_put_together_in_number_order,
    parts_may_arrive_at_once,
    a_part_sent_again_replaces_the_first,
    lists_parts_in_number_order,
    multipart_keeps_options_or_refuses_them,
    multipart_holds_to_announcements_or_refuses_them,
    refuses_bad_part_numbers,
    a_failing_source_stores_no_part,
)


def _store(power: SupportsMultipart, key: str, options: SaveOptions) -> FileInfo:
    """Store eight bytes as a file of one part."""
    with uploading(power, key, options) as upload:
        return upload.complete(upload.put(1, b"contents"))
