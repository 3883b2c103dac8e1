"""Rules compiled, and the watch that they keep on one recording: lines and events in, alerts out.

What comes out depends on the recording and the rules alone, so that a recording that is gone through again gives the
same alerts. The lines of one kind are searched for all rules at once, by one pass of one automaton.
"""

from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import re2

from auditor.events.event_sentence import sentence
from auditor.rules import conditions
from auditor.rules.alert import MAX_MATCHED, Alert
from auditor.rules.conditions import Condition, encoded, options
from auditor.rules.event_fields import ACTIONS
from auditor.rules.rule import LINES, Clause, Rule, RuleError, Scope
from auditor.transcript import Seen

MAX_AUTOMATON = 64 * 1024 * 1024
"""Bytes that the automaton for one kind of line may grow to; then it begins anew."""

Groups = Callable[[str], frozenset[str] | None]
"""The groups of a user; None where nobody can tell."""


class RuleSet:
    """Enabled rules, ready to watch. Raises RuleError where they need too much memory together."""

    def __init__(self, rules: Iterable[Rule], groups: Groups = lambda _: None) -> None:
        self.rules = tuple(rule for rule in rules if rule.enabled)
        self._lines = {line: _LineRules(self.rules, line) for line in LINES}
        self._events = {action: _event_rules(self.rules, action) for action in ACTIONS}
        self._others = _event_rules(self.rules, None)
        self._scopes = [_Scope(rule.scope, groups) for rule in self.rules]

    def watch(self, user: str, host: str, start: float) -> "Watch":
        """The watch on one recording of `user` on `host` that began at `start` (s since 1970)."""
        return Watch(self, user, host, start)

    def of_line(self, kind: str, text: str) -> Sequence[int]:
        """The rules, by their place in `rules`, that a line fits to, whoever's it is."""
        rules = self._lines.get(kind)
        return rules.found(text) if rules else ()

    def of_event(self, action: str, fields: Mapping[str, Any]) -> Sequence[int]:
        """The rules that an event fits to."""
        found: list[int] = []
        for number, clause in self._events.get(action, self._others):
            if (not found or found[-1] != number) and _fits(clause, fields):
                found.append(number)
        return found

    def concerns(self, number: int, user: str | None, host: str | None, time: float | None) -> bool:
        """Whether a rule is about this user on this host at this time (s since 1970); None always fits."""
        return self._scopes[number].takes(user, host, time)

    def certain(self, number: int, user: str) -> bool:
        """Whether nothing had to be assumed for that."""
        return self._scopes[number].knows(user)


class Watch:
    """What the rules remember of one recording: when they saw something last. Lines and events come in order."""

    def __init__(self, rules: RuleSet, user: str, host: str, start: float) -> None:
        self._rules, self._user, self._host, self._start = rules, user, host, start
        self._memories: dict[int, _Memory] = {}

    def line(self, seen: Seen) -> Sequence[Alert]:
        """The alerts for one line."""
        found = self._rules.of_line(seen.kind, seen.text)
        return self._alerts(found, seen.at, seen.kind, lambda: seen.text) if found else ()

    def event(self, action: str, at: int, fields: Mapping[str, Any]) -> Sequence[Alert]:
        """The alerts for an event that happened `at` ms into the recording."""
        found = self._rules.of_event(action, fields)
        return self._alerts(found, at, action, lambda: sentence(action, fields)) if found else ()

    def _alerts(self, found: Sequence[int], at: int, kind: str, text: Callable[[], str]) -> list[Alert]:
        alerts = []
        for number in found:
            if not self._rules.concerns(number, self._user, self._host, self._start + at / 1000):
                continue
            rule = self._rules.rules[number]
            memory = self._memories.setdefault(number, _Memory())
            if memory.counts(at, rule):
                alerts.append(Alert(rule, at, kind, text()[:MAX_MATCHED], self._rules.certain(number, self._user)))
        return alerts


