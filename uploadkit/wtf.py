"""Upload sets in forms of Flask-WTF and WTForms."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from werkzeug.datastructures import FileStorage

from .exceptions import UploadNotAllowed
from .verbs import FileVerbs

Messages = Mapping[str, Any] | Callable[[UploadNotAllowed], Any]


class UploadAllowed:
    """Lets a form refuse what an upload set would refuse, with the set's own reasons.

    ``FileAllowed`` of Flask-WTF looks at extensions only; this is everything that ``photos.save`` looks at: name,
    extension, length, content and validators. A field with no file chosen passes; ``FileRequired`` is for that.

    For `FileField` and `MultipleFileField`.

    :param upload_set: The set, a view of one, or a function that returns one within the request.
    :param messages: What to say instead, by the refusal's ``code``; the values may be lazy translations. Or a function
        that takes the `UploadNotAllowed`.
    """

    def __init__(self, upload_set: FileVerbs | Callable[[], FileVerbs], messages: Messages | None = None) -> None:
        self._upload_set = upload_set
        self._messages: Messages = {} if messages is None else messages

    def __call__(self, form: Any, field: Any) -> None:
        """Refuse the field's files.

        :raises StopValidation: with what the visitor is to read.
        """
        from wtforms.validators import StopValidation  # late: who has no forms need not install it

        upload_set = self._upload_set if isinstance(self._upload_set, FileVerbs) else self._upload_set()
        for storage in _files(field.data):
            try:
                upload_set.check(storage)
            except UploadNotAllowed as error:
                raise StopValidation(self._message(error)) from error

    def _message(self, error: UploadNotAllowed) -> Any:
        if callable(self._messages):
            return self._messages(error)
        return self._messages.get(error.code, error.reason)


def _files(data: Any) -> Iterable[FileStorage]:
    """Return the files that were chosen; browsers send an empty one for none."""
    found = data if isinstance(data, (list, tuple)) else (data,)
    return (each for each in found if isinstance(each, FileStorage) and each.filename)
