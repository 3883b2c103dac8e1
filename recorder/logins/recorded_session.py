"""What a worker has to know of the session that it records, and how one worker tells the next."""

import marshal
import os
from dataclasses import dataclass
from typing import Any

from recorder.capture.log import Header
from recorder.logins.decision import Decision


@dataclass(frozen=True)
class RecordedSession:
    """A session, as its login has found it. `locale` has the variables that name its character set."""

    decision: Decision
    header: Header
    description: dict[str, Any]
    arguments: list[str]
    locale: dict[str, str]

    def as_plain(self) -> dict[str, Any]:
        """Plain values, for `of_plain`."""
        return {**vars(self), "decision": vars(self.decision), "header": vars(self.header)}

    @classmethod
    def of_plain(cls, plain: dict[str, Any]) -> "RecordedSession":
        """The same again."""
        decision, header = Decision(**plain["decision"]), Header(**plain["header"])
        return cls(decision, header, plain["description"], plain["arguments"], plain["locale"])


def write_state(state: dict[str, Any]) -> int:
    """A descriptor of memory with the state of a session that sleeps, plain values. Raises OSError.

    By `marshal`, which is for one version of Python: who reads it is a fork of the same process. Unlike pickles, what
    it reads is data and runs nothing.
    """
    descriptor = os.memfd_create("session", os.MFD_CLOEXEC)
    with open(descriptor, "wb", closefd=False) as file:
        marshal.dump(state, file)
    return descriptor


def read_state(descriptor: int) -> dict[str, Any]:
    """What was written, and give the memory back."""
    with open(descriptor, "rb") as file:
        file.seek(0)
        state: dict[str, Any] = marshal.load(file)
    return state
