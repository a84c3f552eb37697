"""Names and keys: hard cases by hand, and what must hold for every text there is."""

from __future__ import annotations

import os.path
import re
import unicodedata
from typing import Any, Literal

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from uploadkit.exceptions import InvalidFilenameError, InvalidKeyError, UploadNotAllowed
from uploadkit.keys import check_key, is_hidden, join, segments, split
from uploadkit.names import clean_filename, clean_folder, presentable, random_word, shorten, with_suffix

Style = Literal["ascii", "unicode"]
STYLES: tuple[Style, ...] = ("ascii", "unicode")

#: Marks that change the direction of what follows.
BIDI = "\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
#: What takes no room, or only room, when it is shown: Default_Ignorable_Code_Point of the Unicode standard.
INVISIBLE = (
    "\u00ad\u034f\u115f\u1160\u17b4\u17b5\u180e\u200b\u200c\u200d\u2060\u2061\u2064\u3164\ufeff\uffa0"
    "\U000e0001\U000e0041"
)
DEVICE = re.compile(r"(con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³]|conin\$|conout\$)( *\.| *$)", re.IGNORECASE)

_PIECES = st.sampled_from(
    [
        *("a", "Z", "9", " ", ".", "..", "/", "\\", "-", "_", "~", ":", "%2e", "%00", "\x00", "\r\n", "\t"),
        *("\x7f", "\x85"),
        *(".jpg", ".JPG", ".tar.gz", ".İ", "CON", "nul", "com1", "LPT¹", "CONIN$", ".uploadkit", "C:", "é", "e\u0301"),
        *("日本", "кот", "😀", "👨\u200d👩\u200d👧", "❤\ufe0f", "ﬁ", "\uff0f", "\u2044", "\uff0e", "İ", "\u0327"),
        *("\u0301", "ß"),
        *("\u2028", "\u3000", "\u00a0", "\ud800", "\udfff", "\ue000", "\ufdd0", *BIDI, *INVISIBLE),
    ]
)
TEXTS = st.one_of(
    st.lists(_PIECES, max_size=12).map("".join),
    st.text(st.characters(), max_size=40),
    st.text(st.characters(categories=["Lu", "Mn", "Cf", "Po", "Nd"]), max_size=20),
    st.tuples(st.sampled_from(["a", "日", "é", "😀", "con.", "a."]), st.integers(1, 400)).map(
        lambda pair: pair[0] * pair[1]
    ),
)
ANY_STYLE = st.sampled_from(STYLES)


def cleaned(text: str, style: Style) -> str | None:
    """The clean name, or None where there is none; anything else that is raised fails the test."""
    try:
        return clean_filename(text, style)
    except InvalidFilenameError as error:
        refusal = error
    assert refusal.reason
    assert isinstance(refusal, UploadNotAllowed)
    assert isinstance(refusal, ValueError)
    return None


def assert_safe_segment(name: str) -> None:
    assert name
    assert "/" not in name
    assert "\\" not in name
    assert name not in (".", "..")
    assert not name.startswith((".", "-", " ", "_", "~"))
    assert not name.endswith((".", " "))
    assert len(name.encode()) <= 255
    assert not DEVICE.match(name)
    unsafe = [letter for letter in name if unicodedata.category(letter)[0] in "CZ" or letter in BIDI + INVISIBLE]
    assert unsafe == []
    assert not set(name) & set('<>:"|?*')
    assert unicodedata.normalize("NFC", name) == name
    assert check_key(name) == name


# By hand: names


