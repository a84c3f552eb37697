"""Checks of optional powers: each that is declared works, each that is not refuses."""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping
from datetime import timedelta

from ..backends.capabilities import Capabilities, capabilities
from ..backends.protocol import Backend
from ..directmodels import PartLimits, UploadPolicy
from ..exceptions import AlreadyExistsError, NotFoundError, NotSupportedError
from ..models import SaveOptions
from ..operations import copy, move
from .names import HARD_KEYS
from .subject import NotShown, Subject, absent, get, must, must_raise, put

_MANY = 150


def powers_are_declared_honestly(subject: Subject) -> None:
    """A declared power has its methods; an undeclared one has none, or ones that raise NotSupportedError."""
    backend = subject.make()
    put(backend, "a", b"x")
    powers = capabilities(backend)
    must(isinstance(powers, Capabilities), "capabilities() does not return Capabilities")
    for power, calls in _calls().items():
        declared = getattr(powers, power)
        for name, given in calls.items():
            method = getattr(backend, name, None)
            if declared is not None:
                must(callable(getattr(declared, name, None)), f"{power} is declared but there is no {name}()")
            elif method is not None:
                call = lambda method=method, given=given: list(_iterated(method(*given)))  # noqa: E731
                must_raise(NotSupportedError, call, f"{name}(), which is not declared,")
    if powers.multipart is not None:
        must(isinstance(getattr(powers.multipart, "part_limits", None), PartLimits), "multipart has no part_limits")


def ranges_are_read_by_their_power(subject: Subject) -> None:
    """The power to read ranges gives exactly their bytes."""
    backend = subject.make()
    power = capabilities(backend).range
    if power is None:
        raise NotShown("the backend does not declare ranges")
    put(backend, "a", b"0123456789")
    for start, length, expected in (
        (0, None, b"0123456789"),
        (3, 4, b"3456"),
        (8, 9, b"89"),
        (10, 1, b""),
        (99, None, b""),
    ):
        with power.open_range("a", start, length) as stream:
            must(stream.read() == expected, f"open_range(start={start}, length={length}) is wrong")
    must_raise(ValueError, lambda: power.open_range("a", -1), "a negative start")
    must_raise(NotFoundError, lambda: power.open_range("missing", 0), "a range of a missing file")


def lists_in_key_order(subject: Subject) -> None:
    """A listing has every file once, in the order of code points, with its size."""
    backend = subject.make()
    power = capabilities(backend).listing
    if power is None:
        raise NotShown("the backend does not declare listing")
    must(
        list(power.list_files()) == [],
        "a new backend lists files: make_backend() must return an empty one at each call",
    )
    for key in HARD_KEYS:
        put(backend, key, key.encode())
    listed = list(power.list_files())
    must([info.key for info in listed] == sorted(HARD_KEYS), "the keys are not all there, once and in order")
    must(all(info.size == len(info.key.encode()) for info in listed), "a size is wrong")


def lists_by_prefix(subject: Subject) -> None:
    """A prefix is a beginning of the key: nothing more, no pattern."""
    backend = subject.make()
    power = capabilities(backend).listing
    if power is None:
        raise NotShown("the backend does not declare listing")
    keys = ["foo/1/a", "foo/10/a", "foo.txt", "fo[o]/x", "fo*", "other"]
    if _is_flat(backend):
        keys += ["foo/1", "foo"]
    for key in keys:
        put(backend, key, b"x")
    for prefix in ("", "f", "foo", "foo/", "foo/1", "foo/1/", "foo/10/", "fo[", "fo*", "foo/1/a", "missing/", "foo//"):
        expected = sorted(key for key in keys if key.startswith(prefix))
        found = [info.key for info in power.list_files(prefix)]
        must(found == expected, f"list_files({prefix!r}) gave {found}, not {expected}")
    must(isinstance(power.list_files(), Iterator), "a listing is not lazy")


