"""The processes of a session, drawn as a tree."""

import sys
from collections.abc import Sequence

from rich.console import Console
from rich.text import Text
from rich.tree import Tree

from auditor.events.process_tree import Process, Run
from auditor.output.moments import moment
from auditor.output.printable import printable

MAX_DEPTH = 40
"""Levels that are drawn; what lies deeper stands at the last of them, one below the other."""

_UNLIMITED = 1_000_000
"""Columns where no terminal says how many there are: nothing is folded."""

_GUIDE, _ROOM = 4, 40
"""Columns that a level takes, and those that are left for what stands in it."""

_FAILED, _AT, _ABOUT = "red", "dim", "cyan"


def print_tree(title: str, roots: Sequence[Process]) -> None:
    """A line for each program that was run; folded where a terminal is too narrow."""
    width = None if sys.stdout.isatty() else _UNLIMITED
    # An own console: nothing of a recording is markup, or worth guessing at.
    console = Console(highlight=False, markup=False, emoji=False, width=width)
    deepest = max(1, min(MAX_DEPTH, (console.width - _ROOM) // _GUIDE))
    tree = Tree(Text(printable(title)))
    waiting = [(root, tree, 0) for root in reversed(roots)]
    while waiting:
        process, above, depth = waiting.pop()
        node = above.add(_label(process))
        below = node if depth < deepest else above
        lines: list[tuple[int, Run | Process]] = [(run.at, run) for run in process.runs[1:]]
        lines += [(child.at, child) for child in process.children]
        lines.sort(key=lambda line: line[0])
        # Children come off the stack in order; programs that the process itself became stand above them.
        for _, line in lines:
            if isinstance(line, Run):
                node.add(_run(line, f"{process.pid} then "))
        waiting += [(line, below, depth + 1) for _, line in reversed(lines) if isinstance(line, Process)]
    console.print(tree)


def _label(process: Process) -> Text:
    if not process.runs:
        return Text(f"{moment(process.at)}  {process.pid}  a process that ran no program of its own")
    label = _run(process.runs[0], f"{process.pid}  ")
    about = []
    if process.files:
        about.append(f"{process.files} file event{'s' if process.files > 1 else ''}")
    if process.connections:
        about.append(f"{process.connections} connection{'s' if process.connections > 1 else ''}")
    if process.ended is not None:
        code = "" if process.exit_code is None else f" with {process.exit_code}"
        about.append(f"ended {moment(process.ended)}{code}")
    if about:
        label.append(f"  [{', '.join(about)}]", _FAILED if process.exit_code else _ABOUT)
    return label


def _run(run: Run, before: str) -> Text:
    label = Text()
    label.append(f"{moment(run.at)}  ", _AT)
    label.append(before)
    label.append(_encodable(run.text), _FAILED if run.failed else "")
    return label


def _encodable(text: str) -> str:
    encoding = sys.stdout.encoding or "utf-8"
    return text.encode(encoding, "backslashreplace").decode(encoding)
