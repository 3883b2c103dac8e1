"""`sessrec audit-trail` and `sessrec hold`, and what the other verbs write into the trail."""

import json
import os
import pwd
import sqlite3

import pytest

from auditor.ledger.ledger import Ledger
from auditor.ledger.of_store import ledger_file, note
from auditor.recordings.store_name import store_name
from tests.recordings import BEGAN, objects, recordings_of, write_recording
from tests.sealing import sealed_recording

ME = pwd.getpwuid(os.getuid()).pw_name


@pytest.fixture
def home(tmp_path):
    """A person with two recordings."""
    for number, user in enumerate(["alice", "bob"]):
        path = recordings_of(tmp_path) / f"rec{number}.jsonl"
        write_recording(path, ["needle\r\n"], rec=f"rec{number}", user=user, began=BEGAN + number)
    return tmp_path


@pytest.fixture
def shared(sessrec, tmp_path):
    """A store that others share: a ledger lies beside it."""
    path = tmp_path / "shared" / "store.sqlite"
    write_recording(tmp_path / "r.jsonl", ["needle\r\n"], rec="theirs", user="carol", host="web1")
    assert sessrec(tmp_path, "ingest", "--store", path, tmp_path / "r.jsonl").returncode == 0
    Ledger(path.parent / "ledger.db", "").close()
    return path


@pytest.fixture
def trail(sessrec):
    return lambda home, *argv: objects(sessrec(home, "audit-trail", "--json", *argv))


def actions(entries):
    return [(entry["event"]["action"], entry.get("sessrec", {}).get("rec", "")) for entry in entries]


def test_reading_a_shared_store_is_recorded(sessrec, trail, tmp_path, shared):
    for argv in (
        ["list"],
        ["show", "theirs"],
        ["search", "needle", "user:carol"],
        ["play", "theirs", "-g", "end"],
        ["export", "theirs", "--as", "text"],
    ):
        assert sessrec(tmp_path, *argv, "--store", shared).returncode == 0, argv
    assert sessrec(tmp_path, "verify", "theirs", "--store", shared).returncode == 5
    entries = trail(tmp_path, "--store", shared)
    assert actions(entries) == [
        ("list", ""),
        ("watch", "theirs"),
        ("search", ""),
        ("watch", "theirs"),
        ("export", "theirs"),
        ("verify", "theirs"),
    ]
    assert entries[2]["sessrec"]["query"] == "needle user:carol"
    assert entries[4]["sessrec"]["detail"] == {"by": "terminal", "format": "text", "input": False}
    assert {entry["user"]["name"] for entry in entries} == {ME}
    assert entries[1]["sessrec"]["user"] == "carol"


def test_what_cannot_be_recorded_of_a_shared_store_is_not_shown(sessrec, tmp_path, shared):
    (shared.parent / "ledger.db").write_bytes(b"not a ledger at all" * 100)
    for argv in (["list"], ["show", "theirs"], ["search", "needle"], ["play", "theirs", "-g", "end"]):
        done = sessrec(tmp_path, *argv, "--store", shared)
        assert (done.returncode, done.stdout) == (1, "")
        assert "ledger" in done.stderr
        assert done.stderr.count("\n") == 1


def test_looking_at_ones_own_recordings_is_nobodys_business(sessrec, trail, home):
    Ledger(ledger_file(None, home / "session-recording" / "ledger.db"), "").close()
    for argv in (["list"], ["show", "rec0"], ["search", "needle"], ["play", "rec0", "-g", "end"]):
        assert sessrec(home, *argv).returncode == 0
    assert trail(home) == []


def test_a_store_without_a_ledger_gets_none_by_being_read(sessrec, tmp_path, shared):
    (shared.parent / "ledger.db").unlink()
    assert sessrec(tmp_path, "list", "--store", shared).returncode == 0
    assert not (shared.parent / "ledger.db").exists()


