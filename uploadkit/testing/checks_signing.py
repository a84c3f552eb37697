"""Checks of signed URLs: whoever has one reads this file, for this long, and nothing else."""

from __future__ import annotations

from functools import partial

from ..backends.capabilities import SupportsSigning, capabilities
from ..backends.protocol import Backend
from ..models import MAX_EXPIRY
from .subject import NotShown, Subject, absent, get, must, must_raise, put
from .visitor import fetch, send, wait_until_refused, with_key, with_other_signature, with_parameter

_HARD_KEYS = (
    "folder/sub folder/ünï ~日本 😀.txt",
    "percent%20 100%25 %2F.txt",
    "plus+sign and&equals=1;2,3.txt",
    "quotes 'single' \"double\" `tick`.txt",
    "question?mark hash#sign.txt",
    "brackets [1](2){3} <x> $a @b c:d e|f !*.txt",
)


def signed_urls_read(subject: Subject) -> None:
    """A signed URL gives the bytes to whoever has it; each that is made works."""
    backend, power = _made(subject)
    put(backend, "folder/a.txt", b"content")
    for expires_in in (60, 60, 3600):
        url = power.signed_url("folder/a.txt", expires_in)
        for _ in range(2):
            answer = fetch(url)
            must((answer.status, answer.body) == (200, b"content"), f"it answers {answer.status}, not the file")


def signed_urls_read_hard_keys(subject: Subject) -> None:
    """Letters that mean something in URLs lead to the right file too."""
    backend, power = _made(subject)
    for key in _HARD_KEYS:
        put(backend, key, key.encode())
        answer = fetch(power.signed_url(key, 60))
        must((answer.status, answer.body) == (200, key.encode()), f"{key!r} answers {answer.status}, or another file")


def signed_urls_answer_as_asked(subject: Subject) -> None:
    """Content type and disposition that were asked for arrive; what was not asked for is as it was stored."""
    backend, power = _made(subject)
    put(backend, "a.jpg", b"content")
    disposition = "attachment; filename=\"a b+c.txt\"; filename*=UTF-8''%C3%BC%20%26.txt"
    asked = fetch(power.signed_url("a.jpg", 60, content_type="text/x-asked", content_disposition=disposition)).headers
    must(asked.get("content-type") == "text/x-asked", f"the content type is {asked.get('content-type')!r}")
    must(asked.get("content-disposition") == disposition, f"the disposition is {asked.get('content-disposition')!r}")
    plain = fetch(power.signed_url("a.jpg", 60)).headers
    must(plain.get("content-type") == "image/jpeg", f"the content type is {plain.get('content-type')!r}")
    must("content-disposition" not in plain, "there is a disposition that nobody asked for")


def signed_urls_have_bounds(subject: Subject) -> None:
    """A life of less than a second or more than seven days is a ValueError."""
    _, power = _made(subject)
    for expires_in in (0, -1, MAX_EXPIRY + 1):
        must_raise(ValueError, partial(power.signed_url, "a", expires_in), f"expires_in={expires_in}")
    for expires_in in (1, MAX_EXPIRY):
        must(power.signed_url("a", expires_in).startswith(("http://", "https://")), "it is no URL")


def signed_urls_need_no_file(subject: Subject) -> None:
    """A signed URL is made also where there is no file; it is an error until there is one."""
    backend, power = _made(subject)
    url = power.signed_url("later.txt", 60)
    status = fetch(url).status
    must(400 <= status < 500, f"the URL of a missing file answers {status}")
    must(absent(backend, "later.txt"), "making a URL made a file")
    put(backend, "later.txt", b"content")
    must(fetch(url).body == b"content", "the URL does not work once the file is there")


def signed_urls_are_of_one_key(subject: Subject) -> None:
    """A signed URL in which the key is changed is refused."""
    backend, power = _made(subject)
    put(backend, "first.txt", b"first")
    put(backend, "other.txt", b"other")
    url = power.signed_url("first.txt", 60)
    answer = fetch(with_key(url, "first.txt", "other.txt"))
    must(answer.refused and answer.body != b"other", f"the URL reads another file too ({answer.status})")
    must(fetch(with_key(url, "first.txt", "first.txt")).body == b"first", "the URL itself does not work")


def signed_urls_cannot_be_changed(subject: Subject) -> None:
    """A signed URL in which the signature or the expiry is changed is refused."""
    backend, power = _made(subject)
    put(backend, "a.txt", b"content")
    url = power.signed_url("a.txt", 60)
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
    backend, power = _made(subject)
    put(backend, "a.txt", b"content")
    url = power.signed_url("a.txt", 60)
    for method, body in (("PUT", b"changed"), ("POST", b"changed"), ("DELETE", None)):
        answer = send(method, url, body)
        must(answer.refused, f"a {method} to the URL answers {answer.status}")
        must(get(backend, "a.txt") == b"content", f"a {method} to the URL changed the file")


def signed_urls_expire(subject: Subject) -> None:
    """A signed URL is refused when its time is over."""
    backend, power = _made(subject)
    put(backend, "a.txt", b"content")
    url = power.signed_url("a.txt", 1)
    wait_until_refused(lambda: fetch(url), "the URL")
    must(fetch(power.signed_url("a.txt", 60)).body == b"content", "a new URL does not work")


SIGNING = (
    signed_urls_read,
    signed_urls_read_hard_keys,
    signed_urls_answer_as_asked,
    signed_urls_have_bounds,
    signed_urls_need_no_file,
    signed_urls_are_of_one_key,
    signed_urls_cannot_be_changed,
    signed_urls_only_read,
    signed_urls_expire,
)


def _made(subject: Subject) -> tuple[Backend, SupportsSigning]:
    backend = subject.make()
    power = capabilities(backend).signing
    if power is None:
        raise NotShown("the backend does not declare signing")
    return backend, power
