"""The Elasticsearch store on a real node: how fast it takes recordings in, and how soon it answers.

A node with 2 GB of heap, on the same two cores as the process that takes recordings in. Documents are messages, lines
that were seen, and recordings. Answers are timed from the call to the last value, on a store that is already open:
a list of the 50 latest recordings, of all or of one user's; the first 50 hits of a phrase, with their places in the
lines; and the first messages of a recording, found by the beginning of its id.
"""

import argparse
import json
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from functools import partial
from itertools import islice, pairwise
from pathlib import Path

from rich.console import Console
from rich.progress import Progress

from auditor.elasticsearch.address import Address
from auditor.elasticsearch.connection import connect
from auditor.elasticsearch.layout import KINDS, MESSAGES, RECORDINGS, TEXTS
from auditor.elasticsearch.setup import Options, setup
from auditor.elasticsearch.status import status
from auditor.elasticsearch.store import ElasticsearchStore
from auditor.ingest.ingest import Ingest, rare_collections
from auditor.query.query import Query, Selection, parse_query
from auditor.recordings.locate import StoreRecording
from benchmarks.elasticsearch.workload import COMMON, EACH, RARE, recordings
from benchmarks.recorder.report import Outcome, machine, outcome, show, table, target_rows
from benchmarks.recorder.targets import Figures, Target
from benchmarks.results import write_section
from tests.elasticsearch_node import Node

HEADING = "## Elasticsearch"

BATCH = 40
"""Recordings whose lines are added together, some 1.6 MB."""

QUESTIONS = 60
"""Of each kind; the first few, which find the caches cold, are among them."""

LIMIT = 50

TAKEN, SECONDS, SIZE = "documents/s", "ms, p95", "bytes"
TARGETS = [
    Target("documents taken in", lambda figures: figures[TAKEN]["all"], "at least", 5000, "documents/s"),
    Target("list of recordings, p95", lambda figures: figures[SECONDS]["list"], "at most", 300, "ms"),
    Target(
        "phrase with its places, p95",
        lambda figures: figures[SECONDS]["phrase"],
        "at most",
        300,
        "ms",
        "A phrase that many lines of one recording have, or whose words meet like others, takes several requests. "
        "The machine had other work: see the load.",
    ),
    Target("start of playback, p95", lambda figures: figures[SECONDS]["play"], "at most", 300, "ms"),
]


