"""Bytes that an hour of recorded work takes in Elasticsearch: `python -m benchmarks.storage.run`.

The same made-up work is recorded by `sessrec rec` and by tlog-rec, at the same time, in twenty sessions of three
minutes each. Ours is taken in as `sessrec ingest` does it, with everything that is searched for; tlog's JSON lines go
through a real rsyslogd (imfile, mmjsonparse, omelasticsearch) into an index that Elasticsearch maps by itself. Both
are merged before they are measured.
"""

import argparse
import os
import select
import subprocess
import tempfile
import time
from pathlib import Path

from elasticsearch import Elasticsearch
from ptyprocess import PtyProcess  # type: ignore[import-untyped]
from rich.console import Console

from auditor.elasticsearch.address import Address
from auditor.elasticsearch.connection import connect
from auditor.elasticsearch.setup import Options, setup
from auditor.elasticsearch.status import status
from auditor.elasticsearch.store import ElasticsearchStore
from auditor.ingest.file_source import catch_up
from benchmarks.recorder.candidates import available, build, environment
from benchmarks.recorder.report import machine, table
from benchmarks.results import write_section
from benchmarks.sessions import Sessions
from benchmarks.storage.work import player, write_plan
from tests.elasticsearch_node import Node

HEADING = "## Bytes of an hour"
SESSIONS = 20
SECONDS = 180.0
PATIENCE = 120.0
"""Seconds for which rsyslogd's last document is waited for."""

SETTLING = 60.0
"""Twice index.soft_deletes.retention_lease.sync_interval of Elasticsearch, in seconds."""

RSYSLOG = r"""
global(workDirectory="{home}" maxMessageSize="1m" abortOnUncleanConfig="on")
module(load="imfile")
module(load="mmjsonparse")
module(load="omelasticsearch")
template(name="document" type="string" string="{{\"@timestamp\":\"%timegenerated:::date-rfc3339%\",%$!all-json:2:$%")
input(type="imfile" File="{home}/*.tlog" Tag="tlog")
action(type="mmjsonparse" cookie="")
action(type="omelasticsearch" server="http://127.0.0.1" serverport="{port}" searchIndex="tlog" searchType=""
       template="document" bulkmode="on" action.resumeRetryCount="-1")
"""

Pair = tuple[float, float]
"""Of tlog with rsyslog, and of ours."""


def main() -> int:
    """Measure, show the table, and write its section of docs/benchmarks.md unless --quick."""
    parser = argparse.ArgumentParser(prog="make bench-storage", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="sessions of ten seconds, nothing written")
    seconds = 10.0 if parser.parse_args().quick else SECONDS
    with tempfile.TemporaryDirectory(prefix="bench-storage-") as name:
        home = Path(name)
        printed = record(home, seconds)
        ours, theirs = files(home, "sessrec"), files(home, "tlog")
        figures: dict[str, Pair] = {
            "printed": (printed, printed),
            "messages": (lines(theirs), lines(ours)),
            "messages, as lines": (size(theirs), size(ours)),
        }
        node = Node(home / "node", heap="1g", fast_start=False)
        try:
            node.start()
            figures |= stored(home, Address(node.url, "bench"))
        finally:
            node.stop()
    shown = table(rows(figures, SESSIONS * seconds / 3600))
    Console().print(shown, highlight=False)
    if seconds == SECONDS:
        facts = "\n".join(f"- {line}" for line in [*machine(), "Elasticsearch 8.19.4, one node, one shard"])
        how = "Made by `make bench-storage`; [benchmarks/README.md](../benchmarks/README.md) says how it is measured."
        write_section(HEADING, f"{HEADING}\n\n{how}\n\n{facts}\n\n{shown}\n")
    return 0


