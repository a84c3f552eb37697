"""Checks of signed URLs: whoever has one reads this file, for this long, and nothing else."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from functools import partial

from ..backends.capabilities import SupportsSigning, capabilities
from ..backends.protocol import Backend
from ..models import MAX_EXPIRY, LinkOptions
from .subject import NotShown, Subject, absent, get, must, must_raise, put
from .visitor import Answer, fetch, send, wait_until_refused, with_key, with_other_signature, with_parameter

_HARD_KEYS = (
    "folder/sub folder/ünï ~日本 😀.txt",
    "percent%20 100%25 %2F.txt",
    "plus+sign and&equals=1;2,3.txt",
    "quotes 'single' \"double\" `tick`.txt",
    "question?mark hash#sign.txt",
    "brackets [1](2){3} <x> $a @b c:d e|f !*.txt",
)
_LIFE = 60
_HEAD = LinkOptions(method="HEAD")
_ASKED = "attachment; filename=\"a b+c.txt\"; filename*=UTF-8''%C3%BC%20%26.txt"
#: How far in the past a URL is signed here.
_PAST = timedelta(seconds=120)
#: By how much a URL may end sooner than was asked for: moments are signed in whole seconds.
_ROUNDING = timedelta(seconds=2)


def made(subject: Subject) -> tuple[Backend, SupportsSigning]:
    """Make the backend; return it with its power to sign URLs."""
    backend = subject.make()
    power = capabilities(backend).signing
    if power is None:
        raise NotShown("the backend does not declare signing")
    return backend, power


def signed_urls_read(subject: Subject) -> None:
    """A signed URL gives the bytes to whoever has it; each that is made works."""
    backend, power = made(subject)
    put(backend, "folder/a.txt", b"content")
    for expires_in in (60, 60, 3600):
        url = power.signed_url("folder/a.txt", expires_in).url
        for _ in range(2):
            answer = fetch(url)
            must((answer.status, answer.body) == (200, b"content"), f"it answers {answer.status}, not the file")


def signed_urls_read_hard_keys(subject: Subject) -> None:
    """Letters that mean something in URLs lead to the right file too."""
    backend, power = made(subject)
    for key in _HARD_KEYS:
        put(backend, key, key.encode())
        answer = fetch(power.signed_url(key, _LIFE).url)
        must((answer.status, answer.body) == (200, key.encode()), f"{key!r} answers {answer.status}, or another file")


def signed_urls_answer_as_asked(subject: Subject) -> None:
    """Content type and disposition that were asked for arrive; what was not asked for is as it was stored."""
    backend, power = made(subject)
    put(backend, "a.jpg", b"content")
    options = LinkOptions(content_type="text/x-asked", content_disposition=_ASKED)
    _must_answer(fetch(power.signed_url("a.jpg", _LIFE, options).url), "text/x-asked", _ASKED)
    plain = fetch(power.signed_url("a.jpg", _LIFE).url)
    must(plain.headers.get("content-type") == "image/jpeg", f"the type is {plain.headers.get('content-type')!r}")
    found, stored = plain.headers.get("content-disposition"), backend.stat("a.jpg").content_disposition
    same = found == stored or (stored is None and str(found).startswith("inline"))
    must(same, f"the disposition is {found!r}, not the stored {stored!r}")


def signed_head_urls_look_up(subject: Subject) -> None:
    """A URL that is signed for HEAD answers what a GET would tell, without the bytes."""
    backend, power = made(subject)
    put(backend, "folder/a b.jpg", b"content")
    answer = send("HEAD", power.signed_url("folder/a b.jpg", _LIFE, _HEAD).url)
    must((answer.status, answer.body) == (200, b""), f"the HEAD answers {answer.status}, or has a body")
    must(answer.headers.get("content-length") == "7", f"the length is {answer.headers.get('content-length')!r}")
    must(answer.headers.get("content-type") == "image/jpeg", f"the type is {answer.headers.get('content-type')!r}")
    missing = send("HEAD", power.signed_url("missing", _LIFE, _HEAD).url)
    must(missing.refused, f"the HEAD of a missing file answers {missing.status}")


def signed_head_urls_answer_as_asked(subject: Subject) -> None:
    """Content type and disposition that were asked for arrive at a HEAD too."""
    backend, power = made(subject)
    put(backend, "a.jpg", b"content")
    options = LinkOptions("HEAD", content_type="text/x-asked", content_disposition=_ASKED)
    _must_answer(send("HEAD", power.signed_url("a.jpg", _LIFE, options).url), "text/x-asked", _ASKED)


def signed_urls_are_of_one_method(subject: Subject) -> None:
    """A URL that is signed for HEAD does not read, and one that is signed for GET is for GET only."""
    backend, power = made(subject)
    put(backend, "a.txt", b"content")
    for method, other in (("GET", "HEAD"), ("HEAD", "GET")):
        url = power.signed_url("a.txt", _LIFE, _HEAD if method == "HEAD" else None).url
        answer = send(other, url)
        must(answer.refused and answer.body != b"content", f"a URL of {method} answers {other} with {answer.status}")
        must(send(method, url).status == 200, f"a URL of {method} does not answer it")


def signed_urls_have_bounds(subject: Subject) -> None:
    """A life of less than a second or more than seven days is a ValueError."""
    _, power = made(subject)
    for expires_in in (0, -1, MAX_EXPIRY + 1):
        must_raise(ValueError, partial(power.signed_url, "a", expires_in), f"expires_in={expires_in}")
    for expires_in in (1, MAX_EXPIRY):
        must(power.signed_url("a", expires_in).url.startswith(("http://", "https://")), "it is no URL")


def signed_urls_need_no_file(subject: Subject) -> None:
    """A signed URL is made also where there is no file; it is an error until there is one."""
    backend, power = made(subject)
    url = power.signed_url("later.txt", _LIFE).url
    status = fetch(url).status
    must(400 <= status < 500, f"the URL of a missing file answers {status}")
    must(absent(backend, "later.txt"), "making a URL made a file")
    put(backend, "later.txt", b"content")
    must(fetch(url).body == b"content", "the URL does not work once the file is there")


def signed_urls_are_of_one_key(subject: Subject) -> None:
    """A signed URL in which the key is changed is refused."""
    backend, power = made(subject)
    put(backend, "first.txt", b"first")
    put(backend, "other.txt", b"other")
    url = power.signed_url("first.txt", _LIFE).url
    answer = fetch(with_key(url, "first.txt", "other.txt"))
    must(answer.refused and answer.body != b"other", f"the URL reads another file too ({answer.status})")
    must(fetch(with_key(url, "first.txt", "first.txt")).body == b"first", "the URL itself does not work")


def signed_urls_cannot_be_changed(subject: Subject) -> None:
    """A signed URL in which the signature or the expiry is changed is refused."""
    backend, power = made(subject)
    put(backend, "a.txt", b"content")
    url = power.signed_url("a.txt", _LIFE).url
    changed = {"another signature": with_other_signature(url)}
    longer = with_parameter(url, lambda name, value: "expires" in name.lower(), lambda value: value + "0")
    if longer is not None:
        changed["a later expiry"] = longer
    for what, other in changed.items():
        answer = fetch(other)
        must(answer.refused and answer.body != b"content", f"the URL works with {what} too ({answer.status})")
    must(fetch(url).body == b"content", "the URL itself does not work")


def signed_urls_only_read(subject: Subject) -> None:
    """A signed URL cannot be used to store or delete."""
    backend, power = made(subject)
    put(backend, "a.txt", b"content")
    url = power.signed_url("a.txt", _LIFE).url
    for method, body in (("PUT", b"changed"), ("POST", b"changed"), ("DELETE", None)):
        answer = send(method, url, body)
        must(answer.refused, f"a {method} to the URL answers {answer.status}")
        must(get(backend, "a.txt") == b"content", f"a {method} to the URL changed the file")


def signed_urls_expire(subject: Subject) -> None:
    """A signed URL is refused when its time is over."""
    backend, power = made(subject)
    put(backend, "a.txt", b"content")
    url = power.signed_url("a.txt", 1).url
    wait_until_refused(lambda: fetch(url), "the URL")
    must(fetch(power.signed_url("a.txt", _LIFE).url).body == b"content", "a new URL does not work")


def signed_urls_repeat_for_the_same_moment(subject: Subject) -> None:
    """The same moment, in whole seconds and any time zone, makes the same URL; another one makes another."""
    _, power = made(subject)
    moment = (datetime.now(timezone.utc) - _PAST).replace(microsecond=0)

    def signed(signed_at: datetime, key: str = "a.txt", life: int = 600) -> str:
        return power.signed_url(key, life, LinkOptions(signed_at=signed_at)).url

    first = signed(moment)
    elsewhere = moment.astimezone(timezone(timedelta(hours=5, minutes=30)))
    for same in (moment, elsewhere, moment + timedelta(microseconds=999_999)):
        must(signed(same) == first, "the same moment makes another URL")
    # Three seconds in a row: two of them are always in the same minute, so that rounding is noticed at any time.
    moments = {signed(moment + timedelta(seconds=after)) for after in range(3)}
    must(len(moments) == 3, "another moment makes the same URL")
    must(first not in (signed(moment, key="b.txt"), signed(moment, life=601)), "another key or life makes the same URL")


def signed_urls_live_from_their_moment(subject: Subject) -> None:
    """A URL that is signed as of a moment in the past works for the rest of its life, and not if that is over."""
    backend, power = made(subject)
    put(backend, "a.txt", b"content")
    options = LinkOptions(signed_at=datetime.now(timezone.utc) - _PAST)
    answer = fetch(power.signed_url("a.txt", 600, options).url)
    must((answer.status, answer.body) == (200, b"content"), f"a URL of two minutes ago answers {answer.status}")
    over = fetch(power.signed_url("a.txt", 60, options).url)
    must(over.refused and over.body != b"content", f"a URL whose life is over works ({over.status})")


def signed_urls_tell_their_end(subject: Subject) -> None:
    """A signed URL tells when it ends: as was asked for; sooner only where none lives longer; never later."""
    _, power = made(subject)
    longest = power.signed_url("a", MAX_EXPIRY).expires_at
    must(longest.tzinfo is not None, "expires_at has no time zone")
    for expires_in in (1, _LIFE, 3600, MAX_EXPIRY):
        for signed_at in (None, datetime.now(timezone.utc) - _PAST):
            began = signed_at or datetime.now(timezone.utc)
            end = power.signed_url("a", expires_in, LinkOptions(signed_at=signed_at)).expires_at
            must(end.tzinfo is not None, "expires_at has no time zone")
            life = timedelta(seconds=expires_in)
            latest = (signed_at or datetime.now(timezone.utc)) + life
            must(end <= latest, f"a life of {expires_in} seconds ends {end - latest} too late")
            must(end >= min(began + life, longest) - _ROUNDING, f"a life of {expires_in} seconds ends at {end}")


SIGNING = (
    signed_urls_read,
    signed_urls_read_hard_keys,
    signed_urls_answer_as_asked,
    signed_head_urls_look_up,
    signed_head_urls_answer_as_asked,
    signed_urls_have_bounds,
    signed_urls_need_no_file,
    signed_urls_are_of_one_key,
    signed_urls_are_of_one_method,
    signed_urls_cannot_be_changed,
    signed_urls_only_read,
    signed_urls_expire,
    signed_urls_repeat_for_the_same_moment,
    signed_urls_live_from_their_moment,
    signed_urls_tell_their_end,
)


def _must_answer(answer: Answer, content_type: str, disposition: str | None) -> None:
    """Fail unless a file is answered with these headers."""
    must(answer.status == 200, f"it answers {answer.status}, not the file")
    for name, expected in (("content-type", content_type), ("content-disposition", disposition)):
        found = answer.headers.get(name)
        must(found == expected, f"the {name} is {found!r}, not {expected!r}")
