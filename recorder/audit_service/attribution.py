"""To which recording an audit event belongs.

The kernel says the login uid and the audit session of each process, which no process can change without root's
CAP_AUDIT_CONTROL; an event never goes to a recording of other ones. Where a login has several recordings (ssh
connections that are shared, terminals within terminals), the process decides: it has the recording's own terminal, or
it comes from the process that the recording began with. What cannot be told apart goes to none of them.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from recorder.audit.event import AuditEvent
from recorder.audit_service.process_origins import Origin, ProcessOrigins
from recorder.audit_service.recordings import Login, Recording, Recordings

HOLD = 1.0
"""Seconds in which a recording may begin that an event belongs to: its login shell is run before there is one."""
_ACCOUNTS = ("login", "logout")
ROUNDED = 0.01
"""Seconds by which a record may be stamped too early: the kernel's clock for them has steps of up to 10 ms."""


@dataclass(frozen=True)
class Background:
    """What a login does that is in none of its recordings. `after`: the recording that left it behind, if known."""

    login: Login
    after: str = ""


class Later(Exception):
    """It may be known in a moment."""


class Attribution:
    """Decides by `recordings` and `origins`. `watched` tells whether a login uid is one of those to be audited.

    `processes` lists those that there are of a login.
    """

    def __init__(
        self,
        recordings: Recordings,
        origins: ProcessOrigins,
        watched: Callable[[int], bool],
        processes: Callable[[Login], Iterable[int]],
    ) -> None:
        self._recordings = recordings
        self._origins = origins
        self._watched = watched
        self._processes = processes

    def owner(self, event: AuditEvent, now: float, *, final: bool = False) -> Recording | Background | None:
        """Where it belongs; None for what concerns nobody who is recorded.

        `now` is seconds since 1970. Raises Later for what has to wait, at most until HOLD after the event; not with
        `final`.
        """
        if event.auid is None or event.session is None:
            return None
        login = event.auid, event.session
        recordings = self._recordings.of(login)
        at = event.time + ROUNDED
        found = self._found(event, login, recordings, at)
        if isinstance(found, Recording):
            return _told_to(found, event.time) if found.audited else None
        lasting = any(one.lasts(at) or one.lasts(event.time) for one in recordings)
        if not final and now < event.time + HOLD and (found is Origin.OUTSIDE or not lasting):
            raise Later
        if recordings and not lasting and event.action in _ACCOUNTS:
            return None  # what sshd says after the end that the recording has told
        only = self._possible(recordings, at)
        if only is not None:
            return _told_to(only, event.time) if only.audited else None
        return Background(login) if self._watched(event.auid) else None

    def ended(self, recording: Recording) -> None:
        """Look what a recording that has just ended leaves behind."""
        login, at = recording.login, recording.ended or 0.0
        others = [one for one in self._recordings.of(login) if one is not recording]
        leaders = {one.leader: one.rec for one in others if one.lasts(at)}
        leaders[recording.leader] = recording.rec
        roots = _roots([recording, *others])
        unclear = [one for one in others if one.started <= at and not one.clean]
        recording.clean = True
        for pid in self._processes(login):
            origin = self._origins.find(pid, -1, login, leaders, roots, at)
            if origin is Origin.UNKNOWN and not unclear:
                self._origins.learn(pid, login, recording.rec, at)
                origin = recording.rec
            if origin is Origin.UNKNOWN or origin == recording.rec:
                recording.clean = False

    def _found(self, event: AuditEvent, login: Login, recordings: list[Recording], at: float) -> Recording | Origin:
        pid = event.pid
        if not recordings or pid <= 0:
            return Origin.UNKNOWN
        if event.terminal.startswith("pts"):
            for one in reversed(recordings):
                if one.terminal == event.terminal and (one.lasts(at) or one.lasts(event.time)):
                    self._origins.learn(pid, login, one.rec, event.time)
                    return one
        leaders = {one.leader: one.rec for one in recordings if one.lasts(at) or 0 < one.started - at < HOLD}
        found = self._origins.find(pid, _parent(event), login, leaders, _roots(recordings), at)
        if isinstance(found, Origin):
            return found
        return self._recordings.get(found) or Origin.UNKNOWN

    def _possible(self, recordings: list[Recording], at: float) -> Recording | None:
        """The only one that something of unknown origin can be of."""
        begun = [one for one in recordings if one.started <= at and not (one.clean and (one.ended or at) < at)]
        possible = begun or [one for one in recordings if one.started > at]
        return possible[0] if len(possible) == 1 else None


def _told_to(recording: Recording, at: float) -> Recording | Background:
    """Itself, or where that goes which it has left behind."""
    if recording.ended is not None and at > recording.ended:
        return Background(recording.login, recording.rec)
    return recording


def _roots(recordings: Iterable[Recording]) -> set[int]:
    return {one.root for one in recordings if one.root > 1}


def _parent(event: AuditEvent) -> int:
    """-1 where the record does not say it."""
    parent = event.fields.get("process", {}).get("parent", {}).get("pid")
    return parent if isinstance(parent, int) else -1
