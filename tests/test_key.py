"""Keys and their files: who may read them, what they name, and that others' programs read them too."""

import os
import subprocess
import sys
import threading
import time

import pytest
from cryptography.hazmat.primitives.serialization import load_pem_private_key, load_pem_public_key
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from recorder.keys import signing_key
from recorder.keys.signing_key import KeyFileError, PublicKey, SigningKey
from recorder.keys.trusted_keys import directory, trust, trust_latest, trusted_keys
from tests.golden import KEY
from tests.peers import needs
from tests.sealing import key_of


def test_a_key_that_was_created_is_the_key_that_is_loaded(tmp_path):
    path = tmp_path / "new" / "key.pem"
    before = time.time()
    made = signing_key.create(path)
    loaded = signing_key.load(path)
    assert (loaded.key_id, loaded.created) == (made.key_id, made.created)
    assert before - 1 < loaded.created < time.time() + 1
    assert loaded.public.raw == made.public.raw
    signature = loaded.sign(b"text")
    assert made.public.verify(signature, b"text")
    assert not made.public.verify(signature, b"texts")
    assert not made.public.verify(signature[:-1], b"text")
    assert not key_of().public.verify(signature, b"text")


def test_nobody_else_can_read_a_key_that_was_created(tmp_path):
    path = tmp_path / "deep" / "new" / "key.pem"
    os.umask(old := os.umask(0))
    os.umask(0)
    try:
        signing_key.create(path)
    finally:
        os.umask(old)
    assert path.stat().st_mode & 0o7777 == 0o600
    assert path.parent.stat().st_mode & 0o7777 == 0o700
    assert [each.name for each in path.parent.iterdir()] == ["key.pem"]


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o601])
def test_a_key_that_others_can_read_is_refused(tmp_path, mode):
    path = tmp_path / "key.pem"
    signing_key.create(path)
    path.chmod(mode)
    for read in (signing_key.load, signing_key.load_or_create):
        with pytest.raises(KeyFileError, match="can be read by others"):
            read(path)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
def test_a_key_of_another_user_is_refused(tmp_path):
    path = tmp_path / "key.pem"
    signing_key.create(path)
    os.chown(path, 12345, 12345)
    with pytest.raises(KeyFileError, match="belongs to another user"):
        signing_key.load(path)


def test_of_many_that_create_a_key_at_once_all_get_the_same(tmp_path):
    path = tmp_path / "key.pem"
    found = []
    ready = threading.Barrier(8)

    def work():
        ready.wait()
        found.append(signing_key.load_or_create(path).key_id)

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 8
    assert set(found) == {signing_key.load(path).public.key_id}


def test_a_key_is_never_overwritten_unless_asked_for(tmp_path):
    path = tmp_path / "key.pem"
    made = signing_key.create(path)
    with pytest.raises(FileExistsError):
        signing_key.create(path)
    assert signing_key.load(path).key_id == made.key_id
    assert signing_key.create(path, replace=True).key_id == signing_key.load(path).key_id != made.key_id


def test_a_full_disk_leaves_no_half_key(tmp_path):
    code = (
        "import resource, signal, sys, pathlib; from recorder.keys import signing_key\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN); resource.setrlimit(resource.RLIMIT_FSIZE, (50, 50))\n"
        "try: signing_key.create(pathlib.Path(sys.argv[1]))\n"
        "except signing_key.KeyFileError as error: print(error)"
    )
    path = tmp_path / "key.pem"
    done = subprocess.run([sys.executable, "-c", code, path], capture_output=True, text=True, check=True)
    assert "cannot be written: File too large" in done.stdout
    assert list(tmp_path.iterdir()) == []


def test_a_key_file_that_names_another_key_signs_nothing(tmp_path):
    path = tmp_path / "key.pem"
    made = signing_key.create(path)
    path.write_bytes(made.file_text().replace(made.key_id.encode(), b"0" * 16))
    with pytest.raises(KeyFileError, match="names key 0000000000000000, but holds"):
        signing_key.load(path).sign(b"text")
    path.write_bytes(made.public.file_text().replace(made.key_id.encode(), b"0" * 16))
    with pytest.raises(KeyFileError, match="names another key"):
        signing_key.load_public(path)


