"""ZIP archives whose content is judged by their directories."""

from __future__ import annotations

import io
import stat
import struct
import sys
import zipfile
import zlib
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.validators.apart import code_of, judge, judge_apart
from tests.validators.zips import (
    central,
    deflated,
    directory_of,
    end_of,
    handmade,
    info_of,
    large_form,
    local,
    noise,
    quoted_files,
    same_bytes_many_times,
    streamed,
    with_large_end,
    zipped,
)
from uploadkit import UploadNotAllowed, judging
from uploadkit.validators.archives import Archive

_EASY = Archive(nested=True, encrypted=True)


_HONEST = {
    "empty": zipped(),
    "stored": zipped(("a.txt", b"hello"), ("folder/", b""), ("folder/b", b""), method=zipfile.ZIP_STORED),
    "deflated": zipped(("a.txt", b"hello" * 999), ("b/c.txt", noise(9999)), ("b/..c", b"x"), ("d..", b"y")),
    "in other letters": zipped(("füße/日本語.txt", b"x")),
    "streamed": streamed(),
    "with large fields": large_form(),
    "a document": zipped(("[Content_Types].xml", b"<Types/>" * 99), ("word/embeddings/table.xlsx", noise(300))),
    "with a mode": zipped((info_of("run.sh", stat.S_IFREG | 0o755), b"x"), (info_of("d/", stat.S_IFDIR | 0o755), b"")),
    "with a comment": handmade((b"a", deflated(b"x"), 1))[:-2] + b"\5\0hello",
}


@pytest.mark.parametrize("data", _HONEST.values(), ids=_HONEST)
def test_honest_archives_pass(data):
    assert code_of(Archive(), "a.zip", data) is None


@pytest.mark.parametrize("kind", sorted(_HONEST.keys() - {"with a comment"}))
def test_honest_archives_pass_when_their_content_is_verified(kind):
    assert code_of(Archive(verify=True), "a.docx", _HONEST[kind]) is None


@pytest.mark.parametrize("name", ["a.txt", "a.tar", "a", "zip"])
def test_files_of_other_extensions_pass(name):
    assert code_of(Archive(), name, b"hello") is None


def test_the_extensions_can_be_chosen():
    assert code_of(Archive(extensions=("BIN", ".pack")), "a.bin", b"hello") == "archive_broken"
    assert code_of(Archive(extensions=("BIN", ".pack")), "a.pack", b"hello") == "archive_broken"
    assert code_of(Archive(extensions=("BIN", ".pack")), "a.zip", b"hello") is None


def test_no_more_files_than_the_limit_pass():
    data = zipped(*((f"{number}", b"") for number in range(11)))
    assert code_of(Archive(max_files=11), "a.zip", data) is None
    refusal = judge(Archive(max_files=10), "a.zip", data)
    assert refusal is not None
    assert (refusal.code, "at most 10 " in refusal.reason) == ("archive_files", True)


def test_a_total_above_the_limit_is_refused():
    data = zipped(("a", noise(600)), ("b", noise(500)))
    assert code_of(Archive(max_total=1100), "a.zip", data) is None
    assert code_of(Archive(max_total="1 kB"), "a.zip", data) == "archive_total"
    assert (
        code_of(Archive(max_ratio=1100), "a.zip", handmade(*[(b"%d" % n, bytes(1000), 1_000_000) for n in range(990)]))
        is None
    )
    assert code_of(Archive(max_ratio=2000), "a.zip", handmade((b"a", bytes(2**20), 2**30))) == "archive_total"


def test_content_that_was_packed_too_well_is_refused_unless_it_is_small():
    assert code_of(Archive(), "a.zip", zipped(("a", bytes(900_000)))) is None
    assert code_of(Archive(), "a.zip", zipped(("a", bytes(2_000_000)))) == "archive_ratio"
    assert code_of(Archive(max_ratio=1032), "a.zip", zipped(("a", bytes(2_000_000)))) is None


@pytest.mark.parametrize(
    "name",
    [
        "/etc/passwd",
        "../a",
        "a/../../b",
        "a/..",
        "..",
        "C:/a",
        "c:a",
        "a\\b",
        "\\\\server\\a",
        "a\nb",
        "a\0.txt",
        "\x7f",
        "",
    ],
)
def test_names_that_lead_elsewhere_are_refused(name):
    raw = name.encode()
    assert code_of(_EASY, "a.zip", handmade((b"good", b"\3\0", 0), (raw, b"\3\0", 0))) == "archive_names"


def test_the_other_name_of_a_file_is_judged_as_well():
    info = info_of("good.txt")
    info.extra = struct.pack("<HHBL", 0x7075, 5 + 4, 1, 0) + b"../b"
    assert code_of(Archive(), "a.zip", zipped((info, b"x"))) == "archive_names"


