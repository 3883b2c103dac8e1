"""The public keys whose signatures are believed: the own key, and those in the directory `keys` beside it."""

from collections.abc import Iterable
from pathlib import Path

from recorder.signing_key import KeyFileError, PublicKey, load, load_public, write


def trusted_keys(own: Path, more: Iterable[Path] = ()) -> list[PublicKey]:
    """The public half of the private key `own`, if it is there, the keys beside it, and those in the files `more`.

    Raises KeyFileError where a key cannot be read: an answer without it would be another one.
    """
    keys = [load_public(path) for path in (*more, *sorted(directory(own).glob("*.pub")))]
    if own.exists():
        keys.append(load(own).public)
    return keys


def directory(own: Path) -> Path:
    """Where the trusted public keys beside the private key `own` lie, each named by its id."""
    return own.parent / "keys"


def trust(key: PublicKey, own: Path) -> Path:
    """Put a public key beside the private key `own`; the file that it is in now.

    Raises KeyFileError where it is there with another time of creation, which would change what it proves.
    """
    path = directory(own) / f"{key.key_id}.pub"
    try:
        write(path, key.file_text(), 0o644, replace=False)
    except FileExistsError:
        if load_public(path).created != key.created:
            raise KeyFileError(f"{path} is this key with another time of creation: find out which is right") from None
    return path
