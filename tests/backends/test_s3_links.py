"""Signed URLs of S3: what botocore would sign at the same moment, and what a store that verifies them accepts."""

from __future__ import annotations

import gc
import os
import subprocess
import sys
import weakref
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import datetime, timedelta, timezone
from http.client import HTTPConnection
from io import BytesIO
from typing import Any
from urllib.parse import urlsplit

import pytest
from botocore.config import Config
from botocore.credentials import RefreshableCredentials
from botocore.session import Session

from tests.servers.stores import S3Server
from tests.sigv4 import Refused, accepts, parameters_of, verify
from uploadkit.backends._cloud.clients import close_clients
from uploadkit.backends._s3 import links
from uploadkit.backends.s3 import S3Backend, S3Options
from uploadkit.directmodels import UploadPolicy
from uploadkit.exceptions import InvalidKeyError, NotSupportedError, PermissionDeniedError
from uploadkit.models import LinkMethod, LinkOptions, SaveOptions

from .s3_sink import ACCESS_KEY, SECRET_KEY, MakeS3, Sink, clean_environment, make_s3, sink, sink_server

__all__ = ["clean_environment", "make_s3", "sink", "sink_server"]

#: The last second of a day, long ago.
THEN = datetime(2026, 1, 31, 23, 59, 59, tzinfo=timezone.utc)
HARD_KEYS = (
    *("a.txt", "f/ä b+%&?#.txt", "100%25.txt", "~tilde~/x~", 'quote\'d "name".txt', "a=b&c=d?e#f;g,h"),
    *("日本語/Ж ﬁ.txt", "e\u0301\u200d.txt", "(!*)$@:|[]{}^`<>.txt", "a+b c%20d%2Fe", "nom de fichier .txt", "😀.png"),
)
WISHES = (
    LinkOptions(signed_at=THEN),
    LinkOptions("HEAD", signed_at=THEN),
    LinkOptions(content_type="text/x-odd; charset=utf-8", signed_at=THEN),
    LinkOptions("GET", "a/b+c~", "attachment; filename=\"a b&c=d?#%.txt\"; filename*=UTF-8''%C3%A4+~%20", THEN),
    LinkOptions("HEAD", "a/b", 'inline; filename="q\'d\\""', THEN),
)
POINT = "arn:aws:s3:eu-west-1:123456789012:accesspoint/mine"
PLACES: dict[str, tuple[str, dict[str, Any]]] = {
    "virtual": ("bucket/pre", {}),
    "no prefix": ("bucket", {}),
    "hard prefix": ("bucket/a ü%+/~", {}),
    "path": ("bucket/pre", {"addressing_style": "path"}),
    "dots": ("my.bucket.example/pre", {}),
    "us-east-1": ("bucket/pre", {"region": "us-east-1"}),
    "China": ("bucket", {"region": "cn-north-1"}),
    "dual stack": ("bucket", {"dual_stack": True}),
    "accelerate": ("bucket", {"accelerate": True}),
    "access point": (f"{POINT}/pre", {}),
    "token": ("bucket/pre", {"session_token": "FwoGZXIvYXdz/+=EJ~ %"}),
    "odd access key": ("bucket", {"access_key_id": "a/b+c= d"}),
    "endpoint": ("bucket/pre", {"endpoint_url": "http://127.0.0.1:8333"}),
    "endpoint with a path": ("bucket", {"endpoint_url": "https://Store.example:9000/base/s3"}),
    "endpoint with the usual port": ("bucket", {"endpoint_url": "https://store.example:443"}),
    "virtual at an endpoint": ("bucket", {"endpoint_url": "http://s3.example:80", "addressing_style": "virtual"}),
    "IPv6": ("bucket", {"endpoint_url": "http://[::1]:8333"}),
    "extra arguments": (
        "bucket",
        {
            "extra_args": {
                "ResponseCacheControl": "no-store, max-age=0",
                "ResponseContentEncoding": "gzip",
                "ResponseContentLanguage": "de & en",
                "ResponseExpires": datetime(2030, 1, 1, tzinfo=timezone.utc),
            }
        },
    ),
}


