"""The responder on the system bus: org.freeipa.SessionRecording1, as long as there is a bus."""

import logging
import threading
from collections.abc import Callable

import dbus
import dbus.bus
from dbus.mainloop.glib import DBusGMainLoop
from gi.repository import GLib

from sssd_responder.bus.bus_object import Facts, SessionRecording
from sssd_responder.bus.bus_values import INTERFACE, session_values
from sssd_responder.sessions.live_sessions import CHANGED, STARTED, LiveSessions
from sssd_responder.sessions.session_control import Session

NAME = INTERFACE
RETRY = 5.0
"""Seconds until the bus is tried again where it is away, or somebody else has the name."""
REFRESH = 5
"""Seconds between two looks at the properties."""

_log = logging.getLogger(__name__)


class Bus:
    """Serves from `start` to `stop`, over the system bus, as long as there is one.

    status: what the responder knows of itself; summary: what of it the properties are made of, asked every few
    seconds; what_if: what would happen if a user logged in, raises SessrecError.
    """

    def __init__(
        self,
        sessions: LiveSessions,
        status: Callable[[], Facts],
        summary: Callable[[], Facts],
        what_if: Callable[[str], Facts],
    ) -> None:
        self._sessions = sessions
        self._status = status
        self._summary = summary
        self._what_if = what_if
        self._stopped = threading.Event()
        self._loop = GLib.MainLoop()
        self._object: SessionRecording | None = None
        self._problem = "not on the bus yet"
        self._thread = threading.Thread(target=self._run, name="bus", daemon=True)
        sessions.listeners.append(self._heard)

    def start(self) -> None:
        """Begin; that the bus can be reached is not waited for."""
        self._thread.start()

    def stop(self) -> None:
        """Give the name up."""
        self._stopped.set()
        GLib.idle_add(self._loop.quit)
        self._thread.join(timeout=5)

    def status(self) -> Facts:
        """{"problem": why nobody can call, or ""}."""
        return {"problem": self._problem}

    def _run(self) -> None:
        while not self._stopped.is_set():
            try:
                self._serve()
            except dbus.DBusException as error:
                problem = str(error.get_dbus_message() or error)
                if problem != self._problem:
                    _log.warning("not on the system bus: %s", problem)
                self._problem = problem
            self._stopped.wait(RETRY)

    def _serve(self) -> None:
        """Until the bus goes away or we are to stop. Raises DBusException where we cannot be on it."""
        connection = dbus.SystemBus(private=True, mainloop=DBusGMainLoop())
        try:
            connection.set_exit_on_disconnect(False)
            connection.call_on_disconnection(lambda _: self._loop.quit())
            served = SessionRecording(connection, self._sessions, self._status, self._summary, self._what_if)
            if connection.request_name(NAME, dbus.bus.NAME_FLAG_DO_NOT_QUEUE) not in (
                dbus.bus.REQUEST_NAME_REPLY_PRIMARY_OWNER,
                dbus.bus.REQUEST_NAME_REPLY_ALREADY_OWNER,
            ):
                raise dbus.DBusException(f"another process has the name {NAME}")
            self._object, self._problem = served, ""
            timer = GLib.timeout_add_seconds(REFRESH, served.refresh)
            self._loop.run()
            GLib.source_remove(timer)
            self._problem = "the bus went away"
        finally:
            self._object = None
            connection.close()

    def _heard(self, change: str, session: Session, state: str) -> None:
        """Called by any thread; signals are sent by the bus's own."""

        def tell() -> bool:
            served = self._object
            if served is not None:
                if change == STARTED:
                    served.SessionStarted(session.rec, session_values(session, state))
                elif change == CHANGED:
                    served.SessionChanged(session.rec, state)
                else:
                    served.SessionEnded(session.rec)
                served.refresh()
            return False

        GLib.idle_add(tell)
