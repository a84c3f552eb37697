"""Honest files of every extension that the presets name.

Those in ``samples`` were written for this by Pillow, FFmpeg, openpyxl, XlsxWriter, python-docx, xlwt, odfpy, ReportLab
and py7zr; everything else is made here.
"""

from __future__ import annotations

import bz2
import gzip
import json
import lzma
import plistlib
import struct
import tarfile
import zipfile
from pathlib import Path

from tests.validators.making import container, old_tar, opendocument, pdf, streamed_zip, tarred, wav, with_chunk, zipped

SAMPLES = Path(__file__).parent / "samples"
PAGE = b"<!DOCTYPE html>\n<html><body><script>alert(1)</script></body></html>"
DRAWING = b'<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"><rect width="9" height="9"/></svg>'
LIVE_DRAWING = b'<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"><script>alert(1)</script></svg>'
DECLARATION = b'<?xml version="1.0" encoding="UTF-8" standalone="no"?>\n'
SVG_TYPE = b'<!DOCTYPE svg PUBLIC "-//W3C//DTD SVG 1.1//EN" "http://www.w3.org/Graphics/SVG/1.1/DTD/svg11.dtd"'


def sample(name: str) -> bytes:
    """Return the bytes of a stored sample."""
    return (SAMPLES / name).read_bytes()


_ROWS = "name;größe\r\n=1+1;„x“ <b>\r\n日本;3 € < 4\r\n"
_PROSE = "A letter.\n\nIt mentions <script> and <html>, %PDF-1.7, #!/bin/sh and <?php echo 1 ?> — later.\n"


def _texts() -> dict[str, bytes]:
    return {
        "empty.txt": b"",
        "one letter.txt": b"x",
        "prose.txt": _PROSE.encode(),
        "with mark.txt": _PROSE.encode("utf-8-sig"),
        "utf-16.txt": _PROSE.encode("utf-16"),
        "utf-16 be.txt": b"\xfe\xff" + _PROSE.encode("utf-16-be"),
        "utf-32.txt": _PROSE.encode("utf-32"),
        "windows.txt": "Vérité, ça va – “quoted”".encode("cp1252"),
        "loud.txt": "ÿû à la fin, ÿñ".encode("cp1252"),
        "japanese.txt": "日本語のテキスト\r\n".encode("shift_jis"),
        "japanese mail.txt": "日本語のテキスト\r\n".encode("iso2022_jp"),
        "chinese.txt": "中文文本，测试。\n".encode("gb18030"),
        "russian.txt": "Привет, мир\n".encode("koi8-r"),
        "dos.txt": "Grüße\r\n".encode("cp437") + b"\x1a",
        "pages.txt": b"one\x0ctwo\x0c\x1b[1mbold\x1b[0m b\x08b",
        "spaces.txt": b" \t\n" * 1000,
        "less.txt": b"< 5 is less than five\n<- see <https://example.com>",
        "angle.txt": b"<name@example.com> wrote:\n> hi",
        "quote.txt": b"<article> is an element of HTML, <header> too",
        "letters MZ.txt": b"MZ is where programs begin. ID3 is a tag. BM, PK, OggS, RIFF, fLaC, BZh9",
        **{f"begins {i}.txt": b + b" is how it begins, he said." for i, b in enumerate(_WORDS)},
        "percent.txt": b"%PDFs are fine, % too; 100%",
        "hash.txt": b"#!important: read me\n# heading",
        "brace.txt": b"{\\root} is a path",
        "an xml file.txt": DECLARATION + b"<log><entry/></log>",
        "mail.txt": b"MIME-Version: 1.0\r\nContent-Type: text/html\r\n\r\n<html>",
        "cut.txt": ("ä" * 200_000).encode(),
        "notes.md": b"# Notes\n\n```html\n<script>x</script>\n```\n",
        "centred.md": b'<p align="center"><img src="a.png"></p>\n\n# Title\n',
        "commented.txt": b"<!-- made by a program -->\n\nA text about <b>.\n",
        "commented.md": b"<!-- markdownlint-disable -->\n# Title\n",
        "aligned.md": b'<div align="center">\n\n# Title\n</div>\n',
        "front.md": b"---\ntitle: x\n---\n",
        "table.csv": _ROWS.encode(),
        "excel.csv": _ROWS.encode("utf-8-sig"),
        "excel unicode.csv": _ROWS.encode("utf-16"),
        "old excel.csv": "Name;Größe\r\nMüller;3 €\r\n".encode("cp1252"),
        "hive.csv": "a\x01b\x01c\né\x01\x1f2\x02\n".encode(),
        "quoted.csv": b'"<b>bold</b>","<script>"\n',
        "one column.csv": b"<1\n<2\n",
        "empty.csv": b"",
        "settings.ini": b"; comment\n[section]\nkey=value\n",
        "desktop.ini": "[.ShellClassInfo]\r\n".encode("utf-16"),
        "object.json": json.dumps({"a": "<html>", "b": [1, None]}).encode(),
        "marked.json": b"\xef\xbb\xbf[]",
        "utf-16.json": '{"a": 1}'.encode("utf-16"),
        "string.json": b'"<script>alert(1)</script>"',
        "number.json": b"1",
        "lines.json": b'{"a":1}\n{"b":2}\n',
        "file.yaml": b"%YAML 1.2\n---\na: 1\n",
        "file.yml": b"a: [1, 2]\nb: '<html>'\n",
        "playbook.yml": b"#!/usr/bin/env ansible-playbook\n- hosts: all\n",
        "template.yml": b"<% if true %>\na: 1\n<% end %>\n",
    }


