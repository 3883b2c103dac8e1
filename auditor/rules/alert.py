"""An alert: that a rule has seen in a session what it watches for. It is an event of the recording."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from auditor.events.event_fields import object_in, string
from auditor.events.events import detail, parsed_detail
from auditor.output.moments import iso
from auditor.recordings.store import Event, Facts
from auditor.rules.rule import Rule

ACTION = "alert"
"""Its `event.action`."""

MAX_MATCHED = 1000
"""Characters kept of what was seen."""


@dataclass(frozen=True, slots=True)
class Alert:
    """`at` ms into the recording; `kind` is the kind of line, or the action of the event, that `matched` is about; of
    an event it is the line that describes it. `certain`: nothing that the rule asks for had to be assumed."""

    rule: Rule
    at: int
    kind: str
    matched: str
    certain: bool = True

    def fields(self) -> dict[str, Any]:
        """What the event says, with the names of docs/format.md."""
        ours = {"matched": self.matched, "of": self.kind, "at": self.at}
        return {
            "event": {"action": ACTION, "kind": "alert", "severity": self.rule.severity},
            "rule": {"name": self.rule.name, "description": self.rule.description},
            "sessrec": ours if self.certain else {**ours, "certain": False},
        }

    def event(self, id: int, part: int) -> Event:
        """As the store keeps it, as part `part` of the message by which it became known."""
        return Event(id, self.at, ACTION, detail(self.fields()), part)

    def summary(self, facts: Facts) -> dict[str, Any]:
        """For programs: what `sessrec rules test --json` prints, and what webhooks and commands get."""
        return {
            "rec": facts.rec,
            "user": facts.user,
            "host": facts.host,
            "rule": self.rule.name,
            "description": self.rule.description,
            "severity": self.rule.severity,
            "at_ms": self.at,
            "time": iso(self.time(facts)),
            "kind": self.kind,
            "matched": self.matched,
        }

    def time(self, facts: Facts) -> float:
        """When it happened, in seconds since 1970."""
        return facts.start + self.at / 1000

    @classmethod
    def of(cls, event: Event, rules: Mapping[str, Rule]) -> "Alert | None":
        """The alert that an event is, if it is one of these rules by name."""
        fields = parsed_detail(event.detail)
        rule = rules.get(string(object_in(fields, "rule").get("name")))
        if event.action != ACTION or rule is None:
            return None
        ours = object_in(fields, "sessrec")
        matched, kind = string(ours.get("matched")), string(ours.get("of"))
        return cls(rule, event.at, kind, matched, ours.get("certain") is not False)
