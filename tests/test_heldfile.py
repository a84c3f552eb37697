"""A held file behaves like the temporary file that Flask gives, and knows what is in it."""

from __future__ import annotations

import io
import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from uploadkit.exceptions import UnavailableError
from uploadkit.heldfile import HeldFile

_LIMIT = 1000
_LINES = b"".join(b"line %d\n" % number for number in range(500))


class _File:
    """A place in a folder."""

    def __init__(self, path: Path) -> None:
        self.fd = os.open(path / "held", os.O_RDWR | os.O_CREAT, 0o600)
        self.discarded = 0

    def discard(self) -> None:
        self.discarded += 1
        os.close(self.fd)


@pytest.fixture
def place(tmp_path: Path) -> _File:
    return _File(tmp_path)


@pytest.fixture
def held(place: _File) -> Iterator[HeldFile]:
    with HeldFile(lambda: place, "sha256", _LIMIT) as file:
        yield file
    if not place.discarded:
        place.discard()


def _temporary(stack: ExitStack) -> Any:
    return stack.enter_context(tempfile.TemporaryFile())


def _held(stack: ExitStack) -> Any:
    return stack.enter_context(
        HeldFile(lambda: _File(Path(stack.enter_context(tempfile.TemporaryDirectory()))), "md5", _LIMIT)
    )


_USES: dict[str, Callable[[Any], object]] = {
    "read all": lambda file: file.read(),
    "read some": lambda file: (file.read(7), file.tell(), file.read(0), file.read(10**6), file.read(1)),
    "read one line": lambda file: (file.readline(), file.readline(3), file.tell()),
    "read lines": lambda file: file.readlines(),
    "iterate": list,
    "next": lambda file: next(iter(file)),
    "seek": lambda file: (
        file.seek(5),
        file.read(3),
        file.seek(0, os.SEEK_END),
        file.read(),
        file.seek(1, os.SEEK_SET),
    ),
    "write again": lambda file: (file.seek(2), file.write(b"xyz"), file.seek(0), file.read()),
    "write behind": lambda file: (file.seek(0, os.SEEK_END), file.write(b"z" * 2000), file.seek(0), file.read()),
    "truncate": lambda file: (file.truncate(0), file.seek(0), file.read()),
    "write lines": lambda file: (file.seek(0), file.writelines([b"a", b"b"]), file.seek(0), file.read(5)),
    "descriptor": lambda file: os.fstat(file.fileno()).st_size,
    "mode": lambda file: file.mode,
    "what it can": lambda file: (file.readable(), file.writable(), file.seekable(), file.closed),
    "close": lambda file: (file.close(), file.close(), file.closed),
}


@pytest.mark.parametrize("content", [b"", _LINES[:500], _LINES], ids=["empty", "in memory", "in a file"])
@pytest.mark.parametrize("use", _USES.values(), ids=_USES)
def test_behaves_like_a_temporary_file(use: Callable[[Any], object], content: bytes) -> None:
    told: list[object] = []
    for make in (_temporary, _held):
        with ExitStack() as stack:
            file = make(stack)
            for at in range(0, len(content), 300):
                file.write(content[at : at + 300])
            file.seek(0)
            try:
                told.append(use(file))
            except StopIteration:
                told.append("the end")
            file.close()
    assert told[0] == told[1]


def test_can_be_read_as_text(held: HeldFile) -> None:
    """As the `csv` module wants it."""
    held.write(_LINES)
    held.seek(0)
    text = io.TextIOWrapper(held, "ascii")
    assert list(text)[-1] == "line 499\n"
    assert text.detach() is held


def test_counts_and_hashes_what_passes(held: HeldFile, place: _File) -> None:
    for at in range(0, len(_LINES), 70):
        held.write(_LINES[at : at + 70])
    assert held.known == (len(_LINES), f"sha256:{sha256(_LINES).hexdigest()}")
    assert held.place is place
    held.seek(0)
    assert held.read() == _LINES
    assert held.place is place


