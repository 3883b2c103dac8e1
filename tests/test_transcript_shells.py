"""Commands as they were run in real shells, whatever was done to the line before Enter."""

import pytest

from auditor.transcript import Transcript
from recorder.formats.message import Input, Output
from tests.peers import needs
from tests.sessions import output_of, recorded

LONG = b"echo " + b"long " * 30


def commands(packets):
    transcript = Transcript()
    seen = [line for packet in packets for line in transcript.feed(packet)] + transcript.finish()
    return [line.text for line in seen if line.kind == "command"]


def with_and_without_input(packets):
    """Most recordings hold no input; the commands must be the same."""
    found = commands(packets)
    assert commands(output_of(packets)) == found
    return found


BASH = ["bash", "--norc", "--noprofile"]
PROMPTS = {
    "plain": "$ ",
    "usual": r"\u@\h:\w\$ ",
    "coloured": r"\[\e[1;32m\]\u\[\e[m\] in \[\e]0;title\a\]\w » ",
    "two lines": r"\n[\t] \w\n❯ ",
    "marked": r"\[\e]133;A\a\]any thing at all|\[\e]133;B\a\]",
}


@needs("bash")
@pytest.mark.parametrize("prompt", PROMPTS)
def test_a_bash_command_is_found_as_it_was_edited(tmp_path, prompt):
    keys = [
        b"ech abcd\x1b[D\x1b[D\x1b[D\x1b[D\x1b[Do\r",  # arrows
        b"echo wrogn\x7f\x7fng\r",  # backspace
        b"\x1b[A\x1b[A\x7fX\r",  # history
        LONG + b"\r",  # wraps
        b"echo gone\x15echo kept\r",
    ]
    packets = recorded(BASH, keys, tmp_path, PS1=PROMPTS[prompt])
    assert with_and_without_input(packets) == [
        "echo abcd",
        "echo wrong",
        "echo abcX",
        LONG.decode().rstrip(),
        "echo kept",
    ]


@needs("bash")
def test_a_command_found_by_reverse_search_is_recorded_without_the_search(tmp_path):
    keys = [b"echo needle in hay\r", b"true\r", b"\x12need", b"\r", b"\x12need", b"\x05 and more\r"]
    assert with_and_without_input(recorded(BASH, keys, tmp_path, PS1="$ ")) == [
        "echo needle in hay",
        "true",
        "echo needle in hay",
        "echo needle in hay and more",
    ]


@needs("bash")
def test_a_completed_command_is_recorded_as_completed_and_its_listing_is_not(tmp_path):
    for name in ("alpha one", "alphabet"):
        (tmp_path / name).touch()
    keys = [b"cat alphab\t\r", b"cat al\t", b"\t\t", b"\\ o\t\r"]
    assert with_and_without_input(recorded(BASH, keys, tmp_path, PS1="host$ ")) == ["cat alphabet", "cat alpha\\ one"]


@needs("bash")
def test_lines_given_up_and_empty_lines_and_passwords_are_no_commands(tmp_path):
    keys = [
        b"rm -rf /\x03",
        b"\r",
        b"read -s secret; echo\r",
        b"hunter2\r",
        b"read answer\r",
        b"maybe\r",
        b"cat > f\r",
    ]
    keys += [b"not a command\r", b"\x04", b"\x04"]
    assert with_and_without_input(recorded(BASH, keys, tmp_path, PS1="$ ")) == [
        "read -s secret; echo",
        "read answer",
        "cat > f",
    ]


@needs("bash")
def test_continuation_lines_belong_to_their_command(tmp_path):
    keys = [
        b"for i in 1 2\r",
        b"do echo $i\r",
        b"done\r",
        b"echo 'a\r",
        b"\r",
        b"b'\r",
        b"for i in 1\r",
        b"\x03",
        b"true\r",
    ]
    assert with_and_without_input(recorded(BASH, keys, tmp_path, PS1="$ ")) == [
        "for i in 1 2\ndo echo $i\ndone",
        "echo 'a\n\nb'",
        "true",
    ]


@needs("bash")
def test_a_command_is_found_after_the_screen_was_cleared_and_resized_full_screen(tmp_path):
    (tmp_path / "text").write_text("some text\n" * 99)
    keys = [b"clear\r", b"echo one\x0c two\r", b"printf 'no newline'\r", b"echo next\r", b"less text\r", b" ", b"q"]
    keys += [b"echo last\r"]
    assert with_and_without_input(recorded(BASH, keys, tmp_path, PS1="$ ", PATH="/usr/bin:/bin")) == [
        "clear",
        "echo one two",
        "printf 'no newline'",
        "echo next",
        "less text",
        "echo last",
    ]


