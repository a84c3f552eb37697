"""Copying files within the bucket: the bytes do not come here."""

from __future__ import annotations

import json
from typing import Any

from ...exceptions import NotFoundError
from ...models import FileInfo, SaveOptions
from .._cloud.announced import check_announced
from .._cloud.metadata import new_upload_word
from .objects import attributes, extra_params, info_of
from .saving import create
from .wire import Request, Wire

_TRIES = 5
#: What options do not speak of, and without which the bytes of another program's file may mean nothing.
_KEPT = ("contentEncoding", "contentLanguage")


def copy(wire: Wire, source: str, target: str, options: SaveOptions) -> FileInfo:
    """Copy one generation of ``source``, as `SupportsCopy.copy` promises."""
    source_name, target_name = wire.place.stored(source), wire.place.stored(target)
    for attempt in range(1, _TRIES + 1):
        found = wire.get(source, source_name, "copy")
        check_announced(info_of(source, found), options, wire.name)
        try:
            return _copy(wire, found, source, target, target_name, options)
        except NotFoundError:  # replaced or removed since; looking it up again tells which
            if attempt == _TRIES:
                raise
    raise AssertionError


def _copy(
    wire: Wire, found: dict[str, Any], source: str, target: str, target_name: str, options: SaveOptions
) -> FileInfo:
    known = info_of(source, found).checksum or ""
    sha256 = known.removeprefix("sha256:") if known.startswith("sha256:") else None
    word = new_upload_word()
    wanted = attributes(target_name, target, options, wire.options, word, sha256)
    wanted.update({name: found[name] for name in _KEPT if found.get(name)})
    params = {"sourceGeneration": str(found["generation"]), **extra_params(wire.options, "rewrite")}
    token: dict[str, str] = {}
    while True:
        request = _rewrite(wire, source, found["name"], target_name, wanted)
        request.params = {**params, **token}
        answer = create(wire, request, target_name, word, overwrite=options.overwrite)
        if answer.get("kind") == "storage#object":  # found by its word
            return info_of(target, answer)
        if answer.get("done"):
            return info_of(target, answer["resource"])
        token = {"rewriteToken": answer["rewriteToken"]}


def _rewrite(wire: Wire, source: str, source_name: str, target_name: str, wanted: dict[str, Any]) -> Request:
    tail = wire.url(target_name).partition("/storage/v1/")[2]
    return Request(
        "copy",
        source,
        "POST",
        f"{wire.url(source_name)}/rewriteTo/{tail}",
        headers={"Content-Type": "application/json; charset=UTF-8"},
        body=json.dumps(wanted).encode(),
    )
