"""Pictures of the pages for the documentation: `make screenshots`. With pngquant they are a third as large."""

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from selenium.webdriver.common.keys import Keys

from demo.scripted import SPLIT_WORD
from tests.recordings import new_store
from tests.web.browser import Browser
from tests.web.library import ALICE, BOB, furnish
from tests.web.serving import Server
from tests.web.watching import Player, part

WIDTH = 1160


def main(directory):
    """Write them as PNG into the directory."""
    with tempfile.TemporaryDirectory(prefix="screenshots-") as name:
        place = Path(name)
        store = new_store(place)
        library = furnish(place / "home", store)
        # It names this machine and its user.
        store.delete([library.own])
        store.close()
        server = Server(library.home, library.store, LOGNAME="otto")
        browser = Browser(place)
        try:
            browser.base = server.base
            browser.go(server.address())
            for name, height in pictures(browser):
                browser.size(WIDTH, height)
                browser.until(lambda: settled(browser), "something still moves")
                path = directory / f"web-{name}.png"
                path.write_bytes(browser.picture())
                if shutil.which("pngquant"):
                    subprocess.run(["pngquant", "--force", "--strip", "--output", path, "64", path], check=True)
                print(path)
                browser.size()
        finally:
            browser.close()
            server.close()


def pictures(browser):
    """Show one page after the other: the name and the height of its picture."""
    browser.looks("light")
    browser.until(lambda: judged(browser), "not all is verified")
    yield "sessions", 490
    browser.go(f"{browser.base}/search?q=unreachable")
    browser.see(".hits")
    yield "search", 420
    player = Player(browser).open(ALICE, "t=2.5")
    player.pause()
    browser.until(lambda: len(player.events()) >= 10, "the log is not complete")
    browser.until(player.has_marks, "nothing is marked on the bar")
    browser.fill(part("query"), SPLIT_WORD)
    browser.press(Keys.ENTER)
    browser.until(lambda: "hit" in browser.text(part("found")), "nothing is found")
    browser.gone(part("over"))
    browser.size(WIDTH, 720)
    browser.hover(part("bar"), 0.62)
    peek = "return document.querySelector('[data-part=peek-box] pre.ap-term-text')?.textContent ?? ''"
    browser.until(lambda: browser.script(peek).strip(), "the preview shows no screen")
    yield "player", 720
    browser.click("[data-do=verify]")
    browser.see(part("verdict"), "complete")
    browser.script("scrollTo(0, 0)")
    yield "verdict", 380
    browser.looks("dark")
    browser.go(f"{browser.base}/compare?left={ALICE}&right={BOB}")
    left, right = Player(browser), Player(browser, 1)
    browser.until(lambda: SPLIT_WORD in left.screen() and any(right.rows()), "not both are shown")
    browser.click("[data-both=pause]")
    yield "compare", 620
    browser.looks("light")
    browser.go(f"{browser.base}/holds")
    browser.fill("[name=rec]", ALICE)
    browser.fill("[name=reason]", "incident 4711")
    browser.press(Keys.ENTER)
    browser.see("tbody tr", "alice")
    yield "holds", 300
    browser.go(f"{browser.base}/trail")
    browser.see("tbody tr", "unreachable")
    yield "trail", 430


def judged(browser):
    browser.go(f"{browser.base}/sessions")
    return browser.find("table.list") and "not verified yet" not in browser.text("table.list")


def settled(browser):
    return browser.script(
        "return document.readyState === 'complete' && !document.getAnimations().some(each =>"
        " each instanceof CSSTransition && each.playState === 'running')"
    )


if __name__ == "__main__":
    main(Path(sys.argv[1]))