def copies_within(subject: Subject) -> None:
    """A copy has the bytes and the options it was given, never replaces unasked, and leaves the source alone."""
    backend = subject.make()
    power = capabilities(backend).copy
    if power is None:
        raise NotShown("the backend does not declare copy")
    put(backend, "a", b"content")
    put(backend, "taken", b"taken")
    info = power.copy("a", "f/b.txt", SaveOptions(content_type="text/plain", metadata={"x": "1"}))
    must(info.key == "f/b.txt" and get(backend, "f/b.txt") == b"content" == get(backend, "a"), "the copy is not one")
    must(dict(backend.stat("f/b.txt").metadata) == {"x": "1"}, "the copy has other metadata than asked for")
    must_raise(AlreadyExistsError, lambda: power.copy("a", "taken", SaveOptions()), "copying over a file")
    must(get(backend, "taken") == b"taken", "copying changed a file")
    must_raise(NotFoundError, lambda: power.copy("missing", "c", SaveOptions()), "copying a missing file")
    must(absent(backend, "c"), "copying a missing file made one")
    power.copy("a", "taken", SaveOptions(overwrite=True))
    must(get(backend, "taken") == b"content", "copying with overwrite did not replace")


def moves_within(subject: Subject) -> None:
    """A move keeps bytes and metadata, never replaces unasked, and nothing is left under the old key."""
    backend = subject.make()
    power = capabilities(backend).move
    if power is None:
        raise NotShown("the backend does not declare move")
    backend.save("a", io.BytesIO(b"content"), SaveOptions(metadata={"x": "1"}))
    put(backend, "taken", b"taken")
    must_raise(AlreadyExistsError, lambda: power.move("a", "taken"), "moving over a file")
    must(get(backend, "taken") == b"taken" and get(backend, "a") == b"content", "a refused move changed a file")
    must(power.move("a", "a").key == "a" and get(backend, "a") == b"content", "moving a file to itself changed it")
    info = power.move("a", "f/b")
    must(info.key == "f/b" and get(backend, "f/b") == b"content" and absent(backend, "a"), "the move is not one")
    must(dict(backend.stat("f/b").metadata) == {"x": "1"}, "moving lost the metadata")
    put(backend, "a.txt", b"x")
    backend.save("own.txt", io.BytesIO(b"x"), SaveOptions(content_type="text/x-own"))
    for old, new, content_type in (("a.txt", "a.csv", "text/csv"), ("own.txt", "own.csv", "text/x-own")):
        must(power.move(old, new).content_type == content_type, "the content type did not follow the key, or was lost")
    must_raise(NotFoundError, lambda: power.move("missing", "taken"), "moving a missing file")
    power.move("f/b", "taken", overwrite=True)
    must(get(backend, "taken") == b"content" and absent(backend, "f/b"), "moving with overwrite did not replace")


def copies_have_their_own_disposition(subject: Subject) -> None:
    """A disposition that was given goes along with a copied or moved file; one that was not never names the old one."""
    backend = subject.make()
    given = 'attachment; filename="its own.txt"'
    for number, act in enumerate((copy, move)):
        old, new = f"old-name-{number}.html", f"new-name-{number}.html"
        put(backend, old, b"x")
        act(backend, old, new)
        found = backend.stat(new).content_disposition
        must(old not in str(found), f"{act.__name__} to {new!r} gives it the disposition {found!r}")
        try:
            backend.save(f"own-{old}", io.BytesIO(b"x"), SaveOptions(content_disposition=given))
        except NotSupportedError:
            continue
        act(backend, f"own-{old}", f"own-{new}")
        found = backend.stat(f"own-{new}").content_disposition
        must(found == given, f"{act.__name__} makes the given disposition {found!r}")


