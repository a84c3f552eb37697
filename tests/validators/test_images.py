"""Images whose dimensions are judged by their headers."""

from __future__ import annotations

import io
import random
import struct
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.validators.apart import code_of, judge, judge_apart
from tests.validators.pictures import HONEST, bmp, gif, gif_frame, jpeg, name_of, png, segment, sof, vp8l, vp8x, webp
from uploadkit.validators import Candidate
from uploadkit.validators.images import ImageSize


@pytest.mark.parametrize("kind", HONEST)
def test_the_size_of_an_honest_image_is_read_to_the_pixel(kind):
    data, name = HONEST[kind], name_of(kind)
    assert code_of(ImageSize(max_width=7, max_height=5, min_width=7, min_height=5), name, data) is None
    assert code_of(ImageSize(max_width=6), name, data) == "image_too_large"
    assert code_of(ImageSize(max_height=4), name, data) == "image_too_large"
    assert code_of(ImageSize(max_pixels=34), name, data) == "image_too_large"
    assert code_of(ImageSize(min_width=8), name, data) == "image_too_small"
    assert code_of(ImageSize(min_height=6), name, data) == "image_too_small"


@pytest.mark.parametrize("kind", ["apng", "animated gif", "animated webp"])
def test_the_frames_of_an_honest_animation_are_counted(kind):
    assert code_of(ImageSize(max_frames=3), name_of(kind), HONEST[kind]) is None
    assert code_of(ImageSize(max_frames=2), name_of(kind), HONEST[kind]) == "image_frames"


_LARGE = {
    "a PNG with a huge header": png(65_000, 65_000),
    "a JPEG with a huge header": jpeg(sof(65_535, 65_535)),
    "a JPEG whose second header is huge": jpeg(sof(1, 1), sof(65_535, 65_535)),
    "a JPEG with a huge hierarchical header": jpeg(sof(65_535, 65_535, 0xDE), sof(1, 1)),
    "a GIF with a huge screen": gif(65_535, 65_535, gif_frame(1, 1)),
    "a GIF with a frame beyond its screen": gif(1, 1, gif_frame(1, 1), gif_frame(60_000, 60_000)),
    "a GIF with a small frame far away": gif(1, 1, gif_frame(1, 1, 60_000, 60_000)),
    "a WebP with a huge canvas": webp(vp8x(2**24, 2**24), vp8l(1, 1)),
    "a WebP with a huge picture in a small canvas": webp(vp8x(1, 1), vp8l(16_384, 16_384)),
    "a WebP with a huge frame": webp(vp8x(1, 1), (b"ANMF", bytes(6) + b"\xff\xff\xff\xff\xff\xff" + bytes(4))),
    "a BMP with a huge header": bmp(2**31 - 1, -(2**31)),
    "an old BMP with a huge header": bmp(65_535, 65_535, 12),
}


@pytest.mark.parametrize("data", _LARGE.values(), ids=_LARGE)
def test_a_small_file_that_claims_billions_of_pixels_is_refused_by_default(data):
    assert code_of(ImageSize(), "a.png", data) == "image_too_large"


@pytest.mark.parametrize("marker", [0xC0, 0xC1, 0xC2, 0xC3, 0xC5, 0xC9, 0xCA, 0xCB, 0xCF])
def test_every_kind_of_jpeg_is_read(marker):
    data = jpeg(segment(0xC4, bytes(30)), segment(0xCC, b"\1\1"), sof(7, 5, marker))
    assert code_of(ImageSize(max_width=7, max_height=5, min_width=7), "a.jpg", data) is None


def test_a_jpeg_may_have_any_amount_of_metadata_before_its_size():
    metadata = [segment(0xE1, b"Exif\0\0" + sof(9, 9) * 1000), *[segment(0xE2, bytes(65_533))] * 20]
    data = jpeg(*metadata, b"\xff\xff\xff" + sof(7, 5))
    assert code_of(ImageSize(max_width=7, max_height=5), "a.jpg", data) is None


