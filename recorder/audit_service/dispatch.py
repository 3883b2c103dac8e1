"""Events go where they belong: to the workers of sessions, to recordings of the background, or nowhere."""

import sys
from collections import OrderedDict, deque
from collections.abc import Callable, Iterable
from pathlib import Path
from time import monotonic, time
from typing import Any

from recorder.audit.event import AuditEvent
from recorder.audit_service.attribution import HOLD, Attribution, Background, Later
from recorder.audit_service.background import QUIET, BackgroundRecording
from recorder.audit_service.deliveries import Delivery
from recorder.audit_service.loss import lost_event
from recorder.audit_service.process_origins import ProcessOrigins, look, processes_of
from recorder.audit_service.recordings import Login, Recording, Recordings
from recorder.sinks.sink import SinkError

BATCH = 0.2
"""Seconds between two packets of a session in which little happens."""
MOST_HELD = 20_000
"""Events that may wait for it to become clear where they belong."""
MOST_RECENT = 16_384
"""Serials that are remembered: two sources may tell the same."""
SETTLED = 5.0
"""Seconds after the last event of a login that is gone until its recording is ended."""

Begin = Callable[[Login, str], BackgroundRecording]
"""Makes the recording of a login's background, after a recording or "". Raises SinkError."""


class Dispatch:
    """`sessions` is the directory of sessions; `watched` tells whether a login uid is to be audited."""

    def __init__(self, sessions: Path, watched: Callable[[int], bool], begin: Begin) -> None:
        self.recordings = Recordings(str(sessions))
        self.deliveries: dict[str, Delivery] = {}
        self.backgrounds: dict[Login, BackgroundRecording] = {}
        self.delivered = 0
        """Events that recordings have, but for those that are being delivered."""
        self._sessions = sessions
        self._begin = begin
        self._held: deque[AuditEvent] = deque()
        self._changes = 0
        self._recent: OrderedDict[int, None] = OrderedDict()
        self._complained = False
        self._attribution = Attribution(
            self.recordings,
            ProcessOrigins(look),
            lambda auid: self.recordings.of_user(auid) is not None or watched(auid),
            processes_of,
        )

    def take(self, events: Iterable[AuditEvent]) -> None:
        """Find out where they belong, and put them there."""
        self.refresh()
        now = time()
        for event in events:
            if event.serial:
                if event.serial in self._recent:
                    continue
                self._recent[event.serial] = None
                if len(self._recent) > MOST_RECENT:
                    self._recent.popitem(last=False)
            self._place(event, now)

    def tell_lost(self, count: int, reason: str) -> None:
        """To every recording that may be concerned."""
        self.refresh()
        event = lost_event(count, reason, time())
        for recording in self.recordings.going_on():
            self._put(recording, event)
        for background in self.backgrounds.values():
            background.write(_told(event))

    def attend(self) -> None:
        """What time brings: those that were held, packets that are due, signatures."""
        self.refresh()
        self._look_at_held(time())
        for background in self.backgrounds.values():
            background.attend()
        self.send(monotonic())

    def send(self, now: float) -> None:
        """Send what is due."""
        for delivery in self.deliveries.values():
            if now >= delivery.due and not delivery.send():
                # It ends, and asks for the rest; or its files vanish.
                delivery.due = now + BATCH

    def answered(self, rec: str) -> None:
        """A worker has answered, or hung up."""
        delivery = self.deliveries[rec]
        if not delivery.answered():
            delivery.due = monotonic() + BATCH
            return
        if len(delivery):
            delivery.send()
        else:
            if delivery.lost:
                count, delivery.lost = delivery.lost, 0
                delivery.add(lost_event(count, "the recorder of the session took no more events", time()))
            delivery.due = monotonic() + BATCH

    def due(self) -> float | None:
        """Monotonic time at which `attend` has something to do; None for never."""
        times = [one.due for one in self.deliveries.values() if len(one) and one.descriptor < 0]
        if self._held:
            times.append(monotonic() + BATCH)
        if self.backgrounds:
            times.append(monotonic() + 1.0)
        return min(times, default=None)

    def lowest(self) -> int:
        """The lowest serial of what is not where it belongs yet; 0 for none."""
        waiting = [event.serial for event in self._held] + [one.lowest for one in self.deliveries.values()]
        return min(filter(None, waiting), default=0)

    def is_over(self, rec: str) -> Recording | None:
        """A session has said that it is over: what its processes do from now on is the background's."""
        self.refresh()
        recording = self.recordings.get(rec)
        if recording is not None and recording.ended is None:
            self.recordings.end(recording, time())
            self._attribution.ended(recording)
        return recording

    def decide(self, login: Login) -> None:
        """Place what is held of a login, and wait no more."""
        held, self._held = self._held, deque()
        now = time()
        for event in held:
            self._place(event, now, final=(event.auid, event.session) == login)

    def delivery(self, rec: str) -> Delivery:
        """That of a recording."""
        if rec not in self.deliveries:
            self.deliveries[rec] = Delivery(str(self._sessions / f"{rec}.socket"))
        return self.deliveries[rec]

    def finished(self, rec: str) -> None:
        """A recording takes nothing more. What it has not taken is its login's background."""
        delivery = self.deliveries.pop(rec, None)
        if delivery is None:
            return
        delivery.close()
        self.delivered += delivery.delivered
        recording = self.recordings.get(rec)
        left = delivery.left()
        if recording is not None and not delivery.refused:
            for told in left:
                self._write(Background(recording.login, rec), told)

    def refresh(self) -> None:
        """Look which sessions there are."""
        for recording in self.recordings.refresh():
            if recording.audited:
                self._attribution.ended(recording)
            self.finished(recording.rec)

    def tidy(self, living: frozenset[Login]) -> None:
        """End the background of logins of which no process is left, and forget their recordings."""
        now = monotonic()
        for login, background in list(self.backgrounds.items()):
            quiet = now - background.heard
            if quiet > (SETTLED if login not in living else QUIET):
                background.end("exit" if login not in living else "idle")
                del self.backgrounds[login]
        self.recordings.forget(time(), living)

    def close(self) -> None:
        """Give everything to somebody: workers go on, the background ends here."""
        for login in {(event.auid or 0, event.session or 0) for event in self._held}:
            self.decide(login)
        for background in self.backgrounds.values():
            background.end("signal")
        self.backgrounds.clear()

    def _look_at_held(self, now: float) -> None:
        """Those that have waited for long enough; all, where there is a session more or less."""
        changed = self._changes != self.recordings.changes
        self._changes = self.recordings.changes
        held = self._held
        for _ in range(len(held)):
            if not changed and now < held[0].time + HOLD:
                break
            # Such as wait on go to the end.
            self._place(held.popleft(), now)

    def _place(self, event: AuditEvent, now: float, *, final: bool = False) -> None:
        try:
            owner = self._attribution.owner(event, now, final=final or len(self._held) >= MOST_HELD)
        except Later:
            self._held.append(event)
            return
        if isinstance(owner, Recording):
            self._put(owner, event)
        elif owner is not None:
            self._write(owner, _told(event))

    def _put(self, recording: Recording, event: AuditEvent) -> None:
        if recording.ended is not None and recording.rec not in self.deliveries:
            self._write(Background(recording.login, recording.rec), _told(event))  # it was late
        else:
            self.delivery(recording.rec).add(event)

    def _write(self, owner: Background, told: dict[str, Any]) -> None:
        background = self.backgrounds.get(owner.login)
        if background is None:
            try:
                background = self.backgrounds[owner.login] = self._begin(owner.login, owner.after)
            except (SinkError, OSError) as error:
                if not self._complained:
                    sys.stderr.write(f"what outlives sessions is not recorded: {error}\n")
                self._complained = True
                return
            self._complained = False
        background.write(told, owner.after)
        self.delivered += 1


def _told(event: AuditEvent) -> dict[str, Any]:
    return {"time": event.time, "fields": event.fields}