_WORDS = (b"GIF89a", b"GIF87a<", b"BMW", b"II*", b"MM", b"BZh9", b"7z", b"Rar!", b"bplist", b"dex", b"FWS", b"CWS")


def _markup() -> dict[str, bytes]:
    value = {"a": 1, "b": ["<html>"]}
    return {
        "bare.svg": DRAWING,
        "spaced.svg": b"\n \t" + DRAWING,
        "marked.svg": b"\xef\xbb\xbf" + DRAWING,
        "declared.svg": DECLARATION + DRAWING,
        "typed.svg": DECLARATION + SVG_TYPE + b">\n" + DRAWING,
        "commented.svg": b"<!-- Created by a program, with <html> in it -->\n" + DRAWING,
        "illustrator.svg": DECLARATION + b"<!-- x -->" + SVG_TYPE + b' [\n<!ENTITY ns "http://x[1]">\n] >\n' + DRAWING,
        "styled.svg": DECLARATION + b'<?xml-stylesheet href="a.css" type="text/css"?>' + DRAWING,
        "prefixed.svg": DECLARATION + b'<svg:svg xmlns:svg="http://www.w3.org/2000/svg"/>',
        "utf-16.svg": ('<?xml version="1.0" encoding="UTF-16"?>' + DRAWING.decode()).encode("utf-16"),
        "scripted.svg": LIVE_DRAWING,
        "bare.xml": b"<root/>",
        "declared.xml": DECLARATION + b"<feed><title>x</title></feed>",
        "marked.xml": b"\xef\xbb\xbf" + DECLARATION + b"<a/>",
        "utf-16.xml": '<?xml version="1.0" encoding="UTF-16"?><a/>'.encode("utf-16"),
        "table.xml": b'<table name="people"><row/></table>',
        "commented.xml": b"<!-- a licence -->\n<project/>",
        "typed.xml": b'<!DOCTYPE note SYSTEM "note.dtd"><note/>',
        "xhtml.xml": DECLARATION + b'<html xmlns="http://www.w3.org/1999/xhtml"/>',
        "drawing.xml": DRAWING,
        "latin.xml": '<?xml version="1.0" encoding="ISO-8859-1"?><a>é</a>'.encode("latin-1"),
        "text.plist": plistlib.dumps(value),
        "binary.plist": plistlib.dumps(value, fmt=plistlib.FMT_BINARY),
        "no declaration.plist": b'<plist version="1.0"><dict/></plist>',
        "old.plist": b"{ a = 1; b = (x); }",
        "packed.gnumeric": gzip.compress(DECLARATION + b'<gnm:Workbook xmlns:gnm="x"/>'),
        "plain.gnumeric": DECLARATION + b'<gnm:Workbook xmlns:gnm="x"/>',
        "plain.abw": DECLARATION + b'<!DOCTYPE abiword PUBLIC "a" "b"><abiword/>',
        "packed.abw": gzip.compress(DECLARATION + b"<abiword/>"),
        "bare.abw": b'<abiword version="1.0"><section><p>x</p></section></abiword>',
    }


