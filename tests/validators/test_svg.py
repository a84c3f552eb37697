"""SVG images that may show a picture and nothing else."""

from __future__ import annotations

import gzip
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.validators.apart import code_of, judge, judge_apart
from tests.validators.drawings import HONEST, svg
from uploadkit.validators.svg import SafeSvg

_SCRIPT, _EXTERNAL, _ENTITY, _ELEMENT = "svg_script", "svg_external", "svg_entity", "svg_element"
_HTML = 'xmlns:h="http://www.w3.org/1999/xhtml"'

#: Everything here stands in the root of an image.
_INSIDE = [
    ("<script>go()</script>", _SCRIPT),
    ("<SCRIPT>go()</SCRIPT>", _SCRIPT),
    ("<ScRiPt/>", _SCRIPT),
    ('<script href="https://evil.example/a.js"/>', _SCRIPT),
    ('<script xlink:href="data:text/javascript,go()"/>', _SCRIPT),
    ('<s:script xmlns:s="http://www.w3.org/2000/svg">go()</s:script>', _SCRIPT),
    (f"<h:script {_HTML}>go()</h:script>", _SCRIPT),
    ('<script xmlns="urn:nothing">go()</script>', _SCRIPT),
    ('<x:script xmlns:x="urn:nothing">go()</x:script>', _SCRIPT),
    ("<g><g><defs><script><![CDATA[go()]]></script></defs></g></g>", _SCRIPT),
    ('<g onload="go()"/>', _SCRIPT),
    ('<rect onclick="go()"/>', _SCRIPT),
    ('<rect ONMOUSEOVER="go()"/>', _SCRIPT),
    ('<animate onbegin="go()" attributeName="x" dur="1s"/>', _SCRIPT),
    ('<image href="#" onerror="go()"/>', _SCRIPT),
    ('<rect x:onclick="go()" xmlns:x="urn:nothing"/>', _SCRIPT),
    ('<text onfocusin="go()" tabindex="1">a</text>', _SCRIPT),
    ('<a href="javascript:go()"><text>a</text></a>', _SCRIPT),
    ('<a xlink:href="JaVaScRiPt:go()"/>', _SCRIPT),
    ('<a href="java&#9;script:go()"/>', _SCRIPT),
    ('<a href="java&#10;scr&#13;ipt:go()"/>', _SCRIPT),
    ('<a href="&#1056;&#x6a;avascript:go()"/>', _EXTERNAL),
    ('<a href="&#x6a;&#97;vascript&#58;go()"/>', _SCRIPT),
    ('<a href="  javascript:go()"/>', _SCRIPT),
    ('<a href="vbscript:go()"/>', _SCRIPT),
    ('<a href="data:text/html,%3Cscript%3Ego()%3C/script%3E"/>', _SCRIPT),
    ('<a href="data:text/html;base64,PHNjcmlwdD4="/>', _SCRIPT),
    ('<a href="data:application/xhtml+xml,x"/>', _SCRIPT),
    ('<a p:href="javascript:go()" xmlns:p="http://www.w3.org/1999/xlink"/>', _SCRIPT),
    ('<a href="https://evil.example/"/>', _EXTERNAL),
    ('<a href="//evil.example/"/>', _EXTERNAL),
    ('<a href="page.html"/>', _EXTERNAL),
    ('<use href="https://evil.example/a.svg#a"/>', _EXTERNAL),
    ('<use xlink:href="other.svg#a"/>', _EXTERNAL),
    ('<use href="data:image/svg+xml;base64,PHN2Zy8+#a"/>', _SCRIPT),
    ('<use href="data:image/png;base64,AAAA"/>', _EXTERNAL),
    ('<image href="https://evil.example/a.png"/>', _EXTERNAL),
    ('<image href="data:image/svg+xml,%3Csvg/%3E"/>', _SCRIPT),
    ('<image href="file:///etc/passwd"/>', _EXTERNAL),
    ('<feImage href="http://evil.example/a.png"/>', _EXTERNAL),
    ('<linearGradient xlink:href="http://evil.example/#a"/>', _EXTERNAL),
    ('<textPath href="a.svg#b">a</textPath>', _EXTERNAL),
    ('<g xml:base="https://evil.example/"><use href="#a"/></g>', _EXTERNAL),
    ('<g xml:base="#"/>', _EXTERNAL),
    ('<rect fill="url(https://evil.example/#a)"/>', _EXTERNAL),
    ('<rect fill="url( &quot;//evil.example/#a&quot; )"/>', _EXTERNAL),
    ("<rect filter=\"URL('a.svg#b')\"/>", _EXTERNAL),
    ('<rect style="fill:url(https://evil.example/#a)"/>', _EXTERNAL),
    ('<rect style="fill:u\\72l(https://evil.example/#a)"/>', _EXTERNAL),
    ('<rect style="fill:\\75\\72\\6c (https://evil.example/)"/>', _EXTERNAL),
    ('<rect style="cursor:image-set(&quot;https://evil.example/a&quot; 1x)"/>', _EXTERNAL),
    ('<rect style="background:url(data:image/svg+xml,x)"/>', _EXTERNAL),
    ('<rect style="width:expression(go())"/>', _SCRIPT),
    ('<rect style="width:expr/**/ession(go())"/>', _SCRIPT),
    ('<rect style="-moz-binding:url(#a)"/>', _SCRIPT),
    ('<rect style="behavior:url(#a)"/>', _SCRIPT),
    ('<rect style="fill:url(javascript:go())"/>', _SCRIPT),
    ('<style>@import "https://evil.example/a.css";</style>', _EXTERNAL),
    ("<style>@im\\70ort 'a.css';</style>", _EXTERNAL),
    ("<style>@IMPORT url(a.css);</style>", _EXTERNAL),
    ("<style><![CDATA[@import url(a.css);]]></style>", _EXTERNAL),
    ("<style>@imp<!-- -->ort 'a.css'; @import 'b';</style>", _EXTERNAL),
    ("<style>a{fill:url(http://evil.example)}</style>", _EXTERNAL),
    ("<style>a{fill:ur<![CDATA[l(http://evil.example)]]>}</style>", _EXTERNAL),
    ("<style>@font-face{src:url(https://evil.example/a.woff)}</style>", _EXTERNAL),
    ("<style>a{width:expression(go())}</style>", _SCRIPT),
    ('<style xmlns="urn:nothing">@import "a"</style>', _EXTERNAL),
    ('<style><![CDATA[</style><img src="x" onerror="go()">]]></style>', _SCRIPT),
    ('<g><![CDATA[><img src="x" onerror="go()">]]></g>', _SCRIPT),
    ("<title><![CDATA[<script>go()</script>]]></title>", _SCRIPT),
    ('<!--><img src="x" onerror="go()">-->', _SCRIPT),
    ('<!---><img src="x" onerror="go()">-->', _SCRIPT),
    ("<foreignObject><p>a</p></foreignObject>", _SCRIPT),
    (f"<foreignObject><h:iframe {_HTML}/></foreignObject>", _SCRIPT),
    ("<FOREIGNOBJECT/>", _SCRIPT),
    (f'<h:iframe {_HTML} src="javascript:go()"/>', _SCRIPT),
    (f"<h:b {_HTML}>a</h:b>", _SCRIPT),
    ("<iframe/>", _SCRIPT),
    ('<embed src="a"/>', _SCRIPT),
    ('<object data="a"/>', _SCRIPT),
    ('<audio src="a"/>', _SCRIPT),
    ('<video src="a"/>', _SCRIPT),
    ('<handler type="text/ecmascript">go()</handler>', _SCRIPT),
    ('<listener event="click"/>', _SCRIPT),
    ('<rect ev:event="click" xmlns:ev="http://www.w3.org/2001/xml-events"/>', _SCRIPT),
    ('<math xmlns="http://www.w3.org/1998/Math/MathML"/>', _SCRIPT),
    ('<x:include xmlns:x="http://www.w3.org/2001/XInclude" href="/etc/passwd"/>', _SCRIPT),
    ('<x:template xmlns:x="http://www.w3.org/1999/XSL/Transform"/>', _SCRIPT),
    ('<a><set attributeName="href" to="javascript:go()"/></a>', _SCRIPT),
    ('<a><set attributeName="xlink:href" to="#b"/></a>', _SCRIPT),
    ('<a><animate attributeName="hr&#101;f" values="#a;#b"/></a>', _SCRIPT),
    ('<a><animate attributeName=" XLINK:HREF " values="#a"/></a>', _SCRIPT),
    ('<set attributeName="onclick" to="go()"/>', _SCRIPT),
    ('<animate attributeName="x" values="1;javascript:go()"/>', _SCRIPT),
    ('<animate attributeName="x" from="java&#9;script:go()"/>', _SCRIPT),
    ('<animate attributeName="fill" to="url(http://evil.example)"/>', _EXTERNAL),
    ("<blink>a</blink>", _ELEMENT),
    ('<rect xmlns=""/><other xmlns=""/>', _ELEMENT),
    ("<?php go() ?>", _ELEMENT),
    ("<?xpacket ><img onerror='go()'> ?>", _ELEMENT),
    ("&unknown;", "svg_broken"),
    ("<x:rect/>", "svg_broken"),
    ("<g>", "svg_broken"),
]


