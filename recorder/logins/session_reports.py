"""What the process of a login tells the service: that a session begins, and which process it begins with.

All of them inherit one connection. The kernel says who has sent a report: that a session begins only root says, which
a worker is not any more; of its leader only its own keeper speaks.
"""

import json
import os
import socket
import struct
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

_CREDENTIALS = struct.Struct("iII")
_LONGEST = 65_536
_DESCRIPTORS = 2


@dataclass(frozen=True)
class Begun:
    """A session begins. `peer` is the pidfd of who has asked for it, `outer` the terminal that was taken, or -1.

    `pty` is the device number of the recorder's own, 0 without one.
    """

    description: dict[str, Any]
    pty: int
    peer: int
    outer: int


@dataclass(frozen=True)
class Moved:
    """A session is on its terminal, and begins with the process `leader`."""

    worker: int
    leader: int


class Reports:
    """Both ends. The children keep `sender`; `receiver` is the service's."""

    def __init__(self) -> None:
        self.receiver, self.sender = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.receiver.setblocking(False)
        self.receiver.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)

    def received(self) -> Iterator[Begun | Moved]:
        """All that have come and may be believed."""
        room = socket.CMSG_SPACE(_CREDENTIALS.size) + socket.CMSG_SPACE(4 * _DESCRIPTORS)
        while True:
            try:
                data, ancillary, _, _ = self.receiver.recvmsg(_LONGEST, room, socket.MSG_CMSG_CLOEXEC)
            except OSError:
                return
            pid, uid, descriptors = -1, -1, []
            for level, kind, value in ancillary:
                if level == socket.SOL_SOCKET and kind == socket.SCM_CREDENTIALS:
                    pid, uid, _ = _CREDENTIALS.unpack(value)
                elif level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
                    descriptors = list(struct.unpack(f"{len(value) // 4}i", value))
            said = json.loads(data)
            if "leader" in said:
                yield Moved(pid, int(said["leader"]))
            elif uid == 0 and descriptors:
                outer = descriptors[1] if len(descriptors) > 1 else -1
                yield Begun(said["description"], int(said["pty"]), descriptors[0], outer)
            else:
                sys.stderr.write(f"process {pid} is no login of this service's and was not listened to\n")
                for descriptor in descriptors:
                    os.close(descriptor)


def report_begun(sender: socket.socket, report: Begun) -> None:
    """While still root."""
    said = {"description": report.description, "pty": report.pty}
    descriptors = [report.peer, *([report.outer] if report.outer >= 0 else [])]
    socket.send_fds(sender, [json.dumps(said).encode()], descriptors)


def report_moved(sender: socket.socket, leader: int) -> None:
    """The last that a login says."""
    sender.send(json.dumps({"leader": leader}).encode())
    sender.close()
