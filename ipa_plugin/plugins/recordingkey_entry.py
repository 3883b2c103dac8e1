"""What hosts say of their keys, made fit to be shown; whether it is a key at all is said as well."""

import base64
import binascii
import hashlib
from typing import Any

from ipaserver.plugins.recordedsession_entry import all_shown, moment

ED25519 = bytes.fromhex("302a300506032b6570032100")
"""What stands before the 32 bytes of a key in its SubjectPublicKeyInfo (RFC 8410)."""


def describe(entry: Any, said: dict[str, list[bytes]], created: bytes) -> None:
    """Add to a clean entry what it does not say: its host, since when the directory has it, and what is no key.

    said: the values that its host has written; created: createTimestamp of the directory.
    """
    entry["host"] = [entry.dn[1].value]
    if since := moment(created):
        entry["since"] = [since]
    keys = said.get("iparecordingpublickey", [])
    if [key_id(key) for key in keys] != [entry.dn[0].value]:
        entry["iparecordingpublickey"] = [f"not the key of this name ({', '.join(all_shown(keys))})"]


def key_id(public_key: bytes) -> str | None:
    """The id of a key as hosts write it, None if it is no key."""
    try:
        der = base64.b64decode(public_key, validate=True)
    except binascii.Error:
        return None
    if not der.startswith(ED25519) or len(der) != len(ED25519) + 32 or base64.b64encode(der) != public_key:
        return None
    return hashlib.sha256(der[len(ED25519) :]).hexdigest()[:16]
