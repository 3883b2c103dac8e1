"""Recordings to play, `sessrec play` on a terminal of the test, and inside a tmux of the test."""

import json
import subprocess
import tempfile
import time
import uuid
from pathlib import Path

from auditor.player.timeline import Timeline
from recorder.formats.message import Input, Output, Resize
from tests.recorded import ROOT, SESSREC, OnTerminal, environment

CONFIGURATION = """
set -g status off
set -g history-limit 0
set -g default-terminal tmux-256color
set -g remain-on-exit on
set -s escape-time 10
"""


def line(number, at, packets, *, rec="rec-1", event=None, **fields):
    """One message; packets are of recorder.formats.message, their data UTF-8 or not."""
    timing, texts, binary = "", {"in": "", "out": ""}, {"in": [], "out": []}
    now = at
    for packet in packets:
        if packet.at > now:
            timing += f"+{packet.at - now}"
            now = packet.at
        if isinstance(packet, Resize):
            timing += f"={packet.columns}x{packet.rows}"
            continue
        name, text_mark, bytes_mark = ("in", "<", "[") if isinstance(packet, Input) else ("out", ">", "]")
        try:
            text = packet.data.decode()
            texts[name] += text
            timing += f"{text_mark}{len(text)}"
        except UnicodeDecodeError:
            binary[name] += packet.data
            timing += f"{bytes_mark}0/{len(packet.data)}"
    message = {"ver": "2.3", "host": "host", "rec": rec, "user": "user", "term": "xterm", "session": 1}
    message |= {"id": number, "pos": at, "time": 1_700_000_000 + at / 1000, "timing": timing}
    message |= {"in_txt": texts["in"], "in_bin": binary["in"], "out_txt": texts["out"], "out_bin": binary["out"]}
    if event is not None:
        message["event"] = {"action": event}
    return json.dumps(message | fields, ensure_ascii=False)


def write(path, packets, *, size=(80, 24), rec="rec-1", charset=None, end=False):
    """A recording: start, one message per packet, and the end if wanted."""
    start = {"event": "session-start"} if charset else {}
    if charset:
        start["sessrec"] = {"charset": charset}
    lines = [line(1, 0, [Resize(0, *size)], rec=rec, **start)]
    lines += [line(number, packet.at, [packet], rec=rec) for number, packet in enumerate(packets, 2)]
    if end:
        lines.append(line(len(lines) + 1, packets[-1].at, [], rec=rec, event="session-end"))
    path.write_text("".join(text + "\n" for text in lines))
    return path


def timeline(*moments, complete=True):
    """A timeline with one output at each of the moments."""
    made = Timeline()
    for number, at in enumerate(moments):
        made.add(Output(at, b"%d " % number))
    made.complete = complete
    return made


def play(home, *arguments, size=(24, 80), **variables):
    """`sessrec play` on a PTY."""
    return OnTerminal([*SESSREC, "play", *map(str, arguments)], home, size=size, **variables)


class Window:
    """A program in a tmux of its own, of a size that is wanted; used as a context."""

    def __init__(self, columns, rows, *command, home=None, **variables):
        self.directory = tempfile.TemporaryDirectory()
        self.name = f"play-{uuid.uuid4().hex[:12]}"
        self.environment = environment(
            home or Path(self.directory.name), TMUX_TMPDIR=self.directory.name, **variables
        )
        self.environment["LC_ALL"] = "C.UTF-8"
        self.columns, self.rows = columns, rows
        self.command = command

    def __enter__(self):
        configuration = Path(self.directory.name, "tmux.conf")
        configuration.write_text(CONFIGURATION)
        size = ["-x", str(self.columns), "-y", str(self.rows)]
        self.tmux("-f", str(configuration), "new-session", "-d", *size, "-c", str(ROOT), *map(str, self.command))
        return self

    def __exit__(self, *_):
        self.tmux("kill-server")
        self.directory.cleanup()

    def tmux(self, *arguments):
        command = ["tmux", "-L", self.name, *arguments]
        return subprocess.run(
            command, env=self.environment, capture_output=True, check=True, timeout=20
        ).stdout.decode()

    def screen(self):
        return self.tmux("capture-pane", "-p").split("\n")[: self.rows]

    def ended(self):
        """Whether the program has. tmux writes so into the window as well, but not every time."""
        return self.tmux("list-panes", "-F", "#{pane_dead}").strip() == "1"

    def keys(self, *keys):
        self.tmux("send-keys", *keys)

    def until(self, condition, timeout=20):
        """Waits until the rows fulfil a condition (or contain a text) and gives them."""
        wanted = condition if callable(condition) else lambda rows: any(condition in row for row in rows)
        end = time.monotonic() + timeout
        while True:
            rows = self.screen()
            if wanted(rows):
                return rows
            if time.monotonic() > end:
                raise AssertionError(f"{condition!r} did not come true within {timeout} s:\n" + "\n".join(rows))
            time.sleep(0.03)
