"""Settings of the recorder, from options and from the configuration file."""

import re
import tomllib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recorder.configuration import config, options, settings
from recorder.configuration.setting_kinds import Choice, Flag, Seconds, Size, size_text
from recorder.configuration.settings import TABLE, OptionError, Settings
from tests import fuzz
from tests.fuzz import fuzz_config

IN_FILE = [setting for setting in TABLE.values() if setting.in_file]


@pytest.fixture(autouse=True)
def _no_system_configuration(monkeypatch, tmp_path):
    monkeypatch.setattr(settings, "CONFIG_FILE", str(tmp_path / "system.toml"))


def refusal(text):
    with pytest.raises(config.ConfigError) as caught:
        config.parse(text.encode() if isinstance(text, str) else text, "c.toml")
    return str(caught.value)


def test_nothing_set_gives_the_defaults():
    made, command = settings.parse([])
    assert command == []
    assert (made.sink, made.input, made.latency, made.payload, made.spool) == ("file", False, 1.0, 65536, 4 << 20)
    assert (made.on_failure, made.sign_interval, made.command_bytes_limit) == ("deny", 5.0, 1 << 20)


def test_options_may_be_written_in_each_usual_way():
    made, command = settings.parse(["-oF", "--latency=.5", "--payload", "32k", "--input", "--no-input", "ls", "-l"])
    assert command == ["ls", "-l"]
    assert (made.output, made.latency, made.payload, made.input) == ("F", 0.5, 32768, False)


def test_two_hyphens_end_the_options():
    assert settings.parse(["--input", "--", "--input", "--"])[1] == ["--input", "--"]
    assert settings.parse(["--", "-x"])[1] == ["-x"]


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["--latency=5"], '--latency: "5" is out of range 0.05 to 1; write a number of seconds in it'),
        (["--latency=nan"], '--latency: "nan" is not a number; write a number of seconds in it'),
        (["--latency=1_0"], '--latency: "1_0" is not a number; write a number of seconds in it'),
        (["--latency"], "--latency needs a value: --latency SECONDS"),
        (["--latenzy=1"], "unknown option --latenzy, did you mean --latency?; 'sessrec rec --help' lists them"),
        (["--no-latency"], None),
        (["--input=yes"], "--input takes no value: write --input or --no-input"),
        (["-z"], "unknown option -z; 'sessrec rec --help' lists them"),
        (["--sink=printer"], None),
        (["--notice=\x1b[2J"], None),
        (["--notice=a\nb"], None),
        (["--output="], None),
        (["--spool=4Q"], None),
        (["--spool=٤"], None),
        (["--prompt-pattern=("], None),
        (["--journal-namespace=../x"], None),
    ],
)
def test_a_wrong_option_is_one_line_that_says_what_to_write(argv, message):
    with pytest.raises(OptionError) as caught:
        settings.parse(argv)
    assert caught.value.exit_status == 2
    assert str(caught.value).isprintable()
    if message:
        assert str(caught.value) == message


def test_an_option_wins_over_the_file_and_the_file_over_the_default(tmp_path):
    file = tmp_path / "c.toml"
    file.write_text('[rec]\nlatency = 0.25\nspool = "1M"\n')
    made, _ = settings.parse(["--latency=0.5", "--config", str(file)])
    assert (made.latency, made.spool, made.payload) == (0.5, 1 << 20, 65536)


def test_the_system_s_file_is_read_where_it_exists(tmp_path):
    (tmp_path / "system.toml").write_text("[rec]\ninput = true\n")
    assert settings.parse([])[0].input is True


def test_a_system_file_that_cannot_be_read_is_not_the_same_as_none(tmp_path, monkeypatch):
    (tmp_path / "system.toml").mkdir()
    with pytest.raises(config.ConfigError, match="cannot be read"):
        settings.parse([])
    monkeypatch.setattr(settings, "CONFIG_FILE", str(tmp_path / "x" / "config.toml"))
    (tmp_path / "x").write_text("no directory")
    with pytest.raises(config.ConfigError, match="cannot be read"):
        settings.parse([])


def test_a_file_that_was_named_must_exist():
    with pytest.raises(config.ConfigError, match="No such file"):
        settings.parse(["--config=/no/such/file"])


