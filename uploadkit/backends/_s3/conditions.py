"""Storing without overwriting: conditions, stores that do not keep them, and answers that got lost."""

from __future__ import annotations

import random
import time
from collections.abc import Callable

from ...exceptions import AlreadyExistsError, BackendError, NotFoundError, NotSupportedError, UnavailableError
from ...models import FileInfo
from .claims import claimed
from .client import BACKEND, S3Calls
from .errors import code_of, is_unknown_request, was_retried
from .files import is_taken, recognised
from .probe import not_kept, refuses_conditions, remember_refusal, require_conditions

#: S3's codes for two requests that met: the same one may succeed a moment later.
CONFLICT = ("ConditionalRequestConflict", "OperationAborted", "409")
#: The operation that ends an upload in parts.
COMPLETE = "complete_multipart_upload"
#: Stores the file with a condition, or with none.
Send = Callable[[dict[str, str]], FileInfo]

#: S3 wants an upload in parts to be begun anew after a conflict; other stores let its end be tried again.
_CONFLICT_TRIES, _COMPLETION_TRIES = 6, 2
_FIRST_PAUSE = 0.05


def create_only(calls: S3Calls, key: str, operation: str, *, overwrite: bool) -> dict[str, str]:
    """Return the condition for ``operation``, which stores under ``key``; none if it may overwrite.

    :raises NotSupportedError: if the store does not keep conditions and they are required.
    :raises AlreadyExistsError: if it need not keep them and there is a file.
    """
    if overwrite:
        return {}
    if calls.options.conditional_writes == "best-effort":
        if is_taken(calls, key):
            raise already_there(key)
        return {} if refuses_conditions(calls, operation) else {"IfNoneMatch": "*"}
    if not calls.is_aws:
        require_conditions(calls, operation)
    return {"IfNoneMatch": "*"}


def store(calls: S3Calls, key: str, word: str, operation: str, send: Send, *, overwrite: bool) -> FileInfo:
    """Call ``send(condition)`` so that a lost answer, a conflict or a store without conditions loses nothing.

    :param word: The word that ``send`` stores with the file.
    """
    condition = create_only(calls, key, operation, overwrite=overwrite)
    if condition and operation == COMPLETE and not calls.is_aws:
        with claimed(calls, key):
            return _store(calls, key, word, operation, send, condition)
    return _store(calls, key, word, operation, send, condition)


def _store(calls: S3Calls, key: str, word: str, operation: str, send: Send, condition: dict[str, str]) -> FileInfo:
    for attempt in range(_COMPLETION_TRIES if operation == COMPLETE else _CONFLICT_TRIES):
        try:
            return send(condition)
        except (AlreadyExistsError, NotFoundError) as error:  # "no such upload": an answer to its completion got lost
            if attempt or was_retried(error):
                return _ours_or(error, calls, key, word)
            raise
        except NotSupportedError as error:
            if not condition or not is_unknown_request(error):
                raise
            condition = _without_condition(calls, operation, error)
        except UnavailableError as error:
            if code_of(error) not in CONFLICT:
                return _ours_or(error, calls, key, word)
            refused = error
            _pause(attempt)
    return _ours_or(refused, calls, key, word)


def already_there(key: str) -> AlreadyExistsError:
    """Return the error for a key that is taken."""
    problem = f"Could not save {key!r} on the {BACKEND!r} backend: it exists already."
    return AlreadyExistsError(problem, key=key, backend=BACKEND)


def _ours_or(error: BackendError, calls: S3Calls, key: str, word: str) -> FileInfo:
    """Return the file if it turns out to be stored although the answer says otherwise, or never came."""
    info = recognised(calls, key, word)
    if info is None:
        raise error
    return info


def _pause(attempt: int) -> None:
    time.sleep(_FIRST_PAUSE * 2**attempt * random.uniform(0.5, 1))  # noqa: S311 - only to keep savers apart


def _without_condition(calls: S3Calls, operation: str, error: NotSupportedError) -> dict[str, str]:
    """Go on without the condition, if that is what the options say."""
    if calls.options.conditional_writes == "require":
        raise not_kept("refuses", operation) from error
    remember_refusal(calls, operation)
    return {}