def _documents() -> dict[str, bytes]:
    main = ("word/document.xml", "[Content_Types].xml", "_rels/.rels")
    return {
        "word.rtf": b"{\\rtf1\\ansi\\deff0 Hello\\par}",
        "mac.rtf": b"{\\rtf1\\mac \\'e9}",
        "renamed.rtf": container("WordDocument"),
        "word.doc": container("WordDocument", "1Table"),
        "renamed.doc": sample("python-docx.docx"),
        "rich.doc": b"{\\rtf1 Hello}",
        "web archive.doc": b"MIME-Version: 1.0\r\nContent-Type: multipart/related\r\n\r\n",
        "xml.doc": DECLARATION + b'<?mso-application progid="Word.Document"?><w:wordDocument xmlns:w="x"/>',
        "exported.doc": b'<html xmlns:o="urn:schemas-microsoft-com:office:office"><body>x</body></html>',
        "very old.doc": b"\x31\xbe\x00\x00\x00\xab" + bytes(200),
        "excel.xls": container("Workbook"),
        "export.xls": b"<table><tr><td>1</td></tr></table>",
        "export page.xls": b"<html><head><meta charset=utf-8></head><table></table></html>",
        "csv.xls": _ROWS.encode(),
        "tabs.xls": "a\tb\r\n".encode("utf-16"),
        "xml.xls": DECLARATION + b'<?mso-application progid="Excel.Sheet"?><Workbook/>',
        "biff 3.xls": b"\x09\x02\x06\x00\x00\x00\x10\x00" + bytes(40),
        "renamed.xls": sample("openpyxl.xlsx"),
        "office.docx": zipped("[Content_Types].xml", "_rels/.rels", "word/document.xml"),
        "types last.docx": zipped(*main),
        "backslashes.docx": zipped("word\\document.xml", "[Content_Types].xml"),
        "stored.docx": zipped(*main, method=zipfile.ZIP_STORED),
        "piped.docx": streamed_zip("word/document.xml"),
        "password.docx": container("EncryptionInfo", "EncryptedPackage"),
        "password.xlsx": container("EncryptionInfo", "EncryptedPackage"),
        "google.xlsx": zipped("xl/drawings/drawing1.xml", "xl/workbook.xml", "[Content_Types].xml"),
        "large picture first.docx": zipped(
            "word/media/image1.png", "[Content_Types].xml", method=zipfile.ZIP_STORED, content="x" * 400_000
        ),
        "calc.ods": opendocument("spreadsheet"),
        "template.ods": opendocument("spreadsheet-template"),
        "packed again.ods": opendocument("spreadsheet", first=False),
        "formula.odf": opendocument("formula"),
        "text.odf": opendocument("text"),
        "plain.pdf": pdf(),
        "version 2.pdf": pdf(version=b"2.0"),
        "spaces.pdf": pdf(b"\r\n\r\n"),
        "marked.pdf": pdf(b"\xef\xbb\xbf"),
        "printed.pdf": pdf(b"\x1b%-12345X@PJL JOB\r\n@PJL ENTER LANGUAGE=PDF\r\n"),
        "from a server.pdf": pdf(b"Content-Type: application/pdf\r\n\r\n"),
        "late.pdf": pdf(b"\x01junk " * 170),
        "mac.pdf": pdf(b"\x00\x05a.pdf".ljust(128, b"\0")),
    }


