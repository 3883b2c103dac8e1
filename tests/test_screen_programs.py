"""What real programs print, as our screen and as tmux show it."""

import os
import select
import signal

import pytest
from ptyprocess import PtyProcess

from tests.peers import needs
from tests.test_screen_oracle import shown
from tests.tmux import Tmux

SIZE = (90, 30)


@pytest.fixture(scope="module")
def tmux():
    judge = Tmux()
    yield judge
    judge.close()


def printed(arguments, keys, home, quiet=0.25):
    """The bytes after each of `keys`, each pressed when the program has printed nothing for a while."""
    environment = {"TERM": "xterm-256color", "LC_ALL": "C.UTF-8", "HOME": str(home), "PATH": os.environ["PATH"]}
    environment |= {"PS1": "$ ", "TMUX_TMPDIR": str(home)}
    process = PtyProcess.spawn(arguments, dimensions=SIZE[::-1], env=environment, cwd=str(home))
    data = b""
    states = []
    try:
        for key in [b"", *keys]:
            process.write(key)
            wait = 1.0 if states else 5.0
            while select.select([process.fd], [], [], wait)[0]:
                try:
                    data += process.read(65536)
                except EOFError:
                    break
                wait = quiet
            states.append(data)
    finally:
        process.kill(signal.SIGKILL)
        process.close(force=True)
    return states


def same(tmux, states):
    for state in states:
        text = state.decode()
        assert shown(*SIZE, text) == tmux.show(*SIZE, text)
    return "\n".join(shown(*SIZE, states[-1].decode())[0])


TEXT = "".join(
    f"{number:3} the quick brown fox — 漢字かな — jumps over the lazy dog{'!' * number}\n" for number in range(99)
)


@needs("tmux", "bash")
def test_a_bash_session_looks_as_in_tmux(tmux, tmp_path):
    keys = [
        b"seq 50\r",
        b"echo one tow\x1b[D\x1b[D\x1b[D\x1b[Cw\x1b[C\x7f\r",
        b"echo " + b"long " * 40,
        b"\x01\x1b[C\x0b",
        b"\x15\x0c",
    ]
    keys += [b"printf 'a\\tb\\rc\\n'; ls --color=always /\r", b"\x12seq", b"\r", b"\t\t", b"\x03"]
    assert "50" in same(tmux, printed(["bash", "--norc", "--noprofile"], keys, tmp_path))


@needs("tmux", "vim")
def test_vim_looks_as_in_tmux(tmux, tmp_path):
    (tmp_path / "fox").write_text(TEXT)
    keys = [
        b"\x06",
        b"\x04\x19\x19",
        b"dd3P",
        b"A and more\x1b",
        b":vsplit\r",
        b"\x17wG",
        b":set number\r",
        b"/quick\r",
        b"30\x1b",
        b":!seq 5\r",
    ]
    assert "Press ENTER" in same(tmux, printed(["vim", "-u", "NONE", "-N", "fox"], keys, tmp_path))


@needs("tmux", "nano")
def test_nano_looks_as_in_tmux(tmux, tmp_path):
    (tmp_path / "fox").write_text(TEXT)
    same(tmux, printed(["nano", "fox"], [b"\x16", b"\x0b\x0b", b"more text\r", b"\x19", b"\x18", b"n"], tmp_path))


@needs("tmux", "less")
def test_less_looks_as_in_tmux(tmux, tmp_path):
    (tmp_path / "fox").write_text(TEXT)
    same(
        tmux,
        printed(["less", "fox"], [b" ", b"jjj", b"kk", b"/dog!!!!!!!!!!\r", b"G", b"gg", b"\x1b)", b"q"], tmp_path),
    )


@needs("tmux", "top")
def test_top_looks_as_in_tmux(tmux, tmp_path):
    same(tmux, printed(["top", "-d", "1"], [b"c", b"1", b"z", b"q"], tmp_path))


@needs("tmux", "htop")
def test_htop_looks_as_in_tmux(tmux, tmp_path):
    same(tmux, printed(["htop", "-d", "50"], [b"\x1b[B", b"t", b"\x1bOP", b"q", b"q"], tmp_path))


@needs("tmux", "mc")
def test_mc_looks_as_in_tmux(tmux, tmp_path):
    for number in range(5):
        (tmp_path / f"file {number} é漢").touch()
    same(tmux, printed(["mc", "-u"], [b"\x1b[B\x1b[B", b"\x1b[20~", b"\x1b[B\r", b"\x1b\x1b"], tmp_path, quiet=0.6))


@needs("tmux")
def test_tmux_in_tmux_looks_as_itself(tmux, tmp_path):
    arguments = ["tmux", "-L", "inner", "-f", "/dev/null", "new-session", "bash --norc --noprofile"]
    try:
        keys = [b"seq 40\r", b"\x02%", b"ls /\r", b'\x02"', b"echo x\r", b"\x02[", b"\x1b[5~"]
        same(tmux, printed(arguments, keys, tmp_path))
    finally:
        os.spawnvpe(
            os.P_WAIT, "tmux", ["tmux", "-L", "inner", "kill-server"], {**os.environ, "TMUX_TMPDIR": str(tmp_path)}
        )
