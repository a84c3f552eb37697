"""A long form, over a socket, whose photo goes to S3."""

from __future__ import annotations

from benchmarks.apps import BOTO3_FORM, RECEIVED_FORM, SAVED_FORM, SAVED_PLAIN_FORM
from benchmarks.harness.model import GIB, KIB, MIB, Case, Goal, Scale, Trial, human_size
from benchmarks.harness.posting import poster
from benchmarks.harness.sinks import http_sink

SERVER = "gunicorn gthread"
NAMES = (BOTO3_FORM, SAVED_PLAIN_FORM, SAVED_FORM, RECEIVED_FORM)
MOST_MEMORY = 48 * MIB


def goals(size: int) -> tuple[Goal, ...]:
    memory = Goal(RECEIVED_FORM, "peak", MOST_MEMORY, kind="plain")
    return (Goal(RECEIVED_FORM, "wall", 0.6, BOTO3_FORM), memory) if size >= 256 * MIB else ()


def trials(scale: Scale) -> list[Trial]:
    """Return a trial for each size."""
    return [
        Trial(
            f"{human_size(size)}, {SERVER}",
            tuple(poster(name, size, SERVER) for name in NAMES),
            peer=BOTO3_FORM,
            size=size,
            goals=goals(size),
            service=http_sink,
        )
        for size in scale.sizes([600 * KIB], [256 * MIB], [5 * GIB])
    ]


CASE = Case(
    "streaming_form_to_s3",
    "A long form to S3",
    "A form with a long photo is posted over a socket to an app under gunicorn (gthread, one worker), which stores it "
    "on a store that keeps nothing. CPU, memory and bytes are the web server's; wall time is the client's.",
    trials,
)
