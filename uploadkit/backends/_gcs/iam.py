"""Who signs: a key that is here, or Google's IAM with one that never leaves Google."""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from http import HTTPStatus
from typing import Any

from google.api_core.exceptions import GoogleAPICallError
from google.auth import external_account, iam, impersonated_credentials
from google.auth.credentials import AnonymousCredentials, Scoped, Signing
from google.auth.transport.requests import AuthorizedSession
from google.auth.transport.requests import Request as AuthRequest

from ...exceptions import BackendError, NotSupportedError, PermissionDeniedError, UnavailableError
from .._cloud.clients import freeze, shared_client
from .._cloud.translate import Meaning
from .client import credentials_of
from .errors import BUSY
from .wire import Request, Wire

_IAM = "https://iamcredentials.googleapis.com/v1/projects/-/serviceAccounts"
#: The client's own scopes are those of the storage, with which IAM signs nothing.
_SCOPE = "https://www.googleapis.com/auth/iam"
_API = "the IAM Service Account Credentials API (iamcredentials.googleapis.com)"
_ROLE = (
    'the role "Service Account Token Creator" (roles/iam.serviceAccountTokenCreator, with the permission '
    "iam.serviceAccounts.signBlob)"
)
#: How long the keys that IAM signs with are sure to be valid
#: (https://cloud.google.com/storage/docs/authentication/creating-signatures).
_SURE = timedelta(hours=12)
_WAY_OUT = (
    "give the option 'credentials' a service account's key, or credentials that impersonate a service account; or set "
    'UPLOADED_<NAME>_DELIVERY = "proxy", and the app hands the files out itself'
)


class IAMSigner(Signing):
    """Signs as a service account whose private key Google keeps; it costs one request.

    :param wire: Sends the request.
    :param key: For error messages.
    :param email: The service account.
    :param credentials: Those that ask: of the service account, or of who impersonates it.
    :param impersonates: Whether it is the latter.
    :param delegates: The service accounts in between, of those that may impersonate it by way of others only.
    """

    def __init__(
        self,
        wire: Wire,
        key: str,
        email: str,
        credentials: Any,
        *,
        impersonates: bool = False,
        delegates: Sequence[str] = (),
    ) -> None:
        self._wire = wire
        self._key = key
        self._email = email
        self._credentials = credentials
        self._needs = f"who impersonates {email} needs" if impersonates else f"the service account {email} needs"
        self._on = f"on {email}" if impersonates else "on itself"
        self._delegates = list(delegates)

    def sign_bytes(self, message: bytes) -> bytes:
        """Return the signature of ``message``."""
        request = _SignRequest("sign for", self._key, "POST", f"{_IAM}/{self._email}:signBlob", foreign=True)
        request.email = self._email
        request.need = f"{self._needs} {_ROLE} {self._on}"
        request.session = _session(self._credentials)
        request.headers = {"Content-Type": "application/json"}
        content = {"payload": base64.b64encode(message).decode(), "delegates": self._delegates}
        request.body = json.dumps(content).encode()
        return base64.b64decode(self._wire.send(request).json()["signedBlob"])

    @property
    def signer_email(self) -> str:
        """The service account."""
        return self._email

    @property
    def signer(self) -> Any:
        """Itself, for the library."""
        return self


@dataclass
class _SignRequest(Request):
    """A request to IAM, whose refusals say what is to be done.

    :param email: Who is to sign.
    :param need: Who needs which role on whom.
    """

    email: str = ""
    need: str = ""

    def meaning(self, error: Exception) -> Meaning:
        """Return what an error means for this request."""
        if not isinstance(error, GoogleAPICallError):
            return super().meaning(error)
        status = int(error.code or 0)
        if status in BUSY:
            return Meaning(UnavailableError, f"IAM is busy (HTTP {status})")
        if status == HTTPStatus.NOT_FOUND:
            return Meaning(BackendError, f"there is no service account {self.email}")
        if status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
            return Meaning(PermissionDeniedError, self._denial(error.message or "", status))
        return Meaning(BackendError, f"IAM did not sign as {self.email} (HTTP {status})")

    def _denial(self, message: str, status: int) -> str:
        if "disabled" in message:
            return f"{_API} is disabled; enable it in the project of {self.email}"
        if "authentication scopes" in message:
            return f"the token of {self.email} lacks the scope {_SCOPE}; give the machine the scope cloud-platform"
        return f"IAM does not let the credentials sign (HTTP {status}): {self.need}, and {_API} must be enabled"


def signer_for(wire: Wire, key: str) -> Any:
    """Return credentials that can sign.

    :raises NotSupportedError: if there are none.
    """
    credentials = credentials_of(wire.client)
    if isinstance(credentials, impersonated_credentials.Credentials):
        return _impersonating(wire, key, credentials)
    if isinstance(credentials, Signing):
        return credentials
    email = _email_of(credentials, wire.options.read_timeout)
    if email is None or "@" not in email:  # a pool of identities goes by another name
        raise unable(wire, key, f"{_reason(credentials)}; {_WAY_OUT}")
    return IAMSigner(wire, key, email, credentials)


def _impersonating(wire: Wire, key: str, credentials: Any) -> IAMSigner:
    """Return a signer that asks as the library's does, but keeps the deadline and says what it was refused for."""
    source, delegates = credentials._source_credentials, credentials._delegates  # noqa: SLF001 - nothing public tells
    email = credentials.signer_email
    return IAMSigner(wire, key, email, source, impersonates=True, delegates=delegates or ())


def _reason(credentials: Any) -> str:
    if isinstance(credentials, external_account.Credentials):
        return (
            "federated credentials can sign only as a service account that they impersonate, and their configuration "
            "names none (service_account_impersonation_url)"
        )
    return "these credentials cannot sign"


def _email_of(credentials: Any, timeout: float) -> str | None:
    """Return the service account that credentials stand for; a machine's knows it after its first refresh."""
    if isinstance(credentials, AnonymousCredentials):
        return None
    email: str | None = getattr(credentials, "service_account_email", None)
    if email == "default":
        credentials.refresh(partial(AuthRequest(), timeout=timeout))
        email = credentials.service_account_email
    return email


def _session(credentials: Any) -> Any:
    """Return this process's session that sends requests to IAM with these credentials."""

    def make() -> AuthorizedSession:
        scoped = credentials.with_scopes([_SCOPE]) if isinstance(credentials, Scoped) else credentials
        return AuthorizedSession(scoped)

    return shared_client(("iam", freeze(credentials)), make)


def end_of(signer: Any, ends: datetime, now: datetime, *, steady: bool = False) -> datetime:
    """Return until when a signature is sure to work, at the latest ``ends``.

    :param steady: Whether to cut by whole hours: another end each second would make another URL each.
    """
    rotated = isinstance(signer.signer, (IAMSigner, iam.Signer))
    if not rotated or ends <= now + _SURE:
        return ends
    return (now.replace(minute=0, second=0, microsecond=0) if steady else now) + _SURE


def unable(wire: Wire, key: str, why: str) -> NotSupportedError:
    """Return the error for what cannot be signed."""
    message = f"Could not sign for {key!r} on the {wire.name!r} backend: {why}."
    return NotSupportedError(message, key=key, backend=wire.name)
