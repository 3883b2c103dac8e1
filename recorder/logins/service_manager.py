"""What a service says to systemd (sd_notify(3)), and the descriptors that systemd keeps for it while it is away."""

import os
import socket
from contextlib import suppress

_FIRST = 3
"""SD_LISTEN_FDS_START."""


def notify(state: str, *descriptors: int) -> None:
    """Send a state such as "READY=1", where systemd listens."""
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address:
        return
    with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sender:
        sender.connect("\0" + address[1:] if address.startswith("@") else address)
        socket.send_fds(sender, [state.encode()], descriptors)


def keep(name: str, descriptor: int) -> None:
    """Have a descriptor kept under a name, as long as its other end is there."""
    notify(f"FDSTORE=1\nFDNAME={name}", descriptor)


def forget(name: str) -> None:
    """Have it closed."""
    notify(f"FDSTOREREMOVE=1\nFDNAME={name}")


def kept() -> dict[str, int]:
    """The descriptors that were kept, by name. For the first call of a process."""
    if os.environ.pop("LISTEN_PID", "") != str(os.getpid()):
        return {}
    names = os.environ.pop("LISTEN_FDNAMES", "").split(":")
    count = int(os.environ.pop("LISTEN_FDS", "0"))
    found = {}
    for number, name in zip(range(_FIRST, _FIRST + count), names, strict=False):
        os.set_inheritable(number, False)
        found[name] = number
    return found
