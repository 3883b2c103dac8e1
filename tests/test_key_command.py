"""`sessrec key` as it is typed."""

import json

import pytest

import sessrec
from recorder.keys import host_directory, signing_key
from tests.golden import KEY, RECORDING


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    return tmp_path / "session-recording"


def run(capsys, *arguments):
    status = sessrec.main(["key", *map(str, arguments)])
    captured = capsys.readouterr()
    return status, captured.out, captured.err


def test_without_a_key_it_says_how_to_make_one(capsys):
    status, out, err = run(capsys, "show")
    assert (status, out) == (1, "")
    assert "`sessrec key create` makes one" in err


def test_a_key_is_created_and_shown(capsys, home):
    assert run(capsys, "create")[0] == 0
    key = signing_key.load(home / "key.pem")
    status, out, _ = run(capsys, "show")
    assert status == 0
    for shown in (key.key_id, key.public.raw.hex(), str(home / "key.pem")):
        assert shown in out
    expected = {
        "key": key.key_id,
        "public_key": key.public.raw.hex(),
        "created": key.created,
        "path": str(home / "key.pem"),
    }
    assert json.loads(run(capsys, "show", "--json")[1]) == expected


def test_a_key_is_not_overwritten(capsys, home):
    run(capsys, "create")
    before = (home / "key.pem").read_bytes()
    status, _, err = run(capsys, "create")
    assert status == 1
    assert "--replace" in err
    assert (home / "key.pem").read_bytes() == before


def test_a_replaced_key_leaves_its_public_half_to_verify_with(capsys, home):
    run(capsys, "create")
    old = signing_key.load(home / "key.pem")
    assert run(capsys, "create", "--replace")[0] == 0
    assert signing_key.load(home / "key.pem").key_id != old.key_id
    assert signing_key.load_public(home / "keys" / f"{old.key_id}.pub").raw == old.public.raw
    private = [path for path in home.rglob("*") if path.is_file() and b"PRIVATE" in path.read_bytes()]
    assert private == [home / "key.pem"]


def test_an_exported_key_can_be_trusted_by_somebody_else(capsys, home, tmp_path):
    run(capsys, "create", "--key", tmp_path / "alice" / "key.pem")
    _, out, _ = run(capsys, "export", "--key", tmp_path / "alice" / "key.pem")
    (tmp_path / "alice.pub").write_text(out)
    status, out, _ = run(capsys, "trust", tmp_path / "alice.pub")
    key_id = signing_key.load(tmp_path / "alice" / "key.pem").key_id
    assert status == 0
    assert key_id in out
    assert (home / "keys" / f"{key_id}.pub").is_file()


def test_a_private_key_is_not_taken_for_a_public_one(capsys, home):
    run(capsys, "create")
    status, _, err = run(capsys, "trust", home / "key.pem")
    assert status == 1
    assert "holds no public Ed25519 key" in err


def test_a_trusted_key_can_be_trusted_again(capsys):
    assert run(capsys, "trust", KEY)[0] == run(capsys, "trust", KEY)[0] == 0


def test_a_key_can_be_trusted_for_one_host(capsys, home):
    assert run(capsys, "trust", KEY, "--host", "Web1.example.test")[0] == 0
    key = signing_key.load_public(KEY)
    path = home / "keys" / "web1.example.test" / f"{key.key_id}.pub"
    assert signing_key.load_public(path).host == "web1.example.test"
    status, _, err = run(capsys, "trust", path, "--host", "web2.example.test")
    assert (status, err) == (1, "sessrec: this is the key of web1.example.test\n")
    assert run(capsys, "trust", KEY, "--host", "../web1")[0] == 1
    assert sessrec.main(["verify", str(RECORDING)]) == 0


def test_a_machine_that_is_not_enrolled_is_told_to_name_a_server(capsys, monkeypatch, tmp_path):
    monkeypatch.setattr(host_directory, "FREEIPA", tmp_path / "none")
    status, out, err = run(capsys, "fetch")
    assert (status, out) == (1, "")
    assert err == "sessrec: this machine is not enrolled in FreeIPA: say --server NAME\n"


def test_an_action_is_needed(capsys):
    with pytest.raises(SystemExit) as caught:
        run(capsys)
    assert caught.value.code == 2
