"""Asking clamd, ClamAV's daemon, whether a file is harmless.

The protocol is told in clamd(8): ``zINSTREAM``, then pieces with their length before them, then one of length zero.
"""

from __future__ import annotations

import select
import socket
import struct
from typing import BinaryIO

Address = tuple[str, int] | str

_PIECE = 64 * 1024
_LONGEST_ANSWER = 4096


class ScanError(Exception):
    """The scanner could not say anything of the file; it may be asked again."""


def scan(stream: BinaryIO, address: Address, timeout: float = 60) -> str | None:
    """Return the name of what was found in a file, or None if nothing was.

    :param stream: The file, from where it stands to its end.
    :param address: Host and port, or the path of a Unix socket.
    :param timeout: How many seconds to wait for each step.
    :raises ScanError: if the scanner cannot be reached, or gives up: the file may be longer than its StreamMaxLength.
    """
    try:
        with _connected(address, timeout) as connection:
            has_all = _send(connection, stream)
            answer = _received(connection)
    except OSError as error:
        raise ScanError(f"clamd cannot be asked: {error}") from error
    if answer == "stream: OK" and has_all:
        return None
    if answer.startswith("stream: ") and answer.endswith(" FOUND"):
        return answer.removeprefix("stream: ").removesuffix(" FOUND")
    raise ScanError(f"clamd gave up: {answer}")


def _connected(address: Address, timeout: float) -> socket.socket:
    if isinstance(address, tuple):
        return socket.create_connection(address, timeout)
    connection = socket.socket(socket.AF_UNIX)
    try:
        connection.settimeout(timeout)
        connection.connect(address)
    except BaseException:
        connection.close()
        raise
    return connection


def _send(connection: socket.socket, stream: BinaryIO) -> bool:
    """Send the file; return whether clamd took all of it. If it hangs up, its answer says why."""
    try:
        connection.sendall(b"zINSTREAM\0")
        while piece := stream.read(_PIECE):
            connection.sendall(struct.pack(">I", len(piece)) + piece)
        answers_early = bool(select.select([connection], [], [], 0)[0])
        connection.sendall(struct.pack(">I", 0))
    except (BrokenPipeError, ConnectionResetError):
        return False
    return not answers_early


def _received(connection: socket.socket) -> str:
    """Return the answer, which ends with a zero byte; half an answer is none."""
    answer = b""
    while not answer.endswith(b"\0") and len(answer) < _LONGEST_ANSWER:
        piece = connection.recv(_LONGEST_ANSWER)
        if not piece:
            raise ScanError("clamd hung up before it had answered")
        answer += piece
    return answer.rstrip(b"\0").decode("utf-8", "replace")
