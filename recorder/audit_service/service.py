"""The audit service: what the kernel tells of the processes of recorded sessions becomes events in their recordings.

It reads records, makes events of them, finds out which recording each belongs to, and hands it to the worker of that
session, which has its chain. A session that ends asks for what is left. The recorder does not need this service:
without it sessions are recorded as ever, and have no events of audit.
"""

import os
import signal
import socket
import sys
from collections.abc import Iterable
from pathlib import Path
from select import POLLIN, poll
from time import monotonic, sleep, time
from typing import Any

from recorder.audit.conversion import Converter
from recorder.audit.event import AuditEvent
from recorder.audit.record import SYSCALL, Record
from recorder.audit_service.background import BackgroundRecording, user_name
from recorder.audit_service.dispatch import Dispatch
from recorder.audit_service.open_files import open_file
from recorder.audit_service.process_origins import living
from recorder.audit_service.progress import Progress
from recorder.audit_service.questions import Questions, reply
from recorder.audit_service.recordings import Login
from recorder.audit_service.sources import Sources
from recorder.audit_service.watched_users import WatchedUsers
from recorder.capture.signals import Signals
from recorder.configuration.host_settings import HostSettings, load
from recorder.configuration.service_options import service_options
from recorder.errors import SessrecError
from recorder.keys.signing_key import load_or_create
from recorder.logins import service_manager
from recorder.logins.recorder_account import recorder_account

TICK = 1.0
"""Seconds between two looks at what waits, while there are records."""
AFTER = 5.0
"""Seconds after the last record in which something may still wait for more of it."""
TOGETHER = 0.01
"""Seconds in which records gather that are taken together."""
LEAVE = 1.0
"""Seconds after the signal to end in which sessions that are over are served."""
TIDY = 30.0
"""Seconds between two looks at which logins are left."""
_NOBODY = " auid=4294967295 "
_MOST_IGNORED = 4096
_MOST = 100_000
"""Records that are taken in a row before anybody else is served."""


