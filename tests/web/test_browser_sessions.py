"""The list of sessions in Chromium: what is in it, how it is narrowed, and that its address says it all."""

import time

from selenium.webdriver.common.keys import Keys

ROWS = "table.list tbody tr"
USERS = "table.list tbody td:nth-child(2)"


def users(browser):
    return browser.texts(USERS)


def show(browser):
    browser.click(".filter button[type=submit]")


def test_the_list_says_who_where_when_how_long_and_how_much(browser, library):
    browser.go(browser.base)
    browser.see("h1", "Sessions")
    row = browser.see(ROWS, "alice").text
    assert "web1.example.test" in row
    assert " 0:00:" in row
    # Its commands and its events.
    counts = browser.texts("table.list tbody td.number.wide")
    rows = browser.texts(ROWS)
    place = next(number for number, text in enumerate(rows) if "alice" in text)
    assert counts[2 * place : 2 * place + 2] == ["6", "11"]
    # The latest first.
    assert users(browser)[1:] == ["alice", "bob", "dave", "erin", "frank", "carol"]
    assert "7:59:50" in browser.see(ROWS, "frank").text


def test_each_session_says_whether_it_can_be_believed(browser):
    states = {"alice": "complete", "carol": "truncated", "dave": "tampered", "erin": "unsigned", "frank": "complete"}

    def told():
        browser.go(f"{browser.base}/sessions")
        rows = dict(zip(users(browser), browser.texts(ROWS), strict=True))
        return all(state in rows[name] for name, state in states.items())

    browser.until(told, "not all are verified in the background")
    # A verdict that is bad is seen by more than its colour.
    assert browser.find(".state", "tampered")
    browser.choose("#state", "tampered")
    show(browser)
    browser.until(lambda: users(browser) == ["dave"], "the list is not narrowed to what was tampered with")
    assert "state=tampered" in browser.url


def test_sessions_are_found_by_patterns_of_users_and_hosts(browser):
    browser.go(f"{browser.base}/sessions")
    browser.fill("#user", "*a*,-dave")
    browser.fill("#host", "web*")
    browser.press(Keys.ENTER)
    browser.until(lambda: users(browser) == ["alice", "carol"], "not narrowed")
    # The address is the state: somebody else sees the same.
    address = browser.url
    browser.go("about:blank")
    browser.go(address)
    assert users(browser) == ["alice", "carol"]
    assert browser.value("#user") == "*a*,-dave"


def test_ranges_have_names_and_go_to_the_minute(browser):
    browser.go(f"{browser.base}/sessions")
    browser.choose("#range", "Last 7 days")
    show(browser)
    browser.until(lambda: "carol" not in users(browser), "ten days ago is shown as the last week")
    assert "frank" in users(browser)
    browser.choose("#range", "Last 24 hours")
    show(browser)
    browser.until(lambda: "bob" not in users(browser), "yesterday is shown as the last 24 hours")
    assert "alice" in users(browser)

    browser.click(".filter a", "Clear")
    browser.until(lambda: "carol" in users(browser), "the filter stays")
    # dave's session was two days ago; a minute before and after it.
    began = time.time() - 2 * 86_400
    for name, moment in (("since", began - 120), ("until", began + 240)):
        text = time.strftime("%Y-%m-%dT%H:%M", time.gmtime(moment))
        browser.script("arguments[0].value = arguments[1]", browser.see(f"#{name}"), text)
    show(browser)
    browser.until(lambda: users(browser) == ["dave"], "not narrowed to the minute")
    assert "since=" in browser.url


def test_sessions_are_grouped_by_host_user_and_day_and_a_group_opens_its_sessions(browser):
    browser.go(f"{browser.base}/sessions")
    browser.choose("#group", "host")
    show(browser)
    browser.see("th", "Host")
    browser.until(lambda: browser.find("tbody tr", "web1.example.test"), "no group of web1")
    assert "2" in browser.find("tbody tr", "web1.example.test").text.split()
    browser.choose("#group", "user")
    show(browser)
    browser.see("thead th", "User")
    assert browser.see("tbody th", "frank")
    browser.choose("#group", "day")
    show(browser)
    day = time.strftime("%Y-%m-%d", time.gmtime(time.time() - 4 * 86_400))
    browser.click("tbody a", day)
    browser.until(lambda: users(browser) == ["frank"], "the day of frank's session does not have it alone")


def test_a_filter_is_saved_under_a_name_and_removed(browser):
    browser.go(f"{browser.base}/sessions?host=db1*")
    browser.fill("#name", "The <b>database</b>")
    browser.click(".save button")
    browser.see("[role=status]", "saved")
    browser.go(f"{browser.base}/sessions")
    browser.click(".saved a", "The <b>database</b>")
    browser.until(lambda: set(users(browser)) == {"bob", "dave"}, "the saved filter does not narrow")
    browser.click(".saved button")
    browser.gone(".saved a")


def test_what_cannot_be_understood_is_told_beside_the_form(browser):
    browser.go(f"{browser.base}/sessions?since=gestern")
    assert "gestern" in browser.text("[role=alert]")
    browser.go(f"{browser.base}/sessions?user=nobody")
    browser.see("main p", "No session matches")
    # The status 400 of the first is in the console, as it should be.
    browser.expect_console("400")


def test_a_session_is_found_and_opened_without_a_mouse(browser):
    browser.go(f"{browser.base}/sessions")
    browser.press(Keys.TAB)
    assert "Skip to the content" in browser.focus()
    browser.press(Keys.ENTER)
    browser.tab_to("user")
    browser.press("bob", Keys.ENTER)
    browser.until(lambda: users(browser) == ["bob"], "Enter does not show what was asked for")
    browser.tab_to(r"^A .*\d\d:\d\d")
    browser.press(Keys.ENTER)
    browser.until(lambda: "/watch/" in browser.url, "Enter does not open the session")
