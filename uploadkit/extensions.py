"""The presets and helpers of `filetypes`, under the module name that Flask-Reuploaded has for them."""

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

__all__ = [
    "ALL",
    "ARCHIVES",
    "AUDIO",
    "DATA",
    "DEFAULTS",
    "DOCUMENTS",
    "EXECUTABLES",
    "IMAGES",
    "SCRIPTS",
    "SOURCE",
    "TEXT",
    "All",
    "AllExcept",
    "extension",
    "lowercase_ext",
]