def record(home: Path, seconds: float) -> int:
    """Every session by both recorders, into NUMBER.tlog and NUMBER.sessrec; the bytes that they printed."""
    candidates = [each for each in available(build(home)) if each.name in ("tlog", "sessrec")]
    if len(candidates) < 2:
        raise SystemExit("tlog-rec is not installed: apt-get install tlog")
    sessions, printed = Sessions(), 0
    running: dict[int, PtyProcess] = {}
    for number in range(SESSIONS):
        plan = home / f"{number}.plan"
        printed += write_plan(plan, number, seconds, sessions)
        for candidate in candidates:
            argv = candidate.command(plan.with_suffix(f".{candidate.name}"), player(plan))
            process = PtyProcess.spawn(argv, env=environment(home), dimensions=(24, 80))
            running[process.fd] = process
    while running:
        for descriptor in select.select(list(running), [], [])[0]:
            try:
                os.read(descriptor, 65536)
            except OSError:
                if running.pop(descriptor).wait():
                    raise SystemExit("a recorder has failed") from None
    return printed


def stored(home: Path, address: Address) -> dict[str, Pair]:
    """What Elasticsearch has of it."""
    client = connect(address, {}, "/nonexistent")
    setup(client, address, Options(replicas=0))
    store = ElasticsearchStore(address)
    recordings = home / "recordings"
    recordings.mkdir()
    for file in files(home, "sessrec"):
        (recordings / f"{file.stem}.json").write_bytes(file.read_bytes())
    catch_up(store, recordings)
    through_rsyslog(home, address, client, lines(files(home, "tlog")))
    # What has just come is kept twice, for a copy of the index that may ask for it, until that was looked at again.
    time.sleep(SETTLING)
    client.indices.flush(index=["tlog", f"{address.prefix}-*"], force=True)
    client.indices.forcemerge(index=["tlog", f"{address.prefix}-*"], max_num_segments=1)
    client.indices.flush(index=["tlog", f"{address.prefix}-*"], force=True)
    ours = status(store.server).sizes
    stats = client.indices.stats(index="tlog", metric=["store"])
    theirs = stats["indices"]["tlog"]["primaries"]["store"]["size_in_bytes"]
    store.close()
    client.close()
    rest = sum(ours.values()) - ours["messages"] - ours["texts"]
    return {
        "stored": (theirs, sum(ours.values())),
        "of it messages": (theirs, ours["messages"]),
        "what is searched: lines as they were seen, and commands": (0, ours["texts"]),
        "recordings and the rest": (0, rest),
    }


def through_rsyslog(home: Path, address: Address, client: Elasticsearch, count: int) -> None:
    """tlog's lines into an index of their own."""
    configuration = home / "rsyslog.conf"
    configuration.write_text(RSYSLOG.format(home=home, port=address.url.rpartition(":")[2]))
    process = subprocess.Popen(["rsyslogd", "-n", "-f", configuration, "-i", "NONE"], stderr=subprocess.DEVNULL)
    try:
        end = time.monotonic() + PATIENCE
        there = -1
        while there < count:
            if time.monotonic() > end or process.poll() is not None:
                raise SystemExit(f"rsyslogd brought {there} of {count} messages; is rsyslog-elasticsearch there?")
            time.sleep(0.5)
            client.indices.refresh(index="tlog", ignore_unavailable=True)
            there = int(client.count(index="tlog", ignore_unavailable=True)["count"])
    finally:
        process.kill()
        process.wait()


def rows(figures: dict[str, Pair], hours: float) -> list[list[str]]:
    """For people: an hour's."""
    found = [["", "tlog + rsyslog", "sessrec", "ratio"]]
    for name, (theirs, ours) in figures.items():
        unit = "" if name == "messages" else ", kB"
        scale = hours * (1 if name == "messages" else 1000)
        ratio = f"{ours / theirs:.2f}" if theirs else ""
        found.append(
            [f"{name}{unit}", *(f"{value / scale:,.0f}" if value else "" for value in (theirs, ours)), ratio]
        )
    return found


def files(home: Path, who: str) -> list[Path]:
    """What was recorded."""
    return sorted(home.glob(f"*.{who}"))


def lines(of: list[Path]) -> int:
    """Messages in files."""
    return sum(file.read_bytes().count(b"\n") for file in of)


def size(of: list[Path]) -> int:
    """Bytes of files."""
    return sum(file.stat().st_size for file in of)


if __name__ == "__main__":
    raise SystemExit(main())
