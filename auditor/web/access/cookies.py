"""Who is signed in: sessions that live in this process, and the cookie that names one.

The cookie is a random number and nothing else; whatever belongs to it stays here, and is gone with the process.
"""

import hashlib
import secrets
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field

from auditor.web.access.viewer import Viewer

IDLE = 3600.0
"""Seconds without a request after which a session has ended."""

LONGEST = 12 * 3600.0
"""Seconds after which it has ended in any case."""

MAX_SESSIONS = 10_000
"""Of all viewers; the one that was idle for longest makes room."""

MAX_SESSIONS_EACH = 50
"""Of one viewer, likewise."""


@dataclass(slots=True)
class Session:
    """One browser that is signed in. `checked`: when the viewer's rights were last looked up, on the clock of
    Sessions. `notices`: what the next page tells."""

    viewer: Viewer
    csrf: str
    began: float
    used: float
    checked: float
    notices: list[str] = field(default_factory=list)


class Sessions:
    """Sessions by the value of their cookie. Any thread may use it."""

    def __init__(
        self, idle: float = IDLE, longest: float = LONGEST, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.longest = longest
        self._idle = idle
        self.clock = clock
        self._lock = threading.Lock()
        self._sessions: OrderedDict[bytes, Session] = OrderedDict()

    def begin(self, viewer: Viewer) -> tuple[str, Session]:
        """A new session, and the value of its cookie."""
        value, now = secrets.token_urlsafe(32), self.clock()
        session = Session(viewer, secrets.token_urlsafe(32), now, now, now)
        with self._lock:
            own = [key for key, each in self._sessions.items() if each.viewer.name == viewer.name]
            for key in own[: max(0, len(own) - MAX_SESSIONS_EACH + 1)]:
                del self._sessions[key]
            while len(self._sessions) >= MAX_SESSIONS:
                self._sessions.popitem(last=False)
            self._sessions[_key(value)] = session
        return value, session

    def find(self, value: str, *, used: bool = True) -> Session | None:
        """The session of a cookie; None when there is none or it has ended. `used`: by somebody, and not only by a
        page that keeps itself up to date."""
        key, now = _key(value), self.clock()
        with self._lock:
            session = self._sessions.get(key)
            if session is None:
                return None
            if now - session.used > self._idle or now - session.began > self.longest:
                del self._sessions[key]
                return None
            if used:
                session.used = now
                self._sessions.move_to_end(key)
            return session

    def count(self) -> int:
        """How many have not ended yet."""
        now = self.clock()
        with self._lock:
            sessions = list(self._sessions.values())
        return sum(now - each.used <= self._idle and now - each.began <= self.longest for each in sessions)

    def end(self, value: str) -> None:
        """Sign out."""
        with self._lock:
            self._sessions.pop(_key(value), None)


def cookie(name: str, value: str, *, secure: bool, same_site: str = "strict") -> str:
    """The header Set-Cookie for a session; an empty value takes the cookie away. It ends with the browser: how long
    the session lasts is known here."""
    ended = "; Max-Age=0" if not value else ""
    return f"{name}={value}; Path=/; HttpOnly; SameSite={same_site.capitalize()}{'; Secure' if secure else ''}{ended}"


def _key(value: str) -> bytes:
    # Looked up by a hash: how long that takes says nothing of the values that exist.
    return hashlib.sha256(value.encode("utf-8", "surrogatepass")).digest()
