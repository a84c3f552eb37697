"""Signed URLs of the Google Cloud Storage backend: those of google-cloud-storage, with signatures verified here."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from typing import Any
from urllib.parse import quote, urlsplit

import pytest

pytest.importorskip("google.cloud.storage")

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from google.auth import identity_pool, impersonated_credentials
from google.auth.credentials import AnonymousCredentials, Credentials, Scoped
from google.cloud import storage
from google.cloud.storage import _signing as googles_signing
from google.oauth2 import service_account

from tests.backends.test_gcs_options import Seen, Sink
from tests.backends.test_gcs_signing import ACCOUNT, DAY, EMAIL, KEY, backend_with, verify
from tests.gcsv4 import Refused
from uploadkit import BackendError, InvalidKeyError, NotSupportedError, PermissionDeniedError, UnavailableError
from uploadkit.backends._gcs import iam
from uploadkit.backends.gcs import GCSBackend, GCSOptions
from uploadkit.directmodels import UploadPolicy
from uploadkit.models import LinkOptions

HOUR = 3600
HALF_A_DAY = timedelta(hours=12)
#: Five hours ahead of UTC it is March already.
MOMENT = datetime(2026, 2, 28, 23, 59, 59, 999_999, tzinfo=timezone.utc)
HARD_KEYS = (
    *("plain.txt", "a folder/b c.txt", "1+1=2 & 100%.txt", "~tilde~/%41", "ü/日本語/😀.txt", "e\u0301.txt"),
    *("what?.txt", "#1;v=2,3.txt", 'it\'s "quoted"!.txt', "(a)[b]{c}|d^`e$@*", "a..b/c-_.txt", "<>.html"),
)


def now() -> datetime:
    return datetime.now(timezone.utc)


def url_by_google(place: str, key: str, options: LinkOptions, endpoint: str | None, payer: str | None) -> str:
    """Return the URL that google-cloud-storage makes at the moment that its clock shows."""
    account = service_account.Credentials.from_service_account_info(ACCOUNT)
    client = storage.Client("p", account, client_options={"api_endpoint": endpoint} if endpoint else None)
    bucket, _, prefix = place.partition("/")
    blob = client.bucket(bucket).blob(f"{prefix}/{key}" if prefix else key)
    url: str = blob.generate_signed_url(
        version="v4",
        expiration=timedelta(seconds=600),
        method=options.method,
        response_type=options.content_type,
        response_disposition=options.content_disposition,
        query_parameters={"userProject": payer} if payer else None,
    )
    return url


@pytest.mark.parametrize("key", HARD_KEYS)
@pytest.mark.parametrize(
    ("place", "endpoint", "payer", "options"),
    [
        ("bucket", None, None, LinkOptions()),
        ("bucket/a prefix/ü", None, "payer", LinkOptions("HEAD")),
        ("files.example.com", "https://storage.europe-west3.rep.googleapis.com", None, LinkOptions()),
        ("a_b-c.d/p", "http://127.0.0.1:4443", "a payer", LinkOptions(content_type='text/x-own; a="1+1 ~%&=/?\'"')),
        (
            "bucket",
            None,
            None,
            LinkOptions(content_disposition="attachment; filename=\"a b\"; filename*=UTF-8''%C3%BC"),
        ),
        ("bucket", None, "p", LinkOptions("HEAD", "image/svg+xml", 'inline; filename="100%.svg"')),
    ],
)
def test_a_signed_url_is_the_one_of_google_cloud_storage(
    monkeypatch: pytest.MonkeyPatch, key: str, place: str, endpoint: str | None, payer: str | None, options: LinkOptions
) -> None:
    monkeypatch.setattr(googles_signing, "_NOW", MOMENT.astimezone)
    theirs = url_by_google(place, key, options, endpoint, payer)
    options = LinkOptions(options.method, options.content_type, options.content_disposition, MOMENT)
    backend = GCSBackend(place, GCSOptions(credentials=ACCOUNT, endpoint=endpoint, user_project=payer))
    assert backend.signed_url(key, 600, options).url == theirs
    verify(options.method, theirs, now=MOMENT)


def test_a_signed_url_reads_one_key_for_so_long() -> None:
    before = now().replace(microsecond=0)
    signed = backend_with().signed_url("f/ü +%~.txt", 600)
    assert before <= signed.expires_at - timedelta(seconds=600) <= now()
    query = verify("GET", signed.url)
    assert urlsplit(signed.url).netloc == "storage.googleapis.com"
    assert urlsplit(signed.url).path == "/bucket/p/f/%C3%BC%20%2B%25~.txt"
    assert query["X-Goog-Expires"] == "600"
    assert query["X-Goog-Credential"].startswith(EMAIL)
    assert "response-content-type" not in query
    verify("GET", signed.url, now=signed.expires_at - timedelta(seconds=1))
    with pytest.raises(Refused, match="ended"):
        verify("GET", signed.url, now=signed.expires_at)


def test_a_signed_url_answers_as_asked() -> None:
    options = LinkOptions(content_type="text/x-own", content_disposition='attachment; filename="100%.txt"')
    query = verify("GET", backend_with(user_project="payer").signed_url("a", 1, options).url)
    assert query["response-content-type"] == "text/x-own"
    assert query["response-content-disposition"] == 'attachment; filename="100%.txt"'
    assert query["userProject"] == "payer"


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_a_signed_url_is_of_one_method(method: Any) -> None:
    url = backend_with().signed_url("a", 60, LinkOptions(method)).url
    verify(method, url)
    for other in {"GET", "HEAD", "PUT", "DELETE"} - {method}:
        with pytest.raises(Refused):
            verify(other, url)


def test_the_same_moment_makes_the_same_url() -> None:
    elsewhere = MOMENT.replace(microsecond=1).astimezone(timezone(timedelta(hours=5)))
    urls = {backend_with().signed_url("a", 7 * DAY, LinkOptions(signed_at=at)) for at in (MOMENT, elsewhere)}
    (signed,) = urls
    assert signed.expires_at == datetime(2026, 3, 7, 23, 59, 59, tzinfo=timezone.utc)
    assert signed.expires_at.tzinfo is timezone.utc
    assert verify("GET", signed.url, now=MOMENT)["X-Goog-Date"] == "20260228T235959Z"
    later = backend_with().signed_url("a", 7 * DAY, LinkOptions(signed_at=MOMENT + timedelta(seconds=1)))
    assert later.url != signed.url


@pytest.mark.parametrize("seconds", [0, -1, 7 * DAY + 1])
def test_links_live_from_a_second_to_seven_days(seconds: int) -> None:
    with pytest.raises(ValueError, match="expires_in"):
        backend_with().signed_url("a", seconds)


@pytest.mark.parametrize("key", ["", "../a", "/a", "a//b", "a\x00"])
def test_nothing_but_keys_is_signed(key: str) -> None:
    with pytest.raises(InvalidKeyError):
        backend_with().signed_url(key, 60)


def test_a_signed_url_shows_no_signature_in_a_log() -> None:
    assert "X-Goog-Signature" not in repr(backend_with().signed_url("a", 60))


def tampered(url: str) -> Iterator[str]:
    """Yield the URL with something of it changed, each time another thing."""
    base, _, query = url.partition("?")
    pairs = query.split("&")
    for number, pair in enumerate(pairs):
        name, _, value = pair.partition("=")
        for others in ([], [pair, pair], [f"{name}={value[:-1]}{'1' if value[-1] != '1' else '2'}"], [f"{name}="]):
            yield f"{base}?{'&'.join(pairs[:number] + others + pairs[number + 1 :])}"
        yield f"{base}?{'&'.join(pairs)}&{name.lower()}={value}"
    for more in ("generation=1", "response-content-encoding=x", "X-Goog-Content-SHA256=x", "a", "acl=", "="):
        yield f"{url}&{more}"
    yield url.replace("/bucket/", "/bucket2/")
    yield url.replace("/p/", "/q/")
    yield url.replace("a%20b", "a%20c")
    yield url.replace("a%20b", "a%20b/")
    yield url.replace("storage.googleapis.com", "storage.example.com")
    yield url.replace("Expires=600", "Expires=604801")
    yield url.replace(quote(EMAIL), "other%40project.iam.gserviceaccount.com")


def test_a_signed_url_that_is_tampered_with_is_refused() -> None:
    options = LinkOptions("GET", "text/plain", 'attachment; filename="x"')
    url = backend_with(user_project="payer").signed_url("a b", 600, options).url
    verify("GET", url)
    changed = set(tampered(url))
    assert url not in changed
    assert len(changed) > 50
    for other in changed:
        with pytest.raises(Refused):
            verify("GET", other)
    with pytest.raises(Refused, match="yet"):
        verify("GET", url, now=now() - timedelta(hours=1))
    with pytest.raises(Refused, match="not signed"):
        verify("GET", url, {"x-goog-encryption-key": "x"})


class Iam(Sink):
    """IAM and what stands beside it: it really signs, unless it was told to answer otherwise."""

    def answer(self, seen: Seen) -> tuple[int, dict[str, str], bytes]:
        if self.answers:
            return super().answer(seen)
        found: dict[str, Any]
        sent = json.loads(seen.body) if seen.body.startswith(b"{") else {}
        if seen.path.endswith(":signBlob"):
            signature = KEY.sign(base64.b64decode(sent["payload"]), padding.PKCS1v15(), hashes.SHA256())
            found = {"keyId": "1", "signedBlob": base64.b64encode(signature).decode()}
        elif seen.path.endswith(":generateAccessToken"):
            found = {"accessToken": f"for {sent['scope'][0]}", "expireTime": "2100-01-01T00:00:00Z"}
        else:
            issued = {"issued_token_type": "urn:ietf:params:oauth:token-type:access_token", "expires_in": 3600}
            found = {"access_token": "federated", "token_type": "Bearer", **issued}
        return 200, {"Content-Type": "application/json"}, json.dumps(found).encode()

    def refuse(self, status: int, message: str = "made up by a test") -> None:
        """Refuse to sign from now on."""
        self.answers["signBlob"] = (status, {}, json.dumps({"error": {"message": message}}).encode())


@pytest.fixture
def iam_server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Iam]:
    server = Iam()
    with server:
        monkeypatch.setattr(iam, "_IAM", server.endpoint)
        yield server


class Machine(Credentials):  # type: ignore[misc, unused-ignore]
    """Credentials of a virtual machine: a token, an account, and no key."""

    def __init__(self, email: str | None = EMAIL) -> None:
        super().__init__()  # type: ignore[no-untyped-call, unused-ignore]
        self.token = "machine-token"
        self.service_account_email = email

    def refresh(self, request: object) -> None:
        if self.service_account_email == "default":
            self.service_account_email = EMAIL


class Container(Machine, Scoped):  # type: ignore[misc, unused-ignore]
    """Credentials of Cloud Run, whose token is good for the scopes that are asked for and no others."""

    requires_scopes = False

    def with_scopes(self, scopes: Any, default_scopes: object = None) -> Container:
        made = Container(self.service_account_email)
        made.token = f"for {' '.join(scopes)}"
        return made


def impersonated(**more: Any) -> Any:
    return impersonated_credentials.Credentials(Machine("source@p.iam.gserviceaccount.com"), EMAIL, ["storage"], **more)


def federated(folder: Any, **more: Any) -> Any:
    file = folder / "token"
    file.write_text("subject-token")
    return identity_pool.Credentials(
        audience="//iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/p/providers/q",
        subject_token_type="urn:ietf:params:oauth:token-type:jwt",
        credential_source={"file": str(file)},
        **more,
    )


@pytest.mark.parametrize("email", [EMAIL, "default"])
def test_without_a_key_google_signs(iam_server: Iam, email: str) -> None:
    url = backend_with(credentials=Machine(email), user_project="payer").signed_url("a", 60).url
    assert verify("GET", url)["X-Goog-Credential"].startswith(f"{EMAIL}/")
    (seen,) = iam_server.requests
    assert seen.path == f"/{EMAIL}:signBlob"
    assert seen.query == {}
    assert seen.headers["authorization"] == "Bearer machine-token"


def test_google_is_asked_with_the_scope_that_it_wants(iam_server: Iam) -> None:
    """The client's own scopes are those of the storage, with which IAM refuses to sign."""
    verify("GET", backend_with(credentials=Container()).signed_url("a", 60).url)
    (seen,) = iam_server.requests
    assert seen.headers["authorization"] == "Bearer for https://www.googleapis.com/auth/iam"


