"""Where files live in object stores: destinations and the options that all of them have."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import Any

import pytest

from uploadkit.backends._cloud.bucket import BucketOptions, Place, place_of
from uploadkit.exceptions import ConfigError, InvalidKeyError


def place(destination: object = None, **options: Any) -> Place:
    return place_of(destination, BucketOptions(**options), "s3")


class TestDestinations:
    @pytest.mark.parametrize(
        ("destination", "bucket", "prefix"),
        [
            ("bucket", "bucket", ""),
            ("bucket/", "bucket", ""),
            ("bucket/prefix", "bucket", "prefix/"),
            ("bucket/a/b/", "bucket", "a/b/"),
            ("bucket/ünï cödé", "bucket", "ünï cödé/"),
            ("s3://bucket", "bucket", ""),
            ("s3://bucket/prefix", "bucket", "prefix/"),
            ("S3://bucket/prefix/", "bucket", "prefix/"),
            ("my.bucket-1", "my.bucket-1", ""),
        ],
    )
    def test_a_bucket_and_perhaps_a_prefix(self, destination: str, bucket: str, prefix: str) -> None:
        assert place(destination) == Place(bucket, prefix, "s3")

    @pytest.mark.parametrize(
        ("options", "bucket", "prefix"),
        [
            ({"bucket": "b"}, "b", ""),
            ({"bucket": "b", "prefix": "p"}, "b", "p/"),
            ({"bucket": "b", "prefix": "/p/q/"}, "b", "p/q/"),
            ({"bucket": "b", "prefix": ""}, "b", ""),
            ({"bucket": "arn:aws:s3:eu-west-1:1:accesspoint/name"}, "arn:aws:s3:eu-west-1:1:accesspoint/name", ""),
        ],
    )
    @pytest.mark.parametrize("destination", [None, "ignored/x", "/var/www"])
    def test_options_win(self, options: dict[str, Any], bucket: str, prefix: str, destination: str | None) -> None:
        assert place(destination, **options) == Place(bucket, prefix, "s3")

    @pytest.mark.parametrize(
        "destination",
        [
            *("/var/www", "./x", "../x", ".", "~/x", "C:\\x", "c:/x", "\\\\server\\x", "\\x"),
            *(PurePosixPath("bucket/prefix"), PurePosixPath("/var/www")),
        ],
    )
    def test_a_folder_of_this_machine_is_refused_by_name(self, destination: object) -> None:
        with pytest.raises(ConfigError, match="looks like a folder of this machine") as caught:
            place(destination)
        assert repr(str(destination)) in str(caught.value)
        assert "bucket/prefix" in str(caught.value)

    @pytest.mark.parametrize(
        ("destination", "words"),
        [
            ("gs://bucket/prefix", "must begin with 's3://'"),
            ("https://bucket.s3.amazonaws.com/prefix", "must begin with 's3://'"),
            ("file:///var/www", "must begin with 's3://'"),
            ("s3://", "'' is no name of a bucket"),
            ("s3:///prefix", "'' is no name of a bucket"),
            ("", "'' is no name of a bucket"),
            ("my bucket", "'my bucket' is no name of a bucket"),
            ("folder\\x", "is no name of a bucket"),
            ("-bucket", "is no name of a bucket"),
            ("bucket\n", "is no name of a bucket"),
            (None, "No bucket is named"),
            (17, "must be 'bucket/prefix', not 17"),
            (b"bucket", "must be 'bucket/prefix'"),
        ],
    )
    def test_what_names_no_bucket_is_refused_with_the_reason(self, destination: object, words: str) -> None:
        with pytest.raises(ConfigError) as caught:
            place(destination)
        assert words in str(caught.value)

    @pytest.mark.parametrize("prefix", ["a//b", "../up", "a/./b", "a\\b", ".uploadkit", "a\nb", "x" * 256])
    def test_a_prefix_must_be_a_key(self, prefix: str) -> None:
        for make in (lambda: place(f"bucket/{prefix}"), lambda: place(bucket="bucket", prefix=prefix)):
            with pytest.raises(ConfigError, match="prefix cannot be used"):
                make()

    def test_a_prefix_needs_a_bucket_beside_it(self) -> None:
        with pytest.raises(ConfigError, match="needs the option 'bucket'"):
            place("bucket", prefix="p")

    @pytest.mark.parametrize("start", ["", "s3://"])
    def test_an_access_point_as_destination(self, start: str) -> None:
        arn = "arn:aws:s3:eu-west-1:123456789012:accesspoint/name"
        assert place(f"{start}{arn}/prefix") == Place(arn, "prefix/", "s3")


class TestPlace:
    PLACE = Place("bucket", "p/q/", "s3")

    def test_names_and_keys_are_each_others_inverse(self) -> None:
        assert self.PLACE.stored("f/a b.txt") == "p/q/f/a b.txt"
        assert self.PLACE.key("p/q/f/a b.txt") == "f/a b.txt"

    @pytest.mark.parametrize("name", ["p/q/", "p/q/folder/", "p/q/.uploadkit/x", "p/q//a", "p/q/../a", "p/q/a\nb"])
    def test_what_is_no_key_is_hidden(self, name: str) -> None:
        assert self.PLACE.key(name) is None

    def test_internal_names_are_no_keys(self) -> None:
        assert self.PLACE.internal == "p/q/.uploadkit/"
        assert self.PLACE.key(f"{self.PLACE.internal}x") is None

    def test_the_limit_counts_the_prefix(self) -> None:
        longest = "/".join(["k" * 254, "k" * 254, "k" * 254, "k" * 255])[: 1024 - len("p/q/")]
        assert self.PLACE.stored(longest) == f"p/q/{longest}"
        with pytest.raises(InvalidKeyError, match="1025 bytes"):
            Place("bucket", "p/q1/", "s3").stored(longest)

    @pytest.mark.parametrize(
        ("base", "url"),
        [
            ("cdn.example", "https://cdn.example/p/q/%C3%A4/a%20b%3F%23%25~.txt"),
            ("http://cdn.example/x/", "http://cdn.example/x/p/q/%C3%A4/a%20b%3F%23%25~.txt"),
        ],
    )
    def test_a_public_url_is_quoted(self, base: str, url: str) -> None:
        assert self.PLACE.public_url(base, "ä/a b?#%~.txt") == url

    def test_a_uri_is_not(self) -> None:
        assert self.PLACE.uri("ä b") == "s3://bucket/p/q/ä b"
        assert self.PLACE.uri("") == "s3://bucket/p/q/"


class TestOptions:
    @pytest.mark.parametrize(
        "name", ["connect_timeout", "read_timeout", "deadline", "max_attempts", "pool_size", "read_ahead"]
    )
    @pytest.mark.parametrize("value", [0, -1, "5", None, True])
    def test_numbers_are_numbers_above_zero(self, name: str, value: Any) -> None:
        with pytest.raises(ConfigError, match=name):
            BucketOptions(**{name: value})

    @pytest.mark.parametrize("name", ["deadline", "read_timeout"])
    def test_what_is_no_number_is_refused(self, name: str) -> None:
        options: dict[str, Any] = {name: float("nan")}
        with pytest.raises(ConfigError, match=name):
            BucketOptions(**options)

    @pytest.mark.parametrize("name", ["max_attempts", "pool_size", "read_ahead"])
    def test_counts_are_whole(self, name: str) -> None:
        options: dict[str, Any] = {name: 1.5}
        with pytest.raises(ConfigError, match=name):
            BucketOptions(**options)

    @pytest.mark.parametrize(
        "options",
        [
            {"cache_control": "a\nb"},
            {"content_disposition": "ä"},
            {"metadata": {"Upper": "x"}},
            {"metadata": {"uploadkit-x": "x"}},
            {"metadata": {"a": "x" * 1024}},
        ],
    )
    def test_attributes_for_all_files_are_checked_as_a_files_own(self, options: dict[str, Any]) -> None:
        with pytest.raises(ConfigError):
            BucketOptions(**options)
