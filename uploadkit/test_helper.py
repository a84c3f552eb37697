"""`TestingFileStorage`, under the module name that Flask-Reuploaded has for it."""

from __future__ import annotations

from typing import IO, Any

from werkzeug.datastructures import FileStorage


class TestingFileStorage(FileStorage):
    """An upload for an app's tests: ``save`` only notes where it was asked to write, in ``saved``.

    :param stream: The content; empty by default.
    :param filename: The name the visitor's browser sent.
    :param name: The name of the form field.
    :param content_type: The type the browser claimed.
    :param content_length: The length the browser claimed.
    :param headers: Ignored, as ever.
    """

    __test__ = False  # pytest would take it for a test class by its name

    def __init__(
        self,
        stream: IO[bytes] | None = None,
        filename: str | None = None,
        name: str | None = None,
        content_type: str = "application/octet-stream",
        content_length: int = -1,
        headers: Any = None,
    ) -> None:
        super().__init__(stream, filename, name=name, content_type=content_type, content_length=content_length)
        #: Where the file would have been written: a full path, or the name of the file object that was given.
        self.saved: str | None = None

    def save(self, dst: Any, buffer_size: int = 16384) -> None:
        """Note the destination and write nothing.

        :param dst: A path, or a file object with a ``name``.
        :param buffer_size: Ignored.
        """
        self.saved = dst if isinstance(dst, str) else dst.name
