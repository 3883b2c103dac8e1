"""What has arrived where recordings go, counted on from run to run: messages, bytes, ends, losses.

Counted is what was written, not what was meant to be. How far was read, and the numbers so far, stand in a file of
the state directory. With sink `syslog` there is nothing to read here.
"""

import fcntl
import json
import os
import subprocess
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from host.install_layout import AUDIT, RECORDER
from recorder.configuration.host_settings import HostSettings

NAME = "metrics.json"
"""Below the state directory."""

REASONS = ("exit", "hangup", "signal", "recording-failed", "terminated")
"""Of the end of a recording, as docs/format.md has them."""

SECONDS = 20.0
"""That one run reads for. What is left then the next one reads."""

_LONGEST = 4 * 1024 * 1024
"""Bytes of an entry of the journal in JSON, well above those of a message that is all escapes."""


@dataclass
class Traffic:
    """The numbers. `messages` are by type, `ended` by reason. `source` and `place`: what was read, and how far."""

    messages: Counter[str] = field(default_factory=lambda: Counter({"io": 0, "event": 0}))
    message_bytes: int = 0
    ended: Counter[str] = field(default_factory=lambda: Counter(dict.fromkeys(REASONS, 0)))
    lost_bytes: int = 0
    lost_messages: int = 0
    lost_events: int = 0
    source: str = ""
    place: Any = None

    def take(self, line: bytes) -> None:
        """Count one message."""
        self.message_bytes += len(line)
        # A quotation mark within a text is escaped, so this stands in no text.
        if b'"event":{' not in line:
            self.messages["io"] += 1
            return
        self.messages["event"] += 1
        with suppress(ValueError, RecursionError, TypeError, AttributeError):
            message = json.loads(line)
            action, ours = message["event"].get("action"), message.get("sessrec") or {}
            if action == "lost":
                self.lost_bytes += int(ours.get("lost_bytes") or 0)
                self.lost_messages += int(ours.get("lost_messages") or 0)
                self.lost_events += int(ours.get("lost_events") or 0)
            elif action == "session-end":
                reason = ours.get("reason")
                self.ended[reason if reason in REASONS else "other"] += 1


def traffic(settings: HostSettings, state: Path, units: Sequence[str] = (RECORDER, AUDIT)) -> Traffic | None:
    """The numbers up to now; None where nothing can be read. `units` are those whose entries of the journal count.
    Raises OSError."""
    if settings.sink == "syslog":
        return None
    with _alone(state):
        known = _load(state / NAME)
        if settings.sink == "file":
            _read_files(known, Path(settings.directory))
        else:
            _read_journal(known, settings.journal_namespace, units)
        _save(state / NAME, known)
    return known


def _read_files(known: Traffic, directory: Path) -> None:
    began = known.source == f"file:{directory}"
    places: dict[str, int] = known.place if began and isinstance(known.place, dict) else {}
    sizes: dict[str, int] = {}
    end = time.monotonic() + SECONDS
    for path in sorted(directory.glob("*.jsonl")):
        with suppress(OSError), path.open("rb") as file:
            if not began:
                sizes[path.name] = os.fstat(file.fileno()).st_size
                continue
            place = file.seek(places.get(path.name, 0))
            while time.monotonic() < end and (line := file.readline()).endswith(b"\n"):
                known.take(line[:-1])
                place += len(line)
            sizes[path.name] = place
    known.source, known.place = f"file:{directory}", sizes


def _read_journal(known: Traffic, namespace: str, units: Sequence[str]) -> None:
    source = f"journal:{namespace}"
    command = ["journalctl", "--quiet", "--no-pager", "--output=json", "--all", "--output-fields=MESSAGE"]
    command += [f"--namespace={namespace}"] if namespace else []
    matches = ["SESSREC_TYPE=io", "SESSREC_TYPE=event", *(f"_SYSTEMD_UNIT={unit}" for unit in units)]
    if known.source != source:
        # From here on: what came before was before anybody counted.
        known.source, known.place = source, None
        for cursor, _ in _entries([*command, "--lines=1", *matches]):
            known.place = cursor
        return
    before = known.place
    # Not --after-cursor: where the entry itself is gone, that leaves out the first one behind it.
    after = [f"--cursor={before}"] if before else []
    end = time.monotonic() + SECONDS
    for cursor, line in _entries([*command, "--no-tail", *after, *matches]):
        if cursor != before:
            known.take(line)
        known.place = cursor
        if time.monotonic() > end:
            break


def _entries(command: list[str]) -> Iterator[tuple[str, bytes]]:
    with subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    ) as run:
        assert run.stdout is not None
        try:
            while line := run.stdout.readline(_LONGEST):
                with suppress(ValueError, RecursionError, KeyError, TypeError):
                    entry = json.loads(line)
                    message = entry["MESSAGE"]
                    # An array of bytes where it has control characters of C1.
                    yield entry["__CURSOR"], message.encode() if isinstance(message, str) else bytes(message)
        finally:
            run.kill()


@contextmanager
def _alone(state: Path) -> Iterator[None]:
    """One run at a time, so that nothing is counted twice."""
    held = os.open(state, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(held, fcntl.LOCK_EX)
        yield
    finally:
        os.close(held)


def _load(path: Path) -> Traffic:
    made = Traffic()
    try:
        said = json.loads(path.read_text())
        for name, value in vars(made).items():
            given = said.get(name, value)
            if isinstance(value, Counter):
                value.update({str(key): int(count) for key, count in given.items()})
            elif name in ("source", "place"):
                setattr(made, name, given)
            else:
                setattr(made, name, int(given))
    except (OSError, ValueError, TypeError, AttributeError):
        return Traffic()
    return made


def _save(path: Path, known: Traffic) -> None:
    new = path.with_suffix(".new")
    new.touch(mode=0o600)
    new.write_text(json.dumps(vars(known)))
    new.rename(path)
