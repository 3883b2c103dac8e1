"""What verifying recordings found, kept until the recording grows or other keys are trusted."""

import json
import time
from collections.abc import Callable, Collection, Iterable, Iterator
from hashlib import sha256
from typing import Any, NamedTuple

from auditor.ledger.ledger import Ledger
from auditor.recordings.store import Facts, Store
from auditor.verify import Verdict, Verification, verify
from recorder.keys.signing_key import KeyFileError, PublicKey
from recorder.keys.trusted_keys import trusted_keys
from recorder.paths import user_key_file

KEYS_FOR = 30.0
"""Seconds after which the files of trusted keys are read again."""

_MANY = 500


class Checked(NamedTuple):
    """The answer about a recording (`auditor.verify.Verification` has more about the first four), and its grounds.

    `messages` were there. The key that is said to have signed: its id, and where it is trusted the host that it is
    bound to ("" none) and its creation; 0 where it is not. `signatures` is how many messages carry one;
    `first_signed` and `last_signed` are the times that stand on them. Times are seconds since 1970.
    """

    verdict: Verdict
    at: int | None
    proven: int
    reason: str
    messages: int
    key: str
    key_host: str
    key_created: float
    signatures: int
    first_signed: float
    last_signed: float
    time: float

    def __str__(self) -> str:
        return self.verdict.value if self.at is None else f"{self.verdict.value} at {self.at}"


def own_keys() -> list[PublicKey]:
    """The keys that `sessrec verify` trusts: one's own, and those given to `sessrec key trust` and `fetch`."""
    return trusted_keys(user_key_file())


class Verdicts:
    """Verdicts in a ledger. Threads may share it. `keys` gives those that are trusted, and may raise KeyFileError."""

    def __init__(self, ledger: Ledger, keys: Callable[[], list[PublicKey]] = own_keys) -> None:
        self._ledger = ledger
        self._read_keys = keys
        self._keys: tuple[float, list[PublicKey], str] | None = None

    def known(self, found: Collection[Facts]) -> dict[str, Checked]:
        """What is known of these recordings as they are now, by their ids; nothing while keys cannot be read."""
        try:
            fingerprint = self._trusted()[1]
        except KeyFileError:
            return {}
        revisions = {facts.rec: facts.revision for facts in found}
        recs = list(revisions)
        known = {}
        for start in range(0, len(recs), _MANY):
            some = recs[start : start + _MANY]
            marks = ", ".join("?" * len(some))
            for rec, revision, keys, text in self._ledger.rows(
                f"SELECT rec, revision, keys, found FROM verdicts WHERE rec IN ({marks})", some
            ):
                if revision == revisions[rec] and keys == fingerprint:
                    known[rec] = _read(text)
        return known

    def found_to_be(self, verdict: Verdict, most: int) -> list[str]:
        """Ids of at most so many recordings that were found to be this, perhaps before they grew."""
        rows = self._ledger.rows("SELECT rec FROM verdicts WHERE verdict = ? LIMIT ?", (verdict.value, most))
        return [rec for (rec,) in rows]

    def known_text(self, facts: Facts) -> str:
        """The verdict in words, "" where nobody has looked."""
        checked = self.known([facts]).get(facts.rec)
        return str(checked) if checked else ""

    def of(self, store: Store, facts: Facts) -> Checked:
        """Of a recording as it is now; it is read whole if nobody has. Raises StoreError, LedgerError."""
        checked = self.known([facts]).get(facts.rec)
        if checked is None:
            checked = self.check(facts, (line for batch in store.lines(facts.rec) for line in batch))
        return checked

    def check(self, facts: Facts, lines: Iterable[bytes]) -> Checked:
        """Verify the lines of a recording, and keep what is found for it as it was when `facts` were read."""
        keys, fingerprint = self._trusted()
        signed = _Signed(lines)
        found = verify(signed, keys)
        if found.rec and found.rec != facts.rec:
            # Another recording in its place may be perfectly sealed.
            found = found._replace(verdict=Verdict.TAMPERED, at=1, proven=0, reason=f"it is recording {found.rec}")
        checked = _checked(found, signed, keys)
        with self._ledger.writing() as writing:
            writing.execute(
                "INSERT OR REPLACE INTO verdicts VALUES (?, ?, ?, ?, ?)",
                (facts.rec, facts.revision, fingerprint, checked.verdict.value, json.dumps(checked)),
            )
        return checked

    def check_keys(self) -> None:
        """Raises KeyFileError where the trusted keys cannot be read: until then there are no verdicts."""
        self._trusted()

    def forget(self, recs: Collection[str]) -> None:
        """Of recordings that are deleted."""
        with self._ledger.writing() as writing:
            for rec in recs:
                writing.execute("DELETE FROM verdicts WHERE rec = ?", (rec,))

    def _trusted(self) -> tuple[list[PublicKey], str]:
        if self._keys is None or time.monotonic() > self._keys[0]:
            keys = self._read_keys()
            digest = sha256()
            for said in sorted(key.raw + f"{key.created} {key.host}".encode() for key in keys):
                digest.update(said)
            self._keys = time.monotonic() + KEYS_FOR, keys, digest.hexdigest()
        return self._keys[1], self._keys[2]


class _Signed:
    """Hands lines on, and notes how many there are and the times on those that are signed."""

    def __init__(self, lines: Iterable[bytes]) -> None:
        self._lines = lines
        self.messages = 0
        self.times: list[float] = []
        self.count = 0

    def __iter__(self) -> Iterator[bytes]:
        for line in self._lines:
            self.messages += 1
            if b'"sig"' in line:
                self._note(line)
            yield line

    def _note(self, line: bytes) -> None:
        try:
            fields = json.loads(line)
            moment = float(fields["time"]) if "sig" in fields else None
        except (ValueError, KeyError, TypeError, RecursionError, OverflowError):
            return
        if moment is not None:
            self.count += 1
            self.times = [*self.times[:1], moment]


def _checked(found: Verification, signed: _Signed, keys: list[PublicKey]) -> Checked:
    named = [key for key in keys if key.key_id == found.key_id]
    key = max(named, key=lambda key: key.created, default=None) if found.proven else None
    return Checked(
        verdict=found.verdict,
        at=found.at,
        proven=found.proven,
        reason=found.reason.encode("utf-8", "backslashreplace").decode(),
        messages=signed.messages,
        key=found.key_id.encode("utf-8", "backslashreplace").decode()[:100],
        key_host=key.host if key else "",
        key_created=key.created if key else 0.0,
        signatures=signed.count,
        first_signed=signed.times[0] if signed.times else 0.0,
        last_signed=signed.times[-1] if signed.times else 0.0,
        time=time.time(),
    )


def _read(text: str) -> Checked:
    values: list[Any] = json.loads(text)
    return Checked(Verdict(values[0]), *values[1:])
