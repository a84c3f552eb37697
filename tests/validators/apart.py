"""Judging files: here, and in a process of its own, to see what that takes."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from uploadkit import UploadNotAllowed
from uploadkit.filetypes import content_type_for
from uploadkit.validators import Candidate, Validator

_SCRIPT = """
import json, resource, sys, time
from uploadkit import UploadNotAllowed
from uploadkit.filetypes import content_type_for
from uploadkit.validators import Candidate
from uploadkit.validators.{module} import {name}
def peak():
    # what getrusage says on Linux begins with the peak of the parent process
    if sys.platform == "linux":
        lines = open("/proc/self/status").read().splitlines()
        return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM"))
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
validator, path = {name}({arguments}), sys.argv[1]
stream = open(path, "rb")
before, start, code = peak(), time.process_time(), None
try:
    validator(Candidate(path, content_type_for(path), stream, None))
except UploadNotAllowed as refusal:
    code = refusal.code
took = time.process_time() - start
print(json.dumps([code, took, peak() - before]))
"""


@dataclass(frozen=True)
class Verdict:
    """What became of a file, and the seconds of CPU and bytes of memory it took."""

    code: str | None
    seconds: float
    memory: int


def judge_apart(module: str, name: str, path: Path, arguments: str = "") -> Verdict:
    script = _SCRIPT.format(module=module, name=name, arguments=arguments)
    run = subprocess.run([sys.executable, "-c", script, str(path)], capture_output=True, check=True)
    return Verdict(*json.loads(run.stdout))


def judge(validator: Validator, filename: str, data: bytes) -> UploadNotAllowed | None:
    """Return the refusal, if there is one; the stream has to be left open."""
    stream = io.BytesIO(data)
    refusal = _verdict(validator, Candidate(filename, content_type_for(filename), stream, len(data)))
    assert not stream.closed
    assert refusal is None or refusal.reason.endswith(".")
    return refusal


def _verdict(validator: Validator, candidate: Candidate) -> UploadNotAllowed | None:
    try:
        validator(candidate)
    except UploadNotAllowed as refusal:
        return refusal
    return None


def code_of(validator: Validator, filename: str, data: bytes) -> str | None:
    refusal = judge(validator, filename, data)
    return refusal.code if refusal else None
