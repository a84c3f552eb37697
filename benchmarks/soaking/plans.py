"""What is sent: uploads as they follow from the seed, and the bytes of their requests."""

from __future__ import annotations

import random
from dataclasses import dataclass
from hashlib import sha256
from typing import NamedTuple

from .app import KIB, LONGEST_BODY, LONGEST_TIGHT, MIB, SETS

BOUNDARY = "----soak-boundary"
_LIKE_A_BOUNDARY = f"\r\n--{BOUNDARY}"[:-3].encode()


@dataclass
class Sent:
    """One file of one upload."""

    serial: int
    set_name: str
    stem: str
    extension: str
    size: int
    digest: str = ""
    #: Whether it may be stored: everything was sent, and nobody has refused or deleted it.
    may_be_there: bool = False

    @property
    def name(self) -> str:
        return f"{self.stem}.{self.extension}"

    def content(self, seed: int) -> bytes:
        """Return its bytes: other ones for each file, and some end like a boundary."""
        rng = random.Random(f"{seed}/{self.serial}")
        content = rng.randbytes(self.size)
        if self.extension == "jpg":
            content = b"%PDF-1.7\n" + content[9:]
        if self.size > len(_LIKE_A_BOUNDARY) and _happens(rng, 0.25):
            content = content[: -len(_LIKE_A_BOUNDARY)] + _LIKE_A_BOUNDARY
        self.digest = sha256(content).hexdigest()
        return content


@dataclass
class Plan:
    """One upload: what is sent, how, and what may be answered."""

    number: int
    way: str
    files: list[Sent]
    trouble: str = ""  # "exe", "wrong", "too large", "too long"
    policy: str = ""  # "error", "overwrite"
    chunked: bool = False
    slow: bool = False
    leaves: str = ""  # "closes", "resets", "half"
    at: float = 1.0  # where it leaves, as a share
    where: str = ""  # of "head", "body", "tail", "answer"
    afterwards: str = ""  # "delete", "release", "reject"

    def expected(self, *, whole: bool) -> set[int]:
        """Return the statuses that may be answered.

        :param whole: Whether the server got everything.
        """
        refusals = {"exe": {422}, "wrong": {422}, "too large": {422}, "too long": {413}}.get(self.trouble, set())
        good = set() if self.trouble else {201}
        taken = {409} if self.policy == "error" else set()
        return refusals | taken | (good if whole else {400})


_SIZES: tuple[tuple[float, int, int], ...] = (
    (0.05, 0, 0),
    (0.65, 24, 20 * KIB),
    (0.90, 20 * KIB, 600 * KIB),
    (0.975, 600 * KIB, 4 * MIB),
    (0.993, 4 * MIB, 12 * MIB),
    (1.00, 12 * MIB, 30 * MIB),
)


def _happens(rng: random.Random, chance: float) -> bool:
    return rng.random() < chance


def _size(rng: random.Random) -> int:
    dice = rng.random()
    return next(rng.randint(low, high) for share, low, high in _SIZES if dice <= share)


def plan_of(number: int, seed: int) -> Plan:
    """Return what upload ``number`` is."""
    rng = random.Random(f"{seed}:{number}")
    way = rng.choices(("form", "receive", "put", "waiting"), (35, 30, 20, 15))[0]
    trouble = rng.choices(("", "exe", "wrong", "too large", "too long"), (88, 3, 3, 4, 2))[0]
    trouble = "" if way == "waiting" else trouble
    kind = "tight" if trouble == "too large" else "waiting" if way == "waiting" else "plain"
    set_name = SETS[kind][_happens(rng, 0.4)]
    count = rng.choice((2, 3, 4)) if way in ("form", "receive") and _happens(rng, 0.3) else 1
    files = [Sent(number * 10 + index, set_name, f"u{number}x{index}", "bin", _size(rng)) for index in range(count)]
    plan = Plan(number, "put" if way == "waiting" else way, files, trouble)
    _name(plan, rng, count == 1 and way != "waiting")
    _make_trouble(plan, rng)
    plan.chunked = trouble != "too long" and _happens(rng, 0.3)
    plan.slow = _happens(rng, 0.03)
    _leave(plan, rng)
    after = ("release", "reject", "") if way == "waiting" else ("delete", "")
    plan.afterwards = rng.choice(after) if not plan.policy else ""
    return plan


