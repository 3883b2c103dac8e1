"""Lines of an audit log in, events out."""

from collections.abc import Callable
from typing import Any

from recorder.audit.accounts import ACTIONS as ACCOUNT_ACTIONS
from recorder.audit.accounts import PRIVILEGE_CALLS, account
from recorder.audit.addresses import address
from recorder.audit.assembly import Group
from recorder.audit.engines import engine as engine_named
from recorder.audit.event import CATEGORIES, AuditEvent
from recorder.audit.executions import execution
from recorder.audit.files import CALLS, change
from recorder.audit.firewall import packet
from recorder.audit.merging import Merger
from recorder.audit.paths import Fields, KnownFiles, Locate, Paths, basename
from recorder.audit.record import (
    CWD,
    MAX_LINE,
    NETFILTER_PKT,
    PROCTITLE,
    SOCKADDR,
    SYSCALL,
    Record,
    parse_lines,
)
from recorder.audit.syscalls import EXEC_CALLS, SOCKETCALLS, little_endian, syscall
from recorder.audit.values import Clock, error, login, number, text

NETWORK_CALLS = {"connect": "connect", "accept": "accept", "accept4": "accept", "bind": "bind"}
RING_CALLS = ("io_uring_setup",)

_LATE = (CWD, PROCTITLE)
"""What is left of an event that was told without them says nothing by itself."""

Names = Callable[[int], str]


