"""The proof that a login is recorded: one is made, and what arrived of it is read and verified."""

import secrets
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from auditor.log_servers.plain_bulk import PlainBulk
from auditor.verify import Verdict, verify
from host.ask import AskError, ask
from host.install_layout import CONFIG, KEY, RUN
from host.live_sessions import live_sessions
from host.proof_error import ProofError
from host.proof_login import PROGRAMS, log_in, program
from host.proof_sink import Lines, reader
from host.proof_store import proven_in_store
from recorder.configuration import host_settings
from recorder.formats.message import MessageError, Output, parse
from recorder.keys import signing_key

ARRIVES_WITHIN = 15.0
"""Seconds after the logout in which the recording must be there to its end."""

Line = tuple[str, str]
"""What was looked at, and what was found."""


def prove(user: str, command: Sequence[str] = (), store: PlainBulk | None = None) -> Iterator[Line]:
    """Each finding as it is made. Raises ProofError, or AskError, at the first that is not as it has to be.

    `command` logs in, given the user's name; without one it is the first of PROGRAMS that is there.
    In the `store`, if there is one, the recording must arrive by itself.
    """
    decision = ask(RUN / "responder.socket", {"ask": "what-if", "user": user})
    if not decision["record"]:
        raise ProofError(f"{user} is not recorded here: {_why(decision)}")
    settings = decision.get("settings") or {}
    audit = [name for name in settings.get("audit", []) if name != "none"]
    yield "decision", f"recorded, by {_why(decision)}: {', '.join(settings.get('capture', []))}"
    place, lines = reader(host_settings.load(str(CONFIG)))
    token = secrets.token_hex(16)
    seen: dict[str, Any] = {"rec": "", "audit": None}

    def meanwhile(terminal: str) -> None:
        seen["rec"] = next((one.session.rec for one in live_sessions() if one.session.terminal == terminal), "")
        seen["audit"] = _audited(decision.get("uid"))

    begun = time.monotonic()
    command = command or PROGRAMS[program()]
    log_in(user, token, meanwhile, command)
    ended = time.monotonic()
    yield "login", f"by {command[0]}, {ended - begun:.1f} s"
    rec = seen["rec"]
    if not rec:
        raise ProofError(f"{user} logged in and came to a shell, but no session of his was recorded meanwhile")
    arrived = _arrived(lines, rec)
    yield "recording", f"{rec}: {len(arrived)} messages in {place}, {time.monotonic() - ended:.1f} s after the logout"
    if token.encode() not in _printed(arrived):
        raise ProofError(f"recording {rec} arrived, but what the session printed is not in it")
    yield "content", "what the session printed is in it"
    found = verify(arrived, [signing_key.load(Path(KEY)).public])
    if found.verdict is not Verdict.COMPLETE:
        raise ProofError(f"recording {rec} is {found}: {found.reason}")
    yield "seal", f"complete, signed by the host's key {found.key_id}"
    if audit:
        yield "audit", _audit_line(audit, seen["audit"], command[0])
    if store is not None:
        yield "store", proven_in_store(store, arrived)


def _why(decision: dict[str, Any]) -> str:
    policies = decision.get("policies") or []
    return f"policy {', '.join(policies)}" if policies else "no policy applies to him"


def _audited(uid: object) -> bool:
    """Whether the login uid has audit rules now."""
    try:
        audit = ask(RUN / "responder.socket", {"ask": "status"}).get("audit") or {}
    except AskError:
        return False
    return str(uid) in audit.get("users", {})


def _audit_line(wanted: list[str], found: object, program: str) -> str:
    if found:
        return f"rules were set during the session: {', '.join(wanted)}"
    if program == "su":
        return "not tried: a session by su has no login uid of its own"
    raise ProofError("the session was recorded, but had no audit rules; see `sessrec host status`")


def _arrived(lines: Lines, rec: str) -> list[bytes]:
    """All messages, once the last of a session is among them."""
    end = time.monotonic() + ARRIVES_WITHIN
    while time.monotonic() < end:
        found = lines(rec)
        if any(b'"session-end"' in line for line in found[-3:]):
            return found
        time.sleep(0.2)
    raise ProofError(
        f"recording {rec} did not arrive to its end within {ARRIVES_WITHIN:g} s; "
        f"{len(found)} messages are there: see `journalctl -u session-recorder`"
    )


def _printed(lines: list[bytes]) -> bytes:
    printed = b""
    for line in lines:
        try:
            packets = parse(line).packets
        except MessageError:
            continue
        printed += b"".join(packet.data for packet in packets if isinstance(packet, Output))
    return printed
