"""The chain and what is signed, written out by hand."""

import hashlib
import subprocess
import sys

from hypothesis import given
from hypothesis import strategies as st

from recorder.formats import chain


def test_the_chain_starts_from_the_recording_id():
    assert chain.start("é") == hashlib.sha256(b"freeipa-session-recording chain 1\0\xc3\xa9").digest()


def test_the_signed_text_names_the_recording_and_the_message():
    assert chain.signed_text("é", 12, b"v" * 32) == b"freeipa-session-recording seal 1\0\xc3\xa9\x0012\0" + b"v" * 32


@given(st.binary(min_size=32, max_size=32), st.lists(st.binary()))
def test_prop_a_message_in_parts_is_the_message_as_a_whole(value, parts):
    assert chain.advance(value, *parts) == hashlib.sha256(value + b"".join(parts)).digest()


@given(st.lists(st.binary(), min_size=1, max_size=8, unique=True), st.data())
def test_prop_every_message_and_its_place_decide_the_last_value(texts, data):
    def last(texts):
        value = chain.start("rec")
        for text in texts:
            value = chain.advance(value, text)
        return value

    index = data.draw(st.integers(0, len(texts) - 1))
    changed = data.draw(st.binary().filter(lambda text: text != texts[index]))
    assert last([*texts[:index], changed, *texts[index + 1 :]]) != last(texts)
    assert last(texts[:index] + texts[index + 1 :]) != last(texts)
    assert last([*texts[:index], texts[index], *texts[index:]]) != last(texts)


def test_the_recorded_session_waits_for_hashlib_only():
    code = "import sys, hashlib; old = set(sys.modules); import recorder.formats.chain; print(set(sys.modules) - old)"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert set(eval(found)) == {"recorder", "recorder.formats", "recorder.formats.chain"}
