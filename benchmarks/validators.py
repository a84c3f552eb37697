"""What the check of the content costs, beside a local save of the same file without it.

Run it with ``python benchmarks/validators.py``. Each kind of content takes turns with the save.
"""

from __future__ import annotations

import io
import os
import tempfile
import time
from collections.abc import Callable
from statistics import median

from flask import Flask

from uploadkit import ALL, UploadSet, configure_uploads
from uploadkit.filetypes import content_type_for
from uploadkit.validators import Candidate
from uploadkit.validators.content import ContentType, default_content_check

ROUNDS = 41
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


def content(name: str, size: int) -> bytes:
    """Return a file of that kind and size."""
    text = name.endswith(("txt", "xls"))
    body = "Ein Satz über <b>.\n".encode() * (size // 20 + 1) if text else os.urandom(size)
    return (STARTS[name] + body)[:size]


def seconds(work: Callable[[], object]) -> float:
    """Return how long something takes."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def saving(uploads: UploadSet, name: str, data: bytes) -> Callable[[], object]:
    """Return what stores a file."""
    return lambda: uploads.put(io.BytesIO(data), name, on_conflict="overwrite")


def checking(check: ContentType, name: str, data: bytes) -> Callable[[], object]:
    """Return what judges a file."""
    return lambda: check(Candidate(name, content_type_for(name), io.BytesIO(data), len(data)))


def measure(uploads: UploadSet, name: str, size: int) -> str:
    """Return a line of the table: medians of rounds that take turns."""
    data = content(name, size)
    works = saving(uploads, name, data), checking(default_content_check, name, data)
    rounds = [[seconds(work) for work in works] for _ in range(ROUNDS)]
    save, check = (median(column) for column in zip(*rounds, strict=True))
    return f"{name:8} save {save * 1e3:7.3f} ms   check {check * 1e3:6.3f} ms   {check / save:6.1%}"


def main() -> None:
    app, uploads = Flask("benchmark"), UploadSet("files", ALL)
    with tempfile.TemporaryDirectory() as folder, app.app_context():
        app.config["UPLOADED_FILES_DEST"] = folder
        app.config["UPLOADED_FILES_CONTENT_CHECK"] = False  # it is what is measured
        configure_uploads(app, uploads)
        for label, size in SIZES.items():
            print(label)
            for name in STARTS:
                print("  " + measure(uploads, name, size))


if __name__ == "__main__":
    main()
