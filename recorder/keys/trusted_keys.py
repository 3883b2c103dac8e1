"""The public keys whose signatures are believed: the own key, and those in the directory `keys` beside it."""

from collections.abc import Iterable
from pathlib import Path

from recorder.keys.signing_key import KeyFileError, PublicKey, load, load_public, write


def trusted_keys(own: Path, more: Iterable[Path] = ()) -> list[PublicKey]:
    """The public half of the private key `own`, if it is there, the keys beside it, and those in the files `more`.

    Raises KeyFileError where a key cannot be read: an answer without it would be another one.
    """
    keys = [load_public(path) for path in (*more, *_files(directory(own)))]
    if own.exists():
        keys.append(load(own).public)
    return keys


def directory(own: Path) -> Path:
    """Where the trusted public keys beside the private key `own` lie, each named by its id; those that are bound to
    a host in a directory of its name."""
    return own.parent / "keys"


def file_of(key: PublicKey, own: Path) -> Path:
    """Where a public key lies if it is trusted."""
    return directory(own) / key.host / f"{key.key_id}.pub"


def trust(key: PublicKey, own: Path) -> Path:
    """Put a public key beside the private key `own`; the file that it is in now.

    Raises KeyFileError where it is there with another time of creation, which would change what it proves.
    """
    path = file_of(key, own)
    try:
        write(path, key.file_text(), 0o644, replace=False)
    except FileExistsError:
        if load_public(path).created != key.created:
            raise KeyFileError(f"{path} is this key with another time of creation: find out which is right") from None
    return path


def trust_latest(key: PublicKey, own: Path) -> PublicKey | None:
    """Put a public key beside the private key `own`, also in the place of the same key with an earlier creation.

    Returns what was trusted before: None if nothing was, and one with a later creation stays. Raises KeyFileError.
    """
    path = file_of(key, own)
    try:
        write(path, key.file_text(), 0o644, replace=False)
    except FileExistsError:
        before = load_public(path)
        if before.created < key.created:
            write(path, key.file_text(), 0o644, replace=True)
        return before
    return None


def of_host(host: str, own: Path) -> list[Path]:
    """The files of the trusted keys that are bound to a host."""
    return sorted((directory(own) / host).glob("*.pub"))


def hosts(own: Path) -> list[str]:
    """The hosts that have keys among the trusted ones."""
    return sorted({path.parent.name for path in directory(own).glob("*/*.pub")})


def _files(directory: Path) -> list[Path]:
    return [*sorted(directory.glob("*.pub")), *sorted(directory.glob("*/*.pub"))]
