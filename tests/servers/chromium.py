"""Chromium without a window, driven by its DevTools protocol over two named pipes: no port, and no library."""

from __future__ import annotations

import base64
import json
import os
import select
import tempfile
import time
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .processes import ServerProcess
from .requirements import need_program

NAMES = ("chromium", "chromium-browser", "google-chrome")
PATIENCE = 30.0
OPTIONS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--no-proxy-server"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync", "--mute-audio"),
    *("--disable-dev-shm-usage", "--disable-crash-reporter", "--remote-debugging-pipe"),
)
#: Chromium reads commands from 3 and writes answers to 4; what it keeps below HOME belongs to the test.
_SCRIPT = 'export HOME=$1 TMPDIR=$1; shift; exec "$@" 3<commands 4>answers'

Event = dict[str, Any]


class BrowserError(Exception):
    """Chromium did not do what it was told."""


class RefusedError(BrowserError):
    """Chromium answered a command with an error."""


@dataclass(frozen=True)
class Download:
    """What Chromium saves instead of showing it."""

    url: str
    name: str


class Browser:
    """One running Chromium; whoever waits for an event finds those that came before, too."""

    def __init__(self, commands: int, answers: int, downloads: Path) -> None:
        self._commands = commands
        self._answers = answers
        self._received = b""
        self._number = 0
        self._events: list[Event] = []
        self._downloads = downloads
        pages = [{"type": "page"}, {"exclude": True}]
        self.call("Target.setAutoAttach", autoAttach=True, waitForDebuggerOnStart=True, flatten=True, filter=pages)
        self.call(
            "Browser.setDownloadBehavior", behavior="allowAndName", downloadPath=str(downloads), eventsEnabled=True
        )

    def call(self, method: str, session: str | None = None, **params: Any) -> dict[str, Any]:
        """Send a command and return its result."""
        self._number += 1
        number = self._number
        command = {"id": number, "method": method, "params": params, **({"sessionId": session} if session else {})}
        self._send(json.dumps(command).encode() + b"\0")
        answer = self._receive_until(lambda message: message.get("id") == number)
        if "error" in answer:
            raise RefusedError(f"{method}: {answer['error']['message']}")
        result: dict[str, Any] = answer["result"]
        return result

    def wait_for(self, matches: Callable[[Event], bool]) -> Event:
        """Return the first event that matches, and forget it."""
        for event in self._events:
            if matches(event):
                self._events.remove(event)
                return event
        return self._receive_until(matches)

    @contextmanager
    def tab(self, url: str = "about:blank") -> Iterator[Tab]:
        """Open a tab, and close it in the end."""
        self._events.clear()
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        tab = self._attached(lambda info: info["targetId"] == target)
        try:
            if url != "about:blank":
                tab.show(url)
            yield tab
        finally:
            tab.close()

    @contextmanager
    def popup(self, opener: Tab) -> Iterator[Tab]:
        """Return the tab that another one has opened."""
        tab = self._attached(lambda info: info.get("openerId") == opener.target)
        try:
            yield tab
        finally:
            tab.close()

    def download(self, event: Event) -> Download:
        """Return what a download is called, when all of it is there."""
        begun = event["params"]
        self.wait_for(
            lambda event: (
                event["method"] == "Browser.downloadProgress"
                and event["params"]["guid"] == begun["guid"]
                and event["params"]["state"] != "inProgress"
            )
        )
        return Download(begun["url"], begun["suggestedFilename"])

    def _attached(self, matches: Callable[[Mapping[str, Any]], bool]) -> Tab:
        event = self.wait_for(
            lambda event: event["method"] == "Target.attachedToTarget" and matches(event["params"]["targetInfo"])
        )
        return Tab(self, event["params"]["targetInfo"]["targetId"], event["params"]["sessionId"])

    def _receive_until(self, matches: Callable[[Event], bool]) -> Event:
        """Return the first message that matches; others are kept if they are events."""
        deadline = time.monotonic() + PATIENCE
        while True:
            message = self._receive(deadline)
            if matches(message):
                return message
            if "method" in message:
                self._events.append(message)

    def _receive(self, deadline: float) -> Event:
        while b"\0" not in self._received:
            ready, _, _ = select.select([self._answers], [], [], max(0.0, deadline - time.monotonic()))
            block = os.read(self._answers, 1024 * 1024) if ready else b""
            if not block:
                seen = [event["method"] for event in self._events]
                raise BrowserError(f"Chromium {'is gone' if ready else 'says nothing more'}; before, it said {seen}")
            self._received += block
        message, _, self._received = self._received.partition(b"\0")
        event: Event = json.loads(message)
        return event

    def _send(self, message: bytes) -> None:
        while message:
            message = message[os.write(self._commands, message) :]


