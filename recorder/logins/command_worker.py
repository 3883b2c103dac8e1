"""Recording a session without a terminal: that its command runs, and its bytes if they are wanted."""

import os
import socket

from recorder.capture import pipes
from recorder.capture.copy_loop import ASLEEP, limits_of
from recorder.capture.pipes import Pipes
from recorder.errors import SessrecError
from recorder.logins.login_request import DETACHED, PIPES, answer
from recorder.logins.worker import Worker


class CommandWorker(Worker):
    """Records one command."""

    def run(self, connection: socket.socket, descriptors: list[int], *, copied: bool) -> int:
        """Store the first message, answer the login shell, and wait for the end; the exit status.

        `descriptors` are those of the command, whose bytes are `copied` or not.
        """
        self.begin(None)
        shell = self.decision.shell
        copier = None
        if copied:
            # Pipes copies from and to 0, 1 and 2.
            for target, descriptor in enumerate(descriptors):
                os.dup2(descriptor, target, inheritable=False)
            copier = Pipes(
                self.session.log,
                limits_of(self.settings, self.sink),
                self.signals,
                bound=self.settings.command_bytes_limit,
                began=self.session.began,
            )
            self.events.flush = copier.flush
        for descriptor in descriptors:
            os.close(descriptor)
        if copier is not None:
            answered = answer(connection, PIPES, shell=shell, descriptors=copier.child_ends)
        else:
            answered = answer(connection, DETACHED, shell=shell)
        connection.close()
        if not answered:
            return self.finish("hangup", None)
        if copier is None:
            return self.wait()
        failed: SessrecError | None = None
        try:
            reason = copier.run(self.process, self.control)
        except SessrecError as error:
            failed, reason = error, "recording-failed"
        self.control.close()
        return self.finish(reason, failed, {"streams": copier.totals()})

    def wait(self) -> int:
        """Wait for the end of the command."""
        failed: SessrecError | None = None
        sleeps = self.settings.idle
        try:
            while (reason := pipes.wait(self.process, self.signals, self.control, sleeps)) == ASLEEP:
                self._sleep()
        except SessrecError as error:
            failed, reason = error, "recording-failed"
        self.control.close()
        return self.finish(reason, failed)

    def _sleep(self) -> None:
        """Returns only where that cannot be done."""
        if self.session.log.failing:
            return
        try:
            self.sleep("command", (0, 0), (self.process.descriptor, self.control.listening.fileno()), {})
        except OSError:
            pass
