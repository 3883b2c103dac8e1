"""Chromium, as a person uses it: by what is seen and by keys. It waits for conditions only, never for a time."""

import os
import re

from selenium import webdriver
from selenium.common.exceptions import (
    ElementClickInterceptedException,
    ElementNotInteractableException,
    NoSuchElementException,
    StaleElementReferenceException,
    TimeoutException,
)
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import Select, WebDriverWait

from tests.peers import unavailable
from tests.web import axe

CHROMIUM, DRIVER = "/usr/bin/chromium", "/usr/bin/chromedriver"

PATIENCE = 20
"""Seconds until a condition that does not come true is a failure."""

SIZE = (1280, 900)
PHONE = (400, 800)

# The first that can be seen, and has this text if one is given.
FIND = """
return Array.from(document.querySelectorAll(arguments[0])).find(each =>
    each.checkVisibility({ visibilityProperty: true, opacityProperty: false })
    && (!arguments[1] || each.innerText.trim().includes(arguments[1]))) || null;
"""
# What is wider than the window, but for what may be scrolled by itself.
TOO_WIDE = """
const scrolls = node => node && node !== document.body && node !== document.documentElement
    && (['auto', 'scroll', 'hidden', 'clip'].includes(getComputedStyle(node).overflowX)
        || scrolls(node.parentElement));
return Array.from(document.querySelectorAll('body *')).filter(each =>
    each.getBoundingClientRect().right > innerWidth + 1 && each.checkVisibility() && !scrolls(each))
    .map(each => each.outerHTML.slice(0, 120)).slice(0, 5);
"""


def needed():
    """Without Chromium the test is skipped, and fails in CI."""
    missing = [path for path in (CHROMIUM, DRIVER) if not os.access(path, os.X_OK)]
    if missing:
        reason = f"{', '.join(missing)} not installed: apt-get install chromium chromium-driver"
        unavailable(reason)


