"""Every way into the client: of bob, who is recorded, and of alice, who is not. What they see is the same."""

import re
import socket
import time
from typing import Self

import pytest

from auditor.verify import Verdict
from integration.entries import Policies
from integration.login import PLACE, Terminal, wait_for, wait_until_recorded
from integration.machine import PASSWORD
from integration.recordings import Recordings
from tests.test_tlog import played_by_tlog

RECORD_BOB = """
recordingpolicy_add("watch", hostcategory="all",
                    iparecordingcapture=["output", "input", "resize"], iparecordingaudit=["exec"])
recordingpolicy_add_user("watch", group="contractors")
"""
MORE_USERS = """
for user, home, shell in (("homeless", "/proc/none", "/bin/bash"), ("shellless", "/home/shellless", "/bin/nosuch")):
    try:
        user_add(user, givenname="A", sn="B", homedirectory=home, loginshell=shell)
    except errors.DuplicateEntry:
        pass
    keys = user_show("bob", all=True)["result"]["ipasshpubkey"]
    try:
        user_mod(user, ipasshpubkey=keys, homedirectory=home)
    except errors.EmptyModlist:
        pass
    group_add_member("contractors", user=user)
"""


@pytest.fixture(scope="module", autouse=True)
def policy(server, client, logins):
    policies = Policies(server)
    policies.make(RECORD_BOB + "from ipalib import errors" + MORE_USERS)
    for user in ("homeless", "shellless"):
        client.run("su", "-s", "/bin/true", user)  # SSSD reads a user anew when a session is opened for him
    client.run("su", "-s", "/bin/sh", "bob", "-c", "tmux kill-server; screen -X quit", check=False)
    wait_until_recorded(client, True, "bob")
    wait_until_recorded(client, False, "alice")
    yield
    policies.make()


@pytest.fixture
def recordings(client):
    return Recordings(client)


def test_a_login_on_a_terminal_is_as_without_recording_and_recorded_to_the_byte(client, logins, recordings, tmp_path):
    with logins.terminal("bob") as terminal:
        terminal.expect(r"\$ ")
        about = terminal.run("tty; echo $SSH_TTY; echo $0; echo $SHELL; stty size").split("\n")
        tty = about[0]
        assert about == [tty, tty, "-bash", "/bin/bash", "24 80"]
        terminal.resize(50, 132)
        wait_for(lambda: terminal.run("stty size") == "50 132")
        # By other users' programs: who names the terminal, and what write and wall do to it is seen.
        assert re.match(rf"bob .*{tty[5:]} ", terminal.run("who"))
        client.run("sh", "-c", f"echo 'from root to you' >{tty}")
        terminal.expect("from root to you")
        assert "execve,execveat -F auid=" in client.run("auditctl", "-l").stdout
        terminal.type("exit 7\n")
        assert terminal.end() == 7
    [recording] = recordings.wait()
    assert recording.user == "bob"
    assert recording.printed == terminal.shown[-len(recording.printed) :]
    assert terminal.shown.index(recording.printed) == terminal.shown.index(b"\x1b[?2004h")
    assert b"echo $SSH_TTY" in recording.typed
    assert (recording.command, recording.reason, recording.status) == (["/bin/bash"], "exit", 7)
    assert recording.start["sessrec"]["policies"] == ["watch"]
    assert recordings.verified(recording).verdict is Verdict.COMPLETE
    copied = tmp_path / "recording.json"
    copied.write_bytes(b"\n".join(recording.lines) + b"\n")
    assert played_by_tlog(copied, 0) == recording.printed


LOOKS = r"""
echo "$0 $-"; umask; ulimit -a; tty; stat -c '%U %a' $(tty); stty -a; locale; groups; pwd; who
env | grep -v -e ^SSH_C -e ^XDG_SESSION_ID | sort
grep -v -e Pid -e Vm -e Rss -e ctxt -e Name -e Tgid -e Ngid -e NS -e Mems -e SigBlk /proc/$$/status
ls -l /proc/$$/fd | grep -o '[0-9]* -> .*'; cat /proc/$$/oom_score_adj /proc/$$/cgroup; nice
ps -o tty=,stat=,comm= -p $$; ps -o tty= -p $PPID; ps -o comm= -s $$; jobs; trap; shopt login_shell
"""


