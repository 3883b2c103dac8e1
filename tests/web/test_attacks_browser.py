"""What a hostile user has recorded, shown by Chromium: it is text, wherever it stands, and does nothing."""

import pytest
from selenium.webdriver.common.keys import Keys

from recorder.formats.message import Input, Output
from tests.audited import audited, connected, executed, touched
from tests.recordings import ingested, new_store, write_objects
from tests.web.browser import Browser, needed
from tests.web.serving import Server
from tests.web.watching import Player, part

IMAGE = "<img src=x onerror=window.pwned=1>"
SVG = "\"'><svg onload=window.pwned=1>"
SCRIPT = "</title></script><script>window.pwned=1</script>"
SHOTS = f"{IMAGE}{SVG}{SCRIPT}{{{{7*7}}}}${{7*7}}&lt;i&gt;"
LINK = "javascript:window.pwned=1"
REC = f"x{IMAGE}{SVG}"
TURNED = "\u202egnp.exe\u2066"

TITLES = (
    f"\x1b]0;{SHOTS}\x07",
    f"\x1b]2;{SHOTS}\x1b\\",
    f"\x1b]8;;{LINK}\x1b\\a link\x1b]8;;\x1b\\",
    f"\x1b]1337;File=inline=1:{IMAGE}\x07",
    f"\x1b]52;c;{IMAGE}\x07",
    f"\x1bP{IMAGE}\x1b\\",
    f"\x1b_G{IMAGE}\x1b\\",
    "\x1b[38;2;1;2;99999999999999m",
    f"\x1b]777;notify;{IMAGE};x\x07",
    "\x1b[21t\x1b[c\x1b[6n",
)

FOUND = """
const hostile = Array.from(document.querySelectorAll('*')).filter(each =>
    (each.tagName === 'SCRIPT' && !each.src) || (each.tagName === 'IMG')
    || each.getAttributeNames().some(name => name.startsWith('on'))
    || (each.href && String(each.href.baseVal ?? each.href).startsWith('javascript:')));
return [window.pwned ?? null, hostile.map(each => each.outerHTML.slice(0, 200))];
"""


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    """A browser of its own, signed in at a server whose only session is a hostile one."""
    needed()
    place = tmp_path_factory.mktemp("hostile")
    store = new_store(place)
    write_objects(
        place / "m.jsonl",
        audited(
            executed(10, 100, 1, "-bash", SHOTS, path=f"/tmp/{SVG}", script=SHOTS),
            Output(100, SHOTS.encode() + b"\r\n"),
            *(Output(200 + number, text.encode()) for number, text in enumerate(TITLES)),
            Input(300, SHOTS.encode()),
            executed(400, 101, 100, IMAGE, SCRIPT, urls=[f"{LINK}//{IMAGE}"], hosts=[IMAGE], outcome="failure"),
            touched(500, "file-create", f"/tmp/{SHOTS}", pid=101, by=IMAGE),
            connected(600, IMAGE, 443, pid=101, by=SVG),
            {"event": {"action": SHOTS, "reason": IMAGE}, "sessrec": {"at": 700}, IMAGE: {SVG: SCRIPT}},
            {"event": {"action": "alert", "reason": SHOTS}, "rule": {"name": IMAGE}, "sessrec": {"at": 710}},
            Output(800, f"\r\nthe end {TURNED}\r\n".encode()),
            rec=REC,
            user=SHOTS,
            host=f"{IMAGE}.example.test",
            term=SHOTS,
        ),
    )  # fmt: skip
    ingested(store, place / "m.jsonl")
    store.close()
    server = Server(place, store.path)
    browser = Browser(place)
    browser.go(server.address())
    browser.base = server.base
    yield browser
    browser.close()
    server.close()


def harmless(browser):
    assert browser.script(FOUND) == [None, []]
    assert [line for line in browser.console() if "Refused" in line or "Content Security" in line] == []


def watch(browser):
    browser.go(f"{browser.base}/sessions")
    browser.click("table.list tbody a")
    player = Player(browser)
    browser.until(lambda: any(player.rows()), "the terminal stays empty")
    return player


