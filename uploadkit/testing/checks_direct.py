"""Checks of presigned uploads by PUT: whoever has the request stores this one file, so long, so typed, for so long."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta, timezone
from functools import partial

from ..backends.capabilities import SupportsDirectUpload, capabilities
from ..backends.protocol import Backend
from ..directmodels import PresignedRequest, UploadPolicy
from ..exceptions import NotSupportedError
from ..models import MAX_EXPIRY, SaveOptions
from .subject import NotShown, Subject, absent, get, must, must_raise, put
from .visitor import Answer, store, wait_until_refused, with_key, with_other_signature

#: What the requests here are made for.
CONTENT = b"0123456789"
_LIFE = 60


def presigned(power: SupportsDirectUpload, key: str, policy: UploadPolicy, expires_in: int = _LIFE) -> PresignedRequest:
    """Make a request that may not overwrite; where the store cannot promise that, one that may."""
    try:
        return power.presign_upload(key, policy, expires_in)
    except NotSupportedError:
        allowed = replace(policy, options=replace(policy.options, overwrite=True))
    try:
        return power.presign_upload(key, allowed, expires_in)
    except NotSupportedError as error:
        raise NotShown(f"the backend does not presign such a {policy.method}: {error}") from error


def made(subject: Subject) -> tuple[Backend, SupportsDirectUpload]:
    """Make the backend; return it with its power to presign uploads."""
    backend = subject.make()
    power = capabilities(backend).direct_upload
    if power is None:
        raise NotShown("the backend does not declare direct_upload")
    return backend, power


def must_refuse(answer: Answer, backend: Backend, what: str, *keys: str) -> None:
    """Fail unless a request was refused and there is nothing under ``keys``."""
    must(answer.refused, f"{what} is accepted ({answer.status})")
    for key in keys:
        must(absent(backend, key), f"{what} is refused, but it stored {key!r}")


def must_accept(answer: Answer, backend: Backend, key: str, content: bytes = CONTENT) -> None:
    """Fail unless a request has stored ``content``."""
    must(200 <= answer.status < 300, f"the request itself is refused ({answer.status}): {answer.body[:200]!r}")
    must(get(backend, key) == content, "other bytes than sent were stored")


def must_have(backend: Backend, key: str, options: SaveOptions) -> None:
    """Fail unless the file has these attributes, and the content type that belongs to a ``.jpg`` if they have none.

    Where no disposition is given, the backend may have one of its own.
    """
    info = backend.stat(key)
    must(info.content_type == (options.content_type or "image/jpeg"), f"the content type is {info.content_type!r}")
    kept = options.content_disposition in (None, info.content_disposition)
    must(kept, f"the disposition is {info.content_disposition!r}")
    must(info.cache_control == options.cache_control, f"the cache control is {info.cache_control!r}")
    must(dict(info.metadata) == dict(options.metadata), f"the metadata is {info.metadata!r}")


def must_be_a_picture_or_refused(answer: Answer, backend: Backend, key: str, what: str) -> None:
    """Fail if a request has stored anything under the key of a ``.jpg`` but a picture."""
    if answer.refused:
        must(absent(backend, key), f"{what} is refused, but it stored {key!r}")
    else:
        must(backend.stat(key).content_type == "image/jpeg", f"{what} is stored with it")


#: Attributes that a presigned upload may be asked to store.
WANTED = (
    SaveOptions(),
    SaveOptions(content_type="text/x-own"),
    SaveOptions(content_disposition='attachment; filename="x.txt"'),
    SaveOptions(cache_control="private, max-age=60"),
    SaveOptions(metadata={"original-filename": "Ünï 日本 'x' + %20.txt", "x": "1"}),
)


def _put_policy(**options: object) -> UploadPolicy:
    return UploadPolicy(len(CONTENT), len(CONTENT), options=SaveOptions(**options))  # type: ignore[arg-type]


def direct_puts_store_the_file(subject: Subject) -> None:
    """A presigned PUT with its headers stores the bytes, under hard keys too; making it stores nothing."""
    backend, power = made(subject)
    for key in ("plain.jpg", "folder/sub folder/ünï +%20 'x' ~&=.txt"):
        request = presigned(power, key, _put_policy())
        must(request.method == "PUT" and not request.fields, "a PUT is another method, or has form fields")
        must(absent(backend, key), "making a request stored a file")
        must_accept(store(request, CONTENT), backend, key)
        must(backend.stat(key).key == key, "the file has another key")
    request = presigned(power, "empty", UploadPolicy(0, 0))
    must_accept(store(request, b""), backend, "empty", b"")


def direct_puts_store_the_attributes(subject: Subject) -> None:
    """A presigned PUT stores content type, disposition, cache control and metadata, or is a NotSupportedError."""
    backend, power = made(subject)
    for number, options in enumerate(WANTED):
        key = f"{number}.jpg"
        try:
            request = power.presign_upload(key, replace(_put_policy(), options=replace(options, overwrite=True)), _LIFE)
        except NotSupportedError:
            continue
        must_accept(store(request, CONTENT), backend, key)
        must_have(backend, key, options)


def direct_puts_have_one_length(subject: Subject) -> None:
    """A presigned PUT refuses a longer and a shorter file."""
    backend, power = made(subject)
    request = presigned(power, "a", _put_policy())
    for content in (CONTENT + b"x", CONTENT[:-1], b"", CONTENT * 100):
        must_refuse(store(request, content), backend, f"a PUT of {len(content)} bytes instead of 10", "a")
    must_accept(store(request, CONTENT), backend, "a")


def direct_puts_never_overwrite_unasked(subject: Subject) -> None:
    """A presigned PUT to a taken key is refused and changes nothing."""
    backend, request = _stored_once(subject)
    must(store(request, b"9876543210").refused, "a second PUT is accepted")
    must(get(backend, "a") == CONTENT, "a second PUT changed the file")


def direct_puts_need_their_headers(subject: Subject) -> None:
    """A presigned PUT to a taken key is refused also if headers are left out."""
    backend, request = _stored_once(subject)
    for left_out in (*((name,) for name in request.headers), tuple(request.headers)):
        answer = store(request, b"9876543210", headers=dict.fromkeys(left_out))
        must(answer.refused, f"a second PUT is accepted without {', '.join(left_out)}")
        must(get(backend, "a") == CONTENT, "a second PUT changed the file")


def direct_puts_overwrite_when_asked(subject: Subject) -> None:
    """A presigned PUT that may overwrite replaces the file, and stores one where there is none."""
    backend, power = made(subject)
    put(backend, "a", b"old")
    for key in ("a", "new"):
        must_accept(store(power.presign_upload(key, _put_policy(overwrite=True), _LIFE), CONTENT), backend, key)


def direct_puts_have_one_type(subject: Subject) -> None:
    """A presigned PUT with another content type is refused, or stores the right one."""
    backend, power = made(subject)
    request = presigned(power, "a.jpg", _put_policy())
    answer = store(request, CONTENT, headers={"Content-Type": "text/html"})
    must_be_a_picture_or_refused(answer, backend, "a.jpg", "a PUT with another content type")


def direct_puts_are_of_one_key(subject: Subject) -> None:
    """A presigned PUT in which the key is changed is refused."""
    backend, power = made(subject)
    request = presigned(power, "first.txt", _put_policy())
    answer = store(request, CONTENT, url=with_key(request.url, "first.txt", "other.txt"))
    must_refuse(answer, backend, "a PUT to another key", "first.txt", "other.txt")


def direct_puts_cannot_be_changed(subject: Subject) -> None:
    """A presigned PUT in which the signature is changed is refused."""
    backend, power = made(subject)
    request = presigned(power, "a", _put_policy())
    answer = store(request, CONTENT, url=with_other_signature(request.url))
    must_refuse(answer, backend, "a PUT with another signature", "a")


def direct_puts_expire(subject: Subject) -> None:
    """A presigned PUT is refused when its time is over."""
    backend, power = made(subject)
    request = power.presign_upload("a", _put_policy(overwrite=True), 1)
    wait_until_refused(lambda: store(request, CONTENT), "the PUT")
    backend.delete("a")
    must_refuse(store(request, CONTENT), backend, "an expired PUT", "a")


def presigned_requests_have_bounds(subject: Subject) -> None:
    """A life of less than a second or more than seven days is a ValueError; the request tells its end."""
    _, power = made(subject)
    for expires_in in (0, -1, MAX_EXPIRY + 1):
        call = partial(power.presign_upload, "a", _put_policy(overwrite=True), expires_in)
        must_raise(ValueError, call, f"expires_in={expires_in}")
    for expires_in in (1, MAX_EXPIRY):
        end = power.presign_upload("a", _put_policy(overwrite=True), expires_in).expires_at
        must(end is None or end.tzinfo is not None, "expires_at has no time zone")
        expected = datetime.now(timezone.utc) + timedelta(seconds=expires_in)
        must(end is None or abs(end - expected) < timedelta(seconds=10), f"expires_at is {end}, not {expected}")


DIRECT = (
    direct_puts_store_the_file,
    direct_puts_store_the_attributes,
    direct_puts_have_one_length,
    direct_puts_never_overwrite_unasked,
    direct_puts_need_their_headers,
    direct_puts_overwrite_when_asked,
    direct_puts_have_one_type,
    direct_puts_are_of_one_key,
    direct_puts_cannot_be_changed,
    direct_puts_expire,
    presigned_requests_have_bounds,
)


def _stored_once(subject: Subject) -> tuple[Backend, PresignedRequest]:
    """Store a file by a PUT that may not overwrite; return the request."""
    backend, power = made(subject)
    try:
        request = power.presign_upload("a", _put_policy(), _LIFE)
    except NotSupportedError as error:
        raise NotShown(f"the backend does not presign a PUT that never overwrites: {error}") from error
    must_accept(store(request, CONTENT), backend, "a")
    return backend, request
