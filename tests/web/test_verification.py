"""The verdict on a recording on its page: what is proved and what is not, once looked up and then known."""

import time

import pytest

from auditor.ledger.ledger import Ledger
from auditor.ledger.proof import proof
from auditor.ledger.verdicts import Verdicts
from auditor.ledger.verifier import Verifier
from auditor.recordings.store import Facts
from auditor.verify import Verdict
from auditor.web.access.scope import Scope
from auditor.web.access.viewer import Right, Viewer
from recorder.formats.message import Output
from recorder.keys.signing_key import KeyFileError, PublicKey
from tests.recordings import ingested, name_of, new_store, write_objects
from tests.sealing import BEGAN, key_of, messages, sealed_recording
from tests.web.sites import client_of, site_of

KEY = key_of("host")
CONTENT = ["one\r\n", "two\r\n", "three\r\n", "four\r\n"]


def trusted():
    return [PublicKey(KEY.public.raw, KEY.created, "web1.example.test")]


def changed(lines):
    """Message 5 says something else."""
    return [line.replace(b"four", b"five") for line in lines]


RECORDINGS = {
    "whole": sealed_recording(CONTENT, KEY, rec="whole"),
    "cut": sealed_recording(CONTENT, KEY, rec="cut")[:5],
    "changed": changed(sealed_recording(CONTENT, KEY, rec="changed")),
    "bare": sealed_recording(CONTENT, key_of("stranger"), rec="bare"),
}


def site_with(tmp_path, recordings, keys=trusted):
    store = new_store(tmp_path)
    for rec, lines in recordings.items():
        write_objects(tmp_path / f"{rec}.jsonl", lines)
        ingested(store, tmp_path / f"{rec}.jsonl")
    store.close()
    ledger = Ledger(tmp_path / "ledger.db", "")
    site = site_of(name_of(store), ledger=ledger, verdicts=Verdicts(ledger, keys))
    site.verifier = Verifier(site.verdicts, site.stores.borrow)
    site.verifier.start()
    return site


@pytest.fixture
def site(tmp_path):
    site = site_with(tmp_path, RECORDINGS)
    yield site
    site.close()


def asked(client, rec):
    end = time.monotonic() + 20
    while time.monotonic() < end:
        answer = client.get(f"/api/recordings/{rec}/verify").json()
        if answer.get("state") != "checking":
            return answer
    raise AssertionError("there is no verdict")


def test_a_whole_recording_says_what_is_proved_by_whose_key_and_what_is_not(site):
    answer = asked(client_of(site), "whole")
    assert (answer["verdict"], answer["proven"], answer["messages"]) == ("complete", 6, 6)
    assert answer["key"]["id"] == KEY.key_id
    assert answer["key"]["host"] == "web1.example.test"
    assert (answer["signatures"], answer["first_signed"][:4]) == (3, "2026")
    assert answer["proved"][0].startswith(
        "All 6 messages, from the first to the end of the session, are as they were"
    )
    assert "The key of web1.example.test has signed them" in answer["proved"][1]
    assert any("whoever holds the key was honest" in said for said in answer["not_proved"])


def test_a_cut_a_changed_and_an_unsigned_recording_claim_no_more_than_is_so(site):
    client = client_of(site)
    cut = asked(client, "cut")
    assert (cut["text"], cut["proved"][0].split(" are ")[0]) == ("truncated at 4", "Messages 1 to 4")
    assert any("cut the recording" in said for said in cut["not_proved"])
    tampered = asked(client, "changed")
    assert (tampered["text"], tampered["proven"]) == ("tampered at 5", 4)
    assert tampered["proved"][0].startswith("Messages 1 to 4 are as they were written")
    assert tampered["not_proved"][0] == "What stands from message 5 on: message 5 is not what was sealed."
    bare = asked(client, "bare")
    assert (bare["verdict"], bare["proved"], bare["proven"]) == ("unsigned", [], 0)
    assert "is not trusted" in bare["not_proved"][0]


