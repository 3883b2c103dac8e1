"""Where messages go. A sink takes whole messages, one at a time, and never half of one."""

from recorder.errors import SessrecError

# Named as the type checkers know it; importing `typing` for it would cost each login several milliseconds.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Protocol
else:
    Protocol = object


class SinkError(SessrecError):
    """A message could not be written, and nothing of it can be seen: it may be written again.

    `errno`: the number of the system's error, 0 where the system gave none.
    """

    def __init__(self, message: str, errno: int = 0) -> None:
        super().__init__(message)
        self.errno = errno


class Sink(Protocol):
    """A file, the journal, or syslog.

    `payload_limit`: bytes of the terminal's own output or input that one message may carry at most. The escaped
    message is up to six times as long.
    """

    payload_limit: int

    def write(self, parts: "Sequence[bytes]", *, rec: str, kind: str) -> None:
        """Write one message: `parts` joined are its line, with the newline. `kind`: "io" or "event".

        Never waits for a reader. All or nothing: raises SinkError when the message was not taken, and then the
        next call must be with the same message, or with none of it.
        """

    def close(self) -> None:
        """Give up what is held. Raises SinkError when something written before turns out to be lost."""
