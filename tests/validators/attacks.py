"""Files that are made to do harm, and some that merely are not what they are named."""

from __future__ import annotations

import tarfile

from tests.validators.corpus import DECLARATION, LIVE_DRAWING, PAGE, SVG_TYPE, sample
from tests.validators.making import container, opendocument, pdf, tarred, with_chunk, zipped


def installer() -> bytes:
    """Return the beginning of a Windows installer."""
    data = bytearray(container("Installer"))
    data[592:608] = b"\x84\x10\x0c\x00\x00\x00\x00\x00\xc0\x00\x00\x00\x00\x00\x00\x46"
    return bytes(data)


#: What runs, by what it is.
PAYLOADS: dict[str, bytes] = {
    "page": PAGE,
    "page in capitals": PAGE.upper(),
    "page behind spaces": b" \t\r\n\x0c" * 100 + PAGE,
    "page behind a mark": b"\xef\xbb\xbf" + PAGE,
    "page in utf-16": PAGE.decode().encode("utf-16"),
    "page in utf-16 without a mark": PAGE.decode().encode("utf-16-le"),
    "page behind a comment": b"<!-- x --><!-- y -->\n" + PAGE,
    "xhtml": DECLARATION + b'<html xmlns="http://www.w3.org/1999/xhtml"><script>alert(1)</script></html>',
    "page behind an odd comment": b"<!-- --!><script>alert(1)</script> --> words",
    "page behind an empty comment": b"<!--><script>alert(1)</script>-->",
    "script element": b"<script>alert(1)</script>",
    "script element with attributes": b"<sCrIpT\nsrc=//x></script>",
    "script element with a slash": b"<script/x>alert(1)</script>",
    "frame": b"<iframe src=javascript:alert(1)>",
    "body": b"<body onload=alert(1)>",
    "php": b"<?php system($_GET['c']); ?>",
    "short php": b"<?= `id` ?>",
    "php in capitals": b"<?PHP phpinfo();",
    "php behind lines": b"\n\n<?php phpinfo();",
    "drawing": LIVE_DRAWING,
    "declared drawing": DECLARATION + SVG_TYPE + b">" + LIVE_DRAWING,
    "drawing in utf-16": LIVE_DRAWING.decode().encode("utf-16"),
    "xml with a script": DECLARATION + b'<a xmlns:h="http://www.w3.org/1999/xhtml"><h:script>alert(1)</h:script></a>',
    "windows program": b"MZ\x90\x00\x03" + bytes(59) + b"\x80\0\0\0" + bytes(60) + b"PE\0\0" + bytes(300),
    "dos program": b"MZ\x01\x00" + bytes(100),
    "linux program": b"\x7fELF\x02\x01\x01" + bytes(100),
    "mac program": b"\xcf\xfa\xed\xfe\x07\0\0\x01" + bytes(100),
    "mac program of two": b"\xca\xfe\xba\xbe\0\0\0\x02" + bytes(100),
    "java class": b"\xca\xfe\xba\xbe\0\0\0\x41" + bytes(100),
    "webassembly": b"\0asm\x01\0\0\0" + bytes(10),
    "shortcut": b"\x4c\0\0\0\x01\x14\x02\0\0\0\0\0\xc0\0\0\0\0\0\0\x46" + bytes(60),
    "installer": installer(),
    "flash": b"FWS\x09\x20\x01\0\0" + bytes(100),
    "shell script": b"#!/bin/sh\nrm -rf ~\n",
    "python script": b"#! /usr/bin/env python3\nimport os\n",
    "windows cgi": b"#!C:\\Perl\\bin\\perl.exe\nprint 1;\n",
}
#: Extensions that no payload may bear.
DISGUISES = (
    *("txt", "csv", "json", "ini", "pdf", "rtf", "docx", "xlsx", "ods", "odf"),
    *("doc", "xls", "jpg", "jpe", "jpeg", "png", "gif", "bmp", "webp"),
    *("wav", "mp3", "aac", "ogg", "oga", "flac", "gz", "bz2", "zip", "tar", "tgz", "txz", "7z"),
)


def hostile() -> dict[str, bytes]:
    """Return files that must not come in by their names."""
    disguised = {f"{name}.{ext}": data for name, data in PAYLOADS.items() for ext in DISGUISES}
    return {**disguised, **_elsewhere(), **_polyglots()}