def test_google_signs_uploads_too(iam_server: Iam) -> None:
    before = now()
    backend = backend_with(credentials=Machine())
    request = backend.presign_upload("a", UploadPolicy(1, 1), DAY)
    assert verify("PUT", request.url, request.headers)["X-Goog-Expires"] == str(12 * HOUR)
    assert before <= request.expires_at - HALF_A_DAY <= now()


def test_who_impersonates_a_service_account_asks_google_to_sign_as_it(iam_server: Iam) -> None:
    before = now().replace(microsecond=0)
    signed = backend_with(credentials=impersonated(delegates=["projects/-/serviceAccounts/d"])).signed_url("a", DAY)
    assert verify("GET", signed.url)["X-Goog-Credential"].startswith(f"{EMAIL}/")
    assert before <= signed.expires_at - HALF_A_DAY <= now()
    (seen,) = iam_server.requests
    assert seen.path == f"/{EMAIL}:signBlob"
    assert seen.headers["authorization"] == "Bearer machine-token"
    assert json.loads(seen.body)["delegates"] == ["projects/-/serviceAccounts/d"]


def test_a_federated_workload_signs_as_the_service_account_that_it_impersonates(iam_server: Iam, tmp_path: Any) -> None:
    impersonation = f"{iam_server.endpoint}/v1/projects/-/serviceAccounts/{EMAIL}:generateAccessToken"
    credentials = federated(
        tmp_path, token_url=f"{iam_server.endpoint}/sts", service_account_impersonation_url=impersonation
    )
    verify("GET", backend_with(credentials=credentials).signed_url("a", 60).url)
    assert iam_server.requests[-1].headers["authorization"] == "Bearer for https://www.googleapis.com/auth/iam"


