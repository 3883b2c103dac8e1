"""What hosts say of their sessions, made fit to be shown.

A host writes its entries itself, and a hostile one writes what it likes: control characters for the auditor's
terminal, megabytes, states and times that are none. Nothing of that reaches a reader as it stands.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from ipapython.dn import DN

LONGEST = 256
"""Characters of a value that are shown."""
MOST = 20
"""Values of an attribute that are shown."""
MISSED = 3
"""Heartbeats without a word after which a host counts as gone."""

STATES = ("running", "suspended", "ended")
"""What a host says of a session, in ipaRecordingState."""
RUNNING, SUSPENDED, TERMINATED = WANTED = ("running", "suspended", "terminated")
"""What an auditor may want, in ipaRecordingWanted."""


@dataclass(frozen=True)
class Report:
    """The last of a host."""

    seen: datetime | None
    stale: bool
    """Nobody is left who could act on what is wanted."""


def clean(entry: Any, raw: bool) -> None:
    """Replace all values that a host may have written, and the name.

    They are assigned anew, as text: FreeIPA would convert a value where it is read, and fail on what it cannot.
    """
    for name in [name for name in entry if name.lower() not in ("attributelevelrights", "objectclass")]:
        values = entry.raw[name]
        del entry[name]
        attribute = name.lower()
        if attribute == "iparecordingstart" and not raw and (start := moment(values[0])):
            entry[attribute] = [start]
        elif attribute == "iparecordingstate" and not raw:
            entry[attribute] = [state(values)]
        elif attribute.isalnum():  # no option, as in modifiersName;x
            entry[attribute] = all_shown(values)
    recording, host = entry.dn[0], entry.dn[1]
    entry["cn"] = [shown(recording.value)]
    entry.dn = DN((recording.attr, shown(recording.value)), (host.attr, shown(host.value)), *entry.dn[2:])


def describe(entry: Any, report: Report) -> None:
    """Add what a clean entry does not say: the host, what is known of it, and who wants the state that is wanted."""
    entry["host"] = [entry.dn[1].value]
    if report.seen:
        entry["seen"] = [report.seen]
    entry["stale"] = [report.stale]
    if asker := asked_by(entry):
        entry["wantedby"] = [asker]


def asked_by(entry: Any) -> str:
    """Who wants a state, as the directory has it; nobody if the host has changed its entry since."""
    modifier = DN(entry.get("modifiersname", [""])[0])
    if not entry.get("iparecordingwanted") or not modifier or same(modifier[0].value, entry.dn[1].value):
        return ""
    return str(modifier[0].value if modifier[0].attr.lower() == "uid" else modifier)


def same(one: str, other: str) -> bool:
    """As cn and fqdn compare."""
    return one.casefold() == other.casefold()


def shown(value: bytes | str) -> str:
    """The value in printable characters, others as their escapes (ESC as \\x1b), at most LONGEST of them."""
    text = value.decode("utf-8", "backslashreplace") if isinstance(value, bytes) else value
    escaped = "".join(
        character if character.isprintable() else character.encode("unicode_escape").decode("ascii")
        for character in text[:LONGEST]
    )
    return escaped if len(text) <= LONGEST and len(escaped) <= LONGEST else f"{escaped[:LONGEST]}…"


def all_shown(values: Iterable[bytes]) -> list[str]:
    """The values of an attribute, at most MOST of them."""
    several = sorted(shown(value) for value in values)
    return several if len(several) <= MOST else [*several[:MOST], f"… and {len(several) - MOST} more"]


def state(values: Iterable[bytes]) -> str:
    """One of STATES, or "unknown (...)"."""
    said = ", ".join(all_shown(values))
    return said.lower() if said.lower() in STATES else f"unknown ({said})"


def moment(value: bytes) -> datetime | None:
    """A time as FreeIPA's hosts write it, in UTC without a zone as FreeIPA's commands have them; None for others."""
    try:
        return datetime.strptime(value.decode("ascii"), "%Y%m%d%H%M%SZ")
    except ValueError:
        return None


def is_stale(heard: datetime | None, enrolled: bool, heartbeat: int, now: datetime) -> bool:
    """Whether nobody is left who could act on what is wanted.

    heard: when the host last reported, by the directory's clock; heartbeat: seconds between two reports.
    """
    return not enrolled or heard is None or now - heard > timedelta(seconds=MISSED * heartbeat)
