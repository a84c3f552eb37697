"""For code that cannot be edited: lets ``import flask_uploads`` find uploadkit.

Call `install` before anything imports ``flask_uploads``.
"""

from __future__ import annotations

import sys
from importlib.machinery import ModuleSpec
from types import ModuleType

import uploadkit

from . import exceptions, extensions, test_helper
from .web import blueprint

_NAME = "flask_uploads"


def install() -> None:
    """Make ``flask_uploads`` and its submodules importable, with everything that uploadkit exports; once is enough.

    :raises RuntimeError: if another ``flask_uploads`` was imported before; its objects would be mixed with ours.
    """
    there = sys.modules.get(_NAME)
    if getattr(there, "__uploadkit__", False) is True:
        return
    if there is not None:
        raise RuntimeError("another flask_uploads is imported already; call uploadkit.compat.install() before that")
    package = _module(_NAME, uploadkit)
    package.__path__ = []
    for name, source in (
        ("flask_uploads", uploadkit),
        ("exceptions", exceptions),
        ("extensions", extensions),
        ("test_helper", test_helper),
    ):
        setattr(package, name, _module(f"{_NAME}.{name}", source))


def _defined_in(source: ModuleType) -> list[str]:
    return [word for word, value in vars(source).items() if getattr(value, "__module__", None) == source.__name__]


def _module(name: str, source: ModuleType) -> ModuleType:
    module = ModuleType(name, source.__doc__)
    module.__spec__ = ModuleSpec(name, loader=None, is_package=name == _NAME)  # importlib's find_spec() asks for it
    public = getattr(source, "__all__", None) or _defined_in(source)
    module.__dict__.update({word: getattr(source, word) for word in public})
    module.__dict__.update(
        uploads_mod=blueprint.uploads_mod,
        uploaded_file=blueprint.uploaded_file,
        __all__=list(public),
        __uploadkit__=True,
    )
    sys.modules[name] = module
    return module