def test_names_can_be_judged_by_the_app():
    validator = Archive(names=lambda name: name.endswith((".txt", "/")))
    assert code_of(validator, "a.zip", zipped(("a.txt", b""), ("b/", b""))) is None
    assert code_of(validator, "a.zip", zipped(("a.exe", b""))) == "archive_names"


def test_two_files_of_one_name_are_refused():
    data = handmade((b"a", deflated(b"x"), 1), (b"a", deflated(b"y"), 1))
    assert code_of(Archive(), "a.zip", data) == "archive_names"


@pytest.mark.parametrize("kind", [stat.S_IFLNK, stat.S_IFIFO, stat.S_IFCHR, stat.S_IFBLK, stat.S_IFSOCK])
def test_links_and_devices_are_refused(kind):
    assert code_of(Archive(), "a.zip", zipped((info_of("link", kind | 0o777), b"/etc/passwd"))) == "archive_links"


@pytest.mark.parametrize("name", ["b.zip", "b.TAR", "c/b.7z", "b.tar.gz", "b.rar", "b.jar"])
def test_archives_in_archives_are_refused_unless_they_are_asked_for(name):
    data = zipped((name, zipped()))
    assert code_of(Archive(), "a.zip", data) == "archive_nested"
    assert code_of(Archive(nested=True), "a.zip", data) is None


def test_content_behind_a_password_is_refused_unless_it_is_asked_for():
    data = bytearray(handmade((b"a", noise(30), 18)))
    data[6] |= 1
    data[data.find(b"PK\1\2") + 8] |= 1
    assert code_of(Archive(), "a.zip", bytes(data)) == "archive_encrypted"
    assert code_of(Archive(encrypted=True, verify=True), "a.zip", bytes(data)) is None


def test_only_sizes_that_are_true_pass_when_content_is_verified():
    packed = deflated(bytes(5000))
    for size in (1, 4999, 5001):
        lie = handmade((b"a", packed, size))
        assert code_of(Archive(), "a.zip", lie) is None
        assert code_of(Archive(verify=True), "a.zip", lie) == "archive_broken"
    for content in (b"", b"\xff" * 9, packed[:-1], packed + b"x"):
        assert code_of(Archive(verify=True), "a.zip", handmade((b"a", content, 5))) == "archive_broken"


def test_unusual_compression_passes_unless_content_is_verified():
    data = zipped(("a", noise(99)), method=zipfile.ZIP_BZIP2)
    assert code_of(Archive(), "a.zip", data) is None
    assert code_of(Archive(verify=True), "a.zip", data) == "archive_method"


def _with(data: bytes, sign: bytes, offset: int, value: bytes) -> bytes:
    at = data.find(sign) + offset
    return data[:at] + value + data[at + len(value) :]


_ONE = zipped(("name", b"hello"))
_BROKEN = {
    "no archive": b"hello",
    "nothing": b"",
    "bytes before it": b"x" + _ONE,
    "bytes after it": _ONE + b"x",
    "a cut end": _ONE[:-1],
    "two ends": _ONE[:-2] + b"\x16\0" + end_of(0, 0, 0),
    "a local name of its own": _ONE.replace(b"name", b"nome", 1),
    "a local size of its own": _with(_ONE, b"PK\3\4", 22, b"\6"),
    "a local method of its own": _with(_ONE, b"PK\3\4", 8, b"\0"),
    "no local header": _with(_ONE, b"PK\3\4", 0, b"PK\3\5"),
    "a header out of reach": _with(_ONE, b"PK\1\2", 42, b"\xff\xff\xff\x7f"),
    "a name out of reach": _with(_ONE, b"PK\1\2", 28, b"\xff\xff"),
    "a second disk": _with(_ONE, b"PK\1\2", 34, b"\1"),
    "a masked directory": _with(_ONE, b"PK\1\2", 9, b"\x20"),
    "more files than it says": _with(_with(_ONE, b"PK\5\6", 8, b"\0"), b"PK\5\6", 10, b"\0"),
    "fewer files than it says": _with(_with(_ONE, b"PK\5\6", 8, b"\2"), b"PK\5\6", 10, b"\2"),
    "a stored file of another size": zipped(("a", b"x"), method=0).replace(b"\1\0\0\0" * 2, b"\1\0\0\0\2\0\0\0"),
    "more than deflate can do": handmade((b"a", bytes(10), 20_000)),
}  # fmt: skip


@pytest.mark.parametrize("data", _BROKEN.values(), ids=_BROKEN)
def test_archives_that_are_broken_or_contradict_themselves_are_refused(data):
    assert code_of(_EASY, "a.zip", data) == "archive_broken"


def test_the_large_form_of_an_end_is_read_and_must_agree_with_the_small_one():
    large = with_large_end(handmade((b"a", deflated(b"x"), 1)))
    assert code_of(Archive(), "a.zip", large) is None
    assert code_of(Archive(max_files=1), "a.zip", _with(large, b"PK\6\6", 24, b"\2\0\0\0\0\0\0\0\2")) == "archive_files"
    for sign, offset, value in (
        (b"PK\6\6", 0, b"x"),
        (b"PK\6\6", 4, b"\1"),
        (b"PK\6\7", 4, b"\1"),
        (b"PK\5\6", 8, b"\2\0"),
    ):
        assert code_of(Archive(), "a.zip", _with(large, sign, offset, value)) == "archive_broken"


