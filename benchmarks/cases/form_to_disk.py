"""A form with a photo, posted into a folder of this machine."""

from __future__ import annotations

from benchmarks import apps
from benchmarks.harness.model import GIB, KIB, MIB, Case, Goal, Scale, Trial, human_size
from benchmarks.harness.posting import IN_PROCESS, SERVERS, poster

NAMES = (
    apps.FAST,
    apps.FAST_UNSYNCED,
    apps.FAST_UNHASHED,
    apps.FAST_UNSYNCED_UNHASHED,
    apps.PLAIN,
    apps.PLAIN_UNSYNCED,
    apps.REUPLOADED,
    apps.REUPLOADED_SYNCED,
    apps.FLASK_STORAGE,
    apps.COPY,
    apps.COPY_SYNCED,
)
SMALL_GOALS = (
    Goal(apps.FAST_UNSYNCED, "cpu", 1.0, apps.REUPLOADED),
    Goal(apps.FAST_UNSYNCED, "wall", 1.0, apps.REUPLOADED),
    Goal(apps.FAST, "cpu", 1.3, apps.REUPLOADED_SYNCED),
    Goal(apps.FAST, "wall", 1.3, apps.REUPLOADED_SYNCED),
)
LONG_GOALS = (
    Goal(apps.FAST_UNSYNCED, "cpu", 0.42, apps.REUPLOADED),
    Goal(apps.FAST_UNSYNCED, "cpu", 1.35, apps.COPY),
    Goal(apps.FAST_UNSYNCED_UNHASHED, "cpu", 0.42, apps.REUPLOADED),
    Goal(apps.FAST_UNSYNCED_UNHASHED, "cpu", 1.35, apps.COPY),
    Goal(apps.FAST, "cpu", 0.42, apps.REUPLOADED_SYNCED),
    Goal(apps.FAST, "cpu", 1.35, apps.COPY_SYNCED),
    Goal(apps.FAST_UNHASHED, "cpu", 0.42, apps.REUPLOADED_SYNCED),
    Goal(apps.FAST_UNHASHED, "cpu", 1.35, apps.COPY_SYNCED),
)
#: Every byte once, and one in a hundred for what goes with it.
ONCE = 1.01


def goals(size: int, server: str) -> tuple[Goal, ...]:
    """Return what is aimed at; what a web server itself costs is no aim of ours."""
    if server != IN_PROCESS:
        return ()
    if size == 10 * KIB:
        return SMALL_GOALS
    once = Goal(apps.FAST, "wchar", ONCE * size, kind="plain")
    return (*LONG_GOALS, once) if size >= 256 * MIB else ()


def trials(scale: Scale) -> list[Trial]:
    """Return a trial for each size, in this process and under each web server."""
    return [
        Trial(
            f"{human_size(size)}, {server}",
            tuple(poster(name, size, server) for name in NAMES),
            peer=apps.REUPLOADED,
            calls=scale.calls({10 * KIB: 200, MIB: 20}.get(size, 1)),
            size=size,
            goals=goals(size, server),
        )
        for server in (IN_PROCESS, *SERVERS)
        for size in scale.sizes([10 * KIB], [MIB, 256 * MIB], [GIB])
    ]


CASE = Case(
    "form_to_disk",
    "A form into a folder",
    "A form with a photo and a caption is posted to an app that stores the photo in a folder; every post has a new "
    "name, and a new boundary, as browsers and other clients make one for each form: Werkzeug's parser compiles two "
    "patterns for it. In process, the body is made while it is read. Under a web server with one worker, the client is "
    "another process, and CPU, memory and bytes are the server's. *Copy of the body* parses "
    "nothing: it writes the whole body to a file. Only contestants that say so flush to the disk, and uploadkit unless "
    "it says that it does not.",
    trials,
)