class Browser:
    """One window. Selectors are CSS, and mean what can be seen; `text` is a part of what it says."""

    def __init__(self, downloads):
        self.downloads = downloads
        options = webdriver.ChromeOptions()
        options.binary_location = CHROMIUM
        for argument in (
            "--headless=new",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-dev-shm-usage",
            "--hide-scrollbars",
            "--lang=en",
            "--autoplay-policy=no-user-gesture-required",
            "--window-size={},{}".format(*SIZE),
        ):
            options.add_argument(argument)
        options.add_experimental_option("prefs", {"download.default_directory": str(downloads)})
        options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
        # Debian's wrapper complains about memory it cannot measure in containers, and goes on.
        self.driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(DRIVER))
        self.driver.set_page_load_timeout(60)
        self.driver.set_script_timeout(60)

    def close(self):
        self.driver.quit()

    # Where it is

    def go(self, url):
        self.driver.get(url)
        return self

    def back(self):
        self.driver.back()

    @property
    def url(self):
        return self.driver.current_url

    @property
    def title(self):
        return self.driver.title

    def size(self, columns=SIZE[0], rows=SIZE[1]):
        size = {"width": columns, "height": rows, "deviceScaleFactor": 1, "mobile": False}
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)

    def looks(self, scheme):
        """ "light" or "dark", as the person's desktop is."""
        features = [
            {"name": "prefers-color-scheme", "value": scheme},
            {"name": "prefers-reduced-motion", "value": "reduce"},
        ]
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})

    # What is seen

    def find(self, selector, text=""):
        """What can be seen now, else None."""
        return self.driver.execute_script(FIND, selector, text)

    def see(self, selector, text="", patience=PATIENCE):
        """Wait until it is there and can be seen."""
        said = f" with {text!r}" if text else ""
        return self.until(lambda: self.find(selector, text), f"no {selector}{said}", patience)

    def gone(self, selector, text=""):
        self.until(lambda: self.find(selector, text) is None, f"{selector} {text!r} is still there")

    def text(self, selector):
        return self.see(selector).text

    def texts(self, selector):
        return self.script(
            "return Array.from(document.querySelectorAll(arguments[0])).filter(e => e.checkVisibility())"
            ".map(e => e.innerText.trim())",
            selector,
        )

    def value(self, selector):
        return self.see(selector).get_property("value")

    def until(self, condition, problem, patience=PATIENCE):
        ignored = (
            NoSuchElementException,
            StaleElementReferenceException,
            ElementClickInterceptedException,
            ElementNotInteractableException,
        )
        try:
            return WebDriverWait(self.driver, patience, 0.05, ignored).until(lambda driver: condition())
        except TimeoutException:
            seen = str(self.script("return document.body.innerText"))[:3000]
            raise AssertionError(f"{problem}; {self.url} says:\n{seen}\nconsole: {self.console()}") from None

    # What a person does

    def click(self, selector, text=""):
        def clicked():
            element = self.find(selector, text)
            if element is None:
                return False
            self.script("arguments[0].scrollIntoView({block: 'nearest'})", element)
            element.click()
            return True

        self.until(clicked, f"{selector} {text!r} cannot be clicked")

    def double_click(self, selector, text=""):
        ActionChains(self.driver).double_click(self.see(selector, text)).perform()

    def fill(self, selector, text):
        element = self.see(selector)
        element.send_keys(Keys.CONTROL, "a")
        element.send_keys(Keys.DELETE)
        element.send_keys(text)

    def choose(self, selector, text):
        Select(self.see(selector)).select_by_visible_text(text)

    def press(self, *keys):
        """Keys for whatever has the focus."""
        ActionChains(self.driver).send_keys(*keys).perform()

    def chord(self, modifier, key):
        ActionChains(self.driver).key_down(modifier).send_keys(key).key_up(modifier).perform()

    def focus(self):
        """What has the focus, in words."""
        return self.script(
            "const e = document.activeElement; if (!e) return '';"
            "return [e.tagName, e.id, e.getAttribute('aria-label') || '', e.innerText || ''].join(' ').trim()"
        )

    def tab_to(self, wanted, most=120):
        """Press Tab until what has the focus says `wanted`, as somebody without a mouse comes there."""
        for _ in range(most):
            self.press(Keys.TAB)
            if re.search(wanted, self.focus()):
                return
        raise AssertionError(f"Tab does not come to {wanted} on {self.url}")

    def hover(self, selector, part=0.5):
        """Point at it, `part` of its width from the left."""
        self._at(selector, part).perform()

    def click_at(self, selector, part):
        self._at(selector, part).click().perform()

    def drag(self, selector, start, end, modifier=None):
        """From one part of its width to another."""
        element = self.see(selector)
        width = element.rect["width"]
        actions = self._at(selector, start)
        if modifier:
            actions = actions.key_down(modifier)
        actions = actions.click_and_hold().move_by_offset(round((end - start) * width / 2), 0)
        actions = actions.move_by_offset(round((end - start) * width / 2), 0).release()
        if modifier:
            actions = actions.key_up(modifier)
        assert element
        actions.perform()

    def _at(self, selector, part):
        element = self.see(selector)
        self.script("arguments[0].scrollIntoView({block: 'nearest'})", element)
        across = round((part - 0.5) * (element.rect["width"] - 2))
        return ActionChains(self.driver, duration=20).move_to_element_with_offset(element, across, 0)

    def downloaded(self, pattern, patience=PATIENCE):
        """Wait for a file that the browser has saved; its bytes. It is removed."""
        path = self.until(
            lambda: next((p for p in self.downloads.glob(pattern) if p.suffix != ".crdownload"), None),
            f"nothing was saved like {pattern}",
            patience,
        )
        data = path.read_bytes()
        path.unlink()
        return data

    # What only programs see

    def script(self, source, *arguments):
        return self.driver.execute_script(source, *arguments)

    def fetch(self, path):
        """What the page itself is answered: status and text."""
        return self.driver.execute_async_script(
            "const done = arguments[1]; fetch(arguments[0]).then(async r => done([r.status, await r.text()]))", path
        )

    def expect_console(self, text):
        """The complaint that the test has provoked is there, and is no fault."""
        complaints = self.console()
        assert any(text in each for each in complaints), complaints
        assert all(text in each for each in complaints), complaints

    def console(self):
        """Complaints in the browser's console since the last call."""
        return [
            f"{entry['level']} {entry['message']}"
            for entry in self.driver.get_log("browser")
            if entry["level"] in ("SEVERE", "WARNING")
            # On a machine that is busy what was asked for early comes late.
            and "was preloaded using link preload but not used" not in entry["message"]
        ]

    def violations(self):
        """What axe finds wrong with the page as it is, in words; [] is good."""
        if not self.script("return !!window.axe"):
            self.driver.execute_cdp_cmd("Page.setBypassCSP", {"enabled": True})
            self.script(axe.script())
        found = self.driver.execute_async_script(
            "const done = arguments[0]; axe.run(document, {resultTypes: ['violations']})"
            ".then(r => done(r.violations.map(v => [v.id, v.help, v.nodes.slice(0, 3).map(n =>"
            " n.target.join(' ') + ': ' + n.failureSummary)])), e => done([['axe', String(e), []]]))"
        )
        return [f"{name}: {help}\n  " + "\n  ".join(nodes) for name, help, nodes in found]

    def too_wide(self):
        """What makes the page wider than its window."""
        wide = self.script("return document.documentElement.scrollWidth > innerWidth + 1")
        return self.script(TOO_WIDE) or (["the page scrolls sideways"] if wide else [])

    def picture(self):
        return self.driver.get_screenshot_as_png()
