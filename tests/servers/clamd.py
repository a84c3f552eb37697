"""A stand-in for clamd that speaks its INSTREAM command over a socket, and finds one word."""

from __future__ import annotations

import socketserver
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

VIRUS = b"X5O!P%@AP stands in for a virus"


@dataclass
class Clamd:
    """A running stand-in.

    :param address: Where it listens.
    :param longest: Its StreamMaxLength in bytes.
    :param answers: Whether it answers; else it hangs up when it has the file.
    :param hasty: Whether it finds nothing before it has read anything.
    """

    address: tuple[str, int]
    longest: int = 1024 * 1024
    answers: bool = True
    hasty: bool = False


@contextmanager
def running_clamd() -> Iterator[Clamd]:
    """Run it."""

    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            command = self.rfile.read(len(b"zINSTREAM\0"))
            if command != b"zINSTREAM\0":
                self.wfile.write(b"UNKNOWN COMMAND\0")
                return
            content = bytearray()
            if clamd.hasty:
                self.wfile.write(b"stream: OK\0")
                return
            while length := struct.unpack(">I", self.rfile.read(4))[0]:
                content += self.rfile.read(length)
                if len(content) > clamd.longest:
                    self.wfile.write(b"INSTREAM size limit exceeded. ERROR\0")
                    return
            if clamd.answers:
                self.wfile.write(b"stream: Eicar-Test FOUND\0" if VIRUS in content else b"stream: OK\0")

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler) as server:
        host, port = server.server_address[:2]
        clamd = Clamd((str(host), int(port)))
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield clamd
        finally:
            server.shutdown()
            thread.join()
