"""Backends behind a server that break one promise each about signed URLs and presigned requests."""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import replace
from urllib.parse import unquote

from tests.testing.served import Request, Response, ServedBackend, Server
from uploadkit.directmodels import PresignedRequest, UploadPolicy
from uploadkit.models import MAX_EXPIRY, FileInfo, LinkOptions, SaveOptions, SignedURL


class WorksOnce(ServedBackend):
    def __init__(self, server: Server) -> None:
        super().__init__(server)
        self._used: set[str] = set()

    def verify_signature(self, signature: str, expected: str) -> None:
        super().verify_signature("" if signature in self._used else signature, expected)
        self._used.add(signature)


class UnquotesTwice(ServedBackend):
    def read(self, request: Request) -> Response:
        return super().read(request._replace(key=unquote(request.key)))


class ReadsPlusAsSpace(ServedBackend):
    def read(self, request: Request) -> Response:
        return super().read(request._replace(key=request.key.replace("+", " ")))


class AnswersWithTheStoredType(ServedBackend):
    def read(self, request: Request) -> Response:
        response = super().read(request)
        return response._replace(headers={**response.headers, "Content-Type": str(self.stat(request.key).content_type)})


class AnswersWithoutDisposition(ServedBackend):
    def read(self, request: Request) -> Response:
        response = super().read(request)
        return response._replace(headers={"Content-Type": response.headers["Content-Type"]})


class AlwaysAttaches(ServedBackend):
    def usual_disposition(self, info: FileInfo) -> str:
        return "attachment"


class BendsBounds(ServedBackend):
    def _bent(self, expires_in: int) -> int:
        return min(max(expires_in, 1), MAX_EXPIRY)

    def signed_url(self, key: str, expires_in: int, options: LinkOptions | None = None) -> SignedURL:
        return super().signed_url(key, self._bent(expires_in), options)

    def presign_upload(self, key: str, policy: UploadPolicy, expires_in: int) -> PresignedRequest:
        return super().presign_upload(key, policy, self._bent(expires_in))

    def presign_part(
        self, key: str, upload_id: str, number: int, expires_in: int, *, size: int | None = None
    ) -> PresignedRequest:
        return super().presign_part(key, upload_id, number, self._bent(expires_in), size=size)


class TakesAnyPresignedNumber(ServedBackend):
    def presign_part(
        self, key: str, upload_id: str, number: int, expires_in: int, *, size: int | None = None
    ) -> PresignedRequest:
        return super().presign_part(key, upload_id, min(max(number, 1), 10_000), expires_in, size=size)


class SignsFilesOnly(ServedBackend):
    def signed_url(self, key: str, expires_in: int, options: LinkOptions | None = None) -> SignedURL:
        self.stat(key)
        return super().signed_url(key, expires_in, options)


class ReadsMissingFilesAsEmpty(ServedBackend):
    def read(self, request: Request) -> Response:
        return super().read(request) if request.key in self._files else Response(200)


class SignsNoKey(ServedBackend):
    def signed_text(self, method: str, key: str, query: Mapping[str, str], headers: Mapping[str, str]) -> str:
        return super().signed_text(method, "", query, headers)


class SignsNoMethod(ServedBackend):
    def signed_text(self, method: str, key: str, query: Mapping[str, str], headers: Mapping[str, str]) -> str:
        return super().signed_text("", key, query, headers)


class SignsNoQuery(ServedBackend):
    def signed_text(self, method: str, key: str, query: Mapping[str, str], headers: Mapping[str, str]) -> str:
        return super().signed_text(method, key, {}, headers)


class _SignsNot(ServedBackend):
    """Leaves a header out of what it signs."""

    header = ""

    def signed_text(self, method: str, key: str, query: Mapping[str, str], headers: Mapping[str, str]) -> str:
        kept = {name: value for name, value in headers.items() if name != self.header}
        return super().signed_text(method, key, query, kept)


class SignsNoLength(_SignsNot):
    header = "content-length"


class SignsNoType(_SignsNot):
    header = "content-type"


class SignsNoCondition(_SignsNot):
    header = "if-none-match"


class ChecksNoSignature(ServedBackend):
    def verify_signature(self, signature: str, expected: str) -> None: ...


class NeverExpires(ServedBackend):
    def verify_time(self, expires: str) -> None: ...


class StoresWhenPresigning(ServedBackend):
    def presign_upload(self, key: str, policy: UploadPolicy, expires_in: int) -> PresignedRequest:
        self.save(key, io.BytesIO(b""), SaveOptions(overwrite=True))
        allowed = replace(policy, options=replace(policy.options, overwrite=True))
        return super().presign_upload(key, allowed, expires_in)


class LosesTheLastByteOnTheWay(ServedBackend):
    def store(self, request: Request) -> Response:
        return super().store(request._replace(body=request.body[:-1]))


class DropsMetadataOnTheWay(ServedBackend):
    def presign_upload(self, key: str, policy: UploadPolicy, expires_in: int) -> PresignedRequest:
        return super().presign_upload(key, replace(policy, options=replace(policy.options, metadata={})), expires_in)


