"""tmux as the judge of a screen: the same bytes, and what `capture-pane` says stands there afterwards."""

import os
import re
import subprocess
import sys
import tempfile
import uuid
from pathlib import Path

CONFIGURATION = """
set -g history-limit 0
set -g status off
"""

# Runs in the pane. Each case ends in a request for the terminal's status: its answer says that tmux has read all.
DRIVER = r"""
import os, sys, tty
tty.setraw(0)
cases, done = open(sys.argv[1], "rb"), open(sys.argv[2], "wb", buffering=0)
while True:
    header = cases.readline()
    if not header:
        break
    sys.stdout.buffer.write(cases.read(int(header)) + b"\x1b\\\x1b[5n")
    sys.stdout.buffer.flush()
    seen = b""
    while not seen.endswith(b"\x1b[0n"):
        seen += os.read(0, 1)
    done.write(b".")
"""

RESET = "\x1bc\x1b[?1049l\x1b[H\x1b[?1049h\x1b[?1049l\x1bc\x1b7"
"""From whatever the last case left behind to a blank screen, the cursor saved at its first cell."""

GRAPHICS = str.maketrans("_`abcdefghijklmnopqrstuvwxyz{|}~", " ◆▒␉␌␍␊°±␤␋┘┐┌└┼⎺⎻─⎼⎽├┤┴┬│≤≥π≠£·")


class Tmux:
    """One pane of a tmux server of its own, driven through control mode."""

    def __init__(self):
        self.directory = tempfile.TemporaryDirectory()
        home = Path(self.directory.name)
        configuration, driver = home / "tmux.conf", home / "driver.py"
        cases, done = home / "cases", home / "done"
        configuration.write_text(CONFIGURATION)
        driver.write_text(DRIVER)
        os.mkfifo(cases)
        os.mkfifo(done)
        self.name = f"screen-{uuid.uuid4().hex[:12]}"
        environment = {key: value for key, value in os.environ.items() if key not in ("TMUX", "TMUX_PANE")}
        environment |= {"LC_ALL": "C.UTF-8", "TERM": "xterm-256color", "TMUX_TMPDIR": self.directory.name}
        self.client = subprocess.Popen(
            [
                "tmux",
                "-L",
                self.name,
                "-f",
                configuration,
                "-C",
                "new-session",
                "-x80",
                "-y24",
                sys.executable,
                driver,
                cases,
                done,
            ],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=environment,
        )
        self.cases = cases.open("wb", buffering=0)
        self.done = done.open("rb", buffering=0)
        self._answer()
        self._command("refresh-client -f no-output")
        # In the configuration file it makes tmux 3.3a end at once.
        self._command("set-option -g window-size manual")
        self.size = (80, 24)

    def close(self):
        self.client.stdin.write(b"kill-server\n")
        self.client.stdin.close()
        self.client.stdout.read()
        self.client.wait(10)
        self.cases.close()
        self.done.close()
        self.directory.cleanup()

    def show(self, columns, rows, *steps):
        """Rows and cursor after RESET and then texts (str or bytes) and sizes (a pair), one after the other."""
        self._resize((columns, rows))
        self._write(RESET)
        # Rows that wrapping anew pushed out at the top stay as history, even with none allowed, and come back.
        self._command("clear-history")
        for step in steps:
            if isinstance(step, tuple):
                self._resize(step)
            else:
                self._write(step)
        captured = self._command("capture-pane -p -e")
        position = self._command("display-message -p '#{cursor_x} #{cursor_y}'")[0]
        x, y = map(int, position.split())
        return _plain(captured), (min(x, self.size[0] - 1), y)

    def _resize(self, size):
        if size != self.size:
            self._command("resize-window -x{} -y{}".format(*size))
            self.size = size

    def _write(self, text):
        data = text if isinstance(text, bytes) else text.encode()
        self.cases.write(b"%d\n" % len(data))
        view = memoryview(data)
        while view:
            view = view[self.cases.write(view) :]
        assert self.done.read(1) == b"."

    def _command(self, line):
        self.client.stdin.write(line.encode() + b"\n")
        self.client.stdin.flush()
        return self._answer()

    def _answer(self):
        """The lines between the next %begin and its %end; notifications in between are skipped."""
        answer = None
        while True:
            line = self.client.stdout.readline()
            assert line, "tmux has gone"
            text = line.decode("utf-8", "surrogateescape").rstrip("\n")
            if text.startswith("%begin "):
                answer = []
                guard = text.split()[2]
            elif answer is not None and text.startswith("%error ") and text.split()[2] == guard:
                raise AssertionError(answer)
            elif answer is not None and text.startswith("%end ") and text.split()[2] == guard:
                return answer
            elif answer is not None:
                answer.append(text)


def _plain(rows):
    """tmux writes graphics as letters between SO and SI, over the ends of rows, and colours as they were."""
    text = re.sub(r"\x1b\[[0-9;:]*m|\x1b\]8;[^\x1b]*\x1b\\", "", "\n".join(rows))
    text = re.sub("\x0e([^\x0f]*)\x0f?", lambda found: found[1].translate(GRAPHICS), text)
    return [row.rstrip(" ") for row in text.split("\n")]