def test_everything_that_has_ended_is_verified_by_itself(site):
    end = time.monotonic() + 20
    with site.recordings(Viewer("x", Scope.of(), frozenset())) as store:
        found = [store.facts(rec) for rec in RECORDINGS]
    while len(known := site.verdicts.known(found)) < 4:
        assert time.monotonic() < end
        time.sleep(0.02)
    assert {rec: str(checked) for rec, checked in known.items()} == {
        "whole": "complete",
        "cut": "truncated at 4",
        "changed": "tampered at 5",
        "bare": "unsigned",
    }


def test_outside_of_the_scope_there_is_no_verdict(site):
    client = client_of(site, Viewer("wanda", Scope.of(hosts=("db*",)), frozenset(Right)))
    assert client.get("/api/recordings/whole/verify").status_code == 404


def test_a_verdict_is_read_again_when_the_recording_grows_or_a_key_is_trusted(tmp_path):
    keys = []
    store = new_store(tmp_path)
    lines = sealed_recording(CONTENT, KEY, rec="r")
    path = tmp_path / "r.jsonl"
    write_objects(path, lines[:4])
    ingested(store, path)
    with Ledger(tmp_path / "ledger.db", "") as ledger:
        verdicts = Verdicts(ledger, lambda: list(keys))
        assert str(verdicts.of(store, store.facts("r"))) == "unsigned"
        assert verdicts.known_text(store.facts("r")) == "unsigned"
        keys += trusted()
        assert Verdicts(ledger, lambda: keys).known_text(store.facts("r")) == ""
        verdicts = Verdicts(ledger, lambda: keys)
        assert str(verdicts.of(store, store.facts("r"))) == "truncated at 4"
        write_objects(path, lines)
        ingested(store, path)
        assert verdicts.known_text(store.facts("r")) == ""
        assert str(verdicts.of(store, store.facts("r"))) == "complete"
        verdicts.forget(["r"])
        assert verdicts.known_text(store.facts("r")) == ""
    store.close()


def test_a_key_that_cannot_be_read_is_told_and_costs_the_verdicts_only(tmp_path):
    def unreadable():
        raise KeyFileError("/keys/x.pub holds no public Ed25519 key in PEM: name another file")

    site = site_with(tmp_path, RECORDINGS, unreadable)
    try:
        client = client_of(site)
        answer = client.get("/api/recordings/whole/verify")
        assert answer.status_code == 503
        assert "keys cannot be read" in answer.json()["error"]
        assert "/keys" not in answer.text
        assert client.get("/sessions").status_code == 200
    finally:
        site.close()


def test_another_recording_in_its_place_is_no_proof(tmp_path):
    with Ledger(tmp_path / "ledger.db", "") as ledger:
        verdicts = Verdicts(ledger, trusted)
        checked = verdicts.check(Facts("mine", "h", "u", "t", 1, BEGAN), RECORDINGS["whole"])
        assert (checked.verdict, checked.at) == (Verdict.TAMPERED, 1)
        assert proof(checked).proved == []


def test_what_somebody_waits_for_comes_before_what_nobody_does(tmp_path, monkeypatch):
    """While a long recording is verified in the background, with long rests, a short one is answered at once."""
    monkeypatch.setattr("auditor.ledger.verifier.IDLE_FACTOR", 1e6)
    content = [Output(number, b"x" * 1000) for number in range(1, 1000)]
    long = messages(content, rec="long", began=BEGAN + 1000)
    site = site_with(tmp_path, {"long": long, "short": RECORDINGS["whole"]})
    try:
        time.sleep(0.3)  # the long one is begun first, as the later one
        began = time.monotonic()
        assert asked(client_of(site), "whole")["verdict"] == "complete"
        assert time.monotonic() - began < 10
    finally:
        began = time.monotonic()
        site.close()
        assert time.monotonic() - began < 10