def test_a_key_file_that_names_no_key_is_read(tmp_path):
    path = tmp_path / "key.pem"
    made = signing_key.create(path)
    path.write_bytes(made.file_text().partition(b"\n")[2])
    assert signing_key.load(path).key_id == made.key_id


def test_a_key_of_unknown_age_is_refused(tmp_path):
    made = key_of()
    path = tmp_path / "key.pem"
    path.touch(0o600)
    for text, read in ((made.file_text(), signing_key.load), (made.public.file_text(), signing_key.load_public)):
        for wrong in (
            b"",
            b"Created: \n",
            b"Created: yesterday\n",
            b"Created: -5\n",
            b"Created: 1e400\n",
            b"Created: .\n",
        ):
            start = text.index(b"Created")
            path.write_bytes(text[:start] + wrong + text[text.index(b"\n", start) + 1 :])
            with pytest.raises(KeyFileError, match="does not say when"):
                read(path)


@pytest.mark.parametrize("read", [signing_key.load, signing_key.load_public])
def test_what_is_no_key_file_is_refused(tmp_path, read):
    with pytest.raises(KeyFileError, match="no key at"):
        read(tmp_path / "missing")
    with pytest.raises(KeyFileError, match="not a regular file"):
        read(tmp_path)
    os.mkfifo(tmp_path / "fifo", 0o600)
    with pytest.raises(KeyFileError, match="not a regular file"):
        read(tmp_path / "fifo")


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=50), st.integers(0, 182), st.integers(0, 182))
def test_prop_a_damaged_key_file_is_refused_or_the_same_key(tmp_path, patch, start, end):
    path = tmp_path / "key.pub"
    text = KEY.read_bytes()
    path.write_bytes(text[:start] + patch + text[end:])
    try:
        key = signing_key.load_public(path)
    except KeyFileError:
        return
    # Damage can hit what surrounds the key; another key would have another id than the file names.
    assert key.key_id == signing_key.load_public(KEY).key_id or b"Key:" not in path.read_bytes()


@needs("openssl")
def test_openssl_reads_keys_and_verifies_signatures(tmp_path):
    key = signing_key.create(tmp_path / "key.pem")
    (tmp_path / "key.pub").write_bytes(key.public.file_text())
    (tmp_path / "text").write_bytes(b"text")
    (tmp_path / "sig").write_bytes(key.sign(b"text"))
    shown = subprocess.run(
        ["openssl", "pkey", "-in", "key.pem", "-pubout"], cwd=tmp_path, capture_output=True, check=True
    ).stdout
    assert shown in key.public.file_text()
    verify = [
        "openssl",
        "pkeyutl",
        "-verify",
        "-pubin",
        "-inkey",
        "key.pub",
        "-rawin",
        "-in",
        "text",
        "-sigfile",
        "sig",
    ]
    subprocess.run(verify, cwd=tmp_path, check=True, capture_output=True)


def test_cryptography_reads_the_files(tmp_path):
    key = signing_key.create(tmp_path / "key.pem")
    private = load_pem_private_key((tmp_path / "key.pem").read_bytes(), None)
    public = load_pem_public_key(key.public.file_text())
    public.verify(private.sign(b"text"), b"text")
    public.verify(key.sign(b"text"), b"text")