def test_short_files_stay_in_memory(held: HeldFile, place: _File) -> None:
    held.write(bytes(_LIMIT))
    assert (held.name, held.place, held.known) == (None, None, None)
    with pytest.raises(io.UnsupportedOperation):
        _ = held.descriptor
    held.write(b"x")
    assert held.descriptor == place.fd
    assert held.name is None


@pytest.mark.parametrize(
    "change",
    [
        lambda file: file.write(b"x"),
        lambda file: file.truncate(),
        lambda file: file.fileno(),
    ],
    ids=["write", "truncate", "descriptor"],
)
def test_what_may_change_the_file_makes_it_unknown(held: HeldFile, change: Callable[[HeldFile], object]) -> None:
    held.write(_LINES)
    held.seek(0)
    change(held)
    assert (held.known, held.place) == (None, None)


def test_a_published_file_can_only_be_read(held: HeldFile) -> None:
    held.write(_LINES)
    held.publish(lambda: None)
    for write in (lambda: held.write(b"x"), lambda: held.truncate(0)):
        with pytest.raises(io.UnsupportedOperation, match="stored without a copy"):
            write()
    assert not held.writable()
    held.seek(0)
    assert held.read() == _LINES
    assert held.place is None


@pytest.mark.parametrize("error", [OSError(), UnavailableError("no")], ids=["system", "backend"])
def test_a_file_that_could_not_be_published_is_its_own(held: HeldFile, place: _File, error: Exception) -> None:
    held.write(_LINES)

    def fail() -> None:
        raise error

    with pytest.raises(type(error)):
        held.publish(fail)
    assert held.place is place
    assert held.write(b"x") == 1


def test_a_file_that_got_a_name_all_the_same_is_not_its_own(held: HeldFile, tmp_path: Path) -> None:
    """A file server may do what it is asked and lose the answer."""
    held.write(_LINES)

    def link_and_fail() -> None:
        os.link(tmp_path / "held", tmp_path / "published")
        raise OSError

    with pytest.raises(OSError):
        held.publish(link_and_fail)
    assert held.place is None


def test_never_gives_the_bytes_of_a_changed_file(held: HeldFile, tmp_path: Path) -> None:
    """An app that scales a picture in its place would store the small one twice."""
    held.write(_LINES)
    held.seek(0)
    held.publish(lambda: None)
    (tmp_path / "held").write_bytes(b"smaller")
    for read in (held.read, held.read1, held.readline, lambda: list(held)):
        with pytest.raises(OSError, match="was changed"):
            read()


def test_takes_a_file_of_the_system_where_it_gets_none() -> None:
    def fail() -> _File:
        raise PermissionError

    with HeldFile(fail, "sha256", _LIMIT) as held:
        held.write(_LINES)
        held.seek(0)
        assert (held.read(), held.place) == (_LINES, None)
        descriptor = held.descriptor
    with pytest.raises(OSError):
        os.fstat(descriptor)


@pytest.mark.parametrize("length", [10, 5000])
def test_closing_leaves_nothing(place: _File, length: int) -> None:
    held = HeldFile(lambda: place, None, _LIMIT)
    held.write(bytes(length))
    held.close()
    assert place.discarded == int(length > _LIMIT)
    assert held.closed
    for use in (held.read, held.tell, held.fileno, lambda: held.write(b"x"), held.rollover):
        with pytest.raises(ValueError):
            use()


def test_a_forgotten_file_is_closed(place: _File) -> None:
    HeldFile(lambda: place, None, 0).write(b"x")
    assert place.discarded == 1


def test_closes_although_the_disk_is_full(tmp_path: Path) -> None:
    class Full:
        fd = os.open("/dev/full", os.O_RDWR) if os.path.exists("/dev/full") else -1

        def discard(self) -> None:
            os.close(self.fd)

    if Full.fd < 0:
        pytest.skip("there is no /dev/full here")
    held = HeldFile(Full, None, 0)
    held.write(b"x")
    with pytest.raises(OSError):
        held.flush()
    held.close()
    with pytest.raises(OSError):
        os.fstat(Full.fd)