@pytest.mark.parametrize(("inside", "code"), _INSIDE, ids=[inside for inside, _ in _INSIDE])
def test_what_could_do_more_than_show_a_picture_is_refused(inside, code):
    assert code_of(SafeSvg(), "a.svg", svg(inside)) == code


_MORE = "".join(f'<!ENTITY a{n} "{f"&a{n - 1};" * 10}">' for n in range(1, 9))
_LAUGHS = f'<!DOCTYPE svg [<!ENTITY a0 "ha">{_MORE}]>'
_DTD = '"http://www.w3.org/Graphics/SVG/1.1/DTD/svg11.dtd"'
_WHOLE = [
    (_LAUGHS.encode() + svg("&a8;"), _ENTITY),
    (b'<!DOCTYPE svg [<!ENTITY x SYSTEM "file:///etc/passwd">]>' + svg("&x;"), _ENTITY),
    (b'<!DOCTYPE svg [<!ENTITY % x SYSTEM "http://evil.example/a">%x;]>' + svg(), _ENTITY),
    (b'<!DOCTYPE svg [<!ATTLIST svg onload CDATA "go()">]>' + svg(), _ENTITY),
    (b'<!DOCTYPE svg SYSTEM "http://evil.example/a.dtd">' + svg(), _ENTITY),
    (b'<!DOCTYPE svg PUBLIC "-//W3C//DTD XHTML 1.0 Strict//EN" ' + _DTD.encode() + b">" + svg(), _ENTITY),
    (b'<!DOCTYPE svg PUBLIC "-//W3C//DTD SVG 1.1//EN" ' + _DTD.encode() + b">" + svg("&x;"), _ENTITY),
    (b'<?xml-stylesheet href="https://evil.example/a.css"?>' + svg(), _EXTERNAL),
    (b'<?xml-stylesheet type="text/xsl" href="#a"?>' + svg(), _EXTERNAL),
    (b'<svg xmlns="http://www.w3.org/2000/svg" onload="go()"/>', _SCRIPT),
    (b'<?xml version="1.0" encoding="utf-7"?>' + svg(), "svg_broken"),
    (b'<?xml version="1.0" encoding="cp037"?>' + svg(), "svg_broken"),
    (b'<?xml version="1.0" encoding="iso-2022-jp"?>' + svg(), "svg_broken"),
    (b'<?xml version="1.1"?>' + svg(), "svg_broken"),
    (svg().decode().encode("utf-16-le"), "svg_broken"),
    (svg("<script/>").decode().encode("utf-16"), _SCRIPT),
    (svg().decode().encode("utf-32"), "svg_broken"),
    (b"<svg/>", "svg_broken"),
    (b'<html xmlns="http://www.w3.org/1999/xhtml"/>', "svg_broken"),
    (b'<svg xmlns="http://www.w3.org/1999/xhtml"/>', "svg_broken"),
    (svg() + svg(), "svg_broken"),
    (b"", "svg_broken"),
    (b"hello", "svg_broken"),
    (svg("\x00"), "svg_broken"),
    (b"\xff" + svg(), "svg_broken"),
    (gzip.compress(svg(), mtime=0), "svg_compressed"),
    (svg("<g>" * 250 + "</g>" * 250), "svg_too_large"),
]