def test_loading_a_key_does_not_wait_for_cryptography(tmp_path):
    signing_key.create(tmp_path / "key.pem")
    code = (
        "import sys; from pathlib import Path; from recorder.keys import signing_key\n"
        "print(signing_key.load(Path(sys.argv[1])).key_id); assert 'cryptography' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code, tmp_path / "key.pem"], check=True, capture_output=True)


def test_own_and_trusted_keys_are_believed(tmp_path):
    own = tmp_path / "key.pem"
    assert trusted_keys(own) == []
    made = signing_key.create(own)
    friend, other = key_of("friend").public, key_of("other").public
    (tmp_path / "other.pub").write_bytes(other.file_text())
    assert trust(friend, own) == directory(own) / f"{friend.key_id}.pub"
    assert trust(friend, own).exists()
    found = trusted_keys(own, [tmp_path / "other.pub"])
    assert {key.key_id for key in found} == {made.key_id, friend.key_id, other.key_id}
    assert {key.created for key in found} == {made.created, friend.created, other.created}


def test_a_trusted_key_does_not_change_its_age(tmp_path):
    key = key_of().public
    trust(key, tmp_path / "key.pem")
    with pytest.raises(KeyFileError, match="another time of creation"):
        trust(PublicKey(key.raw, key.created - 5), tmp_path / "key.pem")


def of_host(name="host", host="web1.example.test", created=1000.0):
    return PublicKey(key_of(name).public.raw, created, host)


def test_a_key_that_is_bound_to_a_host_stays_so(tmp_path):
    path = trust(of_host(), tmp_path / "key.pem")
    assert path == directory(tmp_path / "key.pem") / "web1.example.test" / f"{of_host().key_id}.pub"
    [found] = trusted_keys(tmp_path / "key.pem")
    assert (found.raw, found.created, found.host) == (of_host().raw, 1000.0, "web1.example.test")


def test_one_key_can_be_that_of_several_hosts_since_different_times(tmp_path):
    for host, created in (("web1.example.test", 1000.0), ("web2.example.test", 2000.0), ("", 3000.0)):
        trust(of_host(host=host, created=created), tmp_path / "key.pem")
    found = trusted_keys(tmp_path / "key.pem")
    assert {(key.host, key.created) for key in found} == {
        ("web1.example.test", 1000.0),
        ("web2.example.test", 2000.0),
        ("", 3000.0),
    }


def test_of_two_fetched_creations_the_later_one_stays(tmp_path):
    own = tmp_path / "key.pem"
    assert trust_latest(of_host(), own) is None
    for created, kept in ((1000.0, 1000.0), (3000.0, 3000.0), (2000.0, 3000.0)):
        assert trust_latest(of_host(created=created), own) is not None
        assert [key.created for key in trusted_keys(own)] == [kept]


@pytest.mark.parametrize("host", ["", "..", "../evil", ".hidden", "-x", "a/b", "web1\x1b[2J", "wéb1", "x" * 254])
def test_what_is_no_name_of_a_host_makes_no_file(tmp_path, host):
    assert signing_key.host_name(host) is None
    path = tmp_path / "key.pub"
    path.write_bytes(of_host().file_text().replace(b"web1.example.test", host.encode()))
    with pytest.raises(KeyFileError, match="of a host that is none"):
        signing_key.load_public(path)


def test_names_of_hosts_are_compared_without_case_and_the_dot_at_the_end():
    assert signing_key.host_name("Web1.Example.TEST.") == "web1.example.test"


def test_a_key_is_read_as_freeipa_has_it():
    key = key_of().public
    assert signing_key.raw_from_spki(key.spki()) == key.raw
    assert key.spki().encode() in key.file_text()
    other = key.spki()[:-2] + chr(ord(key.spki()[-2]) + 1) + "="
    for text in ("", "x", key.spki() + "\n", key.spki()[:-4], other, key.file_text().decode()):
        assert signing_key.raw_from_spki(text) is None


def test_a_broken_file_among_the_trusted_keys_is_told(tmp_path):
    trust(key_of().public, tmp_path / "key.pem")
    (directory(tmp_path / "key.pem") / "broken.pub").write_bytes(b"x")
    with pytest.raises(KeyFileError, match=r"broken\.pub holds no public"):
        trusted_keys(tmp_path / "key.pem")


def test_the_key_id_is_of_the_public_key():
    # RFC 8032, 7.1, test 1.
    key = SigningKey(bytes.fromhex("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60"), 5.0)
    assert key.public.raw.hex() == "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a"
    assert key.key_id == "21fe31dfa154a261"
    assert key.sign(b"").hex().startswith("e5564300c360ac729086e2cc806e828a")
