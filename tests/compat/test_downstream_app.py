"""A small app that knows only Flask-Uploads, unedited, run on uploadkit and used over real HTTP."""

from __future__ import annotations

import hashlib
import http.client
import os
import random
import re
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import requests

import uploadkit

APP = """
import os

from flask import Flask, abort, flash, jsonify, redirect, render_template_string, request, url_for
from flask_uploads import (
    ALL, DOCUMENTS, IMAGES, TEXT, UploadNotAllowed, UploadSet, configure_uploads, patch_request_class,
)
from flask_wtf import FlaskForm
from flask_wtf.file import FileAllowed, FileField, FileRequired
from wtforms import SubmitField

photos = UploadSet("photos", IMAGES)
docs = UploadSet("docs", TEXT + DOCUMENTS, default_dest=lambda app: os.path.join(app.instance_path, "docs"))
anything = UploadSet("anything", ALL)


class PhotoForm(FlaskForm):
    photo = FileField("Photo", validators=[FileRequired("Choose a file!"), FileAllowed(photos, "Images only!")])
    submit = SubmitField("Upload")


def create_app(folder):
    app = Flask(__name__, instance_path=os.path.join(folder, "instance"))
    app.config.update(
        SECRET_KEY="not secret",
        WTF_CSRF_ENABLED=False,
        UPLOADED_PHOTOS_DEST=os.path.join(folder, "photos"),
        UPLOADED_PHOTOS_DENY=("svg",),
        UPLOADED_ANYTHING_DEST=os.path.join(folder, "anything"),
        UPLOADED_ANYTHING_URL="https://cdn.example/files/",
        UPLOADS_AUTOSERVE=True,
    )
    configure_uploads(app, (photos, docs, anything))
    patch_request_class(app, 4 * 1024 * 1024)

    @app.route("/", methods=["GET", "POST"])
    def index():
        form = PhotoForm()
        if form.validate_on_submit():
            filename = photos.save(form.photo.data)
            return redirect(url_for("show", filename=filename))
        return render_template_string(
            "<form method=post enctype=multipart/form-data>{{ form.photo }}"
            "{% for error in form.photo.errors %}<p class=error>{{ error }}</p>{% endfor %}</form>",
            form=form,
        )

    @app.route("/show/<path:filename>")
    def show(filename):
        return render_template_string(
            "<img src=\\"{{ url }}\\"> {{ size }} bytes",
            url=photos.url(filename),
            size=os.path.getsize(photos.path(filename)),
        )

    @app.route("/plain/<setname>", methods=["POST"])
    def plain(setname):
        uset = {"photos": photos, "docs": docs, "anything": anything}[setname]
        if "upload" not in request.files:
            abort(400)
        try:
            filename = uset.save(
                request.files["upload"], folder=request.form.get("folder"), name=request.form.get("name")
            )
        except UploadNotAllowed:
            return "refused", 415
        except ValueError as error:
            return "bad name: %s" % error, 422
        path = uset.path(filename)
        return jsonify(filename=filename, url=uset.url(filename), path=path, size=os.path.getsize(path))

    @app.route("/destination")
    def destination():
        return app.upload_set_config["photos"].destination

    return app
"""

SERVER = """
import sys
import threading

import uploadkit.compat

uploadkit.compat.install()

import downstream
from werkzeug.serving import make_server

server = make_server("127.0.0.1", 0, downstream.create_app(sys.argv[1]), threaded=True)
thread = threading.Thread(target=server.serve_forever)
thread.start()
print(server.server_port, flush=True)
sys.stdin.read()
server.shutdown()
thread.join()
server.server_close()
"""

CRLF = b"--boundary\r\n\r\n\r\nContent-Disposition: form-data\r\n\n\r\x00\xff\r\n--\r\n"


