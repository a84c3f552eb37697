"""Requests to the JSON API of Google Cloud Storage: the one place where they are sent, sent again and understood.

The library sends them with its own retries, and hides how often: nothing would tell a file of somebody else's from
our own whose answer was lost, nor would one deadline hold. So its client serves for credentials, connections and
signatures, and the requests are written here.
"""

from __future__ import annotations

import json
import random
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, nullcontext, suppress
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, TypeVar
from urllib.parse import quote, urlsplit

import requests
from google.api_core.exceptions import from_http_status

from ...exceptions import (
    AlreadyExistsError,
    NotFoundError,
    PermissionDeniedError,
    PreconditionError,
    UnavailableError,
)
from .._cloud.bucket import Place
from .._cloud.deadline import Deadline, current_deadline, deadline
from .._cloud.translate import Meaning, translating
from .client import client_for, session_of
from .errors import NO_FILE, meaning
from .options import GCSOptions

_PIECE = 64 * 1024
_LONGEST_PAUSE = 8.0
_SHORTEST = 0.001
_SUCCESS = range(200, 300)
_CHANGED = Meaning(PreconditionError, "the file changed since it was looked at", retryable=True)
_EXISTS = Meaning(AlreadyExistsError, "there is a file under this key")
_Got = TypeVar("_Got")


class Pieces:
    """The body of a request: buffers, one behind the other, given out piece by piece, and again when it is resent.

    A whole ``bytes`` object would go to the socket in one call, which had to be done within the connect timeout.

    :param buffers: Are not copied.
    """

    def __init__(self, *buffers: bytes | bytearray | memoryview) -> None:
        self._views = [memoryview(buffer) for buffer in buffers]

    def __len__(self) -> int:
        return sum(len(view) for view in self._views)

    def __iter__(self) -> Iterator[bytes]:
        limit = current_deadline()
        for view in self._views:
            for start in range(0, len(view), _PIECE):
                if limit is not None:
                    limit.check()
                yield bytes(view[start : start + _PIECE])


@dataclass
class Request:
    """One request, to be sent until it is answered.

    :param action: For error messages: "Could not ``action`` …".
    :param key: For error messages.
    :param body: None for none.
    :param media: Whether the answer is no JSON but bytes, such as a file's content, to be left as they are stored.
    :param accept: Statuses that are answers too, beside those of success.
    :param missing: What 404 means.
    :param refused: What 412 means.
    :param foreign: Whether it goes to another service, or to a URL that the store made, with all its parameters.
    :param session: Sends it; None is the client's.
    :param repeat: Whether to send it again when the store is busy or the connection breaks.
    :param attempts: How often it was sent so far.
    """

    action: str
    key: str | None
    method: str
    url: str
    params: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    body: Pieces | bytes | None = None
    media: bool = False
    accept: frozenset[int] = frozenset()
    missing: Meaning = NO_FILE
    refused: Meaning = _CHANGED
    foreign: bool = False
    session: Any = None
    repeat: bool = True
    attempts: int = 0

    def meaning(self, error: Exception) -> Meaning:
        """Return what an error means for this request."""
        return meaning(error, self.missing, self.refused)


@dataclass(frozen=True)
class Answer:
    """What came back."""

    status: int
    headers: Mapping[str, str]
    content: bytes

    def json(self) -> dict[str, Any]:
        """Return the content as an object; an empty one if there is none."""
        found = json.loads(self.content or b"{}")
        return found if isinstance(found, dict) else {}