class OverwritesOnTheWay(ServedBackend):
    def presign_upload(self, key: str, policy: UploadPolicy, expires_in: int) -> PresignedRequest:
        return super().presign_upload(key, replace(policy, options=replace(policy.options, overwrite=True)), expires_in)


class NeverOverwritesOnTheWay(ServedBackend):
    def presign_upload(self, key: str, policy: UploadPolicy, expires_in: int) -> PresignedRequest:
        kept = replace(policy, options=replace(policy.options, overwrite=False))
        return super().presign_upload(key, kept, expires_in)


class TellsNaiveEnds(ServedBackend):
    def presign_upload(self, key: str, policy: UploadPolicy, expires_in: int) -> PresignedRequest:
        request = super().presign_upload(key, policy, expires_in)
        assert request.expires_at is not None
        return replace(request, expires_at=request.expires_at.replace(tzinfo=None))


class RefusesTheGreatestLength(ServedBackend):
    def verify_length(self, content: bytes, least: int, most: int) -> None:
        super().verify_length(content, least, most - 1)


class MeasuresNothing(ServedBackend):
    def verify_length(self, content: bytes, least: int, most: int) -> None: ...


class MeasuresOnlyTheMost(ServedBackend):
    def verify_length(self, content: bytes, least: int, most: int) -> None:
        super().verify_length(content, 0, most)


class ChecksNoFields(ServedBackend):
    def verify_fields(self, fields: Mapping[str, str], demanded: Mapping[str, str]) -> None: ...


class ChecksItsOwnFields(ServedBackend):
    def verify_fields(self, fields: Mapping[str, str], demanded: Mapping[str, str]) -> None:
        super().verify_fields({name: value for name, value in fields.items() if name in demanded}, demanded)


class TellsNoEtagOfAPart(ServedBackend):
    def store_part(self, request: Request) -> Response:
        super().store_part(request)
        return Response(200)


class StoresPartsAsFiles(ServedBackend):
    def store_part(self, request: Request) -> Response:
        self.save(request.key, io.BytesIO(request.body), SaveOptions())
        return super().store_part(request)


#: Each with the checks that have to notice it.
_NOTICED: dict[type[ServedBackend], tuple[str, ...]] = {
    WorksOnce: ("signed_urls_read",),
    UnquotesTwice: ("signed_urls_read_hard_keys",),
    ReadsPlusAsSpace: ("signed_urls_read_hard_keys",),
    AnswersWithTheStoredType: ("signed_urls_answer_as_asked",),
    AnswersWithoutDisposition: ("signed_urls_answer_as_asked",),
    AlwaysAttaches: ("signed_urls_answer_as_asked",),
    BendsBounds: ("signed_urls_have_bounds", "presigned_requests_have_bounds", "presigned_parts_have_bounds"),
    TakesAnyPresignedNumber: ("presigned_parts_have_bounds",),
    SignsFilesOnly: ("signed_urls_need_no_file",),
    ReadsMissingFilesAsEmpty: ("signed_urls_need_no_file",),
    SignsNoKey: ("signed_urls_are_of_one_key", "direct_puts_are_of_one_key"),
    SignsNoMethod: ("signed_urls_only_read", "signed_urls_are_of_one_method"),
    SignsNoQuery: (
        *("signed_urls_cannot_be_changed", "presigned_parts_are_of_one_number", "presigned_parts_are_of_one_upload"),
    ),
    SignsNoLength: ("direct_puts_have_one_length", "presigned_parts_hold_to_their_length"),
    SignsNoType: ("direct_puts_have_one_type",),
    SignsNoCondition: ("direct_puts_need_their_headers",),
    ChecksNoSignature: (
        *("signed_urls_cannot_be_changed", "direct_puts_cannot_be_changed"),
        *("forms_cannot_be_changed", "presigned_parts_cannot_be_changed"),
    ),
    NeverExpires: (
        "signed_urls_expire",
        "signed_urls_live_from_their_moment",
        "direct_puts_expire",
        "forms_expire",
        "presigned_parts_expire",
    ),
    StoresWhenPresigning: ("direct_puts_store_the_file", "forms_store_the_file"),
    LosesTheLastByteOnTheWay: ("direct_puts_store_the_file", "presigned_parts_make_the_file"),
    DropsMetadataOnTheWay: ("direct_puts_store_the_attributes", "forms_store_the_attributes"),
    OverwritesOnTheWay: ("direct_puts_never_overwrite_unasked", "forms_never_overwrite_unasked"),
    NeverOverwritesOnTheWay: ("direct_puts_overwrite_when_asked",),
    TellsNaiveEnds: ("presigned_requests_have_bounds",),
    RefusesTheGreatestLength: ("forms_store_the_file",),
    MeasuresNothing: ("forms_refuse_other_lengths",),
    MeasuresOnlyTheMost: ("forms_refuse_other_lengths",),
    ChecksNoFields: ("forms_are_of_one_key", "forms_have_one_type", "forms_refuse_more_fields"),
    ChecksItsOwnFields: ("forms_refuse_more_fields",),
    TellsNoEtagOfAPart: ("presigned_parts_make_the_file",),
    StoresPartsAsFiles: ("presigned_parts_make_the_file",),
}
BROKEN = [(backend, check) for backend, checks in _NOTICED.items() for check in checks]
