"""Backends behind a server that break one promise each about method, life or disposition of signed URLs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta, timezone

from tests.testing.served import Request, Response, ServedBackend
from uploadkit.directmodels import PresignedRequest, UploadPolicy
from uploadkit.models import FileInfo, LinkOptions, SaveOptions, SignedURL


class SignsForGetOnly(ServedBackend):
    def signed_url(self, key: str, expires_in: int, options: LinkOptions | None = None) -> SignedURL:
        return super().signed_url(key, expires_in, replace(options or LinkOptions(), method="GET"))


class TellsNoLength(ServedBackend):
    def look_up(self, request: Request) -> Response:
        return super().look_up(request)._replace(body=b"")


class LooksUpWhatIsMissing(ServedBackend):
    def look_up(self, request: Request) -> Response:
        return super().look_up(request) if request.key in self._files else Response(200)


class LooksUpAsStored(ServedBackend):
    def look_up(self, request: Request) -> Response:
        info = self.stat(request.key)
        return super().look_up(request)._replace(headers={"Content-Type": str(info.content_type)})


class TakesHeadForGet(ServedBackend):
    """Lets a URL for HEAD read, as where a proxy asks the store by GET."""

    def signed_text(self, method: str, key: str, query: Mapping[str, str], headers: Mapping[str, str]) -> str:
        return super().signed_text("GET" if method == "HEAD" else method, key, query, headers)


class SignsAnewEachTime(ServedBackend):
    def signed_url(self, key: str, expires_in: int, options: LinkOptions | None = None) -> SignedURL:
        return super().signed_url(key, expires_in, replace(options or LinkOptions(), signed_at=None))


class SignsByTheMinute(ServedBackend):
    """Ends a life later than was asked for, so that URLs repeat more often."""

    def signed_url(self, key: str, expires_in: int, options: LinkOptions | None = None) -> SignedURL:
        began = (options and options.signed_at) or datetime.now(timezone.utc)
        later = began.replace(second=0) + timedelta(minutes=1)
        return super().signed_url(key, expires_in, replace(options or LinkOptions(), signed_at=later))


class SignsInFractions(ServedBackend):
    def signed_url(self, key: str, expires_in: int, options: LinkOptions | None = None) -> SignedURL:
        signed = super().signed_url(key, expires_in, options)
        fraction = options.signed_at.microsecond if options and options.signed_at else 0
        return replace(signed, url=f"{signed.url}&fraction={fraction}")


class SignsInLocalTime(ServedBackend):
    def signed_url(self, key: str, expires_in: int, options: LinkOptions | None = None) -> SignedURL:
        if options and options.signed_at:
            options = replace(options, signed_at=options.signed_at.replace(tzinfo=timezone.utc))
        return super().signed_url(key, expires_in, options)


class LivesUntilAsked(ServedBackend):
    """Begins the life when it is asked, and tells what it was asked."""

    def signed_url(self, key: str, expires_in: int, options: LinkOptions | None = None) -> SignedURL:
        made = super().signed_url(key, expires_in, replace(options or LinkOptions(), signed_at=None))
        return replace(made, expires_at=super().signed_url(key, expires_in, options).expires_at)


class DiesOfItsAge(ServedBackend):
    def signed_url(self, key: str, expires_in: int, options: LinkOptions | None = None) -> SignedURL:
        is_old = options is not None and options.signed_at is not None
        return super().signed_url(key, 1 if is_old else expires_in, options)


class TellsNaiveEndsOfUrls(ServedBackend):
    def signed_url(self, key: str, expires_in: int, options: LinkOptions | None = None) -> SignedURL:
        signed = super().signed_url(key, expires_in, options)
        return replace(signed, expires_at=signed.expires_at.replace(tzinfo=None))


class TellsEndsFromNow(ServedBackend):
    def signed_url(self, key: str, expires_in: int, options: LinkOptions | None = None) -> SignedURL:
        end = datetime.now(timezone.utc) + timedelta(seconds=expires_in)
        return replace(super().signed_url(key, expires_in, options), expires_at=end)


class TellsEndsTooSoon(ServedBackend):
    def signed_url(self, key: str, expires_in: int, options: LinkOptions | None = None) -> SignedURL:
        signed = super().signed_url(key, expires_in, options)
        return replace(signed, expires_at=signed.expires_at - timedelta(seconds=expires_in // 2))


class ShowsEverything(ServedBackend):
    def usual_disposition(self, info: FileInfo) -> str:
        return "inline"


class ShowsByTheName(ServedBackend):
    def usual_disposition(self, info: FileInfo) -> str:
        return super().usual_disposition(replace(info, content_type=None))


class MovesWithTheOldDisposition(ServedBackend):
    """Stores the usual disposition with each file, and moves it along."""

    def _publish(self, key: str, content: bytes, checksum: str | None, options: SaveOptions) -> FileInfo:
        usual = self.usual_disposition(FileInfo(key, 0, options.content_type))
        kept = options.content_disposition or usual
        return super()._publish(key, content, checksum, replace(options, content_disposition=kept))


class ShowsWhatArrivesInParts(ServedBackend):
    def create_multipart(self, key: str, options: SaveOptions) -> str:
        return super().create_multipart(key, replace(options, content_disposition="inline"))


class ShowsWhatArrivesByPresigning(ServedBackend):
    def presign_upload(self, key: str, policy: UploadPolicy, expires_in: int) -> PresignedRequest:
        shown = replace(policy.options, content_disposition="inline")
        return super().presign_upload(key, replace(policy, options=shown), expires_in)


#: Each with the checks that have to notice it.
_NOTICED: dict[type[ServedBackend], tuple[str, ...]] = {
    SignsForGetOnly: ("signed_head_urls_look_up",),
    TellsNoLength: ("signed_head_urls_look_up",),
    LooksUpWhatIsMissing: ("signed_head_urls_look_up",),
    LooksUpAsStored: ("signed_head_urls_answer_as_asked",),
    TakesHeadForGet: ("signed_urls_are_of_one_method",),
    SignsAnewEachTime: ("signed_urls_repeat_for_the_same_moment", "signed_urls_live_from_their_moment"),
    SignsByTheMinute: ("signed_urls_repeat_for_the_same_moment", "signed_urls_tell_their_end"),
    SignsInFractions: ("signed_urls_repeat_for_the_same_moment",),
    SignsInLocalTime: ("signed_urls_repeat_for_the_same_moment",),
    LivesUntilAsked: ("signed_urls_live_from_their_moment",),
    DiesOfItsAge: ("signed_urls_live_from_their_moment",),
    TellsNaiveEndsOfUrls: ("signed_urls_tell_their_end",),
    TellsEndsFromNow: ("signed_urls_tell_their_end",),
    TellsEndsTooSoon: ("signed_urls_tell_their_end",),
    ShowsEverything: ("signed_urls_of_scripts_are_downloads",),
    ShowsByTheName: ("signed_urls_of_scripts_are_downloads",),
    MovesWithTheOldDisposition: ("scripts_stay_downloads_under_other_names",),
    ShowsWhatArrivesInParts: ("uploaded_scripts_are_downloads",),
    ShowsWhatArrivesByPresigning: ("uploaded_scripts_are_downloads",),
}
BROKEN = [(backend, check) for backend, checks in _NOTICED.items() for check in checks]