@dataclass(slots=True)
class _Memory:
    """Of one rule in one recording: the times (ms) of what counts towards its rate, and of its last alert."""

    times: deque[int] = field(default_factory=deque)
    alerted: int | None = None

    def counts(self, at: int, rule: Rule) -> bool:
        """Whether one more at this time is an alert."""
        if self.alerted is not None and at - self.alerted < rule.quiet * 1000:
            return False
        if rule.rate is not None:
            self.times.append(at)
            while at - self.times[0] > rule.rate.within * 1000:
                self.times.popleft()
            if len(self.times) < rule.rate.count:
                return False
            self.times.clear()
        self.alerted = at
        return True


class _LineRules:
    """The clauses of all rules about one kind of line."""

    def __init__(self, rules: Sequence[Rule], line: str) -> None:
        self._clauses: list[tuple[int, Clause]] = []
        self._set: Any = None
        for number, rule in enumerate(rules):
            for clause in rule.when:
                if clause.line == line:
                    self._add(number, clause)
        if self._set is not None:
            try:
                self._set.Compile()
            except re2.error as error:
                raise RuleError(f"the expressions for {line} lines need too much memory; have fewer rules") from error

    def found(self, text: str) -> Sequence[int]:
        if self._set is None:
            return ()
        matches = self._set.Match(encoded(text))
        if not matches:
            return ()
        numbers = {
            number
            for number, clause in map(self._clauses.__getitem__, matches)
            if not any(condition.holds_for(text) for condition in clause.unless)
        }
        return sorted(numbers)

    def _add(self, number: int, clause: Clause) -> None:
        if self._set is None:
            set_options = options()
            set_options.max_mem = MAX_AUTOMATON
            self._set = re2.Set.SearchSet(set_options)
        for condition in clause.conditions:
            for criterion in condition.criteria:
                if criterion.expression is not None:
                    self._set.Add(criterion.expression.pattern)
                    self._clauses.append((number, clause))


class _Scope:
    """In whose recordings a rule watches."""

    def __init__(self, scope: Scope, groups: Groups) -> None:
        self._scope, self._groups = scope, groups
        self._names = {
            which: [conditions.name(pattern) for pattern in getattr(scope, which)]
            for which in ("users", "not_users", "groups", "not_groups", "hosts", "not_hosts")
        }

    def takes(self, user: str | None, host: str | None, time: float | None) -> bool:
        scope = self._scope
        return (
            (user is None or self._fits((user,), "users"))
            and (host is None or self._fits((host,), "hosts"))
            and (time is None or not scope.times or any(window.holds(time) for window in scope.times))
            and (time is None or not any(window.holds(time) for window in scope.not_times))
            and self._groups_fit(user)
        )

    def knows(self, user: str) -> bool:
        """Whether the groups of the user, if they are asked for, are known."""
        return not self._asks_groups() or self._groups(user) is not None

    def _asks_groups(self) -> bool:
        return bool(self._scope.groups or self._scope.not_groups)

    def _groups_fit(self, user: str | None) -> bool:
        if not self._asks_groups():
            return True
        groups = self._groups(user or "")
        # Where nobody can tell, an alert too many is better than one that was missed.
        return groups is None or self._fits(groups, "groups")

    def _fits(self, names: Iterable[str], which: str) -> bool:
        wanted, unwanted = self._names[which], self._names[f"not_{which}"]
        names = tuple(names)
        return (not wanted or any(each.found(name) for each in wanted for name in names)) and not any(
            each.found(name) for each in unwanted for name in names
        )


def _event_rules(rules: Sequence[Rule], action: str | None) -> list[tuple[int, Clause]]:
    """The clauses that an event of this action can fit to; None: of any other than those that are known."""
    return [
        (number, clause)
        for number, rule in enumerate(rules)
        for clause in rule.when
        if not clause.line and all(_can_hold(condition, action) for condition in clause.conditions)
    ]


def _can_hold(condition: Condition, action: str | None) -> bool:
    return (
        condition.field != "event.action"
        or action is None
        or any(criterion.holds(action) for criterion in condition.criteria)
    )


def _fits(clause: Clause, fields: Mapping[str, Any]) -> bool:
    return all(condition.holds(fields) for condition in clause.conditions) and not any(
        condition.holds(fields) for condition in clause.unless
    )