def test_what_a_session_sees_of_itself_is_the_same_recorded_or_not(client, logins, server):
    client.run("sh", "-c", "cat >/usr/local/bin/looks", input=LOOKS)
    seen = {}
    for user in ("alice", "bob"):
        with logins.terminal(user) as terminal:
            terminal.expect(r"\$ ")
            seen[user] = terminal.run(". /usr/local/bin/looks")
            uid = terminal.run("id -u")
            terminal.log_out()
        for own, anybody in ((user, "USER"), (uid, "UID"), (r"pts/\d+", "TTY"), (r"session-\w+", "SESSION")):
            seen[user] = re.sub(own, anybody, seen[user])
        seen[user] = re.sub("Groups:.*|NStgid:.*|NSpid:.*| contractors externals|USER *sshd.*", "", seen[user])
    assert seen["alice"] == seen["bob"]
    assert "bash" in seen["alice"]


def test_whoever_is_exempt_has_nothing_of_ours(client, logins, recordings):
    # Of tests before this one, in which she was recorded: her rules stay as long as a process of hers does.
    rule = f"auid={client.run('id', '-u', 'alice').stdout.strip()}"
    wait_for(lambda: rule not in client.run("auditctl", "-l").stdout, 60)
    with logins.terminal("alice") as terminal:
        terminal.expect(r"\$ ")
        assert (
            terminal.run("ps -o comm= -p $PPID; echo $SHELL $0; tty")
            == f"sshd-session\n/bin/bash -bash\n{tty(terminal)}"
        )
        assert "session-recording" not in terminal.run("env; cat /proc/$$/maps; ls -l /proc/$$/fd")
        assert "login-shell" not in terminal.run("ps -u alice -o args")
        assert client.run("ls", "/run/session-recording/sessions").stdout == ""
        assert client.run("pgrep", "-u", "session-recording", check=False).stdout == ""
        uid = terminal.run("id -u")
        assert f"auid={uid}" not in client.run("auditctl", "-l").stdout
        assert terminal.log_out() == 0
    assert recordings.all() == []


def test_a_command_gets_and_gives_every_byte_and_its_status(client, logins, recordings):
    every = bytes(range(256)) * 500
    done = logins.run("bob", "cat; echo wrong >&2; exit 3", input=every)
    assert (done.stdout, done.stderr, done.returncode) == (every, b"wrong\n", 3)
    done = logins.run("bob", "kill -9 $$")
    assert (done.stdout, done.stderr) == (b"", b"")
    assert logins.run("bob", "echo $0 $SHELL; tty").stdout == b"bash /bin/bash\nnot a tty\n"
    first, second, third = recordings.wait(3)
    assert first.command == ["/bin/bash", "-c", "cat; echo wrong >&2; exit 3"]
    assert (first.status, first.printed) == (3, b"")
    assert second.status == 137
    for recording in (first, second, third):
        assert recordings.verified(recording).verdict is Verdict.COMPLETE


@pytest.mark.parametrize("user", ["alice", "bob"])
def test_the_last_words_of_a_session_reach_its_user(logins, user):
    for _ in range(4):
        with logins.terminal(user, "echo ready; read -r line; echo got $line; exit 5") as terminal:
            terminal.expect("ready")
            terminal.type("typed\n")
            assert terminal.end() == 5
            assert terminal.shown.endswith(b"\r\ngot typed\r\n")


def test_a_command_on_a_terminal_has_one(logins, recordings):
    with logins.terminal(
        "bob", "tty; echo $0; stty size; read -r line; echo got $line; exit 5", size=(30, 90)
    ) as terminal:
        terminal.expect(r"/dev/pts/\d+\r\nbash\r\n30 90\r\n")
        terminal.type("typed\n")
        assert terminal.end() == 5
    [recording] = recordings.wait()
    assert recording.command[:2] == ["/bin/bash", "-c"]
    assert (recording.printed, recording.status) == (terminal.shown, 5)
    assert b"got typed" in recording.printed


@pytest.mark.parametrize("program", ["scp", "scp -O", "sftp", "rsync"])
def test_files_are_copied_to_the_byte(client, logins, recordings, program):
    client.run("sh", "-c", f"cd {PLACE}; rm -rf back file; head -c 3000000 /dev/urandom >file; rm -f /home/bob/copy")
    name, *mode = program.split()
    there = "bob@client.lab.test:copy"
    if name == "sftp":
        batch = f"put {PLACE}/file copy\nget copy {PLACE}/back\n"
        client.run("sh", "-c", f"cat >{PLACE}/batch", input=batch)
        copied = [logins.copy("sftp", "-b", f"{PLACE}/batch", "bob@client.lab.test")]
    else:
        copied = [
            logins.copy(name, *mode, f"{PLACE}/file", there),
            logins.copy(name, *mode, there, f"{PLACE}/back"),
        ]
    for done in copied:
        assert (done.returncode, done.stderr) == (0, b""), done
    client.run("cmp", f"{PLACE}/file", "/home/bob/copy")
    client.run("cmp", f"{PLACE}/file", f"{PLACE}/back")
    for recording in recordings.wait(len(copied)):
        assert (name if mode or name == "rsync" else "sftp-server") in recording.command[-1]
        assert (recording.status, recording.printed) == (0, b"")


