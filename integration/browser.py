"""A headless browser in the lab, on FreeIPA's web UI as a person uses it.

The browser machine has Chromium and Selenium and is in the server's network. `web_page.py` runs there; what it can do
is called here by name.
"""

import base64
import json
import subprocess
from pathlib import Path
from typing import Any

from integration.machine import LAB, PASSWORD

IN_THE_BROWSER_MACHINE = (str(LAB), "run", "browser")
SCREENSHOTS = Path(__file__).parent.parent / "build/screenshots"


class Browser:
    """A running browser. Each method of `web_page.Page` is one of this class."""

    def __init__(self, *arguments: str, tickets: str = "") -> None:
        """`arguments`: more of Chromium's own. `tickets`: a credential cache of the machine, which it may use."""
        # The program as an argument: nothing has to be placed in the machine.
        program = Path(__file__).with_name("web_page.py").read_text()
        self._process = subprocess.Popen(
            [
                *IN_THE_BROWSER_MACHINE,
                "env",
                f"KRB5CCNAME={tickets or '/nowhere'}",
                *("python3", "-u", "-c", program, *arguments),
            ],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.user = ""

    def login(self, user: str) -> None:
        """Log in as this user of the lab, unless it is who is logged in."""
        if user != self.user:
            self.user = ""
            self._call("login", user, PASSWORD)
            self.user = user

    def __getattr__(self, name: str) -> Any:
        return lambda *arguments: self._call(name, *arguments)

    def close(self) -> None:
        """End the browser."""
        assert self._process.stdin
        self._process.stdin.close()
        self._process.wait(timeout=30)

    def take_picture(self, name: str) -> None:
        """Save what is seen as build/screenshots/NAME.png."""
        SCREENSHOTS.mkdir(parents=True, exist_ok=True)
        (SCREENSHOTS / f"{name}.png").write_bytes(base64.b64decode(self._call("screenshot")))

    def _call(self, method: str, *arguments: Any) -> Any:
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(json.dumps([method, *arguments]) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        if not line:
            raise AssertionError(f"the browser is gone, exit status {self._process.wait(timeout=30)}")
        answer = json.loads(line)
        if "error" in answer:
            # Whoever goes on starts from a fresh page.
            self.user = ""
            raise AssertionError(answer["error"])
        return answer["result"]
