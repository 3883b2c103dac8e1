"""The trail, holds and deletion in Chromium."""

import pytest
from selenium.webdriver.common.keys import Keys

from tests.recordings import ingested
from tests.sealing import sealed_recording
from tests.web.library import BOB, DAVE

GINA = "9139a0000000000000000000000000aa-7-7"


@pytest.fixture
def gina(library, tmp_path):
    """A session that may be deleted."""
    from auditor.sqlite.store import SqliteStore

    store = SqliteStore(library.store)
    path = tmp_path / "gina.jsonl"
    path.write_bytes(
        b"".join(sealed_recording(["$ rm -rf ~\r\n"], rec=GINA, user="gina", host="web9.example.test", began=1.7e9))
    )
    ingested(store, path)
    yield GINA
    store.close()


def test_who_searched_and_listed_what_is_in_the_trail(browser):
    browser.go(f"{browser.base}/search?q=seventeen+elephants")
    browser.go(f"{browser.base}/sessions?user=nobody-at-all")
    browser.go(f"{browser.base}/trail")
    searched = browser.see("tbody tr", "seventeen elephants").text
    assert "search" in searched
    assert "127.0.0.1" in searched
    assert "list" in browser.see("tbody tr", "nobody-at-all").text
    browser.choose("[name=action]", "sign-in")
    browser.click(".filter button")
    browser.until(lambda: "action=sign-in" in browser.url, "not narrowed")
    assert all("sign-in" in row for row in browser.texts("tbody tr"))


def test_what_was_exported_and_verified_is_in_the_trail_with_its_session(browser):
    assert browser.go(f"{browser.base}/sessions").fetch(f"/api/recordings/{BOB}/export?format=text")[0] == 200
    assert browser.fetch(f"/api/recordings/{DAVE}/verify")[0] == 200
    browser.go(f"{browser.base}/trail?action=export")
    row = browser.see("tbody tr", "bob@db1.example.test").text
    assert "text" in row
    browser.go(f"{browser.base}/trail?action=verify")
    browser.see("tbody tr", "dave@db1.example.test")


def test_a_recording_on_hold_is_not_deleted_and_one_without_leaves_a_tombstone(browser, gina):
    browser.go(f"{browser.base}/holds")
    browser.fill("[name=rec]", gina)
    browser.fill("[name=reason]", "case 4711 <script>alert(1)</script>")
    browser.press(Keys.ENTER)
    row = browser.see("tbody tr", "gina@web9.example.test").text
    assert "case 4711 <script>alert(1)</script>" in row

    browser.go(f"{browser.base}/delete/{gina}")
    browser.see("main", "It is on hold, and cannot be deleted")
    assert browser.find("button", "Delete it") is None

    browser.go(f"{browser.base}/holds")
    browser.fill("tbody [name=reason]", "the case is closed")
    browser.click("tbody button")
    browser.see("main", "Nothing is on hold")

    browser.go(f"{browser.base}/delete/{gina}")
    browser.fill("main [name=reason]", "a test of ours")
    browser.click("main button", "Delete it")
    browser.until(lambda: browser.find("h1", "Delete") is None, "it is not deleted")
    browser.go(f"{browser.base}/watch/{gina}")
    said = browser.see("main", "This recording was deleted").text
    for part in ("gina", "web9.example.test", "a test of ours"):
        assert part in said
    browser.console()  # it is gone: status 410
    browser.go(f"{browser.base}/sessions?user=gina")
    browser.see("main p", "No session matches")
    browser.go(f"{browser.base}/trail?action=delete")
    browser.see("tbody tr", "a test of ours")
