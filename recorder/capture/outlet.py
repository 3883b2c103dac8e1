"""Writing to a descriptor that does not block: what it does not take now waits in order."""

import os


class Outlet:
    """One side of a terminal. `waiting` are the bytes that it has not taken yet."""

    def __init__(self, descriptor: int) -> None:
        self.descriptor = descriptor
        self.waiting = b""

    def put(self, data: bytes = b"") -> bool:
        """Write `data` after all that waits. True when the outlet got stuck by this, or free."""
        stuck = bool(self.waiting)
        if stuck:
            data = self.waiting + data
        try:
            written = os.write(self.descriptor, data)
        except BlockingIOError:
            written = 0
        except OSError:
            # Nobody is there any more. Poll says so too, and the session is over soon.
            written = len(data)
        self.waiting = data[written:]
        return stuck != bool(self.waiting)
