"""What login shells ask and are answered, on the recorder service's socket (SOCK_SEQPACKET).

A request is b"1" (the version), b"1" or b"0" (whether it leads its session), TERM, LC_ALL, LC_CTYPE, LANG and the
arguments, joined by NUL, with the descriptors 0, 1 and 2 as far as they are open. An answer is its kind, the shell
and a text, joined by NUL:

- plain: become the shell on the own descriptors
- slave, with a descriptor: become it on this terminal, in the place of that with the device number in the text;
  b"leader" or b"forked" follows from the shell's process, and then b"go" to one that was forked. While the connection
  is open, b"w" says that the outer window has changed.
- detached: as plain, and let go of every terminal, for this session is recorded without one
- pipes, with three descriptors: become it on these, and likewise
- deny: tell the user this text, and end

All of a request is the peer's own word, and is used for nothing but the recording.
"""

import os
import socket
from dataclasses import dataclass

from recorder.capture.session import MAX_TERM
from recorder.errors import SessrecError

PLAIN, SLAVE, DETACHED, PIPES, DENY = b"plain", b"slave", b"detached", b"pipes", b"deny"

LONGEST = 65_536
"""Bytes of a request."""


class RequestError(SessrecError):
    """What has come is no request."""


class GoneError(RequestError):
    """Nothing has come: somebody looked whether the service is there."""


@dataclass(frozen=True)
class LoginRequest:
    """A request. `locale` has the variables that name the character set; descriptors are ours to close."""

    leads: bool
    term: str
    locale: dict[str, str]
    arguments: list[str]
    descriptors: list[int]


def receive(connection: socket.socket) -> LoginRequest:
    """The request that comes first on a connection. Raises RequestError."""
    try:
        data, descriptors, flags, _ = socket.recv_fds(connection, LONGEST, 3)
    except OSError as error:
        raise RequestError(f"no request: {error.strerror or error}") from error
    if not data:
        raise GoneError("whoever has connected asks nothing")
    for descriptor in descriptors:
        os.set_inheritable(descriptor, False)
    version, *words = data.split(b"\0")
    if version != b"1" or len(words) < 5 or flags & socket.MSG_CTRUNC:
        raise RequestError("not a request of a login shell")
    leads, term, *rest = (word.decode("utf-8", "surrogateescape") for word in words)
    locale = dict(zip(("LC_ALL", "LC_CTYPE", "LANG"), rest, strict=False))
    return LoginRequest(leads == "1", term[:MAX_TERM], locale, rest[3:], descriptors)


def answer(
    connection: socket.socket, kind: bytes, *, shell: str = "", text: str = "", descriptors: tuple[int, ...] = ()
) -> bool:
    """Answer; False where nobody waits for it any more."""
    data = b"\0".join([kind, os.fsencode(shell), text.encode("utf-8", "replace")])
    try:
        socket.send_fds(connection, [data], descriptors)
    except OSError:
        return False
    return True
