"""The process that stays with a session: it holds its descriptors while nothing happens.

An interpreter writes to whatever it looks at, for it counts references; so what has recorded a while shares little
with the process that it was forked from. A worker therefore hands its session over when nothing has happened for a
time, and ends; its keeper has another made when something does. This is a program of its own, which imports what is
built in or small: the service starts one, and that is forked for every session (recorder/logins/nursery.py is the
other side, recorder/logins/kept.py the worker's).

    keeper.py UID GID      with the descriptors ORDERS, ENDS, REPORTS and WAKE
"""

import _signal as signals
import _socket as socket
import gc
import posix
import select
import sys
from fcntl import ioctl

ORDERS, ENDS, REPORTS, WAKE = 3, 4, 5, 6
"""Descriptors: where the service asks for keepers, where it is told of their ends and of sessions, and where whoever
is warm is asked for workers."""

KILLED = 1
"""Exit status for a worker that was killed: nothing of the session may go on."""

RETRY = 250
"""Milliseconds between two tries to have a worker, where there can be no process."""

_SIGHUP, _SIGINT, _SIGQUIT, _SIGTERM, _SIGCHLD, _SIGWINCH = 1, 2, 3, 15, 17, 28
"""Those of the module `signal` are members of an enumeration, which to look at takes memory."""
_LEAVE = bytes((_SIGHUP, _SIGINT, _SIGQUIT, _SIGTERM))
_TIOCSCTTY, _TIOCGWINSZ = 0x540E, 0x5413
_SOL_SOCKET, _SCM_RIGHTS = 1, 1
_LONGEST = 256
_MOST = 16
"""Descriptors that come with a message."""


def main() -> None:
    """Fork a keeper for every order, until the service is gone."""
    uid, gid = int(sys.argv[1]), int(sys.argv[2])
    orders = socket.socket(fileno=ORDERS)
    ends = socket.socket(fileno=ENDS)

    def reap(_number: int, _frame: object) -> None:
        while True:
            try:
                pid, status = posix.waitpid(-1, posix.WNOHANG)
                if not pid:
                    return
                ends.send(b"%d %d" % (pid, status))
            except OSError:
                return  # there is none; or the service is gone, and the next one finds its sessions by itself

    gc.collect()
    gc.freeze()
    gc.disable()
    signals.signal(_SIGCHLD, reap)
    while True:
        _, descriptors = received(orders)
        if not descriptors:
            return
        try:
            pid = posix.fork()
        except OSError as error:
            pid = -(error.errno or 1)
        if not pid:
            signals.signal(_SIGCHLD, signals.SIG_DFL)
            orders.close()
            ends.close()
            _become(uid, gid)
            posix._exit(_keep(descriptors[0]))
        posix.close(descriptors[0])
        orders.send(b"%d" % pid)


def _become(uid: int, gid: int) -> None:
    posix.setsid()
    posix.setgroups([])
    posix.setresgid(gid, gid, gid)
    posix.setresuid(uid, uid, uid)


def _keep(worker: int) -> int:
    """Keep the session of the worker at this connection; its exit status."""
    noted, note = posix.pipe2(posix.O_NONBLOCK | posix.O_CLOEXEC)
    signals.set_wakeup_fd(note)
    for number in (_SIGWINCH, *_LEAVE):
        signals.signal(number, _nothing)
    wake = socket.socket(fileno=WAKE)
    connection = socket.socket(fileno=worker)
    try:
        connection.send(b"%d" % posix.getpid())
    except OSError:
        pass  # it was short, and has said so
    while True:
        passed = bytearray()
        said, descriptors = _attend(connection, noted, passed)
        what, *numbers = said.split()[:4] or [b""]
        if what == b"ended":
            return int(numbers[0])
        if what != b"asleep":
            return KILLED
        connection.close()
        size, watched = (int(numbers[0]), int(numbers[1])), descriptors[: int(numbers[2])]
        come = bytes(passed)
        if not come and (size == (0, 0) or _size(descriptors[0]) == size):
            come = _rest(noted, watched)
        woken = _wake(wake, descriptors, come)
        if woken is None:
            return KILLED
        connection = woken
        # What is closed by the worker is to be closed.
        for descriptor in descriptors:
            posix.close(descriptor)


def _attend(connection: socket.socket, noted: int, passed: bytearray) -> tuple[bytes, list[int]]:
    """Serve the worker until it says something else than where its session is; what it says, b"" if it is gone.

    `passed` are signals at which it has ended, if it has seen them.
    """
    watch = select.poll()
    watch.register(connection.fileno(), select.POLLIN)
    watch.register(noted, select.POLLIN)
    while True:
        for descriptor, _ in watch.poll():
            if descriptor == noted:
                numbers = posix.read(noted, _LONGEST)
                passed += bytes(number for number in numbers if number in _LEAVE)
                try:
                    connection.send(numbers, socket.MSG_DONTWAIT)
                except OSError:
                    pass  # it is gone, or so busy that it will look by itself
                continue
            said, descriptors = received(connection)
            if not said.startswith(b"moved "):
                return said, descriptors
            _lead(descriptors)
            _report(b'{"leader": %s}' % said[6:])
            connection.send(b".")


def _report(said: bytes) -> None:
    reports = socket.socket(fileno=REPORTS)
    try:
        reports.send(said)
    except OSError:
        pass  # a service that comes later finds the session by its description
    reports.close()


def _lead(terminals: list[int]) -> None:
    """Take the terminal as controlling terminal: changes of the window and the end of the connection reach its leader
    as signals. It is free: its session has just left it.
    """
    for terminal in terminals:
        try:
            ioctl(terminal, _TIOCSCTTY, 0)
        except OSError:
            pass  # without it the size is only looked at when something is typed
        posix.close(terminal)


def _rest(noted: int, watched: list[int]) -> bytes:
    """Wait until something happens; the signals that have come."""
    watch = select.poll()
    for descriptor in (noted, *watched):
        watch.register(descriptor, select.POLLIN)
    ready = [descriptor for descriptor, _ in watch.poll()]
    return posix.read(noted, _LONGEST) if noted in ready else b""


def _wake(wake: socket.socket, descriptors: list[int], come: bytes) -> socket.socket | None:
    """The connection of a new worker, which is given the descriptors and the signals; None if nobody makes any."""
    while True:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        rights = b"".join(number.to_bytes(4, sys.byteorder) for number in (theirs.fileno(), *descriptors))
        try:
            wake.sendmsg([b"wake" + come], [(_SOL_SOCKET, _SCM_RIGHTS, rights)])
        except OSError:
            return None
        theirs.close()
        # Its first word, or nothing: there was no room for a process.
        if ours.recv(_LONGEST):
            return ours
        ours.close()
        select.poll().poll(RETRY)


def received(connection: socket.socket) -> tuple[bytes, list[int]]:
    """What has come, and the descriptors with it; nothing from who is gone."""
    try:
        data, ancillary, _, _ = connection.recvmsg(_LONGEST, socket.CMSG_SPACE(4 * _MOST), socket.MSG_CMSG_CLOEXEC)
    except OSError:
        return b"", []
    return data, [number for _, _, value in ancillary for number in memoryview(value).cast("i").tolist()]


def _size(terminal: int) -> tuple[int, int]:
    try:
        said = ioctl(terminal, _TIOCGWINSZ, bytes(8))
    except OSError:
        return 0, 0
    rows, columns, _, _ = memoryview(said).cast("H").tolist()
    return columns, rows


def _nothing(_number: int, _frame: object) -> None:
    """A handler: the number arrives on the wake-up descriptor."""


if __name__ == "__main__":
    main()