class Converter:
    """Takes an audit log in pieces of any size, or records, and gives the events in it.

    `engine` is one of recorder.audit.engines.ENGINES. `names` tells the name of a user id, "" for none; `locate` the
    path of what a running process has open. `bad` counts lines that are no records, `incomplete` events of which too
    much was missing.
    """

    def __init__(self, engine: str = "auto", names: Names | None = None, locate: Locate | None = None) -> None:
        self.engine = engine_named(engine)
        self.bad = 0
        self.incomplete = 0
        self._rest = b""
        self._skipping = False
        self._clock = Clock()
        self._names = names
        self._known = KnownFiles(locate)
        self._merger = Merger()

    def feed(self, data: bytes) -> list[AuditEvent]:
        """The events that these bytes complete; lines may be cut anywhere."""
        return self.feed_records(self._records(data))

    def feed_records(self, records: list[Record]) -> list[AuditEvent]:
        """The events that these records complete, which come from recorder.audit.record.from_netlink or `parse`."""
        events = self._events(self.engine.feed(records))
        return self._merger.feed(events, records[-1].time if records else None)

    def expire(self, now: float) -> list[AuditEvent]:
        """What has waited for more of it until `now`, in seconds since 1970: to be asked about once a second."""
        return self._merger.feed(self._events(self.engine.expire(now)), now)

    def settle(self) -> list[AuditEvent]:
        """What waits for nothing but a repetition, for somebody who cannot wait."""
        return self._merger.finish()

    def finish(self) -> list[AuditEvent]:
        """All that is left, at the end of the log."""
        rest, self._rest = self._rest, b""
        events = self.feed(rest + b"\n") if rest else []
        return events + self._merger.feed(self._events(self.engine.finish()), None) + self._merger.finish()

    def _records(self, data: bytes) -> list[Record]:
        whole, newline, rest = (self._rest + data).rpartition(b"\n")
        self._rest = rest
        if self._skipping and newline:
            # The end of a line that was too long; its beginning has been counted.
            whole = whole.partition(b"\n")[2] if b"\n" in whole else b""
            self._skipping = False
        if len(rest) > MAX_LINE:
            self.bad += not self._skipping
            self._skipping = True
            self._rest = b""
        records, bad = parse_lines(whole.decode(errors="backslashreplace"))
        self.bad += bad
        return records

    def _events(self, groups: list[Group]) -> list[AuditEvent]:
        return [event for event in map(self._event, groups) if event is not None]

    def _event(self, group: Group) -> AuditEvent | None:
        for record in group.records:
            if record.type == SYSCALL:
                return self._called(group, record)
        first = group.records[0]
        if first.type == NETFILTER_PKT:
            return self._made(first, "firewall", True, packet(first), {})
        if first.type in ACCOUNT_ACTIONS:
            sessrec: dict[str, Any] = {}
            found = account(first, sessrec)
            return self._made(first, *found, sessrec) if found else None
        self.incomplete += first.type not in _LATE
        return None

    def _called(self, group: Group, record: Record) -> AuditEvent | None:
        fields = record.fields
        arch = fields.get("arch", "")
        name = syscall(arch, fields.get("syscall", ""))
        if name == "socketcall":
            name = SOCKETCALLS.get(fields.get("a0", ""), "")
        if not name:
            return None
        succeeded = fields.get("success") == "yes"
        sessrec: dict[str, Any] = {}
        if not succeeded:
            sessrec["error"] = error(fields.get("exit", ""))
        process = self._process(fields)
        found: dict[str, Any] = {"process": process}
        if name in EXEC_CALLS:
            action = "exec"
            found.update(execution(group, process, sessrec))
        elif name in CALLS:
            told = change(name, group, fields, Paths(group), self._known, sessrec)
            if told is None:
                return None
            action, found["file"] = told
        elif name in NETWORK_CALLS:
            action = NETWORK_CALLS[name]
            told_network = _network(action, group, arch)
            if told_network is None:
                return None
            found.update(told_network)
        elif name in PRIVILEGE_CALLS:
            action = "privilege"
        elif name in RING_CALLS and succeeded:
            action = "lost"
            sessrec["reason"] = "the process uses io_uring, through which audit does not see files and connections"
        else:
            return None
        if action != "exec":
            sessrec["syscall"] = name
        return self._made(record, action, succeeded, found, sessrec)

    def _process(self, fields: Fields) -> dict[str, Any]:
        executable = text(fields.get("exe", ""))
        effective, real = fields.get("euid", ""), fields.get("uid", "")
        process: dict[str, Any] = {
            "pid": number(fields.get("pid", "")),
            "parent": {"pid": number(fields.get("ppid", ""))},
            "executable": executable,
            "name": basename(executable),
            "user": self._user(effective),
        }
        if real != effective:
            process["real_user"] = self._user(real)
        return process

    def _user(self, uid: str) -> dict[str, str]:
        name = self._names(number(uid)) if self._names is not None else ""
        return {"id": uid, "name": name} if name else {"id": uid}

    def _made(
        self, record: Record, action: str, succeeded: bool, found: dict[str, Any], sessrec: dict[str, Any]
    ) -> AuditEvent:
        category, kind = CATEGORIES[action]
        outcome = "success" if succeeded else "failure"
        if action == "connect" and sessrec.get("error") == "EINPROGRESS":
            outcome = "unknown"  # a connection that the program waits for by other means
        time, _, number_of = record.stamp.partition(":")
        serial = int(number_of)
        event = {
            "action": action,
            "category": [category],
            "type": [kind],
            "outcome": outcome,
            "sequence": serial,
            "start": self._clock.iso(record.stamp),
        }
        if sessrec:
            found["sessrec"] = sessrec
        fields = record.fields
        return AuditEvent(
            float(time),
            serial,
            login(fields.get("auid", "")),
            login(fields.get("ses", "")),
            found.get("process", {}).get("pid", 0),
            {"event": event, **found},
            # What follows it in the kernel's text is not a user's to write.
            record.body.partition(" tty=")[2].partition(" ")[0] if record.type == SYSCALL else "",
        )


def _network(action: str, group: Group, arch: str) -> dict[str, Any] | None:
    for record in group.records:
        if record.type == SOCKADDR:
            found = address(record.fields.get("saddr", ""), little_endian(arch))
            if found is None:
                return None
            ip, port, kind = found
            end = "destination" if action == "connect" else "source"
            return {end: {"ip": ip, "port": port}, "network": {"type": kind}}
    return None
