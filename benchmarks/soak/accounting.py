"""What became of each session: its recording beside what its terminal showed, to the byte."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from recorder.formats.message import Output, parse

MARK = re.compile(rb"soak-\d+\.")
"""What each session prints first, with its number."""

COMPLETE, TRUNCATED = "complete", "truncated"
"""Verdicts of `sessrec verify`; others say more, and none is as it must be."""

ENDED, UNSTORED, KILLED, CUT, HUNG, REFUSED = "ended", "unstored", "killed", "cut", "hung", "refused"
"""How a session can have come to its end: by its own `exit`; while nobody took its last messages, of which it is
told; with its recorder, which was killed; nobody knows why; not at all; it never began."""

UNKEPT = 10.0
"""Seconds after which a session must have ended of which nothing is stored. It is a second where `on_failure` denies
it, and whatever a busy machine takes."""


@dataclass
class Account:
    """Bytes of a terminal: those that the recording has, those that its `lost` events name, and the others.

    `wrong` stand in the recording and not so on the terminal, or the other way round; `after` came on the terminal
    when the recording was over already.
    """

    recorded: int = 0
    lost: int = 0
    wrong: int = 0
    after: int = 0

    def __add__(self, other: "Account") -> "Account":
        return Account(
            self.recorded + other.recorded,
            self.lost + other.lost,
            self.wrong + other.wrong,
            self.after + other.after,
        )


@dataclass(frozen=True)
class Told:
    """A session as whoever sat at it tells of it; `seen` is what its terminal showed."""

    number: int
    host: str
    end: str
    seen: bytes
    refusals: int = 0
    """How often it was not let in before it began."""
    lasted: float = 0.0
    """Seconds from its first prompt on."""
    how: str = ""
    """How it ended, for people."""


@dataclass
class Outcome:
    """All sessions, and what is wrong: one line each."""

    sessions: int = 0
    complete: int = 0
    truncated: int = 0
    total: Account = field(default_factory=Account)
    with_loss: int = 0
    of_killed: int = 0
    """Bytes that terminals of killed recorders showed last, and that were not stored yet."""
    unstored: int = 0
    of_unstored: int = 0
    """Sessions whose end nobody took, and the last bytes of their terminals."""
    refused: int = 0
    """Recordings without a byte, of logins that were not let in."""
    problems: list[str] = field(default_factory=list)


def account(seen: bytes, lines: Iterable[bytes]) -> Account:
    """Go through a recording's lines along what the terminal showed."""
    found = Account()
    at = 0
    for kind, value in _parts(lines):
        if isinstance(value, int):
            found.lost += value
            at += value
            continue
        assert kind == "output"
        if seen[at : at + len(value)] == value:
            found.recorded += len(value)
        else:
            found.wrong += len(value)
        at += len(value)
    found.after = max(0, len(seen) - at)
    found.wrong += max(0, at - len(seen) - found.wrong)
    return found


def judge(told: Sequence[Told], recordings: dict[str, list[bytes]], verdicts: dict[str, str]) -> Outcome:
    """Every session beside its recording, and every recording beside its session.

    `recordings` are lines by id; `verdicts` what `sessrec verify` says, "complete", "truncated" and so on.
    """
    outcome = Outcome(sessions=len(told))
    by_mark: dict[bytes, list[str]] = {}
    for rec, lines in recordings.items():
        printed = b"".join(value for _, value in _parts(lines) if isinstance(value, bytes))
        for mark in set(MARK.findall(printed)):
            by_mark.setdefault(mark, []).append(rec)
    left = set(recordings)
    refusals = Counter[str]()
    for one in told:
        found = by_mark.get(b"soak-%d." % one.number, [])
        left.difference_update(found)
        refusals[one.host] += one.refusals
        if one.end == REFUSED:
            outcome.problems.append(f"session {one.number} on {one.host} was refused to the end")
        elif not found and one.end == UNSTORED and one.lasted < UNKEPT:
            outcome.unstored += 1
            outcome.of_unstored += len(one.seen)
        elif len(found) != 1:
            said = f"({one.end} {one.how}) has {len(found)} recordings"
            outcome.problems.append(f"session {one.number} on {one.host} {said}")
        else:
            _judge_one(outcome, one, found[0], recordings[found[0]], verdicts.get(found[0], "missing in the store"))
    for rec in sorted(left):
        host = parse(recordings[rec][0]).host
        if refusals[host] and not any(value for _, value in _parts(recordings[rec])):
            refusals[host] -= 1
            outcome.refused += 1
        else:
            outcome.problems.append(f"recording {rec} of {host} is of no session")
    return outcome


def _judge_one(outcome: Outcome, told: Told, rec: str, lines: list[bytes], verdict: str) -> None:
    bytes_ = account(told.seen, lines)
    outcome.total += bytes_
    outcome.with_loss += bytes_.lost > 0
    name = f"session {told.number} on {told.host}, recording {rec}"
    if bytes_.wrong:
        outcome.problems.append(f"{name}: {bytes_.wrong} bytes are not as the terminal had them")
    if told.end == HUNG:
        outcome.problems.append(f"{name} did not end")
    elif verdict == COMPLETE:
        outcome.complete += 1
        if bytes_.after:
            outcome.problems.append(f"{name} is complete without the last {bytes_.after} bytes")
    elif verdict == TRUNCATED and told.end == KILLED:
        outcome.truncated += 1
        outcome.of_killed += bytes_.after
    elif verdict == TRUNCATED and told.end == UNSTORED:
        outcome.unstored += 1
        outcome.of_unstored += bytes_.after
    else:
        outcome.problems.append(f"{name} is {verdict}; it {told.end} {told.how}")


def _parts(lines: Iterable[bytes]) -> Iterator[tuple[str, bytes | int]]:
    """What was printed, as bytes, and what was lost, as their number, in order."""
    for line in lines:
        message = parse(line)
        if message.event is not None and message.event.get("action") == "lost":
            yield "lost", int(message.fields.get("sessrec", {}).get("lost_bytes", 0))
        for packet in message.packets:
            if isinstance(packet, Output):
                yield "output", packet.data