@pytest.fixture(scope="module", autouse=True)
def _clients() -> Iterator[None]:
    yield
    close_clients()


def backend_at(destination: str, **options: Any) -> S3Backend:
    given = {"region": "eu-central-1", "access_key_id": ACCESS_KEY, "secret_access_key": SECRET_KEY, **options}
    return S3Backend(destination, S3Options(**given))


def by_botocore(backend: S3Backend, key: str, expires_in: int, options: LinkOptions) -> str:
    """Return what the SDK signs now."""
    calls = backend._calls
    operation = {"GET": "get_object", "HEAD": "head_object"}[options.method]
    wishes = {"ResponseContentType": options.content_type, "ResponseContentDisposition": options.content_disposition}
    parameters = {
        **{name: value for name, value in wishes.items() if value is not None},
        **{name: value for name, value in calls.options.extra_args.items() if name.startswith("Response")},
        "Bucket": calls.place.bucket,
        "Key": calls.place.stored(key),
    }
    return str(calls.client.generate_presigned_url(operation, Params=parameters, ExpiresIn=expires_in))


@pytest.fixture
def long_ago() -> Callable[[], pytest.MonkeyPatch]:
    """Return what sets botocore's clock, and only that, to `THEN`."""

    def begin() -> pytest.MonkeyPatch:
        patch = pytest.MonkeyPatch()
        patch.setattr("botocore.auth.get_current_datetime", lambda *args, **options: THEN.replace(tzinfo=None))
        return patch

    return begin


class TestTheSameAsBotocore:
    @pytest.mark.parametrize("place", PLACES)
    def test_for_hard_keys_and_wishes(self, place: str, long_ago: Callable[[], pytest.MonkeyPatch]) -> None:
        destination, settings = PLACES[place]
        backend = backend_at(destination, **settings)
        for options in WISHES:
            ours = {key: backend.signed_url(key, 3600, options).url for key in HARD_KEYS}
            patch = long_ago()
            theirs = {key: by_botocore(backend, key, 3600, options) for key in HARD_KEYS}
            patch.undo()
            for key in HARD_KEYS:
                assert parameters_of(ours[key]) == parameters_of(theirs[key])
                assert ours[key].partition("?")[0] == theirs[key].partition("?")[0]
                verify(options.method, ours[key], SECRET_KEY, now=THEN)

    def test_with_a_client_that_is_handed_in(self, long_ago: Callable[[], pytest.MonkeyPatch]) -> None:
        with closing(client_with(signature_version="s3v4")) as client:
            backend = S3Backend("bucket/pre", S3Options(client=client))
            ours = backend.signed_url("a b.txt", 60, WISHES[3]).url
            patch = long_ago()
            theirs = by_botocore(backend, "a b.txt", 60, WISHES[3])
            patch.undo()
        assert parameters_of(ours) == parameters_of(theirs)

    def test_the_parameters_stand_in_the_order_that_is_signed(self) -> None:
        backend = backend_at("bucket", **PLACES["extra arguments"][1], session_token="token")
        query = urlsplit(backend.signed_url("a.txt", 60, WISHES[3]).url).query
        names = [pair.partition("=")[0] for pair in query.split("&")]
        assert names[:-1] == sorted(names[:-1])
        assert names[-1] == "X-Amz-Signature"