def test_the_environment_configures_nothing(monkeypatch):
    for name in TABLE:
        monkeypatch.setenv(f"SESSREC_{name.upper()}", "0.5")
        monkeypatch.setenv(name.upper(), "0.5")
    assert vars(settings.parse([])[0]) == {}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[rec]\nlatency = 5\n", "2: rec.latency: 5 is out of range 0.05 to 1; write a number of seconds in it"),
        ("# a\n\n[rec]\ninput = true\nlatency = 5\n", "5: rec.latency: 5 is out of range 0.05 to 1;"),
        ("rec.latency = true\n", "1: rec.latency: true is not a number;"),
        ("\nrec = { latency = 'x' }\n", '2: rec.latency: "x" is not a number;'),
        ("[rec]\n'latency' = 5", "2: rec.latency: 5 is out"),
        ('[rec]\n"l\\u0061tency" = 5', "2: rec.latency: 5 is out"),
        ("[rec]\nnotice = '''\nlatency = 5\n'''\n", "2: rec.notice: "),
        ("[rec]\nkey = '/k'\nx = [\n1,\n2]\n", "3: rec.x: unknown setting; write one of sink, directory"),
        ("[rec]\nlatenzy = 1\n", "2: rec.latenzy: unknown setting; did you mean 'latency'?"),
        ("[rec]\n[record]\n", "2: record: unknown section; did you mean 'rec'?"),
        ("[rec]\n[rec.latency]\n", "2: rec.latency: a table is not a number;"),
        ("[[rec]]\n", "1: rec: a list is not a table; write [rec]"),
        ("[rec]\nspool = 0x" + "f" * 5000, "2: rec.spool: this number is out of range 0 to 1G;"),
        ("rec = 5\n", "1: rec: 5 is not a table; write [rec]"),
        ("[rec]\nkey = 'key.pem'\n", '2: rec.key: "key.pem" is not an absolute path;'),
        ("[rec]\noutput = '/x'\n", "2: rec.output: unknown setting;"),
        ("[rec]\nsink = 'printer'\n", '2: rec.sink: "printer" is not one of its values; write "file" or "journald"'),
        ("[rec]\npayload = 100000\n", "2: rec.payload: 100000 is out of range 1K to 64K;"),
        ("[rec\n", "1: not TOML: "),
        ("[rec]\nlatency = 0.5\nlatency = 0.6\n", "3: not TOML: "),
        ("\na = " + "9" * 5000, "2: not TOML: "),
        ("\n\nb = " + "[" * 5000, "3: "),
        (b"\n\xff", "2: not UTF-8;"),
        ("#" * 70_000, "1: longer than"),
    ],
)
def test_a_mistake_in_the_file_has_its_line(text, message):
    said = refusal(text)
    assert said.startswith(f"c.toml:{message}")
    assert said.isprintable()


def test_every_default_may_be_written_in_the_file():
    lines = []
    for setting in IN_FILE:
        text = setting.default_text()
        if text:
            number = isinstance(setting, Flag | Seconds)
            lines.append(f"{setting.name} = {text}" if number else f"{setting.name} = '{text}'")
    values = config.parse("\n".join(["[rec]", *lines]).encode(), "c.toml")
    assert values
    assert values == {name: TABLE[name].default for name in values}


def test_every_setting_is_described_in_help():
    help = re.sub(r"\s+", " ", options.help_text("About."))
    assert "About." in help
    for setting in TABLE.values():
        assert setting.option in help
        assert setting.help.split()[0] in help


def test_help_is_printed_wherever_it_stands(capsys):
    with pytest.raises(SystemExit) as caught:
        settings.parse(["--input", "-o", "F", "--help"], "About rec.")
    assert caught.value.code == 0
    assert "About rec." in capsys.readouterr().out


@pytest.mark.parametrize(
    "text",
    [
        "[sudo] password for ann: ",
        "Password:",
        "ann@host's password: ",
        "Enter passphrase for key '/home/ann/.ssh/id_ed25519': ",
        "First Factor: ",
        "Second Factor (optional): ",
        "Enter PIN for 'token': ",
        "Passwort: ",
        "パス PIN：",
    ],
)
def test_usual_password_prompts_match_the_default_pattern(text):
    assert re.search(Settings().prompt_pattern, text)


