"""Files that run something where they are answered as their authors wish."""

from __future__ import annotations

import re
import struct
import zlib
from typing import NamedTuple

GREEN = (0, 128, 0)

_HTML = """<!DOCTYPE html><script>RUN(script)</script><body onload="RUN(onload)"><p>Hello</p>
<img src="data:,x" onerror="RUN(onerror)"><details open ontoggle="RUN(ontoggle)"></details>
<iframe srcdoc="<script>RUN(srcdoc)</script>"></iframe><iframe src="javascript:RUN(javascript)"></iframe>
<svg onload="RUN(svg)"></svg>"""
_XHTML = """<html xmlns="http://www.w3.org/1999/xhtml"><body onload="RUN(onload)"><script>RUN(script)</script>
<img src="data:,x" onerror="RUN(onerror)"/></body></html>"""
_SVG = """<svg xmlns="http://www.w3.org/2000/svg" width="40" height="30" onload="RUN(onload)">
<style>rect { fill: rgb(0, 128, 0) }</style>
<rect width="40" height="30"><animate attributeName="x" dur="9s" from="0" to="0" onbegin="RUN(onbegin)"/></rect>
<script>RUN(script)</script><image href="data:,x" onerror="RUN(onerror)"/>
<foreignObject><img xmlns="http://www.w3.org/1999/xhtml" src="data:,x" onerror="RUN(foreign)"/></foreignObject></svg>"""
_RUN = re.compile(r"RUN\((\w+)\)")
#: Tells the app what it could find out of where it runs; the page is not loaded before the app has answered.
_SCRIPT = (
    "var cookie='none';try{cookie=document.cookie}catch(e){};var request=new XMLHttpRequest();"
    "request.open('GET','BASE/ran?'+encodeURIComponent(JSON.stringify(['WHAT',self.origin,cookie])),false);"
    "try{request.send()}catch(e){}"
)


class Run(NamedTuple):
    """What a script told the app."""

    what: str
    origin: str
    cookie: str


class Payload(NamedTuple):
    """A file that tries to run something.

    :param content_type: What its author would have it answered as.
    :param shown: Whether a browser may show it when it comes from uploadkit.
    """

    text: str
    content_type: str
    shown: bool = False

    def content(self, name: str, base: str) -> bytes:
        """Return the file, whose scripts tell the app at ``base`` which they are."""
        return _RUN.sub(lambda found: script(f"{name} {found[1]}", base), self.text).encode()

    def attempts(self, name: str) -> set[str]:
        """Return how all its scripts call themselves."""
        return {f"{name} {what}" for what in _RUN.findall(self.text)}


PAYLOADS = {
    "picture.svg": Payload(_SVG, "image/svg+xml"),
    "page.html": Payload(_HTML, "text/html"),
    "page.xhtml": Payload(_XHTML, "application/xhtml+xml"),
    "data.xml": Payload(_SVG, "application/xml"),
    "noextension": Payload(_HTML, "text/html"),
    "evil.html.txt": Payload(_HTML, "text/html", shown=True),
    "evil.jpg": Payload(_HTML, "text/html", shown=True),
}


def script(what: str, base: str) -> str:
    """Return JavaScript that tells the app ``what`` ran."""
    return _SCRIPT.replace("BASE", base).replace("WHAT", what)


def png(width: int, height: int) -> bytes:
    """Return a green picture."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    rows = (b"\0" + bytes(GREEN) * width) * height
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def pdf() -> bytes:
    """Return a document with one green page."""
    page = b"0 0.5 0 rg 0 0 300 300 re f"
    objects = (
        b"<</Type/Catalog/Pages 2 0 R>>",
        b"<</Type/Pages/Kids[3 0 R]/Count 1>>",
        b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 300 300]/Contents 4 0 R>>",
        b"<</Length %d>>stream\n%s\nendstream" % (len(page), page),
    )
    content, table = b"%PDF-1.4\n", b"0000000000 65535 f \n"
    for number, text in enumerate(objects, 1):
        table += b"%010d 00000 n \n" % len(content)
        content += b"%d 0 obj%sendobj\n" % (number, text)
    trailer = b"trailer<</Size 5/Root 1 0 R>>\nstartxref\n%d\n%%%%EOF" % len(content)
    return content + b"xref\n0 5\n" + table + trailer
