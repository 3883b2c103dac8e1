"""What hosts say of their sessions is made fit to be shown.

FreeIPA's own test runner runs this on a server of its own, where alone the module can be imported.
"""

from datetime import datetime, timedelta

from ipaserver.plugins.recordedsession_entry import is_stale, moment, shown, state


def test_printable_text_stays_as_it_is() -> None:
    for text in ("alice", "DOMAIN\\bob", "jürgen@ad.example", "pts/0"):
        assert shown(text) == shown(text.encode()) == text


def test_what_is_no_text_is_shown() -> None:
    assert shown(b"\xff\x00") == "\\xff\\x00"


def test_escapes_do_not_make_a_value_longer_than_others() -> None:
    assert len(shown("\x1b" * 10_000)) == len(shown("x" * 10_000))


def test_only_states_of_sessions_are_states() -> None:
    assert state([b"Running"]) == "running"
    assert state([b"running", b"ended"]) == "unknown (ended, running)"
    assert state([]) == "unknown ()"


def test_a_host_is_stale_after_three_heartbeats_without_a_word() -> None:
    now = datetime(2026, 1, 1, 12)
    assert not is_stale(now - timedelta(seconds=900), True, 300, now)
    assert is_stale(now - timedelta(seconds=901), True, 300, now)
    assert is_stale(now, False, 300, now)
    assert is_stale(None, True, 300, now)


def test_times_are_read_as_hosts_write_them() -> None:
    assert moment(b"20260102030405Z") == datetime(2026, 1, 2, 3, 4, 5)
    for value in (b"", b"20260102030405.5Z", b"20260102030405+0100", b"00000102030405Z", b"\xff"):
        assert moment(value) is None
