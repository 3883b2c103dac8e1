"""Ed25519 keys that sign recordings, and the files they lie in.

A private key is PKCS #8 in PEM, a public one SubjectPublicKeyInfo in PEM (RFC 8410), as OpenSSL reads and writes
them. Lines before the PEM block (explanatory text, RFC 7468) name the key and when it was created:

    Key: 3f6ee6b3a6b0a3a5
    Created: 1795431231.220 (2026-11-23T09:33:51Z)

A public key may name its host as well, and then proves nothing of another one:

    Host: web1.example.test

The recorded session waits for this module, so `cryptography` (25 ms) is imported when a key first signs, and the
PEM block is read here: the reader of `cryptography` costs another 30 ms.
"""

import os
import stat
import time
from binascii import a2b_base64, b2a_base64
from hashlib import sha256

from recorder.errors import SessrecError

TYPE_CHECKING = False  # As in typing, which takes 5 ms to import.
if TYPE_CHECKING:
    from pathlib import Path

    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

# DER around the 32 bytes of an Ed25519 key (RFC 8410, sections 4 and 7); nothing in it varies.
_PRIVATE = ("PRIVATE", bytes.fromhex("302e020100300506032b657004220420"))
_PUBLIC = ("PUBLIC", bytes.fromhex("302a300506032b6570032100"))

_MAX_FILE = 65_536


class KeyFileError(SessrecError):
    """A key cannot be read, written or used; the text says which file and what to do."""


class PublicKey:
    """Verifies signatures. `raw` is the key's 32 bytes, `created` its creation in seconds since 1970.

    `host` is the host whose recordings it proves, as `host_name` writes it; "" of a key that is bound to none.
    """

    def __init__(self, raw: bytes, created: float, host: str = "") -> None:
        self.raw = raw
        self.created = created
        self.host = host
        self.key_id = sha256(raw).hexdigest()[:16]

    def verify(self, signature: bytes, data: bytes) -> bool:
        """Whether `signature` is this key's over `data`."""
        from cryptography.exceptions import InvalidSignature
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

        try:
            Ed25519PublicKey.from_public_bytes(self.raw).verify(signature, data)
        except (InvalidSignature, ValueError):
            return False
        return True

    def file_text(self) -> bytes:
        """What a public key file holds."""
        return _file_text(_PUBLIC, self.key_id, self.created, self.raw, self.host)

    def spki(self) -> str:
        """The key as FreeIPA has it: SubjectPublicKeyInfo in base64, which is the one line of its PEM block."""
        return b2a_base64(_PUBLIC[1] + self.raw, newline=False).decode()


class SigningKey:
    """Signs. `seed` is the private key's 32 bytes, `created` its creation in seconds since 1970.

    `key_id` is the id that the key's file names and is trusted until the first signature, which raises
    KeyFileError where it is wrong; without it the id is computed at once.
    """

    def __init__(self, seed: bytes, created: float, key_id: str | None = None) -> None:
        self.seed = seed
        self.created = created
        self._loaded: tuple[Ed25519PrivateKey, PublicKey] | None = None
        self.key_id = key_id if key_id is not None else self.public.key_id

    @property
    def public(self) -> PublicKey:
        """The public half."""
        return self._load()[1]

    def sign(self, data: bytes) -> bytes:
        """The signature over `data`, 64 bytes."""
        return self._load()[0].sign(data)

    def file_text(self) -> bytes:
        """What a private key file holds."""
        return _file_text(_PRIVATE, self.key_id, self.created, self.seed)

    def _load(self) -> "tuple[Ed25519PrivateKey, PublicKey]":
        if self._loaded is None:
            from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

            private = Ed25519PrivateKey.from_private_bytes(self.seed)
            public = PublicKey(_raw_public(private), self.created)
            if getattr(self, "key_id", public.key_id) != public.key_id:
                raise KeyFileError(
                    f"the key file names key {self.key_id}, but holds {public.key_id}: remove that line"
                )
            self._loaded = private, public
        return self._loaded


def load(path: "Path") -> SigningKey:
    """The private key in the file `path`.

    Raises KeyFileError where there is none, or where others than the user could have read or put it.
    """
    return _parse_private(_read(path, private=True), path)


def load_or_create(path: "Path") -> SigningKey:
    """The private key in the file `path`, created now if there is none. Of several at once, one creates it."""
    try:
        return load(path)
    except KeyFileError as error:
        if not isinstance(error.__cause__, FileNotFoundError):
            raise
    try:
        return create(path)
    except FileExistsError:
        return load(path)


def create(path: "Path", *, replace: bool = False) -> SigningKey:
    """A new private key, written to the file `path` (0600, in a directory 0700 if that is new).

    Raises FileExistsError where the file is there already, unless `replace`.
    """
    key = SigningKey(os.urandom(32), round(time.time(), 3))
    write(path, key.file_text(), 0o600, replace=replace)
    return key


def load_public(path: "Path") -> PublicKey:
    """The public key in the file `path`. Raises KeyFileError."""
    data = _read(path, private=False)
    raw = _pem_block(data, _PUBLIC, path)
    key = PublicKey(raw, _created(data, path), _host(data, path))
    named = _explanation(data, "Key")
    if named not in (None, key.key_id):
        raise KeyFileError(f"{path} names another key than {key.key_id}, which it holds: get the key again")
    return key