def test_the_reason_names_the_limit_that_was_passed():
    limits = ImageSize(max_width=4000, max_height=4000, max_pixels=9_000_000)
    wide, many = judge(limits, "a.png", png(4001, 1)), judge(limits, "a.png", png(4000, 4000))
    small = judge(ImageSize(min_height=600), "a.png", png(9, 9))
    assert wide is not None
    assert many is not None
    assert small is not None
    assert "at most 4,000 × 4,000 pixels" in wide.reason
    assert "at most 9,000,000 pixels" in many.reason
    assert "at least 600 pixels in height" in small.reason


def test_long_animations_are_refused_as_soon_as_that_is_known():
    frames = gif(1, 1, *[gif_frame(1, 1)] * 1001)
    assert code_of(ImageSize(), "a.gif", frames) == "image_frames"
    assert code_of(ImageSize(max_frames=None), "a.gif", frames) is None
    announced = png(1, 1, (b"acTL", struct.pack(">II", 2**31 - 1, 0)))
    assert code_of(ImageSize(), "a.png", announced) == "image_frames"
    chunks = [(b"ANMF", bytes(16))] * 1001
    assert code_of(ImageSize(), "a.webp", webp(vp8x(1, 1), *chunks)) == "image_frames"


_BROKEN = {
    "a PNG that ends in its header": png(7, 5)[:20],
    "a PNG that ends before its pixels": png(7, 5)[:33],
    "a PNG with a wrong checksum": png(7, 5)[:17] + b"\1" + png(7, 5)[18:],
    "a PNG without pixels": png(0, 5),
    "a PNG with a side beyond the format": png(2**31, 1),
    "a JPEG without a size": jpeg(),
    "a JPEG that ends": b"\xff\xd8\xff",
    "a JPEG without height": jpeg(sof(7, 0)),
    "a JPEG with a segment shorter than its length": b"\xff\xd8\xff\xe1\0\1" + sof(7, 5),
    "a JPEG with bytes between its segments": jpeg(segment(0xE0, b""), b"xx", sof(7, 5)),
    "a JPEG with a segment that some decoders take for one without length": jpeg(segment(0xC8, b"x"), sof(7, 5)),
    "a JPEG that ends within a segment": b"\xff\xd8\xff\xe1\xff\xff" + sof(7, 5),
    "a GIF without frames": gif(7, 5),
    "a GIF without a screen": gif(0, 0, gif_frame(1, 1)),
    "a GIF with an empty frame": gif(7, 5, gif_frame(0, 5)),
    "a GIF that ends in a frame": gif(7, 5, gif_frame(7, 5, data=b"\xff"), end=b""),
    "a GIF with unknown blocks": gif(7, 5, b"x", gif_frame(7, 5)),
    "a WebP without a picture": webp(),
    "a WebP with an unknown picture": webp((b"VP9 ", bytes(20))),
    "a WebP with a wrong signature": webp((b"VP8L", bytes(10))),
    "a WebP that is no key frame": webp((b"VP8 ", b"\1" + bytes(20))),
    "a WebP that ends": webp(vp8l(7, 5))[:22],
    "a BMP with an unknown header": bmp(7, 5, 41),
    "a BMP of negative width": bmp(-7, 5),
    "a BMP that ends": bmp(7, 5)[:20],
}


@pytest.mark.parametrize("data", _BROKEN.values(), ids=_BROKEN)
def test_a_header_that_cannot_be_read_is_refused(data):
    assert code_of(ImageSize(), "a.png", data) == "image_broken"


@pytest.mark.parametrize("data", [b"", b"hello", b"II*\0" + bytes(60), b"\0\0\0\x1cftypheic" + bytes(60), b"<svg/>"])
def test_what_is_no_image_that_can_be_judged_is_refused(data):
    refusal = judge(ImageSize(formats=("png", "jpeg")), "a.heic", data)
    assert refusal is not None
    assert (refusal.code, refusal.allowed) == ("image_format", ("png", "jpeg"))


def test_only_the_formats_that_were_asked_for_pass():
    assert code_of(ImageSize(formats=("jpeg",)), "a.jpg", HONEST["png"]) == "image_format"
    assert code_of(ImageSize(formats=("png",)), "a.jpg", HONEST["png"]) is None


