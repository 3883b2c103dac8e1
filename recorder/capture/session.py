"""The beginning and the end of a recording: who, where, what was started, how it ended."""

import os
from time import monotonic, sleep, time

from recorder.capture.log import Header, Log, RecordingFailed, displayable
from recorder.formats.encoder import escape

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from recorder.keys.signing_key import SigningKey
    from recorder.sinks.spool import Spool

VERSION = "0.1.0"
"""Of the recorder, named in the start event."""

PAUSE = 0.05
"""Seconds between two tries to write the end of a recording."""

FIRST_TRIES = 1.0
"""Seconds in which a sink must take the first message, where a session must not be without its recording."""

LAST_TRIES = 2.0
"""Seconds in which a failing sink is given the end of a recording."""

UNSET_SESSION = 2**32 - 1
"""What the kernel shows as audit session id where nobody logged in (a boot script, a container)."""


MAX_ARGUMENTS = 4096
"""Bytes of the command line in the start event, escaped. Linux allows 2 MB, which no sink takes in one message."""

MAX_TERM = 64
"""Characters of TERM, which is the user's to set and stands on every message."""


def header(rec: str) -> Header:
    """The header of a recording by this process, from the system and not from the environment but for TERM."""
    try:
        import pwd

        user = pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        user = str(os.getuid())
    return Header(
        host=os.uname().nodename,
        rec=rec,
        user=user,
        term=os.environ.get("TERM", "")[:MAX_TERM],
        session=_audit_session(),
    )


def _bounded(argv: "Sequence[str]") -> list[str]:
    """The arguments, cut where they grow too long; an ellipsis shows it."""
    arguments: list[str] = []
    left = MAX_ARGUMENTS
    for argument in argv:
        text = displayable(argument)
        whole = text
        while len(escape(text.encode())) > left:
            text = text[: len(text) // 2]
        if text != whole:
            return [*arguments, text + "…"]
        arguments.append(text)
        left -= len(escape(text.encode())) + 3
        if left <= 0:
            return [*arguments, "…"]
    return arguments


def _executable(pid: int, program: str) -> str:
    """The file that runs, by its path; as it was named where the kernel does not tell, or it has ended already."""
    try:
        return os.readlink(f"/proc/{pid}/exe")
    except OSError:
        return program


def _audit_session() -> int:
    try:
        with open("/proc/self/sessionid", "rb") as file:
            return int(file.read())
    except (OSError, ValueError):
        return UNSET_SESSION


class Session:
    """One recording from its first message to its last."""

    def __init__(self, header: Header, spool: "Spool", *, deny: bool, sign_interval: float) -> None:
        self.began = monotonic()
        """Monotonic seconds at position 0."""
        self.log = Log(header, spool, began=time(), deny=deny, sign_interval=sign_interval, now=self.began)
        self._spool = spool
        self._end: dict[str, Any] | None = None
        self._stored = True

    def position(self) -> int:
        """Milliseconds since the recording began."""
        return int((monotonic() - self.began) * 1000)

    def start(
        self,
        *,
        program: str,
        argv: "Sequence[str]",
        pid: int,
        size: tuple[int, int] | None,
        charset: str,
        typed: bool,
        key: "SigningKey | None",
        policies: "Sequence[str]" = (),
        origin: str = "",
    ) -> None:
        """The first message. `size` is columns and rows, None without a terminal; `typed`: input is recorded."""
        self.log.key = key
        process: dict[str, Any] = {
            "args": _bounded(argv),
            "executable": displayable(_executable(pid, program)),
            "pid": pid,
        }
        details: dict[str, Any] = {"version": VERSION, "charset": charset, "input": typed}
        if key is not None:
            details["key"] = key.key_id
        if policies:
            details["policies"] = list(policies)
        timing = ""
        if size is not None:
            columns, rows = size
            process["tty"] = {"columns": columns, "rows": rows}
            timing = f"={columns}x{rows}"
        where: dict[str, Any] = {"source": {"address": displayable(origin)}} if origin else {}
        # Not signed: the first flush is, at the latest a second on, when nobody waits for cryptography's import.
        self.log.event("session-start", 0, self.began, timing=timing, process=process, sessrec=details, **where)

    def state(self) -> "dict[str, Any]":
        """What `resume` needs, plain values."""
        return {"began": self.began, "log": self.log.state()}

    def resume(self, state: "dict[str, Any]", key: "SigningKey | None") -> None:
        """Go on in the place of `start`, where the same recording in another process has stopped."""
        self.began = state["began"]
        self.log.resume(state["log"])
        self.log.key = key

    def end(self, reason: str, exit_code: int | None, **details: "Any") -> None:
        """The last message, signed. `exit_code` as a shell has it; None where the command was left behind."""
        if self._end is not None:
            return
        duration = self.position()
        process: dict[str, Any] = {} if exit_code is None else {"process": {"exit_code": exit_code}}
        self._end = {
            "at": duration,
            # Whole milliseconds, so that a double holds it for 18 years and not for 104 days.
            "event": {"duration": duration * 1_000_000},
            "sessrec": {"reason": reason, **details},
            **process,
        }
        self._stored = False
        self._stored = self._write_end()

    def _write_end(self) -> bool:
        lost = self.log.lost_messages
        stored = self.log.event("session-end", now=monotonic(), sign=True, **self._end or {})
        if not stored:
            # It is tried again, so it is not lost yet.
            self.log.lost_messages = lost
        return stored

    def fail(self, exit_code: int | None) -> None:
        """Say in the log that the recording failed, if it takes as much."""
        try:
            self.end("recording-failed", exit_code)
        except RecordingFailed:
            pass

    def stored(self, seconds: float = FIRST_TRIES) -> bool:
        """Whether everything up to now is stored, trying for at most `seconds`."""
        until = monotonic() + seconds
        while self.log.failing:
            if monotonic() >= until:
                return False
            sleep(PAUSE)
            self.log.retry()
        return True

    @property
    def waiting(self) -> int:
        """Bytes of messages that the sink has not taken yet."""
        return self._spool.pending_bytes

    @property
    def last_error(self) -> object:
        """Why the sink fails."""
        return self._spool.last_error

    def settled(self, seconds: float) -> bool:
        """Whether everything is stored, the end as well, trying for at most `seconds`."""
        until = monotonic() + seconds
        while not self._end_stored():
            if monotonic() >= until:
                return False
            sleep(PAUSE)
        return self._spool.drain(max(0.0, until - monotonic()))

    def close(self, seconds: float = LAST_TRIES) -> bool:
        """Write what is pending, for at most `seconds`. False: something was lost, and is only known here."""
        stored = self.settled(seconds)
        return self._spool.close(0.0) and stored

    def _end_stored(self) -> bool:
        if not self._stored:
            try:
                self._stored = self._write_end()
            except RecordingFailed:
                pass  # there is no room yet
        return self._stored
