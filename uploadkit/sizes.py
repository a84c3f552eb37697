"""Sizes as people write them, and what is said of a file that is beyond one."""

from __future__ import annotations

import re

from .exceptions import UploadNotAllowed

_SIZE = re.compile(r"([0-9]{1,15})\s*([kmgt]i?)?b?", re.IGNORECASE)


def parse_size(value: int | str) -> int:
    """Turn ``"5 MB"``, ``"64 KiB"`` or a number into bytes.

    :raises ValueError: if it is no size, or not above zero.
    """
    match = _SIZE.fullmatch(value.strip()) if isinstance(value, str) else None
    if match is not None:
        number, unit = int(match[1]), (match[2] or "").lower()
        value = number * (1024 if unit.endswith("i") else 1000) ** " kmgt".index(unit[:1] or " ")
    if not isinstance(value, int) or isinstance(value, bool) or value <= 0:
        raise ValueError(f"{value!r} is no size; write a whole number of bytes above zero, or text such as '5 MB'.")
    return value


def readable_size(size: int) -> str:
    """Return a size as people write it, if it is a round one: ``"5 MB"``, ``"64 KiB"``, ``"1,234 bytes"``."""
    for factor, units in ((1000, ("TB", "GB", "MB", "kB")), (1024, ("TiB", "GiB", "MiB", "KiB"))):
        for power, unit in zip((4, 3, 2, 1), units, strict=True):
            if size % factor**power == 0:
                return f"{size // factor**power} {unit}"
    return f"{size:,} bytes"


def too_large(max_size: int) -> UploadNotAllowed:
    """Return the refusal of a file that has more than ``max_size`` bytes."""
    limit = readable_size(max_size)
    params = {"limit": limit, "max_size": max_size}
    return UploadNotAllowed(f"The file is too large; at most {limit} are allowed.", code="too_large", params=params)


def too_small(min_size: int) -> UploadNotAllowed:
    """Return the refusal of a file that has fewer than ``min_size`` bytes."""
    limit = readable_size(min_size)
    params = {"limit": limit, "min_size": min_size}
    return UploadNotAllowed(f"The file is too small; it must have at least {limit}.", code="too_small", params=params)