class TestItsLife:
    @pytest.fixture
    def backend(self) -> S3Backend:
        return backend_at("bucket/pre")

    def test_it_begins_now(self, backend: S3Backend) -> None:
        before = datetime.now(timezone.utc).replace(microsecond=0)
        signed = backend.signed_url("a.txt", 60)
        seal = verify("GET", signed.url, SECRET_KEY)
        assert before <= seal.date <= datetime.now(timezone.utc)
        assert signed.expires_at == seal.ends == seal.date + timedelta(seconds=60)

    @pytest.mark.parametrize("zone", [timezone.utc, timezone(timedelta(hours=-9, minutes=-30)), timezone.max])
    def test_it_begins_when_it_is_told_to_in_any_time_zone(self, backend: S3Backend, zone: timezone) -> None:
        signed = backend.signed_url("a.txt", 60, LinkOptions(signed_at=THEN.astimezone(zone)))
        assert verify("GET", signed.url, SECRET_KEY, now=THEN).date == THEN
        assert signed.expires_at == THEN + timedelta(seconds=60)
        assert signed.expires_at.utcoffset() == timedelta(0)

    def test_the_same_second_makes_the_same_url(self, backend: S3Backend) -> None:
        moments = [THEN + timedelta(microseconds=count) for count in (0, 1, 999_999)]
        made = [backend.signed_url("a.txt", 60, LinkOptions(signed_at=moment)) for moment in moments]
        assert made == made[:1] * 3
        other = backend.signed_url("a.txt", 60, LinkOptions(signed_at=THEN + timedelta(seconds=1)))
        assert other.url != made[0].url
        assert "/20260201/" in parameters_of(other.url)["X-Amz-Credential"]

    @pytest.mark.parametrize(("age", "good"), [(-1, True), (0, True), (59, True), (60, False), (-16 * 60, False)])
    def test_it_is_good_for_exactly_that_long(self, backend: S3Backend, age: int, good: bool) -> None:
        url = backend.signed_url("a.txt", 60, LinkOptions(signed_at=THEN)).url
        assert accepts("GET", url, SECRET_KEY, now=THEN + timedelta(seconds=age)) is good

    def test_seven_days_are_possible(self, backend: S3Backend) -> None:
        signed = backend.signed_url("a.txt", 7 * 24 * 3600, LinkOptions(signed_at=THEN))
        assert verify("GET", signed.url, SECRET_KEY, now=THEN).expires == 7 * 24 * 3600


class TestWhoeverChangesOneIsRefused:
    @pytest.fixture
    def url(self) -> str:
        backend = backend_at("bucket/pre", session_token="token", extra_args={"ResponseCacheControl": "no-store"})
        return backend.signed_url("a b.txt", 60, LinkOptions("GET", "a/b", "attachment", THEN)).url

    def test_each_parameter_counts(self, url: str) -> None:
        verify("GET", url, SECRET_KEY, now=THEN)
        start, _, query = url.partition("?")
        pairs = query.split("&")
        assert len(pairs) == 10
        for number, pair in enumerate(pairs):
            for other in ([], [f"{pair}x"], [f"{pair}0"], [pair, pair]):
                changed = "&".join([*pairs[:number], *other, *pairs[number + 1 :]])
                assert not accepts("GET", f"{start}?{changed}", SECRET_KEY, now=THEN), changed

    @pytest.mark.parametrize("more", ["versionId=1", "response-expires=0", "x-amz-acl=", "a"])
    def test_none_can_be_added(self, url: str, more: str) -> None:
        assert not accepts("GET", f"{url}&{more}", SECRET_KEY, now=THEN)

    def test_a_longer_life_is_refused(self, url: str) -> None:
        assert not accepts("GET", url.replace("Expires=60", "Expires=600000"), SECRET_KEY, now=THEN)

    def test_it_is_for_one_file_method_and_host(self, url: str) -> None:
        assert not accepts("GET", url.replace("b.txt", "c.txt"), SECRET_KEY, now=THEN)
        assert not accepts("GET", url.replace("bucket.s3", "other.s3"), SECRET_KEY, now=THEN)
        for method in ("HEAD", "PUT", "DELETE"):
            assert not accepts(method, url, SECRET_KEY, now=THEN)
        with pytest.raises(Refused, match="headers"):
            verify("GET", url, SECRET_KEY, {"x-amz-acl": "public-read"}, now=THEN)

    def test_another_key_signs_otherwise(self, url: str) -> None:
        assert not accepts("GET", url, f"{SECRET_KEY}x", now=THEN)


