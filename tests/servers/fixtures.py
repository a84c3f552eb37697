"""Session fixtures, to be imported by a conftest or a test module."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from .fake_gcs import running_fake_gcs
from .gcp_emulator import running_gcp_emulator
from .moto import running_moto
from .seaweed import running_seaweed
from .stores import GcsServer, S3Server

__all__ = ["fake_gcs_server", "gcp_emulator", "moto_server", "seaweed_server"]


@pytest.fixture(scope="session")
def moto_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    with running_moto(tmp_path_factory.mktemp("moto")) as server:
        yield server


@pytest.fixture(scope="session")
def seaweed_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    with running_seaweed(tmp_path_factory.mktemp("seaweed")) as server:
        yield server


@pytest.fixture(scope="session")
def fake_gcs_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GcsServer]:
    with running_fake_gcs(tmp_path_factory.mktemp("fake-gcs")) as server:
        yield server


@pytest.fixture(scope="session")
def gcp_emulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GcsServer]:
    with running_gcp_emulator(tmp_path_factory.mktemp("gcp-emulator")) as server:
        yield server