def _pictures_and_sound() -> dict[str, bytes]:
    jpeg, mp3, png = sample("baseline.jpg"), sample("raw frames.mp3"), sample("RGB.png")
    return {
        "described.jpg": with_chunk(jpeg, 0xFE, b"a < b, see <https://example.com> and %PDF"),
        "adobe.jpg": with_chunk(jpeg, 0xE1, b"http://ns.adobe.com/xap/1.0/\0<?xpacket begin=''?><x:xmpmeta/>"),
        "motion.jpg": jpeg + sample("mpeg4.m4a"),
        "saved by a browser.jpg": sample("lossy.webp"),
        "screenshot.jpg": png,
        "phone.jpg": b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(100),
        "photo.png": jpeg,
        "sticker.gif": sample("animated.webp"),
        "scan.bmp": png,
        "trailing.png": png + bytes(100),
        "short.gif": sample("still.gif")[:60],
        "silence.wav": wav(),
        "big endian.wav": wav(b"RIFX"),
        "very long.wav": wav(b"RF64"),
        "padded.mp3": bytes(700) + mp3,
        "lyrics.mp3": b"APETAGEX" + struct.pack("<III", 2000, 32, 1) + bytes(12) + mp3,
        "large cover.mp3": b"ID3\x03\0\0\x00\x20\x00\x00APIC" + b"\x01" * 300_000,
        "in wav.mp3": wav(),
        "mpeg 2.mp3": b"\xff\xf3\x48\xc4" + bytes(100),
        "mpeg4.aac": sample("mpeg4.m4a"),
        "adif.aac": b"ADIF\0\0\0" + bytes(100),
        "tagged.flac": b"ID3\x04\0\0\0\0\0\x0a" + bytes(10) + sample("plain.flac"),
        "vorbis.ogg": b"OggS\0\x02" + bytes(20) + b"\x01\x1e\x01vorbis" + bytes(40),
    }


def _archives() -> dict[str, bytes]:
    tar = tarred(tarfile.GNU_FORMAT)
    return {
        "file.gz": gzip.compress(b"hello"),
        "named.gz": b"\x1f\x8b\x08\x08\0\0\0\0\0\x03a.txt\0" + gzip.compress(b"hello")[10:],
        "file.bz2": bz2.compress(b"hello"),
        "fast.bz2": bz2.compress(b"hello", 1),
        "nothing.bz2": bz2.compress(b""),
        "deflated.zip": zipped("a.txt", "b/c.html"),
        "stored.zip": zipped("a.txt", method=zipfile.ZIP_STORED, content=PAGE.decode()),
        "empty.zip": zipped(),
        "piped.zip": streamed_zip("a.txt"),
        "document.zip": sample("python-docx.docx"),
        "sheet.zip": opendocument("spreadsheet"),
        "java.zip": zipped("META-INF/MANIFEST.MF", "A.class"),
        "split.zip": b"PK\x07\x08" + zipped("a.txt"),
        "prefixed.zip": b"\x00\x01 a stub " + zipped("a.txt"),
        "ustar.tar": tarred(tarfile.USTAR_FORMAT),
        "gnu.tar": tar,
        "pax.tar": tarred(tarfile.PAX_FORMAT),
        "old.tar": old_tar(),
        "empty.tar": bytes(10240),
        "packed.tar": gzip.compress(tar),
        "file.tgz": gzip.compress(tar),
        "unpacked.tgz": tar,
        "xz.tgz": lzma.compress(tar),
        "file.txz": lzma.compress(tar),
        "small.7z": b"7z\xbc\xaf\x27\x1c\x00\x04" + bytes(24),
    }


def honest() -> dict[str, bytes]:
    """Return honest files by their names."""
    samples = {path.name: path.read_bytes() for path in sorted(SAMPLES.iterdir())}
    return {**samples, **_texts(), **_markup(), **_documents(), **_pictures_and_sound(), **_archives()}