def client_with(credentials: Any = None, **config: Any) -> Any:
    """Return a client as somebody hands one in."""
    session = Session()
    session.set_credentials(ACCESS_KEY, SECRET_KEY)
    if credentials is not None:
        session._credentials = credentials
    return session.create_client("s3", region_name="us-east-1", config=Config(**config))


class Role:
    """Temporary credentials that end at a time, and are others whenever they are fetched."""

    def __init__(self, lifetime: timedelta) -> None:
        self.count = 0
        self.lifetime = lifetime
        self.credentials = RefreshableCredentials.create_from_metadata(self.fetch(), self.fetch, "test")

    def fetch(self) -> dict[str, str]:
        self.count += 1
        self.ends = datetime.now(timezone.utc) + self.lifetime
        secrets = {"access_key": f"KEY{self.count}", "secret_key": f"secret{self.count}", "token": f"token{self.count}"}
        return {**secrets, "expiry_time": self.ends.isoformat()}


class TestTemporaryCredentials:
    def test_a_url_ends_with_them(self) -> None:
        role = Role(timedelta(hours=1))
        with closing(client_with(role.credentials, signature_version="s3v4")) as client:
            backend = S3Backend("bucket", S3Options(client=client))
            signed = backend.signed_url("a.txt", 7200)
            shorter = backend.signed_url("a.txt", 60)
        seal = verify("GET", signed.url, "secret1")
        assert signed.expires_at == seal.ends == role.ends.replace(microsecond=0)
        assert seal.access_key == "KEY1"
        assert verify("GET", shorter.url, "secret1").expires == 60

    def test_a_url_of_the_past_ends_with_them_too(self) -> None:
        role = Role(timedelta(hours=1))
        begins = datetime.now(timezone.utc).replace(microsecond=0) - timedelta(minutes=5)
        with closing(client_with(role.credentials, signature_version="s3v4")) as client:
            backend = S3Backend("bucket", S3Options(client=client))
            signed = backend.signed_url("a.txt", 7200, LinkOptions(signed_at=begins))
            future = backend.signed_url("a.txt", 60, LinkOptions(signed_at=begins + timedelta(hours=3)))
        seal = verify("GET", signed.url, "secret1")
        assert (seal.date, seal.ends) == (begins, role.ends.replace(microsecond=0))
        assert parameters_of(future.url)["X-Amz-Expires"] == "1"

    @pytest.mark.parametrize("expires_in", [60, 7200])
    def test_requests_that_store_tell_that_they_end_with_them(self, expires_in: int) -> None:
        role = Role(timedelta(hours=1))
        forms = UploadPolicy(method="POST", max_size=10, options=SaveOptions(overwrite=True))
        with closing(client_with(role.credentials, signature_version="s3v4")) as client:
            backend = S3Backend("bucket", S3Options(client=client))
            requests = (
                backend.presign_upload("a.txt", UploadPolicy(10, 10), expires_in),
                backend.presign_upload("a.txt", forms, expires_in),
                backend.presign_part("a.txt", "word.upload", 1, expires_in),
            )
        asked = datetime.now(timezone.utc) + timedelta(seconds=expires_in)
        for request in requests:
            assert request.expires_at is not None
            assert request.expires_at <= min(asked, role.ends)
            assert min(asked, role.ends) - request.expires_at < timedelta(seconds=30)

    def test_renewed_ones_are_used_at_once(self) -> None:
        role = Role(timedelta(minutes=5))  # so short that they are renewed each time they are used
        with closing(client_with(role.credentials, signature_version="s3v4")) as client:
            backend = S3Backend("bucket", S3Options(client=client))
            for _ in range(3):
                signed = backend.signed_url("a.txt", 7200)
                number = parameters_of(signed.url)["X-Amz-Credential"].partition("/")[0].removeprefix("KEY")
                assert parameters_of(signed.url)["X-Amz-Security-Token"] == f"token{number}"
                assert verify("GET", signed.url, f"secret{number}").ends == signed.expires_at
                assert signed.expires_at <= role.ends
        assert role.count > 2

    def test_changed_ones_are_used_at_once(self) -> None:
        session = Session()
        session.set_credentials("first", "one")
        credentials: Any = session.get_credentials()
        config = Config(signature_version="s3v4")
        with closing(session.create_client("s3", region_name="us-east-1", config=config)) as client:
            backend = S3Backend("bucket", S3Options(client=client))
            assert verify("GET", backend.signed_url("a.txt", 60).url, "one").access_key == "first"
            credentials.access_key, credentials.secret_key, credentials.token = "second", "two", "token"
            url = backend.signed_url("a.txt", 60).url
            assert verify("GET", url, "two").access_key == "second"
            assert parameters_of(url)["X-Amz-Security-Token"] == "token"
            credentials.token = None
            assert "X-Amz-Security-Token" not in parameters_of(backend.signed_url("a.txt", 60).url)