def _elsewhere() -> dict[str, bytes]:
    """Return payloads under the names that allow more than others."""
    programs = {name: data for name, data in PAYLOADS.items() if "program" in name or name == "installer"}
    return {
        **{f"{name}.{ext}": data for name, data in programs.items() for ext in ("svg", "xml", "yaml", "plist", "md")},
        **{f"page.{ext}": PAGE for ext in ("svg", "xml", "yaml", "yml", "plist", "md", "gnumeric", "abw")},
        **{f"php.{ext}": PAYLOADS["php"] for ext in ("svg", "xml", "yaml", "yml", "plist", "md", "gnumeric", "abw")},
        **{f"drawing.{ext}": LIVE_DRAWING for ext in ("yaml", "plist", "md", "gnumeric")},
        "doctype.svg": b"<!DOCTYPE html>" + LIVE_DRAWING,
        "hidden.svg": b"<!-- <svg> --><html><script>alert(1)</script>",
        "declared page.svg": PAYLOADS["xhtml"],
        "page.mp4": PAGE,
        "page.mpg": PAGE,
        "program.tiff": PAYLOADS["linux program"],
        "drawing.heic": LIVE_DRAWING,
    }


def _polyglots() -> dict[str, bytes]:
    gif, jpeg, png, jar = sample("still.gif"), sample("baseline.jpg"), sample("RGB.png"), zipped("META-INF/MANIFEST.MF")
    webp = sample("lossy.webp")
    return {
        "shell.gif": b"GIF89a;<?php system($_GET['c']); ?>",
        "shell 2.gif": b"GIF89a\n<?php system($_GET['c']); ?>",
        "page.gif": b"GIF89a<script>alert(1)</script>",
        "jar.gif": gif + jar,
        "jar.jpg": jpeg + jar,
        "jar.png": png + jar,
        "pdf first.jpg": with_chunk(jpeg, 0xFE, pdf()),
        "pdf.gif": gif[:40] + pdf(),
        "page in comment.jpg": with_chunk(jpeg, 0xFE, PAGE),
        "page behind mark.jpg": b"\xff\xd8\xff\xe0" + PAGE,
        "php in comment.jpg": with_chunk(jpeg, 0xFE, b"<?php system($_GET['c']); ?>"),
        "php.png": png[:33] + b"\0\0\0\x13tEXtComment\0<?php phpinfo();" + png[33:],
        "page.webp": webp + PAGE,
        "page.bmp": sample("RGB.bmp") + PAGE,
        "fake.bmp": b"BM<script>alert(1)</script>",
        "php.mp3": b"ID3\x03\0\0\0\0\0\x40COMM<?php phpinfo(); ?>" + sample("raw frames.mp3"),
        "gif first.pdf": gif + pdf(),
        "page first.pdf": b"<html><script>alert(1)</script></html>" + pdf(),
        "zip first.pdf": zipped("a") + pdf(),
        "self-extracting.zip": PAYLOADS["windows program"] + zipped("a.txt"),
        "zipapp.zip": b"#!/usr/bin/env python3\n" + zipped("__main__.py"),
        "page first.zip": PAGE + zipped("a.txt"),
        "page first.tar": b"<html><script>alert(1)</script>".ljust(100, b"\0") + tarred(tarfile.USTAR_FORMAT)[100:],
    }


def lies() -> dict[str, bytes]:
    """Return files that are not what they are named, and run nowhere."""
    jpeg, binary = sample("baseline.jpg"), bytes(range(256)) * 4
    return {
        **{f"random.{ext}": binary for ext in DISGUISES if ext not in {"doc", "xls", "mp3", "aac"}},
        **{
            f"picture.{ext}": jpeg
            for ext in DISGUISES
            if ext not in {"jpg", "jpe", "jpeg", "png", "gif", "bmp", "webp"}
        },
        **{f"words.{ext}": b"only words" for ext in DISGUISES[4:] if ext not in {"doc", "xls"}},
        "variable.gif": b"GIF89a/*" + b"x" * 20 + b"*/=1;alert(1)",
        "variable 2.gif": b"GIF89a=1;alert(document.domain)//" + bytes(10),
        "variable.bmp": b"BM=1;/*" + bytes(20) + b"*/alert(1)",
        "archive.docx": zipped("a.txt"),
        "java.docx": zipped("META-INF/MANIFEST.MF", "A.class"),
        "archive.ods": zipped("a.txt"),
        "sheet.docx": opendocument("spreadsheet"),
        "book.ods": sample("openpyxl.xlsx"),
        "zeros.csv": b"a,b\0c",
        "zeros.json": b"{}\0\0",
        "not utf-16.txt": b"\xff\xfe\x00\xd8\x00\xd8a\0",
        "xml.svg": DECLARATION + b"<note/>",
        "words.svg": b"svg",
    }