def test_a_deletion_stays_in_the_trail_with_what_was_deleted_and_why(sessrec, trail, home):
    done = sessrec(home, "delete", "rec1", "--yes", "--reason", "recorded by mistake")
    assert (done.returncode, done.stdout) == (0, "deleted rec1\n")
    (entry,) = trail(home, "--action", "delete")
    assert entry["event"] == {"action": "delete", "outcome": "success", "reason": "recorded by mistake"}
    assert entry["sessrec"]["user"] == "bob"
    assert entry["sessrec"]["detail"]["length_ms"] == 1000
    shown = sessrec(home, "audit-trail").stdout.splitlines()
    assert shown[0].split() == ["N", "WHEN", "WHO", "FROM", "WHAT", "RECORDING", "ABOUT"]
    assert "recorded by mistake" in shown[1]


def test_the_trail_is_filtered_as_other_listings_are(sessrec, trail, tmp_path):
    path = tmp_path / "ledger.db"
    with Ledger(path, "") as ledger:
        ledger.record("otto", "watch", rec="r1", user="alice", host="web1")
        ledger.record("rita", "search", query="\x1b]0;evil\x07")
        ledger.record("otto", "export", rec="r2", user="bob", host="db1")

    def numbers(*argv):
        return [entry["id"] for entry in trail(tmp_path, "--ledger", path, *argv)]

    assert numbers("--viewer", "ot*") == [1, 3]
    assert numbers("--viewer", "rita", "--viewer", "otto", "--limit", "2") == [2, 3]
    assert numbers("--action", "watch", "--action", "search") == [1, 2]
    assert numbers("--rec", "r2") == [3]
    assert numbers("--user", "ali*", "--host", "web?") == [1]
    assert numbers("--since", "1 hour ago", "--until", "now") == [1, 2, 3]
    assert numbers("--until", "yesterday") == []
    shown = sessrec(tmp_path, "audit-trail", "--ledger", path).stdout
    assert "\\x1b]0;evil\\x07" in shown
    assert "\x1b" not in shown
    assert sessrec(tmp_path, "audit-trail", "--since", "whenever").returncode == 2
    assert sessrec(tmp_path, "audit-trail", "--action", "dance").returncode == 2
    assert sessrec(tmp_path, "audit-trail").stdout == "nothing is recorded\n"


def test_verify_says_whether_the_trail_is_whole_and_where_it_is_not(sessrec, tmp_path):
    path = tmp_path / "ledger.db"
    with Ledger(path, "") as ledger:
        for number in range(5):
            ledger.record("otto", "watch", rec=f"r{number}")
        head = str(ledger.head())

    def verify(*argv):
        done = sessrec(tmp_path, "audit-trail", "--ledger", path, "--verify", *argv)
        return done.returncode, done.stdout, done.stderr

    status, shown, _ = verify()
    assert (status, shown.splitlines()[0]) == (0, "complete")
    assert shown.splitlines()[1].endswith(f"head {head}")
    assert verify("--head", head)[0] == 0
    status, shown, said = verify("--head", "3:" + "0" * 64)
    assert (status, shown) == (4, "tampered at 3\n")
    assert said == "sessrec: entry 3 is another one than was noted elsewhere\n"
    with sqlite3.connect(path) as connection:
        connection.execute("DROP TRIGGER entries_stay")
        connection.execute("DELETE FROM entries WHERE number = 2")
    assert verify() == (4, "tampered at 2\n", "sessrec: entry 2 is missing\n")
    status, shown, _ = verify("--json")
    answer = json.loads(shown)
    assert (status, answer["verdict"], answer["at"], answer["proven"]) == (4, "tampered", 2, 1)
    for argv in (["--verify", "--head", "x"], ["--head", head], ["--verify", "--ledger", "/nix"]):
        done = sessrec(tmp_path, "audit-trail", "--ledger", path, *argv)
        assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)