class TestWhereOnlyTheSdkKnows:
    def test_an_old_signature_ends_when_it_was_asked_to(self) -> None:
        backend = backend_at("bucket/pre", signature_version="s3")
        begins = datetime.now(timezone.utc).replace(microsecond=0) - timedelta(seconds=300)
        signed = backend.signed_url("a b.txt", 3600, LinkOptions(signed_at=begins))
        assert signed.expires_at == begins + timedelta(seconds=3600)
        found = parameters_of(signed.url)
        assert {"AWSAccessKeyId", "Signature", "Expires"} == set(found)
        assert 0 <= int(found["Expires"]) - signed.expires_at.timestamp() <= 60

    def test_one_that_would_be_over_lives_a_second(self) -> None:
        second, before = timedelta(seconds=1), datetime.now(timezone.utc).replace(microsecond=0)
        signed = backend_at("bucket", signature_version="s3").signed_url("a", 60, LinkOptions(signed_at=THEN))
        assert before + second <= signed.expires_at <= datetime.now(timezone.utc) + second

    def test_a_header_that_is_signed(self) -> None:
        moment = datetime(2030, 1, 1, tzinfo=timezone.utc)
        backend = backend_at("bucket", extra_args={"IfModifiedSince": moment})
        url = backend.signed_url("a.txt", 60, LinkOptions(signed_at=THEN)).url
        assert parameters_of(url)["X-Amz-SignedHeaders"] == "host;if-modified-since"
        verify("GET", url, SECRET_KEY, {"If-Modified-Since": "Tue, 01 Jan 2030 00:00:00 GMT"})

    @pytest.mark.parametrize("event", ["provide-client-params", "before-parameter-build"])
    def test_a_handler_that_sends_some_keys_elsewhere(self, event: str) -> None:
        def elsewhere(params: dict[str, Any], **_: Any) -> None:
            if params["Key"].startswith("pre/old/"):
                params["Bucket"] = "archive"

        with closing(client_with(signature_version="s3v4")) as client:
            client.meta.events.register(f"{event}.s3.GetObject", elsewhere)
            backend = S3Backend("bucket/pre", S3Options(client=client))
            new, old = backend.signed_url("new/a", 60).url, backend.signed_url("old/a", 60).url
        assert (urlsplit(new).netloc, urlsplit(old).netloc) == ("bucket.s3.amazonaws.com", "archive.s3.amazonaws.com")
        assert accepts("GET", new, SECRET_KEY)
        assert accepts("GET", old, SECRET_KEY)

    def test_a_handler_of_somebodys_that_adds_a_parameter(self) -> None:
        def add(request: Any, **_: Any) -> None:
            request.params["x-tenant"] = "7"

        with closing(client_with(signature_version="s3v4")) as client:
            client.meta.events.register("before-sign.s3", add)
            url = S3Backend("bucket", S3Options(client=client)).signed_url("a", 60).url
        assert parameters_of(url)["x-tenant"] == "7"
        assert accepts("GET", url, SECRET_KEY)

    def test_without_credentials_there_is_an_error(self) -> None:
        backend = S3Backend("bucket", S3Options(region="eu-central-1"))
        with pytest.raises(PermissionDeniedError, match="no credentials") as caught:
            backend.signed_url("a.txt", 60)
        assert caught.value.key == "a.txt"


