"""`sessrec verify` as it is typed: one answer on standard output, the reason on standard error."""

import io
import json
import os
import sys
import threading

import pytest

import sessrec
from recorder.keys import signing_key
from tests.golden import KEY, RECORDING, golden_lines
from tests.sealing import REC, key_of, line_of, messages, sealed_recording

LINES = golden_lines()


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    (tmp_path / "session-recording" / "recordings").mkdir(parents=True)
    return tmp_path / "session-recording"


def run(capsys, *arguments):
    status = sessrec.main(["verify", *map(str, arguments)])
    captured = capsys.readouterr()
    return status, captured.out, captured.err


@pytest.fixture
def four(tmp_path):
    """A recording for every answer."""
    changed = [line.replace(b"alice@", b"mallory@") for line in LINES]
    files = {"complete": LINES, "truncated at 4": LINES[:6], "tampered at 2": changed}
    files["unsigned"] = [line_of(fields) for fields in messages(["x"])]
    for name, lines in files.items():
        (tmp_path / name).write_bytes(b"".join(lines))
    return tmp_path


@pytest.mark.parametrize(
    ("answer", "expected"), [("complete", 0), ("truncated at 4", 3), ("tampered at 2", 4), ("unsigned", 5)]
)
def test_the_answer_stands_alone_and_the_status_tells(capsys, four, answer, expected):
    status, out, err = run(capsys, "--key", KEY, four / answer)
    assert (status, out) == (expected, f"{answer}\n")
    assert bool(err) == (answer != "complete")


def test_a_key_that_is_not_trusted_is_named(capsys, home):
    status, out, err = run(capsys, RECORDING)
    assert (status, out) == (5, "unsigned\n")
    assert signing_key.load_public(KEY).key_id in err
    assert sessrec.main(["key", "trust", str(KEY)]) == 0
    capsys.readouterr()
    assert run(capsys, RECORDING) == (0, "complete\n", "")


def test_the_own_key_is_trusted_and_so_is_the_one_before(capsys, home):
    key = signing_key.create(home / "key.pem")
    (home / "recordings" / f"{REC}.jsonl").write_bytes(b"".join(sealed_recording(["x"], key, began=key.created + 1)))
    assert run(capsys, REC[:8]) == (0, "complete\n", "")
    sessrec.main(["key", "create", "--replace"])
    capsys.readouterr()
    assert run(capsys, REC) == (0, "complete\n", "")


def test_another_recording_in_the_place_of_one_is_found(capsys, home):
    key = signing_key.create(home / "key.pem")
    other = sealed_recording(["harmless"], key, rec="other", began=key.created + 1)
    (home / "recordings" / f"{REC}.jsonl").write_bytes(b"".join(other))
    status, out, err = run(capsys, REC)
    assert (status, out) == (4, "tampered at 1\n")
    assert "it is recording other" in err


def test_of_several_each_is_named_and_the_gravest_is_the_status(capsys, four):
    names = ["complete", "truncated at 4", "unsigned", "tampered at 2"]
    paths = [four / name for name in names]
    for count, expected in enumerate([0, 3, 5, 4], 1):
        status, out, _ = run(capsys, "--key", KEY, *paths[:count])
        assert out == "".join(f"{path}: {path.name}\n" for path in paths[:count]) or count == 1
        assert status == expected


def test_of_several_one_that_cannot_be_read_does_not_stop_the_others(capsys, four):
    status, out, err = run(capsys, "--key", KEY, four / "missing", four, four / "complete", four / "unsigned")
    assert status == 1
    assert out == f"{four / 'complete'}: complete\n{four / 'unsigned'}: unsigned\n"
    assert "missing: no file and no recording" in err
    assert "Is a directory" in err
    assert run(capsys, "--key", KEY, four / "missing", four / "tampered at 2")[0] == 4


def test_what_is_not_there_is_an_error(capsys):
    status, out, err = run(capsys, "missing")
    assert (status, out) == (1, "")
    assert err.count("\n") == 1


def test_as_json(capsys, four):
    _, out, err = run(capsys, "--key", KEY, "--json", four / "truncated at 4", four / "unsigned")
    truncated, unsigned = map(json.loads, out.splitlines())
    assert err == ""
    reason = truncated.pop("reason")
    assert "5 to 6" in reason
    key_id = signing_key.load_public(KEY).key_id
    name = str(four / "truncated at 4")
    assert truncated == {"name": name, "verdict": "truncated", "at": 4, "proven": 4, "rec": REC, "key_id": key_id}
    assert (unsigned["verdict"], unsigned["at"]) == ("unsigned", None)


def test_a_recording_from_a_pipe(capsys, tmp_path):
    os.mkfifo(tmp_path / "pipe")
    writer = threading.Thread(target=(tmp_path / "pipe").write_bytes, args=(b"".join(LINES),))
    writer.start()
    assert run(capsys, "--key", KEY, tmp_path / "pipe")[:2] == (0, "complete\n")
    writer.join()


def test_a_recording_cannot_speak_to_the_auditors_terminal(capsys, tmp_path):
    evil = "\x1b]0;owned\x07\u202e\nsecond line"
    lines = sealed_recording(["x"], key_of("evil"))
    spoiled = [
        line_of(json.loads(line) | {"key": evil} if b'"key":"' in line else json.loads(line)) for line in lines
    ]
    path = tmp_path / f"name\x1b[2J{evil[-4:]}"
    path.write_bytes(b"".join(spoiled))
    for arguments in ([path], [path, RECORDING], ["--json", path]):
        _, out, err = run(capsys, *arguments)
        assert all(line.isprintable() for line in (out + err).split("\n"))
        assert "second line" not in err.split("\n")


def test_an_open_private_key_is_not_believed(capsys, home):
    signing_key.create(home / "key.pem")
    (home / "key.pem").chmod(0o644)
    status, out, err = run(capsys, RECORDING)
    assert (status, out) == (1, "")
    assert "can be read by others" in err


def test_no_recording_is_wrong_usage(capsys, monkeypatch):
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    with pytest.raises(SystemExit) as caught:
        run(capsys)
    assert caught.value.code == 2