def main() -> int:
    """Measure, show the table, and write its section of docs/benchmarks.md unless --quick."""
    parser = argparse.ArgumentParser(prog="make bench-elasticsearch", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--recordings", type=int, default=10_000, metavar="N", help=f"of {EACH + 2} messages each")
    parser.add_argument("--quick", action="store_true", help="300 recordings, nothing written")
    parser.add_argument("--url", help="a server that runs, instead of a node of our own; the store is `bench`")
    parser.add_argument("--json", action="store_true", help="end with a line for programs")
    args = parser.parse_args()
    count = 300 if args.quick else args.recordings
    console = Console()
    with tempfile.TemporaryDirectory(prefix="bench-elasticsearch-") as name:
        node = Node(Path(name) / "node", heap="2g", fast_start=False)
        try:
            if not args.url:
                node.start()
            figures, facts = measured(Address(args.url or node.url, "bench"), count, console)
        finally:
            node.stop()
    found = outcome(figures, {}, TARGETS)
    show(console, found, figures)
    for name, value in facts:
        console.print(f"{name}: {value}" if name else "", highlight=False)
    if not args.quick:
        write_section(HEADING, section(found, facts))
    if args.json:
        print(json.dumps(figures))
    return 0


def measured(address: Address, count: int, console: Console) -> tuple[Figures, list[list[str]]]:
    """All of it, and rows for people."""
    client = connect(address, {}, "/nonexistent")
    for index in client.indices.get(index=f"{address.prefix}-*", filter_path="*.aliases"):
        client.indices.delete(index=index)
    setup(client, address, Options(replicas=0))
    store = ElasticsearchStore(address)
    taken, cpu, size = take(store, count, console)
    store.server.refresh(*KINDS)
    documents = sum(store.server.count(kind, {"match_all": {}}) for kind in (MESSAGES, TEXTS, RECORDINGS))
    sizes = status(store.server).sizes
    messages = count * (EACH + 2)
    rows = [["", "", "p50", "p95", "worst"]]
    percentiles: dict[str, float] = {}
    for name, kind, questions in asked(store, count):
        times = sorted(timed(question) for question in questions)
        p95 = times[int(len(times) * 0.95)]
        percentiles[kind] = max(percentiles.get(kind, 0.0), p95)
        rows.append([name, kind, *(f"{value:.0f} ms" for value in (statistics.median(times), p95, times[-1]))])
    facts = [
        ["", ""],
        ["recordings, messages, documents", f"{count:,}, {messages:,}, {documents:,}"],
        ["taken in", f"{documents / taken:,.0f} documents/s, {messages / taken:,.0f} messages/s"],
        ["CPU of sessrec for it", f"{cpu / messages * 1e6:.0f} µs a message"],
        ["bytes of a message, as lines", f"{size / messages:.0f}"],
        ["stored, messages and texts", f"{sizes['messages'] / messages:.0f} + {sizes['texts'] / messages:.0f}"],
    ]
    store.close()
    client.close()
    figures: Figures = {
        TAKEN: {"all": documents / taken},
        SECONDS: percentiles,
        SIZE: {"stored": sum(sizes.values()) / messages},
    }
    return figures, [*facts, *([f"{row[0]}: p50, p95, worst", ", ".join(row[2:])] for row in rows[1:])]


def take(store: ElasticsearchStore, count: int, console: Console) -> tuple[float, float, int]:
    """Take recordings in: seconds, of them CPU of this process, and bytes of lines. Making them up is not timed."""
    ingest = Ingest(store)
    wall = cpu = 0.0
    size = 0
    batch: list[bytes] = []
    with Progress(console=console, transient=True) as progress, rare_collections():
        for number, (_, lines) in progress.track(enumerate(recordings(count), 1), count, description="taking in"):
            batch += lines
            if number % BATCH and number != count:
                continue
            size += sum(map(len, batch))
            began, used = time.perf_counter(), time.process_time()
            ingest.take("bench", str(number), batch)
            wall += time.perf_counter() - began
            cpu += time.process_time() - used
            batch = []
    return wall, cpu, size


def asked(store: ElasticsearchStore, count: int) -> Iterator[tuple[str, str, Sequence[Callable[[], object]]]]:
    """Name, kind and the questions themselves."""
    lots = random.Random(1)
    yield "the latest 50 recordings", "list", [partial(listed, store, Selection())] * QUESTIONS
    users = [Selection(users=(f"user{lots.randrange(300)}",)) for _ in range(QUESTIONS)]
    yield (
        "the latest 50 of a user",
        "list",
        [partial(listed, store, each) for each in users],
    )
    phrases = seen_phrases(store, count, lots)
    for name, texts in (
        ("a phrase that one recording in a hundred has", [f'"{RARE}"'] * QUESTIONS),
        ("two words that stand beside each other somewhere", [f'"{phrase}"' for phrase in phrases]),
        ("the same, in the middle of both words", [f'"{phrase[1:-1]}"' for phrase in phrases]),
        ("a common word", [COMMON] * QUESTIONS),
        ("a phrase of one user's", [f'"{RARE}" user:user{lots.randrange(300)}' for _ in range(QUESTIONS)]),
    ):
        queries = [parse_query(text, datetime.now(UTC)) for text in texts]
        yield name, "phrase", [partial(hits, store, each) for each in queries]
    recs = [f"rec{lots.randrange(count):08d}" for _ in range(QUESTIONS)]
    yield (
        "the first messages of a recording",
        "play",
        [partial(first_messages, store, each) for each in recs],
    )


def listed(store: ElasticsearchStore, selection: Selection) -> int:
    """List as `sessrec list --limit 50` does."""
    return len(list(islice(store.recordings(selection), LIMIT)))


def hits(store: ElasticsearchStore, query: Query) -> int:
    """Find as `sessrec search` does."""
    return len(list(islice(store.search(query, 10), LIMIT)))


def first_messages(store: ElasticsearchStore, rec: str) -> int:
    """What a player waits for before it shows the first screen."""
    (facts,) = store.beginning_with(rec, 3)
    lines = StoreRecording(store, facts.rec).read()
    if not lines:
        raise AssertionError(f"recording {rec} has no messages")
    return len(lines)


def seen_phrases(store: ElasticsearchStore, count: int, lots: random.Random) -> list[str]:
    """Two neighbouring words each of lines in the store."""
    found: list[str] = []
    while len(found) < QUESTIONS:
        for seen in islice(store.seen(f"rec{lots.randrange(count):08d}", "printed"), 40):
            words = [word for word in seen.text.split() if word.isalpha() and len(word) > 3]
            pairs = [f"{one} {two}" for one, two in pairwise(words) if f"{one} {two}" in seen.text]
            if pairs and lots.random() < 0.2:
                found.append(lots.choice(pairs))
    return found[:QUESTIONS]


def timed(question: Callable[[], object]) -> float:
    """Milliseconds."""
    began = time.perf_counter()
    question()
    return (time.perf_counter() - began) * 1000


def section(found: Outcome, facts: list[list[str]]) -> str:
    """With its heading."""
    parts = [
        HEADING,
        "Made by `make bench-elasticsearch`; [benchmarks/README.md](../benchmarks/README.md) says how it is "
        "measured.",
        "\n".join(f"- {line}" for line in [*machine(), "Elasticsearch 8.19.4, one node, a heap of 2 GB, one shard"]),
        table(target_rows(found)),
        *(f"**{target.measure}**: {target.reason}" for target, value in found if value and not target.met(value)),
        table(facts),
    ]
    return "\n\n".join(parts) + "\n"


if __name__ == "__main__":
    sys.exit(main())
