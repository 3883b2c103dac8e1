"""The login shell of recorded hosts: asks the recorder service, and becomes the user's own shell.

Everybody who logs in waits for this, so it is one file that imports what is built in or small, and says what it has
to say in bytes (recorder/logins/login_request.py is the other side). host/files/login-shell executes it from its
byte-code. It runs as the user and is trusted with nothing: where it has a part in a recording, the recorder would
notice if it did something else.
"""

import _signal as signals
import _socket as socket
import sys
from _io import open as open_file
from posix import (
    O_RDWR,
    _exit,
    close,
    dup2,
    environ,
    execv,
    fork,
    fstat,
    getpid,
    getppid,
    getsid,
    isatty,
    kill,
    listdir,
    open,
    putenv,
    read,
    setsid,
    ttyname,
    unsetenv,
    waitpid,
    waitstatus_to_exitcode,
    write,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    Answer = tuple[bytes, str, str, list[int], socket.socket | None]

RUN = "/run/session-recording"
CONFIG = "/etc/session-recording/config.toml"

ANSWER = 10
"""Seconds that the recorder service has, of which it gives the responder two."""
LONGEST = 60_000
"""Bytes of the request; an argument list that is longer is cut for the recording, not for the shell."""
REFUSED = 254
TIOCNOTTY, TIOCSCTTY = 0x5422, 0x540E
WAITS_ON = 3
WAITER = """
read -r end <&3
while read -r line; do stat=$line; done </proc/$1/stat
fields=${stat##*)}
status=${stat##* }
case $fields in
" Z"*) ;;
*) exit 129 ;;
esac
echo "$status" >&3
ulimit -c 0
[ $((status & 127)) = 0 ] || kill -$((status & 127)) $$
exit $((status >> 8))
"""
"""$1 is the shell's process. The recorder closes its side once the terminal has all there is. The last line of
proc_pid_stat(5), in which a name may begin others, ends with the status as waitpid has it. Whoever has ended by a
signal is followed in that, for sshd tells its client."""
EMPTIED = (b"LD_PRELOAD", b"LD_AUDIT", b"LD_LIBRARY_PATH", b"GCONV_PATH", b"LOCPATH")
"""What a file of ours for sshd makes empty, whatever its user has put there (host.loader_environment)."""
DEV_TTY = 0x500
"""Device number of /dev/tty, which stands for whatever terminal it was opened on."""


def main() -> None:
    """Does not return, unless the shell cannot be executed."""
    _undo_what_python_set()
    _drop_what_is_empty()
    arguments = sys.argv[1:]
    login = _is_login(arguments)
    kind, shell, text, descriptors, connection = _ask(arguments)
    if kind == b"deny":
        _refuse(text)
    argv = [("-" if login else "") + shell.rpartition("/")[2], *arguments]
    if kind in (b"pipes", b"detached"):
        _leave_terminals()
        for target, descriptor in enumerate(descriptors):
            dup2(descriptor, target)
            close(descriptor)
    elif kind == b"slave" and connection is not None:
        _move_to(descriptors[0], int(text), connection)
    if connection is not None:
        connection.close()
    for number in (signals.SIGPIPE, signals.SIGXFSZ):
        signals.signal(number, signals.SIG_DFL)
    unsetenv("SHELL")  # sudo -i has it twice, and the shell takes the last
    putenv("SHELL", shell)
    try:
        execv(shell, argv)
    except OSError as error:
        _refuse(f"your shell {shell!r} cannot be started: {error.strerror}", 127 if error.errno == 2 else 126)


def _ask(arguments: "list[str]") -> "Answer":
    """(kind of answer, shell, what to tell the user, descriptors, connection) from the recorder service."""
    said = [environ.get(name, b"") for name in (b"TERM", b"LC_ALL", b"LC_CTYPE", b"LANG")]
    leads = b"1" if getsid(0) == getpid() else b"0"
    request = b"\0".join([b"1", leads, *said, *(text.encode(errors="surrogateescape") for text in arguments)])
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET | socket.SOCK_CLOEXEC)
    connection.settimeout(ANSWER)
    rights = b"".join(fd.to_bytes(4, sys.byteorder) for fd in (0, 1, 2) if _is_open(fd))
    try:
        connection.connect(RUN + "/recorder.socket")
        try:
            connection.sendmsg([request[:LONGEST]], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, rights)])
        except OSError:
            pass  # A service that has no process left for it answers without reading, as seen below.
        try:
            data, ancillary, _, _ = connection.recvmsg(65536, socket.CMSG_LEN(12), socket.MSG_CMSG_CLOEXEC)
        except ConnectionResetError:
            # The request was not read; the answer stands behind this error.
            data, ancillary, _, _ = connection.recvmsg(65536, socket.CMSG_LEN(12), socket.MSG_CMSG_CLOEXEC)
    except OSError:
        return _without_answer()
    kind, _, rest = data.partition(b"\0")
    shell, _, text = rest.partition(b"\0")
    passed = ancillary[0][2] if ancillary else b""
    descriptors = [int.from_bytes(passed[at : at + 4], sys.byteorder) for at in range(0, len(passed), 4)]
    wanted = {b"plain": 0, b"detached": 0, b"deny": 0, b"slave": 1, b"pipes": 3}.get(kind)
    if wanted != len(descriptors):
        return _without_answer()
    return kind, shell.decode(errors="surrogateescape"), text.decode(errors="replace"), descriptors, connection


