"""The verbs of upload sets that make links to files, and that answer with files."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import timedelta
from math import ceil

from flask import request
from werkzeug.wrappers import Response

from .exceptions import InvalidKeyError, NotFoundError
from .keys import file_key
from .links import DEFAULT_EXPIRY, Link, signed_link
from .models import LinkMethod
from .targets import Rules
from .urls import lasting_url
from .web.caching import NOT_KEPT, REVALIDATED
from .web.delivery import Grant, deliver
from .web.missing import as_not_found


class LinkVerbs:
    """Links to the files of a set. Filenames are ``/``-separated and relative to the set."""

    #: The folder that this is a view of; empty for a whole set.
    _prefix: str = ""

    @property
    def _rules(self) -> Rules:
        raise NotImplementedError

    def url(self, filename: str) -> str:
        """Return a lasting link to a file: it may be stored, never expires, and needs no look at the backend.

        The set's base URL wins; then, for a set with ``ACCESS = "public"``, the backend's own public URL; then the
        route of uploadkit.

        :raises InvalidKeyError: (a `ValueError`) if the name leads out of the set.
        """
        return lasting_url(self._rules, self._key(filename))

    def signed_url(
        self,
        filename: str,
        expires_in: int | timedelta = DEFAULT_EXPIRY,
        *,
        download: str | bool | None = None,
        content_type: str | None = None,
        method: LinkMethod = "GET",
    ) -> str:
        """Return a link that lets whoever has it read one file for a while. Do not store it.

        S3 and Google Cloud Storage are linked to directly, by their own signatures; else the link leads to the route
        of uploadkit and is signed with the app's ``SECRET_KEY``. Nothing is looked up, and the file need not exist.
        Within ``UPLOADED_<NAME>_URL_WINDOW`` seconds, the same arguments give the same link.

        :param expires_in: How long it has to live at least: seconds, or a `timedelta`; up to seven days. Where
            temporary credentials sign, it ends with them.
        :param download: A name to offer the file under as a download; True for its own name.
        :param content_type: The media type to answer with; None means that of the extension.
        :param method: ``"GET"`` or ``"HEAD"``, and only that one.
        :raises InvalidKeyError: (a `ValueError`) if the name leads out of the set.
        :raises ValueError: if ``expires_in`` is out of bounds, or another argument means nothing.
        :raises TypeError: if ``expires_in`` is no whole number.
        :raises NotSupportedError: if the backend's credentials or options cannot sign.
        :raises ConfigError: if the app has to sign and has no ``SECRET_KEY``.
        """
        link = Link(_seconds(expires_in), download, content_type, method)
        return signed_link(self._rules, self._prefix, filename, link).url

    def signed_urls(
        self,
        filenames: Iterable[str] | Mapping[str, str],
        expires_in: int | timedelta = DEFAULT_EXPIRY,
        *,
        download: bool | None = None,
        content_type: str | None = None,
        method: LinkMethod = "GET",
    ) -> dict[str, str]:
        """Return the signed links to many files by their filenames, for a gallery; see `signed_url`.

        :param filenames: The filenames, or a mapping of them to the names to offer them under as downloads.
        :raises InvalidKeyError: (a `ValueError`) if a name leads out of the set, or is none.
        :raises TypeError: if ``filenames`` is one text.
        """
        if isinstance(filenames, (str, bytes)):
            raise TypeError("signed_urls() takes several filenames; signed_url() takes one")
        link = Link(_seconds(expires_in), download, content_type, method)
        rules, prefix = self._rules, self._prefix
        if isinstance(filenames, Mapping):
            named = ((filename, link._replace(download=name)) for filename, name in filenames.items())
        else:
            named = ((filename, link) for filename in filenames)
        return {filename: signed_link(rules, prefix, filename, asked).url for filename, asked in named}

    def serve(self, filename: str, *, download: str | bool | None = None, content_type: str | None = None) -> Response:
        """Return the response for a file, for a view of the app that has decided who may have it.

        It is what the route would answer: the file, with ranges and conditional requests, and with headers that keep
        it from running in the app's origin; or, on S3 and Google Cloud Storage, a redirect to a signed link that ends
        soon, unless the set is configured with ``DELIVERY = "proxy"``.

        A private set's answers are not to be kept by anybody. Other answers say what the file was stored with, or
        ``UPLOADED_<NAME>_CACHE_CONTROL``; else the visitor's browser may keep them, and has to ask each time.

        :param download: Offer it as a download under this name, or, if true, its own; None lets the browser show it
            if its type cannot run anything.
        :param content_type: The media type to answer with; None means that of the extension.
        :raises NotFoundError: (a `FileNotFoundError`) if there is no such file. Nobody need catch it: it is Werkzeug's
            `NotFound` too, so the visitor gets a 404.
        :raises InvalidKeyError: (a `ValueError`) if the name leads out of the set; likewise.
        """
        access = self._rules.config.settings.access
        grant = Grant(
            public=access == "public",
            cache=NOT_KEPT if access == "private" else None,
            otherwise=None if access == "public" else REVALIDATED,
            download=download,
            content_type=content_type,
        )
        try:
            return deliver(self._rules, self._key(filename), grant, request)
        except (NotFoundError, InvalidKeyError) as error:
            raise as_not_found(error) from error

    def _key(self, name: str) -> str:
        return file_key(self._prefix, name)


def _seconds(expires_in: int | timedelta) -> int:
    if isinstance(expires_in, int):
        return expires_in
    if isinstance(expires_in, timedelta):
        return ceil(expires_in.total_seconds())
    raise TypeError(f"expires_in must be whole seconds or a timedelta, not {expires_in!r}")
