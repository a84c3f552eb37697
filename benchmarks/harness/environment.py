"""The Python that the contestants run in, and what is told about the machine."""

from __future__ import annotations

import hashlib
import importlib.metadata
import importlib.util
import os
import platform
import subprocess
import sys
import venv
from pathlib import Path

from .contest import ROOT

REQUIREMENTS = ROOT / "benchmarks" / "requirements.txt"
#: What the peers are called: for `import`, and in a registry.
PEERS = {
    "flask_uploads": "Flask-Reuploaded",
    "flask_storage": "flask-storage",
    "storages": "django-storages",
    "django": "Django",
    "boto3": "boto3",
    "google.cloud.storage": "google-cloud-storage",
    "obstore": "obstore",
    "gunicorn": "gunicorn",
    "gevent": "gevent",
    "waitress": "waitress",
}
_OURS = ("Flask", "Werkzeug", "multipart")


def has_all_peers() -> bool:
    """Whether the running Python can import every peer."""
    return all(map(is_installed, PEERS))


def is_installed(module: str) -> bool:
    """Whether a module could be imported; it is not, but packages around it are."""
    try:
        return importlib.util.find_spec(module) is not None
    except ModuleNotFoundError:
        return False


def environment_with_peers(folder: Path) -> Path:
    """Return the Python of an environment that has the peers and uploadkit; it is made unless it is up to date."""
    python = folder / ("Scripts" if sys.platform == "win32" else "bin") / "python"
    stamp, wanted = folder / "requirements.sha256", _fingerprint()
    if not (stamp.exists() and stamp.read_text() == wanted):
        print(f"Installing the peers into {folder} ...", flush=True)
        venv.create(folder, with_pip=True, clear=True)
        command = [str(python), "-m", "pip", "install", "--quiet", "--requirement", str(REQUIREMENTS)]
        subprocess.run([*command, "--editable", f"{ROOT}[s3,gcs]"], check=True)
        stamp.write_text(wanted)
    return python


def _fingerprint() -> str:
    files = (REQUIREMENTS, ROOT / "pyproject.toml")
    return hashlib.sha256(b"".join(path.read_bytes() for path in files)).hexdigest()


def machine() -> dict[str, str]:
    """Return what is told about this machine: nothing that names it, or anybody."""
    versions = (f"{name} {version}" for name in (*_OURS, *PEERS.values()) if (version := _version(name)))
    return {
        "System:": f"{platform.system()} on {platform.machine()}",
        "CPUs:": str(os.cpu_count()),
        "Python": platform.python_version(),
        "with": ", ".join(versions),
    }


def _version(name: str) -> str | None:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None