def test_a_hold_keeps_a_recording_until_the_last_one_is_released(sessrec, home):
    assert sessrec(home, "hold", "rec0", "--reason", "case 1").stdout == "on hold: rec0 (hold 1)\n"
    assert sessrec(home, "hold", "rec0", "--reason", "case 2").stdout == "on hold: rec0 (hold 2)\n"
    done = sessrec(home, "delete", "--yes", "rec1", "rec0")
    assert (done.returncode, done.stdout) == (1, "")
    assert "rec0 is on hold since" in done.stderr
    assert "case 1" in done.stderr
    assert [each["rec"] for each in objects(sessrec(home, "list", "--json"))] == ["rec0", "rec1"]
    assert (recordings_of(home) / "rec1.jsonl").exists()
    done = sessrec(home, "hold", "--release", "rec0", "--reason", "closed")
    assert done.returncode == 1
    assert "say which of 1, 2 with --number" in done.stderr
    done = sessrec(home, "hold", "--release", "rec0", "--reason", "closed", "--number", "1")
    assert done.stdout == "released: rec0 (1 more on it)\n"
    assert [(each["number"], each["reason"]) for each in objects(sessrec(home, "hold", "--json"))] == [(2, "case 2")]
    assert sessrec(home, "delete", "--yes", "rec0").returncode == 1
    assert sessrec(home, "hold", "--release", "rec", "--reason", "closed").returncode == 0
    assert sessrec(home, "hold").stdout == "nothing is on hold\n"
    assert sessrec(home, "delete", "--yes", "rec0").returncode == 0
    assert sessrec(home, "audit-trail", "--verify").returncode == 0


def test_a_hold_has_a_reason_and_a_recording(sessrec, home):
    for argv, status, said in (
        (["rec0"], 2, "say why, with --reason"),
        (["rec0", "--reason", "  "], 2, "say why, with --reason"),
        (["--release"], 2, "say which recordings"),
        (["nix", "--reason", "x"], 1, "no recording 'nix'"),
        (["--release", "rec0", "--reason", "x"], 1, "rec0 is not on hold"),
    ):
        done = sessrec(home, "hold", *argv)
        assert (done.returncode, done.stdout) == (status, "")
        assert said in done.stderr
        assert done.stderr.count("\n") == 1


def test_a_store_in_elasticsearch_has_the_ledger_that_the_configuration_names(tmp_path, monkeypatch):
    config = tmp_path / "sessrec.toml"
    config.write_text(f'[store]\nledger = "{tmp_path}/ledger.db"\n')
    monkeypatch.setattr("recorder.configuration.settings.CONFIG_FILE", str(config))
    address = store_name("https://search.example.test:9200/sessrec")
    assert ledger_file(address) == tmp_path / "ledger.db"
    note(address, "list")  # there is none yet: nothing to write into
    assert not (tmp_path / "ledger.db").exists()
    with Ledger(tmp_path / "ledger.db", "") as ledger:
        note(address, "list")
        assert [entry.action for entry in ledger.entries()] == ["list"]


def test_a_tombstone_says_what_verifying_had_found(sessrec, trail, tmp_path):
    """By `sessrec retention run`; that of `delete` has no verdict, unless the page had looked."""
    path = recordings_of(tmp_path) / "old.jsonl"
    path.parent.mkdir(parents=True)
    path.write_bytes(b"".join(sealed_recording(["x\r\n"], rec="old", began=1_600_000_000.0)))
    (tmp_path / "retention.toml").write_text('[[policy]]\nname = "all"\nkeep = "1y"\n')
    done = sessrec(tmp_path, "retention", "run", "--policies", tmp_path / "retention.toml")
    assert (done.returncode, done.stdout) == (0, "deleted old, by policy all\n")
    (entry,) = trail(tmp_path)
    assert entry["event"]["action"] == "retention"
    assert entry["sessrec"]["detail"]["verdict"] == "unsigned"
    assert entry["sessrec"]["detail"]["policy"] == "all"
    assert not path.exists()