class TestRefusals:
    @pytest.mark.parametrize("key", ["../a", "", "/a", ".uploadkit/x", "a\\b", "a" * 1025])
    def test_what_is_no_key(self, key: str) -> None:
        with pytest.raises(InvalidKeyError):
            backend_at("bucket/pre").signed_url(key, 60)

    @pytest.mark.parametrize(
        "options", [{"sse_customer_key": "k" * 32}, {"requester_pays": True}, {"expected_bucket_owner": "1"}]
    )
    @pytest.mark.parametrize("method", ["GET", "HEAD"])
    def test_what_needs_headers_each_time(self, options: dict[str, Any], method: LinkMethod) -> None:
        backend = backend_at("bucket", **options)
        for _ in range(2):
            with pytest.raises(NotSupportedError):
                backend.signed_url("a", 60, LinkOptions(method))

    def test_no_network_is_needed(self, make_s3: MakeS3, sink: Sink) -> None:
        backend = make_s3("bucket/pre")
        for key in HARD_KEYS:
            backend.signed_url(key, 60, LinkOptions("HEAD"))
        assert sink.requests == []

    def test_no_repr_shows_a_url_or_a_secret(self) -> None:
        backend = backend_at("bucket", session_token="the-token")
        signed = backend.signed_url("a.txt", 60)
        shown = f"{signed!r} {links._known[backend._calls]!r}"
        assert not any(secret in shown for secret in (SECRET_KEY, "the-token", "Signature"))


