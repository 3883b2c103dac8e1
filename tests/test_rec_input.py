import contextlib
import sqlite3
import subprocess
import zlib

import pytest

from tests.recorded import SESSREC, OnTerminal, environment, input_of, lines_of, record

SECRET = b"correct-horse-battery"


@pytest.fixture
def home(tmp_path):
    return tmp_path


def test_without_the_option_nothing_that_is_typed_is_recorded(home):
    session = record(home, "sh", "-c", "stty -echo raw; echo ready; head -c 5 >/dev/null")
    session.until(b"ready")
    session.send(b"typed")
    assert session.finish() == 0
    assert input_of(home / "rec.jsonl") == b""


def test_with_input_what_was_typed_is_recorded_exactly(home):
    session = record(home, "sh", "-c", "stty raw; echo ready; head -c 7 | od -c", options=["--input"])
    session.until(b"ready")
    session.send(b"a\xc3\xa9\xff\x1b[A")
    assert session.finish() == 0
    assert input_of(home / "rec.jsonl") == b"a\xc3\xa9\xff\x1b[A"


@pytest.mark.parametrize(
    "script",
    [
        'read -rsp "Your word? " word; echo; echo "[${#word}]"',
        "python3 -c \"import getpass; print('[%d]' % len(getpass.getpass()))\"",
        # A prompt that only its pattern gives away: keys are read one by one, as behind ssh to another host.
        'printf "[sudo] password for a: "; stty raw -echo; w=$(head -c 22 | tr -d "\\r"); stty sane; echo "[${#w}]"',
    ],
)
def test_a_password_is_found_nowhere_in_the_recording(home, script):
    session = record(home, "bash", "-c", f"echo ready; {script}; read -r line; echo got=$line", options=["--input"])
    session.until(b"ready")
    session.until(b"? " if "read -rsp" in script else b": ")
    session.send(SECRET + b"\r")
    session.until(b"[21]")
    session.send(b"visible\r")
    session.until(b"got=visible")
    assert session.finish() == 0
    everything = (home / "rec.jsonl").read_bytes()
    for length in range(4, len(SECRET) + 1):
        assert SECRET[:length] not in everything
        assert SECRET[-length:] not in everything
    assert b"*" in input_of(home / "rec.jsonl")
    assert b"visible\r" in input_of(home / "rec.jsonl")


def test_a_full_screen_program_in_raw_mode_is_not_masked(home):
    session = record(home, "sh", "-c", "stty raw -echo; echo ready; head -c 5 >/dev/null", options=["--input"])
    session.until(b"ready")
    session.send(b"dd:q!")
    assert session.finish() == 0
    assert input_of(home / "rec.jsonl") == b"dd:q!"


def test_a_prompt_pattern_of_ones_own_hides_what_is_typed_after_it(home):
    script = 'stty raw -echo; printf "Losung> "; head -c 6 >/dev/null'
    options = ["--input", "--prompt-pattern", "Losung> $"]
    session = record(home, "sh", "-c", script, options=options)
    session.until(b"Losung> ")
    session.send(b"gehaim")
    assert session.finish() == 0
    assert input_of(home / "rec.jsonl") == b"*"


def test_a_wrong_prompt_pattern_is_refused_before_anything_runs(home):
    session = record(home, "touch", str(home / "ran"), options=["--input", "--prompt-pattern", "("])
    assert session.finish() == 2
    assert b"Traceback" not in session.seen
    assert not (home / "ran").exists()


def test_typing_and_printing_stand_in_the_order_in_which_they_happened(home):
    session = record(home, "bash", "--norc", "-i", options=["--input"], PS1="> ")
    session.until(b"> ")
    for word in (b"one", b"two"):
        session.send(b"echo " + word + b"$((1+1))\r")
        session.until(word + b"2")
    session.send(b"exit\r")
    assert session.finish() == 0
    timings = "".join(line.decode().split('"timing":"')[1].split('"')[0] for line in lines_of(home / "rec.jsonl"))
    assert timings.index("<") < timings.rindex(">")
    assert input_of(home / "rec.jsonl") == b"echo one$((1+1))\recho two$((1+1))\rexit\r"


def test_the_terminal_is_raw_before_the_first_prompt_so_what_is_typed_ahead_is_echoed_once(home):
    session = record(home, "sh", "-c", "echo go; sleep 0.5; cat", options=["--input"])
    session.until(b"go")
    session.send(b"ahead\r")
    session.until(b"ahead\r\nahead\r\n")
    session.send(b"\x04")
    assert session.finish() == 0
    assert session.seen.count(b"ahead") == 2


def test_a_password_is_found_nowhere_in_the_store(home):
    session = OnTerminal(
        [*SESSREC, "rec", "--input", "--", "bash", "-c", 'read -rsp "word? " w; echo "[${#w}]"'], home
    )
    session.until(b"word? ")
    session.send(SECRET + b"\r")
    session.until(b"[21]")
    assert session.finish() == 0
    (recording,) = (home / "data" / "session-recording" / "recordings").iterdir()
    done = subprocess.run(
        [*SESSREC, "ingest", str(recording)], env=environment(home), capture_output=True, timeout=60
    )
    assert done.returncode == 0
    held = everything_in(home / "data" / "session-recording" / "store.sqlite")
    assert b"word? " in held  # the search below looks where the recording is
    for length in range(4, len(SECRET) + 1):
        assert SECRET[:length] not in held
        assert SECRET[-length:] not in held


def everything_in(store):
    """Every value of every table, blocks of lines unpacked."""
    found = []
    with contextlib.closing(sqlite3.connect(store)) as database:
        tables = [name for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        for table in tables:
            # An index without contents cannot be scanned; the tables behind it are.
            with contextlib.suppress(sqlite3.OperationalError):
                for row in database.execute(f'SELECT * FROM "{table}"'):
                    found += [unpacked(value) for value in row]
    return b"\n".join(found)


def unpacked(value):
    if not isinstance(value, bytes):
        return str(value).encode()
    try:
        return zlib.decompress(value)
    except zlib.error:
        return value
