"""What the responder offers on the bus; docs/dbus.md says it for those who call.

Only root may: the policy of the bus says so, and every call is checked here once more. Calls are done by threads of
their own, so that a session which does not answer holds nobody up.
"""

import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar, cast

import dbus
import dbus.service
from gi.repository import GLib

from recorder.capture.session import VERSION
from recorder.errors import SessrecError
from sssd_responder.bus.bus_values import (
    INTERFACE,
    PROPERTIES,
    ArgumentError,
    checked,
    introspection,
    properties_of,
    session_values,
    variants,
)
from sssd_responder.sessions.live_sessions import LiveSessions
from sssd_responder.sessions.session_control import RESUME, SUSPEND, TERMINATE, GoneError

PATH = "/org/freeipa/SessionRecording1"

THREADS = 4

Answers = Callable[..., None]
Facts = dict[str, Any]
_Method = TypeVar("_Method", bound=Callable[..., Any])

_log = logging.getLogger(__name__)


def _answered(takes: str, gives: str, interface: str = INTERFACE) -> Callable[[_Method], _Method]:
    """A method that is answered later, by `done` or `failed`."""
    made = dbus.service.method(
        interface,
        in_signature=takes,
        out_signature=gives,
        sender_keyword="sender",
        async_callbacks=("done", "failed"),
    )
    return cast("Callable[[_Method], _Method]", made)


def _sent(signature: str, interface: str = INTERFACE) -> Callable[[_Method], _Method]:
    """A signal: to call it is to send it."""
    return cast("Callable[[_Method], _Method]", dbus.service.signal(interface, signature=signature))


def _introspected(method: _Method) -> _Method:
    """The one method that anybody may call."""
    made = dbus.service.method(
        dbus.INTROSPECTABLE_IFACE,
        in_signature="",
        out_signature="s",
        path_keyword="object_path",
        connection_keyword="connection",
    )
    return cast("_Method", made(method))


