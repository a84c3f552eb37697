"""Saving small files to S3: one request each."""

from __future__ import annotations

from io import BytesIO
from typing import Any

import pytest

from uploadkit.exceptions import (
    AlreadyExistsError,
    IntegrityError,
    InvalidKeyError,
    NotSupportedError,
)
from uploadkit.models import SaveOptions

from .s3_sink import MIB, MakeS3, Sink, clean_environment, error, make_s3, sink, sink_server
from .s3_streams import unseekable

__all__ = ["clean_environment", "make_s3", "sink", "sink_server"]

PART = 5 * MIB
OVER = SaveOptions(overwrite=True)
OF_HELLO = "sha256:2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"


class TestASmallFile:
    def test_it_takes_one_request(self, make_s3: MakeS3, sink: Sink) -> None:
        make_s3().save("a.txt", BytesIO(b"hello"), OVER)
        assert sink.operations == ["PutObject"]
        assert sink.objects["a.txt"].content == b"hello"

    def test_what_is_told_is_what_a_look_up_tells(self, make_s3: MakeS3) -> None:
        backend = make_s3("bucket/pre/fix")
        saved = backend.save("f/ä b.txt", BytesIO(b"hello"), SaveOptions(cache_control="private", metadata={"a": "é"}))
        assert saved == backend.stat("f/ä b.txt")
        assert (saved.size, saved.content_type, saved.checksum) == (5, "text/plain", OF_HELLO)

    def test_it_lies_below_the_prefix_under_its_key(self, make_s3: MakeS3, sink: Sink) -> None:
        make_s3("bucket/pre/fix").save("f/ä b+%.txt", BytesIO(b"hello"), OVER)
        assert sink.visible == ["pre/fix/f/ä b+%.txt"]

    @pytest.mark.parametrize(
        ("key", "given", "wanted"),
        [
            ("a.png", None, "image/png"),
            ("a.png", "text/x-odd", "text/x-odd"),
            ("a", None, "application/octet-stream"),
        ],
    )
    def test_the_content_type_is_the_given_one_else_the_names(
        self, make_s3: MakeS3, sink: Sink, key: str, given: str | None, wanted: str
    ) -> None:
        make_s3().save(key, BytesIO(b"x"), SaveOptions(content_type=given, overwrite=True))
        assert sink.objects[key].headers["content-type"] == wanted

    @pytest.mark.parametrize("value", ["日本 Ünï.txt", "", " a", "a ", "=?utf-8?b?YQ==?=", "a  b", "a" * 900, "%41"])
    def test_metadata_comes_back_as_it_was_given(self, make_s3: MakeS3, value: str) -> None:
        backend = make_s3()
        saved = backend.save("a.txt", BytesIO(b"x"), SaveOptions(metadata={"word": value}, overwrite=True))
        assert saved.metadata == {"word": value}
        assert backend.stat("a.txt").metadata == {"word": value}
        info, file = backend.open_snapshot("a.txt")
        file.close()
        assert info.metadata == {"word": value}

    @pytest.mark.parametrize(
        "announced",
        [
            {"size": 4},
            {"size": 6},
            {"checksum": "sha256:" + "0" * 64},
            {"checksum": "md5:" + "0" * 32},
            {"checksum": "crc32:" + "0" * 8},
        ],
    )
    def test_a_wrong_announcement_sends_nothing(self, make_s3: MakeS3, sink: Sink, announced: dict[str, Any]) -> None:
        with pytest.raises(IntegrityError):
            make_s3().save("a.txt", BytesIO(b"hello"), SaveOptions(overwrite=True, **announced))
        assert sink.operations == []

    def test_a_right_announcement_of_another_algorithm_keeps_the_sha256(self, make_s3: MakeS3) -> None:
        options = SaveOptions(checksum="md5:5d41402abc4b2a76b9719d911017c592", size=5)
        assert make_s3().save("a.txt", BytesIO(b"hello"), options).checksum == OF_HELLO

    def test_a_stream_is_read_from_its_start_and_left_open(self, make_s3: MakeS3, sink: Sink) -> None:
        stream = BytesIO(b"hello")
        stream.read(3)
        make_s3().save("a.txt", stream, OVER)
        assert sink.objects["a.txt"].content == b"hello"
        assert not stream.closed

    def test_an_unseekable_stream_that_is_small_takes_one_request(self, make_s3: MakeS3, sink: Sink) -> None:
        make_s3().save("a.txt", unseekable(b"hello"), OVER)
        assert sink.operations == ["PutObject"]

    def test_an_empty_file(self, make_s3: MakeS3, sink: Sink) -> None:
        assert make_s3().save("a.txt", BytesIO(b""), SaveOptions()).size == 0
        assert sink.objects["a.txt"].content == b""

    @pytest.mark.parametrize("key", ["../a", "/a", "", ".uploadkit/a", "a\\b", "x" * 256])
    def test_a_key_that_is_none_sends_nothing(self, make_s3: MakeS3, sink: Sink, key: str) -> None:
        with pytest.raises(InvalidKeyError):
            make_s3().save(key, BytesIO(b"x"), OVER)
        assert sink.operations == []

    def test_a_key_may_be_too_long_because_of_the_prefix(self, make_s3: MakeS3, sink: Sink) -> None:
        key = "/".join(["a" * 200] * 5)
        make_s3("bucket").save(key, BytesIO(b"x"), OVER)
        with pytest.raises(InvalidKeyError, match="prefix"):
            make_s3("bucket/" + "p" * 30).save(key, BytesIO(b"x"), OVER)
        assert len(sink.of("PutObject")) == 1

    def test_a_taken_key_stays_as_it_is(self, make_s3: MakeS3, sink: Sink) -> None:
        make_s3().save("a.txt", BytesIO(b"first"), SaveOptions())
        with pytest.raises(AlreadyExistsError) as caught:
            make_s3().save("a.txt", BytesIO(b"second"), SaveOptions())
        assert (caught.value.key, caught.value.backend, caught.value.retryable) == ("a.txt", "s3", False)
        assert sink.objects["a.txt"].content == b"first"


def test_metadata_that_is_too_large_for_the_store_is_not_dropped(make_s3: MakeS3, sink: Sink) -> None:
    sink.hook = lambda seen: error(400, "MetadataTooLarge")
    with pytest.raises(NotSupportedError):
        make_s3().save("a.txt", BytesIO(b"x"), OVER)