@dataclass(frozen=True)
class Site:
    url: str
    folder: Path

    def get(self, path: str) -> requests.Response:
        return requests.get(self.url + path, timeout=30)

    def post(self, path: str, filename: str, content: bytes, field: str = "upload", **data: Any) -> requests.Response:
        files = {field: (filename, content, "application/octet-stream")}
        return requests.post(self.url + path, files=files, data=data, timeout=30)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    code, folder = tmp_path_factory.mktemp("code"), tmp_path_factory.mktemp("data")
    (code / "downstream.py").write_text(textwrap.dedent(APP), encoding="utf-8")
    (code / "serve.py").write_text(textwrap.dedent(SERVER), encoding="utf-8")
    log = folder / "log.txt"
    # Every warning is an error in there, but for the one that the old function is meant to give.
    command = [sys.executable, "-W", "error", "-W", "default:patch_request_class:DeprecationWarning"]
    environ = {**os.environ, "PYTHONPATH": str(Path(uploadkit.__file__).parent.parent), "PYTHONIOENCODING": "utf-8"}
    with log.open("wb") as errors:
        process = subprocess.Popen(
            [*command, str(code / "serve.py"), str(folder)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            env=environ,
        )
        assert process.stdin is not None
        assert process.stdout is not None
        with process, process.stdin, process.stdout:
            port = process.stdout.readline().strip().decode()
            assert port, log.read_text(encoding="utf-8")
            yield Site(f"http://127.0.0.1:{port}", folder)
    text = log.read_text(encoding="utf-8")
    assert process.returncode == 0, text
    assert "Traceback" not in text
    assert text.count("DeprecationWarning: patch_request_class()") == 1


def random_bytes(size: int) -> bytes:
    return random.Random(size).randbytes(size)


CONTENTS = {
    "text": b"hello",
    "empty": b"",
    "one byte": b"\x00",
    "binary with line ends": CRLF * 50,
    "line ends only": b"\r\n" * 70_000,
    "line ends at buffer borders": b"".join(random_bytes(65_534) + b"\r\n" for _ in range(5)),
    "2 MB": random_bytes(2 * 1024 * 1024),
}


@pytest.mark.parametrize("kind", CONTENTS)
def test_a_posted_file_is_fetched_back_byte_for_byte(site: Site, kind: str):
    content = CONTENTS[kind]
    answer = site.post("/plain/photos", "photo.jpg", content, folder=f"kinds/{kind}")
    assert answer.status_code == 200
    stored = answer.json()
    assert stored["filename"] == f"kinds/{kind.replace(' ', '_')}/photo.jpg"
    assert stored["size"] == len(content)
    assert stored["path"] == str(site.folder / "photos" / stored["filename"])
    assert Path(stored["path"]).read_bytes() == content
    assert stored["url"] == f"{site.url}/_uploads/photos/{stored['filename']}"
    back = requests.get(stored["url"], timeout=30)
    assert back.status_code == 200
    assert hashlib.sha256(back.content).digest() == hashlib.sha256(content).digest()
    assert back.headers["Content-Type"] == "image/jpeg"


def test_a_form_of_flask_wtf_stores_the_photo_and_shows_a_link_that_leads_to_it(site: Site):
    content = CRLF + random_bytes(1000)
    answer = site.post("/", "My Holiday.PNG", content, field="photo")
    assert answer.url == f"{site.url}/show/My_Holiday.png"
    assert f"{len(content)} bytes" in answer.text
    link = re.search(r'src="([^"]+)"', answer.text)
    assert link is not None
    assert requests.get(link[1], timeout=30).content == content


@pytest.mark.parametrize(
    ("name", "error"), [("evil.php", "Images only!"), ("drawing.svg", "Images only!"), ("noextension", "Images only!")]
)
def test_a_form_of_flask_wtf_refuses_other_files(site: Site, name: str, error: str):
    answer = site.post("/", name, b"x", field="photo")
    assert answer.status_code == 200
    assert f"<p class=error>{error}</p>" in answer.text


def test_a_form_that_is_sent_without_a_file_is_refused_by_flask_wtf(site: Site):
    answer = requests.post(
        site.url + "/",
        data=b'--b\r\nContent-Disposition: form-data; name="photo"; filename=""\r\n'
        b"Content-Type: application/octet-stream\r\n\r\n\r\n--b--\r\n",
        headers={"Content-Type": "multipart/form-data; boundary=b"},
        timeout=30,
    )
    assert "<p class=error>Choose a file!</p>" in answer.text


def test_an_empty_file_field_is_a_refusal_and_stores_nothing(site: Site):
    before = sorted(site.folder.rglob("*"))
    answer = requests.post(
        site.url + "/plain/anything",
        data=b'--b\r\nContent-Disposition: form-data; name="upload"; filename=""\r\n'
        b"Content-Type: application/octet-stream\r\n\r\n\r\n--b--\r\n",
        headers={"Content-Type": "multipart/form-data; boundary=b"},
        timeout=30,
    )
    assert (answer.status_code, answer.text) == (415, "refused")
    assert sorted(site.folder.rglob("*")) == before


def test_a_post_without_the_field_is_the_apps_own_400(site: Site):
    assert site.post("/plain/photos", "a.jpg", b"x", field="other").status_code == 400


@pytest.mark.parametrize(
    ("name", "stored"),
    [
        ("Übung 1.jpg", r"Ubung_1\.jpg"),
        ("日本語.jpg", r"[a-z0-9]{6,20}\.jpg"),
        ("😀.JPEG", r"[a-z0-9]{6,20}\.jpeg"),
        ("кот и 猫.png", r"[a-z0-9]{6,20}\.png"),
        ("../../evil.jpg", r"evil\.jpg|\w+_evil\.jpg"),
        ("C:\\Users\\me\\cam.jpg", r"\w*cam\.jpg"),
        ('quo"te.gif', r"quote\.gif"),
        ("CON.jpg", r"CON_\.jpg"),
        ("a" * 300 + ".jpg", r"a{251}\.jpg"),
    ],
)
def test_a_hard_name_is_stored_under_a_safe_one_and_served(site: Site, name: str, stored: str):
    content = name.encode()
    answer = site.post("/plain/photos", name, content, folder="names").json()
    folder, _, basename = answer["filename"].rpartition("/")
    assert folder == "names"
    assert re.fullmatch(stored, basename)
    assert requests.get(answer["url"], timeout=30).content == content


def test_names_that_are_taken_get_numbers(site: Site):
    names = [site.post("/plain/docs", "report.txt", bytes([number])).json()["filename"] for number in range(3)]
    assert names == ["report.txt", "report_1.txt", "report_2.txt"]
    assert [site.get(f"/_uploads/docs/{name}").content for name in names] == [b"\x00", b"\x01", b"\x02"]


def test_name_and_folder_of_the_app_are_used(site: Site):
    answer = site.post("/plain/photos", "IMG_1234.JPG", b"x", folder="users/42", name="avatar.").json()
    assert answer["filename"] == "users/42/avatar.jpg"


@pytest.mark.parametrize("name", ["evil.php", "evil.PHP", "evil", ".htaccess", "drawing.svg"])
def test_what_the_set_does_not_allow_is_refused_as_upload_not_allowed(site: Site, name: str):
    assert site.post("/plain/photos", name, b"x").status_code == 415
    assert site.post("/plain/photos", "fine.jpg", b"x", name=name).status_code == 415


def test_a_set_with_a_url_of_its_own_links_there_and_is_not_served(site: Site):
    answer = site.post("/plain/anything", "a b.bin", b"x").json()
    assert answer["url"] == "https://cdn.example/files/a_b.bin"
    assert site.get("/_uploads/anything/a_b.bin").status_code == 404


def test_default_dest_is_where_the_docs_are(site: Site):
    answer = site.post("/plain/docs", "where.txt", b"here").json()
    assert answer["path"] == str(site.folder / "instance" / "docs" / "where.txt")
    assert Path(answer["path"]).read_bytes() == b"here"


def test_what_leads_out_of_a_set_is_not_served(site: Site):
    (site.folder / "secret.txt").write_text("secret")
    for path in ("../secret.txt", "%2e%2e/secret.txt", "..%2fsecret.txt", "%2e%2e%2fsecret.txt", "/etc/passwd"):
        prepared = requests.Request("GET", site.url).prepare()
        prepared.url = f"{site.url}/_uploads/photos/{path}"  # not normalised
        with requests.Session() as session:
            answer = session.send(prepared, timeout=30, allow_redirects=True)
        assert answer.status_code == 404
        assert "secret" not in answer.text


def test_a_request_longer_than_patch_request_class_says_is_refused(site: Site):
    connection = http.client.HTTPConnection(site.url.removeprefix("http://"), timeout=30)
    connection.putrequest("POST", "/plain/photos")
    connection.putheader("Content-Type", "multipart/form-data; boundary=b")
    connection.putheader("Content-Length", str(4 * 1024 * 1024 + 1))
    connection.endheaders()
    with closing(connection), connection.getresponse() as answer:
        assert answer.status == 413


def test_the_app_reads_the_destination_from_upload_set_config(site: Site):
    assert site.get("/destination").text == str(site.folder / "photos")
