"""Which process of a session started which, from its exec events.

Audit tells of a process when it runs a program, not when it is forked or ends. So a process that never ran one (a
subshell) is known by its children only; a process id that comes again is the same process if its parent is the same
one; and when a process ended is known only where an event says so. Parents are looked for among what happened before,
and whatever events claim, the result is a tree.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from auditor.events.event_fields import failed, number, object_in, parent_pid, pid
from auditor.events.event_sentence import sentence
from auditor.events.events import kind, parsed_detail
from auditor.recordings.store import Event

_LOOK_UP = 100
"""Ancestors that are looked at before a process is put below another: a deeper tree than this is left as it is."""


class Run(NamedTuple):
    """A program that a process became, or (`failed`) could not become, at ms into the recording."""

    at: int
    text: str
    failed: bool


@dataclass(slots=True, eq=False)
class Process:
    """A process. Without `runs` it is only known as the parent of others; `at` is when it was first heard of.

    `ended` (ms) and `exit_code` are None where nothing tells them. `files` and `connections` count events.
    """

    pid: int
    at: int
    parent: "Process | None" = None
    parent_pid: int | None = None
    runs: list[Run] = field(default_factory=list)
    children: list["Process"] = field(default_factory=list)
    ended: int | None = None
    exit_code: int | None = None
    files: int = 0
    connections: int = 0


def process_tree(events: Iterable[Event]) -> list[Process]:
    """The processes without a known parent, each with its children, in order of time."""
    building = _Building()
    for event in sorted(events, key=lambda event: (event.at, event.id)):
        fields = parsed_detail(event.detail)
        number_of = pid(fields)
        if number_of is not None:
            building.take(event, fields, number_of)
    return [_without_unknown(root) for root in building.roots]


class _Building:
    def __init__(self) -> None:
        # In order, and quick to remove from.
        self.roots: dict[Process, None] = {}
        self._latest: dict[int, Process] = {}

    def take(self, event: Event, fields: Mapping[str, Any], number_of: int) -> None:
        process = self._latest.get(number_of)
        if event.action == "exec":
            parent = parent_pid(fields)
            if process is None or not _is_same(process, parent):
                process = self._new(number_of, event.at, parent)
            elif process.parent_pid is None and parent is not None:
                self._adopt(process, parent)
            process.runs.append(Run(event.at, sentence(event.action, fields), failed(fields)))
        elif process is not None and event.action == "exit":
            process.ended = event.at
            process.exit_code = number(object_in(fields, "process").get("exit_code"))
        elif process is not None:
            of_kind = kind(event.action)
            process.files += of_kind == "file"
            process.connections += of_kind == "network"

    def _new(self, number_of: int, at: int, parent: int | None) -> Process:
        process = Process(number_of, at, parent_pid=parent)
        if parent is None or parent == number_of:
            self.roots[process] = None
        else:
            above = self._latest.get(parent)
            if above is None:
                above = self._latest[parent] = Process(parent, at)
                self.roots[above] = None
            process.parent = above
            above.children.append(process)
        self._latest[number_of] = process
        return process

    def _adopt(self, process: Process, parent: int) -> None:
        """A process that had children before anything else was known of it turns out to have a parent."""
        process.parent_pid = parent
        above = self._latest.get(parent)
        ancestor = above
        for _ in range(_LOOK_UP):
            if ancestor is None or ancestor is process:
                break
            ancestor = ancestor.parent
        if above is None or ancestor is not None:
            return
        del self.roots[process]
        process.parent = above
        above.children.append(process)


def _is_same(process: Process, parent: int | None) -> bool:
    if process.ended is not None:
        return False
    # Whose parent has ended belongs to process 1 from then on.
    return process.parent_pid is None or parent in (None, process.parent_pid, 1)


def _without_unknown(root: Process) -> Process:
    """Instead of one of which nothing is known but a single child, that child."""
    if root.runs or len(root.children) != 1:
        return root
    return root.children[0]
