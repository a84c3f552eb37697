"""Uploaded files in a real browser: none of them runs anything, and those that are to be seen are."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.servers.chromium import Browser, Download, Tab, running_chromium
from tests.servers.stores import S3Server

from .payloads import GREEN, PAYLOADS, Run
from .site import COOKIE, LIBRARIES, Site, running_site

pytestmark = [pytest.mark.integration, pytest.mark.slow]

LINKS = ("local url", "private signed", "proxied url", "redirected url", "redirected signed")
EMBEDDED = ("iframe", "object", "embed")
WAYS = (*EMBEDDED, "address", "link")
NAME = "Ünï name.pdf"


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with running_chromium(tmp_path_factory.mktemp("chromium")) as browser:
        yield browser


@pytest.fixture(scope="module")
def whole_site(tmp_path_factory: pytest.TempPathFactory, seaweed_server: S3Server) -> Iterator[Site]:
    with running_site(tmp_path_factory.mktemp("site"), seaweed_server, NAME) as site:
        yield site


@pytest.fixture
def site(whole_site: Site) -> Site:
    whole_site.runs.clear()
    return whole_site


def opened(browser: Browser, site: Site, way: str, links: dict[str, str]) -> dict[str, Download | None]:
    """Open files in one of the ways; return those that were downloads, where that shows."""
    if way in EMBEDDED:
        with browser.tab(site.page(way, list(links.values()))):
            return {}
    if way == "address":
        with browser.tab(site.page(way, [])) as tab:
            return {name: tab.show(link) for name, link in links.items()}
    with browser.tab(site.page(way, list(links.values()))) as tab:
        return {name: clicked(browser, tab, number) for number, name in enumerate(links)}


def clicked(browser: Browser, opener: Tab, number: int) -> Download | None:
    opener.click(f"#link{number}")
    with browser.popup(opener) as tab:
        return tab.wait_until_shown()


def hostile(links: dict[str, str]) -> dict[str, str]:
    return {name: links[name] for name in PAYLOADS}


class TestHostileFiles:
    @pytest.mark.parametrize("way", WAYS)
    def test_all_of_them_run_where_an_app_answers_as_their_authors_wish(
        self, browser: Browser, site: Site, way: str
    ) -> None:
        opened(browser, site, way, hostile(site.links["careless"]))
        attempts = set().union(*(payload.attempts(name) for name, payload in PAYLOADS.items()))
        assert {run.what for run in site.runs} == attempts
        assert {(run.origin, run.cookie) for run in site.runs} == {(site.base, COOKIE)}

    @pytest.mark.parametrize("way", WAYS)
    @pytest.mark.parametrize("delivery", LINKS)
    def test_none_of_them_runs(self, browser: Browser, site: Site, delivery: str, way: str) -> None:
        downloads = opened(browser, site, way, hostile(site.links[delivery]))
        assert site.runs == []
        for name, download in downloads.items():
            assert (download is None) == PAYLOADS[name].shown, name

    @pytest.mark.parametrize("way", WAYS)
    def test_none_of_them_runs_even_if_all_are_shown(self, browser: Browser, site: Site, way: str) -> None:
        opened(browser, site, way, hostile(site.links["shown"]))
        assert site.runs == []

    @pytest.mark.parametrize(
        ("links", "name"),
        [
            ("shown", "page.html"),
            ("shown", "picture.svg"),
            ("local url", "evil.html.txt"),
            ("proxied url", "photo.png"),
        ],
    )
    def test_what_is_opened_does_not_belong_to_the_app(
        self, browser: Browser, site: Site, links: str, name: str
    ) -> None:
        with browser.tab(site.links[links][name]) as tab:
            assert tab.evaluate("self.origin") == "null"

    def test_it_would_without_a_policy(self, browser: Browser, site: Site) -> None:
        with browser.tab(site.links["careless"]["page.html"]) as tab:
            assert tab.evaluate("self.origin") == site.base

    @pytest.mark.parametrize("delivery", ["local url", "private signed", "proxied url"])
    def test_no_page_takes_them_for_its_own_scripts(self, browser: Browser, site: Site, delivery: str) -> None:
        links = [site.links[delivery][name] for name in LIBRARIES]
        with browser.tab(site.page("script", links)):
            assert site.runs == []

    def test_a_page_does_where_an_app_answers_as_their_authors_wish(self, browser: Browser, site: Site) -> None:
        with browser.tab(site.page("script", [site.links["careless"][name] for name in LIBRARIES])):
            assert site.runs == [Run(name, site.base, COOKIE) for name in LIBRARIES]


class TestHarmlessFiles:
    @pytest.mark.parametrize("delivery", LINKS)
    def test_pictures_are_seen_in_pages(self, browser: Browser, site: Site, delivery: str) -> None:
        links = [site.links[delivery][name] for name in ("photo.png", "picture.svg")]
        with browser.tab(site.page("image", links)) as tab:
            assert tab.evaluate("[...document.images].map(image => image.naturalWidth)") == [30, 40]
            # Each begins 8 pixels from the edge; the second is green by its own style.
            assert [tab.pixel(10, 10), tab.pixel(10, 35), tab.pixel(100, 100)] == [GREEN, GREEN, (255, 255, 255)]
        assert site.runs == []

    def test_a_picture_that_is_opened_keeps_its_own_styles(self, browser: Browser, site: Site) -> None:
        with browser.tab(site.links["shown"]["picture.svg"]) as tab:
            assert tab.pixel(10, 10) == GREEN

    @pytest.mark.parametrize("delivery", LINKS)
    def test_text_is_shown(self, browser: Browser, site: Site, delivery: str) -> None:
        with browser.tab(site.links[delivery]["poem.txt"]) as tab:
            assert tab.evaluate("document.body.innerText") == "Über allen Gipfeln"

    @pytest.mark.parametrize("delivery", ["private", "proxied", "redirected"])
    def test_a_download_has_the_name_it_is_given(self, browser: Browser, site: Site, delivery: str) -> None:
        with browser.tab() as tab:
            assert tab.show(site.downloads[delivery]) == Download(site.downloads[delivery], NAME)

    @pytest.mark.parametrize("delivery", LINKS)
    def test_a_pdf_that_may_be_shown_is_seen(self, browser: Browser, site: Site, delivery: str) -> None:
        link = site.links[delivery]["a.pdf"]
        for url in (link, site.page("iframe", [link])):
            with browser.tab(url) as tab:
                # The viewer draws when the page has long been loaded.
                tab.wait_until(lambda tab: tab.pixel(350, 200) == GREEN)
