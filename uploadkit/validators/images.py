"""A validator for the dimensions of images; it reads headers and never decodes a pixel."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

from ..candidate import Candidate
from ..exceptions import UploadNotAllowed
from .imageheaders import FORMATS, Size, UnreadableError, format_of, sizes_in


@dataclass(frozen=True)
class ImageSize:
    """Refuse images that are too large or too small, or whose size cannot be told.

    It judges files whose extension is that of an image, except SVG; others pass. Widths and heights are those that the
    file stores, before a rotation that EXIF asks for. The whole file is asked for, because a JPEG may have much before
    its dimensions and a GIF has some in each frame; of a large file only little is read.

    :param max_width: The greatest width, in pixels; of every frame.
    :param max_height: The greatest height, in pixels; of every frame.
    :param max_pixels: The greatest width times height, in pixels. The default, 50 million, lets photos of phones
        pass, and takes 200 MB to decode; None for no limit.
    :param min_width: The least width, in pixels.
    :param min_height: The least height, in pixels.
    :param formats: What the bytes may be: some of ``"png"``, ``"jpeg"``, ``"gif"``, ``"webp"`` and ``"bmp"``.
    :param max_frames: How many frames an animation may have; None for no limit.
    :raises ValueError: if a limit is not above zero, or a format unknown.
    """

    max_width: int | None = None
    max_height: int | None = None
    max_pixels: int | None = 50_000_000
    min_width: int | None = None
    min_height: int | None = None
    formats: tuple[str, ...] = ("png", "jpeg", "gif", "webp", "bmp")
    max_frames: int | None = 1000

    def __post_init__(self) -> None:
        object.__setattr__(self, "formats", tuple(self.formats))
        unknown = [name for name in self.formats if name not in FORMATS]
        if unknown or not self.formats:
            raise ValueError(f"formats={self.formats!r} must be some of: {', '.join(FORMATS)}.")
        for name in ("max_width", "max_height", "max_pixels", "min_width", "min_height", "max_frames"):
            value = getattr(self, name)
            if value is not None and (not isinstance(value, int) or value <= 0):
                raise ValueError(f"{name}={value!r} must be a whole number above zero.")

    def __call__(self, candidate: Candidate, /) -> None:
        """Judge an image by its headers.

        :raises UploadNotAllowed: with the code ``"image_format"`` if it is of no accepted format, ``"image_broken"`` if
            its headers cannot be read, ``"image_too_large"``, ``"image_too_small"``, or ``"image_frames"``.
        """
        kind = candidate.content_type.partition(";")[0].strip().lower()
        if kind.startswith("image/") and kind != "image/svg+xml":
            self._judge(candidate.stream)

    def _judge(self, stream: BinaryIO) -> None:
        name = format_of(stream)
        if name is None or name not in self.formats:
            accepted = ", ".join(known.upper() for known in self.formats)
            problem = "This is not a readable image" if name is None else "Images of this kind are not accepted"
            raise UploadNotAllowed(
                f"{problem}; accepted are: {accepted}.",
                code="image_format",
                allowed=self.formats,
                params={"allowed": accepted},
            )
        try:
            self._judge_sizes(sizes_in(stream, name))
        except UnreadableError:
            raise _broken() from None

    def _judge_sizes(self, sizes: Iterator[Size]) -> None:
        frames = 0
        canvas: tuple[int, int] | None = None
        for width, height, count in sizes:
            canvas = canvas or (width, height)
            frames += count
            self._judge_most(width, height, frames)
        if canvas is None:
            raise _broken()
        self._judge_least(*canvas)

    def _judge_most(self, width: int, height: int, frames: int) -> None:
        if not width or not height:
            raise _broken()
        if self.max_frames is not None and frames > self.max_frames:
            raise UploadNotAllowed(
                f"The animation is too long; it may have at most {self.max_frames:,} frames.",
                code="image_frames",
                params={"limit": f"{self.max_frames:,}", "max_frames": self.max_frames},
            )
        if _beyond(width, self.max_width) or _beyond(height, self.max_height):
            raise self._too_large(_sides(self.max_width, self.max_height))
        if _beyond(width * height, self.max_pixels):
            raise self._too_large(f"{self.max_pixels:,} pixels in all")

    def _judge_least(self, width: int, height: int) -> None:
        if width < (self.min_width or 0) or height < (self.min_height or 0):
            least = _sides(self.min_width, self.min_height)
            raise UploadNotAllowed(
                f"The image is too small; it must have at least {least}.",
                code="image_too_small",
                params={"limit": least, "min_width": self.min_width, "min_height": self.min_height},
            )

    def _too_large(self, limit: str) -> UploadNotAllowed:
        greatest = {"max_width": self.max_width, "max_height": self.max_height, "max_pixels": self.max_pixels}
        return UploadNotAllowed(
            f"The image is too large; it may have at most {limit}.",
            code="image_too_large",
            params={"limit": limit, **greatest},
        )


def _beyond(value: int, limit: int | None) -> bool:
    return limit is not None and value > limit


def _sides(width: int | None, height: int | None) -> str:
    """Return limits as people write them, for a side or for both."""
    if width and height:
        return f"{width:,} × {height:,} pixels"  # noqa: RUF001 - the sign for sizes
    return f"{width:,} pixels in width" if width else f"{height:,} pixels in height"


def _broken() -> UploadNotAllowed:
    return UploadNotAllowed("The image is broken; its size cannot be read.", code="image_broken")
