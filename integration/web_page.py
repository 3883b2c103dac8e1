"""A browser on FreeIPA's web UI, driven by calls on standard input. Runs in the lab's browser machine.

Each line of input is a JSON list [METHOD, ARGUMENT...] of `Page`; the answer is one line {"result": ...} or
{"error": TEXT}. It waits by conditions only: for what is asked for to be there, and for the web UI to have no
request under way.
"""

import base64
import json
import sys
from collections.abc import Callable
from typing import Any

from selenium import webdriver
from selenium.common.exceptions import NoSuchElementException, StaleElementReferenceException, TimeoutException
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.ui import Select, WebDriverWait

URL = "https://ipa.lab.test/ipa/ui/"
PATIENCE = 60
"""Seconds until a condition that does not come true is an error."""

FACET = ".facet.active-facet"
MENU = ".navbar-nav li > a"
DIALOG = ".modal.in .modal-dialog"
WIDTH = 1240
"""Of the window, in pixels: the menu has room in one line."""
# No request is under way, and nothing moves: a dialog glides into its place.
IDLE = """
return document.readyState === 'complete'
    && (window.jQuery ? jQuery.active === 0 : !location.pathname.startsWith('/ipa/'))
    && !document.getAnimations().some(each => each instanceof CSSTransition && each.playState === 'running');
"""
# The first that can be seen, and has this text if one is given.
FIND = """
return Array.from(document.querySelectorAll(arguments[0])).find(each =>
    each.checkVisibility({ visibilityProperty: true }) && (!arguments[1] || each.innerText.trim() === arguments[1]));
"""
# The web UI follows its address; this ends when it has begun to.
GO = """
const done = arguments[1];
if (location.hash === arguments[0]) done();
else {
    addEventListener('hashchange', () => setTimeout(done), { once: true });
    location.hash = arguments[0];
}
"""
# Where the lowest of these ends.
BOTTOM = """
return Math.ceil(Math.max(...Array.from(document.querySelectorAll(
    '.active-facet .details-section, .active-facet .facet-controls, .active-facet table, .modal.in .modal-dialog'),
    each => each.getBoundingClientRect().bottom + window.scrollY))) + 30;
"""


