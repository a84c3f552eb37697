"""Upload sets: named places for files of some kinds."""

from __future__ import annotations

import os
from collections.abc import Callable, Container, Iterable
from contextlib import suppress
from inspect import iscoroutinefunction
from typing import TYPE_CHECKING, Any, TypeVar, cast, overload

from flask import current_app

from .candidate import Validator
from .config import UploadConfiguration
from .conflicts import free_name
from .exceptions import NotConfiguredError
from .filetypes import DEFAULTS, as_extensions, extension
from .keys import join
from .limiting import ViewT, limited, request_limit
from .names import clean_filename
from .operations import exists
from .remotepath import RemotePath
from .scoped import ScopedSet
from .sizes import parse_size
from .targets import Authorizer, Rules, default_hook, read_folder
from .verbs import FileVerbs

if TYPE_CHECKING:
    from flask import Flask

    from .signers.request import URLSigner


AuthorizerT = TypeVar("AuthorizerT", bound=Authorizer)


class UploadSet(FileVerbs):
    """A named place for uploaded files. It knows no app: one set may serve several, each with its configuration.

    `get_basename`, `file_allowed`, `extension_allowed` and `resolve_conflict` may be overridden; what they return is
    cleaned and checked again, on every backend.

    :param name: Letters and digits; the settings are called ``UPLOADED_<NAME>_…``.
    :param extensions: The extensions to accept, without dots: a tuple such as ``IMAGES``, any container, or one
        extension as text.
    :param default_dest: A function that takes the app and returns the destination for apps that configure none.
    :param validators: What looks at each file before it is stored; those of the configuration come after them.
    :param url_signer: Makes the signed URLs, instead of the backend, where the configuration names no other.
    :raises ValueError: if ``name`` has other characters.
    """

    def __init__(
        self,
        name: str = "files",
        extensions: Container[str] = DEFAULTS,
        default_dest: Callable[[Flask], Any] | None = None,
        *,
        url_signer: URLSigner | None = None,
        validators: Iterable[Validator] = (),
    ) -> None:
        if not name.isalnum():
            raise ValueError(f"Name must be alphanumeric (no underscores), not {name!r}")
        self.name = name
        self.extensions = extensions
        self.default_dest = default_dest
        self.url_signer = url_signer
        self.validators: tuple[Validator, ...] = tuple(validators)
        #: Who may have the files by the route; see `authorize`.
        self.authorizer: Authorizer | None = None
        self._config: UploadConfiguration | None = None

    def __repr__(self) -> str:
        return f"<UploadSet {self.name!r}>"

    @property
    def config(self) -> UploadConfiguration:
        """The configuration under the current app.

        In tests, an `UploadConfiguration` assigned to ``_config`` takes its place, and no app is needed.

        :raises NotConfiguredError: (a `RuntimeError`) if the app was not configured for this set.
        :raises RuntimeError: outside of an app context.
        """
        if self._config is not None:
            return self._config
        app = cast("Any", current_app)._get_current_object()  # noqa: SLF001 - Flask's documented way, and the quickest
        configured: dict[str, UploadConfiguration] | None = getattr(app, "upload_set_config", None)
        if configured is None:
            raise NotConfiguredError(
                "The application is not properly configured. Please make sure to use `configure_uploads`."
            )
        found = configured.get(self.name)
        if found is None:
            raise NotConfiguredError(
                f"The application is not properly configured: upload set {self.name!r} was not given to "
                f"`configure_uploads`, only {', '.join(map(repr, configured)) or 'none'}."
            )
        return found

    @default_hook
    def get_basename(self, filename: str) -> str:
        """Return the name to store a file under that the visitor calls ``filename``; override to make your own.

        :raises InvalidFilenameError: if no safe name can be made.
        """
        with suppress(RuntimeError):
            return clean_filename(filename, self.config.settings.names)
        return clean_filename(filename)

    @default_hook
    def file_allowed(self, storage: Any, basename: str) -> bool:
        """Whether a file may be stored under ``basename``; override to decide by more than its extension.

        :param storage: The upload. Flask-WTF's ``FileAllowed`` gives a list of them; do not read the stream here.
        :param basename: The name exactly as it would be stored.
        """
        return self.extension_allowed(extension(basename))

    @default_hook
    def extension_allowed(self, ext: str) -> bool:
        """Whether files with this extension (no dot; empty for none) may be stored. ``allow`` beats ``deny``."""
        config = self.config
        if ext in as_extensions(config.allow):
            return True
        return ext in as_extensions(self.extensions) and ext not in as_extensions(config.deny)

    @default_hook
    def resolve_conflict(self, target_folder: str, basename: str) -> str:
        """Return another name for a file whose name is taken; override to make your own.

        If an override returns ``basename`` itself, the stored file is overwritten.

        :param target_folder: The absolute folder on a local set; elsewhere the folder within the set.
        :param basename: The name that is taken.
        """
        if isinstance(self.config.backend.path(""), RemotePath):
            return free_name(basename, lambda name: exists(self.config.backend, join(target_folder, name)))
        return free_name(basename, lambda name: os.path.exists(os.path.join(target_folder, name)))

    def authorize(self, may_have: AuthorizerT) -> AuthorizerT:
        """Let a function decide who may have files of this set by the route; a decorator.

        It is called within the request with the filename. True lets the visitor have the file. False or None answers
        with the same 404 as for a missing file. A response, such as a redirect to the login, is sent as it is; the
        function may also end the request with `flask.abort`. Anything else is an error. Signed links are not asked
        about. Nobody may keep the answers.

        :param may_have: The function; no coroutine.
        :raises TypeError: if it is none.
        """
        if not callable(may_have) or iscoroutinefunction(may_have):
            raise TypeError(f"authorize() takes a function that is no coroutine, not {may_have!r:.60}")
        self.authorizer = may_have
        return may_have

    @overload
    def limit(self, view: ViewT, /) -> ViewT: ...
    @overload
    def limit(self, /, *, max_size: int | str | None = None, files: int = 1) -> Callable[[ViewT], ViewT]: ...
    def limit(self, view: Any = None, /, *, max_size: int | str | None = None, files: int = 1) -> Any:
        """Limit the requests of a view to what files of this set may have, whatever ``MAX_CONTENT_LENGTH`` says.

        A decorator, with brackets or without. It raises or lowers ``request.max_content_length`` to the longest file,
        times ``files``, and 1 MiB for what else is in a form; longer requests are answered with 413. It holds before
        ``before_request`` functions too, which may read the form. Put it below ``route()``.

        :param max_size: The longest file, in bytes or as text such as ``"5 MB"``; None means the set's ``MAX_SIZE``.
            This limits requests; what the set accepts stays as it is configured.
        :param files: How many files of that length a request may have.
        :raises ConfigError: within the request, if neither the set nor this says how long files may be.
        :raises ValueError: if ``max_size`` is no size, or ``files`` no whole number above zero.
        :raises TypeError: if what is decorated is no function.
        """
        if view is not None and not callable(view):
            raise TypeError(f"limit() decorates a view; a length is given by name: limit(max_size={view!r:.40})")
        longest = None if max_size is None else parse_size(max_size)
        if not isinstance(files, int) or isinstance(files, bool) or files < 1:
            raise ValueError(f"files must be a whole number from 1, not {files!r}")

        def decorate(undecorated: ViewT) -> ViewT:
            return limited(undecorated, lambda: request_limit(self, longest, files))

        return decorate if view is None else decorate(view)

    def scoped(self, prefix: str) -> ScopedSet:
        """Return a view of the set below a folder: its verbs take and return names relative to that folder.

        :param prefix: The folder, such as ``"tenants/42"``; segments are cleaned one by one.
        :raises InvalidKeyError: if it is empty.
        """
        return ScopedSet(self, read_folder(prefix, self.config.settings.names))

    @property
    def _rules(self) -> Rules:
        return self