class TestManyAtATime:
    def test_threads_sign_together(self) -> None:
        backend = backend_at("bucket/pre")
        with ThreadPoolExecutor(8) as pool:
            urls = list(pool.map(lambda number: (number, backend.signed_url(f"{number} ä.txt", 60).url), range(800)))
        for number, url in urls:
            assert urlsplit(url).path == f"/pre/{number}%20%C3%A4.txt"
            verify("GET", url, SECRET_KEY)

    def test_what_is_remembered_has_bounds(self) -> None:
        backend = backend_at("bucket")
        for number in range(1000):
            moment = THEN + timedelta(hours=number)
            wishes = LinkOptions("GET", f"a/{number}", f'inline; filename="{number}"', moment)
            backend.signed_url(f"{number}.txt", 60 + number, wishes)
        for cache in (links._stamp, links._signing_key, links._quoted):
            found = cache.cache_info()
            assert found.maxsize is not None
            assert found.currsize <= found.maxsize <= 256

    def test_a_backend_that_is_gone_is_forgotten(self) -> None:
        with closing(client_with(signature_version="s3v4")) as client:
            backend = S3Backend("bucket", S3Options(client=client))
            backend.signed_url("a.txt", 60)
            calls = weakref.ref(backend._calls)
            del backend
            gc.collect()
            assert calls() is None

    def test_a_thousand_are_made_after_one_sample_of_the_sdks(
        self, make_s3: MakeS3, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        backend = make_s3("bucket/pre")
        client = backend._calls.client
        sign: Any = client.generate_presigned_url
        samples: list[str] = []

        def counted(operation: str, **asked: Any) -> Any:
            samples.append(operation)
            return sign(operation, **asked)

        monkeypatch.setattr(client, "generate_presigned_url", counted)
        assert len({backend.signed_url(f"{number}.jpg", 60).url for number in range(1000)}) == 1000
        assert samples == ["get_object"]


FORK = """
import os
from uploadkit.backends.s3 import S3Backend, S3Options
from uploadkit.models import LinkOptions
from datetime import datetime, timezone
backend = S3Backend("bucket", S3Options(region="us-east-1", access_key_id="a", secret_access_key="b"))
options = LinkOptions(signed_at=datetime(2026, 1, 31, tzinfo=timezone.utc))
url = backend.signed_url("a.txt", 60, options).url
child = os.fork()
if not child:
    os._exit(0 if backend.signed_url("a.txt", 60, options).url == url else 1)
assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork")
def test_a_forked_process_signs_alike() -> None:
    result = subprocess.run(
        [sys.executable, "-W", "error", "-c", FORK], capture_output=True, text=True, timeout=60, check=False
    )
    assert (result.returncode, result.stderr) == (0, "")


def answer(method: str, url: str) -> tuple[int, bytes, dict[str, str]]:
    """Send a request as a browser would."""
    parts = urlsplit(url)
    with closing(HTTPConnection(parts.netloc, timeout=20)) as connection:
        connection.request(method, f"{parts.path}?{parts.query}")
        response = connection.getresponse()
        return response.status, response.read(), {name.lower(): value for name, value in response.getheaders()}


def stored(server: S3Server) -> S3Backend:
    """Return a backend on a server, with a file under each of the hard keys."""
    options = S3Options(
        endpoint_url=server.endpoint,
        region=server.region,
        access_key_id=server.access_key,
        secret_access_key=server.secret_key,
    )
    backend = S3Backend(f"{server.make_bucket()}/pre fix", options)
    for key in HARD_KEYS:
        backend.save(key, BytesIO(key.encode()), SaveOptions())
    return backend


def test_moto_finds_the_files(moto_server: S3Server) -> None:
    backend = stored(moto_server)
    for key in HARD_KEYS:
        status, body, _ = answer("GET", backend.signed_url(key, 60).url)
        assert (status, body) == (200, key.encode())


@pytest.fixture(scope="module")
def on_seaweed(seaweed_server: S3Server) -> S3Backend:
    return stored(seaweed_server)


class TestSeaweed:
    """A store that verifies signatures and the time."""

    @pytest.mark.parametrize("age", [None, 0, 300])
    def test_it_answers(self, on_seaweed: S3Backend, age: int | None) -> None:
        signed_at = None if age is None else datetime.now(timezone.utc) - timedelta(seconds=age)
        for key in HARD_KEYS:
            wishes = ("text/x-odd", 'attachment; filename="a b.txt"', signed_at)
            status, body, headers = answer("GET", on_seaweed.signed_url(key, 600, LinkOptions("GET", *wishes)).url)
            assert (status, body) == (200, key.encode())
            assert headers["content-type"] == "text/x-odd"
            assert headers["content-disposition"] == 'attachment; filename="a b.txt"'
            status, body, headers = answer("HEAD", on_seaweed.signed_url(key, 600, LinkOptions("HEAD", *wishes)).url)
            assert (status, headers["content-length"]) == (200, str(len(key.encode())))

    def test_each_method_has_its_own(self, on_seaweed: S3Backend) -> None:
        read, head = (on_seaweed.signed_url("a.txt", 60, LinkOptions(method)).url for method in ("GET", "HEAD"))
        assert answer("HEAD", read)[0] == answer("GET", head)[0] == 403
        assert answer("DELETE", read)[0] == 403

    def test_one_that_was_changed_is_refused(self, on_seaweed: S3Backend) -> None:
        url = on_seaweed.signed_url("a.txt", 60, LinkOptions(content_type="text/plain")).url
        for old, new in (("a.txt", "~tilde~/x~"), ("Expires=60", "Expires=61"), ("text%2Fplain", "text%2Fhtml")):
            assert old in url
            assert answer("GET", url.replace(old, new))[0] == 403
        assert answer("GET", f"{url}&response-cache-control=x")[0] == 403

    def test_one_that_is_over_is_refused(self, on_seaweed: S3Backend) -> None:
        begins = datetime.now(timezone.utc) - timedelta(seconds=300)
        assert answer("GET", on_seaweed.signed_url("a.txt", 299, LinkOptions(signed_at=begins)).url)[0] == 403
