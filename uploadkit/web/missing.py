"""What a view raises for a file that is not there: our error for code that looks for it, else Flask's 404."""

from __future__ import annotations

from werkzeug.exceptions import NotFound
from werkzeug.wrappers import Response

from ..exceptions import BackendError, InvalidKeyError, NotFoundError


class FileNotThere(NotFoundError, NotFound):
    """There is no such file; where nobody catches it, the request is answered with 404."""

    response: Response | None = None


class NameOfNoFile(InvalidKeyError, NotFound):
    """There can be no such file; where nobody catches it, the request is answered with 404."""

    response: Response | None = None


def as_not_found(error: NotFoundError | InvalidKeyError) -> BackendError:
    """Return the same error as one that Flask answers with 404."""
    kind = FileNotThere if isinstance(error, NotFoundError) else NameOfNoFile
    return kind(error.message, key=error.key, backend=error.backend)
