"""Every page in Chromium: usable without sight, in the dark, on a phone; and nothing in the console."""

import pytest

from tests.web.library import ALICE, BOB, DAVE, FRANK

PAGES = {
    "sessions": "/sessions",
    "sessions by host": "/sessions?group=host",
    "a filter": "/sessions?user=a*&range=month",
    "an empty list": "/sessions?user=nobody",
    "live sessions": "/sessions?state=live",
    "search": "/search",
    "hits": "/search?q=unreachable",
    "player": f"/watch/{ALICE}?t=3",
    "player with hits": f"/watch/{ALICE}?q=unreachable",
    "a long session": f"/watch/{FRANK}",
    "two sessions": f"/compare?left={ALICE}&right={BOB}",
    "choice of two": "/compare",
    "player for another page": f"/watch/{BOB}?embed=1",
    "keys": "/keys",
    "trail": "/trail",
    "holds": "/holds",
    "deletion": f"/delete/{DAVE}",
    "no such page": "/nowhere",
}


def opened(browser, name):
    browser.go(browser.base + PAGES[name])
    browser.see("main")
    if "/watch/" in PAGES[name] or "/compare?" in PAGES[name]:
        browser.until(lambda: "".join(browser.texts(".ap-term")).strip() or canvas(browser), "nothing is shown")
    if name == "no such page":
        browser.expect_console("404")


def canvas(browser):
    return browser.script("return document.querySelector('.ap-term canvas') !== null")


@pytest.mark.parametrize("name", PAGES)
def test_axe_finds_nothing_wrong(browser, name):
    opened(browser, name)
    found = {}
    for scheme in ("light", "dark"):
        browser.looks(scheme)
        found[scheme] = browser.violations()
    assert found == {"light": [], "dark": []}


def test_axe_finds_nothing_wrong_with_what_is_opened_in_the_player(browser):
    opened(browser, "player with hits")
    browser.click("[data-do=verify]")
    browser.see("[data-part=verdict]", "complete")
    for tab in ("tree", "hits", "log"):
        browser.click(f"[data-tab={tab}]")
        browser.see(f"[data-panel={tab}]")
        browser.hover("[data-part=bar]", 0.5)
        assert browser.violations() == [], tab
    browser.press("?")
    browser.see("dialog[open]")
    assert browser.violations() == []


@pytest.mark.parametrize("name", PAGES)
def test_a_phone_shows_it_without_scrolling_sideways(browser, name):
    browser.size(400, 800)
    opened(browser, name)
    assert browser.too_wide() == []
    # All that can be used can be reached.
    hidden = browser.script(
        "return Array.from(document.querySelectorAll('main :is(a, button, input, select)'))"
        ".filter(e => e.checkVisibility({visibilityProperty: true}) && e.getBoundingClientRect().width > 1"
        " && !e.closest('.scroller, .ap-player')"
        " && (e.getBoundingClientRect().left < -1 || e.getBoundingClientRect().right > innerWidth + 1))"
        ".map(e => e.outerHTML.slice(0, 100))"
    )
    assert hidden == []