def _without_answer() -> "Answer":
    """What the host's configuration says for when nobody answers."""
    import tomllib

    host = {}
    try:
        with open_file(CONFIG, "rb") as file:
            host = tomllib.load(file).get("host", {})
    except (OSError, ValueError):
        pass
    shell = host.get("shell", "/bin/sh")
    if host.get("on_failure") == "allow" and isinstance(shell, str):
        return b"plain", shell, "", [], None
    return b"deny", "", "sessions on this host are recorded, and the recorder does not answer", [], None


def _leave_terminals() -> None:
    """Without a terminal of its own, a recorded session has nobody else's either."""
    for name in listdir("/proc/self/fd"):
        try:
            if isatty(int(name)):
                close(int(name))
        except OSError:
            pass  # that of the listing itself
    try:
        terminal = open("/dev/tty", O_RDWR)
    except OSError:
        return
    from fcntl import ioctl

    _with_hangup(signals.SIG_IGN)
    ioctl(terminal, TIOCNOTTY)
    close(terminal)
    _with_hangup(signals.SIG_DFL)


def _with_hangup(handler: int) -> None:
    """A session whose leader leaves its terminal is hung up by the kernel."""
    for number in (signals.SIGHUP, signals.SIGCONT):
        signals.signal(number, handler)


def _move_to(slave: int, outer: int, connection: "socket.socket") -> None:
    """Make the recorded terminal that of the session, in the place of `outer`, by its device number; say so."""
    from fcntl import ioctl

    terminal = next(
        descriptor for descriptor in (0, 1, 2) if _is_open(descriptor) and fstat(descriptor).st_rdev == outer
    )
    if environ.get(b"SSH_TTY"):
        putenv("SSH_TTY", ttyname(slave))
    if getsid(0) == getpid():
        _with_hangup(signals.SIG_IGN)
        try:
            ioctl(terminal, TIOCNOTTY)
        except OSError:
            pass  # `su -c` has none
        _use(slave, outer)
        child = fork()
        if child:
            _with_hangup(signals.SIG_DFL)
            _become_waiter(child, connection)
        setsid()
        ioctl(terminal, TIOCSCTTY, 0)
        connection.send(b"leader")
        _with_hangup(signals.SIG_DFL)
        return
    # Under su and sudo -i the session is somebody else's, and stays with a process that waits.
    child = fork()
    if child:
        # As a process of the user's own he can trace it: it must have nothing by which to reach the other terminal.
        try:
            ioctl(terminal, TIOCNOTTY)
        except OSError:
            pass
        _use(-1, outer)
        _wait_for(child, slave, connection)
    setsid()
    ioctl(slave, TIOCSCTTY, 0)
    connection.send(b"forked")
    connection.recv(16)
    _use(slave, outer)


def _become_waiter(child: int, connection: "socket.socket") -> None:
    """Be the process that sshd waits for, and end as the shell has ended once all that it printed has been written.

    sshd closes a terminal as soon as its own child has ended and there is nothing to read at that moment; what the
    recorder has not written by then would be lost to the user. A dash waits, since it needs a twentieth of our
    memory. It never hears that the shell has ended, which so stays in /proc with its status.
    """
    from fcntl import F_DUPFD, fcntl

    connection.settimeout(None)
    # In two steps, for it may be that number already, which would leave it closed by execv.
    dup2(fcntl(connection.fileno(), F_DUPFD, WAITS_ON + 1), WAITS_ON)
    # Whatever else is open is the shell's, and ought to be closed when that closes it.
    for name in listdir("/proc/self/fd"):
        if int(name) > WAITS_ON:
            try:
                close(int(name))
            except OSError:
                pass  # that of the listing itself
    for number in (signals.SIGPIPE, signals.SIGXFSZ):
        signals.signal(number, signals.SIG_DFL)
    signals.pthread_sigmask(signals.SIG_BLOCK, [signals.SIGCHLD])
    try:
        execv("/bin/dash", ["login-shell", "-c", WAITER, "login-shell", str(child)])
    except OSError:
        pass  # another sh would take notice of the shell's end
    _wait_for(child, -1, socket.socket(fileno=WAITS_ON))


