"""Nothing is lost on the way through rsyslog: `python -m benchmarks.log_servers.run --outage 600`, as root.

Recordings go to a journal and to a socket at a steady rate, an rsyslogd of our configuration takes them to an
Elasticsearch of its own. Elasticsearch is killed and away for the outage, while rsyslogd is killed now and then, and
started again; then rsyslogd is away for as long. At last every message is looked for: missing, or there with other
content. What Elasticsearch is asked for at the end, it has by an id, so that nothing can be there twice; that
`sessrec ingest` takes each recording in whole is looked at as well.
"""

import argparse
import json
import os
import random
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from auditor.elasticsearch.address import Address
from auditor.elasticsearch.connection import connect
from auditor.elasticsearch.documents import message_line
from auditor.elasticsearch.layout import MESSAGES
from auditor.elasticsearch.server import Server
from auditor.elasticsearch.setup import Options, setup
from recorder.sinks.journald_sink import JournaldSink
from recorder.sinks.sink import Sink
from recorder.sinks.spool import Spool
from recorder.sinks.syslog_sink import SyslogSink
from tests.elasticsearch_node import Node
from tests.journald import running_journald
from tests.rsyslog_store import Rsyslogd
from tests.sealing import BEGAN, line_of

SPOOL = 64 * 1024 * 1024
"""Bytes that all recorders of the load together may hold back, as the services' `spool_limit` does for each."""

QUIET, KILL_EVERY = 15.0, 7.0
"""Seconds of load before and between outages, and between two kills."""

SETTLED = 60.0
"""Seconds for which the last messages are waited for when there are no more."""

PATIENCE = 900.0
"""Seconds after which what has not arrived counts as lost."""


class Load(threading.Thread):
    """Sessions that print: `rate` messages a second, of `sessions` recordings in turn, until it is stopped."""

    def __init__(self, name: str, sink: Sink, rate: float, sessions: int) -> None:
        super().__init__()
        self.sent: dict[tuple[str, int], bytes] = {}
        self.refused = 0
        self.most_pending = 0
        self._spool = Spool(sink, SPOOL)
        self._pause = 1 / rate
        self._recordings = [self._messages(f"{name}-{number}") for number in range(sessions)]
        self._halt = threading.Event()

    def run(self) -> None:
        """Until `finish`."""
        due = time.monotonic()
        turn = 0
        while not self._halt.is_set():
            self._write(next(self._recordings[turn % len(self._recordings)]))
            turn += 1
            due += self._pause
            time.sleep(max(0.0, due - time.monotonic()))
        for recording in self._recordings:
            recording.close()
        end = time.monotonic() + PATIENCE
        while not self._spool.retry() and time.monotonic() < end:
            time.sleep(0.05)

    def finish(self) -> None:
        """No more; what is pending is handed over."""
        self._halt.set()
        self.join()

    def _write(self, message: dict[str, Any]) -> None:
        line = line_of(message)
        if not self._spool.accepts(len(line)):
            self.refused += 1
        self._spool.write((line,), rec=message["rec"], kind="io")
        self.sent[message["rec"], message["id"]] = line
        self.most_pending = max(self.most_pending, self._spool.pending_bytes)

    def _messages(self, rec: str) -> Iterator[dict[str, Any]]:
        lot = random.Random(rec)
        base = {"ver": "2.3", "host": "web1.example.test", "rec": rec, "user": "alice", "term": "xterm", "session": 7}
        began = time.monotonic()
        id = 0
        while True:
            id += 1
            pos = round((time.monotonic() - began) * 1000)
            text = f"line {id} é \x1b[3{lot.randrange(8)}m{'x' * lot.randrange(10, 800)}\x1b[0m\r\n"
            yield {
                **base, "id": id, "pos": pos, "time": round(BEGAN + pos / 1000, 3), "timing": f"=80x24>{len(text)}",
                "in_txt": "", "in_bin": [], "out_txt": text, "out_bin": [],
            }  # fmt: skip


