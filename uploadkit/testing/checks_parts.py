"""Checks of presigned parts: whoever has the request stores one part of one upload."""

from __future__ import annotations

from functools import partial

from ..backends.capabilities import SupportsMultipart, SupportsPresignedParts, capabilities
from ..backends.protocol import Backend
from ..directmodels import Part
from ..models import MAX_EXPIRY
from .checks_multipart import Upload, uploading
from .subject import NotShown, Subject, absent, get, must, must_raise
from .visitor import Answer, parameter, store, wait_until_refused, with_other_signature, with_parameter

_CONTENT = b"0123456789"
_LIFE = 60
_NUMBER = 7


def presigned_parts_make_the_file(subject: Subject) -> None:
    """A part that is stored by a presigned request counts like any other, by the etag of the answer."""
    backend, powers = _made(subject)
    with uploading(powers[0], "folder/ünï +%20.txt") as upload:
        request = powers[1].presign_part(upload.key, upload.id, _NUMBER, _LIFE)
        must(request.method == "PUT" and not request.fields, "a part is not sent by PUT")
        must(upload.parts() == [], "making a request stored a part")
        answer = store(request, _CONTENT)
        must(200 <= answer.status < 300, f"the request is refused ({answer.status}): {answer.body[:200]!r}")
        must("etag" in answer.headers, "the answer has no ETag")
        must([(part.number, part.size) for part in upload.parts()] == [(_NUMBER, 10)], "the part is not listed")
        must(absent(backend, upload.key), "a part is visible as a file")
        upload.complete(Part(_NUMBER, answer.headers["etag"], 10))
        must(get(backend, upload.key) == _CONTENT, "the file is not its part")


def presigned_parts_are_of_one_number(subject: Subject) -> None:
    """A presigned part with another part number is refused."""
    _, powers = _made(subject)
    with uploading(powers[0], "a") as upload:
        request = powers[1].presign_part("a", upload.id, _NUMBER, _LIFE)
        url = with_parameter(request.url, lambda _, value: value == str(_NUMBER), lambda _: "8")
        if url is None:
            raise NotShown("the part number is not in the URL")
        _must_refuse(store(request, _CONTENT, url=url), upload, "a part with another number")


def presigned_parts_are_of_one_upload(subject: Subject) -> None:
    """A presigned part with another upload id is refused."""
    _, powers = _made(subject)
    with uploading(powers[0], "a") as upload, uploading(powers[0], "a") as other:
        request = powers[1].presign_part("a", upload.id, _NUMBER, _LIFE)
        wanted = parameter(powers[1].presign_part("a", other.id, _NUMBER, _LIFE).url, _is_upload_id)
        url = with_parameter(request.url, _is_upload_id, lambda _: wanted or "")
        if wanted is None or url is None:
            raise NotShown("the upload id is not in the URL")
        must(url != request.url, "the URLs of two uploads have the same upload id")
        answer = store(request, _CONTENT, url=url)
        for each in (upload, other):
            _must_refuse(answer, each, "a part of another upload")


def presigned_parts_hold_to_their_length(subject: Subject) -> None:
    """A presigned part of an exact length refuses a longer and a shorter one."""
    _, powers = _made(subject)
    with uploading(powers[0], "a") as upload:
        request = powers[1].presign_part("a", upload.id, 1, _LIFE, size=10)
        for content in (_CONTENT + b"x", _CONTENT[:-1], b""):
            _must_refuse(store(request, content), upload, f"a part of {len(content)} bytes instead of 10")
        must(not store(request, _CONTENT).refused, "a part of the right length is refused")
        must([part.size for part in upload.parts()] == [10], "a part of the right length is not listed")


def presigned_parts_cannot_be_changed(subject: Subject) -> None:
    """A presigned part in which the signature is changed is refused."""
    _, powers = _made(subject)
    with uploading(powers[0], "a") as upload:
        request = powers[1].presign_part("a", upload.id, 1, _LIFE)
        _must_refuse(store(request, _CONTENT, url=with_other_signature(request.url)), upload, "another signature")


def presigned_parts_expire(subject: Subject) -> None:
    """A presigned part is refused when its time is over."""
    _, powers = _made(subject)
    with uploading(powers[0], "a") as upload:
        request = powers[1].presign_part("a", upload.id, 1, 1)
        wait_until_refused(lambda: store(request, _CONTENT), "the request")


def presigned_parts_have_bounds(subject: Subject) -> None:
    """A part number or a life out of bounds is a ValueError."""
    _, powers = _made(subject)
    with uploading(powers[0], "a") as upload:
        for number in (0, -1, powers[0].part_limits.max_count + 1):
            call = partial(powers[1].presign_part, "a", upload.id, number, _LIFE)
            must_raise(ValueError, call, f"part number {number}")
        for expires_in in (0, -1, MAX_EXPIRY + 1):
            call = partial(powers[1].presign_part, "a", upload.id, 1, expires_in)
            must_raise(ValueError, call, f"expires_in={expires_in}")


PRESIGNED_PARTS = (
    presigned_parts_make_the_file,
    presigned_parts_are_of_one_number,
    presigned_parts_are_of_one_upload,
    presigned_parts_hold_to_their_length,
    presigned_parts_cannot_be_changed,
    presigned_parts_expire,
    presigned_parts_have_bounds,
)


def _made(subject: Subject) -> tuple[Backend, tuple[SupportsMultipart, SupportsPresignedParts]]:
    backend = subject.make()
    powers = capabilities(backend)
    if powers.multipart is None or powers.presigned_parts is None:
        raise NotShown("the backend does not declare presigned_parts")
    return backend, (powers.multipart, powers.presigned_parts)


def _must_refuse(answer: Answer, upload: Upload, what: str) -> None:
    must(answer.refused, f"{what} is accepted ({answer.status})")
    must(upload.parts() == [], f"{what} is refused, but a part was stored")


def _is_upload_id(name: str, _: str) -> bool:
    return "upload" in name.lower()
