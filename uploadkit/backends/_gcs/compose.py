"""Making one object of many within the bucket (https://cloud.google.com/storage/docs/composing-objects)."""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

from ...exceptions import BackendError, IntegrityError, NotFoundError
from .._cloud.metadata import UPLOAD, new_upload_word
from .listing import remove_all
from .objects import extra_params
from .saving import create
from .wire import Request, Wire

#: How many sources one request takes.
_SOURCES = 32


def compose(
    wire: Wire, key: str, wanted: Mapping[str, Any], sources: Sequence[dict[str, Any]], *, overwrite: bool
) -> dict[str, Any]:
    """Make the object ``wanted`` of ``sources`` in their order; more than 32 go by objects in between.

    :param wanted: Its name and attributes.
    :param sources: Objects with name, generation and size.
    :raises AlreadyExistsError: if there is one and ``overwrite`` is false.
    :raises IntegrityError: if a source was replaced or removed meanwhile.
    """
    between: list[str] = []
    folder = f"{sources[0]['name'].rpartition('/')[0]}/{secrets.token_hex(8)}-"
    try:
        while len(sources) > _SOURCES:
            groups = [sources[start : start + _SOURCES] for start in range(0, len(sources), _SOURCES)]
            names = [f"{folder}{number + len(between)}" for number in range(len(groups))]
            between += names
            sources = [
                _compose(wire, key, {"name": name, "contentType": "application/octet-stream"}, group, overwrite=True)
                for name, group in zip(names, groups, strict=True)
            ]
        return _compose(wire, key, wanted, sources, overwrite=overwrite)
    finally:
        with suppress(BackendError):  # what is left is swept with the upload
            remove_all(wire, between)


def _compose(
    wire: Wire, key: str, wanted: Mapping[str, Any], sources: Sequence[dict[str, Any]], *, overwrite: bool
) -> dict[str, Any]:
    name, word = wanted["name"], new_upload_word()
    fields = ("contentType", "contentDisposition", "cacheControl", "storageClass")
    destination = {field: wanted[field] for field in fields if wanted.get(field)}
    destination["metadata"] = {**wanted.get("metadata", {}), UPLOAD: word}
    request = Request(
        "complete the upload of",
        key,
        "POST",
        f"{wire.url(name)}/compose",
        extra_params(wire.options, "compose", internal=name.startswith(wire.place.internal)),
        {"Content-Type": "application/json; charset=UTF-8"},
        json.dumps(
            {
                "destination": destination,
                "sourceObjects": [{"name": item["name"], "generation": str(item["generation"])} for item in sources],
            }
        ).encode(),
    )
    try:
        found = create(wire, request, name, word, overwrite=overwrite)
    except NotFoundError as error:
        raise IntegrityError(
            f"{key!r} was not completed on the {wire.name!r} backend: a part was replaced or removed meanwhile.",
            key=key,
            backend=wire.name,
        ) from error
    return found
