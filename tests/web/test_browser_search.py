"""The search in Chromium: one box over all that was printed, typed, run and touched."""

from selenium.webdriver.common.keys import Keys

from demo.scripted import EDITED_COMMAND, SPLIT_WORD, WORD_IN_VIEWER
from tests.web.library import ALICE


def search(browser, text):
    browser.go(f"{browser.base}/search")
    browser.fill("#q", text)
    browser.press(Keys.ENTER)
    browser.until(lambda: "q=" in browser.url and browser.value("#q") == text, "the search is not made")


def test_what_was_seen_is_found_however_it_was_printed(browser):
    search(browser, SPLIT_WORD)
    section = browser.see("section.hits", "alice")
    assert "web3: unreachable, giving up" in section.text
    assert browser.texts("section.hits mark")[0] == SPLIT_WORD
    # Grouped by session: alice's, and that of who recorded it.
    assert len(browser.texts("section.hits h2")) == 2


def test_commands_are_found_as_they_were_run_and_screens_of_programs_as_they_looked(browser):
    search(browser, f'cmd:"{EDITED_COMMAND}"')
    assert EDITED_COMMAND in browser.see("section.hits", "alice").text
    search(browser, WORD_IN_VIEWER)
    assert WORD_IN_VIEWER in browser.see("section.hits", "alice").text


def test_fields_look_into_programs_files_hosts_addresses_and_events(browser):
    for query, found in {
        "exec:curl": "files.example.test",
        "file:web3.lock": "/srv/deploy/web3.lock",
        "net:192.0.2.7": "192.0.2.7",
        "url:nodes.txt": "https://files.example.test/nodes.txt",
        "exec:shadow": "/etc/shadow",
        "entered:deploy": "deploy",
        f"{SPLIT_WORD} user:alice host:web1*": SPLIT_WORD,
    }.items():
        search(browser, query)
        section = browser.see("section.hits", "alice")
        assert found in section.text, query
        assert browser.find("section.hits mark"), query
        if query != "entered:deploy":
            assert len(browser.texts("section.hits h2")) == 1, query


def test_a_hit_opens_the_player_at_its_moment_with_the_text_in_the_address(browser):
    search(browser, f"{SPLIT_WORD} user:alice")
    link = browser.see("section.hits li a").get_attribute("href")
    assert f"/watch/{ALICE}?t=" in link
    assert f"q={SPLIT_WORD}" in link


def test_a_search_that_cannot_be_understood_says_why_and_one_without_hits_says_so(browser):
    search(browser, "neverwrittenanywhere")
    browser.see("main p", "Nothing was found")
    browser.go(f"{browser.base}/search?q=nofield:x&since=gestern")
    assert "gestern" in browser.text("[role=alert]")
    browser.expect_console("400")


def test_the_search_stays_narrowed_to_the_sessions_it_came_from(browser):
    browser.go(f"{browser.base}/sessions?host=build1*")
    browser.click("a", "Search in these sessions")
    assert browser.value("#host") == "build1*"
    browser.fill("#q", "of the")
    browser.press(Keys.ENTER)
    browser.see("section.hits", "frank")
    assert len(browser.texts("section.hits h2")) == 1
    assert browser.find("section.hits a", "All hits in this session")