@pytest.mark.parametrize("options", [{"max_files": 0}, {"max_ratio": -1}, {"max_total": "much"}])
def test_limits_that_mean_nothing_are_refused_where_they_are_written(options):
    with pytest.raises(ValueError, match="above zero"):
        Archive(**options)


_BOMBS = {
    "archives in an archive": (zipped(*((f"{n}.zip", zipped(("a", noise(99)))) for n in range(9))), "archive_nested"),
    "one file many times": (same_bytes_many_times(), "archive_ratio"),
    "files that quote each other": (quoted_files(200), "archive_ratio"),
    "a gigabyte of zeros": (handmade((b"a", bytes(1_100_000), 1_000_000_000)), "archive_ratio"),
    "a million files": (directory_of(1_000_000, 65_535), "archive_files"),
    "a million files that are called ten": (directory_of(1_000_000, 10), "archive_broken"),
}  # fmt: skip


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="memory cannot be measured there")
@pytest.mark.parametrize("verify", [False, True])
@pytest.mark.parametrize("kind", _BOMBS)
def test_bombs_are_refused_in_little_time_and_memory(kind, verify, tmp_path):
    data, code = _BOMBS[kind]
    path: Path = tmp_path / "a.zip"
    path.write_bytes(data)
    verdict = judge_apart("archives", "Archive", path, f"verify={verify}")
    assert verdict.code == code
    assert verdict.seconds < 0.5
    assert verdict.memory < 20_000_000


def test_files_that_share_their_bytes_are_refused_whatever_they_unpack_to():
    easy, quoted = Archive(max_total="1 TB", max_ratio=10**9, nested=True), quoted_files(20)
    assert len(zlib.decompressobj(-15).decompress(quoted[34:])) == 200_646
    assert code_of(easy, "a.zip", quoted) == "archive_broken"
    shared = local(b"a", deflated(b"x"), 1) + central(b"a", 0, 3, 1)
    assert code_of(easy, "a.zip", shared + end_of(1, len(shared), 0)) == "archive_broken"


@pytest.mark.slow
def test_a_lie_about_a_huge_content_is_found_before_it_is_unpacked(tmp_path):
    path: Path = tmp_path / "a.zip"
    path.write_bytes(handmade((b"a", deflated(bytes(300_000_000)), 1000)))
    verdict = judge_apart("archives", "Archive", path, "verify=True")
    assert verdict.code == "archive_broken"
    assert verdict.seconds < 0.5
    assert verdict.memory < 20_000_000


@given(st.binary(max_size=300), st.sampled_from((b"", end_of(1, 46, 0), end_of(0, 0, 0), _ONE[-70:])))
def test_any_bytes_pass_or_are_refused(data, end):
    judge(Archive(verify=True), "a.zip", data + end)


@settings(max_examples=300)
@given(st.sampled_from(sorted(_HONEST)), st.lists(st.tuples(st.integers(0, 2000), st.binary(max_size=4)), max_size=6))
def test_honest_archives_with_some_bytes_changed_pass_or_are_refused(kind, changes):
    data = _HONEST[kind]
    for at, new in changes:
        at %= len(data) + 1  # noqa: PLW2901
        data = data[:at] + new + data[at + len(new) :]
    judge(Archive(verify=True, nested=True, encrypted=True), "a.zip", data)


@pytest.mark.parametrize("offset", [10**6, 2**40, 2**62, 2**63 - 1, 2**63, 2**64 - 1])
@pytest.mark.parametrize("in_memory", [True, False])
def test_an_offset_that_no_file_reaches_is_a_refusal(offset, in_memory, tmp_path):
    name, data = b"a.txt", b"hello"
    extra = struct.pack("<HHQ", 1, 8, offset)
    local_head = struct.pack("<4s5H3L2H", b"PK\3\4", 45, 0, 0, 0, 33, zlib.crc32(data), 5, 5, 5, 0) + name
    lengths = (len(name), len(extra), 0, 0, 0, 0, 0xFFFFFFFF)
    entry = struct.pack("<4s6H3L5H2L", b"PK\1\2", 45, 45, 0, 0, 0, 33, zlib.crc32(data), 5, 5, *lengths) + name + extra
    start = len(local_head + data)
    content = local_head + data + entry + struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, 1, 1, len(entry), start, 0)
    path: Path = tmp_path / "a.zip"
    path.write_bytes(content)
    with io.BytesIO(content) if in_memory else path.open("rb") as stream, pytest.raises(UploadNotAllowed) as refused:
        judging.judge([Archive()], "a.zip", stream)
    assert refused.value.code == "archive_broken"
