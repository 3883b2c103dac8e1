"""What every session does, done once in the service before it forks.

Whatever is imported, loaded or laid out in memory on the way, all workers share then, and no login waits for it.
"""

import base64  # noqa: F401  (what a log imports when it signs)
import os
import socket
import threading
from collections.abc import Sequence
from contextlib import suppress
from time import monotonic

from recorder.capture import spawn, terminal
from recorder.capture.copy_loop import Capture, Limits
from recorder.capture.log import Header
from recorder.capture.session import Session
from recorder.capture.session_process import Child
from recorder.capture.signals import Signals
from recorder.configuration.host_settings import HostSettings
from recorder.errors import SessrecError
from recorder.keys.signing_key import SigningKey
from recorder.logins.login_request import receive
from recorder.sinks.spool import Spool


def rehearse(settings: HostSettings, key: SigningKey | None) -> None:
    """Record a session of a few bytes for nobody. Where that cannot be done, only its advantage is lost."""
    _import_what_workers_need(settings.sink)
    with suppress(OSError, SessrecError):
        outer, own = os.openpty()
        for descriptor in (*_request(own), outer, own, _record(own, key)):
            os.close(descriptor)
    _put_nothing_in_order()


def _import_what_workers_need(name: str) -> None:
    import recorder.sinks.rate_limit

    if name == "file":
        import recorder.sinks.file_sink
    elif name == "syslog":
        import recorder.sinks.syslog_sink
    else:
        import recorder.sinks.journald_sink  # noqa: F401


def _request(terminal: int) -> list[int]:
    """As a login shell makes it; the descriptors that come with it."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with ours, theirs:
        socket.send_fds(theirs, [b"\0".join([b"1", b"1", b"xterm", b"", b"", b""])], [terminal])
        return receive(ours).descriptors


def _record(own: int, key: SigningKey | None) -> int:
    """A session whose program prints a prompt and has ended; the master of its PTY."""
    pty = spawn.Pty(own, terminal.RawMode(own).original)
    header = Header(host="", rec="rehearsal", user="", term="", session=0)
    session = Session(header, Spool(_Nowhere(), 65_536), deny=True, sign_interval=0)
    session.start(
        program="/bin/sh", argv=["sh"], pid=os.getpid(), size=pty.size, charset="UTF-8", typed=False, key=key
    )
    child = Child(0)
    child.status = 0
    os.write(pty.slave, b"$ ")
    pty.close_slave()
    signals = Signals()
    capture = Capture(
        outer=own,
        master=pty.master,
        process=child,
        signals=signals,
        log=session.log,
        limits=Limits(latency=0, payload=65_536),
        size=pty.size,
        began=monotonic(),
    )
    capture.run()
    session.end("exit", 0)
    signals.close()
    if capture.signal is not None:
        os.kill(os.getpid(), capture.signal)  # it was for the service
    return pty.master


class _Nowhere:
    """A sink."""

    payload_limit = 65_536

    def write(self, parts: Sequence[bytes], *, rec: str, kind: str) -> None:
        pass

    def close(self) -> None:
        pass


def _put_nothing_in_order() -> None:
    """Spare every child what `threading`, which cryptography imports, does after a fork.

    It makes its locks anew, for which it touches 400 kB of what would be shared. There is one thread here.
    """
    hook = getattr(threading, "_after_fork", None)
    if hook is not None:
        hook.__code__ = (lambda: None).__code__
