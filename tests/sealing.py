"""Builds sealed recordings for tests, by docs/format.md and docs/seal.md alone.

It shares no code with the recorder: the canonical form is that of the `rfc8785` package, and the chain and what is
signed are written down here a second time.
"""

import base64
import hashlib
import json

import rfc8785
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from recorder.formats.message import Input, Output, Resize
from recorder.keys.signing_key import SigningKey

BEGAN = 1_795_431_231.22
"""Seconds since 1970 at which the recordings begin, unless told otherwise."""

REC = "175bde1c5c8a47bb98d3b10e0555c888-4d12-593ea"


def key_of(name="key", created=BEGAN - 3600):
    """A signing key that is always the same for the same name."""
    return SigningKey(hashlib.sha256(name.encode()).digest(), created)


def sealed_recording(content=(), key=None, *, sign_every=3, **header):
    """The lines, each with its newline, of a whole recording: its start, `content`, its end, sealed and signed.

    `content` is packets (`recorder.formats.message.Output` and so on), or texts that are printed a second apart. Each
    packet becomes one message. `header` is what `messages` takes.
    """
    return sealed(messages(content, key or key_of(), **header), key, sign_every=sign_every)


def messages(content=(), key=None, *, rec=REC, began=BEGAN, exit_code=0, size=(80, 24), charset="UTF-8", **header):
    """The messages of a whole recording as objects, not sealed; `header` has other values for any field."""
    packets = [_packet(number, item) for number, item in enumerate(content, 1)]
    head = {"ver": "2.3", "host": "web1.example.test", "rec": rec, "user": "alice", "term": "xterm", "session": 7}
    head |= header

    def message(pos, timing, **fields):
        moment = round(began + pos / 1000, 3)
        number = len(built) + 1
        texts = {"in_txt": "", "in_bin": [], "out_txt": "", "out_bin": []}
        built.append(head | {"id": number, "pos": pos, "time": moment, "timing": timing} | texts | fields)

    built = []
    columns, rows = size
    tty = {"columns": columns, "rows": rows}
    start = {"version": "0.1.0", "charset": charset, "input": any(isinstance(packet, Input) for packet in packets)}
    if key is not None:
        start["key"] = key.key_id
    message(
        0,
        f"={columns}x{rows}",
        event={"action": "session-start"},
        process={"args": ["bash"], "executable": "/bin/bash", "pid": 4711, "tty": tty},
        sessrec=start,
    )
    for packet in packets:
        if isinstance(packet, Resize):
            columns, rows = packet.columns, packet.rows
            tty = {"columns": columns, "rows": rows}
            message(packet.at, f"={columns}x{rows}", event={"action": "resize"}, process={"tty": tty})
        else:
            timing, texts = _io(packet, f"={columns}x{rows}")
            message(packet.at, timing, **texts)
    end = packets[-1].at if packets else 0
    message(
        end,
        "",
        event={"action": "session-end", "duration": end * 1_000_000},
        process={"exit_code": exit_code},
        sessrec={"reason": "exit"},
    )
    return built


def sealed(objects, key=None, *, sign_every=3, signed_by=None):
    """Lines for message objects: their chain, and signatures on the first, every `sign_every`-th and the last.

    What is there of `seal`, `key` and `sig` is left out first. `signed_by(index)` gives the key for one message,
    or None for no signature.
    """
    key = key or key_of()
    bare = [{name: value for name, value in each.items() if name not in ("seal", "key", "sig")} for each in objects]
    lines = []
    value = hashlib.sha256(b"freeipa-session-recording chain 1\0" + bare[0]["rec"].encode()).digest()
    for index, fields in enumerate(bare):
        value = hashlib.sha256(value + rfc8785.dumps(fields)).digest()
        due = index % sign_every == 0 or index == len(bare) - 1
        signer = signed_by(index) if signed_by else key if due else None
        seal = {"seal": value.hex()}
        if signer:
            text = b"freeipa-session-recording seal 1\0" + fields["rec"].encode() + b"\0"
            text += str(fields["id"]).encode() + b"\0" + value
            signature = Ed25519PrivateKey.from_private_bytes(signer.seed).sign(text)
            seal |= {"key": signer.key_id, "sig": base64.b64encode(signature).decode()}
        lines.append(line_of(fields | seal))
    return lines


def line_of(fields):
    """A message as one line, as the recorder lays it out."""
    text = json.dumps(fields, ensure_ascii=False, separators=(",", ":"))
    return text.replace("\x7f", "\\u007f").encode() + b"\n"


def _packet(number, item):
    if isinstance(item, str):
        item = item.encode()
    return Output(number * 1000, item) if isinstance(item, bytes) else item


def _io(packet, size):
    """Timing and texts of one packet: as text where it is UTF-8, else as bytes altogether."""
    name, mark, bracket = ("in", "<", "[") if isinstance(packet, Input) else ("out", ">", "]")
    try:
        text = packet.data.decode()
        return f"{size}{mark}{len(text)}", {f"{name}_txt": text}
    except UnicodeDecodeError:
        found = {f"{name}_txt": "\ufffd", f"{name}_bin": list(packet.data)}
        return f"{size}{bracket}1/{len(packet.data)}", found