class Tab:
    """One page, with the commands that go to it."""

    def __init__(self, browser: Browser, target: str, session: str) -> None:
        self._browser = browser
        self._session = session
        self.target = target
        self.call("Page.enable")
        self.call("Page.setLifecycleEventsEnabled", enabled=True)
        self.call("Runtime.runIfWaitingForDebugger")

    def call(self, method: str, **params: Any) -> dict[str, Any]:
        """Send a command to the page."""
        return self._browser.call(method, self._session, **params)

    def show(self, url: str) -> Download | None:
        """Go to ``url`` and wait until all of it is loaded; return the download that it was instead."""
        answer = self.call("Page.navigate", url=url)
        if answer.get("isDownload"):
            return self._browser.download(self._browser.wait_for(_begins_download))
        if "errorText" in answer:
            raise BrowserError(f"{url}: {answer['errorText']}")
        loader = answer["loaderId"]
        self._browser.wait_for(lambda event: self._is_loaded(event) and event["params"]["loaderId"] == loader)
        self._paint()
        return None

    def wait_until_shown(self) -> Download | None:
        """Wait for what somebody else made this tab load."""
        event = self._browser.wait_for(lambda event: _begins_download(event) or self._has_come(event))
        if _begins_download(event):
            return self._browser.download(event)
        loader = event["params"]["frame"]["loaderId"]
        self._browser.wait_for(lambda event: self._is_loaded(event) and event["params"]["loaderId"] == loader)
        self._paint()
        return None

    def click(self, selector: str) -> None:
        """Let a click on an element follow, as a visitor does it, who may open windows."""
        # Not at once: a page waits for the window that it opens, which waits for whoever waits for this answer.
        self.evaluate(
            f"void setTimeout(() => document.querySelector({json.dumps(selector)}).click())", userGesture=True
        )

    def evaluate(self, expression: str, **options: Any) -> Any:
        """Return the value of a JavaScript expression in the page."""
        answer = self.call("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True, **options)
        if "exceptionDetails" in answer:
            raise BrowserError(f"{expression}: {answer['exceptionDetails']}")
        return answer["result"].get("value")

    def screenshot(self, **options: Any) -> bytes:
        """Return a picture of the page, as PNG."""
        return base64.b64decode(self.call("Page.captureScreenshot", **options)["data"])

    def pixel(self, x: int, y: int) -> tuple[int, ...]:
        """Return the colour of one pixel of the page: red, green and blue."""
        return first_pixel(self.screenshot(clip={"x": x, "y": y, "width": 1, "height": 1, "scale": 1}))

    def wait_until(self, holds: Callable[[Tab], bool]) -> None:
        """Look again with each new frame until something holds."""
        deadline = time.monotonic() + PATIENCE
        while not holds(self):
            if time.monotonic() > deadline:
                raise BrowserError(f"it does not come after {PATIENCE} s")
            self._paint()

    def close(self) -> None:
        """Close the tab, if it has not closed itself, as one does that a download opened."""
        with suppress(RefusedError):
            self._browser.call("Target.closeTarget", targetId=self.target)

    def _paint(self) -> None:
        """Wait for a frame: animations begin with it, and their handlers would run."""
        self.screenshot()

    def _is_loaded(self, event: Event) -> bool:
        return self._is_mine(event, "Page.lifecycleEvent") and event["params"]["name"] == "load"

    def _has_come(self, event: Event) -> bool:
        """Whether the tab has another page than the empty one that each begins with."""
        return self._is_mine(event, "Page.frameNavigated") and event["params"]["frame"]["url"] != "about:blank"

    def _is_mine(self, event: Event, method: str) -> bool:
        return event["method"] == method and event.get("sessionId") == self._session


@contextmanager
def running_chromium(folder: Path) -> Iterator[Browser]:
    """Run Chromium with a new profile.

    :param folder: A new folder, for its log and for what it downloads.
    """
    binary = need_program("The browser", NAMES, "chromium")
    commands, answers, downloads = (folder / name for name in ("commands", "answers", "downloads"))
    downloads.mkdir()
    os.mkfifo(commands)
    os.mkfifo(answers)
    # Opened here before Chromium does, so that neither waits for the other.
    receiving, sending = os.open(answers, os.O_RDONLY | os.O_NONBLOCK), os.open(commands, os.O_RDWR)
    try:
        with _running(binary, folder):
            yield Browser(sending, receiving, downloads)
    finally:
        os.close(receiving)
        os.close(sending)


@contextmanager
def _running(binary: Path, folder: Path) -> Iterator[None]:
    # Its sockets need a short path. What it had begun to write when it was killed may stay.
    with tempfile.TemporaryDirectory(prefix="chromium-", ignore_cleanup_errors=True) as home:
        command = [str(binary), *OPTIONS, f"--user-data-dir={home}/profile", "about:blank"]
        process = ServerProcess("chromium", ["/bin/sh", "-c", _SCRIPT, "sh", home, *command], folder)
        try:
            yield
        finally:
            process.stop()


def first_pixel(picture: bytes) -> tuple[int, ...]:
    """Return the red, green and blue of a PNG's first pixel, of eight bits each."""
    position, rows = len(b"\x89PNG\r\n\x1a\n"), b""
    while position < len(picture):
        length = int.from_bytes(picture[position : position + 4], "big")
        if picture[position + 4 : position + 8] == b"IDAT":
            rows += picture[position + 8 : position + 8 + length]
        position += length + 12
    # The first byte tells how the row is encoded, which means nothing to its first pixel.
    return tuple(zlib.decompress(rows)[1:4])


def _begins_download(event: Event) -> bool:
    return bool(event["method"] == "Browser.downloadWillBegin")
