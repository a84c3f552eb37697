"""Keys: the one place that says which names a backend may see.

A key is a relative, ``/``-separated path in Unicode. Upload sets make keys (see `names`), every backend checks them
again with `check_key` and fails closed.
"""

from __future__ import annotations

import re

from .exceptions import InvalidKeyError

#: The longest key in UTF-8 bytes: the limit of S3 and of Google Cloud Storage.
MAX_KEY_BYTES = 1024
#: The longest segment in UTF-8 bytes: NAME_MAX of the common file systems.
MAX_SEGMENT_BYTES = 255
#: A folder of this name at a backend's root is the backend's own: no key may lie in it, no listing shows it.
INTERNAL_FOLDER = ".uploadkit"

_LONGEST_SHOWN = 80
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")


def check_key(key: str) -> str:
    """Return ``key`` if it is one.

    :raises InvalidKeyError: if it is empty, absolute, too long, has ``.``, ``..`` or empty segments, backslashes,
        control characters or unpaired surrogates, or lies in the backend's internal folder.
    """
    problem = _problem(key)
    if problem is not None:
        raise InvalidKeyError(f"Invalid key {_shown(key)}: {problem}.", key=key if isinstance(key, str) else None)
    return key


def is_hidden(key: str) -> bool:
    """Whether a segment of ``key`` starts with a dot: such files are never listed by sets or served."""
    return key.startswith(".") or "/." in key


def file_key(prefix: str, name: str) -> str:
    """Return the key of the file that a set calls ``name`` below the folder ``prefix``.

    :raises InvalidKeyError: if it is none, or hidden.
    """
    key = check_key(join(prefix, check_key(name)) if prefix else name)
    if is_hidden(key):
        raise InvalidKeyError(f"{name!r} is no file of a set: a part of the name begins with a dot.", key=key)
    return key


def join(*parts: str) -> str:
    """Join folders and a name, leaving out the empty ones."""
    return "/".join(part for part in parts if part)


def split(key: str) -> tuple[str, str]:
    """Take a key apart into its folder (perhaps empty) and its last segment."""
    folder, _, name = key.rpartition("/")
    return folder, name


def segments(folder: str) -> list[str]:
    """Take a folder apart; the empty one has no segments."""
    return folder.split("/") if folder else []


def _problem(key: object) -> str | None:
    if not isinstance(key, str) or not key:
        return "it is empty" if key == "" else "it is not a str"
    try:
        length = len(key.encode())
    except UnicodeEncodeError:
        return "it is no valid Unicode"
    if length > MAX_KEY_BYTES:
        return f"it is {length} bytes long, the limit is {MAX_KEY_BYTES}"
    if _CONTROL.search(key) or "\u2028" in key or "\u2029" in key or "\\" in key:
        return "it has control characters or backslashes"
    return _segment_problem(key.split("/"))


def _segment_problem(segments: list[str]) -> str | None:
    if ".." in segments or not segments[0]:
        return "Path traversal attempt"
    if "" in segments or "." in segments:
        return "it has an empty or '.' segment"
    if segments[0].casefold() == INTERNAL_FOLDER:
        return f"{INTERNAL_FOLDER!r} is reserved"
    if any(len(segment.encode()) > MAX_SEGMENT_BYTES for segment in segments):
        return f"a segment is longer than {MAX_SEGMENT_BYTES} bytes"
    return None


def _shown(key: object) -> str:
    text = ascii(key)
    return text if len(text) <= _LONGEST_SHOWN else text[:_LONGEST_SHOWN] + "..."
