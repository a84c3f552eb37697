"""Checks of `Backend.save` and `Backend.delete`: whole or not at all, never over another file."""

from __future__ import annotations

import hashlib
import io
import random
from collections.abc import Callable
from functools import partial

from ..backends.capabilities import Capabilities, capabilities
from ..backends.protocol import Backend
from ..directmodels import UploadPolicy
from ..exceptions import AlreadyExistsError, IntegrityError, InvalidKeyError, NotFoundError, NotSupportedError
from ..models import SaveOptions
from .names import HARD_KEYS, UNSAFE_KEYS
from .subject import Subject, absent, get, must, must_raise, put, source

_SIZES = (0, 1, 1023, 64 * 1024 - 1, 64 * 1024, 64 * 1024 + 1, 1024 * 1024 + 7)


def content_of(size: int, seed: int = 0) -> bytes:
    """Return random bytes with line ends strewn in, the same each time."""
    piece = random.Random(seed).randbytes(size)  # noqa: S311 - no secret
    return piece[: size // 2] + b"\r\n" + piece[size // 2 + 2 :] if size > 2 else piece


def stores_exactly_the_bytes(subject: Subject) -> None:
    """What is read back is what was saved, at sizes around every buffer's border."""
    backend = subject.make()
    for size in _SIZES:
        content = content_of(size)
        info = put(backend, f"size/{size}", content)
        must(get(backend, f"size/{size}") == content, f"{size} bytes came back changed")
        must(info.size == size == backend.stat(f"size/{size}").size, f"the size of {size} bytes is told wrong")


def stores_under_exactly_the_key(subject: Subject) -> None:
    """Hard keys are kept as they are, apart from each other."""
    backend = subject.make()
    for key in HARD_KEYS:
        must(put(backend, key, key.encode()).key == key, f"save({key!r}) returns another key")
    for key in HARD_KEYS:
        must(get(backend, key) == key.encode(), f"{key!r} has another key's content")
        must(backend.stat(key).key == key, f"stat({key!r}) returns another key")


def refuses_unsafe_keys(subject: Subject) -> None:
    """Every method refuses keys that are empty, absolute, too long, or lead elsewhere."""
    backend = subject.make()
    powers = capabilities(backend)
    put(backend, "good", b"good")
    for key in UNSAFE_KEYS:
        calls: dict[str, Callable[[], object]] = {
            "save": partial(put, backend, key, b"x"),
            "open": partial(backend.open, key),
            "stat": partial(backend.stat, key),
            "delete": partial(backend.delete, key),
            "url": partial(backend.url, key),
        }
        if key:  # the empty key is the root, for path()
            calls["path"] = partial(backend.path, key)
        calls.update(_calls_of_powers(powers, key))
        for name, call in calls.items():
            must_raise(InvalidKeyError, call, f"{name}({key!r:.60})")
    must(get(backend, "good") == b"good", "a refused call changed another file")


def never_overwrites_unasked(subject: Subject) -> None:
    """Saving under a key that exists raises AlreadyExistsError and changes nothing."""
    backend = subject.make()
    put(backend, "a", b"first")
    error = must_raise(AlreadyExistsError, lambda: put(backend, "a", b"second"), "saving over a file")
    must(getattr(error, "key", None) == "a", "AlreadyExistsError does not name the key")
    must(get(backend, "a") == b"first", "the first file was changed")


def overwrites_whole_when_asked(subject: Subject) -> None:
    """Overwriting replaces content and attributes, nothing of the old file shines through."""
    backend = subject.make()
    old = (
        SaveOptions(metadata={"old": "yes"}) if _keeps(backend, SaveOptions(metadata={"old": "yes"})) else SaveOptions()
    )
    first = backend.save("a", io.BytesIO(b"long first content"), old)
    put(backend, "a", b"second", overwrite=True)
    must(get(backend, "a") == b"second", "the content is not the new one")
    must(not backend.stat("a").metadata, "metadata of the old file is still there")
    must(backend.stat("a").etag != first.etag or first.etag is None, "the etag did not change with the content")


def overwriting_a_missing_file_saves_it(subject: Subject) -> None:
    """The option to overwrite does not demand that there is something to overwrite."""
    backend = subject.make()
    put(backend, "a", b"first", overwrite=True)
    must(get(backend, "a") == b"first", "the file is not there")


def tells_what_is_stored(subject: Subject) -> None:
    """What save returns and what stat returns agree; the type is the extension's, the time has a zone."""
    backend = subject.make()
    saved = put(backend, "photo.jpg", b"jpeg")
    found = backend.stat("photo.jpg")
    must(saved.key == found.key and saved.size == found.size, "save and stat disagree")
    must(saved.etag == found.etag or saved.etag is None, "save and stat tell different etags")
    must(found.content_type == "image/jpeg", f"the content type is {found.content_type!r}")
    must(found.last_modified is not None and found.last_modified.tzinfo is not None, "the time has no zone")


def keeps_options_or_refuses_them(subject: Subject) -> None:
    """Content type, disposition, cache control and metadata come back as given, or NotSupportedError is raised."""
    backend = subject.make()
    wanted = (
        SaveOptions(content_type="text/x-own"),
        SaveOptions(content_disposition='attachment; filename="x.txt"'),
        SaveOptions(cache_control="private, max-age=60"),
        SaveOptions(metadata={"original-filename": "Ünï 日本 'x' + %20.txt", "x": "1"}),
    )
    for number, options in enumerate(wanted):
        if not _keeps(backend, options, f"option/{number}.txt"):
            must(absent(backend, f"option/{number}.txt"), "an option was refused but the file stored")


def reads_a_seekable_stream_from_its_start(subject: Subject) -> None:
    """A stream that was read before is stored whole, twice, and left open."""
    backend = subject.make()
    stream = io.BytesIO(b"0123456789")
    for key in ("first", "second"):
        stream.seek(7)
        backend.save(key, stream, SaveOptions())
        must(get(backend, key) == b"0123456789", "only the rest of the stream was stored")
        must(not stream.closed, "the stream was closed")


def accepts_unseekable_streams(subject: Subject) -> None:
    """A stream that cannot seek, and gives small pieces, is stored whole and left open."""
    backend = subject.make()
    content = content_of(300_000)
    stream = source(content, piece=777)
    backend.save("a", stream, SaveOptions())
    must(get(backend, "a") == content, "the content is not whole")
    must(not stream.closed, "the stream was closed")


def a_failing_source_stores_nothing(subject: Subject) -> None:
    """A source that raises half-way leaves no file, and its own error comes through."""
    errors = (RuntimeError("x"), OSError(5, "x"), FileNotFoundError(2, "x"), KeyboardInterrupt())
    backend = subject.make()
    for number, error in enumerate(errors):
        for seekable in (True, False):
            key = f"{number}-{seekable}"
            stream = source(bytes(500_000), seekable=seekable, fail_after=250_000, error=error)
            raised = _raised(backend, key, stream, SaveOptions())
            must(raised is error, f"the source raised {error!r}, save raised {raised!r}")
            must(absent(backend, key), "a part of the file was stored")


def a_failed_overwrite_keeps_the_old_file(subject: Subject) -> None:
    """A source that raises half-way while overwriting leaves the old file as it was."""
    backend = subject.make()
    put(backend, "a", b"old")
    stream = source(bytes(500_000), fail_after=250_000)
    _raised(backend, "a", stream, SaveOptions(overwrite=True))
    must(get(backend, "a") == b"old", "the old file is gone or changed")


def nobody_sees_a_part(subject: Subject) -> None:
    """While a file is being saved there is nothing under its key, in listings neither; or still the old file."""
    backend = subject.make()
    listing = capabilities(backend).listing

    def look() -> None:
        must(absent(backend, "new"), "a file is visible before it is whole")
        if listing is not None:
            must([info.key for info in listing.list_files()] == ["old"], "a listing shows an unfinished file")
        must(get(backend, "old") == b"old", "the old file changed before the new one was whole")

    put(backend, "old", b"old")
    backend.save("new", source(bytes(300_000), on_read=look), SaveOptions())
    backend.delete("new")
    backend.save("old", source(bytes(300_000), on_read=look), SaveOptions(overwrite=True))
    must(get(backend, "old") == bytes(300_000), "the new file is not whole")


def holds_the_source_to_its_announced_size(subject: Subject) -> None:
    """A source that is shorter or longer than announced stores nothing."""
    backend = subject.make()
    for size in (9, 11):
        for seekable in (True, False):
            stream = source(b"0123456789", seekable=seekable)
            raised = _raised(backend, "a", stream, SaveOptions(size=size))
            must(isinstance(raised, IntegrityError), f"10 bytes announced as {size} raised {raised!r}")
            must(absent(backend, "a"), "a file of another size than announced was stored")
    backend.save("a", io.BytesIO(b"0123456789"), SaveOptions(size=10))


def holds_the_source_to_its_checksum(subject: Subject) -> None:
    """Bytes that do not have the announced checksum are not stored."""
    backend = subject.make()
    right = "sha256:" + hashlib.sha256(b"content").hexdigest()
    raised = _raised(backend, "a", io.BytesIO(b"c0ntent"), SaveOptions(checksum=right))
    must(isinstance(raised, IntegrityError), f"a wrong checksum raised {raised!r}")
    must(absent(backend, "a"), "bytes with a wrong checksum were stored")
    backend.save("a", io.BytesIO(b"content"), SaveOptions(checksum=right))
    must(get(backend, "a") == b"content", "bytes with the right checksum were not stored")


def refuses_text(subject: Subject) -> None:
    """A text stream is a TypeError, and nothing is stored."""
    backend = subject.make()
    raised = _raised(backend, "a", io.StringIO("text"), SaveOptions())
    must(isinstance(raised, TypeError), f"a text stream raised {raised!r}")
    must(absent(backend, "a"), "something was stored")


def deletes_once_and_again(subject: Subject) -> None:
    """Deleting removes the file and nothing else; deleting a missing one is no error."""
    backend = subject.make()
    for key in ("a", "a.b", "ab", "f/a", "f/ab"):
        put(backend, key, key.encode())
    for _ in range(2):
        backend.delete("a")
        backend.delete("f/a")
        backend.delete("never/there")
    must(absent(backend, "a") and absent(backend, "f/a"), "a deleted file is still there")
    must(all(get(backend, key) == key.encode() for key in ("a.b", "ab", "f/ab")), "another file was deleted")
    must_raise(NotFoundError, lambda: backend.open("a"), "opening a deleted file")
    put(backend, "a", b"again")
    must(get(backend, "a") == b"again", "a deleted key cannot be used again")


SAVING = (
    stores_exactly_the_bytes,
    stores_under_exactly_the_key,
    refuses_unsafe_keys,
    never_overwrites_unasked,
    overwrites_whole_when_asked,
    overwriting_a_missing_file_saves_it,
    tells_what_is_stored,
    keeps_options_or_refuses_them,
    reads_a_seekable_stream_from_its_start,
    accepts_unseekable_streams,
    a_failing_source_stores_nothing,
    a_failed_overwrite_keeps_the_old_file,
    nobody_sees_a_part,
    holds_the_source_to_its_announced_size,
    holds_the_source_to_its_checksum,
    refuses_text,
    deletes_once_and_again,
)


def _keeps(backend: Backend, options: SaveOptions, key: str = "keeps.txt") -> bool:
    """Whether a backend keeps these options: if it accepts them, they must come back."""
    try:
        backend.save(key, io.BytesIO(b"x"), options)
    except NotSupportedError:
        return False
    found = backend.stat(key)
    for name in ("content_type", "content_disposition", "cache_control", "metadata"):
        given, kept = getattr(options, name), getattr(found, name)
        must(
            not given or dict(given) == dict(kept) if name == "metadata" else not given or given == kept,
            f"{name} was dropped or changed: {given!r} became {kept!r}",
        )
    return True


def _calls_of_powers(powers: Capabilities, key: str) -> dict[str, Callable[[], object]]:
    """What each declared power does with ``key``."""
    methods: dict[str, tuple[str, tuple[object, ...]]] = {
        "range": ("open_range", (key, 0)),
        "copy": ("copy", ("good", key, SaveOptions())),
        "move": ("move", ("good", key)),
        "snapshot": ("open_snapshot", (key,)),
        "streaming": ("open_stream", (key,)),
        "batch_delete": ("delete_many", ([key],)),
        "signing": ("signed_url", (key, 60)),
        "direct_upload": ("presign_upload", (key, UploadPolicy(1, 1), 60)),
        "multipart": ("create_multipart", (key, SaveOptions())),
        "presigned_parts": ("presign_part", (key, "unknown", 1, 60)),
    }
    return {
        name: partial(getattr(getattr(powers, power), name), *arguments)
        for power, (name, arguments) in methods.items()
        if getattr(powers, power) is not None
    }


def _raised(backend: Backend, key: str, stream: object, options: SaveOptions) -> BaseException | None:
    try:
        backend.save(key, stream, options)  # type: ignore[arg-type]
    except BaseException as error:  # noqa: BLE001 - KeyboardInterrupt is one of the cases
        return error
    return None
