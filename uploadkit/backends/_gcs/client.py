"""Clients of google-cloud-storage, made from options."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

import requests.adapters
from google.auth.credentials import AnonymousCredentials, Credentials
from google.auth.exceptions import GoogleAuthError
from google.cloud import storage
from google.oauth2 import service_account

from ...exceptions import ConfigError
from .._cloud.clients import shared_client
from .options import GCSOptions


def client_for(options: GCSOptions) -> Any:
    """Return the client that was handed in, or this process's own for these options.

    :raises ConfigError: if the credentials cannot be read, or none are found.
    """
    if options.client is not None:
        return options.client
    return shared_client(options.client_identity, lambda: _make(options))


def session_of(client: Any) -> Any:
    """Return the session that sends a client's requests with its credentials."""
    return client._http  # noqa: SLF001 - nothing public sends what the library has no method for


def credentials_of(client: Any) -> Any:
    """Return the credentials of a client."""
    return client._credentials  # noqa: SLF001 - likewise


def _make(options: GCSOptions) -> Any:
    try:
        client = storage.Client(
            project=options.project,
            credentials=_credentials(options),
            client_options={"api_endpoint": options.endpoint.rstrip("/")} if options.endpoint else None,
        )
    except (GoogleAuthError, OSError, ValueError) as error:
        raise ConfigError(
            "No default credentials of Google Cloud were found: set the option 'credentials' to the path of a service "
            "account's key, or run where Google provides them."
        ) from error
    session = session_of(client)  # here, under the lock of the shared clients: two threads would make two
    if not session.is_mtls:
        for scheme in ("https://", "http://"):
            session.mount(scheme, requests.adapters.HTTPAdapter(pool_maxsize=options.pool_size))
    return client


def _credentials(options: GCSOptions) -> Any:
    given = options.credentials
    if options.is_anonymous:
        return AnonymousCredentials()
    if given is None or isinstance(given, Credentials):
        return given
    try:
        if isinstance(given, Mapping):
            return service_account.Credentials.from_service_account_info(dict(given))
        if isinstance(given, (str, os.PathLike)):
            return service_account.Credentials.from_service_account_file(os.fspath(given))
    except (OSError, ValueError, GoogleAuthError) as error:
        raise ConfigError(
            f"The option 'credentials' names no service account's key ({type(error).__name__})."
        ) from None
    raise ConfigError(f"The option 'credentials' cannot be a {type(given).__name__}.")
