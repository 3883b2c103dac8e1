#!/usr/bin/python3 -IS
"""What PAM runs when a session is opened and when it is closed: it tells the responder, which sets the audit rules.

Installed as a program of its own, for the session stack of every service:

    session required pam_exec.so seteuid quiet stdout /usr/libexec/session-recording/pam-hook

PAM hands over the session in the environment (PAM_TYPE, PAM_USER, PAM_SERVICE, PAM_RHOST, PAM_TTY). The responder
learns who it is from the kernel; these only describe. Exit status 1 refuses the session, and only the responder's own
"no" does: where it is down or mute, cron and sudo go on, and the login shell refuses for itself.

It stands in every login's way, so it imports only what the interpreter has built in.
"""

import _signal  # type: ignore[import-not-found]  # what the signal module is made of; that imports enum
import _socket
import posix

RUN = "/run/session-recording"
LIMIT = 2
"""Seconds that the responder has, in all."""
UNSET = b"4294967295"
"""The loginuid of daemons and of what they run for themselves."""
LONGEST = 1024
"""Bytes of a variable, characters of a message. A name or an address has a quarter of it."""


def main() -> int:
    """The exit status for PAM."""
    ask = {b"open_session": "open", b"close_session": "close"}.get(posix.environ.get(b"PAM_TYPE", b""))
    if ask is None or _loginuid() == UNSET:
        return 0
    # Who sits at a console could otherwise end this program at the right moment, and be logged in without rules.
    for signal in (_signal.SIGINT, _signal.SIGQUIT, _signal.SIGTSTP, _signal.SIGHUP, _signal.SIGTERM):
        _signal.signal(signal, _signal.SIG_IGN)
    message = _refusal(_answer(_request(ask)))
    if message is None or ask == "close":
        return 0
    try:
        posix.write(1, message.encode() + b"\n")
    except OSError:
        pass  # Nobody reads it; the session is refused all the same.
    return 1


def _loginuid() -> bytes:
    """Unset where the kernel has no auditing: nobody is recognised there."""
    try:
        file = posix.open("/proc/self/loginuid", posix.O_RDONLY | posix.O_CLOEXEC)
        return posix.read(file, 16).strip()
    except OSError:
        return UNSET


def _request(ask: str) -> bytes:
    fields = ["user", "service", "rhost", "tty"]
    values = [_quoted(posix.environ.get(b"PAM_" + name.upper().encode(), b"")) for name in fields]
    pairs = "".join(f',"{name}":{value}' for name, value in zip(fields, values, strict=True))
    return f'{{"ask":"{ask}"{pairs}}}'.encode()


def _quoted(value: bytes) -> str:
    """As JSON has it; the json module takes longer to import than all else that happens here."""
    text = value[:LONGEST].decode("utf-8", "replace")
    return '"' + "".join(c if c >= " " and c not in '"\\' else f"\\u{ord(c):04x}" for c in text) + '"'


def _answer(request: bytes) -> bytes:
    """What the responder says; nothing where it says nothing."""
    # A limit for each of three calls would be three limits, and a socket that does not block is refused by a
    # responder whose queue is full for a moment.
    _signal.signal(_signal.SIGALRM, lambda *_: posix._exit(0))
    _signal.pthread_sigmask(_signal.SIG_UNBLOCK, [_signal.SIGALRM])
    _signal.setitimer(_signal.ITIMER_REAL, LIMIT)
    try:
        responder = _socket.socket(_socket.AF_UNIX, _socket.SOCK_SEQPACKET | _socket.SOCK_CLOEXEC)
        responder.connect(RUN + "/responder.socket")
        responder.send(request)
        answer = responder.recv(65536)
        _signal.setitimer(_signal.ITIMER_REAL, 0)
        return answer
    except OSError:
        return b""


def _refusal(answer: bytes) -> str | None:
    """The line for the user if the answer refuses him."""
    if b"false" not in answer:
        return None
    import json  # only for the few who are refused

    try:
        said = json.loads(answer)
    except (ValueError, RecursionError):
        return None
    if not isinstance(said, dict) or said.get("allow") is not False:
        return None
    text = " ".join(str(said.get("message", "")).split())[:LONGEST]
    return "".join(c if c.isprintable() else "?" for c in text) or "this session is refused"


if __name__ == "__main__":
    status = 0
    try:
        status = main()
    except Exception:
        pass  # A mistake in here must not lock everybody out, root included.
    # Without the interpreter's own tidying up, which takes two milliseconds.
    posix._exit(status)
