"""Links that the app itself signs, for backends that cannot and for sets whose files go through the app."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from flask import Flask
from itsdangerous import Signer

from .exceptions import ConfigError
from .secretkeys import secret_keys

#: What is signed begins with this; another meaning of the same words has to have another version.
_SALT = "uploadkit.signed-url.v1"
_EXPIRES = re.compile(r"[0-9]{1,12}")


class AppLink(NamedTuple):
    """Everything that one signed link to the route allows; all of it is signed.

    :param set_name: The upload set.
    :param key: The file in it.
    :param method: ``"GET"`` or ``"HEAD"``.
    :param expires: When it ends, in whole seconds since 1970.
    :param download: The name to offer the file under as a download; None for none.
    :param content_type: The media type to answer with; None means that of the extension.
    """

    set_name: str
    key: str
    method: str
    expires: int
    download: str | None = None
    content_type: str | None = None

    def message(self) -> bytes:
        """Return what is signed; no two links have the same."""
        return json.dumps(
            [self.set_name, self.key, self.method, self.expires, self.download, self.content_type]
        ).encode()


def signed_query(app: Flask, link: AppLink) -> dict[str, str]:
    """Return the query that makes the route answer as ``link`` says.

    :raises ConfigError: if the app has no ``SECRET_KEY``.
    """
    asked = {"expires": str(link.expires), "download": link.download, "type": link.content_type}
    signature = _signer(app).get_signature(link.message()).decode()
    return {**{name: value for name, value in asked.items() if value is not None}, "signature": signature}


def check_keys(app: Flask) -> None:
    """Refuse keys that could not sign, if the app has any yet.

    :raises ConfigError: saying which.
    """
    if app.secret_key or app.config.get("SECRET_KEY_FALLBACKS"):
        _keys(app)


def read_link(app: Flask, set_name: str, key: str, method: str, query: Mapping[str, str]) -> AppLink | None:
    """Return the link that a request came by; None if it is not signed by this app for exactly this request.

    Whether it has expired is left to the caller: only who has a true signature may be told.
    """
    expires = query.get("expires", "")
    if not _EXPIRES.fullmatch(expires) or not app.secret_key:
        return None
    link = AppLink(set_name, key, method, int(expires), query.get("download"), query.get("type"))
    try:
        genuine = _signer(app).verify_signature(link.message(), query.get("signature", ""))
    except ConfigError:  # nobody can have signed it
        app.logger.exception("no signed link can be verified")
        return None
    return link if genuine else None


def _signer(app: Flask) -> Signer:
    """Return what signs with the app's key; older keys only verify."""
    return Signer(_keys(app), salt=_SALT, key_derivation="hmac", digest_method=hashlib.sha256)


def _keys(app: Flask) -> Sequence[Any]:
    return secret_keys(app, "Signed links through the app need")
