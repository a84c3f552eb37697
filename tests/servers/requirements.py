"""What a test server needs installed, and what happens when it is not."""

from __future__ import annotations

import importlib.util
import os
import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import NoReturn

import pytest

REQUIRE = "UPLOADKIT_REQUIRE_SERVERS"
#: A machine that has only Python has none of the programs that the system's packages bring.
REQUIRE_PROGRAMS = "UPLOADKIT_REQUIRE_PROGRAMS"


def unavailable(reason: str, environment: Mapping[str, str] = os.environ, required_by: str = REQUIRE) -> NoReturn:
    """Skip the test, or fail it where servers are required."""
    if environment.get(required_by) == "1":
        pytest.fail(f"{reason} ({required_by}=1)", pytrace=False)
    pytest.skip(reason)


def is_installed(module: str) -> bool:
    """Whether ``module`` could be imported; it is not."""
    try:
        return importlib.util.find_spec(module) is not None
    except ModuleNotFoundError:
        return False


def need(server: str, modules: Mapping[str, str], environment: Mapping[str, str] = os.environ) -> None:
    """Go on only if all modules are there; ``modules`` tells what pip calls each of them."""
    missing = [package for module, package in modules.items() if not is_installed(module)]
    if missing:
        unavailable(f"{server} needs: pip install {' '.join(missing)}", environment)


def need_binary(server: str, path: Path | None, package: str, environment: Mapping[str, str] = os.environ) -> Path:
    """Return the path of a binary that a wheel brought."""
    if path is None or not path.is_file():
        unavailable(f"{server} needs: pip install {package}", environment)
    return path


def need_program(server: str, names: Iterable[str], package: str, environment: Mapping[str, str] = os.environ) -> Path:
    """Return the path of a program that the system's packages bring, by the first of its names that is there."""
    found = next(filter(None, map(shutil.which, names)), None)
    if found is None:
        unavailable(f"{server} needs: apt-get install {package}", environment, REQUIRE_PROGRAMS)
    return Path(found)
