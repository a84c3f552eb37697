"""What an app pays at its start."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from benchmarks.harness.contest import ROOT
from benchmarks.harness.model import Case, Contestant, Costs, Goal, Job, Scale, Trial

FLASK, APP, UPLOADKIT, REUPLOADED = "import flask", "import flask, make an app", "uploadkit", "Flask-Reuploaded"
SDKS = ("boto3", "botocore", "google.cloud.storage", "PIL", "cryptography")
MOST_OVER_FLASK = 0.015

_MEASURED = """
import json, sys, time
folder = sys.argv[1]
cpu, wall = time.process_time(), time.perf_counter()
{code}
print(json.dumps([time.process_time() - cpu, time.perf_counter() - wall, [m for m in {sdks} if m in sys.modules]]))
"""
_THREE_SETS = """
import flask, {module}
app = flask.Flask("benchmark")
app.config["UPLOADS_DEFAULT_DEST"] = folder
sets = [{module}.UploadSet(name, {module}.IMAGES) for name in ("photos", "covers", "avatars")]
{module}.configure_uploads(app, sets)
"""
CODES: dict[str, tuple[str, str]] = {
    FLASK: ("import flask", "flask"),
    APP: ("import flask; flask.Flask('benchmark')", "flask"),
    UPLOADKIT: (_THREE_SETS.format(module="uploadkit"), "flask"),
    REUPLOADED: (_THREE_SETS.format(module="flask_uploads"), "flask_uploads"),
}


def compiled_once(folder: str) -> dict[str, str]:
    """Return an environment in which Python keeps what it compiled, below ``folder``, whatever it was told."""
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    return {**kept, "PYTHONPYCACHEPREFIX": str(Path(folder, "compiled"))}


def start(code: str, folder: str) -> Costs:
    """Run code in a fresh Python; return what it told about itself.

    :param folder: For its sets, and for what Python compiles.
    :raises RuntimeError: if it imported an SDK.
    """
    program = _MEASURED.format(code=code, sdks=SDKS)
    done = subprocess.run(
        [sys.executable, "-c", program, folder],
        cwd=ROOT,
        env=compiled_once(folder),
        capture_output=True,
        text=True,
        check=True,
    )
    cpu, wall, sdks = json.loads(done.stdout)
    if sdks:
        raise RuntimeError(f"it imported {', '.join(sdks)}")
    return Costs(cpu, wall)


@contextmanager
def prepared(code: str) -> Iterator[Job]:
    with tempfile.TemporaryDirectory() as folder:
        # The fastest of some starts: what else the machine does can only slow it.
        yield Job(lambda: min((start(code, folder) for _ in range(5)), key=lambda costs: costs.wall))


def trials(_: Scale) -> list[Trial]:
    """Return the one trial."""
    contestants = tuple(Contestant(name, partial(prepared, code), (need,)) for name, (code, need) in CODES.items())
    goals = tuple(Goal(UPLOADKIT, of, MOST_OVER_FLASK, FLASK, "over") for of in ("cpu", "wall"))
    return [Trial("three sets", contestants, peer=FLASK, goals=goals)]


CASE = Case(
    "import_time",
    "The start of an app",
    "A fresh Python imports the package, makes an app and configures three local sets; each turn is the fastest of "
    "five, and all modules were compiled before. No SDK of a store may be among the modules afterwards.",
    trials,
)
