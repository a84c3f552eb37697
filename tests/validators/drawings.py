"""SVG images: what drawing programs write."""

from __future__ import annotations

_PNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAQAAAC1HAwCAAAAC0lEQVR42mNkYAAAAAYAAjCB0C8AAAAASUVORK5CYII="


def svg(inside: str = "") -> bytes:
    """Return an image with something in it."""
    names = 'xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink"'
    return f"<svg {names}>{inside}</svg>".encode()


_MATPLOTLIB = """\
<?xml version="1.0" encoding="utf-8" standalone="no"?>
<!DOCTYPE svg PUBLIC "-//W3C//DTD SVG 1.1//EN"
  "http://www.w3.org/Graphics/SVG/1.1/DTD/svg11.dtd">
<svg xmlns:xlink="http://www.w3.org/1999/xlink" width="28.8pt" height="21.6pt"
  viewBox="0 0 28.8 21.6" xmlns="http://www.w3.org/2000/svg" version="1.1">
 <metadata>
  <rdf:RDF xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:cc="http://creativecommons.org/ns#" xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
   <cc:Work>
    <dc:type rdf:resource="http://purl.org/dc/dcmitype/StillImage"/>
    <dc:date>2026-01-01T00:00:00</dc:date>
    <dc:format>image/svg+xml</dc:format>
    <dc:creator>
     <cc:Agent>
      <dc:title>Matplotlib v3.11.2, https://matplotlib.org/</dc:title>
     </cc:Agent>
    </dc:creator>
   </cc:Work>
  </rdf:RDF>
 </metadata>
 <defs>
  <style type="text/css">*{stroke-linejoin: round; stroke-linecap: butt}</style>
 </defs>
 <g id="figure_1">
  <g id="patch_1">
   <path d="M 0 21.6
L 28.8 21.6
L 28.8 0
L 0 0
z
" style="fill: #ffffff"/>
  </g>
  <g id="text_1">
   <text style="font-size: 10px; font-family: 'DejaVu Sans', 'Bitstream Vera Sans', sans-serif; text-anchor: start"
  x="2.88" y="10.8" transform="rotate(-0 2.88 10.8)">a</text>
  </g>
 </g>
</svg>
"""
_INKSCAPE = f"""\
<?xml version="1.0" encoding="UTF-8" standalone="no"?>
<!-- Created with Inkscape (http://www.inkscape.org/) -->
<svg width="9mm" height="9mm" viewBox="0 0 9 9" version="1.1" id="svg1" inkscape:version="1.3.2"
  sodipodi:docname="drawing.svg" inkscape:export-filename="C:\\pictures\\drawing.png"
  xmlns:inkscape="http://www.inkscape.org/namespaces/inkscape" xmlns:xlink="http://www.w3.org/1999/xlink"
  xmlns:sodipodi="http://sodipodi.sourceforge.net/DTD/sodipodi-0.dtd" xmlns="http://www.w3.org/2000/svg"
  xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" xmlns:dc="http://purl.org/dc/elements/1.1/">
  <sodipodi:namedview id="view1" pagecolor="#ffffff" inkscape:zoom="0.7"><inkscape:page x="0"/></sodipodi:namedview>
  <defs id="defs1"><linearGradient id="a"><stop offset="0" style="stop-color:#f00;stop-opacity:1"/></linearGradient>
    <linearGradient xlink:href="#a" id="b" gradientTransform="matrix(1,0,0,1,2,3)"/>
    <inkscape:path-effect effect="spiro" id="effect1"/></defs>
  <metadata><rdf:RDF><dc:type rdf:resource="http://purl.org/dc/dcmitype/StillImage"/></rdf:RDF></metadata>
  <g inkscape:label="Layer 1" inkscape:groupmode="layer" transform="translate(-1,-2)">
    <rect style="opacity:1;fill:url(#b);-inkscape-stroke:none;font-family:'DejaVu Sans'" width="3" height="4"/>
    <image xlink:href="data:image/png;base64,{_PNG[:40]}
{_PNG[40:]}" width="1" height="1"/>
    <flowRoot xml:space="preserve"><flowRegion><rect/></flowRegion><flowPara>Text</flowPara></flowRoot>
    <text xml:space="preserve" style="-inkscape-font-specification:'sans-serif, Normal'"><tspan
      sodipodi:role="line" x="1">Fish &amp; chips: &lt;3</tspan></text>
    <use xlink:href="#b" clip-path="url(#c)"/>
  </g>
</svg>
"""
_ILLUSTRATOR = """\
<?xml version="1.0" encoding="iso-8859-1"?>
<!-- Generator: Adobe Illustrator 27.0.0, SVG Export Plug-In . SVG Version: 6.00 Build 0)  -->
<!DOCTYPE svg PUBLIC "-//W3C//DTD SVG 1.1//EN" "http://www.w3.org/Graphics/SVG/1.1/DTD/svg11.dtd">
<svg version="1.1" id="Layer_1" xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink"
  xmlns:x="http://ns.adobe.com/Extensibility/1.0/" xmlns:i="http://ns.adobe.com/AdobeIllustrator/10.0/"
  x="0px" y="0px" viewBox="0 0 9 9" style="enable-background:new 0 0 9 9;" xml:space="preserve">
<metadata><sfw xmlns="http://ns.adobe.com/SaveForWeb/1.0/"><slices></slices>
<sliceSourceBounds bottomLeftOrigin="true" height="9" width="9"></sliceSourceBounds></sfw></metadata>
<?xpacket begin="" id="W5M0MpCehiHzreSzNTczkc9d"?>
<style type="text/css"><![CDATA[
  .st0{fill:#FFFFFF;stroke:#000;} .st1{clip-path:url(#a);fill:url("#b");} .st2{font-family:'Myriad Pro'}
]]></style>
<switch><g i:extraneous="self">
<path class="st0" d="M1,2c0.3,0,0.5-0.2,0.5-0.5S1.3,1,1,1S0.5,1.2,0.5,1.5z"/></g></switch>
<i:pgf id="adobe_illustrator_pgf"><![CDATA[eJzt/WlzHUeSLgzfX8A/1vjgZ9qxnqb=]]></i:pgf>
</svg>
"""
_FIGMA = """\
<svg width="24" height="24" viewBox="0 0 24 24" fill="none" xmlns="http://www.w3.org/2000/svg">
<g filter="url(#filter0_d_1_2)" style="mix-blend-mode:multiply"><rect x="4" y="4" width="9" height="9" rx="2"
fill="url(#paint0_linear_1_2)" shape-rendering="crispEdges"/></g>
<defs><filter id="filter0_d_1_2" color-interpolation-filters="sRGB"><feFlood flood-opacity="0" result="a"/>
<feColorMatrix in="SourceAlpha" type="matrix" values="0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 127 0"/>
<feGaussianBlur stdDeviation="2"/><feBlend mode="normal" in2="a"/></filter>
<linearGradient id="paint0_linear_1_2" gradientUnits="userSpaceOnUse"><stop stop-color="#D9D9D9"/></linearGradient>
</defs></svg>
"""
_BADGE = """\
<svg xmlns="http://www.w3.org/2000/svg" width="90" height="20" role="img" aria-label="JavaScript is on: 100%">
<title>Data: passed (image)</title><linearGradient id="s" x2="0" y2="100%"><stop offset="0"/></linearGradient>
<text x="1" textLength="9" data-name="on (1)">javascript: is no URL here, nor is url(x)</text>
<circle r="2"><animate attributeName="r" values="1;2;1" dur="1s" begin="0s;a.end" repeatCount="indefinite"/></circle>
<set attributeName="fill" to="url(#s)"/><animateMotion><mpath href="#s"/></animateMotion></svg>
"""
_FONT = """\
<svg xmlns="http://www.w3.org/2000/svg"><style>@font-face{font-family:"A";src:url(data:font/woff2;base64,d09GMgA=)}
@media (prefers-color-scheme: dark) { path { fill: #fff } } text::before { content: "\\201C" }</style></svg>
"""

HONEST = {
    "Matplotlib": _MATPLOTLIB.encode(),
    "Inkscape": _INKSCAPE.encode(),
    "Illustrator": _ILLUSTRATOR.encode(),
    "Figma": _FIGMA.encode(),
    "a badge": _BADGE.encode(),
    "a font of its own": _FONT.encode(),
    "UTF-8 with a mark": b"\xef\xbb\xbf" + _FIGMA.encode(),
    "UTF-16": _FIGMA.encode("utf-16"),
    "UTF-16 that says so": ('<?xml version="1.0" encoding="UTF-16"?>' + _FIGMA).encode("utf-16"),
    "an empty reference": svg('<use href=""/><use xlink:href="#a"/><image href="data:image/jpeg;base64,/9j/"/>'),
}
