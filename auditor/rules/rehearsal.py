"""Rules on a recording that is there already: where they would have alerted."""

from collections.abc import Iterator

from auditor.ingest.intake import Intake, RefusedError, first_facts, parsed
from auditor.recordings.recording import Recording
from auditor.recordings.store import Facts
from auditor.rules.alert import Alert
from auditor.rules.matcher import RuleSet
from auditor.rules.watcher import RuleWatcher


def rehearse(rules: RuleSet, recording: Recording) -> Iterator[tuple[Facts, Alert]]:
    """The alerts in a recording, as they come; it is taken in as by `sessrec ingest`, but stored nowhere. Lines that
    are no messages of it are left out. Of a session that still runs, what its last message has not settled is not
    looked at yet."""
    by_name = {rule.name: rule for rule in rules.rules}
    watcher = RuleWatcher(rules)
    intake: Intake | None = None
    while lines := recording.read():
        for line in lines:
            try:
                message = parsed(line)
                if intake is None:
                    intake = Intake(first_facts(message, "", ""), lambda _: None, watcher)
                intake.take(message, line)
            except RefusedError:
                continue
            # Emptied each time: the recording can be longer than the memory.
            for event in intake.addition().events:
                alert = Alert.of(event, by_name) if event.part else None
                if alert is not None:
                    yield intake.facts, alert
