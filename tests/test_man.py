"""Man pages: from the same definitions as --help, and readable by man and mandoc without a complaint."""

import re
import subprocess

import pytest

import sessrec
from docs import man
from recorder.configuration import config
from recorder.configuration.host_settings import HOST_TABLE
from recorder.configuration.settings import TABLE
from tests.peers import needs


def installed(verb):
    try:
        return sessrec.load(verb)
    except sessrec.NotInstalledError:
        pytest.skip("not built yet")


def shown(source):
    """A page as a person reads it, without lines and emphasis."""
    text = re.sub(r"\\f[BIP]|\\&", "", source).replace("\\-", "-").replace("\\e", "\\")
    return re.sub(r"\s+", " ", text)


def options(parser):
    for action in parser._actions:
        yield from action.option_strings
        if hasattr(action, "_choices_actions"):
            for below in action.choices.values():
                yield below.prog
                yield from options(below)


@pytest.mark.parametrize("verb", sessrec.VERBS)
def test_every_option_of_a_verb_stands_in_its_page(verb):
    module = installed(verb)
    page = shown(man._verb(verb))
    assert f"sessrec-{verb} - {module.HELP}" in page
    for option in options(sessrec.parser(verb, module)):
        assert option in page


@pytest.mark.parametrize("verb", sessrec.VERBS)
@needs("mandoc")
def test_a_verb_s_page_is_clean(verb):
    installed(verb)
    assert complaints(man._verb(verb)) == ""


@needs("mandoc")
def test_the_other_pages_are_clean():
    assert complaints(man._configuration()) == ""
    assert complaints(man._server_installer()) == ""
    if len([verb for verb in sessrec.VERBS if installed(verb)]) == len(sessrec.VERBS):
        assert complaints(man._overview()) == ""


@needs("mandoc")
def test_what_is_written_is_what_is_read():
    """Backslashes, leading dots and hyphens survive the way through roff."""
    text = r"a \b c --long '. . -x .start 'quote"
    source = man._page("x", 1, "about", man._section("DESCRIPTION", man._prose(f".{text}\n\n    .indented \\n -y")))
    page = re.sub(r"\s+", " ", rendered(source))
    assert f".{text}" in page
    assert ".indented \\n -y" in page


@pytest.mark.parametrize(("section", "table"), [("rec", TABLE), ("host", HOST_TABLE)])
def test_every_setting_of_the_file_stands_in_its_page_with_its_default(section, table):
    _, _, after = shown(man._configuration()).partition(f"SETTINGS OF [{section}]")
    page = after.partition(".SH ")[0]
    for setting in table.values():
        assert (f"{setting.name} = " in page) == setting.in_file
        if setting.in_file:
            assert re.sub(r"\s+", " ", setting.help) in page
            assert setting.default_text() in page


@needs("mandoc")
def test_the_examples_of_the_page_are_valid_configurations_line_by_line():
    page = [line.strip() for line in rendered(man._configuration()).splitlines()]
    for example in (man.EXAMPLE, man.HOST_EXAMPLE):
        start = page.index(example.splitlines()[0])
        assert page[start : start + example.count("\n")] == example.splitlines()
    assert config.parse(man.EXAMPLE.encode(), "example")["spool"] == 16 << 20
    host = config.parse(man.HOST_EXAMPLE.encode(), "example", config.HOST_SECTION, HOST_TABLE)
    assert host["shells"] == {"carol": "/bin/zsh"}


def complaints(source):
    done = subprocess.run(
        ["mandoc", "-Tlint", "-Wwarning"], input=source, capture_output=True, text=True, check=False, timeout=60
    )
    return done.stdout + done.stderr


def rendered(source):
    done = subprocess.run(
        ["mandoc", "-Tutf8", "-Owidth=200"], input=source, capture_output=True, text=True, check=True, timeout=60
    )
    return re.sub(r".\x08", "", done.stdout)
