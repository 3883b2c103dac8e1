"""Tickets: what is none is refused in one line, and what sign-in lacks is told at the start. With GSSAPI itself, in
the system's interpreter, whose package it is; with a KDC in the lab (integration/test_auditor_page.py)."""

import json
import os
import struct
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.x509.oid import NameOID

from auditor.web.access.channel import CertificateError, certificate_hash
from tests.peers import unavailable

ROOT = Path(__file__).parent.parent.parent


def system_python():
    for python in (sys.executable, "/usr/bin/python3"):
        if not subprocess.run([python, "-c", "import gssapi"], capture_output=True, check=False).returncode:
            return python
    return unavailable("python3-gssapi is not installed: apt-get install it (make test does so as root)")


def keytab(path, principal="HTTP/web.example.test", realm="EXAMPLE.TEST"):
    """A keytab in MIT's format 0x0502 with one key of AES-256 (keytab_file_format in MIT's documentation)."""

    def text(value):
        return struct.pack(">H", len(value)) + value.encode()

    parts = principal.split("/")
    entry = struct.pack(">H", len(parts)) + text(realm) + b"".join(map(text, parts))
    entry += struct.pack(">IIBH", 1, 0, 1, 18) + struct.pack(">H", 32) + bytes(range(32)) + struct.pack(">I", 1)
    path.write_bytes(b"\x05\x02" + struct.pack(">i", len(entry)) + entry)
    return path


def ask(python, source, *arguments):
    done = subprocess.run(
        [python, "-c", source, *map(str, arguments)],
        env={**os.environ, "PYTHONPATH": str(ROOT), "KRB5_CONFIG": "/dev/null"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


REFUSALS = """
import json, random, sys
from pathlib import Path
from auditor.web.access.kerberos import Service, TicketError, Unfinished
service = Service(Path(sys.argv[1]))
chance = random.Random(7)
begin = bytes.fromhex("6082020106062b0601050502a08201f5308201f1a00d300b06092a864886f712010202")
tokens = [b"", b"x", b"NTLMSSP\\0" + bytes(32), begin, begin + bytes(500), b"\\x60\\x84\\xff\\xff\\xff\\xff"]
tokens += [chance.randbytes(chance.randrange(200)) for _ in range(300)]
tokens += [begin + chance.randbytes(chance.randrange(2000)) for _ in range(300)]
said = set()
for token in tokens:
    try:
        outcome = service.accept(token)
        assert isinstance(outcome, Unfinished), token
    except TicketError as error:
        said.add(str(error))
print(json.dumps(sorted(said)))
"""

START = """
import json, sys
from pathlib import Path
from auditor.web.access.kerberos import KerberosError, Service
try:
    Service(Path(sys.argv[1]))
    print(json.dumps(""))
except KerberosError as error:
    print(json.dumps(str(error)))
"""


def test_whatever_is_no_ticket_is_refused_in_one_line(tmp_path):
    said = ask(system_python(), REFUSALS, keytab(tmp_path / "web.keytab"))
    assert said
    assert all(line and "\n" not in line for line in said)


def test_a_keytab_that_is_missing_or_none_is_told_at_the_start(tmp_path):
    python = system_python()
    assert ask(python, START, keytab(tmp_path / "good")) == ""
    missing = ask(python, START, tmp_path / "missing")
    assert "ipa-getkeytab -p HTTP/" in missing
    for content in (b"", b"\x05\x02", b"no keytab at all"):
        (tmp_path / "bad").write_bytes(content)
        told = ask(python, START, tmp_path / "bad")
        assert "it has to be the keytab of HTTP/HOST" in told
        assert "\n" not in told


def test_a_missing_library_is_told_at_the_start(tmp_path):
    source = f"import sys; sys.modules['gssapi'] = None\n{START}"
    assert "install the package python3-gssapi" in ask(sys.executable, source, keytab(tmp_path / "good"))


def certificate(path, key, algorithm):
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "web.example.test")])
    now = datetime.now(UTC)
    made = x509.CertificateBuilder(name, name, key.public_key(), 1, now, now + timedelta(1)).sign(key, algorithm)
    path.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    return made


def test_a_ticket_is_bound_to_the_certificate_by_the_hash_of_its_signature(tmp_path):
    path = tmp_path / "server.crt"
    made = certificate(path, ec.generate_private_key(ec.SECP384R1()), hashes.SHA384())
    assert certificate_hash(path) == made.fingerprint(hashes.SHA384())
    made = certificate(path, ed25519.Ed25519PrivateKey.generate(), None)
    assert certificate_hash(path) == made.fingerprint(hashes.SHA256())
    path.write_text("none")
    with pytest.raises(CertificateError, match="no certificate in PEM"):
        certificate_hash(path)
