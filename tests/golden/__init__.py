"""A small sealed recording that never changes: what it says today it must say in every later version."""

from pathlib import Path

from recorder.keys.signing_key import load_public

RECORDING = Path(__file__).parent / "recording.jsonl"
KEY = Path(__file__).parent / "key.pub"


def golden_lines():
    """The lines of the recording, each with its newline."""
    return RECORDING.read_bytes().splitlines(keepends=True)


def golden_key():
    """The public key that it is signed with."""
    return load_public(KEY)
