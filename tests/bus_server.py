"""The responder's bus, sessions of a directory, answers that tests know: bus_server.py DIRECTORY. Ends with stdin.

Run by the system's interpreter, which has dbus-python.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

from recorder.errors import SessrecError
from sssd_responder.bus.bus import Bus
from sssd_responder.sessions import live_sessions
from sssd_responder.sessions.live_sessions import LiveSessions

live_sessions.LOOK = live_sessions.IDLE_LOOK = live_sessions.PAUSE = live_sessions.SETTLE = 0.05

STATUS = {
    "host": "client.lab.test",
    "since": 1.5,
    "nothing": None,
    "odd": "\udc80\0",
    "directory": {"read": 1_700_000_000.5, "error": "away", "host_groups": ["web"], "policies": 3},
    "sessions": {"problem": ""},
    "unreadable": [],
    "mixed": [1, "a", {"b": True}],
}


def what_if(user: str) -> dict:
    if user != "alice":
        raise SessrecError(f"there is no user {user}")
    return {"record": True, "user": user, "policies": ["everybody"], "settings": {"capture": ["output"]}}


sessions = LiveSessions(Path(sys.argv[1]))
bus = Bus(sessions, lambda: STATUS, lambda: STATUS, what_if)
sessions.start()
bus.start()
print("started", flush=True)
sys.stdin.read()
bus.stop()
sessions.stop()
