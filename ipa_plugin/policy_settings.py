"""What a policy can set: the LDAP attributes, the options that set them, and the values that they take.

A check raises ValueError with a text that follows the option or the value: "must be absolute, as /etc".
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

OPTIONS = {
    "cn": "NAME",
    "description": "--desc",
    "userCategory": "--usercat",
    "hostCategory": "--hostcat",
    "ipaRecordingAction": "--action",
    "ipaRecordingOrder": "--order",
    "ipaRecordingCapture": "--capture",
    "ipaRecordingAudit": "--audit",
    "ipaRecordingAuditChanges": "--audit-changes",
    "ipaRecordingAuditReads": "--audit-reads",
    "ipaRecordingNotice": "--notice",
    "ipaRecordingOnFailure": "--on-failure",
    "ipaRecordingHeartbeat": "--heartbeat",
    "ipaRecordingPlayerUrl": "--player-url",
}
"""The option of `ipa recordingpolicy-mod` or `ipa recordingconfig-mod` that sets an attribute."""

MAX_NAME = 255
"""Characters of a policy's name."""
MAX_ORDER = 1_000_000
MAX_NOTICE = 1000
"""Characters of a notice, as many as the recorder takes."""
MAX_PATH = 4096
"""Bytes of an audited path, PATH_MAX of Linux."""
MIN_HEARTBEAT, DEFAULT_HEARTBEAT, MAX_HEARTBEAT = 30, 300, 86400
"""Seconds between two reports of a host with recorded sessions."""

_ORIGIN = re.compile(r"https://[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*(:[1-9][0-9]{0,4})?")

NONE = "none"
"""The word for the empty set, which LDAP cannot hold; an attribute that is absent is not set."""


class Action(StrEnum):
    """What a policy does with the sessions that it matches."""

    RECORD = "record"
    EXEMPT = "exempt"


class Capture(StrEnum):
    """What of a session is recorded; command-bytes are those of a session without a terminal."""

    OUTPUT = "output"
    INPUT = "input"
    RESIZE = "resize"
    COMMAND_BYTES = "command-bytes"


class OnFailure(StrEnum):
    """What follows when a session cannot be recorded."""

    DENY = "deny"
    ALLOW = "allow"


CAPTURE_WORDS = (*Capture, NONE)
AUDIT_WORDS = ("exec", "network", NONE)


@dataclass(frozen=True)
class Audit:
    """What is audited during a session; changes and reads are paths, each with all that lies under it."""

    exec: bool = False
    network: bool = False
    changes: frozenset[str] = frozenset()
    reads: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Settings:
    """How a session is recorded, with nothing left open. A notice of "" is none; lines are joined by newlines."""

    capture: frozenset[Capture]
    audit: Audit
    notice: str
    on_failure: OnFailure


@dataclass(frozen=True)
class Overrides:
    """What one policy sets; None is left to the configuration."""

    capture: frozenset[Capture] | None = None
    audit: Audit | None = None
    notice: str | None = None
    on_failure: OnFailure | None = None

    def over(self, defaults: Settings) -> Settings:
        """The settings that follow, with the gaps filled from `defaults`."""
        return Settings(
            capture=defaults.capture if self.capture is None else self.capture,
            audit=defaults.audit if self.audit is None else self.audit,
            notice=defaults.notice if self.notice is None else self.notice,
            on_failure=defaults.on_failure if self.on_failure is None else self.on_failure,
        )


DEFAULTS = Settings(
    capture=frozenset({Capture.OUTPUT, Capture.RESIZE}), audit=Audit(exec=True), notice="", on_failure=OnFailure.DENY
)
"""What holds where neither the policy nor the configuration says otherwise."""


def describe_capture(capture: frozenset[Capture]) -> tuple[str, ...]:
    """The words of a capture setting, always in the same order; ("none",) for the empty set."""
    return tuple(str(kind) for kind in Capture if kind in capture) or (NONE,)


def describe_audit(audit: Audit) -> tuple[str, ...]:
    """An audit setting for people: ("exec", "network", "changes under /etc", "reads under /srv") or ("none",)."""
    sets = [name for name, wanted in (("exec", audit.exec), ("network", audit.network)) if wanted]
    changes = [f"changes under {path}" for path in sorted(audit.changes)]
    return (*sets, *changes, *(f"reads under {path}" for path in sorted(audit.reads))) or (NONE,)


