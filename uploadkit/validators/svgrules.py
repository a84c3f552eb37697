"""What may be in an SVG image."""

from __future__ import annotations

import re
from functools import lru_cache
from xml.parsers import expat

_SVG = "http://www.w3.org/2000/svg"
#: Elements of SVG, with those of SVG 1.2 that Inkscape writes.
_ELEMENTS = frozenset(
    """
    a altGlyph altGlyphDef altGlyphItem animate animateColor animateMotion animateTransform circle clipPath
    color-profile cursor defs desc discard ellipse feBlend feColorMatrix feComponentTransfer feComposite
    feConvolveMatrix feDiffuseLighting feDisplacementMap feDistantLight feDropShadow feFlood feFuncA feFuncB
    feFuncG feFuncR feGaussianBlur feImage feMerge feMergeNode feMorphology feOffset fePointLight
    feSpecularLighting feSpotLight feTile feTurbulence filter flowDiv flowLine flowPara flowRegion flowRegionBreak
    flowRegionExclude flowRoot flowSpan flowTref font font-face font-face-format font-face-name font-face-src
    font-face-uri g glyph glyphRef hatch hatchpath hkern image line linearGradient marker mask mesh meshgradient
    meshpatch meshrow metadata missing-glyph mpath path pattern polygon polyline radialGradient rect set
    solidColor solidcolor stop style svg switch symbol text textArea textPath title tref tspan use view vkern
    """.split()  # noqa: SIM905 - a list would take a line for each
)
#: Elements that are refused in any namespace: an HTML parser, into which SVG may be pasted, sees no namespaces.
_ACTIVE = frozenset(
    """
    annotation-xml applet audio b base bgsound big binding bindings blockquote body br button canvas center code
    dd div dl dt em embed foreignobject form frame frameset h1 h2 h3 h4 h5 h6 handler head hr html i iframe ilayer
    img include input isindex keygen layer li link listener listing marquee math menu meta nobr noembed noframes
    noscript object ol p plaintext portal pre ruby s script select small source span strike strong stylesheet sub
    sup table template textarea track tt u ul var video xmp xss
    """.split()  # noqa: SIM905 - a list would take a line for each
)
_ACTIVE_NAMESPACES = (
    "http://www.w3.org/1999/xhtml",
    "http://www.w3.org/1998/Math/MathML",
    "http://www.w3.org/1999/XSL/",
    "http://www.w3.org/2001/XInclude",
    "http://www.w3.org/2003/XInclude",
    "http://www.w3.org/2001/xml-events",
    "http://www.w3.org/2002/xforms",
    "http://www.w3.org/ns/xbl",
    "http://www.mozilla.org/",
)
_REFERENCES = frozenset(
    """
    action background base codebase data dynsrc formaction href lowsrc manifest ping poster src srcdoc srcset
    """.split()  # noqa: SIM905 - a list would take a line for each
)
_ANIMATIONS = frozenset(("set", "animate", "animateColor", "animateMotion", "animateTransform"))
_ENCODINGS = frozenset(
    ("utf-8", "utf8", "utf-16", "iso-8859-1", "latin1", "iso-8859-15", "us-ascii", "ascii", "windows-1252")
)
_DOCTYPE = re.compile(r"https?://www\.w3\.org/[\w/.-]*")

_RASTER = r"data:image/(?:png|jpe?g|gif|webp)(?:;base64)?,"
_FONT = (
    r"data:(?:font/[\w.+-]+|application/(?:x-)?font-[\w.+-]+|application/vnd\.ms-fontobject)(?:;charset=utf-8)?;base64,"
)
_IMAGE_URL = re.compile(_RASTER, re.IGNORECASE)
_OUTSIDE = re.compile(
    rf"url\((?!\s*(?:[\"']\s*)?(?:\#|{_RASTER}|{_FONT}))|@import|@namespace|@charset"
    r"|(?:image-set|(?<![\w-])image|(?<![\w-])src|cross-fade)\(",
    re.IGNORECASE,
)
_SCRIPT_CSS = re.compile(r"expression\s*\(|-moz-binding|behaviou?r\s*:|(?:java|vb|live)script:", re.IGNORECASE)
_SCRIPT_URL = re.compile(r"(?:^|;)(?:(?:java|vb|live)script|mocha):|^data:(?:text|application)/", re.IGNORECASE)
_BLANK = re.compile(r"[\x00-\x20\x7f-\xa0\u200b-\u200f\u2028-\u202f\ufeff]+")
_ESCAPE = re.compile(r"\\(?:([0-9a-fA-F]{1,6})[ \t\r\n\f]?|\r?\n|(.))", re.DOTALL)
_COMMENT = re.compile(r"/\*.*?(?:\*/|$)", re.DOTALL)
_MARKUP = re.compile(r"<(?:[A-Za-z/!?]|\Z)")

_DEEPEST, _MOST, _MOST_ESCAPES = 200, 200_000, 10_000


