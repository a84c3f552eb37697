"""A validator for SVG images, which can carry scripts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar
from xml.parsers.expat import ExpatError

from ..candidate import Candidate
from ..exceptions import UploadNotAllowed
from ..sizes import parse_size, readable_size
from .svgrules import Inspector, SvgRefusedError

_REASONS = {
    "svg_script": "The SVG image has scripts, or HTML, in it.",
    "svg_external": "The SVG image loads something from elsewhere, or links to it.",
    "svg_entity": "The SVG image declares entities, or is of an unusual document type.",
    "svg_element": "The SVG image has something in it that is not accepted in images.",
    "svg_too_large": "The SVG image has too much in it.",
    "svg_broken": "The file is no SVG image, or a broken one.",
}
_UTF_16_MARKS = (b"\xff\xfe", b"\xfe\xff")


@dataclass(frozen=True)
class SafeSvg:
    """Refuse SVG images that could do more than show a picture.

    It judges files with the extension ``svg``, and refuses ``svgz``; others pass. Nothing is removed: an image passes
    as it is, or not at all. Elements of SVG are accepted by a list; those of editors (Inkscape, Illustrator, Figma …)
    pass, because browsers ignore them. References must stay within the file; raster images and fonts may be in it as
    ``data:`` URLs. So links to websites are refused, too.

    Keep serving SVG as a download or from an origin of its own all the same. An image that repeats parts of itself
    many times over can still take long to draw.

    :param max_bytes: The greatest length: bytes, or text such as ``"2 MB"``. All of it is read into memory; a
        file made for it takes up to twenty times as much, and a second, while it is judged.
    :raises ValueError: if it is no size.
    """

    max_bytes: int | str = "2 MB"
    head_only: ClassVar[bool] = False

    def __post_init__(self) -> None:
        parse_size(self.max_bytes)

    def __call__(self, candidate: Candidate, /) -> None:
        """Judge an SVG image.

        :raises UploadNotAllowed: with the code ``"svg_compressed"``, ``"svg_script"`` (scripts, event handlers, HTML),
            ``"svg_external"`` (a reference that leaves the file), ``"svg_entity"``, ``"svg_element"`` (one that is not
            on the list), ``"svg_too_large"`` or ``"svg_broken"``.
        """
        if candidate.extension == "svgz":
            raise UploadNotAllowed("Compressed SVG images are not accepted.", code="svg_compressed")
        if candidate.extension == "svg":
            _judge(self._read(candidate))

    def _read(self, candidate: Candidate) -> bytes:
        limit = parse_size(self.max_bytes)
        candidate.stream.seek(0)
        data = candidate.stream.read(limit + 1)
        if len(data) > limit:
            readable = readable_size(limit)
            raise UploadNotAllowed(
                f"The SVG image is too large; at most {readable} are allowed.",
                code="svg_too_large",
                params={"limit": readable, "max_size": limit},
            )
        return data


def _judge(data: bytes) -> None:
    if data.startswith(b"\x1f\x8b"):
        raise UploadNotAllowed("Compressed SVG images are not accepted.", code="svg_compressed")
    try:
        if b"\0" in data[:4] and not data.startswith(_UTF_16_MARKS):
            raise SvgRefusedError("svg_broken")
        Inspector().inspect(data)
    except SvgRefusedError as error:
        raise UploadNotAllowed(_REASONS[error.code], code=error.code) from None
    except (ExpatError, ValueError):
        raise UploadNotAllowed(_REASONS["svg_broken"], code="svg_broken") from None
