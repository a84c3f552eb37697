"""A file of S3, handed on as it arrives."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial

from benchmarks.harness.clients import endpoint
from benchmarks.harness.model import GIB, MIB, Case, Contestant, Goal, Job, Scale, Trial, human_size
from benchmarks.harness.sinks import ENDPOINT
from benchmarks.streaming import Read, by_the_backend, by_the_route, client_at, read_all, source

BODY, STREAM, ROUTE = "boto3's body", "open_stream", "the route"
MOST_MEMORY = 4 * MIB


def by_boto3(url: str) -> Read:
    """Return what reads boto3's own body."""
    client = client_at(url)
    return lambda size: read_all(client.get_object(Bucket="bucket", Key=str(size))["Body"])


MAKERS: dict[str, Callable[[str], Read]] = {STREAM: by_the_backend, ROUTE: by_the_route, BODY: by_boto3}


@contextmanager
def sending() -> Iterator[Mapping[str, str]]:
    """Run what sends bytes."""
    with source() as url:
        yield {ENDPOINT: url}


@contextmanager
def prepared(make: Callable[[str], Read], size: int) -> Iterator[Job]:
    read = make(endpoint())

    def read_whole() -> None:
        if (count := read(size)) != size:
            raise RuntimeError(f"{count} bytes came instead of {size}")

    yield Job(read_whole, warm=partial(read, MIB))


def goals() -> tuple[Goal, ...]:
    return tuple(Goal(name, "peak", MOST_MEMORY, kind="plain") for name in (STREAM, ROUTE))


def trials(scale: Scale) -> list[Trial]:
    """Return a trial for each size."""
    return [
        Trial(
            human_size(size),
            tuple(Contestant(name, partial(prepared, make, size), ("boto3",)) for name, make in MAKERS.items()),
            peer=BODY,
            size=size,
            goals=goals() if size >= GIB else (),
            service=sending,
        )
        for size in scale.sizes([16 * MIB], [GIB])
    ]


CASE = Case(
    "proxy_download",
    "A file of S3 through the app",
    "A process on this machine sends a long file, which is read to its end in pieces: from boto3's own body, from the "
    "backend, and from the route of an app that sends the files itself.",
    trials,
)
