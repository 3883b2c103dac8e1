"""Whether a recording is as it was written: complete, truncated, tampered with, or never signed (docs/seal.md)."""

import re
from base64 import b64decode, b64encode
from collections.abc import Collection, Iterable, Iterator
from enum import StrEnum
from typing import Any, BinaryIO, NamedTuple

from auditor.json_objects import CutShortError, json_objects
from recorder.formats import chain
from recorder.formats.canonical import canonical
from recorder.formats.message import MessageError
from recorder.keys.signing_key import PublicKey, host_name

CLOCK_TOLERANCE = 60.0
"""Seconds by which a recording may seem to begin before its key was created: both are written within a moment, the
recording's beginning first, and a clock may be set in between."""

_CHUNK = 1024 * 1024
_MAX_REASON = 300
_SAME_IN_ALL = ("host", "rec", "user", "session")
_SEALED = re.compile(rb'"(?:seal|sig)"[ \t\r\n]*:')


class Verdict(StrEnum):
    """The four answers."""

    COMPLETE = "complete"
    TRUNCATED = "truncated"
    TAMPERED = "tampered"
    UNSIGNED = "unsigned"


class Verification(NamedTuple):
    """The answer and what it rests on.

    `at` is the last proven message of a truncated recording, the first message that does not fit of a tampered one,
    else None. Messages 1 to `proven` are proven by signatures of a trusted key. `rec` and `key_id` are what the
    recording itself says, "" where it says nothing; like `reason` they may hold any character.
    """

    verdict: Verdict
    at: int | None
    proven: int
    reason: str
    rec: str = ""
    key_id: str = ""

    def __str__(self) -> str:
        return self.verdict.value if self.at is None else f"{self.verdict.value} at {self.at}"


def verify(lines: Iterable[bytes], trusted: Collection[PublicKey]) -> Verification:
    """Judge the lines of a recording, with or without their newlines; any bytes get an answer."""
    return _verify((line if line.endswith(b"\n") else line + b"\n" for line in lines), trusted)


def verify_file(file: BinaryIO, trusted: Collection[PublicKey]) -> Verification:
    """Judge a recording in a file, in any layout of its JSON; an unfinished last line counts as cut short."""
    return _verify(_file_chunks(file), trusted)


def _verify(chunks: Iterable[bytes], trusted: Collection[PublicKey]) -> Verification:
    log = _SealWatch(chunks)
    messages = _Messages(trusted)
    cut = ""
    try:
        for fields in json_objects(log):
            messages.add(fields)
    except CutShortError as error:
        if messages.ended:
            return messages.tampered("more follows the end of the session")
        cut = str(error)
    except _MisfitError as error:
        if messages.count or log.read_on():
            return messages.tampered(str(error), error.at)
    except MessageError as error:
        # Whether this is a damaged recording or none of ours, the rest tells.
        if messages.count or log.read_on():
            return messages.tampered(str(error))
    if not messages.count:
        return messages.unsigned("no message has a seal" if log.begun else "there is nothing in it")
    return messages.end(cut)


class _MisfitError(MessageError):
    """A message does not fit those before it; `at` is its number, None for the next one."""

    def __init__(self, reason: str, at: int | None = None) -> None:
        super().__init__(reason)
        self.at = at


