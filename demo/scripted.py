"""A session in which nobody sits at the terminal: a real bash, led through what makes recordings hard to search."""

import os
import secrets
import shutil
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

from demo.terminal import Terminal

LEFT, RIGHT, BACKSPACE, ENTER = "\x1b[D", "\x1b[C", "\x7f", "\r"

PROMPT = "\x1b[0m$ "
"""How the prompt ends, and nothing else that is printed here."""

BASHRC = r"""
unset PROMPT_COMMAND
PS1='\[\e[1;32m\]demo\[\e[0m\]:\[\e[1;34m\]\w\[\e[0m\]$ '
"""

SPLIT_WORD = "unreachable"
"""A word that is printed in two colours, two seconds apart: longer than a message is held back."""

DEPLOY = r"""
printf 'web1: \033[32mdone\033[0m\nweb2: \033[32mdone\033[0m\nweb3: \033[1;33munrea'
sleep 2
printf '\033[1;31mchable\033[0m, giving up\n'
"""

EDITED_COMMAND = "wc -l /etc/passwd"
"""As it is run; typed are other characters, in another order."""

WORD_IN_VIEWER = "node035"
"""Stands on the second screen of the file that the full-screen program shows."""

VIEWERS = {
    "less": ("less nodes.txt", " ", "q"),
    "nano": ("nano nodes.txt", "\x16", "\x18"),
    "vim": ("vim -R nodes.txt", "\x06", ":q\r"),
    "more": ("more nodes.txt", " ", "q"),
}
"""Full-screen programs in the order of preference: the command, the key for the next page, those to leave."""

PYDOC = "import pydoc; pydoc.ttypager(open('nodes.txt').read())"


class Scripted(NamedTuple):
    """What came of it: every byte that reached the terminal, the exit status, and the secret that was typed."""

    printed: bytes
    status: int
    secret: str


def drive(argv: list[str], variables: Mapping[str, str], home: Path, tell: Callable[[str], object]) -> Scripted:
    """Run `argv` (which ends in a bash) on a PTY, with `home` as its home, and type a session into it.

    `tell` is given a line about each step. Raises DemoFailed when the session does not go as it should.
    """
    _furnish(home)
    environment = {name: os.environ[name] for name in ("PATH", "LANG", "LC_ALL", "LC_CTYPE") if name in os.environ}
    environment |= {"HOME": str(home), "TERM": "xterm-256color", "INPUTRC": "/dev/null", "LESSHISTFILE": "-"}
    environment |= variables
    secret = f"swordfish-{secrets.token_hex(4)}"
    terminal = Terminal(argv, environment, home)
    try:
        terminal.until(PROMPT)
        tell(f"a script prints '{SPLIT_WORD}' in two colours, with a pause in the middle of the word")
        _enter(terminal, "sh deploy")
        tell(f"'wc -l /etc/paswwd' is typed, and made '{EDITED_COMMAND}' with arrow keys and backspace")
        _edit_a_command(terminal)
        _view(terminal, tell)
        tell("the window grows to 100x30")
        terminal.resize(100, 30)
        terminal.settle()
        _enter(terminal, "stty size", shows="30 100")
        tell("a password is typed at 'read -s'")
        terminal.type("read -s -p 'Password: ' secret; echo" + ENTER)
        terminal.until("\rPassword: ")
        terminal.settle()
        _enter(terminal, secret)
        terminal.type("exit" + ENTER)
        return Scripted(status=terminal.finish(), printed=terminal.printed, secret=secret)
    finally:
        terminal.close()


def _furnish(home: Path) -> None:
    home.mkdir(parents=True)
    (home / ".bashrc").write_text(BASHRC)
    (home / "deploy").write_text(DEPLOY)
    nodes = [f"node{number:03}  10.0.0.{number}  ok\n" for number in range(1, 100)]
    (home / "nodes.txt").write_text("".join(nodes))


def _enter(terminal: Terminal, line: str, shows: str = "") -> None:
    terminal.type(line + ENTER)
    if shows:
        terminal.until(shows)
    terminal.until(PROMPT)
    terminal.settle()


def _edit_a_command(terminal: Terminal) -> None:
    terminal.type("wc -l /etc/paswwd")
    for key in (LEFT, LEFT, LEFT, "s", RIGHT, RIGHT, BACKSPACE):
        terminal.press(key)
    terminal.settle()
    _enter(terminal, "", shows="/etc/passwd")


def _view(terminal: Terminal, tell: Callable[[str], object]) -> None:
    found = next((name for name in VIEWERS if shutil.which(name)), None)
    if found is None:
        command, next_page, leave = f'{sys.executable} -c "{PYDOC}"', " ", "q"
    else:
        command, next_page, leave = VIEWERS[found]
    tell(f"two screens of a file are read in {found or 'the pager of pydoc'}")
    terminal.type(command + ENTER)
    terminal.until("node001")
    terminal.settle()
    terminal.press(next_page)
    terminal.settle()
    terminal.type(leave)
    terminal.until(PROMPT)
    terminal.settle()
