"""The log of one recording: numbers, seals and signs its messages and hands them to the sink.

Ids and the chain have no gaps, so what cannot be stored is decided before a message gets its number: it is counted,
and a `lost` event says how much as soon as there is room again.
"""

import json

from recorder.errors import SessrecError
from recorder.formats import chain
from recorder.formats.canonical import canonical
from recorder.formats.encoder import Body, escape

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from recorder.keys.signing_key import SigningKey
    from recorder.sinks.spool import Spool

VERSION = "2.3"
"""tlog's message format, see docs/format.md."""

OVERHEAD = 1024
"""Bytes that a message takes beyond its text: header, seal and signature."""


class RecordingFailed(SessrecError):
    """The sink takes nothing more, the spool is full, and the policy is to deny."""

    exit_status = 254


class Header:
    """What stands on every message of a recording. `session` is the kernel's audit session id."""

    def __init__(self, *, host: str, rec: str, user: str, term: str, session: int) -> None:
        self.host = displayable(host)
        self.rec = rec
        self.user = displayable(user)
        self.term = displayable(term)
        self.session = session


class Log:
    """Takes io bodies and events in order; every one becomes one sealed line, or is counted as lost.

    `began` is seconds since 1970 at position 0. `sign_interval` is seconds between signatures. With `deny`,
    a full spool raises RecordingFailed instead of counting.
    """

    def __init__(
        self, header: Header, spool: "Spool", *, began: float, deny: bool, sign_interval: float, now: float
    ) -> None:
        self.header = header
        self.began = began
        self.key: SigningKey | None = None
        self.lost_bytes = 0
        self.lost_messages = 0
        self.lost_reason = ""
        self._spool = spool
        self._deny = deny
        self._sign_interval = sign_interval
        # The first signature waits for half a second, and so does the import of cryptography, which nobody should
        # wait for at the first prompt.
        self._signed_at = now - max(0.0, sign_interval - 0.5)
        self._unsigned = 0
        self._id = 0
        self._value = chain.start(header.rec)
        host, rec, user, term = (
            b'"%s"' % escape(text.encode()) for text in (header.host, header.rec, header.user, header.term)
        )
        line = b'{"ver":"%s","host":%s,"rec":%s,"user":%s,"term":%s,"session":%d,"id":'
        self._head = _escape_delete(line % (VERSION.encode(), host, rec, user, term, header.session))
        # The same fields in the order of RFC 8785, around those that change.
        self._sealed_head = b'{"host":%s,"id":' % host
        self._sealed_middle = b',"rec":%s,"session":%d,"term":%s,"time":' % (rec, header.session, term)
        self._sealed_tail = b'","user":%s,"ver":"%s"}' % (user, VERSION.encode())

    def state(self) -> "dict[str, Any]":
        """What `resume` needs, plain values; to be asked for when nothing waits for the sink."""
        return {
            "began": self.began,
            "id": self._id,
            "value": self._value,
            "signed_at": self._signed_at,
            "unsigned": self._unsigned,
            "lost": (self.lost_bytes, self.lost_messages, self.lost_reason),
        }

    def resume(self, state: "dict[str, Any]") -> None:
        """Go on where a log of the same recording in another process has stopped."""
        self.began, self._id, self._value = state["began"], state["id"], state["value"]
        self._signed_at, self._unsigned = state["signed_at"], state["unsigned"]
        self.lost_bytes, self.lost_messages, self.lost_reason = state["lost"]

    def io(self, body: Body, now: float) -> bool:
        """Store what the terminal printed or what was typed. False: it is lost, and counted."""
        size = len(body.out_txt) + len(body.out_bin) + len(body.in_txt) + len(body.in_bin) + len(body.timing)
        if not self._room(size, body.size, body.at, now):
            return False
        seconds = round(self.began + body.at / 1000, 3)
        number = b"%d" % (self._id + 1)
        position = b"%d" % body.at
        self._value = chain.advance(
            self._value,
            b'%s%s,"in_bin":[%s],"in_txt":' % (self._sealed_head, number, body.in_bin),
            body.in_txt,
            b',"out_bin":[%s],"out_txt":' % body.out_bin,
            body.out_txt,
            b',"pos":%s%s%s,"timing":"%s' % (position, self._sealed_middle, _es6(seconds), body.timing),
            self._sealed_tail,
        )
        self._id += 1
        parts = [
            b'%s%s,"pos":%s,"time":%.3f,"timing":"%s","in_txt":'
            % (self._head, number, position, seconds, body.timing),
            _escape_delete(body.in_txt),
            b',"in_bin":[%s],"out_txt":' % body.in_bin,
            _escape_delete(body.out_txt),
            b',"out_bin":[%s]' % body.out_bin,
            self._seal(now, now - self._signed_at >= self._sign_interval),
        ]
        self._spool.write(parts, rec=self.header.rec, kind="io")
        return True

    def event(
        self, action: str, at: int, now: float, *, timing: str = "", sign: bool = False, **fields: "Any"
    ) -> bool:
        """Store an event message: `fields` are ECS objects, `at` is ms. False: it is lost, and counted."""
        details = {"event": {"action": action, **fields.pop("event", {})}, **fields}
        if not self._room(len(str(details)), 0, at, now):
            return False
        self._write_event(at, now, timing, details, sign)
        return True

    def stream(self, body: Body, name: str, now: float) -> bool:
        """Store bytes of a stream that tlog has no place for (`stderr`), as an io message that names it."""
        size = len(body.out_txt) + len(body.out_bin)
        if not self._room(size, body.size, body.at, now):
            return False
        texts = {"out_txt": json.loads(body.out_txt), "out_bin": json.loads(b"[%s]" % body.out_bin)}
        self._write_event(body.at, now, body.timing.decode(), {"sessrec": {"stream": name}}, False, texts, kind="io")
        return True

    def lose(self, size: int, reason: str) -> None:
        """Count a message with `size` terminal bytes that is not stored, and why."""
        self.lost_bytes += size
        self.lost_messages += 1
        self.lost_reason = reason

    def checkpoint_due(self, now: float) -> float | None:
        """Seconds until the messages without a signature need one, or None where there are none."""
        if not self._unsigned or self.key is None:
            return None
        return max(0.0, self._signed_at + self._sign_interval - now)

    @property
    def failing(self) -> bool:
        """Whether messages wait for the sink."""
        return self._spool.pending_messages > 0

    def retry(self) -> None:
        """Try to store what waits."""
        self._spool.retry()

    def _room(self, size: int, terminal_bytes: int, at: int, now: float) -> bool:
        if self._spool.accepts(size + OVERHEAD):
            if self.lost_messages:
                self._report_loss(at, now)
            return True
        error = self._spool.last_error
        if self._deny:
            raise RecordingFailed(f"the recording cannot be stored: {error}; the session ends here")
        self.lose(terminal_bytes, str(error))
        return False

    def _report_loss(self, at: int, now: float) -> None:
        lost = {
            "lost_bytes": self.lost_bytes,
            "lost_messages": self.lost_messages,
            "reason": self.lost_reason,
        }
        self.lost_bytes = self.lost_messages = 0
        self._write_event(at, now, "", {"event": {"action": "lost"}, "sessrec": lost}, False)

    def _write_event(
        self,
        at: int,
        now: float,
        timing: str,
        details: "dict[str, Any]",
        sign: bool,
        texts: "dict[str, Any] | None" = None,
        kind: str = "event",
    ) -> None:
        header = self.header
        message: dict[str, Any] = {
            "ver": VERSION,
            "host": header.host,
            "rec": header.rec,
            "user": header.user,
            "term": header.term,
            "session": header.session,
            "id": self._id + 1,
            "pos": at,
            # A JSON double to tlog: json writes 5.0 as 5.0.
            "time": round(self.began + at / 1000, 3),
            "timing": timing,
            "in_txt": "",
            "in_bin": [],
            "out_txt": "",
            "out_bin": [],
            **(texts or {}),
            **details,
        }
        self._value = chain.advance(self._value, canonical(message))
        self._id += 1
        line = json.dumps(message, ensure_ascii=False, separators=(",", ":")).encode()
        due = now - self._signed_at >= self._sign_interval
        self._spool.write([_escape_delete(line[:-1]), self._seal(now, sign or due)], rec=header.rec, kind=kind)

    def _seal(self, now: float, sign: bool) -> bytes:
        """The end of the line: the chain's value, and a signature where one is due."""
        if self.key is None or not sign:
            self._unsigned += 1
            return b',"seal":"%s"}\n' % self._value.hex().encode()
        import base64

        signature = self.key.sign(chain.signed_text(self.header.rec, self._id, self._value))
        self._signed_at = now
        self._unsigned = 0
        key_id = self.key.key_id.encode()
        return b',"seal":"%s","key":"%s","sig":"%s"}\n' % (
            self._value.hex().encode(),
            key_id,
            base64.b64encode(signature),
        )


def displayable(text: str) -> str:
    """A string from the operating system as JSON can hold it: a byte that is not UTF-8 becomes `\\xff`."""
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


def _escape_delete(text: bytes) -> bytes:
    """tlog escapes DEL; RFC 8785, which the seal is made over, does not."""
    return text.replace(b"\x7f", b"\\u007f") if b"\x7f" in text else text


def _es6(seconds: float) -> bytes:
    """A time as ECMAScript writes it, which RFC 8785 asks for: like Python's repr, but 5 for 5.0."""
    return b"%d" % seconds if seconds == int(seconds) else repr(seconds).encode()
