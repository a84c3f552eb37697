"""A small S3 in memory that writes down every request and can be told to behave badly; `s3_sink` serves it."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timezone
from email.utils import format_datetime
from urllib.parse import quote, unquote
from xml.etree import ElementTree as ET
from xml.sax.saxutils import escape

#: What a HEAD or GET tells again of what was sent.
_KEPT = ("content-type", "cache-control", "content-disposition", "x-amz-meta-", "x-amz-checksum-")
_OPERATIONS = {
    ("PUT", "partNumber"): "UploadPart",
    ("PUT", ""): "PutObject",
    ("GET", "uploadId"): "ListParts",
    ("GET", "uploads"): "ListMultipartUploads",
    ("GET", "list-type"): "ListObjectsV2",
    ("GET", ""): "GetObject",
    ("HEAD", ""): "HeadObject",
    ("DELETE", "uploadId"): "AbortMultipartUpload",
    ("DELETE", ""): "DeleteObject",
    ("POST", "uploads"): "CreateMultipartUpload",
    ("POST", "uploadId"): "CompleteMultipartUpload",
    ("POST", "delete"): "DeleteObjects",
}


@dataclass(frozen=True)
class Seen:
    """A request: header names are in lower case, key and query are unquoted."""

    method: str
    bucket: str
    key: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes

    @property
    def operation(self) -> str:
        marks = (mark for method, mark in _OPERATIONS if method == self.method and mark in self.query)
        name = _OPERATIONS[self.method, next(marks, "")]
        return name.replace("Put", "Copy").replace("UploadPart", "UploadPartCopy") if self._copies else name

    @property
    def _copies(self) -> bool:
        return "x-amz-copy-source" in self.headers


@dataclass(frozen=True)
class Reply:
    """An answer; ``cut`` is after how many bytes of the body the connection ends, ``silent`` that nothing comes."""

    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    cut: int | None = None
    silent: bool = False


@dataclass
class Stored:
    content: bytes
    headers: dict[str, str] = field(default_factory=dict)
    modified: datetime = field(default_factory=lambda: datetime.now(timezone.utc))
    etag: str = ""

    def __post_init__(self) -> None:
        self.etag = self.etag or hashlib.md5(self.content, usedforsecurity=False).hexdigest()


@dataclass
class Upload:
    key: str
    headers: dict[str, str]
    begun: datetime
    parts: dict[int, bytes] = field(default_factory=dict)


def error(status: int, code: str) -> Reply:
    return Reply(status, f"<Error><Code>{code}</Code><Message>told to</Message></Error>".encode())


class Store:
    """The store. ``conditions`` says of an operation "ignore" or "refuse", else it keeps If-None-Match and If-Match.

    ``hook`` sees each request first; what it returns is the answer, None lets the store answer.
    """

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.reset()

    def reset(self) -> None:
        self.requests: list[Seen] = []
        self.objects: dict[str, Stored] = {}
        self.uploads: dict[str, Upload] = {}
        self.conditions: dict[str, str] = {}
        self.ranges = True
        self.page_size = 1000
        self.hook: Callable[[Seen], Reply | None] = lambda seen: None
        self._numbers = iter(range(1, 10**6))

    def of(self, *operations: str) -> list[Seen]:
        return [seen for seen in list(self.requests) if seen.operation in operations]

    @property
    def operations(self) -> list[str]:
        return [seen.operation for seen in list(self.requests)]

    @property
    def visible(self) -> list[str]:
        return sorted(self.objects)

    def answer(self, seen: Seen) -> Reply:
        with self.lock:
            self.requests.append(seen)
        found = self.hook(seen)
        if found is not None:
            return found
        with self.lock:
            refused = self._refused(seen)
            reply: Reply = refused or getattr(self, f"_{seen.operation}")(seen)
            return reply

    def _refused(self, seen: Seen) -> Reply | None:
        behaviour = self.conditions.get(seen.operation, "keep")
        there = self.objects.get(seen.key)
        none_match, match = seen.headers.get("if-none-match"), seen.headers.get("if-match")
        if behaviour == "ignore" or seen.method in ("GET", "HEAD"):
            return None
        if behaviour == "refuse" and (none_match or match):
            return error(501, "NotImplemented")
        if (none_match == "*" and there) or (match and there and match.strip('"') != there.etag):
            return error(412, "PreconditionFailed")
        return error(404, "NoSuchKey") if match and not there else None

    def _PutObject(self, seen: Seen) -> Reply:
        self.objects[seen.key] = stored = Stored(seen.body, _kept(seen))
        return Reply(headers={"ETag": f'"{stored.etag}"'})

    def _CopyObject(self, seen: Seen) -> Reply:
        source = self._source(seen)
        if isinstance(source, Reply):
            return source
        self.objects[seen.key] = stored = Stored(source.content, _kept(seen))
        return Reply(body=f"<CopyObjectResult><ETag>&quot;{stored.etag}&quot;</ETag></CopyObjectResult>".encode())

    def _source(self, seen: Seen) -> Stored | Reply:
        source = self.objects.get(unquote(seen.headers["x-amz-copy-source"]).partition("/")[2])
        if source is None:
            return error(404, "NoSuchKey")
        match = seen.headers.get("x-amz-copy-source-if-match", source.etag).strip('"')
        return source if match == source.etag else error(412, "PreconditionFailed")

    def _GetObject(self, seen: Seen) -> Reply:
        stored = self.objects.get(seen.key)
        if stored is None:
            return error(404, "NoSuchKey")
        asked = seen.headers.get("range")
        headers = self._told(seen, stored)
        if asked is None or not self.ranges:
            return Reply(200, stored.content, headers)
        start, _, last = asked.removeprefix("bytes=").partition("-")
        if int(start) >= len(stored.content):
            return error(416, "InvalidRange")
        piece = stored.content[int(start) : int(last) + 1 if last else None]
        headers["Content-Range"] = f"bytes {start}-{int(start) + len(piece) - 1}/{len(stored.content)}"
        return Reply(206, piece, headers)

    def _HeadObject(self, seen: Seen) -> Reply:
        stored = self.objects.get(seen.key)
        if stored is None:
            return Reply(404)
        return Reply(headers={**self._told(seen, stored), "Content-Length": str(len(stored.content))})

    def _told(self, seen: Seen, stored: Stored) -> dict[str, str]:
        told = {"ETag": f'"{stored.etag}"', "Last-Modified": format_datetime(stored.modified, usegmt=True)}
        with_checksum = "x-amz-checksum-mode" in seen.headers and ("range" not in seen.headers or not self.ranges)
        kept = {n: v for n, v in stored.headers.items() if with_checksum or not n.startswith("x-amz-checksum")}
        return {"content-type": "binary/octet-stream", **kept, **told}

    def _DeleteObject(self, seen: Seen) -> Reply:
        self.objects.pop(seen.key, None)
        return Reply(204)

    def _DeleteObjects(self, seen: Seen) -> Reply:
        for found in ET.fromstring(seen.body).iter():
            if found.tag.endswith("Key"):
                self.objects.pop(found.text or "", None)
        return Reply(body=b"<DeleteResult/>")

    def _ListObjectsV2(self, seen: Seen) -> Reply:
        after = seen.query.get("continuation-token", "")
        names = [n for n in sorted(self.objects) if n.startswith(seen.query.get("prefix", "")) and n > after]
        page, more = names[: self.page_size], len(names) > self.page_size
        rows = [_row(name, self.objects[name]) for name in page]
        token = f"<NextContinuationToken>{escape(page[-1])}</NextContinuationToken>" if more else ""
        body = f"<ListBucketResult><IsTruncated>{str(more).lower()}</IsTruncated>{token}{''.join(rows)}"
        return Reply(body=f"{body}<EncodingType>url</EncodingType></ListBucketResult>".encode())

    def _CreateMultipartUpload(self, seen: Seen) -> Reply:
        upload_id = f"upload-{next(self._numbers)}"
        self.uploads[upload_id] = Upload(seen.key, _kept(seen), datetime.now(timezone.utc))
        body = f"<InitiateMultipartUploadResult><UploadId>{upload_id}</UploadId></InitiateMultipartUploadResult>"
        return Reply(body=body.encode())

    def _UploadPart(self, seen: Seen) -> Reply:
        upload = self.uploads.get(seen.query["uploadId"])
        if upload is None:
            return error(404, "NoSuchUpload")
        upload.parts[int(seen.query["partNumber"])] = seen.body
        return Reply(headers={"ETag": f'"{hashlib.md5(seen.body, usedforsecurity=False).hexdigest()}"'})

    def _UploadPartCopy(self, seen: Seen) -> Reply:
        source, upload = self._source(seen), self.uploads[seen.query["uploadId"]]
        if isinstance(source, Reply):
            return source
        start, _, last = seen.headers.get("x-amz-copy-source-range", "bytes=0-").removeprefix("bytes=").partition("-")
        upload.parts[int(seen.query["partNumber"])] = source.content[int(start) : int(last) + 1 if last else None]
        return Reply(body=b"<CopyPartResult><ETag>&quot;copied&quot;</ETag></CopyPartResult>")

    def _CompleteMultipartUpload(self, seen: Seen) -> Reply:
        upload = self.uploads.pop(seen.query["uploadId"], None)
        if upload is None:
            return error(404, "NoSuchUpload")
        content = b"".join(upload.parts[number] for number in sorted(upload.parts))
        checksum = {n: v for n, v in _kept(seen).items() if n.startswith("x-amz-checksum")}
        etag = f"{hashlib.md5(content, usedforsecurity=False).hexdigest()}-{len(upload.parts)}"
        kept = {name: value for name, value in upload.headers.items() if not name.startswith("x-amz-checksum")}
        self.objects[seen.key] = Stored(content, {**kept, **checksum}, etag=etag)
        body = f"<CompleteMultipartUploadResult><ETag>&quot;{etag}&quot;</ETag>"
        if "x-amz-checksum-crc32" in checksum:
            body += f"<ChecksumCRC32>{checksum['x-amz-checksum-crc32']}</ChecksumCRC32>"
        return Reply(body=f"{body}</CompleteMultipartUploadResult>".encode())

    def _AbortMultipartUpload(self, seen: Seen) -> Reply:
        return Reply(204) if self.uploads.pop(seen.query["uploadId"], None) else error(404, "NoSuchUpload")

    def _ListParts(self, seen: Seen) -> Reply:
        upload = self.uploads.get(seen.query["uploadId"])
        if upload is None:
            return error(404, "NoSuchUpload")
        after = int(seen.query.get("part-number-marker") or 0)
        numbers = [number for number in sorted(upload.parts) if number > after]
        page, more = numbers[: self.page_size], len(numbers) > self.page_size
        rows = [f"<Part><PartNumber>{n}</PartNumber>{_size_and_etag(Stored(upload.parts[n]))}</Part>" for n in page]
        marker = f"<NextPartNumberMarker>{page[-1] if page else 0}</NextPartNumberMarker>"
        body = f"<ListPartsResult><IsTruncated>{str(more).lower()}</IsTruncated>{marker}{''.join(rows)}"
        return Reply(body=f"{body}</ListPartsResult>".encode())

    def _ListMultipartUploads(self, seen: Seen) -> Reply:
        after = seen.query.get("upload-id-marker", "")
        found = [(i, u) for i, u in sorted(self.uploads.items()) if u.key.startswith(seen.query.get("prefix", ""))]
        found = [(upload_id, upload) for upload_id, upload in found if upload_id > after]
        page, more = found[: self.page_size], len(found) > self.page_size
        rows = [
            f"<Upload><Key>{u.key}</Key><UploadId>{i}</UploadId><Initiated>{u.begun.isoformat()}</Initiated></Upload>"
            for i, u in page
        ]
        marker = f"<NextKeyMarker>{page[-1][1].key}</NextKeyMarker>" if more else ""
        marker += f"<NextUploadIdMarker>{page[-1][0]}</NextUploadIdMarker>" if more else ""
        body = f"<ListMultipartUploadsResult><IsTruncated>{str(more).lower()}</IsTruncated>{marker}{''.join(rows)}"
        return Reply(body=f"{body}</ListMultipartUploadsResult>".encode())


def _kept(seen: Seen) -> dict[str, str]:
    return {name: value for name, value in seen.headers.items() if name.startswith(_KEPT)}


def _size_and_etag(stored: Stored) -> str:
    modified = stored.modified.strftime("%Y-%m-%dT%H:%M:%S.000Z")
    etag = f"<ETag>&quot;{stored.etag}&quot;</ETag>"
    return f"<Size>{len(stored.content)}</Size>{etag}<LastModified>{modified}</LastModified>"


def _row(name: str, stored: Stored) -> str:
    return f"<Contents><Key>{quote(name)}</Key>{_size_and_etag(stored)}</Contents>"