@pytest.mark.parametrize(("data", "code"), _WHOLE)
def test_documents_that_are_more_or_less_than_an_image_are_refused(data, code):
    assert code_of(SafeSvg(), "a.svg", data) == code


@pytest.mark.parametrize("data", HONEST.values(), ids=HONEST)
def test_what_drawing_programs_write_passes(data):
    assert code_of(SafeSvg(), "a.SVG", data) is None


def test_files_of_other_extensions_pass_and_compressed_images_do_not():
    assert code_of(SafeSvg(), "a.png", svg("<script/>")) is None
    assert code_of(SafeSvg(), "svg", svg("<script/>")) is None
    assert code_of(SafeSvg(), "a.svgz", gzip.compress(svg(), mtime=0)) == "svg_compressed"


def test_an_image_may_be_as_long_as_the_limit_and_no_longer():
    data = svg("<g/>")
    assert code_of(SafeSvg(len(data)), "a.svg", data) is None
    refusal = judge(SafeSvg("100 B"), "a.svg", data + b" " * 100)
    assert refusal is not None
    assert (refusal.code, "100 bytes" in refusal.reason) == ("svg_too_large", True)
    with pytest.raises(ValueError, match="is no size"):
        SafeSvg("large")


_HEAVY = {
    "elements": b"<g/>" * 1_200_000,
    "depth": b"<g>" * 1_600_000,
    "attributes": b"<g " + b" ".join(b'a%d="("' % n for n in range(380_000)) + b"/>",
    "comments": b"<!---->" * 700_000,
    "lines": b"\n" * 4_900_000,
    "spaces in a style": b'<g style="fill:url(' + b" " * 4_800_000 + b'"/>',
    "functions in a style": b"<style>" + b"url(" * 1_200_000 + b"</style>",
    "open comments in a style": b"<style>" + b"/*" * 2_400_000 + b"</style>",
    "escapes in a style": b"<style>" + b"\\75 " * 1_200_000 + b"</style>",
    "sections": b"<g>" + b"<![CDATA[]]>" * 400_000 + b"</g>",
    "one long name": b"<" + b"g" * 4_800_000 + b"/>",
}


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="memory cannot be measured there")
@pytest.mark.parametrize("kind", _HEAVY)
def test_images_made_to_be_hard_to_read_take_little_time_and_memory(kind, tmp_path):
    path = tmp_path / "a.svg"
    path.write_bytes(b'<svg xmlns="http://www.w3.org/2000/svg">' + _HEAVY[kind] + b"</svg>")
    verdict = judge_apart("svg", "SafeSvg", path)
    assert verdict.seconds < 6  # with its coverage measured
    assert verdict.memory < (150_000_000 if kind == "attributes" else 60_000_000)


