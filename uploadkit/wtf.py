"""Upload sets in forms of Flask-WTF and WTForms."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from markupsafe import Markup
from werkzeug.datastructures import FileStorage

from .exceptions import UploadNotAllowed
from .names import presentable
from .verbs import FileVerbs

Messages = Mapping[str, Any] | Callable[[UploadNotAllowed], Any]


class UploadAllowed:
    """Lets a form refuse what an upload set would refuse, with the set's own reasons.

    ``FileAllowed`` of Flask-WTF looks at extensions only; this is everything that ``photos.save`` looks at: name,
    extension, length, content and validators. A field with no file chosen passes; ``FileRequired`` is for that.

    For `FileField` and `MultipleFileField`; where several files were chosen, the reason begins with the name of the one
    that is refused.

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
        chosen = _files(field.data)
        for storage in chosen:
            try:
                upload_set.check(storage)
            except UploadNotAllowed as error:
                message = self._message(error)
                raise StopValidation(message if len(chosen) == 1 else _of_file(storage, message)) from error

    def _message(self, error: UploadNotAllowed) -> Any:
        if callable(self._messages):
            return self._messages(error)
        return self._messages.get(error.code, error.reason)


def _files(data: Any) -> list[FileStorage]:
    """Return the files that were chosen; browsers send an empty one for none."""
    found = data if isinstance(data, (list, tuple)) else (data,)
    return [each for each in found if isinstance(each, FileStorage) and each.filename]


def _of_file(storage: FileStorage, message: Any) -> str:
    """Say which file a message is about. Where the message is HTML, the visitor's name for the file is escaped."""
    template = Markup("{}: {}") if hasattr(message, "__html__") else "{}: {}"
    return template.format(presentable(storage.filename or ""), message)
