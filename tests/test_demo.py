"""The gallery of examples/, started as a program and used over HTTP."""

from __future__ import annotations

import http.client
import re
import subprocess
import sys
import zlib
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import requests

from tests.servers.requirements import need

APP = Path(__file__).parent.parent / "examples" / "gallery" / "app.py"
TIMEOUT = 20


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("gallery")


@pytest.fixture(scope="module", params=["local", "s3"])
def url(folder: Path, request: pytest.FixtureRequest) -> Iterator[str]:
    """The address of the running gallery, which differs between the backends by one setting."""
    if request.param == "s3":
        need("the gallery on S3", {"moto": "moto[s3,server]", "boto3": "boto3"})
    command = [sys.executable, str(APP), "--port", "0", "--folder", str(folder), "--backend", request.param]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, encoding="utf-8") as process:
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            found = re.search(r"http://127\.0\.0\.1:[1-9][0-9]*/", line)
            assert found, f"the gallery printed {line!r}"
            yield found[0]
        finally:
            process.terminate()
            process.wait(TIMEOUT)


def png(red: int) -> bytes:
    """A picture of one pixel."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return len(data).to_bytes(4, "big") + kind + data + zlib.crc32(kind + data).to_bytes(4, "big")

    header = (1).to_bytes(4, "big") * 2 + bytes([8, 2, 0, 0, 0])
    pixel = zlib.compress(bytes([0, red, 0, 0]))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", pixel) + chunk(b"IEND", b"")


def upload(url: str, *files: tuple[str, bytes], headers: dict[str, str] | None = None) -> requests.Response:
    parts = [("images", (name, content, "application/octet-stream")) for name, content in files]
    return requests.post(url, files=parts, headers=headers, timeout=TIMEOUT)


def images(url: str) -> list[str]:
    """The links of the images in the gallery."""
    page = requests.get(url, timeout=TIMEOUT)
    assert page.status_code == 200
    return re.findall(r'<img src="([^"]+)"', page.text)


def test_an_image_is_stored_shown_fetched_back_and_deleted(url: str) -> None:
    page = upload(url, ("red.png", png(255)))
    assert page.status_code == 200
    assert page.history[0].status_code == 303
    (link,) = [link for link in images(url) if "red" in link]
    answer = requests.get(link, timeout=TIMEOUT)
    assert answer.content == png(255)
    assert answer.headers["Content-Type"] == "image/png"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    requests.post(url + "delete", data={"filename": "red.png"}, timeout=TIMEOUT).raise_for_status()
    assert link not in images(url)
    assert requests.get(link, timeout=TIMEOUT).status_code == 404


def test_several_images_of_one_name_are_all_kept(url: str) -> None:
    pictures = [png(red) for red in (1, 2, 3)]
    assert upload(url, *[("same.png", picture) for picture in pictures]).status_code == 200
    links = [link for link in images(url) if "same" in link]
    assert sorted(requests.get(link, timeout=TIMEOUT).content for link in links) == sorted(pictures)


def test_a_refused_file_is_told_with_its_reason_and_the_others_are_stored(url: str) -> None:
    page = upload(url, ("<b>evil</b>.exe", b"MZ"), ("good.png", png(9)))
    assert page.status_code == 400
    assert "File extension &#39;exe&#39; is not allowed." in page.text
    assert "&lt;b&gt;evil" in page.text
    assert "<b>evil" not in page.text
    assert any("good" in link for link in images(url))


def test_a_form_without_a_file_is_told_so(url: str) -> None:
    page = upload(url, ("", b""))
    assert page.status_code == 400
    assert "Filename must not be empty!" in page.text


def test_too_much_at_once_is_told_before_it_is_sent(url: str) -> None:
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=TIMEOUT)
    with closing(connection):
        connection.putrequest("POST", "/")
        connection.putheader("Content-Type", "multipart/form-data; boundary=x")
        connection.putheader("Content-Length", str(33 * 1024 * 1024))
        connection.endheaders()
        answer = connection.getresponse()
        assert answer.status == 413
        assert b"too much at once" in answer.read()


def test_an_image_over_the_limit_is_refused(url: str, folder: Path) -> None:
    page = upload(url, ("big.png", bytes(8_000_001)))
    assert page.status_code == 400
    assert "too large" in page.text
    assert not (folder / "big.png").exists()


def test_forms_of_other_sites_are_refused(url: str) -> None:
    foreign = {"Origin": "https://evil.example"}
    assert upload(url, ("foreign.png", png(4)), headers=foreign).status_code == 403
    assert not any("foreign" in link for link in images(url))
    assert upload(url, ("own.png", png(5)), headers={"Origin": url.rstrip("/")}).status_code == 200


def test_a_foreign_host_name_is_refused(url: str) -> None:
    assert requests.get(url, headers={"Host": "evil.example"}, timeout=TIMEOUT).status_code == 400


@pytest.mark.parametrize("filename", ["../app.py", "/etc/passwd", "", "a\\b.png"])
def test_what_is_no_name_cannot_be_deleted(url: str, filename: str) -> None:
    assert requests.post(url + "delete", data={"filename": filename}, timeout=TIMEOUT).status_code == 404