def sweeping_spares_files(subject: Subject) -> None:
    """Sweeping removes no file that was saved."""
    backend = subject.make()
    power = capabilities(backend).sweep
    if power is None:
        raise NotShown("the backend does not declare sweep")
    must(power.sweep(timedelta(0)) == 0, "an empty backend had something to sweep")
    put(backend, "uploadkit-a", b"content")
    must(power.sweep(timedelta(0)) == 0, "a saved file counted as left over")
    must(get(backend, "uploadkit-a") == b"content", "a saved file was swept")


def deletes_exactly_the_given_files(subject: Subject) -> None:
    """Deleting many removes the given files and no others; missing ones are no error, nor is an empty list."""
    backend = subject.make()
    power = capabilities(backend).batch_delete
    if power is None:
        raise NotShown("the backend does not declare batch_delete")
    given, others = ["foo/1", "foo.txt", "a+b%20c"], ["foo/10", "foo/2", "foo.txt.bak", "fo", "a+b c", "a b%20c"]
    others += ["foo"] if _is_flat(backend) else []
    for key in (*given, *others):
        put(backend, key, key.encode())
    power.delete_many([])
    must(get(backend, "foo/1") == b"foo/1", "deleting no files removed one")
    for _ in range(2):
        power.delete_many(["never/there", *given])
    must(all(absent(backend, key) for key in given), "a given file is still there")
    must(all(get(backend, key) == key.encode() for key in others), "another file was deleted")


def deletes_hundreds_at_once(subject: Subject) -> None:
    """One call deletes more files than some stores take in one request."""
    backend = subject.make()
    power = capabilities(backend).batch_delete
    if power is None:
        raise NotShown("the backend does not declare batch_delete")
    keys = [f"many/{number}" for number in range(_MANY)]
    for key in (*keys, "kept"):
        put(backend, key, b"x")
    power.delete_many(keys)
    listing = capabilities(backend).listing
    if listing is not None:
        left = [info.key for info in listing.list_files()]
    else:
        left = [key for key in (*keys, "kept") if not absent(backend, key)]
    must(left == ["kept"], f"of {_MANY} files {len(left)} are left: {left[:3]}")


POWERS = (
    powers_are_declared_honestly,
    ranges_are_read_by_their_power,
    lists_in_key_order,
    lists_by_prefix,
    copies_within,
    moves_within,
    copies_have_their_own_disposition,
    sweeping_spares_files,
    deletes_exactly_the_given_files,
    deletes_hundreds_at_once,
)


def _calls() -> Mapping[str, Mapping[str, tuple[object, ...]]]:
    """The methods of each power, with arguments."""
    upload = ("a", "unknown")
    return {
        "range": {"open_range": ("a", 0)},
        "listing": {"list_files": ()},
        "copy": {"copy": ("a", "b", SaveOptions())},
        "move": {"move": ("a", "b")},
        "sweep": {"sweep": ()},
        "snapshot": {"open_snapshot": ("a",)},
        "streaming": {"open_stream": ("a",)},
        "spooling": {"open_spool": ()},
        "batch_delete": {"delete_many": (["a"],)},
        "signing": {"signed_url": ("a", 60)},
        "direct_upload": {"presign_upload": ("a", UploadPolicy(1, 1), 60)},
        "multipart": {
            "create_multipart": ("a", SaveOptions()),
            "put_part": (*upload, 1, io.BytesIO(b"x")),
            "list_parts": upload,
            "complete_multipart": (*upload, ()),
            "abort_multipart": upload,
        },
        "presigned_parts": {"presign_part": (*upload, 1, 60)},
    }


def _iterated(result: object) -> Iterator[object]:
    return result if isinstance(result, Iterator) else iter(())


def _is_flat(backend: Backend) -> bool:
    """Whether a key may be both a file and the beginning of others, as in object stores but not in file systems."""
    put(backend, "p", b"x")
    try:
        put(backend, "p/child", b"x")
    except ValueError:
        return False
    finally:
        backend.delete("p")
        backend.delete("p/child")
    return True
