"""The clients: how they send, leave, and take down what has to be stored."""

from __future__ import annotations

import http.client
import json
import socket
import struct
import time
from collections import Counter
from contextlib import closing, suppress
from dataclasses import asdict
from http import HTTPStatus
from typing import NamedTuple, cast

from .app import MIB, SETS
from .plans import Plan, Sent, plan_of, wire_of
from .server import PATIENCE


class Answer(NamedTuple):
    status: int
    body: bytes

    @property
    def files(self) -> list[str]:
        return cast("list[str]", json.loads(self.body)["files"])


class Clients:
    """Send the uploads, and take down what has to be stored.

    :param port: Where the server listens on the loopback.
    """

    def __init__(self, port: int, seed: int) -> None:
        self._port = port
        self._seed = seed
        #: Every file of which a byte may have been sent, by its digest, or by its name if it is empty.
        self.sent: dict[str, Sent] = {}
        #: What has to be there, by set, whether it waits in quarantine, and filename; None where any of several may.
        self.must_be_there: dict[tuple[str, bool, str], Sent | None] = {}
        self.counts: Counter[str] = Counter()
        self.violations: list[str] = []

    def upload(self, number: int) -> None:
        """Do one upload, with what comes after it."""
        plan = plan_of(number, self._seed)
        try:
            self._upload(plan)
        except Exception as error:  # noqa: BLE001 - whatever a client meets is told in the end
            self.violations.append(f"upload {number}: {type(error).__name__}: {error} ({_told(plan)})")

    def _upload(self, plan: Plan) -> None:
        wire = wire_of(plan, self._seed)
        at = wire.leave_at(plan)
        for file in plan.files:
            file.may_be_there = not plan.trouble and at >= wire.whole_from
            self.sent[file.digest if file.size else file.stem] = file
        answer = self._exchange(wire.head + wire.body, at, plan)
        self.counts["vanished" if plan.leaves in ("closes", "resets") else str(answer.status if answer else None)] += 1
        if plan.leaves in ("closes", "resets"):
            return
        if answer is None:
            if not plan.trouble and plan.policy != "error":
                self.violations.append(f"upload {plan.number} got no answer ({_told(plan)})")
            return
        if answer.status not in plan.expected(whole=at >= wire.whole_from):
            self.violations.append(f"upload {plan.number} was answered {answer.status} ({_told(plan)})")
        self._take_down(plan, answer)

    def _take_down(self, plan: Plan, answer: Answer) -> None:
        if answer.status != HTTPStatus.CREATED:
            for file in plan.files:
                file.may_be_there = False
            return
        waits = plan.files[0].set_name in SETS["waiting"]
        if len(answer.files) != len(plan.files):
            self.violations.append(f"upload {plan.number}: {len(answer.files)} files of {len(plan.files)} were stored")
        for file, name in zip(plan.files, answer.files, strict=False):
            self.must_be_there[file.set_name, waits, name] = None if plan.policy == "overwrite" else file
        if plan.afterwards:
            for file, name in zip(plan.files, answer.files, strict=False):
                self._go_on(plan, file, name, waits)

    def _go_on(self, plan: Plan, file: Sent, name: str, waits: bool) -> None:
        """Delete, release or reject what was stored; some leave before they hear that it was done."""
        del self.must_be_there[file.set_name, waits, name]
        line = f"DELETE /put/{file.set_name}/{name}"
        if plan.afterwards != "delete":
            line = f"POST /{plan.afterwards}/{file.set_name}/{name}"
        leaving = Plan(plan.number, "", [], leaves="closes" if plan.number % 5 == 0 else "")
        wire = f"{line} HTTP/1.1\r\nHost: soak\r\nConnection: close\r\nContent-Length: 0\r\n\r\n".encode()
        answer = self._exchange(wire, len(wire), leaving)
        if leaving.leaves:
            return
        if answer is None or answer.status != HTTPStatus.OK:
            self.violations.append(f"upload {plan.number}: {line} was answered {answer}")
        elif plan.afterwards == "release":
            self.must_be_there[file.set_name, False, answer.files[0]] = file
        else:
            file.may_be_there = False

    def _exchange(self, wire: bytes, at: int, plan: Plan) -> Answer | None:
        """Send the first ``at`` bytes; return the answer, None if none was waited for or came."""
        with socket.create_connection(("127.0.0.1", self._port), timeout=PATIENCE) as connection:
            with suppress(ConnectionError):  # the server need not read what it refuses
                step = max(1, at // 20) if plan.slow else 4 * MIB
                for start in range(0, at, step):
                    connection.sendall(wire[start : min(at, start + step)])
                    if plan.slow:
                        time.sleep(0.02)
            if plan.leaves == "resets":
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            if plan.leaves in ("closes", "resets"):
                return None
            with suppress(ConnectionError, http.client.HTTPException):
                if plan.leaves == "half":
                    _stop_sending(connection)
                with closing(http.client.HTTPResponse(connection)) as answer:
                    answer.begin()
                    return Answer(answer.status, answer.read())
        return None


def _stop_sending(connection: socket.socket) -> None:
    with suppress(OSError):  # the server may have hung up
        connection.shutdown(socket.SHUT_WR)


def _told(plan: Plan) -> str:
    told = {name: value for name, value in asdict(plan).items() if value and name not in ("files", "number", "at")}
    files = [f"{file.set_name}/{file.name} of {file.size} bytes" for file in plan.files]
    return f"{told}, {', '.join(files)}, at {plan.at:.6f}"
