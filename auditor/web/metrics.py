"""The numbers of /metrics. Names, units and labels are those of docs/operations.md; a test holds them together."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from auditor.ingest.progress import Progress, progress
from auditor.ledger.schema import LedgerError
from auditor.query.query import Selection
from auditor.recordings.recording_state import State
from auditor.recordings.store import RecordingGroup, Store, StoreError
from auditor.verify import Verdict
from recorder.capture.session import VERSION

if TYPE_CHECKING:
    from auditor.web.site import Site

PREFIX = "session_recording_"
CONTENT_TYPE = CONTENT_TYPE_LATEST


def numbers(site: "Site") -> bytes:
    """In Prometheus' text format. A store or ledger that cannot be read is a number itself."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Collector(site))
    return generate_latest(registry)


class _Collector:
    def __init__(self, site: "Site") -> None:
        self._site = site

    def collect(self) -> Iterator[Metric]:
        yield _gauge("info", "What runs here.", 1, version=VERSION)
        yield _gauge("viewers", "Sessions of people who are signed in.", self._site.sessions.count())
        try:
            with self._site.stores.borrow() as store:
                found = [*_store(store), *_ingests(list(progress(store)))]
        except StoreError as error:
            self._site.log(f"/metrics: {error}")
            found = []
        yield _gauge("store_up", "Whether the store can be read.", bool(found))
        yield from found
        yield from self._ledger()

    def _ledger(self) -> Iterator[Metric]:
        ledger = self._site.ledger
        if ledger is None:
            return
        try:
            actions = ledger.rows("SELECT action, count(*) FROM entries GROUP BY action")
            verdicts = ledger.rows("SELECT verdict, count(*) FROM verdicts GROUP BY verdict")
        except LedgerError as error:
            self._site.log(f"/metrics: {error}")
            yield _gauge("ledger_up", "Whether the ledger can be read.", 0)
            return
        yield _gauge("ledger_up", "Whether the ledger can be read.", 1)
        done = CounterMetricFamily(f"{PREFIX}ledger_entries", "Deeds of auditors in the ledger.", labels=["action"])
        for action, count in sorted(actions):
            done.add_metric([action], count)
        yield done
        verified = GaugeMetricFamily(f"{PREFIX}verdicts", "Recordings by what verifying found.", labels=["verdict"])
        # All of them, so that the first one that is tampered with is a change and no beginning.
        for verdict, count in (dict.fromkeys(Verdict, 0) | dict(verdicts)).items():
            verified.add_metric([verdict], count)
        yield verified


def _store(store: Store) -> Iterator[Metric]:
    days = store.groups(Selection(), "day")
    yield _gauge("recordings", "Recordings in the store.", _sum(days))
    yield _gauge(
        "recordings_live", "Of these, those that go on.", _sum(store.groups(Selection(states=(State.LIVE,)), "day"))
    )
    yield _gauge("recorded_seconds", "Length of all recordings.", sum(day.length for day in days) / 1000)
    refused = sum(row.lines for row in store.quarantined())
    yield _gauge("quarantined_lines", "Lines that are part of no recording.", refused)


def _ingests(found: list[Progress]) -> Iterator[Metric]:
    labels = ["host", "source"]
    looked = GaugeMetricFamily(
        f"{PREFIX}ingest_last_look_timestamp_seconds", "When an ingest looked last.", labels=labels
    )
    lag = GaugeMetricFamily(
        f"{PREFIX}ingest_lag_seconds", "Age of the newest message when an ingest added it.", labels=labels
    )
    taken = CounterMetricFamily(f"{PREFIX}ingest_messages", "Messages that an ingest has added.", labels=labels)
    refused = CounterMetricFamily(f"{PREFIX}ingest_refused", "Lines that an ingest has refused.", labels=labels)
    for one in found:
        for family, value in ((looked, one.looked), (lag, one.lag), (taken, one.taken), (refused, one.refused)):
            family.add_metric([one.host, one.source], value)
    yield from (looked, lag, taken, refused)


def _sum(groups: list[RecordingGroup]) -> int:
    return sum(group.recordings for group in groups)


def _gauge(name: str, help: str, value: float, **labels: str) -> Metric:
    family = GaugeMetricFamily(f"{PREFIX}{name}", help, labels=list(labels))
    family.add_metric(list(labels.values()), value)
    return family
