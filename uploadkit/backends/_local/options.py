"""The local backend's options: what a configuration may bring, read strictly.

:raises ConfigError: by each function, saying what the option may be.
"""

from __future__ import annotations

import hashlib
import os
import re

from ...exceptions import ConfigError

_ALL_MODE_BITS = 0o7777


def read_root(destination: object) -> str:
    """Return the absolute path of the folder; a relative one is taken from the working directory of this moment."""
    if not isinstance(destination, (str, os.PathLike)) or not isinstance(os.fspath(destination), str):
        raise ConfigError(
            f"The local backend needs a destination: the folder to keep the files in, not {destination!r}."
        )
    path = os.fspath(destination)
    if not path or "\0" in path:
        raise ConfigError("The local backend needs a destination: the folder to keep the files in.")
    if os.path.isfile(path):
        raise ConfigError("The local backend needs a folder, and the destination is a file.")
    return os.path.abspath(path)


def read_mode(name: str, mode: object) -> int | None:
    """Read permission bits; environment variables bring them as text in octal digits."""
    if isinstance(mode, str) and re.fullmatch("(0o?)?[0-7]{3,4}", mode):
        mode = int(mode.removeprefix("0o"), 8)
    if mode is None or (isinstance(mode, int) and not isinstance(mode, bool) and 0 < mode <= _ALL_MODE_BITS):
        return mode
    raise ConfigError(f"{name} must be permission bits such as 0o640, or '640' as text, not {mode!r}.")


def read_flag(name: str, value: object) -> bool:
    """Read an option that is true or false; text would count as true whatever it says."""
    if isinstance(value, bool):
        return value
    raise ConfigError(f"{name} must be True or False, not {value!r}.")


def read_checksum(algorithm: str | None) -> str | None:
    """Read the name of an algorithm of `hashlib` whose digests have a length of their own."""
    if algorithm is None or (algorithm in hashlib.algorithms_guaranteed and not algorithm.startswith("shake")):
        return algorithm
    raise ConfigError(f"The local backend cannot compute the checksum {algorithm!r}; 'sha256' is the usual one.")
