"""What a newcomer sees of `make demo`."""

import os
import shutil
import subprocess
import sys

import pytest

from tests.recorded import ROOT, OnTerminal, environment

DEMO = [sys.executable, str(ROOT / "demo" / "session.py")]


def run_demo(home, *, path=None, **variables):
    """The demonstration without a terminal."""
    variables |= {"PATH": path} if path else {}
    return subprocess.run(
        [*DEMO, "--data", str(home / "demo")],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        cwd=home,
        env=environment(home, **variables),
        timeout=120,
    )


def in_order(text, *parts):
    """Whether the parts stand in the text, one behind the other."""
    position = 0
    for part in parts:
        found = text.find(part, position)
        assert found >= 0, f"{part!r} is not in what follows:\n{text[position:]}"
        position = found + len(part)
    return True


def test_without_a_terminal_the_demo_records_finds_verifies_and_plays_a_session_by_itself(tmp_path):
    done = run_demo(tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert in_order(
        done.stdout,
        "$ sessrec rec --input -- bash\n",
        "$ sessrec list\n",
        "  ended  ",
        "$ grep -c unreachable ",
        "\n0\n",
        "$ sessrec search --limit 3 unreachable\n",
        "  printed  web3: unreachable, giving up\n",
        "$ sessrec search --limit 3 'cmd:\"wc -l /etc/passwd\"'\n",
        "  command  wc -l /etc/passwd\n",
        "$ sessrec search --limit 3 node035\n",
        "  printed  node035  10.0.0.35  ok\n",
        "$ sessrec search swordfish-",
        "nothing found\n",
        "$ sessrec verify ",
        "\ncomplete\n",
        "$ sessrec play ",
        "each as it was on the terminal\n",
        "$ sessrec serve --local\n",
        "http://127.0.0.1:",
        "the recording is on the page\n",
        f"export XDG_DATA_HOME={tmp_path}/demo ",
        "sessrec --help\n",
    )
    assert "\x1b" not in done.stdout
    assert done.stderr == ""


def test_the_demo_needs_no_pager_or_editor(tmp_path):
    binaries = tmp_path / "bin"
    binaries.mkdir()
    for name in ("bash", "sh", "sleep", "wc", "stty"):
        (binaries / name).symlink_to(shutil.which(name))
    done = run_demo(tmp_path, path=str(binaries))
    assert done.returncode == 0, done.stdout + done.stderr
    assert "in the pager of pydoc\n" in done.stdout


def test_a_demo_in_which_something_goes_wrong_says_what_in_one_line_and_fails(tmp_path):
    binaries = tmp_path / "bin"
    binaries.mkdir()
    (binaries / "sh").write_text("#!/bin/bash\necho unreachable\n")
    (binaries / "sh").chmod(0o755)
    done = run_demo(tmp_path, path=f"{binaries}:{os.environ['PATH']}")
    assert done.returncode == 1
    assert (
        done.stderr == "demo failed: 'unreachable' stands in the recording as it is; it was to be printed in pieces\n"
    )


def test_the_demo_does_not_touch_a_directory_that_holds_something(tmp_path):
    (tmp_path / "demo").mkdir()
    (tmp_path / "demo" / "mine").write_text("mine")
    done = run_demo(tmp_path)
    assert (done.returncode, done.stderr) == (1, f"demo failed: {tmp_path}/demo is not empty\n")
    assert (tmp_path / "demo" / "mine").read_text() == "mine"


@pytest.fixture
def own_session(tmp_path):
    """The demonstration on a terminal, at the prompt of the recorded bash."""
    (tmp_path / ".bashrc").write_text("unset PROMPT_COMMAND\nPS1='here> '\n")
    terminal = OnTerminal([*DEMO, "--data", str(tmp_path / "demo")], tmp_path)
    terminal.until(b"Type exit when done.")
    terminal.until(b"here> ")
    yield terminal
    terminal.process.close(force=True)


def test_at_a_terminal_the_demo_records_what_the_newcomer_does_until_exit(own_session):
    own_session.send(b"echo my-own-sesion\x1b[D\x1b[D\x1b[Ds\r")
    own_session.until(b"\rmy-own-session\r\n")
    own_session.until(b"here> ")
    own_session.send(b"exit\r")
    own_session.until(b"press Enter here")
    own_session.send(b"\r")
    assert own_session.finish() == 0, own_session.seen
    shown = own_session.seen.replace(b"\x1b[0m", b"").replace(b"\x1b[1;31m", b"").decode()
    assert in_order(
        shown,
        "sessrec list",
        "ended",
        "sessrec search --limit 3 cmd:echo\r\n",
        "  command  echo my-own-session\r\n",
        "sessrec verify ",
        "\ncomplete\r\n",
        "sessrec play ",
        "here> echo my-own-session",
        "== Try next",
        "sessrec --help\r\n",
    )


def test_a_newcomer_who_only_leaves_gets_the_demo_to_its_end(own_session):
    own_session.send(b"\x04")
    own_session.until(b"press Enter here")
    own_session.send(b"\r")
    assert own_session.finish() == 0, own_session.seen
    assert in_order(own_session.seen, b"sessrec list", b"complete\r\n", b"== Try next")


def test_the_demo_is_not_started_within_its_own_recording(own_session, tmp_path):
    command = " ".join([*DEMO, "--data", str(tmp_path / "other")])
    own_session.send(f"{command} || exit\r".encode())
    own_session.until(b"this is the recorded session; leave it with 'exit' first")
    own_session.until(b"press Enter here")
    own_session.send(b"\r")
    assert own_session.finish() == 0, own_session.seen
    assert not (tmp_path / "other").exists()
