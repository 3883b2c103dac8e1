"""The character set of a session, as the C library would take it from the same variables."""

import codecs
import os
import subprocess

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recorder.capture import locale_charset
from recorder.capture.locale_charset import known_charset, session_charset
from tests.peers import needs

ALL = sorted(set(locale_charset._CHARSETS.values()))


@pytest.mark.parametrize(
    ("locale", "charset"),
    [
        ("de_DE.UTF-8", "UTF-8"),
        ("de_DE.utf8", "UTF-8"),
        ("C.UTF-8", "UTF-8"),
        ("de_DE.ISO-8859-15@euro", "ISO-8859-15"),
        ("de_DE@euro", "ISO-8859-15"),
        ("de_DE.iso88591", "ISO-8859-1"),
        ("de_DE.88591", "ISO-8859-1"),
        ("de_DE", "ISO-8859-1"),
        ("ru_RU", "ISO-8859-5"),
        ("ru_RU.KOI8-R", "KOI8-R"),
        ("ru_RU.cp1251", "CP1251"),
        ("zh_TW", "BIG5"),
        ("zh_CN.gb18030", "GB18030"),
        ("ja_JP.eucJP", "EUC-JP"),
        ("ja_JP.ujis", "EUC-JP"),
        ("ja_JP.SJIS", "SHIFT_JIS"),
        ("hi_IN", "UTF-8"),
        ("sr_RS@latin", "UTF-8"),
        ("C", "UTF-8"),
        ("POSIX", "UTF-8"),
        ("en_US.ANSI_X3.4-1968", "UTF-8"),
        ("xx_XX.no-such-set", "UTF-8"),
        ("xx_XX", "UTF-8"),
        (".", "UTF-8"),
        ("@", "UTF-8"),
    ],
)
def test_a_locale_names_its_character_set(locale, charset):
    assert session_charset({"LANG": locale}) == charset


def test_the_first_variable_that_is_set_decides():
    environ = {"LC_ALL": "ru_RU.KOI8-R", "LC_CTYPE": "ja_JP.eucJP", "LANG": "de_DE"}
    assert session_charset(environ) == "KOI8-R"
    assert session_charset({**environ, "LC_ALL": ""}) == "EUC-JP"
    assert session_charset({**environ, "LC_ALL": "", "LC_CTYPE": ""}) == "ISO-8859-1"
    assert session_charset({}) == "UTF-8"


@pytest.mark.parametrize("name", ["rot13", "hex", "zlib", "unicode_escape", "utf-7", "utf-16", "idna", "undefined"])
def test_a_user_cannot_name_a_codec_that_is_no_character_set(name):
    assert session_charset({"LANG": f"C.{name}"}) == "UTF-8"


@pytest.mark.parametrize("charset", ALL)
def test_a_reader_has_every_character_set_that_can_be_named(charset):
    ascii_bytes = bytes(range(128))
    assert codecs.lookup(charset)._is_text_encoding
    assert ascii_bytes.decode(charset) == ascii_bytes.decode()
    assert known_charset(charset) == known_charset(charset.lower().replace("-", "_")) == charset


@needs("localedef", "locale")
@pytest.mark.parametrize(
    ("definition", "charmap", "name"),
    [
        ("de_DE@euro", "ISO-8859-15", "de_DE@euro"),
        ("de_DE", "ISO-8859-1", "de_DE"),
        ("ja_JP", "EUC-JP", "ja_JP.eucJP"),
        ("uk_UA", "KOI8-U", "uk_UA"),
    ],
)
def test_the_c_library_takes_the_same_character_set(tmp_path, definition, charmap, name):
    command = ["localedef", "-c", "--no-archive", "-i", definition, "-f", charmap, str(tmp_path / name)]
    if subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("no locale definitions here: apt-get install locales")
    environ = {"PATH": os.environ["PATH"], "LOCPATH": str(tmp_path), "LC_ALL": name}
    told = subprocess.run(["locale", "charmap"], env=environ, capture_output=True, text=True, check=True).stdout
    assert session_charset(environ) == told.strip()


@given(st.dictionaries(st.sampled_from(["LC_ALL", "LC_CTYPE", "LANG"]), st.text()))
def test_prop_any_environment_names_one_of_the_known_sets(environ):
    assert session_charset(environ) in ALL


@given(st.text())
def test_prop_any_name_is_one_of_the_known_sets(name):
    assert known_charset(name) in ALL