@pytest.mark.parametrize(
    ("filename", "ascii_name", "unicode_name"),
    [
        ("photo.jpg", "photo.jpg", "photo.jpg"),
        ("PHOTO.JPG", "PHOTO.jpg", "PHOTO.jpg"),
        ("my pic.jpg", "my_pic.jpg", "my_pic.jpg"),
        ("my \t\n pic.jpg", "my_pic.jpg", "my_pic.jpg"),
        ("a.tar.GZ", "a.tar.gz", "a.tar.gz"),
        ("ünï.jpg", "uni.jpg", "ünï.jpg"),
        ("u\u0308ni\u0308.jpg", "uni.jpg", "ünï.jpg"),
        ("_n.jpg", "n.jpg", "n.jpg"),
        ("__init__.py", "init__.py", "init__.py"),
        ("-rf.jpg", "rf.jpg", "rf.jpg"),
        ("--help", "help", "help"),
        (".htaccess", "htaccess", "htaccess"),
        ("..jpg", "jpg", "jpg"),
        ("a..jpg", "a..jpg", "a..jpg"),
        ("a.jpg.", "a.jpg", "a.jpg"),
        ("a.jpg ", "a.jpg", "a.jpg"),
        ("a.jpg...", "a.jpg", "a.jpg"),
        (" a.jpg", "a.jpg", "a.jpg"),
        ("../../etc/passwd", "etc_passwd", "etc_passwd"),
        ("a/b.jpg", "a_b.jpg", "a_b.jpg"),
        ("/a.jpg", "a.jpg", "a.jpg"),
        ("a\\b.jpg", "a_b.jpg", "a_b.jpg"),
        ("a\x00.jpg", "a.jpg", "a.jpg"),
        ("a.p\x00hp", "a.php", "a.php"),
        ("a.p\u200bhp", "a.php", "a.php"),
        ("gpj\u202e.exe", "gpj.exe", "gpj.exe"),
        ('a"b<c>|d?*:.jpg', "abcd.jpg", "abcd.jpg"),
        ("a\r\nX: y.jpg", "a_X_y.jpg", "a_X_y.jpg"),
        ("a%2fb.jpg", "a2fb.jpg", "a2fb.jpg"),
        ("CON", "CON_", "CON_"),
        ("con.txt", "con_.txt", "con_.txt"),
        ("nul.tar.gz", "nul_.tar.gz", "nul_.tar.gz"),
        ("COM1.jpg", "COM1_.jpg", "COM1_.jpg"),
        ("lpt9", "lpt9_", "lpt9_"),
        ("console.txt", "console.txt", "console.txt"),
        ("com10.txt", "com10.txt", "com10.txt"),
        ("icon.png", "icon.png", "icon.png"),
        ("file.txt::$DATA", "file.txtdata", "file.txtdata"),
        ("a\ud800.jpg", "a.jpg", "a.jpg"),
        ("README", "README", "README"),
        ("9", "9", "9"),
    ],
)
def test_a_hard_name_becomes_the_one_that_is_documented(filename: str, ascii_name: str, unicode_name: str):
    assert clean_filename(filename, "ascii") == ascii_name
    assert clean_filename(filename, "unicode") == unicode_name
    assert clean_filename(filename) == clean_filename(filename, "ascii")
    for style in STYLES:
        assert_safe_segment(clean_filename(filename, style))


@pytest.mark.parametrize(
    "name", ["photo.jpg", "A-b_c.d.txt", "日本語.jpg", "кот.png", "ñandú.gif", "😀.jpg", "한국어.pdf", "ไทย.jpg"]
)
def test_an_ordinary_name_of_any_script_is_kept_in_the_unicode_manner(name: str):
    assert clean_filename(name, "unicode") == name


@pytest.mark.parametrize(
    "filename",
    [
        "日本語.jpg",
        "男孩.JPG",
        "😀.jpg",
        "кот.jpg",
        "+.jpg",
        "$$$.jpg",
        "___.jpg",
        "-.jpg",
        " .jpg",
        "—.jpg",
        "中文.jpg ",
    ],
)
def test_a_stem_without_ascii_letters_is_replaced_and_the_extension_kept(filename: str):
    names = {clean_filename(filename) for _ in range(20)}
    assert len(names) == 20
    assert all(re.fullmatch(r"[a-z0-9]{6,20}\.jpg", name) for name in names)


@pytest.mark.parametrize("filename", ["日本語", "😀", "кот", "€"])
def test_a_name_without_ascii_letters_or_extension_gets_a_short_word(filename: str):
    assert re.fullmatch(r"[a-z0-9]{6,20}", clean_filename(filename))


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize(
    "filename",
    [
        "",
        ".",
        "..",
        "...",
        "/",
        "//",
        "\\",
        "../",
        "../..",
        "_",
        "___",
        "-",
        " ",
        "\t",
        "\x00",
        "\u200b",
        "\u202e",
        "!?",
        "\ud800",
    ],
)
def test_a_name_of_which_nothing_is_left_is_refused_with_a_reason(filename: str, style: Style):
    with pytest.raises(InvalidFilenameError) as caught:
        clean_filename(filename, style)
    assert re.search(r"Filename must not be empty!|Invalid filename after sanitization", caught.value.reason)


