"""Many threads save one name at once: every file is there, each once."""

from __future__ import annotations

import random
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest

from tests.conftest import form_file
from tests.servers.stores import S3Server
from uploadkit import ALL, UploadConfiguration, UploadSet
from uploadkit.backends.s3 import S3Backend, S3Options
from uploadkit.settings import SetSettings

MIB = 1024 * 1024


@pytest.fixture(params=["moto_server", "seaweed_server"])
def server(request: pytest.FixtureRequest) -> S3Server:
    found: S3Server = request.getfixturevalue(request.param)
    return found


@pytest.mark.slow
@pytest.mark.parametrize(("savers", "size"), [(50, 1000), (6, 9 * MIB)], ids=["50 small", "6 in parts"])
def test_of_many_that_save_one_name_none_is_lost(savers: int, size: int, server: S3Server) -> None:
    options = S3Options(
        endpoint_url=server.endpoint,
        region=server.region,
        access_key_id=server.access_key,
        secret_access_key=server.secret_key,
        pool_size=savers,
    )
    backend = S3Backend(server.make_bucket(), options)
    files = UploadSet("files", ALL)
    files._config = UploadConfiguration(backend.path(""), backend=backend, settings=SetSettings(on_conflict="rename"))
    contents = [random.Random(number).randbytes(size) for number in range(savers)]
    barrier = Barrier(savers)

    def save(content: bytes) -> str:
        barrier.wait(60)
        return files.save(form_file(content))

    with ThreadPoolExecutor(savers) as pool:
        names = list(pool.map(save, contents))
    assert len(set(names)) == savers
    assert "photo.jpg" in names
    stored = {}
    for info in backend.list_files():
        with backend.open(info.key) as stream:
            stored[info.key] = stream.read()
    assert Counter(stored.values()) == Counter(contents)
    assert stored == dict(zip(names, contents, strict=True))