class SessionRecording(dbus.service.Object):  # type: ignore[misc] # of no known type
    """The object at PATH."""

    def __init__(
        self,
        connection: Any,
        sessions: LiveSessions,
        status: Callable[[], Facts],
        summary: Callable[[], Facts],
        what_if: Callable[[str], Facts],
    ) -> None:
        super().__init__(connection, PATH)
        self._bus = connection
        self._sessions = sessions
        self._status = status
        self._summary = summary
        self._what_if = what_if
        self._threads = ThreadPoolExecutor(THREADS, "bus-call")
        self._properties = self._current()

    @_answered("", "aa{sv}")
    def Sessions(self, sender: str, done: Answers, failed: Answers) -> None:
        """The sessions that go on, the oldest first."""

        def work() -> Any:
            live = sorted(self._sessions.all().values(), key=lambda one: one.session.started)
            return dbus.Array([session_values(one.session, one.state) for one in live], signature="a{sv}")

        self._call(sender, work, done, failed)

    @_answered("ss", "s")
    def Suspend(self, rec: str, by: str, sender: str, done: Answers, failed: Answers) -> None:
        """Let the user of a session wait."""
        self._control(rec, SUSPEND, by, sender, done, failed)

    @_answered("ss", "s")
    def Resume(self, rec: str, by: str, sender: str, done: Answers, failed: Answers) -> None:
        """Let him go on."""
        self._control(rec, RESUME, by, sender, done, failed)

    @_answered("ss", "s")
    def Terminate(self, rec: str, by: str, sender: str, done: Answers, failed: Answers) -> None:
        """End a session."""
        self._control(rec, TERMINATE, by, sender, done, failed)

    @_answered("ss", "hsuu")
    def Watch(self, rec: str, by: str, sender: str, done: Answers, failed: Answers) -> None:
        """A socket from which the screen of a session comes."""

        def work() -> Any:
            watched = self._sessions.watch(checked("rec", rec), checked("by", by) or "root")
            with watched.socket:
                descriptor = dbus.types.UnixFd(watched.socket)
            return descriptor, watched.state, dbus.UInt32(watched.columns), dbus.UInt32(watched.rows)

        self._call(sender, work, lambda answer: done(*answer), failed)

    @_answered("", "a{sv}")
    def Status(self, sender: str, done: Answers, failed: Answers) -> None:
        """What the responder knows of itself."""
        self._call(sender, lambda: variants(self._status()), done, failed)

    @_answered("s", "a{sv}")
    def WhatIf(self, user: str, sender: str, done: Answers, failed: Answers) -> None:
        """What would happen if a user logged in now."""
        self._call(sender, lambda: variants(self._what_if(checked("user", user))), done, failed)

    @_sent("sa{sv}")
    def SessionStarted(self, rec: str, session: Any) -> None:
        """A session has begun."""

    @_sent("ss")
    def SessionChanged(self, rec: str, state: str) -> None:
        """A session is in another state."""

    @_sent("s")
    def SessionEnded(self, rec: str) -> None:
        """A session is over."""

    @_answered("ss", "v", dbus.PROPERTIES_IFACE)
    def Get(self, interface: str, name: str, sender: str, done: Answers, failed: Answers) -> None:
        """One property."""

        def work() -> Any:
            if interface != INTERFACE or name not in PROPERTIES:
                raise dbus.DBusException(f"no property {name!r}", name="org.freedesktop.DBus.Error.UnknownProperty")
            return self._current()[name]

        self._call(sender, work, done, failed)

    @_answered("s", "a{sv}", dbus.PROPERTIES_IFACE)
    def GetAll(self, interface: str, sender: str, done: Answers, failed: Answers) -> None:
        """All properties."""
        nothing = dbus.Dictionary(signature="sv")
        self._call(sender, lambda: self._current() if interface == INTERFACE else nothing, done, failed)

    @_answered("ssv", "", dbus.PROPERTIES_IFACE)
    def Set(self, interface: str, name: str, value: Any, sender: str, done: Answers, failed: Answers) -> None:
        """None can be set."""

        def work() -> Any:
            raise dbus.DBusException(f"{name!r} is read-only", name="org.freedesktop.DBus.Error.PropertyReadOnly")

        self._call(sender, work, done, failed)

    @_sent("sa{sv}as", dbus.PROPERTIES_IFACE)
    def PropertiesChanged(self, interface: str, changed: Any, invalidated: Any) -> None:
        """Some properties have other values."""

    @_introspected
    def Introspect(self, object_path: str, connection: Any) -> str:
        """What there is, as XML."""
        return introspection(super().Introspect(object_path, connection))

    def refresh(self) -> bool:
        """Tell of properties that have changed; True, as a timer wants it."""
        current = self._current()
        changed = {name: value for name, value in current.items() if value != self._properties[name]}
        if changed:
            self._properties = current
            self.PropertiesChanged(INTERFACE, dbus.Dictionary(changed, signature="sv"), dbus.Array([], signature="s"))
        return True

    def _current(self) -> Any:
        return properties_of(VERSION, self._summary(), len(self._sessions.all()))

    def _control(self, rec: str, action: str, by: str, sender: str, done: Answers, failed: Answers) -> None:
        def work() -> str:
            return self._sessions.control(checked("rec", rec), action, checked("by", by) or "root")

        self._call(sender, work, done, failed)

    def _call(self, sender: str, work: Callable[[], Any], done: Answers, failed: Answers) -> None:
        """Do `work` in a thread for a caller who is root, and answer from the bus's own thread."""

        def answer() -> None:
            try:
                value = work()
            except Exception as error:
                GLib.idle_add(failed, _bus_error(error))
            else:
                GLib.idle_add(done, value)

        def asked(uid: int) -> None:
            if uid != 0:
                failed(_error("AccessDenied", "only root may do this"))
            else:
                self._threads.submit(answer)

        self._bus.call_async(
            *(dbus.BUS_DAEMON_NAME, dbus.BUS_DAEMON_PATH, dbus.BUS_DAEMON_IFACE, "GetConnectionUnixUser"),
            *("s", (sender,), asked, lambda error: failed(_error("AccessDenied", str(error)))),
        )


def _error(kind: str, message: str) -> Any:
    """One of the errors in docs/dbus.md."""
    return dbus.DBusException(message, name=f"{INTERFACE}.Error.{kind}")


def _bus_error(error: Exception) -> Any:
    if isinstance(error, dbus.DBusException):
        return error
    for known, kind in ((ArgumentError, "InvalidArgument"), (GoneError, "NoSuchSession"), (SessrecError, "Failed")):
        if isinstance(error, known):
            return _error(kind, str(error))
    _log.error("a call could not be answered", exc_info=error)
    return _error("Failed", "the responder has failed; see its journal")