@pytest.mark.parametrize("text", ["ann@host:~$ ", "compass: ", "password changed", "spinning: ", "ok: passed"])
def test_ordinary_prompts_do_not(text):
    assert not re.search(Settings().prompt_pattern, text)


@given(st.integers(0, 2**40))
def test_prop_a_size_is_read_as_it_is_shown(value):
    assert Size(0, 0, 2**50, "").from_option(size_text(value)) == value


def valid(setting):
    """(option's text, TOML's text, value) of values that the setting takes."""
    if isinstance(setting, Choice):
        return st.sampled_from(setting.choices).map(lambda v: (v, f'"{v}"', v))
    if isinstance(setting, Flag):
        return st.booleans().map(lambda v: (v, str(v).lower(), v))
    if isinstance(setting, Seconds):
        whole = st.integers(int(setting.low * 100 + 0.999), int(setting.high * 100))
        return whole.map(lambda v: (f"{v / 100:.2f}", f"{v / 100:.2f}", v / 100))
    if isinstance(setting, Size):
        return st.integers(setting.low, setting.high).map(lambda v: (str(v), str(v), v))
    return st.sampled_from(["/a", "/var/x"]).map(lambda v: (v, f"'{v}'", v)).filter(lambda _: setting.form[0] == "a")


usable = [setting for setting in IN_FILE if "namespace" not in setting.name]


@given(st.lists(st.sampled_from(usable).flatmap(lambda s: st.tuples(st.just(s), valid(s))), max_size=8))
def test_prop_options_argparse_and_the_file_agree(chosen):
    import argparse

    argv, lines, values = [], {}, {}
    for setting, (text, toml, value) in chosen:
        if isinstance(setting, Flag):
            argv.append(setting.option if value else f"--no-{setting.option[2:]}")
        else:
            argv += [setting.option, text]
        lines[setting.name] = f"{setting.name} = {toml}"
        values[setting.name] = value
    made, command = settings.parse([*argv, "--", "ls", "-l"])
    assert (vars(made), command) == (values, ["ls", "-l"])
    assert config.parse("\n".join(["[rec]", *lines.values()]).encode(), "c") == values
    parser = argparse.ArgumentParser()
    options.add_arguments(parser)
    parsed = vars(parser.parse_args([*argv, "ls", "-l"]))
    assert parsed.pop("command") == ["ls", "-l"]
    assert parsed == values


@given(st.lists(st.text(max_size=12) | st.sampled_from([s.option for s in TABLE.values()]), max_size=6))
def test_prop_any_command_line_gives_settings_or_one_line(argv):
    try:
        made, command = settings.parse([a for a in argv if a not in ("-h", "--help")])
    except (OptionError, config.ConfigError):
        return
    assert set(vars(made)) <= set(TABLE)
    assert len(command) <= len(argv)


pieces = st.sampled_from(
    ["[rec]", "[rec.x]", "[[rec]]", "rec", "latency", "notice", "=", "\n", ".", "{", "}", "[", "]", "'''", '"', ",",
     "5", "0.5", "true", "1979-05-27", "nan", "#", "\\", "x", " ", "\r\n", "0x" + "f" * 50, "sink", "'file'"]
)  # fmt: skip


@given(st.lists(pieces, max_size=25).map("".join))
def test_prop_any_file_gives_settings_or_an_error_with_its_line(text):
    fuzz_config.target(text.encode())


@given(st.binary(max_size=60))
def test_prop_any_bytes_give_settings_or_an_error_with_their_line(data):
    fuzz_config.target(data)


@given(
    st.lists(st.sampled_from(["", "# latency = 5", "input = true", "notice = '''\nlatency = 5\n'''"]), max_size=6),
    st.sampled_from(["latency = 5", "'latency' = 5", "latency=5 # latency", "latency = [\n5,\n\n]"]),
)
def test_prop_the_line_is_the_statement_s_own(before, mistake):
    text = "\n".join(["[rec]", *dict.fromkeys(before), mistake])
    try:
        tomllib.loads(text)
    finally:
        line = text[: text.rindex(mistake)].count("\n") + 1
    said = refusal(text)
    if "notice" not in said:
        assert said.startswith(f"c.toml:{line}: rec.latency: ")


def test_the_fuzz_target_runs():
    assert fuzz.run(fuzz_config.target, fuzz_config.SEEDS, runs=500, seed=1) > 5
