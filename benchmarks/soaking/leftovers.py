"""What is left in the destinations, and what is wrong with it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple, cast

from .clients import Clients


class Found(NamedTuple):
    """A file in a destination: where, and what tells that it is still the same."""

    set_name: str
    waits: bool
    name: str
    stamp: tuple[object, ...]
    size: int
    read: Callable[[], bytes]

    @property
    def place(self) -> tuple[str, bool, str]:
        return self.set_name, self.waits, self.name


class Stores:
    """The destinations as they are, seen without uploadkit."""

    def __init__(self, folder: Path, client: Any, bucket: str) -> None:
        self._destination = folder / "local"
        self._temporary = folder / "tmp"
        self._client = client
        self._bucket = bucket
        self._digests: dict[tuple[object, ...], str] = {}

    def files(self) -> Iterator[Found]:
        for path in self._destination.rglob("*"):
            parts = path.relative_to(self._destination).parts
            if path.is_file() and ".uploadkit" not in parts:
                found = path.stat()
                stamp = (found.st_ino, found.st_mtime_ns)
                yield Found(*_place(parts), (path, *stamp), found.st_size, path.read_bytes)
        for page in self._client.get_paginator("list_objects_v2").paginate(Bucket=self._bucket):
            for row in page.get("Contents", ()):
                key = str(row["Key"])
                version = (key, row["ETag"], row["LastModified"])
                yield Found(*_place(tuple(key.split("/")[1:])), version, row["Size"], partial(self._object, key))

    def digest(self, found: Found, *, again: bool) -> str:
        if again or found.stamp not in self._digests:
            self._digests[found.stamp] = sha256(found.read()).hexdigest()
        return self._digests[found.stamp]

    def leftovers(self) -> list[str]:
        """Tell of temporary files and open multipart uploads."""
        places = [self._temporary, *self._destination.rglob(".uploadkit/tmp")]
        files = [f"temporary file {path}" for place in places for path in place.rglob("*") if path.is_file()]
        uploads = self._client.list_multipart_uploads(Bucket=self._bucket).get("Uploads") or ()
        return files + [f"multipart upload of {upload['Key']}" for upload in uploads]

    def _object(self, key: str) -> bytes:
        with closing(self._client.get_object(Bucket=self._bucket, Key=key)["Body"]) as body:
            return cast("bytes", body.read())


def _place(parts: tuple[str, ...]) -> tuple[str, bool, str]:
    waits = len(parts) > 1 and parts[1].startswith(".pending-")
    return parts[0], waits, "/".join(parts[2 if waits else 1 :])


def wrong_files(stores: Stores, clients: Clients, *, again: bool) -> tuple[int, list[str]]:
    """Return how many files there are, and what is wrong with them.

    :param again: Whether to read those again that were read by an earlier check.
    """
    must, seen, told = dict(clients.must_be_there), Counter[int](), []
    count = 0
    for count, found in enumerate(stores.files(), 1):  # noqa: B007
        digest = stores.digest(found, again=again)
        file = clients.sent.get(digest if found.size else found.name.partition(".")[0].partition("_")[0])
        if file is None:
            told.append(f"{found.place} is not what anybody sent: {found.size} bytes")
            continue
        seen[file.serial] += 1
        if (found.set_name, found.name.startswith(file.stem)) != (file.set_name, True):
            told.append(f"{found.place} has the content of {file.set_name}/{file.name}")
        expected = must.pop(found.place, None)
        if expected not in (None, file):
            told.append(f"{found.place} has other content than was sent")
        if not file.may_be_there:
            told.append(f"{found.place} should not be there: cut off, refused or deleted")
    told += [f"{place} is lost" for place in must]
    return count, told + [f"file {serial} is there {n} times" for serial, n in seen.items() if n > 1]