class Wire:
    """Sends requests for one place.

    :param place: The bucket and prefix.
    :param options: The options of the backend.
    :param name: The backend's name, for error messages.
    """

    def __init__(self, place: Place, options: GCSOptions, name: str) -> None:
        self.place = place
        self.options = options
        self.name = name

    @property
    def client(self) -> Any:
        """The client of google-cloud-storage."""
        return client_for(self.options)

    def url(self, name: str | None = None, *, upload: bool = False) -> str:
        """Return the URL of an object; None means all objects of the bucket."""
        tail = "" if name is None else f"/{quote(name, safe='')}"
        root = "/upload/storage/v1" if upload else "/storage/v1"
        return f"{self.client.api_endpoint}{root}/b/{quote(self.place.bucket, safe='')}/o{tail}"

    def get(self, key: str, name: str, action: str = "look up") -> dict[str, Any]:
        """Return what is known of an object.

        :raises NotFoundError: if there is none.
        """
        return self.send(Request(action, key, "GET", self.url(name))).json()

    def remove(self, key: str | None, name: str, generation: str | None = None) -> None:
        """Remove an object; one that is not there, or has another generation, is no error."""
        params = {"ifGenerationMatch": generation} if generation else {}
        with suppress(NotFoundError, PreconditionError):
            self.send(Request("delete", key, "DELETE", self.url(name), params))

    def condition(self, request: Request, name: str, *, overwrite: bool) -> None:
        """Let a request that makes the object ``name`` fail if there is one, unless ``overwrite``.

        :raises AlreadyExistsError: if there is one already, and the server might not say so.
        """
        if not overwrite:
            self._look_first(request.key, name)
            request.params = {**request.params, "ifGenerationMatch": "0"}
            request.refused = _EXISTS

    def _look_first(self, key: str | None, name: str) -> None:
        """Look whether an object exists where the server may ignore the condition that there is none.

        Google's do not; of the emulators, each does in some requests.

        :raises AlreadyExistsError: if it exists.
        """
        host = urlsplit(self.client.api_endpoint).hostname or ""
        if host.endswith(".googleapis.com"):
            return
        with suppress(NotFoundError, PermissionDeniedError):  # the latter of credentials that may only write
            self.get(key or name, name)
            message = f"{key!r} exists already on the {self.name!r} backend."
            raise AlreadyExistsError(message, key=key, backend=self.name)

    def send(self, request: Request) -> Answer:
        """Send a request, again where that may help, within the deadline.

        :raises BackendError: of the kind that the answer means.
        """
        return self._insist(request, self._answered)

    def open(self, request: Request) -> requests.Response:
        """Send a request likewise, and return its answer with the body unread; the caller closes it."""
        return self._insist(request, self._opened)

    def _insist(self, request: Request, act: Callable[[Request, Deadline], _Got]) -> _Got:
        with self.limit(request) as limit:
            while True:
                request.attempts += 1
                try:
                    with translating(request.meaning, request.action, request.key, self.name):
                        return _attempt(request, limit, act)
                except UnavailableError:
                    if not request.repeat or not self.pause(request.attempts, limit):
                        raise

    def limit(self, request: Request) -> AbstractContextManager[Deadline]:
        """Return the deadline of the call that this is a part of, or else a new one."""
        running = current_deadline()
        if running is not None:
            return nullcontext(running)
        return deadline(self.options.deadline, len(request.body or b""))

    def pause(self, attempts: int, limit: Deadline) -> bool:
        """Wait before the next attempt; return False, at once, if there must be none."""
        seconds = random.uniform(0.5, 1) * min(_LONGEST_PAUSE, 0.2 * 2**attempts)  # noqa: S311 - no secret
        if attempts >= self.options.max_attempts or seconds >= limit.left():
            return False
        time.sleep(seconds)
        return True

    def _answered(self, request: Request, limit: Deadline) -> Answer:
        with self._opened(request, limit) as response:
            answer = Answer(response.status_code, response.headers, _content(response, request.media, limit))
        if not request.media and answer.status in _SUCCESS:
            _require_json(answer)
        return answer

    def _opened(self, request: Request, limit: Deadline) -> requests.Response:
        response = self._respond(request, limit)
        if response.status_code in _SUCCESS or response.status_code in request.accept:
            return response
        with response:
            refusal = Answer(response.status_code, response.headers, _content(response, request.media, limit))
        raise from_http_status(refusal.status, _message(refusal))

    def _respond(self, request: Request, limit: Deadline) -> requests.Response:
        """Send a request once and return what is answered, of which nothing but the headers is here yet."""
        options, left = self.options, max(limit.left(), _SHORTEST)
        payer = {"userProject": options.user_project} if options.user_project and not request.foreign else {}
        response: requests.Response = (request.session or session_of(self.client)).request(
            request.method,
            request.url,
            params={**request.params, **payer},
            data=request.body or b"",  # an empty stream would be sent without a length
            headers={"Accept-Encoding": "gzip", **request.headers},  # for media: no unzipping on the way
            timeout=(min(options.connect_timeout, left), min(options.read_timeout, left)),
            allow_redirects=False,
            stream=True,
            hooks={"response": _release},
        )
        return response


def _attempt(request: Request, limit: Deadline, act: Callable[[Request, Deadline], _Got]) -> _Got:
    limit.check()
    try:
        return act(request, limit)
    except requests.RequestException as error:
        if "upload_id=" not in request.url:
            raise
        # Its text has the URL, and whoever has that can write.
        raise requests.ConnectionError(f"{type(error).__name__} at an upload's own URL") from None


def _release(response: Any, **_: object) -> None:
    """Read the answer that makes google-auth refresh its token: it leaves it unread, and its connection taken."""
    if response.status_code == HTTPStatus.UNAUTHORIZED:
        response.content  # noqa: B018 - reads it


def _content(response: Any, media: bool, limit: Deadline) -> bytes:
    """Read an answer to its end; one that trickles in does not outlast the deadline."""
    read = getattr(response.raw, "read1", response.raw.read)  # of urllib3 2: what is there, without waiting for more
    pieces = []
    while piece := read(_PIECE, decode_content=not media):
        pieces.append(piece)
        limit.check()
    content = b"".join(pieces)
    announced = response.headers.get("Content-Length")
    if media and announced is not None and int(announced) != len(content):
        raise requests.ConnectionError(f"{announced} bytes were announced, {len(content)} arrived")
    return content


def _require_json(answer: Answer) -> None:
    """Refuse what no store says, such as a proxy's page: sending the request again may reach the store."""
    try:
        answer.json()
    except ValueError as error:
        raise requests.exceptions.InvalidJSONError("the answer is no JSON") from error


def _message(answer: Answer) -> str:
    """Return what the store says of its refusal."""
    try:
        problem = answer.json().get("error")
    except ValueError:
        problem = None
    message = problem.get("message") if isinstance(problem, dict) else None
    return str(message or f"HTTP {answer.status}")