def _use(slave: int, outer: int) -> None:
    """Put the recorded terminal wherever the user's own is open, or nothing for -1; what was redirected stays as it
    is.
    """
    for name in listdir("/proc/self/fd"):
        descriptor = int(name)
        try:
            if descriptor != slave and fstat(descriptor).st_rdev in (outer, DEV_TTY) and isatty(descriptor):
                dup2(slave, descriptor) if descriptor < 3 and slave >= 0 else close(descriptor)
        except OSError:
            pass  # that of the listing itself
    if slave >= 0:
        close(slave)


def _wait_for(child: int, slave: int, connection: "socket.socket") -> None:
    """Pass changes of the window on to the recorder, and what ends su on to the shell; exit as the shell does."""

    def passed_on(number: int, _frame: object) -> None:
        try:
            if number == signals.SIGWINCH:
                connection.send(b"w")
            else:
                kill(child, signals.SIGHUP)
        except OSError:
            pass  # both end by themselves now

    if slave >= 0:
        close(slave)
    for number in (signals.SIGINT, signals.SIGQUIT, signals.SIGTSTP):
        signals.signal(number, signals.SIG_IGN)
    for number in (signals.SIGWINCH, signals.SIGTERM, signals.SIGHUP):
        signals.signal(number, passed_on)
    _, status = waitpid(child, 0)
    try:
        connection.send(b"%d" % status)
    except OSError:
        pass
    # The terminal is su's again only when the recorder has written all there is to it.
    try:
        connection.recv(16)
    except OSError:
        pass
    code = waitstatus_to_exitcode(status)
    _exit(code if code >= 0 else 128 - code)


def _is_login(arguments: list[str]) -> bool:
    """Whether the shell is to be a login shell.

    argv[0] would say it, but the kernel replaces it for a script. sshd and login start one unless there is a command;
    su and sudo say it by their own arguments.
    """
    try:
        descriptor = open(f"/proc/{getppid()}/cmdline", 0)
        program, *words = read(descriptor, 65536).split(b"\0")
        close(descriptor)
    except OSError:
        return not arguments
    name = program.rpartition(b"/")[2]
    if name not in (b"su", b"runuser", b"sudo"):
        return not arguments
    long, short, valued = (b"--login", b"i", b"CDghpRrTtUu") if name == b"sudo" else (b"--login", b"l", b"cgGsuwT")
    skip = False
    for word in words:
        if skip:
            skip = False
        elif word == b"--" or (name == b"sudo" and not word.startswith(b"-")):
            return False
        elif word == long or (word == b"-" and name != b"sudo"):
            return True
        elif word.startswith(b"-") and not word.startswith(b"--"):
            for at in range(1, len(word)):
                letter = word[at : at + 1]
                if letter == short:
                    return True
                if letter in valued:
                    skip = at == len(word) - 1
                    break
    return False


def _undo_what_python_set() -> None:
    """In a C locale, and in one that there is not, the interpreter sets LC_CTYPE (PEP 538), over what was there."""
    if environ.get(b"LC_CTYPE") != b"C.UTF-8":
        return
    descriptor = open("/proc/self/environ", 0)
    begun = b""
    while data := read(descriptor, 1 << 20):
        begun += data
    close(descriptor)
    _, found, rest = (b"\0" + begun).partition(b"\0LC_CTYPE=")
    if found:
        environ[b"LC_CTYPE"] = rest.partition(b"\0")[0]
        putenv("LC_CTYPE", environ[b"LC_CTYPE"])
    else:
        del environ[b"LC_CTYPE"]
        unsetenv("LC_CTYPE")


def _drop_what_is_empty() -> None:
    """It does nothing, but where GCONV_PATH is there glibc looks for its converters in every program, for 1.3 ms."""
    for name in EMPTIED:
        if environ.get(name) == b"":
            del environ[name]
            unsetenv(name)


def _is_open(descriptor: int) -> bool:
    try:
        fstat(descriptor)
    except OSError:
        return False
    return True


def _refuse(text: str, status: int = REFUSED) -> None:
    line = "".join(c if c.isprintable() else "?" for c in text)
    try:
        write(2, f"{line}\r\n".encode() if isatty(2) else f"{line}\n".encode())
    except OSError:
        pass
    _exit(status)


if __name__ == "__main__":
    try:
        main()
    except Exception as error:
        # Whatever it is, it ends in one line and not in an unrecorded shell.
        _refuse(f"the login shell of session recording failed: {error!r}")