def raw_from_spki(text: str) -> bytes | None:
    """The 32 bytes of a key as `PublicKey.spki` writes it, None of anything else."""
    prefix = _PUBLIC[1]
    try:
        der = a2b_base64(text.encode(), strict_mode=True)
    except ValueError:
        return None
    # Compared as text again, since base64 has several spellings for the same bytes.
    if len(der) != len(prefix) + 32 or der[:-32] != prefix or b2a_base64(der, newline=False).decode() != text:
        return None
    return der[-32:]


def host_name(text: str) -> str | None:
    """The name of a host as names are compared, in lower case and without a dot at its end; None if it is no name."""
    name = text.lower().removesuffix(".")
    letters = name.replace("-", "").replace("_", "").replace(".", "")
    if not letters.isascii() or not letters.isalnum() or name.startswith((".", "-")) or len(name) > 253:
        return None
    return name


def write(path: "Path", data: bytes, mode: int, *, replace: bool) -> None:
    """Write a key file whole or not at all. Raises FileExistsError (not if `replace`), or KeyFileError."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.{os.urandom(4).hex()}")
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            if replace:
                temporary.replace(path)
            else:
                # Unlike a rename, a link never takes the place of a file that somebody else has just made.
                os.link(temporary, path)
        finally:
            temporary.unlink(missing_ok=True)
    except FileExistsError:
        raise
    except OSError as error:
        raise KeyFileError(f"{path} cannot be written: {error.strerror}") from error


def _parse_private(data: bytes, path: "Path") -> SigningKey:
    seed = _pem_block(data, _PRIVATE, path)
    return SigningKey(seed, _created(data, path), _explanation(data, "Key"))


def _read(path: "Path", *, private: bool) -> bytes:
    try:
        # Not blocking, or opening a fifo would wait for its writer.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY)
        try:
            status = os.fstat(descriptor)
            if not stat.S_ISREG(status.st_mode):
                raise KeyFileError(f"{path} is not a regular file: name a key file")
            if private and status.st_uid != os.geteuid():
                raise KeyFileError(f"{path} belongs to another user: name a key of your own")
            if private and status.st_mode & 0o077:
                raise KeyFileError(f"{path} can be read by others, so it proves nothing: create a new key, mode 0600")
            return os.read(descriptor, _MAX_FILE)
        finally:
            os.close(descriptor)
    except FileNotFoundError as error:
        raise KeyFileError(f"no key at {path}: `sessrec key create` makes one") from error
    except OSError as error:
        raise KeyFileError(f"{path} cannot be read: {error.strerror}") from error


def _pem_block(data: bytes, kind: tuple[str, bytes], path: "Path") -> bytes:
    """The 32 bytes of the key in the PEM block, which must be the only one."""
    name, prefix = kind[0].encode(), kind[1]
    _, begin, rest = data.partition(b"-----BEGIN %b KEY-----" % name)
    body, end, after = rest.partition(b"-----END %b KEY-----" % name)
    try:
        der = a2b_base64(b"".join(body.split()), strict_mode=True)
    except ValueError:
        der = b""
    if not begin or not end or b"-----BEGIN" in after or len(der) != len(prefix) + 32 or der[:-32] != prefix:
        raise KeyFileError(f"{path} holds no {kind[0].lower()} Ed25519 key in PEM: name another file")
    return der[-32:]


def _created(data: bytes, path: "Path") -> float:
    value = (_explanation(data, "Created") or "").partition(" ")[0]
    if not value.replace(".", "", 1).isdecimal() or not value.isascii() or len(value) > 20:
        raise KeyFileError(
            f"{path} does not say when its key was created: put `Created: SECONDS_SINCE_1970` before it"
        )
    return float(value)


def _host(data: bytes, path: "Path") -> str:
    value = _explanation(data, "Host")
    name = "" if value is None else host_name(value)
    if name is None:
        raise KeyFileError(f"{path} is of a host that is none: put `Host: NAME` before the key, or no such line")
    return name


def _explanation(data: bytes, name: str) -> str | None:
    """The value of a line `NAME: VALUE` before the PEM block."""
    for line in data.partition(b"-----BEGIN")[0].splitlines():
        key, colon, value = line.decode("utf-8", "replace").partition(":")
        if colon and key.strip() == name:
            return value.strip()
    return None


def _file_text(kind: tuple[str, bytes], key_id: str, created: float, raw: bytes, host: str = "") -> bytes:
    name, prefix = kind
    date = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(created))
    block = b2a_base64(prefix + raw).decode()
    lines = f"Key: {key_id}\nCreated: {created:.3f} ({date})\n" + (f"Host: {host}\n" if host else "")
    return f"{lines}-----BEGIN {name} KEY-----\n{block}-----END {name} KEY-----\n".encode()


def _raw_public(private: "Ed25519PrivateKey") -> bytes:
    public = private.public_key()
    if hasattr(public, "public_bytes_raw"):
        return public.public_bytes_raw()
    # cryptography before version 40.
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    return public.public_bytes(Encoding.Raw, PublicFormat.Raw)
