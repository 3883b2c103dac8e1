#!/usr/bin/python3 -IS
"""What PAM runs when a session is opened: it tells the responder, which sets the audit rules.

Installed as a program of its own. Two lines in the session stack of every service, after pam_loginuid.so, as
host/files/pam-profile has them:

    session optional pam_env.so readenv=0 conffile=/usr/lib/session-recording/sssd_responder/pam_env.conf
    session required pam_exec.so type=open_session seteuid quiet stdout /usr/libexec/session-recording/pam-hook

Both are needed, and `type`: pam_exec.so runs programs as root in the environment that PAM has collected. Where users
write some of that themselves, LD_PRELOAD in it would make them root. The first line takes such variables away before
a session is opened; nothing can do so before it is closed.

PAM describes the session in variables. The responder learns from the kernel who it is. Exit status 1 refuses the
session, and only the responder's own "no" does that: where it is down or mute, cron and sudo go on, and the login
shell refuses for itself.

It stands in every login's way, so it imports only what the interpreter has built in.
"""

import _signal  # what the signal module is made of; that imports enum
import _socket
import posix

RUN = "/run/session-recording"
LOGIN_UID = "/proc/self/loginuid"
LIMIT = 2
"""Seconds that the responder has, in all."""
LONGEST = 1024
"""Bytes of a variable, characters of a message."""

UNSET = b"4294967295"
"""The login uid of daemons and of what they run for themselves."""


def main() -> int:
    """The exit status for PAM."""
    if _login_uid() == UNSET:
        return 0
    message = _refusal(_answer(_request()))
    if message is None:
        return 0
    try:
        posix.write(1, message.encode() + b"\n")
    except OSError:
        pass  # Nobody reads it; the session is refused all the same.
    return 1


def _login_uid() -> bytes:
    """Unset where the kernel has no auditing: nobody is recognised there."""
    try:
        file = posix.open(LOGIN_UID, posix.O_RDONLY | posix.O_CLOEXEC)
        return posix.read(file, 16).strip()
    except OSError:
        return UNSET


def _request() -> bytes:
    names = ("user", "service", "rhost", "tty")
    fields = [f',"{name}":{_quoted(posix.environ.get(b"PAM_" + name.upper().encode(), b""))}' for name in names]
    return f'{{"ask":"open"{"".join(fields)}}}'.encode()


def _quoted(value: bytes) -> str:
    """As JSON has it; the json module takes longer to import than all else that happens here."""
    text = value[:LONGEST].decode("utf-8", "replace")
    return '"' + "".join(c if c >= " " and c not in '"\\' else f"\\u{ord(c):04x}" for c in text) + '"'


def _answer(request: bytes) -> bytes:
    """What the responder says; nothing where it says nothing."""
    # Limits of the socket's own would be one for each call, and let nobody wait whose responder has a queue.
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