def test_signatures_of_google_are_trusted_for_twelve_hours(iam_server: Iam) -> None:
    before = now().replace(microsecond=0)
    signed = backend_with(credentials=Machine()).signed_url("a", 7 * DAY)
    assert before <= signed.expires_at - HALF_A_DAY <= now()
    assert verify("GET", signed.url)["X-Goog-Expires"] == str(12 * HOUR)
    exactly = backend_with(credentials=Machine()).signed_url("a", 12 * HOUR)
    assert verify("GET", exactly.url)["X-Goog-Expires"] == str(12 * HOUR)
    assert backend_with().signed_url("a", 7 * DAY).expires_at >= before + timedelta(days=7)


def test_a_life_is_cut_at_twelve_hours_from_now_also_if_it_began_long_ago(iam_server: Iam) -> None:
    began = now().replace(microsecond=0) - timedelta(days=2)
    signed = backend_with(credentials=Machine()).signed_url("a", 7 * DAY, LinkOptions(signed_at=began))
    assert timedelta(hours=11) - timedelta(minutes=1) < signed.expires_at - now() <= HALF_A_DAY
    seconds = verify("GET", signed.url)["X-Goog-Expires"]
    assert began + timedelta(seconds=int(seconds)) == signed.expires_at


def test_a_life_that_is_cut_ends_at_the_same_moment_for_an_hour() -> None:
    signer = iam.IAMSigner(backend_with()._wire, "a", EMAIL, Machine())
    hour = MOMENT.replace(minute=0, second=0, microsecond=0)
    for minute in (0, 1, 59):
        at = hour + timedelta(minutes=minute)
        assert iam.end_of(signer, MOMENT + timedelta(days=1), at, steady=True) == hour + HALF_A_DAY
        assert iam.end_of(signer, at + HALF_A_DAY, at, steady=True) == at + HALF_A_DAY


