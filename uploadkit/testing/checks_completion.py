"""Checks of how multipart uploads end: completed in one step, aborted without a trace, then gone."""

from __future__ import annotations

import io
from functools import partial

from ..backends.capabilities import SupportsMultipart, capabilities
from ..directmodels import Part
from ..exceptions import AlreadyExistsError, IntegrityError, NotFoundError
from ..models import SaveOptions
from .checks_multipart import Upload, made, uploading
from .checks_races import at_once
from .subject import Subject, absent, get, must, must_raise, put

#: How many uploads are completed at once.
RACERS = 8


def nobody_sees_an_unfinished_upload(subject: Subject) -> None:
    """Before an upload is completed, and when it is aborted, there is nothing to see of it; or still the old file."""
    backend, power = made(subject)
    listing = capabilities(backend).listing
    put(backend, "old", b"old")

    def look(when: str) -> None:
        must(absent(backend, "new"), f"the file is visible {when}")
        must(get(backend, "old") == b"old", f"the old file is changed {when}")
        if listing is not None:
            must([info.key for info in listing.list_files()] == ["old"], f"a listing shows more {when}")

    with uploading(power, "new") as one, uploading(power, "old", SaveOptions(overwrite=True)) as other:
        look("when its upload begins")
        one.put(1, b"x")
        part = other.put(1, b"new")
        look("when a part is stored")
        one.abort()
        look("when its upload is aborted")
        other.complete(part, overwrite=True)
    must(get(backend, "old") == b"new", "completing did not replace the file")


def completion_never_overwrites_unasked(subject: Subject) -> None:
    """Completing over a file is an AlreadyExistsError and changes nothing; the upload can still be completed."""
    backend, power = made(subject)
    put(backend, "a", b"first")
    with uploading(power, "a", SaveOptions(overwrite=True)) as upload:
        part = upload.put(1, b"second")
        error = must_raise(AlreadyExistsError, lambda: upload.complete(part), "completing over a file")
        must(getattr(error, "key", None) == "a", "AlreadyExistsError does not name the key")
        must(get(backend, "a") == b"first", "the first file was changed")
        must([found.number for found in upload.parts()] == [1], "a refused completion lost the parts")
        upload.complete(part, overwrite=True)
    must(get(backend, "a") == b"second", "completing with overwrite did not replace the file")


def completion_checks_the_parts(subject: Subject) -> None:
    """Parts that are not stored as given, or none, are an IntegrityError; nothing is seen, all can still be done."""
    backend, power = made(subject)
    with uploading(power, "a") as upload:
        part = upload.put(1, b"content")
        refused: dict[str, tuple[Part, ...]] = {
            "another etag": (Part(1, "0" * 32, 7),),
            "a part that is not stored": (part, Part(2, part.etag, 7)),
            "another number": (Part(3, part.etag, 7),),
            "an empty list of parts": (),
        }
        for what, parts in refused.items():
            must_raise(IntegrityError, partial(upload.complete, *parts), f"completing with {what}")
            must(absent(backend, "a"), f"completing with {what} stored a file")
        upload.complete(part)
    must(get(backend, "a") == b"content", "the upload could not be completed after refusals")


def completion_refuses_a_replaced_part(subject: Subject) -> None:
    """A part that was replaced since is an IntegrityError."""
    backend, power = made(subject)
    with uploading(power, "a") as upload:
        first, again = upload.put(1, b"replaced"), upload.put(1, b"content")
        must(first.etag != again.etag, "two contents of a part have the same etag")
        must_raise(IntegrityError, lambda: upload.complete(first), "completing with a part that was replaced")
        must(absent(backend, "a"), "completing with a part that was replaced stored a file")


def one_completion_wins(subject: Subject) -> None:
    """Of many uploads that are completed on one key at once, one makes the file, the others get AlreadyExistsError."""
    backend, power = made(subject)
    uploads = [Upload(power, "a", SaveOptions()) for _ in range(RACERS)]
    parts = [upload.put(1, bytes([number])) for number, upload in enumerate(uploads)]

    def act(number: int) -> str:
        try:
            uploads[number].complete(parts[number])
        except AlreadyExistsError:
            return "exists"
        except Exception as error:  # noqa: BLE001 - reported by the check
            return f"{type(error).__name__}: {error}"
        return "stored"

    try:
        outcomes = at_once(RACERS, act)
    finally:
        for upload in uploads:
            upload.abort()
    must(sorted(outcomes) == ["exists"] * (RACERS - 1) + ["stored"], f"a race of completions ended so: {outcomes}")
    must(get(backend, "a") == bytes([outcomes.index("stored")]), "the file is not the winner's")


def unknown_uploads_are_not_found(subject: Subject) -> None:
    """An upload id that is unknown, of another key or aborted is a NotFoundError, except for aborting."""
    backend, power = made(subject)
    with uploading(power, "a") as upload, uploading(power, "b") as ended:
        part = upload.put(1, b"content")
        ended.abort()
        for key, upload_id in (("a", "unknown"), ("b", upload.id), ("b", ended.id)):
            _must_be_gone(power, key, upload_id, part)
            power.abort_multipart(key, upload_id)
        must(absent(backend, "a") and absent(backend, "b"), "a file was made of an unknown upload")
        must(upload.parts() == [part], "aborting an unknown upload removed another one's part")


def a_completed_upload_is_gone(subject: Subject) -> None:
    """Once it is completed an upload is a NotFoundError; aborting it is no error and leaves the file alone."""
    backend, power = made(subject)
    with uploading(power, "a") as upload:
        part = upload.put(1, b"content")
        upload.complete(part)
        _must_be_gone(power, "a", upload.id, part)
        upload.abort()
    must(get(backend, "a") == b"content", "aborting a completed upload changed the file")


def aborts_once_and_again(subject: Subject) -> None:
    """Aborting forgets the parts; doing it again is no error."""
    backend, power = made(subject)
    with uploading(power, "a") as upload, uploading(power, "a") as other:
        upload.put(1, b"x")
        part = other.put(1, b"content")
        for _ in range(2):
            upload.abort()
        must_raise(NotFoundError, upload.parts, "listing the parts of an aborted upload")
        other.complete(part)
    must(get(backend, "a") == b"content", "aborting an upload disturbed another one of the same key")


COMPLETION = (
    nobody_sees_an_unfinished_upload,
    completion_never_overwrites_unasked,
    completion_checks_the_parts,
    completion_refuses_a_replaced_part,
    one_completion_wins,
    unknown_uploads_are_not_found,
    a_completed_upload_is_gone,
    aborts_once_and_again,
)


def _must_be_gone(power: SupportsMultipart, key: str, upload_id: str, part: Part) -> None:
    calls = {
        "put_part": lambda: power.put_part(key, upload_id, 1, io.BytesIO(b"x")),
        "list_parts": lambda: list(power.list_parts(key, upload_id)),
        "complete_multipart": lambda: power.complete_multipart(key, upload_id, [part], overwrite=True),
    }
    for name, call in calls.items():
        must_raise(NotFoundError, call, f"{name} of an upload that is not there")