@pytest.mark.parametrize(
    "query", ["", "?group=user", "?group=host", "?user=*pwned*", "?since=%3Cimg%20src=x%20onerror=x%3E"]
)
def test_the_list_shows_names_as_they_are(browser, query):
    browser.go(f"{browser.base}/sessions{query}")
    browser.see("h1")
    if "since" not in query:
        assert IMAGE in browser.text("main")
    harmless(browser)


@pytest.mark.parametrize("group", ["user", "host"])
def test_a_group_with_a_strange_name_opens_its_sessions(browser, group):
    browser.go(f"{browser.base}/sessions?group={group}")
    browser.click("tbody th a")
    browser.until(lambda: "group=" not in browser.url, "the group does not open")
    assert len(browser.texts("table.list tbody tr")) == 1
    harmless(browser)


@pytest.mark.parametrize("query", ["pwned", "exec:pwned", "file:pwned", "url:pwned", IMAGE, '"{{7*7}}"'])
def test_hits_are_text(browser, query):
    browser.go(f"{browser.base}/search")
    browser.fill("#q", query)
    browser.press(Keys.ENTER)
    browser.until(lambda: "q=" in browser.url, "not searched")
    assert "pwned" in browser.see(".hits").text
    harmless(browser)


def test_the_player_shows_text_as_text_and_obeys_no_title(browser):
    player = watch(browser)
    title = browser.title
    player.pressed(Keys.END)
    player.shows("the end")
    assert IMAGE in player.screen().replace("\n", "")
    assert browser.title == title
    browser.until(lambda: any("onerror" in text for text in player.events()), "the log is empty")
    for name in ("tree", "hits", "log"):
        browser.click(f"[data-tab={name}]")
        harmless(browser)
    browser.click("[data-do=verify]")
    browser.see(part("verdict"), "unsigned")
    browser.hover(part("bar"), 0.9)
    browser.see(part("peek"))
    for row in range(len(player.events())):
        browser.driver.find_elements("css selector", ".rows .row")[row].click()
    browser.click("label", "Input")
    browser.fill(part("query"), IMAGE)
    browser.press(Keys.ENTER)
    browser.until(lambda: "hit" in browser.text(part("found")), "not found in the session")
    browser.click("[data-tab=hits]")
    browser.see(part("hits") + " mark")
    harmless(browser)
    # The address that is shared leads to the same.
    browser.go(browser.url)
    browser.until(lambda: any(player.rows()), "the terminal stays empty")
    harmless(browser)


def test_what_turns_text_around_turns_nothing_on_the_page(browser):
    player = watch(browser)
    player.pressed(Keys.END)
    player.shows("the end")
    browser.go(f"{browser.base}/search?q=gnp")
    assert "the end gnp.exe" in browser.text(".hits")


def test_a_name_of_a_download_is_harmless(browser):
    watch(browser)
    href = browser.find("a", "text").get_attribute("href")
    headers = browser.driver.execute_async_script(
        "fetch(arguments[0]).then(r => arguments[1](r.headers.get('content-disposition')))", href
    )
    name = headers.partition("filename=")[2].strip('"')
    assert name.replace("-", "").replace("_", "").replace(".", "").isalnum()


def test_holds_and_the_trail_show_names_as_they_are(browser):
    browser.go(f"{browser.base}/holds")
    browser.fill("[name=rec]", REC)
    browser.fill("[name=reason]", SHOTS)
    browser.press(Keys.ENTER)
    browser.see("tbody tr", IMAGE)
    harmless(browser)
    browser.go(f"{browser.base}/search?q={IMAGE.replace(' ', '+')}")
    browser.go(f"{browser.base}/trail")
    browser.see("tbody tr", IMAGE)
    harmless(browser)
    browser.click("tbody a")
    browser.until(lambda: "/watch/" in browser.url, "the trail leads nowhere")
    browser.see("h1")
    harmless(browser)


def test_two_hostile_sessions_are_compared(browser):
    browser.go(f"{browser.base}/compare")
    browser.fill("[name=left]", REC)
    browser.fill("[name=right]", REC)
    browser.press(Keys.ENTER)
    browser.until(lambda: len(browser.texts(".watch h1")) == 2, "not side by side")
    harmless(browser)
