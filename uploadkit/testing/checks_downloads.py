"""Checks that what could run in a browser is a download by its signed URL, however it came to be there."""

from __future__ import annotations

import io
from dataclasses import replace

from ..backends.capabilities import SupportsSigning, capabilities
from ..directmodels import UploadPolicy
from ..exceptions import NotSupportedError
from ..models import SaveOptions
from ..operations import copy, move
from .checks_direct import CONTENT, must_accept
from .checks_multipart import uploading
from .checks_signing import made
from .subject import NotShown, Subject, must, put
from .visitor import fetch, store

_LIFE = 60
_POLICY = UploadPolicy(len(CONTENT), len(CONTENT), options=SaveOptions(overwrite=True))


def signed_urls_of_scripts_are_downloads(subject: Subject) -> None:
    """What is saved as HTML or SVG, without a disposition, is answered as a download to its signed URL."""
    backend, power = made(subject)
    for key in ("a.html", "folder/ünï.svg"):
        put(backend, key, CONTENT)
        _must_be_a_download(power, key, "a file that is saved")
    backend.save("page.txt", io.BytesIO(CONTENT), SaveOptions(content_type="text/html"))
    _must_be_a_download(power, "page.txt", "a page with the name of a text")


def scripts_stay_downloads_under_other_names(subject: Subject) -> None:
    """What becomes HTML or SVG by a copy or a move is answered as a download too."""
    backend, power = made(subject)
    for number, act in enumerate((copy, move)):
        for new in ("html", "svg"):
            old = f"{new}-{number}.txt"
            put(backend, old, CONTENT)
            act(backend, old, f"{number}.{new}")
            _must_be_a_download(power, f"{number}.{new}", f"a file after a {act.__name__}")


def uploaded_scripts_are_downloads(subject: Subject) -> None:
    """HTML and SVG that arrive in parts, or by a presigned request, are answered as downloads too."""
    backend, power = made(subject)
    powers = capabilities(backend)
    if powers.multipart is None and powers.direct_upload is None:
        raise NotShown("the backend declares neither multipart nor direct_upload")
    if powers.multipart is not None:
        with uploading(powers.multipart, "parts.html") as upload:
            upload.complete(upload.put(1, CONTENT))
        _must_be_a_download(power, "parts.html", "a file that arrived in parts")
    for policy in (_POLICY, replace(_POLICY, method="POST")):
        if powers.direct_upload is None:
            break
        key = f"{policy.method}.svg"
        try:
            request = powers.direct_upload.presign_upload(key, policy, _LIFE)
        except NotSupportedError:
            continue
        must_accept(store(request, CONTENT), backend, key)
        _must_be_a_download(power, key, f"a file that arrived by a presigned {policy.method}")


DOWNLOADS = (
    signed_urls_of_scripts_are_downloads,
    scripts_stay_downloads_under_other_names,
    uploaded_scripts_are_downloads,
)


def _must_be_a_download(power: SupportsSigning, key: str, what: str) -> None:
    answer = fetch(power.signed_url(key, _LIFE).url)
    found = answer.headers.get("content-disposition")
    must((answer.status, answer.body) == (200, CONTENT), f"{what} is answered with {answer.status}, or other bytes")
    must(str(found).lower().startswith("attachment"), f"{what} ({key!r}) is answered with the disposition {found!r}")
