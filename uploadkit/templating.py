"""Links in templates, without the upload sets themselves."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flask import current_app

from .exceptions import NotConfiguredError

if TYPE_CHECKING:
    from .linkverbs import LinkVerbs
    from .uploadset import UploadSet


def upload_url(of: str | LinkVerbs, filename: str, *, signed: bool | int = False, **options: Any) -> str:
    """Return a link to a file of an upload set; templates have it as ``upload_url``.

    :param of: The name of the set; or a set, or a view of one folder of it.
    :param filename: As the set, or the view, calls it.
    :param signed: False makes the lasting link of `UploadSet.url`; True, or a number of seconds, the link of
        `UploadSet.signed_url`.
    :param options: Further arguments of `UploadSet.signed_url`; they need ``signed``.
    :raises NotConfiguredError: if the app has no such upload set.
    :raises TypeError: if there are ``options`` for a lasting link.
    """
    files = _set_called(of) if isinstance(of, str) else of
    if signed is False:
        if options:
            raise TypeError(f"upload_url(): {', '.join(options)} needs signed=True; a lasting link has no options")
        return files.url(filename)
    if signed is not True:
        if "expires_in" in options:
            raise TypeError("upload_url(): give signed=True with expires_in, or the seconds as signed, not both")
        options["expires_in"] = signed
    return files.signed_url(filename, **options)


def _set_called(name: str) -> UploadSet:
    known: dict[str, UploadSet] = current_app.extensions.get("uploadkit_sets", {})
    if name not in known:
        names = ", ".join(map(repr, known)) or "none"
        raise NotConfiguredError(f"upload_url(): the app has no upload set {name!r}, only {names}.")
    return known[name]
