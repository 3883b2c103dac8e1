import os
import pwd
import signal
import subprocess
import termios
import time
from pathlib import Path

import pytest

from tests.recorded import (
    SESSREC,
    OnTerminal,
    actions_of,
    environment,
    messages_of,
    output_of,
    record,
)

TALKATIVE = r"""
printf 'plain\n\033[31mred\033[0m\ttab \303\251 \346\227\245\n'; printf 'no line end'; printf '\377\376\000\177'
"""


@pytest.fixture
def home(tmp_path):
    return tmp_path


def test_the_terminal_shows_the_same_bytes_as_without_the_recorder(home):
    bare = OnTerminal(["sh", "-c", TALKATIVE], home)
    assert bare.finish() == 0
    recorded = record(home, "sh", "-c", TALKATIVE)
    assert recorded.finish() == 0
    assert recorded.seen == bare.seen
    assert output_of(home / "rec.jsonl") == bare.seen


@pytest.mark.parametrize(
    ("script", "status"),
    [("exit 0", 0), ("exit 7", 7), ("exit 255", 255), ("kill -9 $$", 137), ("kill -TERM $$", 143)],
)
def test_the_exit_status_is_that_of_the_command(home, script, status):
    assert record(home, "sh", "-c", script).finish() == status
    last = messages_of(home / "rec.jsonl")[-1]
    assert last.event["action"] == "session-end"
    assert last.fields["process"]["exit_code"] == status


def test_a_command_that_does_not_exist_is_refused_as_a_shell_does_and_leaves_no_file(home):
    session = record(home, "no-such-command-here")
    assert session.finish() == 127
    assert session.seen == b"sessrec: no-such-command-here: No such file or directory\r\n"
    assert not (home / "rec.jsonl").exists()


def test_a_file_without_permission_to_run_ends_with_126(home):
    script = home / "script"
    script.write_text("#!/bin/sh\n")
    assert record(home, str(script)).finish() == 126


def test_an_existing_recording_is_not_overwritten_and_nothing_is_run(home):
    (home / "rec.jsonl").write_text("precious")
    session = record(home, "touch", str(home / "ran"))
    assert session.finish() == 1
    assert b"exists and is not overwritten" in session.seen
    assert (home / "rec.jsonl").read_text() == "precious"
    assert not (home / "ran").exists()


def test_the_session_has_a_controlling_terminal_of_the_right_size(home):
    session = record(home, "sh", "-c", "stty size </dev/tty; ps -o tty= -p $$", size=(33, 111))
    assert session.finish() == 0
    size, tty = session.seen.split()[:2], session.seen.split()[2]
    assert size == [b"33", b"111"]
    assert tty.startswith(b"pts/")
    start = messages_of(home / "rec.jsonl")[0]
    assert start.fields["process"]["tty"] == {"columns": 111, "rows": 33}


def test_a_resize_reaches_the_session_and_the_recording(home):
    script = 'trap "stty size; exit" WINCH; echo ready; while :; do sleep 0.05; done'
    session = record(home, "sh", "-c", script)
    session.until(b"ready")
    session.process.setwinsize(50, 132)
    session.until(b"50 132")
    assert session.finish() == 0
    resize = next(m for m in messages_of(home / "rec.jsonl") if m.event and m.event["action"] == "resize")
    assert (resize.packets[0].columns, resize.packets[0].rows) == (132, 50)


def modes(descriptor):
    return termios.tcgetattr(descriptor)


@pytest.mark.parametrize("way", ["exit", "killed", "terminated", "interrupted", "hung up"])
def test_the_terminal_is_as_before_after_every_way_out(home, way):
    # The shell that starts sessrec keeps the terminal open, so that it can be looked at afterwards.
    recorder = " ".join([*SESSREC, "rec", "-o", str(home / "rec.jsonl"), "--"])
    script = f'stty -echo -ixon; echo begun; read go; {recorder} sh -c "echo ready; read x; $0"; echo over; read y'
    inner = "kill -9 \\$\\$" if way == "killed" else "exit"
    shell = OnTerminal(["sh", "-c", script, inner], home)
    shell.until(b"begun")
    before = modes(shell.process.fd)
    shell.send(b"\n")
    shell.until(b"ready")
    assert modes(shell.process.fd) != before
    numbers = {"terminated": signal.SIGTERM, "interrupted": signal.SIGINT, "hung up": signal.SIGHUP}
    if way in numbers:
        os.kill(child_of(shell.process.pid), numbers[way])
    else:
        shell.send(b"x\r")
    shell.until(b"over")
    assert modes(shell.process.fd) == before
    shell.send(b"\r")
    shell.finish()


