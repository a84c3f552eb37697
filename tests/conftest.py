"""What all tests share."""

from __future__ import annotations

import pytest
from flask import Flask


@pytest.fixture
def app() -> Flask:
    """A fresh app with nothing configured."""
    app = Flask("tests")
    app.config.update(TESTING=True, SECRET_KEY="tests")
    return app
