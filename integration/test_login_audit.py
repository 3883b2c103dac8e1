"""What a user does over ssh is found as events of his session, and of no other's."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from auditor.verify import Verdict
from integration.entries import Policies
from integration.login import Logins, wait_for, wait_until_recorded
from integration.machine import Machine
from integration.recordings import Recording, Recordings
from tests.elasticsearch_node import Node, missing
from tests.peers import unavailable

STORE = "/root/audit.db"
POLICY = """
recordingpolicy_add("audited", hostcategory="all", iparecordingaudit=["exec", "network"],
                    iparecordingauditchanges=["/srv/audited"])
recordingpolicy_add_user("audited", user=["alice", "bob"])
"""
SCRIPT = """#!/bin/sh
cd /srv/audited
mkdir {who}.d
echo >{who}.d/old
mv {who}.d/old {who}.d/new
rm {who}.d/new
rmdir {who}.d
bash -c ': </dev/tcp/10.99.0.10/389'
sudo -n /bin/true by {who}
"""
SUDOERS = "alice, bob ALL=(root) NOPASSWD: /bin/true\n"


@pytest.fixture(scope="module", autouse=True)
def policy(server: Machine, client: Machine, logins: Logins) -> Iterator[None]:
    policies = Policies(server)
    policies.make(POLICY)
    client.run("install", "-d", "-m", "1777", "/srv/audited")
    client.run("sh", "-c", "umask 337; cat >/etc/sudoers.d/audited", input=SUDOERS)
    for user in ("alice", "bob"):
        client.run("sh", "-c", f"cat >/usr/local/bin/does-{user}", input=SCRIPT.format(who=user))
        client.run("chmod", "755", f"/usr/local/bin/does-{user}")
        wait_until_recorded(client, True, user)
    yield
    policies.make()
    client.run("rm", "-rf", "/srv/audited", "/etc/sudoers.d/audited", STORE)


@pytest.fixture
def recordings(client: Machine) -> Recordings:
    return Recordings(client)


@pytest.fixture(scope="module")
def elasticsearch(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The name of a store in an Elasticsearch beside the lab."""
    if problem := missing():
        unavailable(problem)
    node = Node(tmp_path_factory.mktemp("elasticsearch"))
    node.start()
    store = f"{node.url}/lab"
    sessrec("store", "setup", "--store", store, "--replicas", "0")
    yield store
    node.stop()


def sessrec(*arguments: str) -> str:
    """What the command prints where the tests run."""
    done = subprocess.run([sys.executable, "-m", "sessrec", *arguments], capture_output=True, text=True)
    assert done.returncode == 0, done
    return done.stdout


def hits(client: Machine, recording: Recording, query: str) -> int:
    """How many moments of a recording a search finds, after what the journal has by now was taken in."""
    client.run("sessrec", "ingest", "--journal", "--quiet", "--no-rules", "--store", STORE)
    done = client.run(*("sessrec", "search", "--json", "--store", STORE, f"rec:{recording.rec} {query}"), check=False)
    return len([json.loads(line) for line in done.stdout.splitlines()])


def queries(who: str, other: str) -> tuple[list[str], list[str]]:
    """What must be found in the session of one, and what must not."""
    of = [f"exec:does-{each}" for each in (who, other)]
    files = [f"file:/srv/audited/{each}.d" for each in (who, other)]
    found = [
        of[0],
        *(f"{files[0]}{name}" for name in ("", "/old", "/new")),
        "net:10.99.0.10",
        f'exec:"true by {who}"',
    ]
    return found, [of[1], files[1], f'exec:"true by {other}"']


def test_what_a_session_did_is_found_soon_and_in_no_other(
    client: Machine, logins: Logins, recordings: Recordings, elasticsearch: str, tmp_path: Path
) -> None:
    with logins.terminal("bob") as bobs:
        bobs.expect(r"\$ ")
        bobs.run("does-bob")
        wait_for(lambda: any(each.events("file-delete") for each in recordings.all()))
        assert logins.run("alice", "does-alice").returncode == 0
        bobs.log_out()
    of_bob, of_alice = recordings.wait(2)
    for recording, who, other in ((of_bob, "bob", "alice"), (of_alice, "alice", "bob")):
        assert recording.user == who
        found, not_found = queries(who, other)
        assert [query for query in found if not hits(client, recording, query)] == []
        assert [query for query in not_found if hits(client, recording, query)] == []
        (tmp_path / f"{recording.rec}.jsonl").write_bytes(b"".join(line + b"\n" for line in recording.lines))
        assert {event["file"]["path"] for event in recording.events("file-delete")} == {
            f"/srv/audited/{who}.d/new",
            f"/srv/audited/{who}.d",
        }
        [renamed] = recording.events("file-rename")
        assert renamed["sessrec"]["old_path"] == f"/srv/audited/{who}.d/old"
        assert [event["destination"]["port"] for event in recording.events("connect")].count(389) == 1
        # That sudo itself tells audit what it is given, a container does not let it.
        ran = [event["process"] for event in recording.events("exec") if event["event"]["outcome"] == "success"]
        [command] = [process for process in ran if process["args"] == ["/bin/true", "by", who]]
        assert command["user"]["id"] == "0"
        assert recordings.verified(recording).verdict is Verdict.COMPLETE
    # The same messages in the other store.
    sessrec("ingest", "--quiet", "--no-rules", "--store", elasticsearch, str(tmp_path))
    for recording, who, other in ((of_bob, "bob", "alice"), (of_alice, "alice", "bob")):
        found, not_found = queries(who, other)
        search = ("search", "--json", "--store", elasticsearch)
        assert [query for query in found if not sessrec(*search, f"rec:{recording.rec} {query}")] == []
        for query in not_found:
            done = subprocess.run([sys.executable, "-m", "sessrec", *search, f"rec:{recording.rec} {query}"])
            assert done.returncode == 1
    assert "recorded by auditd's plugin" in client.run("sessrec", "host", "status", check=False).stdout


def test_what_runs_after_the_logout_has_a_recording_of_its_own(
    client: Machine, logins: Logins, recordings: Recordings
) -> None:
    later = "until test -e /srv/audited/go; do sleep 0.2; done; mkdir /srv/audited/later"
    logins.run("bob", f"nohup setsid sh -c '{later}' >/dev/null 2>&1 &")
    [session] = recordings.wait()
    client.run("touch", "/srv/audited/go")
    wait_for(lambda: of_action(background_after(client, session), "file-create"))
    made = of_action(background_after(client, session), "file-create")
    assert [event["file"]["path"] for event in made] == ["/srv/audited/later"]
    assert "later" not in str([event["file"] for event in session.events("file-create")])
    [start] = of_action(background_after(client, session), "session-start")
    assert (start["user"], start["session"], start["sessrec"]["background"]) == ("bob", session.session, True)


def background_after(client: Machine, session: Recording) -> list[dict[str, Any]]:
    """The messages of the recording of what a session has left behind, which the audit service writes itself."""
    told = client.run(
        *("journalctl", "-q", "-o", "cat", "SESSREC_TYPE=event", "_SYSTEMD_UNIT=session-recording-audit.service")
    ).stdout
    messages = [json.loads(line) for line in told.splitlines()]
    recs = {one["rec"] for one in messages if one["id"] == 1 and one["sessrec"].get("after") == session.rec}
    return [one for one in messages if one["rec"] in recs]


def of_action(messages: list[dict[str, Any]], action: str) -> list[dict[str, Any]]:
    """Those that are events of one kind."""
    return [one for one in messages if one["event"]["action"] == action]