def main() -> int:
    """Exit status 1 when anything was changed, or more was lost than a message of the socket for each kill."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--outage", type=float, default=30.0, help="seconds (default: 30)")
    parser.add_argument("--rate", type=float, default=100.0, help="messages a second, each way (default: 100)")
    parser.add_argument("--sessions", type=int, default=20, help="recordings, each way (default: 20)")
    args = parser.parse_args()
    if os.geteuid() != 0:
        sys.exit("only root can start a journald of its own")
    with tempfile.TemporaryDirectory(prefix="log-servers-") as directory, running_journald() as journald:
        node = Node(Path(directory) / "node")
        daemon = None
        try:
            node.start()
            address = Address(node.url, "soak")
            client = connect(address, {}, "/nonexistent")
            setup(client, address, Options(replicas=0))
            server = Server(client, address)
            (Path(directory) / "rsyslog").mkdir()
            first = JournaldSink(journald.namespace)
            by_journal = Load("journal", first, args.rate, args.sessions)
            by_journal.start()  # so that there is a journal
            daemon = Rsyslogd(Path(directory) / "rsyslog", address, journald, trusting=True)
            daemon.start()
            by_socket = Load("socket", SyslogSink(str(daemon.socket_path)), args.rate, args.sessions)
            by_socket.start()
            return _run(node, daemon, server, (by_journal, by_socket), args.outage, directory)
        finally:
            if daemon is not None:
                daemon.close()
            node.stop()


def _run(
    node: Node, daemon: Rsyslogd, server: Server, loads: tuple[Load, Load], outage: float, directory: str
) -> int:
    kills = 0
    time.sleep(QUIET)
    node.kill()
    began = time.monotonic()
    while time.monotonic() - began < outage:
        time.sleep(min(KILL_EVERY, outage))
        daemon.kill()
        daemon.start()
        kills += 1
    waiting = _size(daemon.home / "work")
    node.start()
    _say(f"Elasticsearch away for {outage:.0f} s, rsyslogd killed {kills} times; {waiting / 1e6:.1f} MB in its queue")
    _say(f"caught up after {_caught_up(server, loads):.1f} s")
    time.sleep(QUIET)
    daemon.kill()
    time.sleep(outage)
    pending = loads[1].most_pending
    daemon.start()
    _say(f"rsyslogd was away for {outage:.0f} s; {pending / 1e6:.1f} MB with the recorders of the socket")
    _say(f"caught up after {_caught_up(server, loads):.1f} s")
    for load in loads:
        load.finish()
    lost = 0
    for name, load in zip(("journal", "socket"), loads, strict=True):
        missing, changed = _compare(server, load)
        # Between the socket and the file a message may be in rsyslogd's hands when it is killed.
        lost += changed + (missing if name == "journal" else max(0, missing - kills - 1))
        _say(f"{name}: {len(load.sent)} sent, {missing} lost, {changed} changed, {load.refused} beyond the spool")
    there = server.count(MESSAGES, {"match_all": {}})
    _say(f"{there} documents; {sum(len(load.sent) for load in loads)} messages; memory of rsyslogd {_memory(daemon)}")
    command = [sys.executable, "-m", "sessrec", "ingest", "--from", "elasticsearch", "--no-rules", "--store"]
    done = subprocess.run(
        [*command, str(server.address)], capture_output=True, text=True, check=False, timeout=PATIENCE
    )
    _say(f"ingest: {(done.stdout + done.stderr).strip()}")
    return 1 if lost else 0


def _caught_up(server: Server, loads: tuple[Load, Load]) -> float:
    """Seconds until what each recording has sent by now is there; the load goes on meanwhile."""
    began = time.monotonic()
    last = {rec: id for load in loads for rec, id in list(load.sent)}
    each = [{"bool": {"filter": [{"term": {"rec": rec}}, {"term": {"id": id}}]}} for rec, id in last.items()]
    _wait(lambda: _count(server, {"bool": {"should": each}}) == len(each))
    return time.monotonic() - began


def _count(server: Server, query: dict[str, Any]) -> int:
    server.refresh(MESSAGES)
    return server.count(MESSAGES, query)


def _wait(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + PATIENCE
    while not condition() and time.monotonic() < end:
        time.sleep(0.5)


def _compare(server: Server, load: Load) -> tuple[int, int]:
    """Messages that are not there, and those that are there with other content."""
    recs = sorted({rec for rec, _ in load.sent})
    end = time.monotonic() + SETTLED
    _wait(lambda: _count(server, {"terms": {"rec": recs}}) >= len(load.sent) or time.monotonic() > end)
    found: dict[tuple[str, int], bytes] = {}
    for page in server.scan(MESSAGES, {"terms": {"rec": recs}}, [{"rec": "asc"}, {"id": "asc"}]):
        for hit in page:
            found[hit["_source"]["rec"], hit["_source"]["id"]] = message_line(hit["_source"])
    missing = [key for key in load.sent if key not in found]
    changed = [key for key, line in load.sent.items() if key in found and json.loads(found[key]) != json.loads(line)]
    return len(missing), len(changed)


def _size(directory: Path) -> int:
    return sum(path.stat().st_size for path in directory.iterdir() if path.is_file())


def _memory(daemon: Rsyslogd) -> str:
    text = Path(f"/proc/{daemon.pid}/status").read_text()
    return next(line.split(None, 1)[1] for line in text.splitlines() if line.startswith("VmRSS"))


def _say(line: str) -> None:
    print(line, flush=True)


if __name__ == "__main__":
    sys.exit(main())
