"""A validator for ZIP archives, and for the documents that are ZIP archives inside."""

from __future__ import annotations

import re
import stat
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import BinaryIO

from ..candidate import Candidate
from ..exceptions import UploadNotAllowed
from ..filetypes import ARCHIVES
from ..sizes import parse_size, readable_size
from .zipdirectory import DEFLATED, STORED, BrokenZipError, Entry, Layout, check_content, read_entries, read_layout

#: Files that are ZIP archives.
ZIPPED = (
    *("zip", "jar", "epub", "kmz", "cbz"),
    *("docx", "xlsx", "pptx", "dotx", "xltx", "potx", "ppsx", "vsdx", "docm", "xlsm", "pptm"),
    *("odt", "ods", "odp", "odg", "odf", "ott", "ots", "otp", "otg"),
)
_NESTED = frozenset((*ARCHIVES, "jar", "rar", "xz", "zst", "lz4", "lzma", "cab", "iso", "arj", "ace", "tbz2", "z"))
#: What unpacks to less than this is harmless, however well it was compressed.
_HARMLESS = 1_000_000
#: Deflate cannot do better.
_DEFLATE_LIMIT = 1032
_BAD_NAME = re.compile(r"/|[A-Za-z]:|.*[\\\x00-\x1f\x7f]|(.*/)?\.\.(/|$)", re.DOTALL)
_ENCRYPTED = 0x0001 | 0x0040 | 0x2000


@dataclass(frozen=True)
class Archive:
    """Refuse ZIP archives that are dangerous to unpack.

    It judges files whose extension is listed; others pass. It reads the directory at the end of an archive, and the
    header before each file in it; what tools could read in two ways is refused. Archives of other kinds (tar, gz, 7z,
    rar) and archives within archives cannot be judged; the latter are refused unless ``nested`` is true.

    The sizes in a directory can be lies. Unpack with a tool that stops at them, as Python's ``zipfile`` does, or set
    ``verify``.

    :param max_files: How many files and folders there may be.
    :param max_ratio: How many times larger than the archive its content may be. What unpacks to less than 1 MB passes.
    :param max_total: The greatest size of all the content: bytes, or text such as ``"1 GB"``.
    :param names: Called with the name of each file and folder; returns whether it is accepted.
    :param extensions: The extensions of the files to judge.
    :param encrypted: Whether content behind a password is accepted; it cannot be verified, nor scanned by anything.
    :param nested: Whether archives within the archive are accepted, by their extensions; documents always are.
    :param verify: Whether to inflate all content, which is thrown away, to see that the sizes are true. It takes about
        a second for 300 MB of content.
    :raises ValueError: if a limit is not above zero.
    """

    max_files: int = 1000
    max_ratio: int = 100
    max_total: int | str = "1 GB"
    names: Callable[[str], bool] | None = None
    extensions: tuple[str, ...] = ZIPPED
    encrypted: bool = False
    nested: bool = False
    verify: bool = False

    def __post_init__(self) -> None:
        parse_size(self.max_total)
        object.__setattr__(self, "extensions", tuple(ext.lower().removeprefix(".") for ext in self.extensions))
        for name in ("max_files", "max_ratio"):
            if getattr(self, name) <= 0:
                raise ValueError(f"{name}={getattr(self, name)!r} must be above zero.")

    def __call__(self, candidate: Candidate, /) -> None:
        """Judge an archive by its directory.

        :raises UploadNotAllowed: with the code ``"archive_broken"``, ``"archive_files"`` (too many),
            ``"archive_total"`` (too large), ``"archive_ratio"`` (packed too well), ``"archive_names"`` (a name that
            leads elsewhere, or comes twice), ``"archive_links"``, ``"archive_encrypted"``, ``"archive_nested"`` or
            ``"archive_method"``.
        """
        if candidate.extension not in self.extensions:
            return
        try:
            self._judge(candidate.stream)
        except BrokenZipError:
            raise UploadNotAllowed("The archive is broken, or of an unusual kind.", code="archive_broken") from None

    def _judge(self, stream: BinaryIO) -> None:
        layout = read_layout(stream)
        if layout.count > self.max_files:
            self._refuse_count()
        entries = read_entries(stream, layout, self.max_files)
        self._judge_total(entries, layout.length)
        seen: set[str] = set()
        for entry in entries:
            self._judge_entry(entry, seen)
        _judge_places(entries, layout)
        if self.verify:
            for entry in entries:
                _verify(stream, entry)

    def _refuse_count(self) -> None:
        raise UploadNotAllowed(
            f"The archive has too many files; at most {self.max_files:,} are allowed.",
            code="archive_files",
            params={"limit": f"{self.max_files:,}", "max_files": self.max_files},
        )

    def _judge_total(self, entries: list[Entry], length: int) -> None:
        limit, total = parse_size(self.max_total), sum(entry.size for entry in entries)
        if total > limit:
            readable = readable_size(limit)
            raise UploadNotAllowed(
                f"The content of the archive is too large; at most {readable} are allowed.",
                code="archive_total",
                params={"limit": readable, "max_total": limit},
            )
        if total > max(_HARMLESS, self.max_ratio * length):
            raise UploadNotAllowed("The archive unpacks to far more than its own size.", code="archive_ratio")

    def _judge_entry(self, entry: Entry, seen: set[str]) -> None:
        for name in entry.names:
            self._judge_name(name)
        if entry.names[0] in seen:
            raise UploadNotAllowed("The archive has two files of the same name.", code="archive_names")
        seen.add(entry.names[0])
        if stat.S_IFMT(entry.mode) not in (0, stat.S_IFREG, stat.S_IFDIR):
            raise UploadNotAllowed("The archive has links in it; they are not accepted.", code="archive_links")
        if entry.flags & _ENCRYPTED and not self.encrypted:
            raise UploadNotAllowed("The archive has a password; it is not accepted.", code="archive_encrypted")
        _judge_sizes(entry)

    def _judge_name(self, name: str) -> None:
        if not name or _BAD_NAME.match(name) or not (self.names is None or self.names(name)):
            raise UploadNotAllowed("A file in the archive has a name that is not accepted.", code="archive_names")
        if not self.nested and name.rpartition(".")[2].lower() in _NESTED:
            raise UploadNotAllowed("The archive has another archive in it; it is not accepted.", code="archive_nested")


def _judge_sizes(entry: Entry) -> None:
    """Refuse sizes that no compression could have led to."""
    plain = not entry.flags & _ENCRYPTED
    if plain and entry.method == STORED and entry.size != entry.packed:
        raise BrokenZipError
    if plain and entry.method == DEFLATED and entry.size > entry.packed * _DEFLATE_LIMIT:
        raise BrokenZipError


def _judge_places(entries: list[Entry], layout: Layout) -> None:
    """Refuse files that share their bytes with another, or with the directory."""
    places = sorted((entry.start, entry.end) for entry in entries)
    places.append((layout.start, layout.end))
    if any(before[1] > after[0] for before, after in pairwise(places)):
        raise BrokenZipError


def _verify(stream: BinaryIO, entry: Entry) -> None:
    if entry.flags & _ENCRYPTED:
        return
    if entry.method not in (STORED, DEFLATED):
        raise UploadNotAllowed("The archive is packed in an unusual way; it is not accepted.", code="archive_method")
    check_content(stream, entry)
