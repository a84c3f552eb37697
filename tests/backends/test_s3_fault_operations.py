"""What the S3 backend can do, with the requests that it consists of: the rows of the walk through all faults."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from uploadkit import SaveOptions
from uploadkit.backends.s3 import S3Backend
from uploadkit.directmodels import Part

from .test_s3_fault_kit import LONG, OLD, OVERWRITE, SMALL, one_way

NEW = SaveOptions()
#: Requests of an upload in parts.
BEGIN = {"method": "POST", "query": "uploads"}
SEND = {"method": "PUT", "query": "partNumber"}
FINISH = {"method": "POST", "query": "uploadId"}
TAKE_CLAIM = {"method": "PUT", "path": ".uploadkit/claims"}
DROP_CLAIM = {"method": "DELETE", "path": ".uploadkit/claims"}
LOOK, PUT, GET, DELETE, POST = ({"method": method} for method in ("HEAD", "PUT", "GET", "DELETE", "POST"))
SECOND_PAGE = {"method": "GET", "query": "continuation-token"}


@dataclass(frozen=True)
class Operation:
    """What is done, on which files, with what result, and the requests that it consists of."""

    run: Callable[..., object]
    steps: Mapping[str, Mapping[str, Any]]
    key: str | None = "a"
    before: Mapping[str, bytes] = field(default_factory=dict)
    after: Mapping[str, bytes] = field(default_factory=dict)
    result: object = None
    #: What is done before the fault strikes, and given to ``run`` besides.
    prepare: Callable[[S3Backend], Any] | None = None
    options: Mapping[str, Any] = field(default_factory=dict)


def size_of(info: Any) -> int:
    return int(info.size)


def read(backend: S3Backend) -> bytes:
    with backend.open("a") as stream:
        return stream.read()


def begun(backend: S3Backend) -> str:
    return backend.create_multipart("a", NEW)


def two_parts(backend: S3Backend) -> tuple[str, list[Part]]:
    upload = begun(backend)
    pieces = LONG[: len(LONG) - 1000], LONG[len(LONG) - 1000 :]
    return upload, [backend.put_part("a", upload, n, io.BytesIO(piece)) for n, piece in enumerate(pieces, start=1)]


def save(content: bytes, options: SaveOptions, opened: Callable[[bytes], Any] = io.BytesIO) -> Any:
    return lambda backend: size_of(backend.save("a", opened(content), options))


IN_PARTS = {"look first": LOOK, "begin": BEGIN, "send": SEND, "claim": TAKE_CLAIM, "finish": FINISH, "drop": DROP_CLAIM}
THREE = {"a": OLD, "b": SMALL, "c": SMALL}

OPERATIONS = {
    "save small": Operation(save(SMALL, NEW), {"put": PUT}, after={"a": SMALL}, result=len(SMALL)),
    "overwrite": Operation(save(SMALL, OVERWRITE), {"put": PUT}, "a", {"a": OLD}, {"a": SMALL}, len(SMALL)),
    "save parts": Operation(save(LONG, NEW), IN_PARTS, after={"a": LONG}, result=len(LONG)),
    "save one-way": Operation(
        save(LONG, NEW, one_way), {"send": SEND, "finish": FINISH}, after={"a": LONG}, result=len(LONG)
    ),
    "overwrite parts": Operation(
        save(LONG, OVERWRITE), {"send": SEND, "finish": FINISH}, "a", {"a": OLD}, {"a": LONG}, len(LONG)
    ),
    "read": Operation(read, {"get": GET}, "a", {"a": SMALL}, {"a": SMALL}, SMALL),
    "read long": Operation(
        read, {"second window": {**GET, "after": 1}, "head": LOOK}, "a", {"a": LONG}, {"a": LONG}, LONG
    ),
    "read range": Operation(
        lambda backend: backend.open_range("a", 3, 5).read(), {"get": GET}, "a", {"a": SMALL}, {"a": SMALL}, SMALL[3:8]
    ),
    "stat": Operation(lambda b: size_of(b.stat("a")), {"head": LOOK}, "a", {"a": OLD}, {"a": OLD}, len(OLD)),
    "delete": Operation(lambda backend: backend.delete("a"), {"delete": DELETE}, "a", {"a": OLD}),
    "delete many": Operation(lambda b: b.delete_many(["a", "b"]), {"post": POST}, None, THREE, {"c": SMALL}),
    "list": Operation(
        lambda backend: [info.key for info in backend.list_files()],
        {"page 1": {**GET, "query": "list-type=2"}, "page 2": SECOND_PAGE},
        None,
        THREE,
        THREE,
        ["a", "b", "c"],
        options={"extra_args": {"MaxKeys": 2}},
    ),
    "copy": Operation(
        lambda backend: size_of(backend.copy("b", "a", NEW)),
        {"begin": BEGIN, "send": SEND, "finish": FINISH},
        "a",
        {"b": SMALL},
        {"a": SMALL, "b": SMALL},
        len(SMALL),
    ),
    "copy over": Operation(
        lambda backend: size_of(backend.copy("b", "a", OVERWRITE)),
        {"put": PUT},
        "a",
        {"a": OLD, "b": SMALL},
        {"a": SMALL, "b": SMALL},
        len(SMALL),
    ),
    "create multipart": Operation(lambda backend: bool(begun(backend)), {"begin": BEGIN}, result=True),
    "put part": Operation(
        lambda backend, upload: size_of(backend.put_part("a", upload, 1, io.BytesIO(SMALL))),
        {"send": SEND},
        result=len(SMALL),
        prepare=begun,
    ),
    "list parts": Operation(
        lambda backend, made: [part.number for part in backend.list_parts("a", made[0])],
        {"list": {**GET, "query": "uploadId"}},
        result=[1, 2],
        prepare=two_parts,
    ),
    "complete multipart": Operation(
        lambda backend, made: size_of(backend.complete_multipart("a", *made)),
        {"claim": TAKE_CLAIM, "finish": FINISH},
        after={"a": LONG},
        result=len(LONG),
        prepare=two_parts,
    ),
    "abort multipart": Operation(
        lambda backend, upload: backend.abort_multipart("a", upload),
        {"abort": DELETE, "look after": GET},
        prepare=begun,
    ),
    "sweep": Operation(
        lambda backend, _: backend.sweep(timedelta(0)) <= 1,  # an abort that got lost is not counted
        {"list": GET, "abort": DELETE},
        None,
        result=True,
        prepare=begun,
    ),
}