class AuditService:
    """`run` is the runtime directory, `state` has the host's key; `descriptor` is systemd's netlink socket, or -1."""

    def __init__(self, settings: HostSettings, run: Path, state: Path, descriptor: int = -1) -> None:
        self._settings = settings
        self._recorder = recorder_account(settings.user)
        self._key = load_or_create(Path(settings.key or state / "key.pem"))
        self._signals = Signals()
        self._progress = Progress(run / "audit-progress.json")
        self._sources = Sources(run, descriptor, self._progress.read())
        self._converter = Converter(locate=open_file)
        self._dispatch = Dispatch(run / "sessions", WatchedUsers(str(run / "responder.socket")), self._begin)
        self._questions = Questions(run / "audit.socket", self._recorder)
        self._endings: dict[str, float] = {}
        self._ignored: set[str] = set()
        self._heard = 0.0
        self._ticked = self._tidied = 0.0
        self._stopping = False

    def run(self) -> int:
        """Serve until a signal asks to end; the exit status."""
        service_manager.notify("READY=1")
        until = 0.0
        while not self._stopping or (self._endings and monotonic() < until):
            descriptors, workers = self._watched()
            for descriptor in _ready(descriptors, self._timeout()):
                self._serve(descriptor, workers)
            self._attend(monotonic())
            if monotonic() - self._heard < TOGETHER:
                # Records come one by one; some of them at a time cost a third.
                sleep(TOGETHER)
            # Sessions that end now may still have what is theirs.
            until = until or (monotonic() + LEAVE if self._stopping else 0.0)
        service_manager.notify("STOPPING=1")
        self._stop()
        return 0

    def _watched(self) -> tuple[list[int], dict[int, str]]:
        """The descriptors that are looked at, and which of them lead to workers, with their recordings."""
        workers = {one.descriptor: rec for rec, one in self._dispatch.deliveries.items() if one.descriptor >= 0}
        others = (*self._sources.descriptors(), self._questions.listening.fileno(), *self._questions.asking)
        return [self._signals.descriptor, *others, *workers], workers

    def _timeout(self) -> int:
        now = monotonic()
        times = [self._tidied + TIDY]
        if now - self._heard < AFTER:
            times.append(self._ticked + TICK)
        if self._endings:
            times.append(now + 0.005)
        due = self._dispatch.due()
        if due is not None:
            times.append(due)
        return max(0, int((min(times) - now) * 1000) + 1)

    def _serve(self, descriptor: int, workers: dict[int, str]) -> None:
        if descriptor == self._signals.descriptor:
            numbers = self._signals.read()
            self._stopping = signal.SIGTERM in numbers or signal.SIGINT in numbers
        elif descriptor == self._questions.listening.fileno():
            self._questions.accept()
        elif descriptor in self._questions.asking:
            self._asked(*self._questions.asked(descriptor))
        elif descriptor in workers:
            if workers[descriptor] in self._dispatch.deliveries:
                self._answered(workers[descriptor])
        else:
            self._take(self._sources.receive(descriptor))

    def _take(self, records: list[Record]) -> None:
        if not records:
            return
        self._heard = monotonic()
        try:
            events = self._converter.feed_records(list(self._of_somebody(records)))
        except Exception as error:
            # Whatever it is that nobody has foreseen in a record, it costs these and no others.
            sys.stderr.write(f"audit: {len(records)} records could not be understood: {error!r}\n")
            self._dispatch.tell_lost(len(records), "the audit service did not understand records")
            return
        self._dispatch.take(events)
        self._dispatch.send(monotonic())

    def _of_somebody(self, records: list[Record]) -> Iterable[Record]:
        """Without what daemons do, of which others may have rules."""
        ignored = self._ignored
        for record in records:
            if record.type == SYSCALL and _NOBODY in record.body:
                ignored.add(record.stamp)
                if len(ignored) > _MOST_IGNORED:
                    ignored.clear()
            elif record.stamp not in ignored:
                yield record

    def _attend(self, now: float) -> None:
        self._dispatch.attend()
        if self._endings:
            self._end()
        if now - self._ticked >= TICK and (now - self._heard < AFTER or now - self._tidied >= TIDY):
            self._ticked = now
            self._dispatch.take(self._converter.expire(time()))
            for count, reason in self._sources.losses():
                sys.stderr.write(f"audit: {count} records or events were lost: {reason}\n")
                self._dispatch.tell_lost(count, reason)
            self._keep_progress()
        if now - self._tidied >= TIDY:
            self._tidied = now
            self._dispatch.tidy(living())

    def _keep_progress(self) -> None:
        lowest = self._dispatch.lowest()
        self._progress.keep(lowest - 1 if lowest else self._sources.highest)

    def _asked(self, connection: socket.socket, said: dict[str, Any]) -> None:
        if said.get("ask") == "last" and isinstance(said.get("rec"), str):
            rec = said["rec"]
            if self._dispatch.is_over(rec) is None:
                reply(connection, {"last": True})
                connection.close()
                return
            self._dispatch.delivery(rec).last(connection)
            self._dispatch.delivery(rec).send()
            self._endings[rec] = monotonic()
            self._heard = monotonic()
            return
        reply(connection, self._status() if said.get("ask") == "status" else {"error": "ask last or status"})
        connection.close()

    def _answered(self, rec: str) -> None:
        self._dispatch.answered(rec)
        delivery = self._dispatch.deliveries[rec]
        if rec in self._endings and delivery.descriptor < 0:
            # It has waited for long enough.
            del self._endings[rec]
            self._dispatch.finished(rec)

    def _end(self) -> None:
        """Tell sessions that are over that all is told, where that is so."""
        for descriptor in self._sources.descriptors()[1:]:
            for _ in range(_MOST):
                records = self._sources.receive(descriptor)
                if not records:
                    break
                self._take(records)
        drained = {rec for rec, since in self._endings.items() if self._sources.drained(since)}
        if not drained:
            return
        # What the kernel did not have any more is here, or in the socket since it was read.
        for descriptor in self._sources.descriptors()[1:]:
            self._take(self._sources.receive(descriptor))
        self._dispatch.take(self._converter.settle())
        for rec in drained:
            recording = self._dispatch.recordings.get(rec)
            if recording is not None:
                self._dispatch.decide(recording.login)
            delivery = self._dispatch.delivery(rec)
            if len(delivery):
                delivery.send()
            elif not delivery.lost:
                delivery.say_last()
                del self._endings[rec]
                self._dispatch.finished(rec)

    def _begin(self, login: Login, after: str) -> BackgroundRecording:
        known = self._dispatch.recordings.of_user(login[0])
        user = known.user if known is not None else user_name(login[0])
        host = known.host if known is not None and known.host else self._settings.fqdn
        return BackgroundRecording(login, user, host, self._settings, self._key, self._recorder, after)

    def _status(self) -> dict[str, Any]:
        """ "source" is where records come from, "" if from nowhere, and "problem" why; the rest is counted."""
        deliveries = self._dispatch.deliveries.values()
        return {
            "source": self._sources.name,
            "problem": self._sources.problem,
            "lost": self._sources.lost,
            "delivered": self._dispatch.delivered + sum(one.delivered for one in deliveries),
            "waiting": sum(map(len, deliveries)),
            "recordings": len(self._dispatch.recordings.going_on()),
            "background": len(self._dispatch.backgrounds),
        }

    def _stop(self) -> None:
        """Tell what was read, as far as workers take it at once."""
        events: list[AuditEvent] = self._converter.finish()
        self._dispatch.take(events)
        self._dispatch.close()
        until = monotonic() + 2.0
        while monotonic() < until and any(map(len, self._dispatch.deliveries.values())):
            self._dispatch.send(monotonic())
            _, workers = self._watched()
            for descriptor in _ready(workers, 50):
                self._dispatch.answered(workers[descriptor])
        self._keep_progress()
        self._sources.close()
        self._questions.close()


def _ready(descriptors: Iterable[int], timeout: int) -> list[int]:
    watch = poll()
    for descriptor in descriptors:
        watch.register(descriptor, POLLIN)
    return [descriptor for descriptor, _ in watch.poll(timeout)]


def main(arguments: list[str]) -> int:
    """The program."""
    options = service_options("session-recording-audit", __doc__ or "", arguments)
    os.umask(0o077)
    try:
        opened = service_manager.kept()
        descriptor = next(iter(opened.values()), -1)
        service = AuditService(load(options.config), options.run, options.state, descriptor)
    except (SessrecError, OSError) as error:
        sys.stderr.write(f"session-recording-audit: {error}\n")
        return 1
    return service.run()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