@pytest.mark.parametrize("filename", [None, b"a.jpg", 5, 1.5, ["a.jpg"], object()])
def test_a_filename_that_is_no_text_is_refused_with_a_reason(filename: Any):
    with pytest.raises(InvalidFilenameError, match="Filename must"):
        clean_filename(filename)


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize(
    "device",
    [
        *("CON", "prn", "Aux", "NUL", "COM0", "COM1", "com9", "LPT0", "lpt1", "COM¹", "lpt²", "LPT³", "CONIN$"),
        *("conout$",),
        *("CON.jpg", "nul.tar.gz", "aux.", "CON .jpg", " CON", "CON .", "N\u200bUL.jpg", "-nul.jpg", "_con.jpg"),
        *(".con",),
    ],
)
def test_no_name_is_that_of_a_windows_device(device: str, style: Style):
    assert_safe_segment(clean_filename(device, style))
    for segment in segments(clean_folder(f"x/{device}/y", style)):
        assert_safe_segment(segment)


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("letter", [*BIDI, *INVISIBLE], ids=lambda letter: f"U+{ord(letter):04X}")
def test_marks_that_hide_or_turn_text_are_dropped(letter: str, style: Style):
    assert clean_filename(f"a{letter}b.jpg", style) == "ab.jpg"
    assert clean_filename(f"{letter}ab.jp{letter}g", style) == "ab.jpg"
    assert_safe_segment(clean_filename(f"{letter}.jpg", style))


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("letter", ["a", "é", "日", "😀", "e\u0301"])
@pytest.mark.parametrize("length", [200, 251, 252, 256, 300, 1000, 10_000])
def test_a_long_name_is_cut_at_255_bytes_and_keeps_its_extension(letter: str, length: int, style: Style):
    name = clean_filename("x" + letter * length + ".jpeg", style)
    assert_safe_segment(name)
    assert name.startswith("x")
    assert name.endswith(".jpeg")


def test_a_long_name_is_cut_between_a_letter_and_not_within_its_marks():
    # q with a dot below has no letter of its own: two code points stay two.
    name = clean_filename("q\u0323" * 200 + ".jpg", "unicode")
    assert name == "q\u0323" * 83 + ".jpg"


@pytest.mark.parametrize("style", STYLES)
def test_a_very_long_extension_is_cut_as_well(style: Style):
    assert_safe_segment(clean_filename("a." + "x" * 400, style))
    assert_safe_segment(clean_filename("a" * 400 + "." + "x" * 400, style))


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize(
    "filename",
    [
        "x.\u0130\u0327",
        "\u0130\u0327.\u0130\u0327",
        "x.\u0130\u0323",
        "x.\u00c5\u0323",
        "e\u200b\u0301.jpg",
        "a\u0327\u0301\u200d.J\u0301\u0323PG",
    ],
)
def test_cleaning_twice_is_cleaning_once_where_lower_case_and_normal_form_meet(filename: str, style: Style):
    once = clean_filename(filename, style)
    assert clean_filename(once, style) == once
    assert_safe_segment(once)


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("ext", ["PHP", "Php", "CON", "\u0130x"])
def test_an_extension_that_the_cut_lays_bare_is_made_lower_case_too(ext: str, style: Style):
    """``aaa….PHP.yyy…`` was once cut to ``aaa….PHP``, which no deny list has."""
    filename = "a" * (254 - len(ext.encode())) + f".{ext}." + "y" * 40
    name = clean_filename(filename, style)
    assert os.path.splitext(name)[1] == unicodedata.normalize("NFC", os.path.splitext(name)[1].lower())
    assert clean_filename(name, style) == name
    assert_safe_segment(name)


@pytest.mark.parametrize("filename", ["日本.jpg.", "日本.jpg..", "日本.jpg. ", "\u0301.jpg.", "...\u0301.jpg."])
def test_dots_at_the_end_do_not_hide_the_extension_of_a_name_without_a_stem(filename: str):
    for style in STYLES:
        name = clean_filename(filename, style)
        assert re.fullmatch(r"([a-z0-9]{6,20}|日本)\.jpg", name)
        assert clean_filename(name, style) == name


