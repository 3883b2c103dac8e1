"""Recordings as people make them while they type: many messages of a line or two, made up and always the same."""

import json
from collections.abc import Iterator

from benchmarks.sessions import Sessions

EACH = 100
"""Messages of one recording, besides its start and its end."""

SIZE = 160
"""Characters of terminal output in a message: what a second of an ordinary session has."""

BEGAN = 1_795_431_231.0
BETWEEN = 60.0
"""Seconds from the start of one recording to the next."""

RARE, COMMON = "xylophone concert", "root"
"""A phrase of one recording in a hundred, and a word of one line in five."""


def recordings(count: int) -> Iterator[tuple[str, list[bytes]]]:
    """(id, lines) of each recording. One in a hundred has shown the rare phrase."""
    sessions = Sessions()
    text = ""
    for number in range(count):
        if len(text) < EACH * SIZE:
            text = sessions.output(40 * EACH * SIZE).decode()
        part, text = text[: EACH * SIZE], text[EACH * SIZE :]
        if number % 100 == 7:
            part = f"$ {RARE} tickets\r\n" + part
        yield f"rec{number:08d}", _lines(f"rec{number:08d}", number, part)


def _lines(rec: str, number: int, text: str) -> list[bytes]:
    began = BEGAN + number * BETWEEN
    head = {
        "ver": "2.3",
        "host": f"web{number % 40}.example.test",
        "rec": rec,
        "user": f"user{number % 300}",
        "term": "xterm-256color",
        "session": number % 9999,
    }

    def line(id: int, timing: str, output: str = "", **more: object) -> bytes:
        pos = (id - 1) * 500
        place = {"id": id, "pos": pos, "time": began + pos / 1000, "timing": timing}
        texts = {"in_txt": "", "in_bin": [], "out_txt": output, "out_bin": []}
        return json.dumps(head | place | texts | more, ensure_ascii=False, separators=(",", ":")).encode()

    tty = {"columns": 80, "rows": 24}
    process = {"args": ["bash"], "executable": "/bin/bash", "pid": 4711, "tty": tty}
    start = {"version": "0.1.0", "charset": "UTF-8", "input": False}
    lines = [line(1, "=80x24", event={"action": "session-start"}, process=process, sessrec=start)]
    for index in range(EACH):
        part = text[index * SIZE : (index + 1) * SIZE]
        lines.append(line(index + 2, f"=80x24>{len(part)}", part))
    end = {"action": "session-end", "duration": EACH * 500_000_000}
    lines.append(line(EACH + 2, "", event=end, process={"exit_code": 0}, sessrec={"reason": "exit"}))
    return lines
