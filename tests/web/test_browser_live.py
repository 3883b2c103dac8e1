"""A running session in Chromium: it is in the list, and what it prints is seen soon after."""

import signal
import subprocess
import time

import pytest

from tests.recorded import SESSREC, environment, record
from tests.web.browser import Browser, needed
from tests.web.serving import Server
from tests.web.watching import Player, button, part

LATEST = 3.0
"""Seconds until what was printed is seen."""


@pytest.fixture
def live(tmp_path):
    """A shell that is being recorded, and the log pipeline behind it: what its file has is taken into a store."""
    store = tmp_path / "store.sqlite"
    recordings = tmp_path / "recordings"
    recordings.mkdir()
    shell = record(tmp_path, "sh", file=recordings / "live.jsonl", PS1="$ ")
    shell.until(b"$ ")
    follow = [*SESSREC, "ingest", "-q", "--follow", "--store", str(store), str(recordings)]
    ingest = subprocess.Popen(follow, env=environment(tmp_path), stdin=subprocess.DEVNULL)
    deadline = time.monotonic() + 30
    while not store.exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    server = Server(tmp_path, store)
    yield shell, server
    server.close()
    shell.process.terminate(force=True)
    shell.process.close()
    ingest.send_signal(signal.SIGTERM)
    ingest.wait(20)


@pytest.fixture(scope="module")
def window(tmp_path_factory):
    needed()
    browser = Browser(tmp_path_factory.mktemp("live"))
    yield browser
    browser.close()


def test_a_running_session_is_seen_as_it_goes_on_until_it_ends(window, live):
    shell, server = live
    window.go(server.address())

    def listed():
        window.go(f"{server.base}/sessions?state=live")
        return window.find("table.list tbody a")

    window.until(listed, "the running session is not in the list")
    window.click("table.list tbody a")
    player = Player(window)
    window.see(part("edge"), "Live")
    player.shows("$")
    # By itself it shows what is printed now; each time a little later.
    delays = []
    for number in range(5):
        shell.send(b"echo seen-$((%d+1000))\n" % number)
        printed = time.monotonic()
        shell.until(b"seen-%d" % (1000 + number))
        player.shows(f"seen-{1000 + number}")
        delays.append(time.monotonic() - printed)
    assert sorted(delays)[2] < LATEST, delays
    # Watching what was before, it does not jump; and back to what is now with one click.
    player.pressed("r")
    player.pause()
    shell.send(b"echo meanwhile-$((1+1))\n")
    shell.until(b"meanwhile-2")
    time.sleep(1)
    assert "meanwhile-2" not in player.screen()
    window.click(button("edge"))
    player.shows("meanwhile-2")
    shell.send(b"exit\n")
    window.see(part("over"), "has ended")
    window.until(lambda: "ended" in window.text(part("state")), "it still says that it runs")
    assert window.console() == []
