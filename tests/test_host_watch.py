"""`sessrec host watch`: what an auditor sees of a session that goes on, on his terminal and through a pipe."""

import os
import pty
import signal
import subprocess
import sys
import time
from contextlib import contextmanager

import pytest

from tests.live import Worker, until
from tests.playing import Window
from tests.recorded import ROOT

WATCH = (
    "import sys; from pathlib import Path; from host.commands import watch; "
    "watch.DIRECTORY = Path(sys.argv.pop(1)); import sessrec; sessrec.command()"
)


def command(directory, rec="one"):
    return [sys.executable, "-c", WATCH, str(directory), "host", "watch", rec]


@pytest.fixture
def worker(tmp_path):
    worker = Worker(tmp_path, "one", worker=1)
    yield worker
    worker.end()


@pytest.fixture
def piped(worker, tmp_path):
    process = subprocess.Popen(
        command(tmp_path), stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=ROOT, start_new_session=True
    )
    until(lambda: worker.watchers)
    yield process
    process.kill()
    process.communicate()


@pytest.fixture
def window(worker, tmp_path):
    """The auditor's terminal: window(columns, rows)."""
    opened = []

    def open_window(columns=90, rows=30):
        # tmux does not always learn the status of what has ended.
        noting = ("sh", "-c", 'trap : INT; "$@"; echo $? >"$0"', str(tmp_path / "status"))
        opened.append(Window(columns, rows, *noting, *command(tmp_path), home=tmp_path))
        window = opened[-1].__enter__()
        until(lambda: worker.watchers)
        return window

    yield open_window
    for one in opened:
        one.__exit__(None, None, None)


def status(directory):
    """The exit status of the program in a window."""
    noted = directory / "status"
    return until(lambda: noted.exists() and noted.read_text().strip())


@contextmanager
def on_terminal(directory):
    """`sessrec host watch one`, by the terminal that it is on."""
    pid, terminal = pty.fork()
    if pid == 0:
        os.chdir(ROOT)
        os.execv(sys.executable, command(directory))
    try:
        yield terminal
    finally:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        os.close(terminal)


def read_until(terminal, text):
    seen = b""
    while text not in seen:
        seen += os.read(terminal, 65536)
    return seen


def test_the_screen_as_it_is_and_what_is_printed_then_are_shown(worker, window):
    worker.screen = b"\x1b[2J\x1b[Hfirst\r\n"
    auditor = window()
    auditor.until("first")
    worker.print(b"\x1b[5;5Hsecond")
    auditor.until("    second")
    assert auditor.screen()[0] == "first"
    assert "bob on pts/0" in " ".join(auditor.screen())


def test_it_is_shown_within_200_ms(worker, tmp_path):
    with on_terminal(tmp_path) as terminal:
        until(lambda: worker.watchers)
        delays = []
        for number in range(20):
            time.sleep(0.05)
            begun = time.monotonic()
            worker.print(b"mark%d\r\n" % number)
            read_until(terminal, b"mark%d" % number)
            delays.append(time.monotonic() - begun)
    # Some may meet a machine that is busy with something else.
    assert sorted(delays)[10] < 0.2, delays


def test_what_the_session_prints_never_reaches_the_terminal_as_it_is(worker, tmp_path):
    worker.screen = b"\x1b]0;owned\x07\x1b]52;c;b3duZWQ=\x07\x1b[6n\x1bP$q\x1b\\text"
    with on_terminal(tmp_path) as terminal:
        seen = read_until(terminal, b"text")
    for hostile in (b"\x1b]", b"\x1bP", b"\x1b[6n", b"\x07"):
        assert hostile not in seen


def test_a_resized_session_is_shown_in_its_new_size(worker, window):
    auditor = window(60, 20)
    worker.resize(100, 40)
    worker.print(b"\x1b[40;90Hcorner")
    auditor.until("corner")
    assert "100x40, only a part" in " ".join(auditor.screen())


def test_q_leaves_and_the_session_goes_on(worker, window, tmp_path):
    worker.screen = b"last words\r\n"
    auditor = window()
    auditor.until("last words")
    auditor.keys("q")
    until(auditor.ended)
    assert status(tmp_path) == "0"
    assert worker.state == "running"


def test_ctrl_c_leaves(worker, window, tmp_path):
    worker.screen = b"last words\r\n"
    auditor = window()
    auditor.until("last words")
    auditor.keys("C-c")
    until(auditor.ended)
    assert status(tmp_path) == "0"


def test_the_end_of_the_session_is_said_below_its_last_screen(worker, tmp_path):
    worker.screen = b"last words\r\n"
    with on_terminal(tmp_path) as terminal:
        until(lambda: worker.watchers)
        read_until(terminal, b"last words")
        worker.end()
        left = read_until(terminal, b"has ended").partition(b"\x1b[?1049l")[2]
    assert left.split() == b"last words session one of bob has ended".split()


def test_a_suspended_session_is_called_so(worker, window):
    auditor = window()
    auditor.until("running")
    worker.state = "suspended"
    auditor.until("suspended")


def test_a_pipe_gets_the_exact_bytes(worker, piped):
    data = bytes(range(256)) * 100
    worker.print(data)
    worker.resize(100, 40)
    worker.print(b"\xc3")
    worker.print(b"\xa4")
    worker.end()
    out, err = piped.communicate(timeout=10)
    assert out == data + b"\xc3\xa4"
    assert err == b"session one of bob has ended\n"
    assert piped.returncode == 0


def test_who_is_too_slow_is_told_that_the_session_goes_on(worker, piped):
    for watcher in worker.watchers:
        watcher.close()
    _, err = piped.communicate(timeout=10)
    assert b"goes on" in err
    assert piped.returncode == 1


def test_a_reader_of_the_pipe_that_goes_away_ends_it(worker, piped):
    piped.stdout.close()
    worker.print(b"x" * 1000)
    worker.print(b"x" * 1000)
    assert piped.wait(10) == 141


def test_the_watcher_is_named_to_the_session(worker, piped):
    [(_, by)] = [one for one in worker.asked if one[0] == "watch"]
    assert by.endswith(f"on {os.uname().nodename}")


@pytest.mark.parametrize("rec", ["nothing", "../one", ""])
def test_a_session_that_is_not_there_is_an_error_of_one_line(worker, tmp_path, rec):
    Worker(tmp_path, "two").end()
    done = subprocess.run(command(tmp_path, rec or "x"), capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 1
    assert len(done.stderr.splitlines()) == 1


def test_any_number_of_odd_packets_harms_nobody(worker, window):
    auditor = window()
    for packet in (b"r", b"rx", b"r0x0", b"r999999999999x1", b"r\xff\xffx1", b"?", b"o", b"r80x24"):
        worker.watchers[0].send(packet)
    worker.print(b"still there")
    auditor.until("still there")
