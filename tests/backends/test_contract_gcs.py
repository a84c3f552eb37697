"""The contract on Google Cloud Storage, as two emulators play it."""

from __future__ import annotations

import functools
from functools import cache
from typing import Any

import pytest

from tests.backends import gaps
from tests.servers.stores import GcsServer
from uploadkit.backends.protocol import Backend
from uploadkit.testing import BackendContract
from uploadkit.testing.subject import BackendMaker

pytestmark = pytest.mark.slow


@cache
def throw_away_account() -> dict[str, str]:
    """Return a service account with a key of its own: enough to sign, offline."""
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import rsa

    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()
    return {
        "type": "service_account",
        "client_email": "tests@uploadkit.iam.gserviceaccount.com",
        "private_key": pem,
        "token_uri": "http://127.0.0.1:1/never",
    }


def open_bucket(server: GcsServer, bucket: str, account: dict[str, str]) -> Backend:
    """Open a bucket, also in another process."""
    from uploadkit.backends.gcs import GCSBackend, GCSOptions

    return GCSBackend(f"{bucket}/a prefix", GCSOptions(endpoint=server.endpoint, credentials=credentials(account)))


def credentials(account: dict[str, str]) -> Any:
    """Return credentials that sign with the account's key and never ask for a token, which no emulator wants."""
    from google.auth.credentials import AnonymousCredentials, Signing
    from google.oauth2 import service_account

    made = service_account.Credentials.from_service_account_info(account)

    class Offline(AnonymousCredentials, Signing):
        signer = made.signer
        signer_email = made.signer_email
        service_account_email = made.service_account_email
        sign_bytes = made.sign_bytes

    return Offline()


class OnAnEmulator(BackendContract):
    """What the emulators have in common."""

    __test__ = False
    server: GcsServer

    def make_backend(self) -> Backend:
        return open_bucket(self.server, self.server.make_bucket(), throw_away_account())

    def process_factory(self) -> BackendMaker:
        return functools.partial(open_bucket, self.server, self.server.make_bucket(), throw_away_account())


class TestFakeGcs(OnAnEmulator):
    __test__ = True
    column = "GCS: fake-gcs-server"
    gaps = gaps.FAKE_GCS

    @pytest.fixture(autouse=True)
    def _server(self, fake_gcs_server: GcsServer) -> None:
        self.server = fake_gcs_server


class TestGcpEmulator(OnAnEmulator):
    __test__ = True
    column = "GCS: gcp-storage-emulator"
    gaps = gaps.GCP_EMULATOR

    @pytest.fixture(autouse=True)
    def _server(self, gcp_emulator: GcsServer) -> None:
        self.server = gcp_emulator
