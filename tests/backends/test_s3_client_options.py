"""Options that are the client's: they show in its configuration, and in the URLs that it makes."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from uploadkit.backends._cloud.body import Body
from uploadkit.backends._cloud.deadline import DeadlineExceededError, current_deadline, deadline
from uploadkit.backends._s3.client import make_client
from uploadkit.backends.s3 import S3Options

from .s3_sink import ACCESS_KEY, MIB, SECRET_KEY, clean_environment

__all__ = ["clean_environment"]

#: The global host only redirects to the bucket's region, and a signature does not survive that.


class TestTheClient:
    def config(self, **options: Any) -> Any:
        with closing(make_client(S3Options(region="eu-west-1", **options))) as client:
            return client.meta.config

    def url(self, **options: Any) -> str:
        credentials = {"access_key_id": ACCESS_KEY, "secret_access_key": SECRET_KEY}
        with closing(make_client(S3Options(**{"region": "eu-west-1", **credentials, **options}))) as client:
            return str(client.generate_presigned_url("get_object", Params={"Bucket": "bucket", "Key": "k"}))

    @pytest.mark.parametrize(
        ("options", "start"),
        [
            ({}, "https://bucket.s3.eu-west-1.amazonaws.com/k?"),
            ({"region": "me-south-1"}, "https://bucket.s3.me-south-1.amazonaws.com/k?"),
            ({"accelerate": True}, "https://bucket.s3-accelerate.amazonaws.com/k?"),
            ({"dual_stack": True}, "https://bucket.s3.dualstack.eu-west-1.amazonaws.com/k?"),
            ({"accelerate": True, "dual_stack": True}, "https://bucket.s3-accelerate.dualstack.amazonaws.com/k?"),
            ({"addressing_style": "path"}, "https://s3.eu-west-1.amazonaws.com/bucket/k?"),
            ({"addressing_style": "virtual"}, "https://bucket.s3.eu-west-1.amazonaws.com/k?"),
            ({"endpoint_url": "https://store.example:9000"}, "https://store.example:9000/bucket/k?"),
            (
                {"endpoint_url": "https://store.example", "addressing_style": "virtual"},
                "https://bucket.store.example/k?",
            ),
        ],
    )
    def test_the_url_follows_from_region_endpoint_and_style(self, options: dict[str, Any], start: str) -> None:
        assert self.url(**options).startswith(start)

    def test_signature_versions(self) -> None:
        assert "X-Amz-Algorithm=AWS4-HMAC-SHA256" in self.url()
        assert "AWSAccessKeyId=" in self.url(signature_version="s3")
        assert self.url(signature_version="unsigned").endswith("/k")

    def test_times_retries_and_pool(self) -> None:
        config = self.config(connect_timeout=1.5, read_timeout=2.5, max_attempts=7, pool_size=9)
        assert (config.connect_timeout, config.read_timeout) == (1.5, 2.5)
        assert config.retries == {"mode": "standard", "total_max_attempts": 7}
        assert config.max_pool_connections == 9

    def test_no_wait_is_longer_than_the_deadline_and_the_pool_has_room_for_all_parts(self) -> None:
        config = self.config(read_timeout=20, deadline=3, pool_size=1, concurrency=6)
        assert config.read_timeout == 3
        assert config.max_pool_connections == 6

    def test_a_profile_brings_credentials_and_region(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        config = tmp_path / "config"
        config.write_text(
            "[profile photos]\nregion = eu-north-1\naws_access_key_id = AKIDPROFILE\naws_secret_access_key = s\n"
        )
        monkeypatch.setenv("AWS_CONFIG_FILE", str(config))
        with closing(make_client(S3Options(profile="photos", addressing_style="virtual"))) as client:
            url = client.generate_presigned_url("get_object", Params={"Bucket": "bucket", "Key": "k"})
        assert url.startswith("https://bucket.s3.eu-north-1.amazonaws.com/k?")
        assert "AKIDPROFILE" in url


class TestTheTimeOfACall:
    @pytest.mark.parametrize(
        ("body_size", "seconds"), [(0, 10), (1, 10), (8 * MIB, 10), (16 * MIB, 20), (100 * MIB, 125)]
    )
    def test_a_long_body_gets_proportionally_more(self, body_size: int, seconds: float) -> None:
        with deadline(10, body_size) as limit:
            assert limit.seconds == seconds
            assert current_deadline() is limit

    def test_outside_of_calls_there_is_none(self) -> None:
        with pytest.raises(RuntimeError), deadline(10):
            raise RuntimeError
        assert current_deadline() is None

    def test_when_it_is_over_nothing_goes_on(self) -> None:
        with deadline(1e-9) as limit:
            assert limit.left() == 0
            with pytest.raises(DeadlineExceededError, match="1e-09 seconds"):
                limit.check()
            with pytest.raises(DeadlineExceededError):
                Body(b"x").read()
