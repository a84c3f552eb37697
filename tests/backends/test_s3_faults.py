"""Every operation of the S3 backend under every fault: healed, or one of uploadkit's errors and nothing broken."""

from __future__ import annotations

import io
from typing import Any

import pytest

from uploadkit.backends.s3 import S3Backend
from uploadkit.exceptions import BackendError, IntegrityError, PermissionDeniedError, UnavailableError

from .test_s3_fault_kit import Answer, Kind, World, direct, fault_bucket, fault_proxy, s3_error, warmed, world
from .test_s3_fault_operations import NEW, OPERATIONS, Operation

__all__ = ["direct", "fault_bucket", "fault_proxy", "warmed", "world"]

STEPS = [(name, word) for name, operation in OPERATIONS.items() for word in operation.steps]


def prepared(world: World, operation: Operation, max_attempts: int) -> tuple[S3Backend, list[Any]]:
    backend = world.backend(max_attempts=max_attempts, **operation.options)
    for name, content in operation.before.items():
        world.backend().save(name, io.BytesIO(content), NEW)
    given = [operation.prepare(world.backend())] if operation.prepare else []
    world.proxy.requests.clear()
    return backend, given


#: What the SDK's retry heals.
HEALED: dict[str, tuple[Kind, Answer | None]] = {
    "reset before the body": (Kind.RESET_BEFORE_BODY, None),
    "reset in the body": (Kind.RESET_MID_BODY, None),
    "reset after the body": (Kind.RESET_AFTER_BODY, None),
    "lost answer": (Kind.LOST_ANSWER, None),
    "truncated": (Kind.TRUNCATED, None),
    "500": (Kind.ANSWER, s3_error(500, "InternalError")),
    "503": (Kind.ANSWER, s3_error(503, "SlowDown")),
}
#: What leaves an upload begun, on purpose.
STAY_BEGUN = ("create multipart", "put part", "list parts")


#: After "slow down" the SDK pauses for longer, so not every step waits for it.
SLOWED_DOWN = [("save small", "put"), ("save parts", "finish"), ("read", "get"), ("stat", "head")]
#: Steps whose answer has no body that could break.
BODILESS = ("look first", "head", "claim", "drop", "delete", "abort")
#: Steps whose request has a body.
BODIES = ("send", "claim", "finish", "post")


def makes_sense(name: str, word: str, fault: str) -> bool:
    is_copy, put = name.startswith("copy"), word in ("put", "send")
    if fault in ("truncated", "corrupted"):
        return word not in BODILESS and (is_copy or not put)
    if fault in ("reset before the body", "reset in the body"):
        return word in BODIES or (word == "put" and not is_copy)
    return fault != "503" or (name, word) in SLOWED_DOWN


HEALING = [(*step, fault) for step in STEPS for fault in HEALED if makes_sense(*step, fault)]


@pytest.mark.parametrize(("name", "word", "fault"), HEALING, ids=[", ".join(case) for case in HEALING])
def test_what_fails_once_is_healed(name: str, word: str, fault: str, world: World) -> None:
    operation, (kind, answer) = OPERATIONS[name], HEALED[fault]
    backend, given = prepared(world, operation, max_attempts=2)
    strike = world.strike(kind, answer, **operation.steps[word])
    assert operation.run(backend, *given) == operation.result
    assert strike.strikes == 1
    assert world.files() == operation.after
    assert world.hidden() == []
    assert world.log() == []
    if word == "begin" and fault in ANSWER_IS_GONE:  # whose upload id nobody knows
        world.check_nothing_left(named=False, most=2 if name == "create multipart" else 1)
    elif name not in STAY_BEGUN:
        assert world.uploads() == []


Outcome = tuple[type[BackendError], bool]
UNAVAILABLE: Outcome = (UnavailableError, True)
DENIED: Outcome = (PermissionDeniedError, False)

FOR_GOOD: dict[str, tuple[Kind, Answer | None, Outcome]] = {
    "reset": (Kind.RESET_AFTER_BODY, None, UNAVAILABLE),
    "lost answer": (Kind.LOST_ANSWER, None, UNAVAILABLE),
    "truncated": (Kind.TRUNCATED, None, UNAVAILABLE),
    "corrupted": (Kind.CORRUPTED, None, UNAVAILABLE),
    "500": (Kind.ANSWER, s3_error(500, "InternalError"), UNAVAILABLE),
    "503": (Kind.ANSWER, s3_error(503, "SlowDown"), UNAVAILABLE),
    "429": (Kind.ANSWER, s3_error(429, "TooManyRequests"), UNAVAILABLE),
    "403": (Kind.ANSWER, s3_error(403, "AccessDenied"), DENIED),
    "expired": (Kind.ANSWER, s3_error(400, "ExpiredToken"), DENIED),
}
#: The store did what it was asked, but the answer tells nothing.
ANSWER_IS_GONE = ("lost answer", "truncated", "corrupted")


def outcome(name: str, word: str, fault: str) -> Outcome | None:
    """What an operation ends with whose step never works; None for success."""
    if word in ("put", "finish", "claim") and fault in ANSWER_IS_GONE:
        return None  # the file is recognised
    if word in ("drop", "look after") or (word == "look first" and fault == "403"):
        return None  # it is not needed
    if word in ("look first", "head") and fault == "expired":
        return BackendError, False  # HEAD has no body that says what the status 400 means, and GET works here
    if name in ("read", "read long") and fault == "corrupted":
        return IntegrityError, True
    return FOR_GOOD[fault][2]


#: Of a range, S3 tells no checksum: bytes that TLS lets through damaged stay unnoticed.
UNDETECTED = ("read range", "get", "corrupted")
CASES = [
    (*step, fault)
    for step in STEPS
    for fault in FOR_GOOD
    if (fault == "503" or makes_sense(*step, fault)) and (*step, fault) != UNDETECTED
]


@pytest.mark.parametrize(("name", "word", "fault"), CASES, ids=[", ".join(case) for case in CASES])
def test_what_never_works_is_an_error_of_ours_and_leaves_nothing(
    name: str, word: str, fault: str, world: World
) -> None:
    operation, expected = OPERATIONS[name], outcome(name, word, fault)
    backend, given = prepared(world, operation, max_attempts=1)
    kind, answer, _ = FOR_GOOD[fault]
    strike = world.strike(kind, answer, times=None, **operation.steps[word])
    if expected is None:
        assert operation.run(backend, *given) == operation.result
        assert world.files() == operation.after
        assert name in STAY_BEGUN or world.uploads() == []
    else:
        with pytest.raises(BackendError) as caught:
            operation.run(backend, *given)
        assert (type(caught.value), caught.value.retryable) == expected
        world.check_error(caught.value, operation.key, has_cause=expected[0] is not IntegrityError)
        world.check_files(operation.before, operation.after)
        if fault not in ANSWER_IS_GONE and name != "delete many":
            assert world.files() == operation.before
    assert strike.strikes
    world.check_log()
    world.check_nothing_left(named=operation.prepare is None and not (word == "begin" and fault in ANSWER_IS_GONE))
