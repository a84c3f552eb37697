"""Runs the code examples of README.md, CONTRIBUTING.md and docs/ as tests, each page in a folder of its own."""

from __future__ import annotations

import os
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from sybil import Sybil
from sybil.parsers.myst import PythonCodeBlockParser, SkipParser

pytest_plugins = ["tests.matrix"]


def begin_page(namespace: dict[str, Any]) -> None:
    """Work in an empty folder; what enters the page's ``cleanup`` leaves when the page ends."""
    cleanup = namespace["cleanup"] = ExitStack()
    namespace["PAGES"] = str(Path(__file__).with_name("docs"))  # some pages check their own tables
    namespace["__name__"] = "__main__"  # what a reader's program is called; Flask looks for it
    folder = cleanup.enter_context(tempfile.TemporaryDirectory(prefix="uploadkit-docs-"))
    cleanup.callback(os.chdir, os.getcwd())
    os.chdir(folder)


def end_page(namespace: dict[str, Any]) -> None:
    """Undo what the page did."""
    namespace["cleanup"].close()


pytest_collect_file = Sybil(
    parsers=[PythonCodeBlockParser(), SkipParser()],
    patterns=["README.md", "CONTRIBUTING.md", "docs/*.md", "docs/**/*.md"],
    setup=begin_page,
    teardown=end_page,
).pytest()