# For every text: names


@given(TEXTS, ANY_STYLE)
@example("..", "ascii")
@example("日本.jpg.", "ascii")
@example("CON." + "a" * 251, "unicode")
@settings(max_examples=600)
def test_any_text_becomes_one_safe_segment_or_is_refused(text: str, style: Style):
    name = cleaned(text, style)
    if name is not None:
        assert_safe_segment(name)
        if style == "ascii":
            assert name.isascii()


@given(TEXTS, ANY_STYLE)
@example("\u0301.jpg._", "unicode")
@example("\u0301.jpg.~", "unicode")
@settings(max_examples=600)
def test_cleaning_a_clean_name_changes_nothing(text: str, style: Style):
    name = cleaned(text, style)
    if name is not None:
        assert clean_filename(name, style) == name


@given(
    st.text(st.sampled_from("aZ.é-_ "), max_size=4),
    st.integers(240, 256),
    st.sampled_from([".PHP", "._CON", ".tar.GZ", ".\u0130", "é.", "\u0301", "日", ""]),
    st.integers(25, 40),
    ANY_STYLE,
)
@settings(max_examples=600)
def test_cleaning_a_clean_name_changes_nothing_where_it_was_cut(
    start: str, length: int, middle: str, rest: int, style: Style
):
    name = cleaned(f"{start}{'x' * length}{middle}.{'y' * rest}", style)
    assert name is not None
    assert clean_filename(name, style) == name
    assert_safe_segment(name)
    assert os.path.splitext(name)[1] == unicodedata.normalize("NFC", os.path.splitext(name)[1].lower())


@given(TEXTS, ANY_STYLE)
@settings(max_examples=300)
def test_an_extension_is_always_in_lower_case(text: str, style: Style):
    name = cleaned(text, style)
    if name is not None:
        ext = os.path.splitext(name)[1]
        assert ext == unicodedata.normalize("NFC", ext.lower())


@given(TEXTS, st.sampled_from(["jpg", "tar", "h", "x" * 20, "7z"]), ANY_STYLE)
@settings(max_examples=300)
def test_a_name_that_is_not_refused_keeps_its_extension(text: str, ext: str, style: Style):
    name = cleaned(f"{text}a.{ext.upper()}", style)
    assert name is not None
    assert name.endswith(f".{ext}")


@given(st.text(st.characters(categories=["Lu", "Ll", "Lo", "Nd"]), min_size=1, max_size=30), ANY_STYLE)
@settings(max_examples=300)
def test_a_name_of_letters_and_digits_of_any_script_is_never_refused(stem: str, style: Style):
    name = cleaned(f"{stem}.jpg", style)
    assert name is not None
    assert name.endswith(".jpg")


# By hand: folders


@pytest.mark.parametrize(
    ("folder", "expected"),
    [
        ("", ""),
        ("/", ""),
        ("..", ""),
        (".", ""),
        ("../..", ""),
        ("a", "a"),
        ("a/b/c", "a/b/c"),
        ("/a/", "a"),
        ("a//b", "a/b"),
        ("a/./b", "a/b"),
        ("a/../b", "a/b"),
        ("a\\b", "a/b"),
        ("..\\a", "a"),
        ("a b", "a_b"),
        ("a \t b", "a_b"),
        (" a ", "a"),
        ("_a", "a"),
        ("a_", "a"),
        (".a", "a"),
        ("a.", "a"),
        ("..a..", "a"),
        ("a-b", "a-b"),
        ("a_b", "a_b"),
        ("a.b", "a.b"),
        ("2024/05/31", "2024/05/31"),
        ("users/42/avatars", "users/42/avatars"),
    ],
)
@pytest.mark.parametrize("style", STYLES)
def test_a_folder_is_cleaned_segment_by_segment(folder: str, expected: str, style: Style):
    assert clean_folder(folder, style) == expected


@pytest.mark.parametrize("folder", ["日本", "é", "кот/собака", "😀"])
def test_a_folder_of_any_script_is_kept_in_the_unicode_manner(folder: str):
    assert clean_folder(folder, "unicode") == folder


