"""The player page as a person uses it: what stands on the terminal, where playback is, and its controls."""

import time
from urllib.parse import parse_qs, urlsplit

from selenium.webdriver.common.keys import Keys

# The rows of the terminal as text; each piece of a row stands at the column that its style names.
ROWS = """
const player = document.querySelectorAll('.watch')[arguments[0]] ?? document;
return Array.from(player.querySelectorAll('.stage pre.ap-term-text > *'), row => {
    let text = '';
    for (const span of row.children) {
        const column = Number(span.style.getPropertyValue('--offset')) || 0;
        text = text.padEnd(column) + span.textContent;
    }
    return text.trimEnd();
});
"""


# How many colours the progress bar has: marks by kind have their own.
COLOURS = """
const canvas = document.querySelector('[data-part=canvas]');
const data = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data;
const found = new Set();
for (let i = 0; i < data.length; i += 4) found.add(`${data[i]},${data[i + 1]},${data[i + 2]},${data[i + 3]}`);
return found.size;
"""


def part(name):
    return f"[data-part='{name}']"


def button(name):
    return f"[data-do='{name}']"


class Player:
    """`number`: which of those on the page."""

    def __init__(self, browser, number=0):
        self.browser = browser
        self.number = number

    def open(self, rec, query="t=0"):
        self.browser.go(f"{self.browser.base}/watch/{rec}?{query}")
        self.browser.until(lambda: any(self.rows()), "the terminal stays empty")
        return self

    def rows(self):
        return self.browser.script(ROWS, self.number)

    def screen(self):
        return "\n".join(self.rows())

    def shows(self, text, patience=20):
        self.browser.until(lambda: text in self.screen(), f"the terminal does not show {text!r}", patience)

    @property
    def position(self):
        """Seconds; whole ones, as somebody hears them who does not see the bar."""
        return float(self._bar("aria-valuenow"))

    def moment(self):
        """Seconds, to the millisecond, where it is stopped: the address has it a moment later."""
        time.sleep(0.4)
        return float(parse_qs(urlsplit(self.browser.url).query)["t"][0])

    @property
    def length(self):
        return float(self._bar("aria-valuemax"))

    def _bar(self, name):
        script = "return document.querySelectorAll('[data-part=bar]')[arguments[0]].getAttribute(arguments[1])"
        return self.browser.script(script, self.number, name) or "0"

    @property
    def plays(self):
        script = "return document.querySelectorAll('[data-do=play]')[arguments[0]].getAttribute('aria-label')"
        return self.browser.script(script, self.number) == "Pause"

    def pause(self):
        if self.plays:
            self.browser.press("p")
        self.browser.until(lambda: not self.plays, "it does not stop")

    def at(self, low, high, patience=20):
        self.browser.until(
            lambda: low <= self.position <= high, f"not at {low} to {high} s but {self.position}", patience
        )

    def go_to(self, seconds):
        """By keys, as in the terminal player."""
        self.browser.press(*f"{seconds}G")

    def pressed(self, *keys):
        self.browser.press(*keys)

    def has_marks(self):
        """Whether something is marked on the bar."""
        return self.browser.script(COLOURS) > 4

    def events(self):
        """The texts of the event log that can be seen."""
        return self.browser.texts(".rows .row .what")


__all__ = ["Keys", "Player", "button", "part"]
