"""The user's own terminal: its size, raw mode, and its restoration on every way out."""

import os
import termios
from fcntl import ioctl
from struct import unpack

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    Attributes = list[Any]

IFLAG, OFLAG, CFLAG, LFLAG, _ISPEED, _OSPEED, CC = range(7)
"""Positions in what termios.tcgetattr returns."""


def is_terminal(*descriptors: int) -> bool:
    """Whether every one of the descriptors is a terminal."""
    return all(os.isatty(descriptor) for descriptor in descriptors)


def size(descriptor: int) -> tuple[int, int]:
    """Columns and rows; 0, 0 where the terminal does not know."""
    try:
        rows, columns, _, _ = unpack("HHHH", ioctl(descriptor, termios.TIOCGWINSZ, bytes(8)))
    except OSError:
        return 0, 0
    return columns, rows


def copy_size(source: int, target: int) -> tuple[int, int]:
    """Give `target` the size of `source`, pixels included; the kernel tells the session with SIGWINCH."""
    try:
        window = ioctl(source, termios.TIOCGWINSZ, bytes(8))
        ioctl(target, termios.TIOCSWINSZ, window)
    except OSError:
        return size(target)
    rows, columns, _, _ = unpack("HHHH", window)
    return columns, rows


class RawMode:
    """A terminal handed through byte by byte: nothing is echoed, translated or turned into a signal.

    Set without flushing (TCSANOW), or what the user typed ahead would be lost. `restore` may be called twice.
    `original`: what it was before, where it is raw already.
    """

    def __init__(self, descriptor: int, original: "Attributes | None" = None) -> None:
        self.descriptor = descriptor
        self.original: Attributes = original or termios.tcgetattr(descriptor)
        self._raw = raw_of(self.original)

    def set(self) -> None:
        """Raise termios.error where the terminal is gone."""
        termios.tcsetattr(self.descriptor, termios.TCSANOW, self._raw)

    def restore(self) -> None:
        """Put back what was found, unless the terminal is gone."""
        try:
            termios.tcsetattr(self.descriptor, termios.TCSANOW, self.original)
        except (termios.error, OSError):
            pass


def raw_of(attributes: "Attributes") -> "Attributes":
    """What RawMode makes of a terminal with these attributes."""
    raw: Attributes = [*attributes[:CC], list(attributes[CC])]
    raw[IFLAG] &= ~(
        termios.IGNBRK
        | termios.BRKINT
        | termios.PARMRK
        | termios.INPCK
        | termios.ISTRIP
        | termios.INLCR
        | termios.IGNCR
        | termios.ICRNL
        | termios.IXON
        | termios.IXOFF
    )
    raw[OFLAG] &= ~termios.OPOST
    raw[LFLAG] &= ~(termios.ECHO | termios.ECHONL | termios.ICANON | termios.ISIG | termios.IEXTEN)
    raw[CFLAG] = raw[CFLAG] & ~(termios.CSIZE | termios.PARENB) | termios.CS8
    raw[CC][termios.VMIN] = 1
    raw[CC][termios.VTIME] = 0
    return raw


def echo_and_canonical(descriptor: int) -> tuple[bool, bool]:
    """Whether the terminal shows what is typed (ECHO), and whether it takes whole lines (ICANON).

    Works on the master of a PTY: Linux answers for the slave. A terminal that is gone does both.
    """
    try:
        flags = termios.tcgetattr(descriptor)[LFLAG]
    except (termios.error, OSError):
        return True, True
    return bool(flags & termios.ECHO), bool(flags & termios.ICANON)


def reopened(descriptor: int) -> int:
    """The same terminal through an open file description of our own, so that O_NONBLOCK on it is ours alone.

    Set on the description that the user's shell shares, it would outlive us and break the shell's reads.
    Where the terminal cannot be opened again, its own descriptor is duplicated and stays blocking.
    """
    try:
        return os.open(f"/proc/self/fd/{descriptor}", os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return os.dup(descriptor)