DIFFERENT_FOLDERS = [
    ("a/b", "a_b"),
    ("a/b", "a b"),
    ("a/b", "ab"),
    ("é", "e"),
    ("è", "é"),
    ("日本", "中国"),
    ("日本", ""),
    ("日本", "日本語"),
    ("a", "a!"),
    ("a!", "a?"),
    ("a+b", "ab"),
    ("a:b", "a;b"),
    ("a", "-a"),
    ("-a", "--a"),
    ("a", "~a"),
    ("a\u200bb", "ab"),
    ("a\u202eb", "a\u202db"),
    ("ß", "ss"),
    ("ﬁ", "fi"),
    ("a\uff0fb", "a_b"),
    ("①", "1"),
    ("x" * 300, "x" * 301),
    ("x" * 255, "x" * 256),
    ("日" * 100, "日" * 101),
    ("con", "cons"),
    ("*", "?"),
    ("é/a", "e/a"),
    ("a/é", "a/e"),
    ("tenant-1", "tenant_1"),
    ("tenant.1", "tenant-1"),
    ("A", "a"),
    ("\ud800", "\ud801"),
    ("a\x00b", "ab"),
]


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize(("one", "other"), DIFFERENT_FOLDERS, ids=lambda folder: ascii(folder)[:20])
def test_two_folders_stay_two_folders(one: str, other: str, style: Style):
    assert clean_folder(one, style) != clean_folder(other, style)


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize(
    ("one", "other"), [("é", "e\u0301"), ("a b", "a  b"), ("a b", "a_b"), ("_a", "a"), ("Å", "\u212b")]
)
def test_two_ways_to_write_one_folder_are_one_folder(one: str, other: str, style: Style):
    assert clean_folder(one, style) == clean_folder(other, style)


def test_a_folder_is_the_same_each_time():
    assert len({clean_folder("日本/é", "ascii") for _ in range(5)}) == 1


# For every text: folders


@given(TEXTS, ANY_STYLE)
@example("con." + "a" * 251, "ascii")
@example("nul." + "日" * 83, "unicode")
@settings(max_examples=600)
def test_any_text_becomes_a_folder_of_safe_segments(text: str, style: Style):
    for segment in segments(clean_folder(text, style)):
        assert_safe_segment(segment)
        if style == "ascii":
            assert segment.isascii()


@given(TEXTS, ANY_STYLE)
@settings(max_examples=600)
def test_cleaning_a_clean_folder_changes_nothing(text: str, style: Style):
    folder = clean_folder(text, style)
    assert clean_folder(folder, style) == folder


def _comparable(folder: str) -> list[str]:
    """What a folder is by the rules: segments in normal form, white space as underscores, ends trimmed."""
    parts = (unicodedata.normalize("NFC", part) for part in folder.replace("\\", "/").split("/"))
    kept = ("_".join(part.split()).strip("._") for part in parts if part.strip().strip(". "))
    return list(kept)


@given(
    st.text(st.sampled_from("aé日/_ -+.\u200b!"), max_size=8),
    st.text(st.sampled_from("aé日/_ -+.\u200b!"), max_size=8),
    ANY_STYLE,
)
@settings(max_examples=800)
def test_folders_that_differ_by_more_than_white_space_and_ends_stay_apart(one: str, other: str, style: Style):
    if _comparable(one) != _comparable(other):
        assert clean_folder(one, style) != clean_folder(other, style)


# Suffixes and presentable names


@pytest.mark.parametrize(
    ("name", "expected"),
    [("n.jpg", "n_1.jpg"), ("a.tar.gz", "a.tar_1.gz"), ("README", "README_1"), ("n_1.jpg", "n_1_1.jpg")],
)
def test_a_suffix_goes_before_the_last_extension(name: str, expected: str):
    assert with_suffix(name, "1") == expected


@given(TEXTS, st.sampled_from(["1", "1024", "abcdefghij"]), ANY_STYLE)
@settings(max_examples=300)
def test_a_name_with_a_suffix_is_as_safe_and_keeps_its_extension(text: str, suffix: str, style: Style):
    name = cleaned(text, style)
    if name is not None:
        suffixed = with_suffix(name, suffix)
        assert_safe_segment(suffixed)
        assert clean_filename(suffixed, style) == suffixed
        assert suffixed != name
        if len(name.encode()) < 200:
            assert os.path.splitext(suffixed)[1] == os.path.splitext(name)[1]


