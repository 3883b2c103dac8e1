"""Rules at work: what `auditor.ingest` tells of each recording goes to them, and their alerts go on from here."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Protocol

from auditor.recordings.store import Event, Facts
from auditor.rules.alert import Alert
from auditor.rules.matcher import RuleSet, Watch
from auditor.transcript import Seen


class Teller(Protocol):
    """Who is told of alerts when they are stored; never waits."""

    def tell(self, facts: Facts, alert: Alert) -> None:
        """An alert in a recording."""
        ...


class RuleWatcher:
    """See `auditor.ingest.intake.Watcher`. `teller` None: alerts are stored, and nobody is told. `alerts` counts
    those that were."""

    def __init__(self, rules: RuleSet, teller: Teller | None = None) -> None:
        self.alerts = 0
        self._rules, self._teller = rules, teller
        self._by_name = {rule.name: rule for rule in rules.rules}

    def watch(self, facts: Facts) -> "RecordingWatch":
        """See Watcher."""
        return RecordingWatch(self._rules.watch(facts.user, facts.host, facts.start))

    def stored(self, facts: Facts, events: Sequence[Event]) -> None:
        """See Watcher."""
        for event in events:
            alert = Alert.of(event, self._by_name)
            if alert is not None:
                self.alerts += 1
                if self._teller is not None:
                    self._teller.tell(facts, alert)


class RecordingWatch:
    """See `auditor.ingest.intake.Watch`."""

    def __init__(self, watch: Watch) -> None:
        self._watch = watch

    def event(self, event: Event, fields: Mapping[str, Any]) -> Iterable[Event]:
        """See Watch."""
        alerts = self._watch.event(event.action, event.at, fields)
        return _events(alerts) if alerts else ()

    def seen(self, seen: Seen) -> Iterable[Event]:
        """See Watch."""
        alerts = self._watch.line(seen)
        return _events(alerts) if alerts else ()


def _events(alerts: Sequence[Alert]) -> Iterator[Event]:
    # Their place among the events of the message is given to them by the intake.
    return (alert.event(0, 0) for alert in alerts)