class Page:
    """What a person does and sees. Selectors are CSS, and mean what is visible."""

    def __init__(self) -> None:
        options = webdriver.ChromeOptions()
        for argument in (
            "--headless=new",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-dev-shm-usage",
            f"--window-size={WIDTH},900",
            "--hide-scrollbars",
            "--lang=en",
            *sys.argv[1:],
        ):
            options.add_argument(argument)
        options.accept_insecure_certs = True
        options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
        self.driver = webdriver.Chrome(options=options, service=webdriver.ChromeService("/usr/bin/chromedriver"))

    def login(self, user: str, password: str) -> None:
        """Log in with the form, as another user if one is logged in."""
        self.driver.delete_all_cookies()
        self.driver.get("about:blank")
        self.driver.get(URL)
        self.fill("input[name=username]", user)
        self.fill("input[name=password]", password)
        self.click("button[name=login]")
        self.visible(".facet.active-facet:not([data-name=login]):not([data-name=load])")
        self.settle()

    def go(self, place: str) -> None:
        """Show a page, by the part of its address after the hash, as it is on the server now."""
        self.driver.execute_async_script(GO, f"#{place}")
        self.visible(FACET)
        self.settle()
        if self.shown(f"{FACET} button[name=refresh]") and not self.shown(DIALOG):
            self.click(f"{FACET} button[name=refresh]")

    def open(self, address: str) -> None:
        """Show a page of another server."""
        self.driver.get(address)

    def address(self) -> str:
        """Of the page that is shown, or of the frame that is entered."""
        return str(self.driver.execute_script("return location.href"))

    def enter(self, selector: str) -> None:
        """From now on, what is in a frame."""
        self.driver.switch_to.frame(self.visible(selector))

    def leave(self) -> None:
        """From now on, the page that the frame is in."""
        self.driver.switch_to.default_content()

    def reload(self) -> None:
        """Load the web UI anew, on the page that is shown."""
        self.driver.refresh()
        self.visible(FACET)
        self.settle()

    def menu(self, *labels: str) -> None:
        """Choose an entry of the menu by the labels on the way to it."""
        for label in labels:
            self._wait(lambda label=label: self._find(MENU, label), f"no entry {label} in the menu").click()
        self.settle()

    def menu_labels(self) -> list[str]:
        """All entries of the menu, also of levels that are not open."""
        found = self.driver.find_elements(By.CSS_SELECTOR, MENU)
        return [(item.get_attribute("textContent") or "").strip() for item in found]

    def fill(self, selector: str, text: str) -> None:
        """Replace what stands in an input."""
        element = self.visible(selector)
        element.send_keys(Keys.CONTROL, "a")
        element.send_keys(Keys.DELETE)
        element.send_keys(text)

    def click(self, selector: str) -> None:
        """Click, as soon as it can be clicked."""

        def clicked() -> bool:
            element = self._find(selector)
            if element is None or not element.is_enabled():
                return False
            self.driver.execute_script("arguments[0].scrollIntoView({block: 'center'})", element)
            element.click()
            return True

        self._wait(clicked, f"{selector} cannot be clicked")
        self.settle()

    def tick(self, selector: str, value: str) -> None:
        """Choose the radio button or checkbox of this value within `selector`, and back if it was."""
        for element in self.driver.find_elements(By.CSS_SELECTOR, f"{selector} input"):
            if element.get_attribute("value") == value:
                self._point(element)
                return
        raise NoSuchElementException(f"{selector} has no choice {value}")

    def ticked(self, selector: str) -> list[str]:
        """Values that are chosen within `selector`."""
        found = self.driver.find_elements(By.CSS_SELECTOR, f"{selector} input")
        return [element.get_attribute("value") or "" for element in found if element.is_selected()]

    def choose(self, selector: str, value: str) -> None:
        """Choose from a list."""
        Select(self.visible(selector)).select_by_value(value)
        self.settle()

    def value(self, selector: str) -> str:
        """What stands in an input."""
        return self.visible(selector).get_attribute("value") or ""

    def text(self, selector: str) -> str:
        """The text that is seen."""
        return self.visible(selector).text

    def texts(self, selector: str) -> list[str]:
        """The texts of all that are visible, which may be none."""
        found = self.driver.find_elements(By.CSS_SELECTOR, selector)
        return [element.text for element in found if element.is_displayed()]

    def count(self, selector: str) -> int:
        """How many there are, visible or not."""
        return len(self.driver.find_elements(By.CSS_SELECTOR, selector))

    def attribute(self, selector: str, name: str) -> str:
        """An attribute of what is visible; empty if it has none."""
        return self.visible(selector).get_attribute(name) or ""

    def enabled(self, selector: str) -> bool:
        """Whether a visible control can be used."""
        return self.visible(selector).is_enabled()

    def shown(self, selector: str) -> bool:
        """Whether it is visible now."""
        return self._find(selector) is not None

    def rows(self) -> list[dict[str, str]]:
        """The table of the page: for each row the text of each named cell."""
        return self.driver.execute_script(
            """
            return Array.from(document.querySelectorAll(arguments[0] + ' tbody tr'), row => Object.fromEntries(
                Array.from(row.querySelectorAll('td > div[name]'), cell =>
                    [cell.getAttribute('name'), cell.innerText.trim()])));
            """,
            FACET,
        )

    def select_row(self, column: str, text: str) -> None:
        """Tick the row that has this text in this column."""
        for row in self.driver.find_elements(By.CSS_SELECTOR, f"{FACET} tbody tr"):
            if row.find_element(By.CSS_SELECTOR, f"div[name='{column}']").text == text:
                self._point(row.find_element(By.CSS_SELECTOR, "input[type=checkbox]"))
                return
        raise NoSuchElementException(f"no row with {column} {text}")

    def action(self, name: str) -> None:
        """Choose from the page's list of actions."""
        self.click(f"{FACET} .facet-actions .dropdown-toggle")
        self.click(f"{FACET} .facet-actions li[data-name={name}] a")

    def actions(self) -> list[str]:
        """Names in the page's list of actions that can be chosen."""
        found = self.driver.find_elements(By.CSS_SELECTOR, f"{FACET} .facet-actions li[data-name]")
        return [
            item.get_attribute("data-name") or ""
            for item in found
            if "disabled" not in (item.get_attribute("class") or "").split()
            and item.value_of_css_property("display") != "none"
        ]

    def confirm(self) -> str:
        """Say yes to the question that is asked; the question."""
        question = self.visible(f"{DIALOG} .modal-body").text
        self.click(f"{DIALOG} button[name=ok]")
        self._wait(lambda: not self.shown(DIALOG), "the dialog stays")
        self.settle()
        return question

    def error(self) -> str:
        """Close the dialog that tells of an error; what it tells."""
        told = self.visible(f"{DIALOG} .modal-body").text
        self.click(f"{DIALOG} button[name=cancel], {DIALOG} button[name=ok]")
        self._wait(lambda: not self.shown(DIALOG), "the dialog stays")
        return told

    def visible(self, selector: str) -> WebElement:
        """Wait until it is there and can be seen."""
        return self._wait(lambda: self._find(selector), f"{selector} is not there")

    def gone(self, selector: str) -> None:
        """Wait until nothing of it can be seen."""
        self._wait(lambda: self._find(selector) is None, f"{selector} is still there")

    def settle(self) -> None:
        """Wait until no request is under way."""
        self._wait(lambda: self.driver.execute_script(IDLE), "requests do not end")

    def script(self, source: str) -> Any:
        """Evaluate JavaScript on the page."""
        return self.driver.execute_script(source)

    def console(self) -> list[str]:
        """What the browser wrote to its console as warnings and errors since the last call."""
        return [
            f"{entry['level']} {entry['message']}"
            for entry in self.driver.get_log("browser")
            if entry["level"] in ("SEVERE", "WARNING")
        ]

    def screenshot(self) -> str:
        """The page from its top to its end, and a dialog that lies over it, without notifications; PNG in base64."""
        while self.shown(".notification-area .alert .close"):
            self.click(".notification-area .alert .close")
        self._size(WIDTH, 900)
        self._size(WIDTH, self.driver.execute_script(BOTTOM))
        picture = self.driver.get_screenshot_as_png()
        self.driver.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
        return base64.b64encode(picture).decode()

    def _size(self, width: int, height: int) -> None:
        size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
        self.settle()

    def _find(self, selector: str, text: str = "") -> WebElement | None:
        return self.driver.execute_script(FIND, selector, text)

    def _point(self, element: WebElement) -> None:
        # FreeIPA's checkboxes are transparent and lie over what is drawn in their place: only their position counts.
        self.driver.execute_script("arguments[0].scrollIntoView({block: 'center'})", element)
        ActionChains(self.driver).move_to_element(element).click().perform()
        self.settle()

    def _wait(self, condition: Callable[[], Any], problem: str) -> Any:
        ignored = (NoSuchElementException, StaleElementReferenceException)
        try:
            return WebDriverWait(self.driver, PATIENCE, 0.05, ignored).until(lambda driver: condition())
        except TimeoutException:
            raise TimeoutException(f"{problem}; the page says:\n{self._seen()}") from None

    def _seen(self) -> str:
        return str(self.driver.execute_script("return document.body.innerText"))[:2000]


def serve() -> None:
    """Answer calls until the input ends."""
    page = Page()
    try:
        for line in sys.stdin:
            method, *arguments = json.loads(line)
            try:
                result = getattr(page, method)(*arguments)
                answer = {"result": None if isinstance(result, WebElement) else result}
            except Exception as error:  # each failure is the caller's to report
                # Selenium's own text ends with a stack trace of Chromium.
                problem = getattr(error, "msg", None) or str(error)
                answer = {"error": f"{method}{tuple(arguments)}: {type(error).__name__}: {problem}"}
            print(json.dumps(answer), flush=True)
    finally:
        page.driver.quit()


serve()
