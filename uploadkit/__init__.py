"""uploadkit: uploads for Flask with pluggable storage.

The names of Flask-Uploads come first; everything else is uploadkit's own.
"""

from importlib import import_module
from typing import TYPE_CHECKING

from werkzeug.datastructures import FileStorage
from werkzeug.utils import secure_filename

from .backends.protocol import Backend
from .config import UploadConfiguration, addslash, config_for_set
from .configure import Uploads, configure_uploads, patch_request_class
from .exceptions import (
    AlreadyExistsError,
    BackendError,
    ConfigError,
    DurabilityUncertainError,
    IntegrityError,
    InvalidFilenameError,
    InvalidKeyError,
    NotConfiguredError,
    NotFoundError,
    NotSupportedError,
    PermissionDeniedError,
    PreconditionError,
    UnavailableError,
    UploadKitError,
    UploadNotAllowed,
)
from .filetypes import (
    ALL,
    ARCHIVES,
    AUDIO,
    DATA,
    DEFAULTS,
    DOCUMENTS,
    EXECUTABLES,
    IMAGES,
    SCRIPTS,
    SOURCE,
    TEXT,
    All,
    AllExcept,
    extension,
    lowercase_ext,
)
from .models import FileInfo, LinkOptions, SaveOptions, SignedURL
from .remotepath import RemotePath
from .scoped import ScopedSet
from .settings import NamingFunction, OnConflict
from .signals import UploadEvent, upload_deleted, upload_failed, upload_refused, upload_released, upload_saved
from .templating import upload_url
from .test_helper import TestingFileStorage
from .uploadset import UploadSet
from .web.blueprint import uploaded_file, uploads_mod

if TYPE_CHECKING:
    from .forms.receiving import IncomingFile, IncomingForm, ReceivedFile, receive

__version__ = "0.1.0"

__all__ = [  # noqa: RUF022 - the drop-in names first
    "UploadSet",
    "UploadConfiguration",
    "UploadNotAllowed",
    "configure_uploads",
    "config_for_set",
    "TestingFileStorage",
    "addslash",
    "extension",
    "lowercase_ext",
    "All",
    "ALL",
    "AllExcept",
    "TEXT",
    "DOCUMENTS",
    "IMAGES",
    "AUDIO",
    "DATA",
    "SCRIPTS",
    "ARCHIVES",
    "SOURCE",
    "EXECUTABLES",
    "DEFAULTS",
    "uploads_mod",
    "uploaded_file",
    "patch_request_class",
    "secure_filename",
    "FileStorage",
    "Uploads",
    "Backend",
    "OnConflict",
    "NamingFunction",
    "ScopedSet",
    "FileInfo",
    "SaveOptions",
    "LinkOptions",
    "SignedURL",
    "upload_url",
    "receive",
    "IncomingForm",
    "IncomingFile",
    "ReceivedFile",
    "UploadEvent",
    "upload_saved",
    "upload_refused",
    "upload_deleted",
    "upload_released",
    "upload_failed",
    "RemotePath",
    "UploadKitError",
    "InvalidFilenameError",
    "ConfigError",
    "NotConfiguredError",
    "BackendError",
    "NotFoundError",
    "AlreadyExistsError",
    "PermissionDeniedError",
    "InvalidKeyError",
    "PreconditionError",
    "IntegrityError",
    "DurabilityUncertainError",
    "UnavailableError",
    "NotSupportedError",
]

#: Where they are: apps that take forms in one piece do not wait for it.
_LATE = dict.fromkeys(("receive", "IncomingForm", "IncomingFile", "ReceivedFile"), "uploadkit.forms.receiving")

if not TYPE_CHECKING:  # else type checkers believe that the module has every name

    def __getattr__(name: str) -> object:
        if name not in _LATE:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        return getattr(import_module(_LATE[name]), name)
