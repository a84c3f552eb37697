"""What the errors of Google's libraries mean."""

from __future__ import annotations

from http import HTTPStatus

import google.auth.exceptions as auth
import requests
import urllib3
from google.api_core.exceptions import GoogleAPICallError

from ...exceptions import (
    BackendError,
    IntegrityError,
    NotFoundError,
    NotSupportedError,
    PermissionDeniedError,
    UnavailableError,
)
from .._cloud.translate import Meaning

#: Statuses of answers after which the same request may succeed
#: (https://cloud.google.com/storage/docs/retry-strategy#retryable).
BUSY = frozenset({408, 429, 500, 502, 503, 504})

NO_FILE = Meaning(NotFoundError, "there is no such file")
NO_BUCKET = Meaning(BackendError, "the bucket does not exist")

_UNIFORM = (
    "the bucket has uniform access, which takes no ACLs; leave the option 'acl' out and give access by IAM to the "
    "bucket instead"
)
_NO_CREDENTIALS = "no default credentials were found; set the option 'credentials'"

#: Errors that are no answer of the store, the narrower before the wider.
_WITHOUT_ANSWER: tuple[tuple[tuple[type[Exception], ...], Meaning], ...] = (
    ((auth.DefaultCredentialsError,), Meaning(PermissionDeniedError, _NO_CREDENTIALS)),
    ((auth.TransportError,), Meaning(UnavailableError, "the credentials could not be refreshed")),
    ((auth.GoogleAuthError,), Meaning(PermissionDeniedError, "the credentials were refused")),
    ((requests.Timeout, urllib3.exceptions.TimeoutError), Meaning(UnavailableError, "no answer in time")),
    ((requests.exceptions.InvalidJSONError,), Meaning(UnavailableError, "somebody else than the store answered")),
    (
        (requests.RequestException, urllib3.exceptions.HTTPError, OSError),
        Meaning(UnavailableError, "the connection broke"),
    ),
)
#: What the store says in an answer with the status 400, and what it means.
_BAD_REQUESTS = (
    ("uniform bucket-level access", Meaning(NotSupportedError, _UNIFORM)),
    ("doesn't match calculated", Meaning(IntegrityError, "other bytes arrived than were sent", retryable=True)),
)


def meaning(error: Exception, missing: Meaning, refused: Meaning) -> Meaning:
    """Return what ``error`` means.

    :param missing: What 404 and 410 mean.
    :param refused: What 412 means.
    """
    if isinstance(error, GoogleAPICallError):
        return _of_answer(int(error.code or 0), error.message or "", missing, refused)
    if isinstance(error, auth.GoogleAuthError) and error.retryable:
        return Meaning(UnavailableError, "the credentials could not be refreshed")
    for kinds, found in _WITHOUT_ANSWER:
        if isinstance(error, kinds):
            return found
    return Meaning(BackendError, f"the library failed ({type(error).__name__})")


def _of_answer(status: int, message: str, missing: Meaning, refused: Meaning) -> Meaning:
    if status in (HTTPStatus.NOT_FOUND, HTTPStatus.GONE):
        return NO_BUCKET if "bucket does not exist" in message else missing
    if status == HTTPStatus.PRECONDITION_FAILED:
        return refused
    if status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
        return Meaning(PermissionDeniedError, f"the credentials may not do this (HTTP {status})")
    if status in BUSY:
        return Meaning(UnavailableError, f"the store is busy (HTTP {status})")
    known = (found for words, found in _BAD_REQUESTS if status == HTTPStatus.BAD_REQUEST and words in message)
    return next(known, Meaning(BackendError, f"the store refused the request (HTTP {status})"))