@needs("bash")
def test_typing_ahead_is_still_one_command_each(tmp_path):
    packets = recorded(BASH, [b"sleep 0.5\recho ahead\rech", b"o late\r"], tmp_path, PS1="$ ", quiet=1)
    assert with_and_without_input(packets) == ["sleep 0.5", "echo ahead", "echo late"]


@needs("dash")
def test_a_shell_without_line_editor_has_commands_too(tmp_path):
    keys = [
        b"echo one\r",
        b"echo twa\x7fo\r",
        b"\r",
        b"gone\x03",
        LONG + b"\r",
        b"for i in 1\r",
        b"do echo $i; done\r",
    ]
    keys += [b"printf 'a > b # c $ d'\r", b"stty -echo; read x; stty echo\r", b"hunter2\r", b"echo last\r"]
    assert with_and_without_input(recorded(["dash"], keys, tmp_path, PS1="$ ")) == [
        "echo one",
        "echo two",
        LONG.decode().rstrip(),
        "for i in 1\ndo echo $i; done",
        "printf 'a > b # c $ d'",
        "stty -echo; read x; stty echo",
        "echo last",
    ]


@needs("bash")
def test_an_older_bash_without_paste_marks_has_commands_too(tmp_path):
    keys = [b"bind 'set enable-bracketed-paste off'\r", b"ech x\x1b[D\x1b[Do\r", b"\x1b[Ay\r", LONG + b"\r", b"\x03"]
    packets = recorded(BASH, [*keys, b"echo last\r"], tmp_path, PS1=r"\u@\h:\w\$ ")
    assert with_and_without_input(packets)[1:] == ["echo x", "echo xy", LONG.decode().rstrip(), "echo last"]


def test_a_message_behind_a_prompt_is_no_command_where_input_is_recorded():
    packets = [
        Output(0, b"$ "),
        Input(500, b"l"),
        Output(501, b"l"),
        Output(700, b" and a message\r\n"),
        Output(900, b"$ "),
    ]
    assert commands([*packets, Input(1500, b"ls\r"), Output(1501, b"ls\r\nfile\r\n$ ")]) == ["ls"]


def test_a_listing_of_completions_is_no_enter():
    packets = [Output(0, b"/ # "), Output(300, b"cat al"), Output(600, b"\r\nalpha  alphabet\r\n/ # cat al")]
    assert commands([*packets, Output(900, b"phabet"), Output(1200, b"\r\n")]) == ["cat alphabet"]


@needs("busybox")
def test_the_busybox_shell_has_commands_too(tmp_path):
    (tmp_path / "alphabet").touch()
    keys = [b"ech abcd\x1b[D\x1b[D\x1b[D\x1b[D\x1b[Do\r", b"\x1b[AX\r", LONG + b"\r", b"cat alph\t\r", b"echo last\r"]
    assert with_and_without_input(recorded(["busybox", "sh"], keys, tmp_path)) == [
        "echo abcd",
        "echo abcdX",
        LONG.decode().rstrip(),
        "cat alphabet",
        "echo last",
    ]


@needs("zsh")
def test_a_zsh_command_is_found_as_it_was_edited(tmp_path):
    keys = [
        b"ech abcd\x1b[D\x1b[D\x1b[D\x1b[D\x1b[Do\r",
        b"\x1b[AX\r",
        LONG + b"\r",
        b"for i in 1\r",
        b"do echo $i; done\r",
    ]
    keys += [b"PROMPT='%n> ' RPROMPT='on the right'\r", b"echo left\r", b"\x12abcdX", b"\r"]
    assert with_and_without_input(recorded(["zsh", "-f"], keys, tmp_path)) == [
        "echo abcd",
        "echo abcdX",
        LONG.decode().rstrip(),
        "for i in 1\ndo echo $i; done",
        "PROMPT='%n> ' RPROMPT='on the right'",
        "echo left",
        "echo abcdX",
    ]


@needs("zsh")
def test_with_recorded_input_a_zsh_line_given_up_is_no_command(tmp_path):
    assert commands(recorded(["zsh", "-f"], [b"gone", b"\x03", b"echo last\r"], tmp_path)) == ["echo last"]


@needs("bash", "tmux")
def test_commands_inside_of_tmux_are_found_too(tmp_path):
    keys = [b"tmux -L commands -f /dev/null new 'bash --norc'\r", b"echo one\r", b"ls x; true\r", b"exit\r"]
    packets = recorded(BASH, [*keys, b"echo after\r"], tmp_path, PS1="$ ", TMUX_TMPDIR=str(tmp_path), quiet=0.5)
    assert with_and_without_input(packets) == [
        "tmux -L commands -f /dev/null new 'bash --norc'",
        "echo one",
        "ls x; true",
        "exit",
        "echo after",
    ]