def test_su_and_sudo_are_recorded_and_give_the_terminal_back(client, logins, recordings):
    with logins.at_client() as terminal:
        terminal.expect("# ")
        terminal.run("cd /")
        for command, argv0, where in (
            ("su bob", "bash", "/"),
            ("su - bob", "-bash", "/home/bob"),
            ("sudo -i -u bob", "-bash", "/home/bob"),
        ):
            terminal.type(f"{command}\n")
            terminal.expect(r"\$ ")
            said = terminal.run("echo $0; pwd; echo $SHELL; id -un; ps -o tpgid= -p $$ | tr -d ' '; echo $$").split(
                "\n"
            )
            assert said[:4] == [argv0, where, "/bin/bash", "bob"]
            assert said[4] != "-1"
            terminal.resize(33, 99)
            wait_for(lambda: terminal.run("stty size") == "33 99")
            terminal.type("exit 9\n")
            terminal.expect("# ")
            terminal.type("echo status $?\n")
            terminal.expect("status 9")
            assert terminal.run("stty -a | grep -o -e '-*icanon' -e '-*echo\\b'; id -un") == "icanon\necho\nroot"
        assert terminal.run("su -c 'echo out; tty; exit 4' bob; echo $?").split("\n")[::2] == ["out", "4"]
        assert terminal.run("su - -c 'echo $0; exit 4' bob </dev/null | cat") == "-bash"
        assert terminal.run("sudo -u bob -i sh -c 'exit 6'; echo $?") == "6"
        # Without a shell of his there is no session, and nothing is recorded.
        assert terminal.run("sudo -u bob id -un") == "bob"
        terminal.log_out()
    found = recordings.wait(6)
    assert [one.user for one in found] == ["bob"] * 6
    assert [one.status for one in found] == [9, 9, 9, 4, 4, 6]
    assert b"stty size" in found[0].printed
    for one in found:
        assert recordings.verified(one).verdict is Verdict.COMPLETE


def let_in(terminal, again):
    """Wait for bob's prompt. A while after FreeIPA was away SSSD refuses passwords: then once more."""
    for _ in range(5):
        try:
            terminal.expect(r"bob@client:~\$ ")
            return
        except AssertionError:
            terminal.type(again)
            terminal.expect("assword: ")
            terminal.type(f"{PASSWORD}\n")
    terminal.expect(r"bob@client:~\$ ")


@pytest.fixture
def passwords(server, client):
    """They are asked of FreeIPA, whatever tests before did to it and to SSSD."""
    server.ipa("user-unlock", "bob", check=False)
    of = "org.freedesktop.sssd.infopipe"
    ask = f"busctl call {of} /org/freedesktop/sssd/infopipe/Domains/lab_2etest {of}.Domains.Domain IsOnline"
    restart = "systemctl restart sssd; until id bob; do sleep 0.2; done; sleep 5"
    client.run("sh", "-c", f"for n in 1 2 3 4 5 6; do {ask} | grep true && break; {restart}; done")


@pytest.mark.usefixtures("passwords")
def test_a_user_who_becomes_another_is_recorded_from_there_on(logins, recordings):
    with logins.terminal("alice") as terminal:
        terminal.expect(r"\$ ")
        terminal.type("su - bob\n")
        terminal.expect("assword: ")
        terminal.type(f"{PASSWORD}\n")
        let_in(terminal, "su - bob\n")
        assert terminal.run("id -un") == "bob"
        # What is recorded already is not recorded twice.
        terminal.type("su - bob\n")
        terminal.expect("assword: ")
        terminal.type(f"{PASSWORD}\n")
        terminal.expect(r"bob@client:~\$ ")
        assert terminal.run("echo nested") == "nested"
        terminal.type("exit\n")
        terminal.expect(r"\$ ")
        terminal.type("exit\n")
        terminal.expect(r"alice@client:~\$ ")
        assert terminal.run("id -un; stty -a | grep -o -e '-*icanon'") == "alice\nicanon"
        assert terminal.log_out() == 0
    [recording] = recordings.wait()
    assert recording.user == "bob"
    assert b"nested" in recording.printed
    assert PASSWORD.encode() not in recording.typed


@pytest.mark.usefixtures("passwords")
def test_a_login_at_a_console_is_recorded(client, logins, recordings):
    with logins.console("bob") as terminal:
        let_in(terminal, "bob\r")
        said = terminal.run("echo $0; echo $SHELL; cat /proc/self/loginuid; echo; id -u").split("\n")
        assert said[:2] == ["-bash", "/bin/bash"]
        assert said[2] == said[3]
        assert f"auid={said[2]}" in client.run("auditctl", "-l").stdout
        terminal.log_out()
    [recording] = recordings.wait()
    assert (recording.user, recording.reason) == ("bob", "exit")
    assert recordings.verified(recording).verdict is Verdict.COMPLETE