def test_the_same_moment_makes_the_same_url_also_where_google_signs(iam_server: Iam) -> None:
    backend = backend_with(credentials=Machine())
    options = LinkOptions(signed_at=now() - timedelta(minutes=10))
    first, second = (backend.signed_url("a", HOUR, options) for _ in range(2))
    assert first == second
    assert len(iam_server.requests) == 2


def test_what_begins_after_google_may_have_changed_its_key_is_not_signed(iam_server: Iam) -> None:
    options = LinkOptions(signed_at=now() + timedelta(days=1))
    with pytest.raises(NotSupportedError, match="12 hours"):
        backend_with(credentials=Machine()).signed_url("a", HOUR, options)
    assert not iam_server.requests


def refused(server: Iam, credentials: Any, status: int, message: str = "no") -> BackendError:
    """Return the error of a link that IAM does not sign."""
    server.refuse(status, message)
    with pytest.raises(BackendError, match="'a'") as caught:
        backend_with(credentials=credentials, max_attempts=2).signed_url("a", 60)
    assert (caught.value.key, caught.value.backend) == ("a", "gcs")
    return caught.value


@pytest.mark.parametrize(
    ("credentials", "who", "whom"),
    [
        (Machine(), f"the service account {EMAIL} needs", "on itself"),
        (impersonated(), f"who impersonates {EMAIL} needs", f"on {EMAIL}"),
    ],
)
def test_a_refusal_of_google_names_the_role_and_who_lacks_it(
    iam_server: Iam, credentials: Any, who: str, whom: str
) -> None:
    error = refused(iam_server, credentials, 403, "Permission 'iam.serviceAccounts.signBlob' denied on resource")
    assert isinstance(error, PermissionDeniedError)
    assert not error.retryable
    names = ("Service Account Token Creator", "roles/iam.serviceAccountTokenCreator", "iam.serviceAccounts.signBlob")
    for words in (who, whom, *names, "iamcredentials.googleapis.com"):
        assert words in str(error)
    assert len(iam_server.requests) == 1


