"""The way of the recordings: a journald, an rsyslogd of our configuration, an Elasticsearch, and `sessrec ingest`.

One of each for the whole fleet.
"""

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from auditor.elasticsearch.address import Address
from auditor.elasticsearch.connection import connect
from auditor.elasticsearch.documents import message_line
from auditor.elasticsearch.layout import MESSAGES
from auditor.elasticsearch.server import Server
from auditor.elasticsearch.setup import Options, setup
from auditor.recordings.store import StoreError
from benchmarks.login.host import ROOT
from benchmarks.soak.hosts import SoakError
from benchmarks.soak.journald import Journald
from recorder.formats.message import parse
from tests.elasticsearch_node import Node
from tests.rsyslog_store import Rsyslogd

QUIET = 25.0
"""Seconds without a message after which none is expected any more: longer than rsyslogd rests, and than an ingest
that was killed keeps others from what it was at."""


class LogChain:
    """All of it, with what it keeps below `home`."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.journald = Journald()
        self.node = Node(home / "node")
        self.ingest_restarts = 0
        self._ingest: subprocess.Popen[bytes] | None = None
        self._following = False

    def start(self) -> None:
        """Start it, from its end. Raises NodeError."""
        self.journald.start()
        self.node.start()
        self.address = Address(self.node.url, "soak")
        client = connect(self.address, {}, "/nonexistent")
        setup(client, self.address, Options(replicas=0))
        self.server = Server(client, self.address)
        (self.home / "rsyslog").mkdir()
        self._until_kept()
        self.rsyslogd = Rsyslogd(self.home / "rsyslog", self.address, self.journald, trusting=True)
        self.rsyslogd.start()
        self._following = True
        self._start_ingest()

    def keep(self) -> None:
        """Start `sessrec ingest --follow` again if it has ended."""
        if self._following and self._ingest is not None and self._ingest.poll() is not None:
            self.ingest_restarts += 1
            self._start_ingest()

    def kill_ingest(self) -> None:
        """As a crash does."""
        if self._ingest is not None:
            self._ingest.kill()

    def settled(self, patience: float) -> None:
        """Wait until no message arrives any more, then let ingest take all of them in. Raises SoakError."""
        end = time.monotonic() + patience
        count, since = -1, time.monotonic()
        while time.monotonic() - since < QUIET:
            if time.monotonic() > end:
                raise SoakError(f"messages still arrive after {patience:.0f} s")
            time.sleep(1)
            try:
                self.server.refresh(MESSAGES)
                now = self.server.count(MESSAGES, {"match_all": {}})
            except StoreError:
                now = -1  # it has only just come back
            if now != count or now < 0:
                count, since = now, time.monotonic()
        self._stop_ingest()
        self.sessrec("ingest", "--from", "elasticsearch", "--no-rules", "--store", str(self.address))

    def messages(self) -> dict[str, list[bytes]]:
        """All there are in Elasticsearch, by recording and in order."""
        found: dict[str, list[bytes]] = {}
        order = [{"rec": "asc"}, {"id": "asc"}]
        for page in self.server.scan(MESSAGES, {"match_all": {}}, order):
            for hit in page:
                found.setdefault(hit["_source"]["rec"], []).append(message_line(hit["_source"]))
        return found

    def left_behind(self, arrived: dict[str, list[bytes]]) -> list[str]:
        """A line for each recording of which the journal has messages that are not in Elasticsearch."""
        directory = next(Path("/run/log/journal").glob(f"*.{Journald.namespace}"))
        command = [
            "journalctl",
            "--directory",
            str(directory),
            "--quiet",
            "--output",
            "cat",
            "SYSLOG_IDENTIFIER=sessrec",
        ]
        kept: dict[str, set[int]] = {}
        for line in subprocess.run(command, stdout=subprocess.PIPE, check=False).stdout.splitlines():
            message = parse(line)
            kept.setdefault(message.rec, set()).add(message.id)
        lines = []
        for rec, ids in sorted(kept.items()):
            if missing := sorted(ids - {parse(line).id for line in arrived.get(rec, ())}):
                lines.append(f"recording {rec}: of {len(ids)} messages in the journal did not arrive {missing[:20]}")
        return lines

    def sessrec(self, *words: str) -> str:
        """What a command prints; its exit status is told by nothing."""
        command = [sys.executable, "-m", "sessrec", *words]
        done = subprocess.run(
            command, cwd=ROOT, env=self._environment(), stdout=subprocess.PIPE, text=True, timeout=900, check=False
        )
        return done.stdout

    def close(self) -> None:
        """End all of it."""
        self._stop_ingest()
        if hasattr(self, "rsyslogd"):
            self.rsyslogd.close()
        self.node.stop()
        self.journald.kill()

    def _until_kept(self) -> None:
        """Until there is a journal: rsyslogd is told where it lies."""
        end = time.monotonic() + 30
        while not list(Path("/run/log/journal").glob(f"*.{Journald.namespace}/*.journal")):
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
                sender.sendto(b"MESSAGE=the soak begins\n", f"/run/systemd/journal.{Journald.namespace}/socket")
            if time.monotonic() > end:
                raise SoakError("journald keeps no journal here")
            time.sleep(0.2)

    def _start_ingest(self) -> None:
        words = ["ingest", "--follow", "--quiet", "--from", "elasticsearch", "--no-rules", "--store"]
        with (self.home / "ingest.log").open("ab") as log:
            self._ingest = subprocess.Popen(
                [sys.executable, "-m", "sessrec", *words, str(self.address)],
                cwd=ROOT,
                env=self._environment(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )

    def _stop_ingest(self) -> None:
        self._following = False
        if self._ingest is not None:
            # As by Ctrl-C: it gives back what it is at.
            self._ingest.send_signal(signal.SIGINT)
            try:
                self._ingest.wait(20)
            except subprocess.TimeoutExpired:
                self._ingest.kill()
                self._ingest.wait()

    def _environment(self) -> dict[str, Any]:
        """With nothing of the user's own, but the keys that are trusted (`trust`)."""
        return {**os.environ, "HOME": str(self.home), "XDG_DATA_HOME": str(self.home / "data")}
