"""What the client's journal has of recorded logins, judged by the keys that FreeIPA has of the host."""

import json
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from auditor.verify import Verification, verify
from integration.machine import Machine
from recorder.formats.message import Input, Message, Output, parse
from recorder.keys.signing_key import PublicKey, load_public

UNIT = "session-recorder.service"
KEYS = "/root/trusted"


class Recording:
    """The messages of one recording so far, as they were sent."""

    def __init__(self, lines: Sequence[bytes]) -> None:
        self.lines = list(lines)
        self.messages: list[Message] = [parse(line) for line in lines]
        self.rec = self.messages[0].rec
        self.user = self.messages[0].user
        self.session = self.messages[0].session

    @property
    def printed(self) -> bytes:
        """Output of all streams."""
        return b"".join(packet.data for one in self.messages for packet in one.packets if isinstance(packet, Output))

    @property
    def typed(self) -> bytes:
        """Input."""
        return b"".join(packet.data for one in self.messages for packet in one.packets if isinstance(packet, Input))

    def events(self, action: str) -> list[Mapping[str, Any]]:
        """All fields of the messages that are events of this kind."""
        return [one.fields for one in self.messages if one.event and one.event.get("action") == action]

    @property
    def start(self) -> Mapping[str, Any]:
        """The first message."""
        return self.events("session-start")[0]

    @property
    def command(self) -> list[str]:
        """How the session's shell was called."""
        return list(self.start["process"]["args"])

    @property
    def ended(self) -> bool:
        """Whether its last message is there."""
        return bool(self.events("session-end"))

    @property
    def end(self) -> Mapping[str, Any]:
        """The last message."""
        return self.events("session-end")[0]

    @property
    def reason(self) -> str:
        """Why it ended."""
        return str(self.end["sessrec"]["reason"])

    @property
    def status(self) -> int | None:
        """The exit status of the session, where the kernel told it."""
        code = self.end.get("process", {}).get("exit_code")
        return None if code is None else int(code)


class Recordings:
    """Those that have begun after this was made, from journald, which says itself that our service sent them."""

    def __init__(self, client: Machine) -> None:
        self.client = client
        self._cursor = self._journal("--lines=1", "--show-cursor", "--output=cat")[-1].partition(b"cursor: ")[2]
        self._keys: list[PublicKey] = []

    def all(self) -> list[Recording]:
        """In the order in which they began."""
        options = ("--output=json", "--all", "--output-fields=MESSAGE,SESSREC_REC")
        matches = ("SESSREC_TYPE=io", "SESSREC_TYPE=event", f"_SYSTEMD_UNIT={UNIT}")
        lines: dict[str, list[bytes]] = {}
        for entry in map(json.loads, self._journal(f"--after-cursor={self._cursor.decode()}", *options, *matches)):
            message = entry["MESSAGE"]
            line = message.encode() if isinstance(message, str) else bytes(message)
            lines.setdefault(entry["SESSREC_REC"], []).append(line)
        return [Recording(of_one) for of_one in lines.values() if b'"session-start"' in of_one[0]]

    def wait(self, count: int = 1, within: float = 60) -> list[Recording]:
        """So many that have ended, and no others."""
        until = time.monotonic() + within
        while True:
            found = self.all()
            if len(found) >= count and all(one.ended for one in found):
                break
            if time.monotonic() > until:
                break
            time.sleep(0.2)
        assert [one.ended for one in found] == [True] * count, [(one.user, one.command, one.ended) for one in found]
        return found

    def verified(self, recording: Recording) -> Verification:
        """By the keys that FreeIPA has of the client, as an auditor fetches them."""
        if not self._keys:
            self._keys = self._fetched()
        return verify(recording.lines, self._keys)

    def _fetched(self) -> list[PublicKey]:
        self.client.run("env", f"XDG_DATA_HOME={KEYS}", "sessrec", "key", "fetch", principal="otto")
        found = self.client.run("sh", "-c", f"cd {KEYS} && find . -name '*.pub' -path '*client.lab.test*'")
        own = []
        for number, name in enumerate(found.stdout.split()):
            here = Path(f"/tmp/{self.client.name}-{number}.pub")
            self.client.copy_out(f"{KEYS}/{name}", here)
            own.append(load_public(here))
            here.unlink()
        assert own, "FreeIPA has no key of the client"
        return own

    def _journal(self, *options: str) -> list[bytes]:
        """Lines of journalctl, after everything sent until now is written."""
        told = self.client.run(
            "sh", "-c", 'journalctl --sync; exec journalctl --quiet --no-pager "$@"', "-", *options
        )
        return [line.encode() for line in told.stdout.split("\n") if line]
