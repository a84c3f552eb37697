"""A proxy between an SDK and a server that breaks what a network and a busy server break."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from email.message import Message
from types import TracebackType
from typing import BinaryIO
from urllib.parse import urlsplit

from .faults import Fault, Kind, gcs_error, s3_error
from .wire import Answer, Body, Head, answer_head, exchange, read_body, read_head, read_plain, reset

__all__ = ["Answer", "Fault", "FaultProxy", "Kind", "Request", "gcs_error", "s3_error"]

PATIENCE = 10.0


@dataclass(eq=False)
class Request:
    """What the proxy saw of one request.

    :param path: The path with its query.
    :param body_length: The bytes of the body that were read, without the framing of chunks.
    :param status: What the client was answered; None if nothing.
    :param upstream_status: What the server answered; None if it was not asked.
    """

    method: str
    path: str
    headers: Message
    body_length: int = 0
    status: int | None = None
    upstream_status: int | None = None
    fault: Fault | None = None


class Break(Exception):
    """The connection ends here."""


class Reset(Break):
    """The connection ends here, with a reset."""


class FaultProxy:
    """Stands at ``endpoint`` for the server at ``upstream``, and follows its faults in their order.

    The first fault that takes a request decides; those after it neither see nor count it. The request goes on byte
    for byte, so a signature stays valid: the server is asked with the Host of the proxy.
    """

    def __init__(self, upstream: str) -> None:
        self._upstream = urlsplit(upstream)
        self.requests: list[Request] = []
        #: What hooks raised; raised again when the proxy closes.
        self.errors: list[Exception] = []
        self._faults: list[Fault] = []
        self._lock = threading.Lock()
        self._closing = threading.Event()
        self._sockets: set[socket.socket] = set()
        self._threads: list[threading.Thread] = []
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.endpoint = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self._start(self._accept)

    def __enter__(self) -> FaultProxy:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        self.close()
        if self.errors and error is None:
            raise self.errors[0]

    def add(self, fault: Fault) -> Fault:
        """Follow ``fault`` from the next request on."""
        with self._lock:
            self._faults.append(fault)
        return fault

    def clear(self) -> None:
        """Forget all faults, letting go what they hold, and all requests."""
        with self._lock:
            faults, self._faults = self._faults, []
            self.requests.clear()
        for fault in faults:
            fault.gate.set()

    def close(self) -> None:
        """Break all connections and wait until every thread is gone."""
        with self._lock:
            self._closing.set()
            held = list(self._sockets)
        for connection in held:
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        for fault in self._faults:
            fault.gate.set()
        # Wakes the thread that accepts.
        with suppress(OSError):
            socket.create_connection(self._listener.getsockname(), PATIENCE).close()
        self._join()
        self._listener.close()

    def _join(self) -> None:
        # The first one accepts, and adds to this list until it ends.
        for thread in self._threads:
            thread.join(PATIENCE)
            if thread.is_alive():
                raise RuntimeError(f"{thread.name} of the fault proxy does not end: does a hook hang?")

    def _start(self, work: Callable[..., None], *args: object) -> None:
        thread = threading.Thread(target=work, args=args, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while not self._closing.is_set():
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self._start(self._converse, connection)

    @contextmanager
    def _held(self, connection: socket.socket) -> Iterator[socket.socket]:
        """Close ``connection`` at the end, and let `close` break it before."""
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with connection:
            with self._lock:
                if self._closing.is_set():
                    raise Break
                self._sockets.add(connection)
            try:
                yield connection
            finally:
                with self._lock:
                    self._sockets.discard(connection)

    def _converse(self, connection: socket.socket) -> None:
        """Answer the requests of one connection until it ends."""
        # A client that goes away is no error of the proxy. The stream closes before the connection: left open, it
        # would keep the socket and so the reset back.
        with suppress(Break, OSError), self._held(connection), connection.makefile("rb") as stream:
            try:
                while self._serve(connection, stream):
                    pass
            except Reset:
                reset(connection)

    def _serve(self, connection: socket.socket, stream: BinaryIO) -> bool:
        """Answer one request and tell whether another may come."""
        head = read_head(stream)
        if head is None:
            return False
        request = Request(head.method, head.target, head.headers)
        with self._lock:
            request.fault = next((fault for fault in self._faults if fault.takes(head)), None)
            self.requests.append(request)
        if request.fault is not None:
            request.fault.reached.set()
        body = self._receive(connection, stream, head, request)
        self._reply(connection, head, request, self._answer(head, body, request))
        return not head.closes

    def _receive(self, connection: socket.socket, stream: BinaryIO, head: Head, request: Request) -> Body:
        kind = request.fault.kind if request.fault else None
        if kind is Kind.RESET_BEFORE_BODY:
            raise Reset
        if head.expects_continue:
            connection.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
        if kind is Kind.RESET_MID_BODY:
            # Of chunks, whose sum nobody announced, the first line is enough.
            request.body_length = read_plain(stream, head.length // 2).length
            raise Reset
        body = read_body(head, stream)
        request.body_length = body.length
        if kind is Kind.RESET_AFTER_BODY:
            raise Reset
        return body

    def _answer(self, head: Head, body: Body, request: Request) -> Answer:
        """Return what the client shall see, asking the server unless the fault forbids."""
        fault = request.fault
        if fault is None:
            return self._forward(head, body, request)
        if fault.kind is Kind.BLACK_HOLE:
            fault.gate.wait()
            raise Break
        if fault.kind is Kind.ANSWER and fault.answer is not None:
            return fault.answer
        if fault.kind is Kind.CALL:
            self._run_hook(fault)
        return self._spoil(self._forward(head, body, request), fault)

    def _run_hook(self, fault: Fault) -> None:
        try:
            if fault.call is not None:
                fault.call()
        except Exception as error:
            self.errors.append(error)
            raise Reset from error

    def _spoil(self, answer: Answer, fault: Fault) -> Answer:
        if fault.kind is Kind.LOST_ANSWER:
            raise Reset
        if fault.kind is Kind.REPLACED_ANSWER and fault.answer is not None:
            return fault.answer
        if fault.kind is Kind.SLOW:
            fault.gate.wait(fault.seconds)
        if fault.kind is Kind.CORRUPTED and answer.body:
            middle = len(answer.body) // 2
            flipped = bytes([answer.body[middle] ^ 0xFF])
            return replace(answer, body=answer.body[:middle] + flipped + answer.body[middle + 1 :])
        return answer

    def _forward(self, head: Head, body: Body, request: Request) -> Answer:
        address = (self._upstream.hostname or "127.0.0.1", self._upstream.port or 80)
        try:
            with self._held(socket.create_connection(address)) as upstream:
                answer = exchange(upstream, head, body)
        except OSError as error:
            answer = Answer(502, f"The fault proxy reached no server: {error}".encode())
        request.upstream_status = answer.status
        return self._stay_between(answer, head)

    def _stay_between(self, answer: Answer, head: Head) -> Answer:
        """Let upload sessions and download links, which name the server, lead through the proxy too."""
        origin = f"{self._upstream.scheme}://{self._upstream.netloc}"
        headers = tuple(
            (name, value.replace(origin, self.endpoint) if name.lower() == "location" else value)
            for name, value in answer.headers
        )
        is_resource = head.path.startswith(("/storage/v1/", "/upload/storage/v1/")) and "alt=media" not in head.query
        body = answer.body.replace(origin.encode(), self.endpoint.encode()) if is_resource else answer.body
        return replace(answer, headers=headers, body=body)

    def _reply(self, connection: socket.socket, head: Head, request: Request, answer: Answer) -> None:
        body = b"" if head.method == "HEAD" else answer.body
        truncated = request.fault is not None and request.fault.kind is Kind.TRUNCATED
        request.status = answer.status
        connection.sendall(answer_head(answer, head.method) + (body[: len(body) // 2] if truncated else body))
        if truncated:
            raise Break
