"""``uploadkit.compat.install()``: code that cannot be edited goes on importing ``flask_uploads``.

Each case runs in an interpreter of its own, for what is imported stays imported.
"""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

import uploadkit

INSTALL = "import uploadkit.compat; uploadkit.compat.install()\n"


def run(code: str, *folders: Path) -> str:
    """Run a program with every warning an error; return what it printed."""
    path = os.pathsep.join(map(str, [*folders, Path(uploadkit.__file__).parent.parent]))
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", textwrap.dedent(code)],
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return done.stdout.strip()


def test_importing_the_module_alone_installs_nothing():
    assert run("import sys, uploadkit, uploadkit.compat; print('flask_uploads' in sys.modules)") == "False"


def test_everything_that_uploadkit_exports_is_there_as_the_same_objects():
    code = """
        import flask_uploads
        print([name for name in uploadkit.__all__ if getattr(flask_uploads, name) is not getattr(uploadkit, name)])
    """
    assert run(INSTALL + textwrap.dedent(code)) == "[]"


@pytest.mark.parametrize(
    "statement",
    [
        "from flask_uploads import UploadSet, configure_uploads, IMAGES, patch_request_class",
        "from flask_uploads import UploadNotAllowed, UploadConfiguration, config_for_set, All, ALL, AllExcept, SOURCE",
        "from flask_uploads import uploads_mod, uploaded_file, addslash, extension, lowercase_ext, TestingFileStorage",
        "from flask_uploads.flask_uploads import uploads_mod, uploaded_file, UploadSet",
        "from flask_uploads.extensions import IMAGES, DEFAULTS, AllExcept, extension, lowercase_ext",
        "from flask_uploads.exceptions import UploadNotAllowed",
        "from flask_uploads.test_helper import TestingFileStorage",
        "import flask_uploads as uploads; uploads.UploadSet('photos', uploads.IMAGES)",
        "import flask_uploads.extensions; flask_uploads.extensions.IMAGES",
        "import importlib; importlib.import_module('flask_uploads.test_helper').TestingFileStorage()",
    ],
)
def test_the_imports_that_apps_have_work(statement: str):
    assert run(INSTALL + statement + "\nprint('imported')") == "imported"


def test_a_star_import_brings_the_old_names():
    code = """
        from flask_uploads import *
        print(UploadSet is uploadkit.UploadSet, UploadNotAllowed is uploadkit.UploadNotAllowed, "jpg" in IMAGES)
    """
    assert run(INSTALL + textwrap.dedent(code)) == "True True True"


def test_the_submodules_have_the_same_objects():
    code = """
        from flask_uploads import exceptions, extensions, flask_uploads, test_helper
        print(
            exceptions.UploadNotAllowed is uploadkit.UploadNotAllowed,
            extensions.IMAGES is uploadkit.IMAGES,
            test_helper.TestingFileStorage is uploadkit.TestingFileStorage,
            flask_uploads.uploads_mod is uploadkit.uploads_mod,
            flask_uploads.uploaded_file is uploadkit.uploaded_file,
        )
    """
    assert run(INSTALL + textwrap.dedent(code)) == "True True True True True"


def test_it_beats_a_flask_uploads_that_is_on_disk(tmp_path: Path):
    tmp_path.joinpath("flask_uploads.py").write_text("raise AssertionError('the other one')")
    code = INSTALL + "import flask_uploads\nprint(flask_uploads.UploadSet is uploadkit.UploadSet)"
    assert run(code, tmp_path) == "True"


def test_it_refuses_to_mix_with_another_flask_uploads_that_was_imported_before(tmp_path: Path):
    tmp_path.joinpath("flask_uploads.py").write_text("OTHER = True")
    code = """
        import sys
        import flask_uploads
        import uploadkit.compat
        try:
            uploadkit.compat.install()
        except RuntimeError as error:
            print("flask_uploads" in str(error), sys.modules["flask_uploads"].OTHER)
    """
    assert run(code, tmp_path) == "True True"


def test_it_can_be_called_again_and_what_was_imported_stays_the_module():
    code = """
        import flask_uploads
        from flask_uploads import extensions
        uploadkit.compat.install()
        import sys
        print(sys.modules["flask_uploads"] is flask_uploads, sys.modules["flask_uploads.extensions"] is extensions)
    """
    assert run(INSTALL + textwrap.dedent(code)) == "True True"


def test_code_that_looks_whether_flask_uploads_is_there_finds_it():
    code = """
        import importlib.util
        print(importlib.util.find_spec("flask_uploads") is not None)
        print(importlib.util.find_spec("flask_uploads.extensions") is not None)
    """
    assert run(INSTALL + textwrap.dedent(code)).split() == ["True", "True"]


def test_a_submodule_that_does_not_exist_is_an_import_error():
    code = """
        try:
            import flask_uploads.nothing
        except ImportError as error:
            print(type(error).__name__)
    """
    assert run(INSTALL + textwrap.dedent(code)) == "ModuleNotFoundError"


def test_a_set_made_through_it_is_caught_and_configured_by_either_name(tmp_path: Path):
    code = f"""
        import io
        from flask import Flask
        from flask_uploads import IMAGES, UploadNotAllowed, UploadSet, configure_uploads
        from werkzeug.datastructures import FileStorage

        app = Flask("app")
        app.config.update(UPLOADED_PHOTOS_DEST={str(tmp_path)!r}, MAX_CONTENT_LENGTH=1_000_000)
        photos = UploadSet("photos", IMAGES)
        configure_uploads(app, photos)
        with app.app_context():
            print(photos.save(FileStorage(io.BytesIO(b"x"), "a.jpg")))
            try:
                photos.save(FileStorage(io.BytesIO(b"x"), "a.exe"))
            except uploadkit.UploadNotAllowed as error:
                print(isinstance(error, UploadNotAllowed))
    """
    assert run(INSTALL + textwrap.dedent(code)).split() == ["a.jpg", "True"]
    assert (tmp_path / "a.jpg").read_bytes() == b"x"
