"""Recording a session between the user's terminal and a PTY, which has taken its place."""

import os
import signal
import socket

from recorder.capture import spawn, terminal
from recorder.capture.copy_loop import ASLEEP, Capture, limits_of
from recorder.capture.masking import InputMask
from recorder.capture.session_process import Foreign
from recorder.errors import SessrecError
from recorder.logins.login_request import SLAVE, answer
from recorder.logins.session_control import ABANDONED, TERMINATED, tell_on_terminal
from recorder.logins.worker import Worker

MOVE = 10.0
"""Seconds that a login shell has to move to the terminal that it is given."""

LAST_WORD = 0.2
"""Seconds that the process which waits under a login has to say how the shell has ended."""


class TerminalWorker(Worker):
    """Records between the terminal `outer`, which does not block, and the PTY's `master`."""

    def run(self, connection: socket.socket, outer: int, pty: spawn.Pty) -> int:
        """Store the first message, answer the login shell, and record the rest; the exit status."""
        raw = terminal.RawMode(outer)
        self.begin(pty.size)
        # The kernel says who sends what follows.
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
        if self.decision.notice:
            os.write(outer, self.decision.notice.encode() + b"\n")
        device = str(os.fstat(outer).st_rdev)
        shell = self.decision.shell
        if not answer(connection, SLAVE, shell=shell, text=device, descriptors=(pty.slave,)):
            return self.finish("hangup", None)
        pty.close_slave()
        if not self._moved(connection, outer):
            return self.finish("hangup", None)
        raw.set()
        return self._copy(outer, pty.master, raw, self._capture(outer, pty.master, pty.size))

    def wake(self, outer: int, master: int, connection: socket.socket | None) -> int:
        """Go on where an earlier worker has fallen asleep; the exit status."""
        self.control.peer = connection
        capture = self._capture(outer, master, (0, 0))
        capture.resume(self.resumed["capture"])
        return self._copy(outer, master, terminal.RawMode(outer, self.resumed["terminal"]), capture)

    def _capture(self, outer: int, master: int, size: tuple[int, int]) -> Capture:
        capture = Capture(
            outer=outer,
            master=master,
            process=self.process,
            signals=self.signals,
            log=self.session.log,
            limits=limits_of(self.settings, self.sink),
            size=size,
            began=self.session.began,
            mask=self._mask(),
            control=self.control,
            printed="output" in self.decision.capture,
            sleeps=self.settings.idle,
        )
        self.control.capture = capture
        self.events.flush = capture.flush
        return capture

    def _copy(self, outer: int, master: int, raw: terminal.RawMode, capture: Capture) -> int:
        failed: SessrecError | None = None
        try:
            while (reason := capture.run()) == ASLEEP:
                self._sleep(outer, master, raw, capture)
        except SessrecError as error:
            failed, reason = error, "recording-failed"
        if capture.signal == signal.SIGHUP:
            reason = "hangup"
        if reason == TERMINATED:
            tell_on_terminal(outer, self.control.farewell)
        elif failed is not None:
            tell_on_terminal(outer, f"This session ends here: {failed}")
        # Before the terminal is let go of: who reaches the socket may rely on its number.
        self.control.close()
        os.close(master)
        raw.restore()
        # Nobody waits on his terminal for the end of the log.
        os.close(outer)
        # The shell has just been hung up; how it ends is known to who waits for it only if he asks afterwards.
        self.process.ends(LAST_WORD if reason == TERMINATED else spawn.GRACE)
        if failed is None and reason != ABANDONED:
            # The terminal is given back when this process has ended: nobody may begin a session on it before.
            try:
                self.hear_last()
            except SessrecError as error:
                failed, reason = error, "recording-failed"
        self._let_go()
        return self.finish(reason, failed)

    def _sleep(self, outer: int, master: int, raw: terminal.RawMode, capture: Capture) -> None:
        """Returns only where that cannot be done."""
        peer = () if self.control.peer is None else (self.control.peer.fileno(),)
        watched = (outer, master, self.process.descriptor, self.control.listening.fileno(), *peer)
        state = {"capture": capture.state(), "terminal": raw.original}
        try:
            self.sleep("terminal", (capture.columns, capture.rows), watched, state)
        except OSError:
            pass  # no memory, no descriptors: it stays awake

    def _moved(self, connection: socket.socket, outer: int) -> bool:
        """Wait for the session to be on its new terminal; False where it has gone instead."""
        connection.settimeout(MOVE)
        try:
            said, ancillary, _, _ = connection.recvmsg(16, socket.CMSG_SPACE(12))
            if said not in (b"leader", b"forked"):
                return False
            pid = next(int.from_bytes(data[:4], "little") for _, kind, data in ancillary if kind == 2)
            self.recorded.description["leader"] = pid
            self.process = Foreign(os.pidfd_open(pid))
            leads = said == b"leader"
            self.kept.moved(pid, outer if leads else -1)
            if not leads:
                connection.send(b"go")
        except (OSError, StopIteration):
            return False
        connection.setblocking(False)
        self.control.peer = connection
        return True

    def _let_go(self) -> None:
        """Let the process end that waits for the terminal; it says how the shell has ended before."""
        connection = self.control.peer
        if connection is None:
            return
        try:
            connection.shutdown(socket.SHUT_WR)
            connection.settimeout(LAST_WORD)
            while said := connection.recv(16).strip():
                if said.isdigit():
                    self.control.status_said = int(said)
                    break
        except OSError:
            pass
        connection.close()

    def _mask(self) -> InputMask | None:
        if "input" not in self.decision.capture:
            return None
        return InputMask(self.settings.prompt_pattern, self.charset)
