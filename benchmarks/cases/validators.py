"""What the look at the content costs."""

from __future__ import annotations

import io
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

from flask import Flask

from benchmarks.harness.model import Case, Contestant, Job, Scale, Trial

SIZES = {"10 MB": 10_000_000, "100 kB": 100_000}
#: The beginnings of files; the last two are the most work.
STARTS = {
    "a.jpg": b"\xff\xd8\xff\xe0\x00\x10JFIF\x00",
    "a.pdf": b"%PDF-1.7\n",
    "a.docx": b"PK\x03\x04" + bytes(22) + b"\x11\x00\x00\x00word/document.xml",
    "a.mp3": b"ID3\x04\x00\x00",
    "a.txt": b"",
    "a.xls": b"<table>",
}
SAVE = "save without a check"


def content(name: str, size: int) -> bytes:
    """Return a file of that kind and size."""
    text = name.endswith(("txt", "xls"))
    body = "Ein Satz über <b>.\n".encode() * (size // 20 + 1) if text else os.urandom(size)
    return (STARTS[name] + body)[:size]


@contextmanager
def saving(size: int) -> Iterator[Job]:
    """Make ready what stores a file that nobody looks into."""
    from uploadkit import ALL, UploadSet, configure_uploads

    app, files, data = Flask("benchmark"), UploadSet("files", ALL), content("a.jpg", size)
    with tempfile.TemporaryDirectory() as folder, app.app_context():
        app.config.update(UPLOADED_FILES_DEST=folder, UPLOADED_FILES_CONTENT_CHECK=False)
        configure_uploads(app, files)
        yield Job(lambda: files.put(io.BytesIO(data), "a.jpg", on_conflict="overwrite"))


@contextmanager
def checking(name: str, size: int) -> Iterator[Job]:
    """Make ready what judges a file."""
    from uploadkit.filetypes import content_type_for
    from uploadkit.validators import Candidate
    from uploadkit.validators.content import default_content_check

    data, media_type = content(name, size), content_type_for(name)
    yield Job(lambda: default_content_check(Candidate(name, media_type, io.BytesIO(data), len(data))))


def trials(scale: Scale) -> list[Trial]:
    """Return a trial for each size."""
    return [
        Trial(
            label,
            (
                Contestant(SAVE, partial(saving, size)),
                *(Contestant(f"check of {name[2:]}", partial(checking, name, size)) for name in STARTS),
            ),
            peer=SAVE,
            calls=scale.calls(50),
        )
        for label, size in SIZES.items()
    ]


CASE = Case(
    "validators",
    "The look at the content",
    "The default check of the content, on kinds of files from the easiest to the most work, beside a local save of the "
    "same size with fsync and without the check.",
    trials,
)