def _name(plan: Plan, rng: random.Random, may_be_taken: bool) -> None:
    """Give a file a name that others have."""
    if plan.trouble or not may_be_taken or not _happens(rng, 0.25):
        return
    file = plan.files[0]
    file.size = max(24, file.size)
    # A form that fails may leave what overwrote another file: such are not received, so that they can be told.
    words = ("same", "error") if plan.way == "receive" else ("same", "error", "over")
    word = rng.choice(words)
    file.stem = f"{word}{rng.randrange(20)}"
    plan.policy = {"same": "", "over": "overwrite", "error": "error"}[word]


def _make_trouble(plan: Plan, rng: random.Random) -> None:
    last = plan.files[-1]
    if plan.trouble == "exe":
        last.extension = "exe"
    elif plan.trouble == "wrong":
        last.extension, last.size = "jpg", max(100, last.size)
    elif plan.trouble == "too large":
        last.size = rng.randint(LONGEST_TIGHT + 1, 3 * MIB)
        for file in plan.files[:-1]:
            file.size = min(file.size, LONGEST_TIGHT)


def _leave(plan: Plan, rng: random.Random) -> None:
    if _happens(rng, 0.36):
        plan.leaves = rng.choices(("closes", "resets", "half"), (50, 35, 15))[0]
        plan.where = rng.choices(("head", "body", "tail", "answer"), (12, 58, 15, 15))[0]
        if plan.leaves == "half":
            plan.where = "body"
        plan.at = rng.random()


class Wire(NamedTuple):
    """A request as it is sent. From ``whole_from`` bytes on, the server may take it for whole."""

    head: bytes
    body: bytes
    whole_from: int

    def leave_at(self, plan: Plan) -> int:
        """Return after how many bytes the client leaves."""
        head, whole = len(self.head), len(self.head) + len(self.body)
        first, last = {
            "": (whole, whole),
            "answer": (whole, whole),
            "head": (0, head),
            "body": (head, max(head, self.whole_from - 1)),
            "tail": (max(head, whole - 200), whole),
        }[plan.where]
        return first + int((last - first) * plan.at)


def wire_of(plan: Plan, seed: int) -> Wire:
    """Return the bytes of a request."""
    contents = [file.content(seed) for file in plan.files]
    query = f"?on_conflict={plan.policy}" if plan.policy else ""
    first = plan.files[0]
    if plan.way == "put":
        line, kind, body = f"PUT /put/{first.set_name}/{first.name}{query}", "application/octet-stream", contents[0]
    else:
        line, kind = f"POST /{plan.way}/{first.set_name}{query}", f"multipart/form-data; boundary={BOUNDARY}"
        body = _form(plan.files, contents)
    announced = LONGEST_BODY + 1 if plan.trouble == "too long" else len(body)
    framing = "Transfer-Encoding: chunked" if plan.chunked else f"Content-Length: {announced}"
    head = f"{line} HTTP/1.1\r\nHost: soak\r\nConnection: close\r\n{framing}\r\nContent-Type: {kind}\r\n\r\n".encode()
    if plan.chunked:
        body = _chunked(body, random.Random(f"{seed}#{plan.number}"))
    # Line breaks behind the last boundary and behind the last chunk do not count.
    return Wire(head, body, len(head) + len(body) - (2 if plan.chunked or plan.way != "put" else 0))


def _form(files: list[Sent], contents: list[bytes]) -> bytes:
    pieces = [b'--%b\r\nContent-Disposition: form-data; name="caption"\r\n\r\nsoaked\r\n' % BOUNDARY.encode()]
    for file, content in zip(files, contents, strict=True):
        disposition = f'form-data; name="file"; filename="{file.name}"'
        head = f"--{BOUNDARY}\r\nContent-Disposition: {disposition}\r\nContent-Type: application/octet-stream\r\n\r\n"
        pieces += [head.encode(), content, b"\r\n"]
    return b"".join([*pieces, f"--{BOUNDARY}--\r\n".encode()])


def _chunked(body: bytes, rng: random.Random) -> bytes:
    pieces, at = [], 0
    while at < len(body):
        piece = body[at : at + rng.choice((1, 100, 8 * KIB, 64 * KIB, 300 * KIB, MIB))]
        pieces += [b"%x\r\n" % len(piece), piece, b"\r\n"]
        at += len(piece)
    return b"".join([*pieces, b"0\r\n\r\n"])