def test_shorten_leaves_a_short_name_alone():
    assert shorten("a.jpg") == "a.jpg"
    assert shorten("a.jpg", room=100) == "a.jpg"
    assert len(shorten("a" * 255, room=20)) == 235


def test_random_words_are_lower_case_and_do_not_repeat():
    words = {random_word() for _ in range(1000)}
    assert len(words) == 1000
    assert all(re.fullmatch("[a-z0-9]{10}", word) for word in words)


@given(TEXTS)
@settings(max_examples=300)
def test_what_is_kept_of_a_visitors_name_is_valid_short_and_has_no_line_ends(text: str):
    kept = presentable(text)
    assert len(kept.encode()) <= 512
    assert not re.search(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]", kept)


# Keys

BAD_KEYS: list[Any] = [
    *("", ".", "..", "/", "/a", "//a", "a/", "a//b", "./a", "a/.", "a/./b", "../a", "a/..", "a/../b", "a/../../b"),
    *("\\", "a\\b", "..\\a", "C:\\a", "a\x00", "a\nb", "a\rb", "a\tb", "\x7f", "\x85", "a\u2028b", "a\u2029b"),
    *(
        "\ud800",
        "a\udcff.jpg",
        "x" * 256,
        "日" * 86,
        "/".join(["x" * 100] * 11),
        ".uploadkit",
        ".uploadkit/tmp/x",
        ".UploadKit/x",
    ),
    *(None, b"a", 5, 1.5, ["a"], ...),
]


@pytest.mark.parametrize("key", BAD_KEYS, ids=lambda key: ascii(key)[:30])
def test_what_is_no_key_is_refused_with_a_short_reason(key: Any):
    with pytest.raises(InvalidKeyError, match="Invalid key") as caught:
        check_key(key)
    assert isinstance(caught.value, ValueError)
    assert 20 < len(str(caught.value)) < 250
    assert str(caught.value).isprintable()


@pytest.mark.parametrize("key", ["../a", "a/../b", "..", "/a", "/etc/passwd"])
def test_what_leads_out_is_called_a_path_traversal_attempt(key: str):
    with pytest.raises(InvalidKeyError, match="Path traversal attempt"):
        check_key(key)


@pytest.mark.parametrize(
    "key",
    [
        *(
            "a",
            "a.jpg",
            "a/b/c.jpg",
            "...",
            "a..b",
            "..a",
            "a..",
            "a b",
            "日本/é.jpg",
            "😀",
            "a?b#c%d",
            "a*[x]",
            "-rf",
            "~",
        ),
        *("x" * 255, "日" * 85, "/".join(["x" * 100] * 10), "a/.uploadkit/b", "uploadkit", ".uploadkits", ".hidden"),
    ],
    ids=lambda key: ascii(key)[:30],
)
def test_a_key_is_returned_as_it_is(key: str):
    assert check_key(key) is key


def test_a_text_type_of_its_own_is_a_key_too():
    class Text(str):
        __slots__ = ()

    assert check_key(Text("a/b")) == "a/b"


@given(TEXTS)
@settings(max_examples=600)
def test_a_text_is_a_contained_key_or_an_invalid_key_error(text: str):
    try:
        assert check_key(text) == text
    except InvalidKeyError as error:
        refusal = error
    else:
        assert os.path.normpath(os.path.join("/root", text)) == "/root/" + text
        assert len(text.encode()) <= 1024
        return
    assert refusal.message


@given(TEXTS, TEXTS, ANY_STYLE)
@settings(max_examples=400)
def test_a_clean_folder_and_a_clean_name_make_a_key_unless_they_are_too_long(folder: str, text: str, style: Style):
    name = cleaned(text, style)
    if name is not None:
        key = join(clean_folder(folder, style), name)
        if len(key.encode()) <= 1024:
            assert check_key(key) == key
            assert not is_hidden(key)
            assert split(key) == (clean_folder(folder, style), name)


@pytest.mark.parametrize(
    ("key", "hidden"), [(".a", True), ("a/.b", True), ("a/.b/c", True), ("a.b", False), ("a/b.c", False)]
)
def test_a_dot_in_front_of_a_segment_hides_a_key(key: str, hidden: bool):
    assert is_hidden(key) is hidden
