"""Links in templates, without the upload sets themselves."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flask import current_app

from .exceptions import NotConfiguredError

if TYPE_CHECKING:
    from .uploadset import UploadSet


def upload_url(set_name: str, filename: str, *, signed: bool | int = False, **options: Any) -> str:
    """Return a link to a file of the upload set ``set_name``; templates have it as ``upload_url``.

    :param signed: False makes the lasting link of `UploadSet.url`; True, or a number of seconds, the link of
        `UploadSet.signed_url`.
    :param options: Further arguments of `UploadSet.signed_url`; they need ``signed``.
    :raises NotConfiguredError: if the app has no such upload set.
    :raises TypeError: if there are ``options`` for a lasting link.
    """
    known: dict[str, UploadSet] = current_app.extensions.get("uploadkit_sets", {})
    if set_name not in known:
        names = ", ".join(map(repr, known)) or "none"
        raise NotConfiguredError(f"upload_url(): the app has no upload set {set_name!r}, only {names}.")
    if signed is False:
        if options:
            raise TypeError(f"upload_url(): {', '.join(options)} needs signed=True; a lasting link has no options")
        return known[set_name].url(filename)
    if signed is not True:
        options["expires_in"] = signed
    return known[set_name].signed_url(filename, **options)
