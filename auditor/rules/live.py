"""The rules of this machine at work while recordings are taken in."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from auditor.rules.files import installed
from auditor.rules.groups import Groups
from auditor.rules.journal_entry import JournalEntries
from auditor.rules.matcher import RuleSet
from auditor.rules.teller import AlertTeller
from auditor.rules.watcher import RuleWatcher
from recorder.paths import RULES


@contextmanager
def installed_rules(complain: Callable[[str], None], directory: Path = RULES) -> Iterator[RuleWatcher]:
    """A watcher by the shipped rules and those of the directory, whose alerts are told; at the end, what is still to
    be sent is waited for a little. `complain` gets lines about what does not work, from any thread. Raises RuleError
    for rules with a mistake."""
    found = installed(directory).checked()
    rules = RuleSet(found.rules, Groups(found.groups))
    teller = AlertTeller(complain, JournalEntries())
    try:
        yield RuleWatcher(rules, teller)
    finally:
        teller.close()
