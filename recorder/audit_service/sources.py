"""Where records come from: auditd's plugin where one is connected, else the kernel's own group; and what was lost.

Both may tell the same for a moment, when auditd starts or stops; whoever takes the events knows by their serials.
"""

import sys
import time
from pathlib import Path

from recorder.audit.record import Record
from recorder.audit_service.loss import LostCounter, SerialGaps
from recorder.audit_service.netlink_source import AuditSourceError, NetlinkSource, counts_everything, kernel_status
from recorder.audit_service.plugin_source import PluginSource

QUIET = 0.1
"""Seconds without a record after which all up to then have come, where the kernel does not say how many wait."""
LATE = 0.05
"""Seconds by which records may come after later ones."""
FIRST = 0.3
"""Seconds from the first record on in which it may be that an earlier one comes."""
SOCKET = "audit-records.socket"


class Sources:
    """`run` is the runtime directory, `descriptor` a netlink socket that systemd has opened, or -1.

    `mark` is the serial up to which a service before this one has told all, 0 if nobody knows.
    """

    def __init__(self, run: Path, descriptor: int = -1, mark: int = 0) -> None:
        self.highest = mark
        """The highest serial that was seen."""
        self.lost = 0
        """Records and events, since the service started."""
        self.problem = ""
        """Why the kernel's group cannot be read, "" where it can or need not."""
        self._gaps = SerialGaps()
        self._given_up = 0
        self._mark = mark
        self._lowest = 0
        self._first_at = 0.0
        self._last_at = 0.0
        self._newest = 0.0
        self.plugin = PluginSource(run / SOCKET, self._seen)
        self.netlink: NetlinkSource | None = None
        try:
            self.netlink = NetlinkSource(self._seen, descriptor)
            self.netlink.listen(True)
        except AuditSourceError as error:
            self.problem = str(error)
            sys.stderr.write(f"audit records are not read, unless auditd brings them: {error}\n")
        status = kernel_status()
        self._counter = None if status is None else LostCounter(status.lost)
        self._counts_everything = counts_everything()

    @property
    def name(self) -> str:
        """Of the source in use, "" for none."""
        if self.plugin.connected:
            return self.plugin.name
        return "" if self.netlink is None else self.netlink.name

    def descriptors(self) -> list[int]:
        """To be polled."""
        netlink = [] if self.netlink is None else [self.netlink.descriptor]
        return [self.plugin.listening.fileno(), *self.plugin.connected, *netlink]

    def receive(self, descriptor: int) -> list[Record]:
        """What has come on one of them."""
        if descriptor == self.plugin.listening.fileno():
            if self.plugin.accept() >= 0:
                return self._use_netlink(False)
        elif descriptor in self.plugin.connected:
            records = self.plugin.receive(descriptor)
            if records is not None:
                return records
            if not self.plugin.connected:
                return self._use_netlink(True)
        elif self.netlink is not None and descriptor == self.netlink.descriptor:
            return self.netlink.receive()
        return []

    def drained(self, since: float) -> bool:
        """Whether all was read that the kernel had to tell at `since`, in monotonic seconds."""
        if self._newest > time.time() - (time.monotonic() - since) + LATE:
            return True
        if self.plugin.connected or self.netlink is None:
            return time.monotonic() - max(since, self._last_at) > QUIET
        status = kernel_status()
        if status is None:
            return time.monotonic() - max(since, self._last_at) > QUIET
        return status.backlog == 0

    def losses(self) -> list[tuple[int, str]]:
        """How much was lost since this was last asked, and why."""
        found = []
        if self._first_at and self._mark and time.monotonic() - self._first_at > FIRST:
            if missed := max(0, self._lowest - self._mark - 1):
                found.append((missed, "the audit service was away"))
            self._mark = 0
        overflowed = self.netlink is not None and self.netlink.overflowed
        if overflowed and self.netlink is not None:
            self.netlink.overflowed = False
        if self._given_up or overflowed:
            found.append((max(self._given_up, 1), "records did not arrive, or faster than they could be read"))
            self._given_up = 0
        if dropped := self._dropped():
            found.append((dropped, "the kernel dropped records, as its backlog was full"))
        if self.plugin.dropped:
            found.append((self.plugin.dropped, "auditd's plugin dropped records while the audit service was away"))
            self.plugin.dropped = 0
        self.lost += sum(count for count, _ in found)
        return found

    def close(self) -> None:
        """Read no more."""
        self.plugin.close()
        if self.netlink is not None:
            self.netlink.close()

    def _dropped(self) -> int:
        status = kernel_status() if self._counter is not None else None
        if status is None or self._counter is None:
            return 0
        count = self._counter.update(status.lost)
        # Without auditd it then counts whatever auditd would have got.
        return 0 if self._counts_everything and not status.auditd else count

    def _use_netlink(self, on: bool) -> list[Record]:
        if self.netlink is None:
            return []
        records = [] if on else self.netlink.receive()
        try:
            self.netlink.listen(on)
            self.problem = ""
        except AuditSourceError as error:
            self.problem = str(error)
        return records

    def _seen(self, serial: int, at: float) -> None:
        self._last_at = time.monotonic()
        self._newest = max(at, self._newest)
        if not self._first_at:
            self._first_at, self._lowest = self._last_at, serial
        elif serial < self._lowest:
            self._lowest = serial
        if serial > self.highest:
            self.highest = serial
        self._given_up += self._gaps.seen(serial)
