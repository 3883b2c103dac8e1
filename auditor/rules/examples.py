"""The examples of rules, tried: what must match has to, what must not match must not."""

from collections.abc import Iterator, Sequence

from auditor.rules.document import Mistake
from auditor.rules.matcher import RuleSet
from auditor.rules.rule import Example, Rule


def failures(rules: Sequence[Rule]) -> Iterator[Mistake]:
    """The examples that a rule does not keep to, each as the mistake that it is. How often something has to happen
    is not asked: an example is one of those that count."""
    for rule in rules:
        if rule.enabled and rule.when:
            for examples, wanted in ((rule.match, True), (rule.no_match, False)):
                for example in examples:
                    if _matches(rule, example) != wanted:
                        yield _mistake(rule, example, wanted)


def _matches(rule: Rule, example: Example) -> bool:
    rules = RuleSet([rule], lambda _: example.groups)
    if example.line:
        found = rules.of_line(example.line, example.value)
    else:
        found = rules.of_event(str(example.fields.get("event", {}).get("action")), example.fields)
    return bool(found) and rules.concerns(0, example.user, example.host, example.time)


def _mistake(rule: Rule, example: Example, wanted: bool) -> Mistake:
    file, _, line = rule.place.rpartition(":")
    problem = (
        "must match, but does not: " if wanted else "must not match, but does: "
    ) + f"{example.text[:200]}; correct the rule, or the example"
    return Mistake(file, int(line), f"rule {rule.name!r}: {'match' if wanted else 'no_match'}", problem)
