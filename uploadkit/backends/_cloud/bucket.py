"""What the object stores have in common: a bucket, a prefix in it, and options that say how to talk to it."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any
from urllib.parse import quote

from ...disposition import safe_disposition
from ...exceptions import ConfigError, InvalidKeyError
from ...filetypes import content_type_for
from ...keys import INTERNAL_FOLDER, MAX_KEY_BYTES, check_key
from ...models import SaveOptions

_BUCKET = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:/-]*")
_LOOKS_LOCAL = re.compile(r"[/\\.~]|[A-Za-z]:[/\\]")
#: An access point, whose name has a slash of its own.
_ACCESS_POINT = re.compile(r"(arn:[^/]*accesspoint/[^/]+)(?:/(.*))?", re.DOTALL)
_SCHEME = re.compile(r"([a-z][a-z0-9+.-]*)://", re.IGNORECASE)


@dataclass(frozen=True, kw_only=True)
class BucketOptions:
    """The options that every object store has.

    :param bucket: The bucket; instead of one in the destination.
    :param prefix: The beginning of all keys in the bucket; with ``bucket`` only. A slash at its end is implied.
    :param public: Whether everybody may read the bucket's files, so that `url` returns their lasting URL.
    :param custom_domain: The host, or ``https://host/path``, under which the bucket is public: a CDN. Implies
        ``public``.
    :param cache_control: The ``Cache-Control`` of files that are saved without one.
    :param content_disposition: The ``Content-Disposition`` of files that are saved without one; None lets browsers
        show what cannot run anything, and save the rest.
    :param metadata: Metadata for all files; what a file is saved with wins.
    :param connect_timeout: Seconds to wait for a connection.
    :param read_timeout: Seconds to wait for the next bytes of an answer.
    :param deadline: Seconds that one call to the store may take with all its retries; a request with a body of more
        than 8 MiB gets proportionally more.
    :param max_attempts: How often a request is sent at most when the store is busy or the connection breaks.
    :param pool_size: How many connections are kept open for reuse.
    :param read_ahead: How many bytes of an open file are fetched in one request at most.
    """

    bucket: str | None = None
    prefix: str | None = None
    public: bool = False
    custom_domain: str | None = None
    cache_control: str | None = None
    content_disposition: str | None = None
    metadata: Mapping[str, str] = field(default_factory=dict)
    connect_timeout: float = 5.0
    read_timeout: float = 20.0
    deadline: float = 25.0
    max_attempts: int = 3
    pool_size: int = 32
    read_ahead: int = 8 * 1024 * 1024

    def __post_init__(self) -> None:
        for option in fields(self):
            require_type(option.name, str(option.type), getattr(self, option.name))
        for name in ("connect_timeout", "read_timeout", "deadline"):
            require_number(name, getattr(self, name))
        for name in ("max_attempts", "pool_size", "read_ahead"):
            require_count(name, getattr(self, name))
        try:
            SaveOptions(
                cache_control=self.cache_control,
                content_disposition=self.content_disposition,
                metadata=dict(self.metadata),
            )
        except ValueError as error:
            raise ConfigError(str(error)) from error

    def filled_in(self, key: str, options: SaveOptions) -> dict[str, Any]:
        """Return type, disposition, cache control and metadata of a file: its own, else these.

        A disposition is always among them: what a bucket hands out itself must not run in a browser either.
        """
        content_type = options.content_type or content_type_for(key)
        given = options.content_disposition or self.content_disposition
        return {
            "content_type": content_type,
            "content_disposition": given or safe_disposition(key, content_type),
            "cache_control": options.cache_control or self.cache_control,
            "metadata": {**self.metadata, **options.metadata},
        }


def require_type(name: str, annotation: str, value: object) -> None:
    """Refuse an option of another type; from the environment, ``False`` is a word that would count as true.

    :raises ConfigError: naming the option.
    """
    if annotation == "bool" and not isinstance(value, bool):
        raise ConfigError(f"{name} must be True or False (in the environment: true or false), not {value!r}.")
    if annotation in ("str", "str | None") and value is not None and not isinstance(value, str):
        raise ConfigError(
            f"{name} must be text (in the environment, digits need quotes), not a {type(value).__name__}."
        )
    if annotation.startswith("Mapping") and not isinstance(value, Mapping):
        raise ConfigError(f"{name} must be a dict, not a {type(value).__name__}.")
    if annotation == "Mapping[str, str]" and isinstance(value, Mapping):
        wrong = [word for pair in value.items() for word in pair if not isinstance(word, str)]
        if wrong:
            raise ConfigError(f"{name} must have text only, not {wrong[0]!r}.")


def require_number(name: str, value: object, least: float = 0) -> None:
    """Refuse what is no number greater than ``least``; settings from the environment may be text.

    :raises ConfigError: naming the option.
    """
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not value > least:  # NaN is not
        raise ConfigError(f"{name} must be a number greater than {least:g}, not {value!r}.")


def require_count(name: str, value: object, least: int = 1, most: int | None = None) -> None:
    """Refuse what is no whole number from ``least`` to ``most``.

    :raises ConfigError: naming the option.
    """
    whole = isinstance(value, int) and not isinstance(value, bool)
    if not whole or value < least or (most is not None and value > most):  # type: ignore[operator]
        upper = "" if most is None else f" and at most {most}"
        raise ConfigError(f"{name} must be a whole number of at least {least}{upper}, not {value!r}.")


@dataclass(frozen=True)
class Place:
    """A bucket and the prefix that all keys in it begin with: empty, or with a slash at its end."""

    bucket: str
    prefix: str
    scheme: str

    def stored(self, key: str) -> str:
        """Return the name of the object for ``key``.

        :raises InvalidKeyError: if ``key`` is none, or is too long with the prefix before it.
        """
        name = self.prefix + check_key(key)
        length = len(name.encode())
        if length > MAX_KEY_BYTES:
            raise InvalidKeyError(
                f"The key {key[:60]!r}… has {length} bytes with the prefix of its set; {MAX_KEY_BYTES} are possible.",
                key=key,
            )
        return name

    def key(self, name: str) -> str | None:
        """Return the key of an object; None for what is none of ours: folder marks, internal and impossible names."""
        key = name.removeprefix(self.prefix)
        try:
            return check_key(key)
        except InvalidKeyError:
            return None

    @property
    def internal(self) -> str:
        """The prefix of what the backend keeps for itself; no listing shows it."""
        return f"{self.prefix}{INTERNAL_FOLDER}/"

    def uri(self, key: str) -> str:
        """Return ``scheme://bucket/name``; the empty key means the root."""
        return f"{self.scheme}://{self.bucket}/{self.stored(key) if key else self.prefix}"

    def public_url(self, base: str, key: str) -> str:
        """Return the lasting URL of ``key`` where the bucket is public as ``base``, a host or a URL."""
        url = base if "://" in base else f"https://{base}"
        return f"{url.rstrip('/')}/{quote(self.stored(key), safe='/~')}"


