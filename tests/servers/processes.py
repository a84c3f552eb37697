"""Server processes for tests: started on free ports, waited for, and killed whatever becomes of pytest."""

from __future__ import annotations

import atexit
import os
import random
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import NoReturn

PATIENCE = 30.0
#: Below the range that Linux gives to outgoing connections: nobody takes such a port by chance.
PORTS = range(20_000, 32_000)

MakeCommand = Callable[[Sequence[int]], Sequence[str]]


class ServerFailed(Exception):
    """A server that is installed did not come up."""


class Exited(ServerFailed):
    """The process ended before it was ready: perhaps somebody took one of its ports."""


def free_ports(count: int) -> list[int]:
    """Return ports of the loopback that nobody listens on now."""
    ports: list[int] = []
    for port in random.sample(PORTS, len(PORTS)):
        if len(ports) == count:
            break
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            ports.append(port)
    return ports


def answers(url: str) -> bool:
    """Whether an HTTP server answers at ``url``, be it with an error."""
    try:
        with urllib.request.urlopen(url, timeout=2):
            return True
    except urllib.error.HTTPError as error:
        error.close()
        return error.code < 500
    except OSError:
        return False


def bare_environment() -> dict[str, str]:
    """Return this environment without what would measure coverage or turn warnings into errors in a server."""
    return {name: value for name, value in os.environ.items() if not name.startswith(("COV", "PYTHON"))}


class ServerProcess:
    """One server in a process group of its own, with its log in ``folder``."""

    def __init__(self, name: str, command: Sequence[str], folder: Path, *, directory: Path | None = None) -> None:
        self.name = name
        self.log = folder / f"{name}.log"
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                command,
                cwd=directory or folder,
                env=bare_environment(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self._guard = _guard_over(self._process.pid)
        atexit.register(self.stop)

    @property
    def running(self) -> bool:
        return self._process.poll() is None

    def wait_until(self, ready: Callable[[], bool], patience: float = PATIENCE) -> None:
        """Poll ``ready``; a process that ends or takes too long fails with its log."""
        deadline = time.monotonic() + patience
        while True:
            is_ready = ready()
            # Asked second, so that another's server on the same port is never taken for this one.
            if not self.running:
                self._fail(Exited, f"ended with {self._process.returncode}")
            if is_ready:
                return
            if time.monotonic() > deadline:
                self._fail(ServerFailed, f"was not ready after {patience} s")
            time.sleep(0.02)

    def stop(self) -> None:
        """Kill the server with all that it started; nothing of it is worth a clean end."""
        atexit.unregister(self.stop)
        self._guard.kill()
        # Not the process but its group: a launcher may have ended before what it launched.
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        self._guard.communicate()

    def _fail(self, error: type[ServerFailed], what: str) -> NoReturn:
        self.stop()
        tail = self.log.read_text(errors="replace")[-4000:]
        raise error(f"{self.name} {what}; its log {self.log}:\n{tail}")


def _guard_over(group: int) -> subprocess.Popen[bytes]:
    """Start a shell that kills ``group`` as soon as this process is gone, even by SIGKILL: its pipe then closes."""
    # Spelled the one way in which every shell kills a group.
    script = f"read -r _; kill -s KILL -- -{group}"
    return subprocess.Popen(
        ["/bin/sh", "-c", script], stdin=subprocess.PIPE, stderr=subprocess.DEVNULL, start_new_session=True
    )


def launch(
    name: str, folder: Path, make_command: MakeCommand, *, ports: int = 1, ready: str = "/", patience: float = PATIENCE
) -> tuple[ServerProcess, list[int]]:
    """Start a server and wait until it answers ``ready`` at its first port; one that ends is tried on other ports."""
    for attempt in range(3):
        numbers = free_ports(ports)
        process = ServerProcess(name, make_command(numbers), folder)
        try:
            process.wait_until(partial(answers, f"http://127.0.0.1:{numbers[0]}{ready}"), patience)
        except Exited:
            if attempt == 2:
                raise
        except BaseException:
            process.stop()
            raise
        else:
            return process, numbers
    raise AssertionError("unreachable")
