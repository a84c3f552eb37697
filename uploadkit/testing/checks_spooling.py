"""Checks of spools: what arrives in a temporary file of the backend, and is then saved from it."""

from __future__ import annotations

import io
from contextlib import suppress
from functools import partial
from hashlib import sha256
from typing import BinaryIO

from ..backends.capabilities import SupportsSpooling, capabilities
from ..backends.protocol import Backend
from ..exceptions import AlreadyExistsError, IntegrityError
from ..models import SaveOptions
from .checks_saving import content_of
from .subject import NotShown, Subject, absent, get, must, must_raise, put

#: Short ones may stay in memory.
_SIZES = (0, 1, 100_000, 3 * 1024 * 1024 + 7)
_LONG = 3 * 1024 * 1024


def spools_are_saved_whole(subject: Subject) -> None:
    """What was written to a spool is stored exactly, in pieces of any size, with size, attributes and checksum."""
    backend, power = _made(subject)
    for number, size in enumerate(_SIZES):
        content, key = content_of(size), f"folder/{number}.txt"
        with power.open_spool() as spool:
            _fill(spool, content)
            checksum = f"sha256:{sha256(content).hexdigest()}"
            info = backend.save(key, spool, SaveOptions(size=size, checksum=checksum, content_type="text/x-own"))
        must(get(backend, key) == content, f"{size} bytes came back changed")
        must(info == backend.stat(key), f"saving a spool tells other things than stat: {info!r}")
        must((info.size, info.content_type) == (size, "text/x-own"), f"size or content type is wrong: {info!r}")


def spools_are_held_to_what_was_announced(subject: Subject) -> None:
    """A spool with another size or checksum than announced is not stored, and can be saved after that."""
    backend, power = _made(subject)
    content = content_of(_LONG)
    wrong = SaveOptions(checksum=f"sha256:{sha256(b'other').hexdigest()}")
    with power.open_spool() as spool:
        _fill(spool, content)
        for options in (SaveOptions(size=_LONG - 1), SaveOptions(size=_LONG + 1), wrong):
            must_raise(IntegrityError, partial(backend.save, "a", spool, options), f"a spool announced as {options!r}")
            must(absent(backend, "a"), "a spool that is not what was announced was stored")
        backend.save("a", spool, SaveOptions(size=_LONG))
    must(get(backend, "a") == content, "after a refusal other bytes were stored")


def spools_are_refused_and_tried_again(subject: Subject) -> None:
    """A spool never overwrites unasked; the same one can be saved under another key, or over the file if asked to."""
    backend, power = _made(subject)
    content = content_of(_LONG)
    put(backend, "taken", b"old")
    for key, overwrite in (("free", False), ("taken", True)):
        with power.open_spool() as spool:
            _fill(spool, content)
            must_raise(AlreadyExistsError, lambda: backend.save("taken", spool, SaveOptions()), "saving over a file")
            must(get(backend, "taken") == b"old", "a refused spool changed the file")
            backend.save(key, spool, SaveOptions(overwrite=overwrite))
        must(get(backend, key) == content, f"after a refusal {key!r} has other bytes")


def spools_can_be_read_after_saving(subject: Subject) -> None:
    """A spool is left open by saving and reads as before, also when the file is deleted or replaced meanwhile."""
    backend, power = _made(subject)
    content = content_of(_LONG)
    with power.open_spool() as spool:
        _fill(spool, content)
        for act in (lambda: None, lambda: put(backend, "a", b"new", overwrite=True), lambda: backend.delete("a")):
            backend.save("a", spool, SaveOptions(overwrite=True))
            act()
            must(not spool.closed, "saving closed the spool")
            spool.seek(0)
            must(spool.read() == content, "after saving the spool reads other bytes")


def files_of_one_spool_are_independent(subject: Subject) -> None:
    """A spool that is saved twice makes two files: neither shares attributes or fate with the other."""
    backend, power = _made(subject)
    content = content_of(_LONG)
    with power.open_spool() as spool:
        _fill(spool, content)
        first = backend.save("first.txt", spool, SaveOptions(content_type="text/x-first"))
        second = backend.save("second.txt", spool, SaveOptions(content_type="text/x-second"))
    must(backend.stat("first.txt") == first, "saving a spool again changed what is known of the first file")
    must(backend.stat("second.txt") == second, "the second file is not what saving told")
    must(first.etag is None or first.etag != second.etag, "two files of one spool are one file")
    backend.delete("first.txt")
    must(get(backend, "second.txt") == content, "deleting the first file changed the second")


def stored_files_do_not_change_with_their_spool(subject: Subject) -> None:
    """Writing to a spool that was saved either fails or changes the spool alone."""
    backend, power = _made(subject)
    content = content_of(_LONG)
    with power.open_spool() as spool:
        _fill(spool, content)
        backend.save("a", spool, SaveOptions())
        with suppress(io.UnsupportedOperation):
            spool.seek(0)
            spool.write(b"changed")
            spool.flush()
        with suppress(io.UnsupportedOperation):
            spool.truncate(1)
    must(get(backend, "a") == content, "writing to the spool changed the stored file")


def changed_spools_are_saved_as_they_are(subject: Subject) -> None:
    """A spool that was written to again, or cut, is stored as it is then; no digest of before is believed."""
    backend, power = _made(subject)
    content = content_of(_LONG)
    with power.open_spool() as spool:
        _fill(spool, content)
        spool.seek(10)
        spool.write(b"changed")
        spool.truncate(_LONG - 1)
        expected = content[:10] + b"changed" + content[17 : _LONG - 1]
        wrong = SaveOptions(checksum=f"sha256:{sha256(content).hexdigest()}")
        must_raise(IntegrityError, lambda: backend.save("a", spool, wrong), "the checksum of before the change")
        info = backend.save("a", spool, SaveOptions(checksum=f"sha256:{sha256(expected).hexdigest()}"))
    must(get(backend, "a") == expected and info.size == _LONG - 1, "the change of the spool was not stored")


def unsaved_spools_leave_nothing(subject: Subject) -> None:
    """A spool that is closed without being saved leaves nothing in the listing, nor for the sweeper."""
    backend, power = _made(subject)
    with power.open_spool() as spool:
        _fill(spool, content_of(_LONG))
        _must_be_empty(backend)
    _must_be_empty(backend)


SPOOLING = (
    spools_are_saved_whole,
    spools_are_held_to_what_was_announced,
    spools_are_refused_and_tried_again,
    spools_can_be_read_after_saving,
    files_of_one_spool_are_independent,
    stored_files_do_not_change_with_their_spool,
    changed_spools_are_saved_as_they_are,
    unsaved_spools_leave_nothing,
)


def _made(subject: Subject) -> tuple[Backend, SupportsSpooling]:
    backend = subject.make()
    power = capabilities(backend).spooling
    if power is None:
        raise NotShown("the backend does not declare spooling")
    return backend, power


def _fill(spool: BinaryIO, content: bytes) -> None:
    """Write in pieces, as they come from a visitor."""
    at = 0
    for size in (1, 70_000, 300_000, len(content)):
        spool.write(content[at : at + size])
        at += size


def _must_be_empty(backend: Backend) -> None:
    powers = capabilities(backend)
    if powers.listing is not None:
        must(not list(powers.listing.list_files()), "an unsaved spool is listed")
    if powers.sweep is not None:
        must(powers.sweep.sweep() == 0, "an unsaved spool is left to the sweeper")
