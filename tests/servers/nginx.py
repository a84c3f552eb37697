"""nginx in front of an app, with the files of local upload sets in its hands."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from .processes import launch
from .requirements import need_program

_CONFIG = """
daemon off;
master_process off;
pid {folder}/nginx.pid;
error_log {folder}/error.log;
events {{ }}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    server {{
        listen 127.0.0.1:{port};
        {server}
    }}
}}
"""


@contextmanager
def running_nginx(folder: Path, server: str) -> Iterator[str]:
    """Run nginx, and return its URL without a slash at the end.

    :param folder: A new folder, for what nginx writes.
    :param server: What its configuration says in the ``server`` block.
    """
    binary = need_program("nginx", ("nginx", "/usr/sbin/nginx"), "nginx")
    config = folder / "nginx.conf"

    def command(ports: Sequence[int]) -> list[str]:
        config.write_text(_CONFIG.format(folder=folder, port=ports[0], server=server))
        return [str(binary), "-p", str(folder), "-c", str(config)]

    process, ports = launch("nginx", folder, command)
    try:
        yield f"http://127.0.0.1:{ports[0]}"
    finally:
        process.stop()