def test_a_refusal_for_a_disabled_api_says_so(iam_server: Iam) -> None:
    message = "IAM Service Account Credentials API has not been used in project 1 before or it is disabled."
    error = refused(iam_server, Machine(), 403, message)
    assert isinstance(error, PermissionDeniedError)
    assert "(iamcredentials.googleapis.com) is disabled; enable it in the project" in str(error)


def test_a_refusal_for_missing_scopes_says_so(iam_server: Iam) -> None:
    error = refused(iam_server, Machine(), 403, "Request had insufficient authentication scopes.")
    assert isinstance(error, PermissionDeniedError)
    assert "scope cloud-platform" in str(error)


@pytest.mark.parametrize(("status", "words"), [(404, f"no service account {EMAIL}"), (400, "400"), (409, "409")])
def test_other_refusals_of_google_are_no_missing_files(iam_server: Iam, status: int, words: str) -> None:
    error = refused(iam_server, Machine(), status)
    assert type(error) is BackendError
    assert words in str(error)


@pytest.mark.parametrize("status", [429, 503])
def test_a_busy_google_is_asked_again_and_may_be_later(iam_server: Iam, status: int) -> None:
    error = refused(iam_server, Machine(), status)
    assert isinstance(error, UnavailableError)
    assert error.retryable
    assert len(iam_server.requests) == 2


@pytest.mark.parametrize("answer", [b"{}", b'{"signedBlob": 1}'])
def test_a_signature_that_is_none_is_an_error(iam_server: Iam, answer: bytes) -> None:
    iam_server.answers["signBlob"] = (200, {}, answer)
    with pytest.raises(BackendError):
        backend_with(credentials=Machine()).signed_url("a", 60)


@pytest.mark.parametrize("credentials", [AnonymousCredentials(), Machine(None), Machine("pool.svc.id.goog")])
def test_credentials_that_cannot_sign_say_the_ways_out(credentials: Any) -> None:
    backend = backend_with(credentials=credentials)
    for call in (
        lambda: backend.signed_url("a", 60),
        lambda: backend.presign_upload("a", UploadPolicy(1, 1), 60),
    ):
        with pytest.raises(NotSupportedError, match=r"'credentials'.* UPLOADED_<NAME>_DELIVERY = \"proxy\""):
            call()


def test_a_federated_workload_without_a_service_account_is_told_to_name_one(tmp_path: Any) -> None:
    backend = backend_with(credentials=federated(tmp_path, token_url="https://sts.googleapis.com/v1/token"))
    with pytest.raises(NotSupportedError, match="service_account_impersonation_url"):
        backend.signed_url("a", 60)


def test_a_key_file_is_read(tmp_path: Any) -> None:
    file = tmp_path / "key.json"
    file.write_text(json.dumps(ACCOUNT))
    for credentials in (file, str(file)):
        verify("GET", backend_with(credentials=credentials).signed_url("a", 60).url)
