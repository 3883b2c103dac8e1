"""Runs a command on a terminal of its own, between it and the terminal that this runs on: python3 - COMMAND...

As script(1), but for one thing: login(1) hangs its terminal up to have it for itself, which is no end. It runs in the
lab's client, whose terminals are not those of the machine outside.
"""

import fcntl
import os
import pty
import select
import signal
import sys
import termios
import time
import tty


def main() -> int:
    """The command's exit status."""
    child, master = pty.fork()
    if child == 0:
        os.execvp(sys.argv[1], sys.argv[1:])

    def resized(*_: object) -> None:
        fcntl.ioctl(master, termios.TIOCSWINSZ, fcntl.ioctl(0, termios.TIOCGWINSZ, bytes(8)))

    resized()
    signal.signal(signal.SIGWINCH, resized)
    tty.setraw(0)
    while True:
        try:
            ready = select.select([0, master], [], [], 0.2)[0]
            if 0 in ready:
                typed = os.read(0, 65_536)
                if not typed:
                    return 1
                os.write(master, typed)
            if master in ready:
                os.write(1, os.read(master, 65_536))
        except OSError:
            if os.waitid(os.P_PID, child, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None:
                return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
            time.sleep(0.02)


sys.exit(main())