@pytest.mark.parametrize(
    ("begin", "detach", "again"),
    [
        ("tmux -f /dev/null", "\x02d", "tmux attach"),
        ("screen -c /dev/null", "\x01d", "screen -r"),
    ],
    ids=["tmux", "screen"],
)
def test_what_happens_in_a_multiplexer_is_in_the_recording_of_its_terminal(logins, recordings, begin, detach, again):
    with logins.terminal("bob") as terminal:
        terminal.expect(r"\$ ")
        terminal.type(f"{begin}\n")
        time.sleep(1)
        terminal.type(" " * 3 if begin.startswith("screen") else "")  # what it says about itself
        terminal.type("echo in''side; echo $SHELL\n")
        terminal.expect("inside")
        terminal.type(detach)
        terminal.expect("detached")
        terminal.type(f"{again}\n")
        time.sleep(0.5)
        terminal.type("echo in''again\n")
        terminal.expect("inagain")
        terminal.type("exit\n")
        terminal.expect(r"exited|terminating|There is no screen")
        assert terminal.log_out() == 0
    [recording] = recordings.wait()
    assert b"inside" in recording.printed
    assert b"inagain" in recording.printed


def test_a_user_without_a_home_gets_his_shell_and_is_recorded(logins, recordings):
    with logins.terminal("homeless") as terminal:
        terminal.expect(r"\$ ")
        assert terminal.run("pwd; echo $SHELL") == "/\n/bin/bash"
        terminal.log_out()
    [recording] = recordings.wait()
    assert recording.user == "homeless"


def test_a_shell_that_is_missing_is_said_in_one_line(logins, recordings):
    done = logins.run("shellless", "true")
    assert done.returncode == 127
    assert done.stderr.decode() == "your shell '/bin/nosuch' cannot be started: No such file or directory\n"
    with logins.terminal("shellless") as terminal:
        assert terminal.end() == 127
        assert terminal.shown.count(b"your shell '/bin/nosuch' cannot be started") == 1
    assert [one.status for one in recordings.wait(2)] == [127, 127]


def test_what_a_user_runs_without_a_shell_is_audited_and_not_recorded(client, logins, recordings):
    uid = client.run("id", "-u", "bob").stdout.strip()
    client.run("sh", "-c", "echo '@reboot cat /proc/self/loginuid >cron; /usr/bin/od --version' | crontab -u bob -")
    client.run("rm", "-f", "/run/crond.reboot", "/home/bob/cron", "/home/bob/unit")
    with AuditEvents(f"auid={uid}") as events:
        client.run("systemctl", "restart", "cron")
        wait_for(lambda: events.seen("/usr/bin/od"))
        logins.run("bob", "systemd-run --user --quiet sh -c 'cat /proc/self/loginuid >unit; tac --version; sleep 3'")
        wait_for(lambda: events.seen("/usr/bin/tac"))
    for name in ("cron", "unit"):
        assert client.run("cat", f"/home/bob/{name}").stdout == uid
    client.run("crontab", "-u", "bob", "-r")
    assert ["systemd-run" in one.command[-1] for one in recordings.wait()] == [True]


def test_audit_rules_go_with_the_last_process_of_their_user(client):
    uids = [client.run("id", "-u", user).stdout.strip() for user in ("bob", "homeless", "shellless")]
    # systemd keeps a user's own systemd for ten seconds after the last session.
    wait_for(lambda: not any(f"auid={uid}" in client.run("auditctl", "-l").stdout for uid in uids), 30, every=1)
    for uid in uids:
        assert client.run("pgrep", "-u", uid, check=False).stdout == ""


class AuditEvents:
    """Audit events of this machine's kernel, which is the lab's too, of which the text has a word."""

    def __init__(self, word: str) -> None:
        self._word = word.encode()
        self._text = b""

    def __enter__(self) -> Self:
        self._socket = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_NONBLOCK, 9)
        self._socket.bind((0, 1))
        return self

    def __exit__(self, *raised: object) -> None:
        self._socket.close()

    def seen(self, executable: str) -> bool:
        """Whether the start of this program is among them by now."""
        while True:
            try:
                event = self._socket.recv(65_536)
            except BlockingIOError:
                return f'exe="{executable}"'.encode() in self._text
            except OSError:
                continue  # some were lost: there are many of others
            if self._word in event:
                self._text += event


def tty(terminal: Terminal) -> str:
    return terminal.run("tty")
