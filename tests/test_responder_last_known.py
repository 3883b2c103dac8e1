"""What is on disk for a host that boots without its directory, and what is on disk and must not be believed."""

import json
import time
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sssd_responder.decisions.identity import User
from sssd_responder.decisions.snapshot import Snapshot
from sssd_responder.freeipa import last_known
from sssd_responder.freeipa.last_known import LastKnown, LastKnownError

ALICE = User("alice", 70001, frozenset({"staff"}), "/bin/zsh", "/home/alice")
SNAPSHOT = Snapshot(
    "h.lab.test",
    "ldap://ipa",
    1.8e9,
    frozenset({"web"}),
    ({"cn": [b"p"], "ipaRecordingNotice": ["Größe".encode(), b"\xff\x00"]},),
    {"ipaRecordingAudit": [b"exec"]},
)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "last-known.json"


def at(path, host="h.lab.test"):
    return LastKnown(str(path), host)


def written(path):
    known = at(path)
    known.keep(SNAPSHOT)
    known.learn(ALICE)
    known.close()
    return known


def test_what_was_known_is_known_after_a_restart(path):
    assert at(path).load() is None
    written(path)
    again = at(path)
    assert again.load() == SNAPSHOT
    assert again.user(70001) == again.user_named("alice") == ALICE
    assert again.user(70002) is None


def test_the_file_is_roots_alone(path):
    written(path)
    assert path.stat().st_mode & 0o777 == 0o600
    path.chmod(0o666)
    known = at(path)
    with pytest.raises(LastKnownError, match="others than root may write it"):
        known.load()
    assert known.status()["error"]


def test_what_another_host_has_read_is_not_used(path):
    written(path)
    known = at(path, "copy.lab.test")
    assert known.load() is None
    assert "is about h.lab.test" in known.status()["error"]
    assert known.user(70001) == ALICE


@pytest.mark.parametrize(
    "damage",
    [
        lambda text: "",
        lambda text: text[: len(text) // 2],
        lambda text: "[]",
        lambda text: text.replace('"version": 1', '"version": 2'),
        lambda text: text.replace("70001", '"70001"'),
        lambda text: text.replace('"groups": ["staff"]', '"groups": [["staff"]]'),
        lambda text: text.replace("1800000000.0", "NaN"),
        lambda text: text.replace('{"cn": ["p"]', '{"cn": [1]'),
        lambda text: "[" * 100000,
    ],
)
def test_a_damaged_file_is_refused_and_written_anew(path, damage):
    written(path)
    path.write_text(damage(path.read_text()))
    known = at(path)
    with pytest.raises(LastKnownError, match="is damaged, or of another version"):
        known.load()
    assert known.user(70001) is None
    written(path)
    assert at(path).load() == SNAPSHOT


@given(
    st.recursive(
        st.none() | st.booleans() | st.floats() | st.text(),
        lambda c: (
            st.lists(c)
            | st.dictionaries(
                st.sampled_from(
                    ["version", "directory", "users", "host", "name", "uid", "groups", "policies", "config", "read"]
                ),
                c,
            )
        ),
    )
)
def test_prop_no_file_ends_the_responder(tmp_path_factory, document):
    path = tmp_path_factory.getbasetemp() / "any.json"
    if isinstance(document, dict):
        document["version"] = 1
    path.write_text(json.dumps(document))
    path.chmod(0o600)
    with suppress(LastKnownError):
        at(path).load()


def test_a_killed_responder_leaves_the_old_file_or_the_new_one(path, monkeypatch):
    monkeypatch.setattr(last_known, "GATHER", 0.0)
    known = written(path)
    known.start()
    deadline = time.monotonic() + 1
    number = 0
    while time.monotonic() < deadline:
        number += 1
        known.learn(User("alice", 70001, frozenset({str(number)}), "/bin/sh", "/"))
        assert at(path).load() == SNAPSHOT


def test_an_unchanged_directory_is_not_written_again_and_again(path):
    known = written(path)
    path.unlink()
    known.keep(SNAPSHOT)
    known.close()
    assert not path.exists()


def test_a_full_disk_is_reported_and_the_old_file_stays(path, tmp_path, monkeypatch):
    known = written(path)

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(last_known.os, "fsync", full)
    known.learn(User("bob", 70002, frozenset(), "/bin/sh", "/"))
    known.close()
    assert known.status()["error"] == f"{path}: cannot be written: No space left on device"
    assert at(path).load() == SNAPSHOT


def test_users_who_were_not_seen_for_longest_are_forgotten(path, monkeypatch):
    monkeypatch.setattr(last_known, "MAX_USERS", 2)
    known = written(path)
    for uid in (1, 70001, 2):
        known.learn(User(str(uid), uid, frozenset(), "/bin/sh", "/") if uid < 9 else ALICE)
    assert [known.user(uid) is not None for uid in (1, 70001, 2)] == [False, True, True]