def child_of(pid):
    with open(f"/proc/{pid}/task/{pid}/children") as file:
        return int(file.read().split()[0])


def test_a_signal_to_the_recorder_ends_the_session_and_is_named_in_its_status(home):
    session = record(home, "sh", "-c", "echo ready; exec sleep 100")
    session.until(b"ready")
    os.kill(session.process.pid, signal.SIGTERM)
    assert session.finish() == 128 + signal.SIGHUP  # what the session's command died of
    end = messages_of(home / "rec.jsonl")[-1]
    assert end.fields["sessrec"]["reason"] == "signal"


def test_kill_9_of_the_recorder_ends_the_session_and_loses_at_most_the_last_second(home):
    pid_file = home / "pid"
    session = record(home, "sh", "-c", f"echo $$ >{pid_file}; echo early; exec sleep 100")
    session.until(b"early")
    time.sleep(1.5)
    os.kill(session.process.pid, signal.SIGKILL)
    session.finish()
    assert b"early" in output_of(home / "rec.jsonl")
    assert gone(int(pid_file.read_text()))


def gone(pid):
    for _ in range(200):
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return True
        with open(f"/proc/{pid}/stat") as file:
            if file.read().rpartition(")")[2].split()[0] == "Z":
                return True
        time.sleep(0.05)
    return False


def test_a_lost_connection_ends_the_session(home):
    pid_file = home / "pid"
    session = record(home, "sh", "-c", f"echo $$ >{pid_file}; echo ready; exec sleep 100")
    session.until(b"ready")
    session.process.close(force=False)
    assert gone(int(pid_file.read_text()))


def test_ctrl_c_interrupts_the_program_and_not_the_recorder(home):
    session = record(home, "sh", "-c", 'trap "echo caught; exit 5" INT; echo ready; while :; do sleep 0.05; done')
    session.until(b"ready")
    session.send(b"\x03")
    session.until(b"caught")
    assert session.finish() == 5


def test_job_control_works_in_a_recorded_shell(home):
    session = record(home, "bash", "--norc", "--noprofile", "-i", PS1="> ")
    session.until(b"> ")
    session.send(b"sleep 100\r")
    session.until(b"sleep 100\r\n")
    time.sleep(0.3)
    session.send(b"\x1a")
    session.until(b"Stopped")
    session.send(b"bg; jobs\r")
    session.until(b"Running")
    session.send(b"fg\r")
    time.sleep(0.3)
    session.send(b"\x03")
    session.until(b"> ")
    session.send(b"exit 3\r")
    assert session.finish() == 3


def test_a_process_left_in_the_background_does_not_keep_the_session_open(home):
    session = record(home, "sh", "-c", "trap '' HUP; sleep 30 & echo bye")
    started = time.monotonic()
    assert session.finish() == 0
    assert b"bye" in session.seen
    assert time.monotonic() - started < 20


def test_a_command_that_closes_its_terminal_is_waited_for_and_may_open_it_again(home):
    script = "echo first; exec </dev/null >/dev/null 2>&1; sleep 0.7; exec >/dev/tty; echo back; exit 3"
    session = record(home, "sh", "-c", script)
    assert session.finish() == 3
    assert session.seen == b"first\r\nback\r\n"
    assert output_of(home / "rec.jsonl") == session.seen


def test_a_program_in_a_pipe_dies_of_sigpipe_as_without_the_recorder(home):
    script = "yes | head -n1; exec 3>&1; { sh -c 'kill -PIPE $$'; echo $? >&3; }"
    session = record(home, "sh", "-c", script)
    session.finish()
    assert b"141" in session.seen
    assert b"roken pipe" not in session.seen


def test_without_a_command_the_users_login_shell_is_run_as_login_runs_it(home):
    session = OnTerminal([*SESSREC, "rec", "-o", str(home / "rec.jsonl")], home, SHELL="/bin/false", PS1="ready> ")
    session.send(b"echo $0:$SHELL; exit 0\r")
    session.finish()
    start = messages_of(home / "rec.jsonl")[0].fields["process"]
    shell = pwd.getpwuid(os.getuid()).pw_shell
    assert Path(start["executable"]).samefile(shell)
    assert start["args"] == ["-" + shell.rpartition("/")[2]]
    assert f"{start['args'][0]}:{shell}".encode() in session.seen


