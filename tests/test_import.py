"""What an app waits for when it starts: `import uploadkit` and the configuration of its local sets."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import uploadkit
import uploadkit.signers
from uploadkit.signers.cloudfront import CloudFrontSigner

START = """
import sys
from flask import Flask
import uploadkit
app = Flask("app")
app.config.update(UPLOADED_PHOTOS_DEST=sys.argv[1], MAX_CONTENT_LENGTH=1)
photos = uploadkit.UploadSet("photos", uploadkit.IMAGES)
uploadkit.configure_uploads(app, photos)
"""


def loaded_after(program: str, folder: Path) -> set[str]:
    """Return the names of the modules that a new process has loaded when it has run ``program``."""
    program += "\nprint('loaded:', *sys.modules)"
    told = subprocess.run(
        [sys.executable, "-c", program, folder], capture_output=True, text=True, check=True, timeout=60
    )
    return set(told.stdout.rpartition("loaded:")[2].split())


def test_an_app_with_local_sets_starts_without_what_only_files_or_other_stores_need(tmp_path: Path):
    loaded = loaded_after(START, tmp_path)
    assert "uploadkit.backends.local" in loaded
    late = {
        *("boto3", "botocore", "google.cloud", "google.auth", "cryptography", "PIL"),
        *("uploadkit.backends.s3", "uploadkit.backends.gcs", "uploadkit.signers.cloudfront"),
        *("uploadkit.validators.honesty", "uploadkit.validators.sniffing"),
        *("uploadkit.forms.receiving", "uploadkit.directmodels", "uploadkit.signers.request"),
    }
    assert loaded & late == set()


def test_the_first_file_is_judged_all_the_same(tmp_path: Path):
    save = """
import io
with app.app_context():
    try:
        photos.put(b"MZ" + bytes(100), "program.jpg")
    except uploadkit.UploadNotAllowed as error:
        print(error.code)
"""
    assert "uploadkit.validators.honesty" in loaded_after(
        START + save + "    assert not photos.exists('program.jpg')", tmp_path
    )


def test_what_is_loaded_late_can_be_imported_as_all_else() -> None:
    from uploadkit import IncomingForm, receive
    from uploadkit.forms import receiving

    assert (IncomingForm, receive) == (receiving.IncomingForm, receiving.receive)
    assert all(hasattr(uploadkit, name) for name in uploadkit.__all__)
    with pytest.raises(AttributeError, match="no attribute 'recieve'"):
        uploadkit.recieve  # type: ignore[attr-defined]  # noqa: B018 - that is what fails


def test_a_signer_that_is_loaded_late_is_the_one_of_its_module():
    assert uploadkit.signers.CloudFrontSigner is CloudFrontSigner
    with pytest.raises(AttributeError, match="no attribute 'CloudFlareSigner'"):
        uploadkit.signers.CloudFlareSigner  # type: ignore[attr-defined]  # noqa: B018