@given(st.binary(max_size=300), st.booleans())
def test_any_bytes_pass_or_are_refused(data, inside):
    judge(SafeSvg(), "a.svg", svg(data.decode("latin-1")) if inside else data)


_ALL = [*HONEST.values(), *(svg(inside) for inside, _ in _INSIDE), *(data for data, _ in _WHOLE)]


@settings(max_examples=300)
@given(st.sampled_from(_ALL), st.lists(st.tuples(st.integers(0, 3000), st.binary(max_size=6)), max_size=6))
def test_images_with_some_bytes_changed_pass_or_are_refused(data, changes):
    for at, new in changes:
        at %= len(data) + 1  # noqa: PLW2901
        data = data[:at] + new + data[at + len(new) :]
    judge(SafeSvg(), "a.svg", data)


_TAGS = st.sampled_from(["script", "SCRIPT", "ScripT", "s:script", "foreignObject", "iframe", "handler"])
_SPACE = st.text(" \t\n", max_size=3)


@given(st.lists(st.sampled_from(["g", "defs", "a", "symbol", "switch"]), max_size=8), _TAGS, _SPACE)
def test_a_script_is_found_wherever_it_stands_and_however_it_is_spelt(around, tag, space):
    before, after = "".join(f"<{name}>" for name in around), "".join(f"</{name}>" for name in reversed(around))
    data = svg(
        f'{before}<{tag}{space} xmlns:s="http://www.w3.org/2000/svg">x</{tag}{space}>{after}'.replace("> x", ">x")
    )
    assert code_of(SafeSvg(), "a.svg", data) in ("svg_script", "svg_broken")