def test_a_long_paste_and_what_is_typed_ahead_arrive_whole(home):
    copy = home / "copy"
    pasted = b"".join(b"%07d" % n for n in range(30_000))
    session = record(home, "sh", "-c", f"stty raw -echo; echo ready; head -c {len(pasted)} >{copy}")
    session.until(b"ready")
    sent = 0
    while sent < len(pasted):
        sent += os.write(session.process.fd, pasted[sent : sent + 4096])
    assert session.finish() == 0
    assert copy.read_bytes() == pasted


def test_output_that_the_terminal_does_not_take_yet_does_not_stop_ctrl_c(home):
    session = record(home, "sh", "-c", 'trap "exit 9" INT; echo ready; yes')
    session.until(b"ready")
    time.sleep(0.5)  # nobody reads: the terminal's buffer is full
    session.send(b"\x03")
    assert session.finish() in (9, 130)


def test_everything_that_was_printed_before_an_exit_arrives(home):
    session = record(home, "sh", "-c", "seq 200000; exit 4")
    assert session.finish() == 4
    expected = b"".join(b"%d\r\n" % n for n in range(1, 200_001))
    assert session.seen == expected
    assert output_of(home / "rec.jsonl") == expected


def test_the_environment_of_the_user_configures_nothing(home):
    hostile = {"TLOG_REC_CONF_TEXT": "{}", "SESSREC_CONFIG": "/dev/null", "SESSREC_OUTPUT": "/dev/null"}
    assert record(home, "echo", "seen", **hostile).finish() == 0
    assert output_of(home / "rec.jsonl") == b"seen\r\n"


def test_a_session_in_another_character_set_is_recorded_exactly_and_names_it(home):
    session = record(home, "printf", r"Gr\374\337e", LC_ALL="de_DE.ISO-8859-1")
    assert session.finish() == 0
    assert session.seen == b"Gr\xfc\xdfe"
    assert output_of(home / "rec.jsonl") == b"Gr\xfc\xdfe"
    assert messages_of(home / "rec.jsonl")[0].fields["sessrec"]["charset"] == "ISO-8859-1"


def test_a_recording_goes_to_the_users_data_directory_unreadable_for_others(home):
    session = OnTerminal([*SESSREC, "rec", "--", "echo", "hello"], home)
    assert session.finish() == 0
    directory = home / "data" / "session-recording" / "recordings"
    (recording,) = directory.iterdir()
    assert directory.stat().st_mode & 0o777 == 0o700
    assert recording.stat().st_mode & 0o777 == 0o600
    assert recording.name == messages_of(recording)[0].rec + ".jsonl"
    assert actions_of(recording) == ["session-start", "session-end"]


def test_a_module_in_the_users_directory_is_not_run_when_the_recording_ends(home):
    (home / "sessrec.py").write_text(f"open({str(home / 'ran')!r}, 'w')")
    shell = ["sh", "-c", f'cd {home}; exec "$0" "$@"', *SESSREC[:1], "-P", *SESSREC[1:]]
    assert OnTerminal([*shell, "rec", "--", "true"], home).finish() == 0
    store = home / "data" / "session-recording" / "store.sqlite"
    for _ in range(400):
        if store.exists():
            break
        time.sleep(0.05)
    assert store.exists()
    assert not (home / "ran").exists()


def test_a_long_command_line_and_a_long_terminal_name_are_cut(home):
    assert record(home, "true", "日" * 30_000, "x" * 50_000, TERM="x" * 5000).finish() == 0
    for line in (home / "rec.jsonl").read_bytes().splitlines():
        assert len(line) < 8000


def test_a_notice_is_shown_once_before_the_session(home):
    session = record(home, "echo", "hello", options=["--notice", "This session is recorded."])
    session.finish()
    assert session.seen == b"This session is recorded.\r\nhello\r\n"
    assert output_of(home / "rec.jsonl") == b"hello\r\n"


def test_open_files_of_the_caller_reach_the_command(home):
    script = "exec 7>fd7; " + " ".join([*SESSREC, "rec", "-o", "rec.jsonl", "--", "sh", "-c", "'echo hi >&7'"])
    subprocess.run(["script", "-qec", script, "/dev/null"], cwd=home, env=environment(home), check=True, timeout=30)
    assert (home / "fd7").read_text() == "hi\n"