def place_of(destination: object, options: BucketOptions, scheme: str) -> Place:
    """Return where a set's files live.

    :param destination: ``"bucket"``, ``"bucket/prefix"`` or ``"scheme://bucket/prefix"``; ignored if ``options`` name
        the bucket.
    :raises ConfigError: if there is no bucket, or the destination looks like a folder of this machine.
    """
    if options.bucket is not None:
        return _place(options.bucket, options.prefix or "", scheme)
    if options.prefix is not None:
        raise ConfigError("The option 'prefix' needs the option 'bucket' beside it; else give 'bucket/prefix' as DEST.")
    if destination is None:
        raise ConfigError(f"No bucket is named: set DEST to 'bucket/prefix' or '{scheme}://bucket/prefix'.")
    text = _text(destination)
    found = _SCHEME.match(text)
    if found and found[1].lower() != scheme:
        raise ConfigError(f"The destination {text!r} is none of this backend; it must begin with '{scheme}://'.")
    rest = text[found.end() :] if found else text
    if isinstance(destination, os.PathLike) or (not found and _LOOKS_LOCAL.match(rest)):
        raise ConfigError(
            f"The destination {text!r} looks like a folder of this machine; this backend needs 'bucket/prefix'. "
            f"Change the setting, or name the bucket in OPTIONS."
        )
    point = _ACCESS_POINT.fullmatch(rest)
    bucket, prefix = (point[1], point[2] or "") if point else rest.partition("/")[::2]
    return _place(bucket, prefix, scheme)


def _text(destination: object) -> str:
    text = os.fspath(destination) if isinstance(destination, os.PathLike) else destination
    if not isinstance(text, str):
        raise ConfigError(f"The destination must be 'bucket/prefix', not {text!r}.")
    return text


def _place(bucket: str, prefix: str, scheme: str) -> Place:
    if not _BUCKET.fullmatch(bucket) or ("/" in bucket and not bucket.startswith("arn:")):
        raise ConfigError(f"{bucket!r} is no name of a bucket.")
    prefix = prefix.strip("/")
    if prefix:
        try:
            check_key(prefix)
        except InvalidKeyError as error:
            raise ConfigError(f"The prefix cannot be used: {error}") from error
    return Place(bucket, f"{prefix}/" if prefix else "", scheme)
