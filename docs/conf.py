"""Sphinx's configuration: ``sphinx-build -W --keep-going -b html docs docs/_build``."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sphinx.application import Sphinx

ROOT = Path(__file__).parent.parent
HIDDEN = re.compile(r"<!-- invisible-code-block.*?-->\n", re.DOTALL)
sys.path.insert(0, str(ROOT))

project = "uploadkit"
author = "The uploadkit authors"
copyright = author
release = re.findall(r'(?m)^__version__ = "(.+)"', (ROOT / "uploadkit/__init__.py").read_text(encoding="utf-8"))[0]

extensions = ["myst_parser", "sphinx.ext.autodoc"]
exclude_patterns = ["_build"]
html_theme = "furo"
html_title = f"uploadkit {release}"

myst_heading_anchors = 3
default_role = "py:obj"
autodoc_member_order = "bysource"
autodoc_typehints_format = "short"
autodoc_preserve_defaults = True
# What the contract kit and the backends need, and their pages do not:
autodoc_mock_imports = ["pytest", "boto3", "botocore", "urllib3", "requests", "google", "google_crc32c"]
autodoc_default_options = {"members": True}
python_use_unqualified_type_names = True


def setup(app: Sphinx) -> None:
    """Leave out of the pages what only their tests need."""
    app.connect("source-read", lambda _, __, source: source.__setitem__(0, HIDDEN.sub("", source[0])))
