"""Reading policies' settings out of LDAP entries, from whatever library they come."""

from collections.abc import Mapping, Sequence

from ipa_plugin.policy_settings import (
    DEFAULT_HEARTBEAT,
    DEFAULTS,
    OPTIONS,
    Overrides,
    Settings,
    audit_of,
    capture_of,
    check_notice,
    heartbeat_of,
    on_failure_of,
    paths_of,
    shown,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TypeVar

    Given = TypeVar("Given")
    Value = TypeVar("Value")

Entry = Mapping[str, Sequence[object]]
"""Values by attribute, whose name may have any case. They are text or what stands for it: bytes as python-ldap gives
them, DN and bool as ipaldap does."""


class PolicyError(Exception):
    """An entry of the directory does not make a policy.

    `policy` is its name, "" for the configuration; `option` the option that sets what is wrong, or the attribute's
    name where none does; `problem` the rest of the message.
    """

    def __init__(self, policy: str, option: str, problem: str) -> None:
        super().__init__(policy, option, problem)
        self.policy = policy
        self.option = option
        self.problem = problem

    def __str__(self) -> str:
        where = f"policy {shown(self.policy)}" if self.policy else "configuration of session recording"
        return f"{where}: {self.option}: {self.problem}"


class Attributes:
    """The values of an entry by attribute. What is wrong with them is raised as PolicyError of `policy`."""

    def __init__(self, entry: Entry, policy: str = "") -> None:
        self.policy = policy
        self._values: dict[str, list[object]] = {}
        for attribute, values in entry.items():
            several = [values] if isinstance(values, str | bytes) else values
            self._values.setdefault(attribute.lower(), []).extend(several)

    def texts(self, attribute: str) -> list[str]:
        """All values of an attribute; none if it is absent."""
        return [self._text(attribute, value) for value in self._values.get(attribute.lower(), ())]

    def one(self, attribute: str, meaning: "Callable[[str], Value]") -> "Value | None":
        """What the value of an attribute means, of which there is one at most; `meaning` raises ValueError."""
        texts = self.texts(attribute)
        if len(texts) > 1:
            raise self.error(attribute, f"has {len(texts)} values; leave one")
        return self._read(attribute, meaning, texts[0]) if texts else None

    def several(self, attribute: str, meaning: "Callable[[list[str]], Value]") -> "Value | None":
        """What the values of an attribute mean together; None if it is absent."""
        texts = self.texts(attribute)
        return self._read(attribute, meaning, texts) if texts else None

    def error(self, attribute: str, problem: str) -> PolicyError:
        """What is wrong with an attribute."""
        return PolicyError(self.policy, OPTIONS.get(attribute, attribute), problem)

    def _read(self, attribute: str, meaning: "Callable[[Given], Value]", given: "Given") -> "Value":
        try:
            return meaning(given)
        except ValueError as error:
            raise self.error(attribute, str(error)) from error

    def _text(self, attribute: str, value: object) -> str:
        if not isinstance(value, bytes):
            return str(value)
        try:
            return value.decode()
        except UnicodeDecodeError as error:
            raise self.error(attribute, "is not UTF-8") from error


def settings_from_entry(entry: Entry) -> Settings:
    """The settings of the configuration entry; what it leaves out is as in DEFAULTS. Raises PolicyError."""
    return overrides_of(Attributes(entry)).over(DEFAULTS)


def heartbeat_from_entry(entry: Entry) -> int:
    """Seconds between two reports of a host, from the configuration entry. Raises PolicyError."""
    return Attributes(entry).one("ipaRecordingHeartbeat", heartbeat_of) or DEFAULT_HEARTBEAT


def overrides_of(attributes: Attributes) -> Overrides:
    """What an entry sets. The three audit attributes are one setting: one of them makes the others count as given."""
    changes = attributes.several("ipaRecordingAuditChanges", paths_of) or frozenset()
    reads = attributes.several("ipaRecordingAuditReads", paths_of) or frozenset()
    audit = attributes.several("ipaRecordingAudit", lambda words: audit_of(words, changes, reads))
    if audit is None and (changes or reads):
        audit = audit_of((), changes, reads)
    return Overrides(
        capture=attributes.several("ipaRecordingCapture", capture_of),
        audit=audit,
        notice=attributes.one("ipaRecordingNotice", _notice),
        on_failure=attributes.one("ipaRecordingOnFailure", on_failure_of),
    )


def _notice(text: str) -> str:
    check_notice(text)
    return text