class SvgRefusedError(Exception):
    """Something is in the image that may not be there.

    :param code: What it is, as `UploadNotAllowed` says it.
    """

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class Inspector:
    """Look at each part of an image as it is parsed; for one image only."""

    def __init__(self) -> None:
        self._path: list[str] = []
        self._count = 0
        self._in_cdata = False
        self._style: list[str] = []

    def inspect(self, data: bytes) -> None:
        """Parse an image.

        :raises SvgRefusedError: if something is in it that may not be.
        :raises ExpatError: if it is not well formed.
        """
        parser = expat.ParserCreate(namespace_separator=" ")
        parser.ordered_attributes = parser.buffer_text = True
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._text
        parser.StartCdataSectionHandler = self._start_cdata
        parser.EndCdataSectionHandler = self._end_cdata
        parser.CommentHandler = _judge_comment
        parser.ProcessingInstructionHandler = _judge_instruction
        parser.XmlDeclHandler = _judge_declaration
        parser.StartDoctypeDeclHandler = _judge_doctype
        parser.EntityDeclHandler = parser.SkippedEntityHandler = parser.UnparsedEntityDeclHandler = _refuse_entity
        parser.Parse(data, True)

    def _start(self, name: str, attributes: list[str]) -> None:
        namespace, _, local = name.rpartition(" ")
        self._count += 1
        if self._count > _MOST or len(self._path) >= _DEEPEST:
            raise SvgRefusedError("svg_too_large")
        if not self._path and (namespace, local) != (_SVG, "svg"):
            raise SvgRefusedError("svg_broken")
        judge_element(namespace, local)
        self._path.append(local)
        if local in _ANIMATIONS:
            _judge_animation(attributes)
        for key, value in zip(attributes[::2], attributes[1::2], strict=True):
            _judge_attribute(local, key, value)

    def _end(self, name: str) -> None:
        if self._path.pop().lower() == "style":
            judge_css("".join(self._style))
            self._style.clear()

    def _text(self, data: str) -> None:
        if self._in_cdata and _MARKUP.search(data):
            raise SvgRefusedError("svg_script")
        if "style" in map(str.lower, self._path[-2:]):
            self._style.append(data)

    def _start_cdata(self) -> None:
        self._in_cdata = True

    def _end_cdata(self) -> None:
        self._in_cdata = False


@lru_cache(maxsize=1024)
def judge_element(namespace: str, local: str) -> None:
    """Refuse an element by its name."""
    if local.lower() in _ACTIVE or namespace.startswith(_ACTIVE_NAMESPACES):
        raise SvgRefusedError("svg_script")
    if namespace in (_SVG, "") and local not in _ELEMENTS:
        raise SvgRefusedError("svg_element")


@lru_cache(maxsize=1024)
def _kind_of(name: str) -> str:
    """Return what an attribute is: an ``"event"``, a ``"reference"``, or ``"plain"``."""
    namespace, _, local = name.rpartition(" ")
    local = local.lower()
    if local.startswith("on") or namespace.startswith(_ACTIVE_NAMESPACES):
        return "event"
    return "reference" if local in _REFERENCES else "plain"


def _judge_attribute(element: str, name: str, value: str) -> None:
    kind = _kind_of(name)
    if kind == "event":
        raise SvgRefusedError("svg_script")
    if kind == "reference":
        _judge_reference(element, name, value)
    if ":" in value and _SCRIPT_URL.search(_BLANK.sub("", value)):
        raise SvgRefusedError("svg_script")
    if "(" in value or "\\" in value or "@" in value or ":" in value:
        judge_css(value)


def _judge_reference(element: str, name: str, value: str) -> None:
    """Refuse what leads out of the file; images in it may be ``data:`` URLs."""
    bare = _BLANK.sub("", value)
    if _SCRIPT_URL.search(bare) or bare.lower().startswith("data:image/svg"):
        raise SvgRefusedError("svg_script")
    inside = not bare or bare.startswith("#") or (element in ("image", "feImage") and _IMAGE_URL.match(bare))
    if not inside or name.rpartition(" ")[2].lower() == "base":
        raise SvgRefusedError("svg_external")


def _judge_animation(attributes: list[str]) -> None:
    """Refuse animations that change what an element refers to, or does."""
    for key, value in zip(attributes[::2], attributes[1::2], strict=True):
        if key.lower() == "attributename":
            target = _BLANK.sub("", value).lower().rpartition(":")[2]
            if target.startswith("on") or target in _REFERENCES:
                raise SvgRefusedError("svg_script")


def judge_css(text: str) -> None:
    """Refuse style rules that load something or run scripts, however they are written."""
    if text.count("\\") > _MOST_ESCAPES:
        raise SvgRefusedError("svg_too_large")
    for form in {text, _unescape(text), _unescape(_COMMENT.sub("", text))}:
        if _SCRIPT_CSS.search(form):
            raise SvgRefusedError("svg_script")
        if _OUTSIDE.search(form):
            raise SvgRefusedError("svg_external")


def _unescape(text: str) -> str:
    """Return style rules without escapes, as browsers see them."""
    return _ESCAPE.sub(lambda match: _character(match[1]) if match[1] else match[2] or "", text)


def _character(digits: str) -> str:
    code = int(digits, 16)
    return chr(code) if code < 0x110000 else "\ufffd"  # noqa: PLR2004 - the end of Unicode


def _judge_comment(data: str) -> None:
    # an HTML parser, into which SVG may be pasted, would end the comment here
    if data.startswith((">", "->")) or "--!>" in data:
        raise SvgRefusedError("svg_script")


def _judge_instruction(target: str, data: str) -> None:
    if target.lower() != "xpacket" or ">" in data:
        raise SvgRefusedError("svg_external" if target.lower() == "xml-stylesheet" else "svg_element")


def _judge_declaration(version: str, encoding: str | None, standalone: int) -> None:
    if version != "1.0" or (encoding or "utf-8").lower() not in _ENCODINGS:
        raise SvgRefusedError("svg_broken")


def _judge_doctype(name: str, system: str | None, public: str | None, internal: int) -> None:
    if internal or not _DOCTYPE.fullmatch(system or "http://www.w3.org/"):
        raise SvgRefusedError("svg_entity")
    if not (public or "-//W3C//DTD SVG ").startswith("-//W3C//DTD SVG "):
        raise SvgRefusedError("svg_entity")


def _refuse_entity(*declared: object) -> None:
    raise SvgRefusedError("svg_entity")
