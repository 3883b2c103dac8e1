"""The chain over the messages of one recording: a value per message that stands for it and all before it.

docs/seal.md defines it. Values are 32 raw bytes; a message carries its value as 64 lower-case hex digits in
`seal`. Only `hashlib` is imported here: the recorded session waits for what this module needs.
"""

from hashlib import sha256

_START = b"freeipa-session-recording chain 1\0"
_SIGNED = b"freeipa-session-recording seal 1\0"


def start(rec: str) -> bytes:
    """The value before message 1 of the recording `rec`."""
    return sha256(_START + rec.encode()).digest()


def advance(value: bytes, *canonical_parts: bytes) -> bytes:
    """The value after a message, from the one before it.

    `canonical_parts`, put together, are the message without `seal`, `key` and `sig` in canonical form (RFC 8785).
    """
    digest = sha256(value)
    for part in canonical_parts:
        digest.update(part)
    return digest.digest()


def signed_text(rec: str, number: int, value: bytes) -> bytes:
    """What the signature in message `number` (its `id`) signs; `value` is the chain's value after that message."""
    return b"%b%b\0%d\0%b" % (_SIGNED, rec.encode(), number, value)
