"""Checks of presigned uploads by POST: an HTML form that stores one file within the lengths of its policy."""

from __future__ import annotations

from dataclasses import replace

from ..directmodels import PresignedRequest, UploadPolicy
from ..exceptions import NotSupportedError
from ..models import SaveOptions
from .checks_direct import (
    CONTENT,
    WANTED,
    made,
    must_accept,
    must_be_a_picture_or_refused,
    must_have,
    must_refuse,
    presigned,
)
from .subject import NotShown, Subject, absent, get, must
from .visitor import is_signature, misspell, store, wait_until_refused, with_key

_POLICY = UploadPolicy(max_size=20, min_size=5, method="POST")
_REPLACING = replace(_POLICY, options=SaveOptions(overwrite=True))
_LIFE = 60


def forms_store_the_file(subject: Subject) -> None:
    """A presigned form stores files of every length that it allows, under hard keys too."""
    backend, power = made(subject)
    for key, size in (("least", 5), ("most", 20), ("folder/sub folder/ünï +%20 'x' ~&=.txt", 10)):
        request = presigned(power, key, _POLICY)
        must(request.method == "POST", f"the method of a form is {request.method!r}")
        must(absent(backend, key), "making a form stored a file")
        must_accept(store(request, b"x" * size), backend, key, b"x" * size)
        must(backend.stat(key).key == key, "the file has another key")


def forms_store_the_attributes(subject: Subject) -> None:
    """A presigned form stores content type, disposition, cache control and metadata, or is a NotSupportedError."""
    backend, power = made(subject)
    for number, options in enumerate(WANTED):
        key = f"{number}.jpg"
        try:
            request = power.presign_upload(key, replace(_POLICY, options=replace(options, overwrite=True)), _LIFE)
        except NotSupportedError:
            continue
        must_accept(store(request, CONTENT), backend, key)
        must_have(backend, key, options)


def forms_refuse_other_lengths(subject: Subject) -> None:
    """A presigned form refuses one byte more and one byte less than it allows."""
    backend, power = made(subject)
    request = presigned(power, "a", _POLICY)
    for size in (0, 4, 21, 1000):
        must_refuse(store(request, b"x" * size), backend, f"a form with {size} bytes instead of 5 to 20", "a")


def forms_never_overwrite_unasked(subject: Subject) -> None:
    """A presigned form that may not overwrite is refused at a taken key, or making it is a NotSupportedError."""
    backend, power = made(subject)
    try:
        request = power.presign_upload("a", _POLICY, _LIFE)
    except NotSupportedError as error:
        raise NotShown(f"the backend does not presign a form that never overwrites: {error}") from error
    must_accept(store(request, CONTENT), backend, "a")
    must(store(request, b"9876543210").refused, "a second form is accepted")
    must(get(backend, "a") == CONTENT, "a second form changed the file")


def forms_are_of_one_key(subject: Subject) -> None:
    """A presigned form in which the key is changed is refused."""
    backend, power = made(subject)
    request = presigned(power, "first.txt", _POLICY)
    fields = {name: value.replace("first.txt", "other.txt") for name, value in request.fields.items()}
    url = request.url if fields != dict(request.fields) else with_key(request.url, "first.txt", "other.txt")
    answer = store(request, CONTENT, url=url, fields=fields)
    must_refuse(answer, backend, "a form with another key", "first.txt", "other.txt")


def forms_have_one_type(subject: Subject) -> None:
    """A presigned form with another content type is refused, or stores the right one."""
    backend, power = made(subject)
    request = presigned(power, "a.jpg", _POLICY)
    names = [name for name in request.fields if name.lower() == "content-type"] or ["Content-Type"]
    answer = store(request, CONTENT, fields={names[0]: "text/html"})
    must_be_a_picture_or_refused(answer, backend, "a.jpg", "a form with another content type")


def forms_refuse_more_fields(subject: Subject) -> None:
    """A presigned form with a field that it did not have is refused."""
    backend, power = made(subject)
    request = presigned(power, "a.jpg", _POLICY)
    answer = store(request, CONTENT, fields={_other_attribute(request): "attachment"})
    must_refuse(answer, backend, "a form with one more field", "a.jpg")


def forms_cannot_be_changed(subject: Subject) -> None:
    """A presigned form in which the signature is changed is refused."""
    backend, power = made(subject)
    request = presigned(power, "a", _POLICY)
    names = [name for name in request.fields if is_signature(name)]
    must(names, "the form has no field that looks like a signature")
    answer = store(request, CONTENT, fields={names[0]: misspell(request.fields[names[0]])})
    must_refuse(answer, backend, "a form with another signature", "a")


def forms_expire(subject: Subject) -> None:
    """A presigned form is refused when its time is over."""
    backend, power = made(subject)
    try:
        request = power.presign_upload("a", _REPLACING, 1)
    except NotSupportedError as error:
        raise NotShown(f"the backend does not presign forms: {error}") from error
    wait_until_refused(lambda: store(request, CONTENT), "the form")
    backend.delete("a")
    must_refuse(store(request, CONTENT), backend, "an expired form", "a")


FORMS = (
    forms_store_the_file,
    forms_store_the_attributes,
    forms_refuse_other_lengths,
    forms_never_overwrite_unasked,
    forms_are_of_one_key,
    forms_have_one_type,
    forms_refuse_more_fields,
    forms_cannot_be_changed,
    forms_expire,
)


def _other_attribute(request: PresignedRequest) -> str:
    """An attribute that the form does not set."""
    there = {name.lower() for name in request.fields}
    return next(name for name in ("Content-Disposition", "Content-Language", "Expires") if name.lower() not in there)
