"""From settings to an S3 backend: what is refused, with which words, and how an app names it."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from io import BytesIO
from typing import Any

import pytest
from flask import Flask
from werkzeug.datastructures import FileStorage

from uploadkit import ALL, UploadSet, configure_uploads
from uploadkit.backends import capabilities, create_backend
from uploadkit.backends.s3 import S3Backend, S3Options
from uploadkit.exceptions import ConfigError

from .s3_sink import MIB, Sink, clean_environment, options_for, sink, sink_server

__all__ = ["clean_environment", "sink", "sink_server"]


class TestOptions:
    @pytest.mark.parametrize(
        ("options", "words"),
        [
            ({"concurrency": -1}, "concurrency"),
            ({"concurrency": "4"}, "concurrency"),
            ({"part_size": 5 * MIB - 1}, "part_size"),
            ({"part_size": "8 MiB"}, "part_size"),
            ({"deadline": 0}, "deadline"),
            ({"checksum_algorithm": "sha256"}, "checksum_algorithm must be one of 'auto'"),
            ({"conditional_writes": "maybe"}, "'require', 'best-effort'"),
            ({"addressing_style": "dns"}, "addressing_style"),
            ({"signature_version": "v4"}, "signature_version"),
            ({"access_key_id": "a"}, "secret_access_key together"),
            ({"secret_access_key": "a"}, "secret_access_key together"),
            ({"session_token": "a"}, "session_token needs"),
            ({"kms_key_id": "a"}, "sse='aws:kms'"),
            ({"kms_key_id": "a", "sse": "AES256"}, "sse='aws:kms'"),
            ({"sse": "AES256", "sse_customer_key": "k" * 32}, "exclude each other"),
            ({"sse_customer_key": "k" * 32, "public": True}, "cannot be public"),
            ({"public": "False"}, "public must be True or False"),
            ({"requester_pays": 1}, "requester_pays must be True or False"),
            ({"region": 5}, "region must be text"),
            ({"tags": "a=b"}, "tags must be a dict"),
            ({"metadata": {"a": 1}}, "metadata must have text only"),
            ({"endpoint_url": "https://user:SECRET@host"}, "user or password"),
            ({"accelerate": True, "endpoint_url": "http://x"}, "accelerate"),
            ({"checksum_algorithm": "CRC32C"}, "pip install 'botocore[crt]'"),
            ({"checksum_algorithm": "CRC64NVME"}, "awscrt"),
            ({"client": object(), "region": "x", "max_attempts": 7}, "region, max_attempts"),
            ({"metadata": {"uploadkit-x": "y"}}, "reserved"),
            pytest.param({"sse_customer_key": b"short"}, "32"),
            pytest.param({"part_size": 5 * MIB + 0.5}, "part_size"),
            pytest.param({"part_size": 6 * 1024 * MIB}, "part_size"),
        ],
        ids=lambda value: ",".join(value) if isinstance(value, dict) else "",
    )
    def test_what_means_nothing_is_refused_by_name(self, options: dict[str, Any], words: str) -> None:
        with pytest.raises(ConfigError) as caught:
            S3Options(**options)
        assert words in str(caught.value)

    def test_beside_a_client_the_deadline_stays_ours(self) -> None:
        assert S3Options(client=object(), deadline=3, acl="private").deadline == 3

    @pytest.mark.parametrize(
        ("extra", "words"),
        [
            ({"StorageClas": "X"}, "Did you mean 'StorageClass'?"),
            ({"ObjectLockmode": "X"}, "Did you mean 'ObjectLockMode'?"),
            ({"Zzzzzzzzzzzzzzz": "X"}, "Known are: ACL"),
            ({"Metadata": {}}, "uploadkit sets it for each file"),
            ({"IfNoneMatch": "*"}, "uploadkit sets it for each file"),
            ({"Bucket": "other"}, "uploadkit sets it for each file"),
            pytest.param({"Delimiter": "/"}, "Delimiter"),
            pytest.param({"VersionId": "x"}, "VersionId"),
        ],
        ids=lambda value: ",".join(value) if isinstance(value, dict) else "",
    )
    def test_further_parameters_are_checked_against_what_s3_knows(self, extra: dict[str, Any], words: str) -> None:
        with pytest.raises(ConfigError) as caught:
            S3Backend("bucket", S3Options(extra_args=extra))
        assert words in str(caught.value)


class TestRegistry:
    @pytest.mark.parametrize(
        ("misspelt", "meant"),
        [("regoin", "region"), ("endpoint", "endpoint_url"), ("acess_key_id", "access_key_id"), ("buckt", "bucket")],
    )
    def test_a_misspelt_option_names_the_near_miss(self, misspelt: str, meant: str) -> None:
        with pytest.raises(ConfigError, match=f"no option {misspelt!r}. Did you mean {meant!r}?"):
            create_backend("s3", "bucket", {misspelt: "x"})

    def test_options_are_keywords(self) -> None:
        backend = create_backend("s3", None, {"bucket": "b", "prefix": "p", "region": "eu-west-1"})
        assert isinstance(backend, S3Backend)
        assert str(backend.path("k")) == "s3://b/p/k"
        assert backend._options.region == "eu-west-1"

    def test_its_powers_are_all_but_moving(self) -> None:
        powers = set(capabilities(create_backend("s3", "bucket")).names())
        assert powers == {
            *("range", "listing", "copy", "sweep", "snapshot", "streaming", "batch_delete"),
            *("signing", "direct_upload", "multipart", "presigned_parts"),
        }

    def test_a_missing_sdk_says_what_to_install(self) -> None:
        script = (
            "import sys; sys.modules['boto3'] = None\n"
            "from uploadkit import ConfigError\n"
            "from uploadkit.backends import create_backend\n"
            "try: create_backend('s3', 'bucket')\n"
            "except ConfigError as error: print(error)"
        )
        result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=True)
        assert "pip install 'uploadkit[s3]'" in result.stdout

    def test_importing_uploadkit_imports_no_sdk(self) -> None:
        script = "import sys, uploadkit, uploadkit.backends; print('boto3' in sys.modules, 'botocore' in sys.modules)"
        result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=True)
        assert result.stdout.split() == ["False", "False"]


def photos(**arguments: Any) -> UploadSet:
    return UploadSet("photos", ALL, **arguments)


def app_with(sink: Sink, **config: Any) -> Flask:
    app = Flask("tests")
    app.config.update(UPLOADED_PHOTOS_BACKEND="s3", UPLOADED_PHOTOS_OPTIONS=options_for(sink))
    app.config.update(config)
    return app


class TestThroughAnApp:
    @pytest.mark.parametrize(
        ("config", "default_dest"),
        [
            ({"UPLOADED_PHOTOS_DEST": "bucket/prefix"}, None),
            ({"UPLOADED_PHOTOS_DEST": "s3://bucket/prefix"}, None),
            ({}, lambda app: "bucket/prefix"),
        ],
    )
    def test_a_destination_is_bucket_and_prefix(
        self, sink: Sink, config: dict[str, Any], default_dest: Callable[[Flask], str] | None
    ) -> None:
        app, uset = app_with(sink, **config), photos(default_dest=default_dest)
        configure_uploads(app, uset)
        with app.app_context():
            name = uset.save(FileStorage(BytesIO(b"hello"), "a.jpg"))
            assert str(uset.path(name)) == "s3://bucket/prefix/a.jpg"
        assert sink.objects["prefix/a.jpg"].content == b"hello"
        assert sink.objects["prefix/a.jpg"].headers["content-type"] == "image/jpeg"

    def test_sets_share_the_default_and_have_folders(self, sink: Sink) -> None:
        app, uset = Flask("tests"), photos()
        app.config.update(
            UPLOADS_DEFAULT_BACKEND="s3", UPLOADS_DEFAULT_DEST="bucket/all", UPLOADS_DEFAULT_OPTIONS=options_for(sink)
        )
        configure_uploads(app, uset)
        with app.app_context():
            uset.save(FileStorage(BytesIO(b"hello"), "a.jpg"))
        assert sink.visible == ["all/photos/a.jpg"]

    def test_the_environment_can_say_it_all(self, sink: Sink, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("FLASK_UPLOADED_PHOTOS_BACKEND", "s3")
        for name, value in {**options_for(sink), "bucket": "bucket", "prefix": "env", "max_attempts": "2"}.items():
            monkeypatch.setenv(f"FLASK_UPLOADED_PHOTOS_OPTIONS__{name}", value)
        app, uset = Flask("tests"), photos()
        app.config.from_prefixed_env()
        configure_uploads(app, uset)
        with app.app_context():
            uset.save(FileStorage(BytesIO(b"hello"), "a.jpg"))
        assert sink.visible == ["env/a.jpg"]

    @pytest.mark.parametrize(
        ("config", "default_dest", "source"),
        [
            ({"UPLOADED_PHOTOS_DEST": "/var/www"}, None, "UPLOADED_PHOTOS_DEST"),
            ({"UPLOADS_DEFAULT_DEST": "/var/www"}, None, "UPLOADS_DEFAULT_DEST"),
            ({}, lambda app: "/var/www", "default_dest"),
        ],
    )
    def test_a_leftover_local_folder_names_the_key_that_gave_it(
        self, sink: Sink, config: dict[str, Any], default_dest: Callable[[Flask], str] | None, source: str
    ) -> None:
        app = app_with(sink, **config)
        with pytest.raises(ConfigError, match="looks like a folder") as caught:
            configure_uploads(app, photos(default_dest=default_dest))
        assert f"from {source}" in str(caught.value)
        assert "/var/www" in str(caught.value)

    def test_without_a_bucket_the_set_is_named(self, sink: Sink) -> None:
        with pytest.raises(ConfigError, match=r"'photos'.*No bucket is named"):
            configure_uploads(app_with(sink), photos())

    def test_a_misspelt_option_names_the_set(self, sink: Sink) -> None:
        app = app_with(sink, UPLOADED_PHOTOS_DEST="bucket", UPLOADED_PHOTOS_OPTIONS={"regoin": "x"})
        with pytest.raises(ConfigError, match=r"'photos'.*Did you mean 'region'"):
            configure_uploads(app, photos())

    def test_a_store_that_is_down_keeps_no_app_from_starting(self, sink: Sink) -> None:
        options = {**options_for(sink, max_attempts=1), "endpoint_url": "http://127.0.0.1:1"}
        configure_uploads(app_with(sink, UPLOADED_PHOTOS_DEST="bucket", UPLOADED_PHOTOS_OPTIONS=options), photos())


class TestSetsThatShareABucket:
    def roots(self, *names: str, **settings: Any) -> list[str]:
        app = Flask("tests")
        options = {"bucket": "shared", "region": "eu-west-1", "prefix": "base"}
        app.config.update(UPLOADS_DEFAULT_BACKEND="s3", UPLOADS_DEFAULT_OPTIONS=options, **settings)
        sets = [UploadSet(name) for name in names]
        configure_uploads(app, sets)
        with app.app_context():
            return [str(uset.config.destination) for uset in sets]

    def test_each_has_a_folder_of_its_own(self) -> None:
        """They once had one root, so that a public set served the files of a private one."""
        assert self.roots("public", "private") == ["s3://shared/base/public/", "s3://shared/base/private/"]
        with_destination = self.roots("public", "private", UPLOADS_DEFAULT_DEST="ignored")
        assert with_destination == ["s3://shared/base/public/", "s3://shared/base/private/"]

    def test_one_that_names_its_own_place_has_just_that(self) -> None:
        assert self.roots("own", UPLOADED_OWN_OPTIONS={"prefix": "here"}) == ["s3://shared/here/"]