class _Messages:
    """The messages of a recording so far, all of them fitting together."""

    def __init__(self, trusted: Collection[PublicKey]) -> None:
        self._trusted: dict[str, list[PublicKey]] = {}
        for key in trusted:
            self._trusted.setdefault(key.key_id, []).append(key)
        self.count = 0
        self.ended = False
        self._proven = 0
        self._key_id = ""
        self._first: dict[str, Any] = {}
        self._value = b""
        self._pos = 0.0
        self._time = 0.0

    def add(self, fields: dict[str, Any]) -> None:
        """Take the next message; raises _MisfitError, and then it does not count."""
        number = self.count + 1
        seal = fields.pop("seal", None)
        signed = (fields.pop("key", None), fields.pop("sig", None))
        if seal is None:
            raise _MisfitError(f"message {number} has no seal")
        if self.ended:
            raise _MisfitError("more follows the end of the session")
        first = self._first or _checked_first(fields)
        self._check_place(fields, first)
        try:
            value = chain.advance(self._value or chain.start(first["rec"]), canonical(fields))
        except ValueError as error:
            raise _MisfitError(f"message {number} is not what was sealed: {error}") from error
        if seal != value.hex():
            raise _MisfitError(f"message {number} is not what was sealed")
        self._first = first
        if signed != (None, None):
            self._check_signature(*signed, value)
        self._value = value
        self._pos, self._time = fields["pos"], fields["time"]
        self.count = number
        event = fields.get("event")
        self.ended = isinstance(event, dict) and event.get("action") == "session-end"

    def tampered(self, reason: str, at: int | None = None) -> Verification:
        """The next message, or message `at`, is not as it was written."""
        return self._answer(Verdict.TAMPERED, self.count + 1 if at is None else at, reason)

    def unsigned(self, reason: str) -> Verification:
        """Nobody who is trusted has signed this."""
        return self._answer(Verdict.UNSIGNED, None, reason)

    def end(self, cut: str) -> Verification:
        """The answer where nothing more comes; `cut` says how the log breaks off, if it does."""
        if not self._proven:
            return self.unsigned(self._why_unproven())
        if self.ended and self._proven == self.count and not cut:
            return self._answer(Verdict.COMPLETE, None, f"{self.count} messages, signed by key {self._key_id}")
        missing = cut or ("the end is not signed" if self.ended else "the end is missing, or the session goes on")
        if self.count > self._proven:
            missing += f"; messages {self._proven + 1} to {self.count} are not proven by a signature"
        return self._answer(Verdict.TRUNCATED, self._proven, missing)

    def _answer(self, verdict: Verdict, at: int | None, reason: str) -> Verification:
        rec = self._first.get("rec", "")
        return Verification(verdict, at, self._proven, reason[:_MAX_REASON], rec, self._key_id)

    def _why_unproven(self) -> str:
        if not self._key_id:
            return f"none of its messages, 1 to {self.count}, is signed"
        hosts = sorted(key.host for key in self._trusted.get(self._key_id, ()))
        if hosts:
            return (
                f"its key {self._key_id} is that of {', '.join(hosts)}, but it says it is of {self._first['host']!r}"
            )
        return (
            f"its key {self._key_id} is not trusted: get it with `sessrec key fetch` if it is a host's in FreeIPA, "
            "else from its owner for `sessrec key trust`"
        )

    def _proving_key(self, key_id: str) -> PublicKey | None:
        """The trusted key of this id, unless it is of another host than the recording."""
        host = self._host()
        # A claim about the key that another host makes counts as little as its signature would.
        keys = (key for key in self._trusted.get(key_id, ()) if key.host in ("", host))
        # Of two claims about one key the later creation proves more.
        return max(keys, key=lambda key: key.created, default=None)

    def _host(self) -> str:
        """The host that the recording says it is of, as names of hosts compare; "" where it says none."""
        said = self._first.get("host")
        return (host_name(said) or "") if isinstance(said, str) else ""

    def _check_place(self, fields: dict[str, Any], first: dict[str, Any]) -> None:
        number = self.count + 1
        if fields.get("id") != number:
            raise _MisfitError(f"message {number} is missing: {fields.get('id')!r} stands in its place")
        for name in _SAME_IN_ALL:
            if fields.get(name) != first.get(name):
                raise _MisfitError(f"message {number} has another {name} than message 1")
        for name, before in (("pos", self._pos), ("time", self._time)):
            value = fields.get(name)
            if isinstance(value, bool) or not isinstance(value, int | float) or value < before:
                raise _MisfitError(f"message {number} has a {name} before that of the one before it")

    def _check_signature(self, key_id: object, signature: object, value: bytes) -> None:
        number = self.count + 1
        raw = _signature(signature)
        if not isinstance(key_id, str) or raw is None:
            raise _MisfitError(f"message {number} has a signature or key id in a wrong form")
        expected = self._key_id or _named_key(self._first) or key_id
        if key_id != expected:
            raise _MisfitError(f"message {number} is signed by key {key_id}, but the recording began with {expected}")
        key = self._proving_key(key_id)
        if key is not None:
            if not key.verify(raw, chain.signed_text(self._first["rec"], number, value)):
                raise _MisfitError(f"message {number} has a wrong signature")
            if self._first["time"] < key.created - CLOCK_TOLERANCE:
                raise _MisfitError(f"it is signed by key {key_id}, which was created after it began", 1)
            self._proven = number
        self._key_id = key_id


def _checked_first(fields: dict[str, Any]) -> dict[str, Any]:
    rec, time = fields.get("rec"), fields.get("time")
    if not isinstance(rec, str) or isinstance(time, bool) or not isinstance(time, int | float):
        raise _MisfitError("message 1 has no recording id or no time")
    return fields


def _named_key(first: dict[str, Any]) -> str:
    """The key that the event of the session's start names."""
    ours = first.get("sessrec")
    named = ours.get("key") if isinstance(ours, dict) else None
    return named if isinstance(named, str) else ""


def _signature(text: object) -> bytes | None:
    """64 bytes from their one spelling in base64."""
    try:
        raw = b64decode(text, validate=True) if isinstance(text, str) else b""
    except ValueError:
        return None
    return raw if len(raw) == 64 and b64encode(raw).decode() == text else None


def _file_chunks(file: BinaryIO) -> Iterator[bytes]:
    """Lines while they are messages, blocks where JSON is laid out otherwise."""
    while chunk := file.readline(_CHUNK):
        yield chunk
        if not chunk.rstrip().endswith(b"}") or not chunk.startswith(b"{"):
            while chunk := file.read(_CHUNK):
                yield chunk


class _SealWatch:
    """Hands chunks on and notes whether anything in them is sealed."""

    def __init__(self, chunks: Iterable[bytes]) -> None:
        self.begun = False
        self._chunks = iter(chunks)
        self._sealed = False

    def __iter__(self) -> Iterator[bytes]:
        for chunk in self._chunks:
            self.begun = True
            self._sealed = self._sealed or _SEALED.search(chunk) is not None
            yield chunk

    def read_on(self) -> bool:
        """Read the rest as far as needed: whether anything in the log is sealed."""
        return self._sealed or any(_SEALED.search(chunk) for chunk in self._chunks)