def action_of(word: str) -> Action:
    """The action of an ipaRecordingAction."""
    return Action(_one_of(word, tuple(Action)))


def on_failure_of(word: str) -> OnFailure:
    """The meaning of an ipaRecordingOnFailure."""
    return OnFailure(_one_of(word, tuple(OnFailure)))


def capture_of(words: Iterable[str]) -> frozenset[Capture]:
    """The set that the values of ipaRecordingCapture make together."""
    return frozenset(Capture(word) for word in _set_of(words, CAPTURE_WORDS))


def audit_of(words: Iterable[str], changes: Iterable[str], reads: Iterable[str]) -> Audit:
    """The audit setting that the values of ipaRecordingAudit make together with the audited paths."""
    words = list(words)
    sets = _set_of(words, AUDIT_WORDS)
    audit = Audit("exec" in sets, "network" in sets, frozenset(changes), frozenset(reads))
    if words and not sets and (audit.changes or audit.reads):
        raise ValueError('"none" stands alone: remove it, or the audited paths')
    return audit


def paths_of(texts: Iterable[str]) -> frozenset[str]:
    """The paths of an ipaRecordingAuditChanges or ipaRecordingAuditReads."""
    paths = frozenset(texts)
    for path in sorted(paths):
        try:
            check_audit_path(path)
        except ValueError as error:
            raise ValueError(f"{shown(path)} {error}") from error
    return paths


def order_of(text: str) -> int:
    """The number of an ipaRecordingOrder."""
    return _number(text, 0, MAX_ORDER)


def heartbeat_of(text: str) -> int:
    """The seconds of an ipaRecordingHeartbeat."""
    return _number(text, MIN_HEARTBEAT, MAX_HEARTBEAT)


def check_name(text: str) -> None:
    """A policy's name: one line that a message can quote."""
    if not text or text != text.strip():
        raise ValueError("must not be empty, nor begin or end with a space")
    if len(text) > MAX_NAME:
        raise ValueError(f"must have at most {MAX_NAME} characters")
    _check_printable(text)


def check_notice(text: str) -> None:
    """A notice: one line for the recorded person's terminal, which control characters could mislead."""
    if not text.strip():
        raise ValueError("must not be empty")
    if len(text) > MAX_NOTICE:
        raise ValueError(f"must have at most {MAX_NOTICE} characters")
    _check_printable(text)


def check_player_url(text: str) -> None:
    """The address of the server on which recordings are watched, as browsers write an origin (RFC 6454)."""
    if not _ORIGIN.fullmatch(text) or len(text) > MAX_NAME:
        raise ValueError("must be https://HOST or https://HOST:PORT, in lower case")


def check_audit_path(text: str) -> None:
    """A path for the kernel's audit rules, written in the one way that they match."""
    _check_printable(text)
    if not text.startswith("/"):
        raise ValueError("must be absolute, as /etc")
    if len(text.encode()) > MAX_PATH:
        raise ValueError(f"must have at most {MAX_PATH} bytes")
    if text != "/" and any(name in ("", ".", "..") for name in text[1:].split("/")):
        raise ValueError('must be written without "//", "." or ".." in it and without "/" at its end, as /var/lib')


def shown(value: str) -> str:
    """A value as a message quotes it: short, on one line, and harmless to a terminal."""
    text = value if len(value) <= 60 else value[:57] + "..."
    return f'"{printable(text)}"'


def printable(text: str) -> str:
    """`text` with its unprintable characters as their escapes, ESC as \\x1b."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def _check_printable(text: str) -> None:
    if not text.isprintable():
        raise ValueError("must have printable characters only")


def _number(text: str, low: int, high: int) -> int:
    # int() itself would take "1_0", "+5" and digits of other scripts.
    if not (text.isascii() and text.isdigit() and len(text) <= 10 and low <= int(text) <= high):
        raise ValueError(f"must be a whole number from {low} to {high}")
    return int(text)


def _set_of(words: Iterable[str], allowed: tuple[str, ...]) -> frozenset[str]:
    given = frozenset(_one_of(word, allowed) for word in words)
    if NONE in given and len(given) > 1:
        raise ValueError('"none" stands alone: remove it, or the others')
    return given - {NONE}


def _one_of(word: str, allowed: tuple[str, ...]) -> str:
    # Directory strings of these attributes compare without regard to case and to spaces around them.
    found = word.strip().lower()
    if found not in allowed:
        raise ValueError(f"{shown(word)} is not one of {', '.join(allowed)}")
    return found
