"""What is recorded of typed secrets: that there was one, and nothing about it."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recorder.capture.masking import DEFAULT_PROMPT, InputMask, MaskError

PLAIN = {"echo": True, "canonical": True}
HIDDEN = {"echo": False, "canonical": True}
RAW = {"echo": False, "canonical": False}

QUESTIONS = """\
Password:
Password: \x20
[sudo] password for alice:\x20
[sudo: authenticate] Password:\x20
alice@host.example.org's password:\x20
Enter passphrase for key '/home/alice/.ssh/id_ed25519':\x20
Password for alice@EXAMPLE.ORG:\x20
Enter Password for alice@EXAMPLE.ORG:\x20
(current) UNIX password:\x20
New password:\x20
Retype new password:\x20
First Factor:\x20
Second Factor (optional):\x20
Enter OTP Token Value:\x20
Verification code:\x20
Enter PIN for 'PIV_II (PIV Card Holder pin)':\x20
Please enter passphrase for disk vda3 (luks-1234):\x20
Password for 'https://alice@git.example.org':\x20
BECOME password:\x20
Vault password (prod):\x20
Enter password?\x20
[sudo] Passwort für alice:\x20
Kennwort:\x20
[sudo] Mot de passe de alice :\x20
Mot de passe\u00a0:\x20
[sudo] contraseña para alice:\x20
Senha:\x20
Wachtwoord:\x20
Lösenord:\x20
Hasło:\x20
Heslo:\x20
[sudo] пароль для alice:\x20
密码：
alice のパスワード:\x20
[sudo] alice의 암호:\x20
""".splitlines()

NO_QUESTIONS = [
    "",
    "alice@host:~$ ",
    "[root@host ~]# ",
    "Password: \r\n",
    "Password: \r\nalice@host:~$ ",
    "Sorry, try again.\r\n[alice@host ~]$ ",
    "Shipping address: ",
    "Spinning up: ",
    "Do you want to continue? [Y/n] ",
    "passwords.txt  passphrase.gpg\r\n$ ",
    "mysql> ",
]


@pytest.mark.parametrize("question", QUESTIONS)
def test_a_secret_typed_at_a_question_of_a_known_program_is_masked(question):
    mask = InputMask()
    mask.printed(b"alice@host:~$ x\r\n" + question.encode())
    assert mask.typed(b"s3cr3t\r", **RAW) == b"*\r"


@pytest.mark.parametrize("output", NO_QUESTIONS)
def test_other_input_is_recorded_as_it_is(output):
    mask = InputMask()
    mask.printed(output.encode())
    assert mask.typed(b"ls -l\r", **RAW) == b"ls -l\r"
    assert mask.typed(b"ls -l\r", **PLAIN) == b"ls -l\r"


@pytest.mark.parametrize(
    "question",
    [
        b"\x1b[1;31mPassword:\x1b[0m ",
        b"\x1b[?2004hPassword: ",
        b"Password: \x1b[K\x1b[?25h",
        b"\x1b]0;alice@host\x07Password: ",
        b"\x1b]0;alice@host\x1b\\Password: \x1b(B\x1b[m",
        b"Password: \x1b7\x1b8\x07",
        b"\x1b[24;1H\x1b[2KPassword:\x1b[24;11H",
    ],
)
def test_a_coloured_question_is_recognised(question):
    mask = InputMask()
    mask.printed(question)
    assert mask.typed(b"s3cr3t\r", **RAW) == b"*\r"


def test_a_question_that_arrives_byte_by_byte_is_recognised():
    mask = InputMask()
    mask.printed(b"x" * 100_000)
    for byte in "\r\n\x1b[1m[sudo] Пароль:\x1b[0m ".encode():
        mask.printed(bytes([byte]))
    assert mask.typed(b"s3cr3t\r", **RAW) == b"*\r"


def test_a_question_in_another_character_set_is_recognised():
    mask = InputMask(charset="EUC-JP")
    mask.printed("パスワード: ".encode("euc-jp"))
    assert mask.typed(b"s3cr3t\r", **RAW) == b"*\r"


def test_a_password_is_masked_where_the_terminal_does_not_show_it():
    mask = InputMask()
    mask.printed(b"say friend and enter\r\n")
    assert mask.typed(b"mellon\n", **HIDDEN) == b"*\n"
    assert mask.typed(b"ls\n", **PLAIN) == b"ls\n"


def test_the_length_of_a_password_is_not_recorded():
    for password in (b"a", b"a longer one", b"ab\x7f\x7f\x15again", "gehe\u00efm".encode()):
        mask = InputMask()
        typed = [mask.typed(bytes([byte]), **HIDDEN) for byte in password + b"\r"]
        assert b"".join(typed) == b"*\r"


def test_a_password_stays_masked_when_the_echo_returns_before_its_end():
    mask = InputMask()
    assert mask.typed(b"s3c", **HIDDEN) == b"*"
    assert mask.typed(b"r3t", **PLAIN) == b""
    assert mask.typed(b"!\rls\r", **PLAIN) == b"\rls\r"


def test_a_password_stays_masked_when_the_program_shows_stars():
    mask = InputMask()
    mask.printed(b"[sudo] password for alice: ")
    recorded = b""
    for byte in b"s3cr3t\r":
        recorded += mask.typed(bytes([byte]), **RAW)
        mask.printed(b"*")
    mask.printed(b"\r\n$ ")
    assert recorded + mask.typed(b"id\r", **RAW) == b"*\rid\r"


def test_each_of_several_passwords_typed_ahead_is_masked():
    mask = InputMask()
    mask.printed(b"Current password: ")
    assert mask.typed(b"old\rnew\rnew\r", **HIDDEN) == b"*\r*\r*\r"
    mask = InputMask()
    mask.printed(b"Current password: ")
    assert mask.typed(b"old\rnew\rnew\r", **RAW) == b"*\r*\r*\r"


@pytest.mark.parametrize("given_up", [b"\x03", b"\x04", b"\x1a", b"\x1c"])
def test_a_password_that_was_given_up_does_not_mask_the_next_command(given_up):
    mask = InputMask()
    assert mask.typed(b"s3c", **HIDDEN) == b"*"
    assert mask.typed(given_up, **HIDDEN) == given_up
    assert mask.typed(b"ls\r", **PLAIN) == b"ls\r"


def test_keys_in_a_full_screen_program_are_recorded():
    mask = InputMask()
    mask.printed(b"\x1b[?1049h\x1b[2J~\r\n~\r\n\x1b[24;1H-- INSERT --")
    assert mask.typed(b"ihello\x1b:wq\r", **RAW) == b"ihello\x1b:wq\r"


def test_a_site_has_questions_of_its_own():
    mask = InputMask(r"Zauberwort\? $")
    mask.printed(b"Zauberwort? ")
    assert mask.typed(b"bitte\r", **RAW) == b"*\r"
    mask.printed(b"\r\nPassword: ")
    assert mask.typed(b"shown\r", **RAW) == b"shown\r"


def test_without_a_pattern_only_the_modes_decide():
    mask = InputMask("")
    mask.printed(b"Password: ")
    assert mask.typed(b"shown\r", **RAW) == b"shown\r"
    assert mask.typed(b"s3cr3t\r", **HIDDEN) == b"*\r"


@pytest.mark.parametrize("pattern", ["(", "[a", "*", "(?P<a>x)(?P<a>y)", "a{9999999999999}"])
def test_a_pattern_that_cannot_be_used_is_explained_at_once(pattern):
    with pytest.raises(MaskError) as caught:
        InputMask(pattern)
    assert "\n" not in str(caught.value)


chunks = st.lists(st.tuples(st.booleans(), st.binary(max_size=20)), max_size=30)


@given(st.lists(st.binary(max_size=20), max_size=20))
def test_prop_without_secrets_every_byte_is_recorded(pieces):
    mask = InputMask("")
    assert [mask.typed(data, **PLAIN) for data in pieces] == pieces


@given(st.binary(max_size=200), st.lists(st.integers(0, 200)), st.sampled_from(["modes", "question"]))
def test_prop_how_the_keys_are_split_over_reads_changes_nothing(data, cuts, rule):
    def recorded(pieces):
        mask = InputMask()
        mask.printed(b"Password: " if rule == "question" else b"")
        return b"".join(mask.typed(piece, **(RAW if rule == "question" else HIDDEN)) for piece in pieces)

    bounds = [0, *sorted(min(cut, len(data)) for cut in cuts), len(data)]
    pieces = [data[begin:end] for begin, end in pairwise(bounds)]
    assert recorded(pieces) == recorded([data])


@given(
    st.lists(
        st.tuples(
            st.booleans(), st.text("abc\r\n\x03", max_size=10), st.sampled_from(["", "Password: ", "ok\r\n$ "])
        ),
        max_size=30,
    )
)
def test_prop_nothing_typed_while_a_secret_is_asked_for_is_recorded(steps):
    """Secrets are typed in capitals here, whatever else goes on before, between and after."""
    mask = InputMask()
    asked = False
    for hidden, text, output in steps:
        mask.printed(output.encode())
        asked = output == "Password: " or (asked and not output)
        secret = hidden or asked
        recorded = mask.typed((text.upper() if secret else text).encode(), **(HIDDEN if hidden else RAW))
        assert not set(recorded) & set(b"ABC")
        ends = [char for char in text if char in "\r\n\x03"]
        assert [chr(byte) for byte in recorded if byte in b"\r\n\x03"] == ends


@given(st.lists(st.tuples(st.binary(max_size=300), st.binary(max_size=20), st.booleans()), max_size=10))
def test_prop_any_bytes_can_be_printed_and_typed(steps):
    for charset in ("UTF-8", "EUC-JP", "GB18030", "BIG5-HKSCS", "no such thing"):
        mask = InputMask(DEFAULT_PROMPT, charset)
        for output, data, echo in steps:
            mask.printed(output)
            assert len(mask.typed(data, echo=echo, canonical=True)) <= len(data)