@pytest.mark.parametrize("filename", ["a.txt", "a.pdf", "a.svg", "a", "a.bin"])
def test_files_that_are_no_images_by_their_extension_pass(filename):
    assert code_of(ImageSize(max_width=1), filename, HONEST["png"]) is None
    assert code_of(ImageSize(max_width=1), filename, b"hello") is None


def test_old_gifs_without_an_end_and_bytes_after_an_end_pass():
    assert code_of(ImageSize(), "a.gif", gif(7, 5, gif_frame(7, 5), end=b"")) is None
    assert code_of(ImageSize(), "a.gif", gif(7, 5, gif_frame(7, 5)) + b"rest") is None
    assert code_of(ImageSize(), "a.webp", webp(vp8l(7, 5)) + b"rest") is None


def test_where_the_stream_stands_does_not_matter():
    stream = io.BytesIO(HONEST["jpeg"])
    stream.seek(50)
    ImageSize(min_width=7)(Candidate("a.jpg", "image/jpeg", stream, None))


@pytest.mark.parametrize(
    "options", [{"formats": ()}, {"formats": ("tiff",)}, {"max_width": 0}, {"min_height": -1}, {"max_pixels": 1.5}]
)
def test_limits_that_mean_nothing_are_refused_where_they_are_written(options):
    with pytest.raises(ValueError, match="must be"):
        ImageSize(**options)


_HEAVY = {
    "a GIF of the shortest blocks": gif(1, 1, gif_frame(1, 1, data=b"\1\0" * 5_000_000)),
    "a GIF of blocks without end": gif(1, 1, gif_frame(1, 1, data=b"\1\1" * 5_000_000)),
    "a GIF of zeros": gif(1, 1, gif_frame(1, 1), bytes(10_000_000)),
    "a PNG of the shortest chunks": png(1, 1)[:33] + b"\0\0\0\0aaaabbbb" * 1_000_000,
    "a JPEG of the shortest segments": b"\xff\xd8" + b"\xff\xe1\0\2" * 2_500_000,
    "a JPEG of fill bytes": b"\xff\xd8" + b"\xff" * 10_000_000,
    "a WebP of the shortest chunks": webp(*[(b"abcd", b"")] * 1_000_000),
}


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="memory cannot be measured there")
@pytest.mark.parametrize("kind", _HEAVY)
def test_files_made_to_be_hard_to_read_take_little_time_and_memory(kind, tmp_path):
    path = tmp_path / "a.png"
    path.write_bytes(_HEAVY[kind])
    verdict = judge_apart("images", "ImageSize", path)
    assert verdict.code == "image_broken"
    assert verdict.seconds < 1  # with its coverage measured
    assert verdict.memory < 10_000_000


_SIGNATURES = (b"", b"\x89PNG\r\n\x1a\n", b"\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR", b"\xff\xd8\xff", b"GIF89a", b"BM")


@given(st.sampled_from((*_SIGNATURES, b"RIFF\xff\0\0\0WEBP", b"RIFF\xff\0\0\0WEBPVP8X")), st.binary(max_size=300))
def test_any_bytes_pass_or_are_refused(start, rest):
    judge(ImageSize(), "a.png", start + rest)


@settings(max_examples=300)
@given(st.sampled_from(sorted(HONEST)), st.randoms(use_true_random=False), st.integers(1, 12))
def test_honest_images_with_some_bytes_changed_pass_or_are_refused(kind, chance, count):
    data = bytearray(HONEST[kind])
    for _ in range(count):
        _spoil(data, chance)
    judge(ImageSize(), name_of(kind), bytes(data))


def _spoil(data: bytearray, chance: random.Random) -> None:
    if data:
        at = chance.randrange(len(data))
        chance.choice(
            [
                lambda: data.__setitem__(at, chance.randrange(256)),
                lambda: data.__delitem__(slice(at, at + chance.randrange(9))),
                lambda: data.__setitem__(slice(at, at), chance.randbytes(chance.randrange(9))),
            ]
        )()
