"""Watching a session while it goes on."""

from tests.peers import needs
from tests.playing import Window
from tests.recorded import SESSREC, record


@needs("tmux")
def test_a_session_that_goes_on_is_watched_and_its_end_ends_the_player(tmp_path):
    session = record(tmp_path, "bash", "--norc", PS1="prompt> ")
    session.until(b"prompt> ")
    with Window(80, 30, *SESSREC, "play", "-f", tmp_path / "rec.jsonl", home=tmp_path) as window:
        window.until("prompt>")
        session.send(b"echo $((40 + 2)) is the answer\r")
        window.until("42 is the answer")
        window.until("live, waiting")
        window.keys("p")
        window.until("paused")
        session.send(b"echo hidden $((1 + 1))\r")
        session.until(b"hidden 2")

        def at_the_end(rows):
            window.keys("G")  # the recorder may hold the last second back
            return "hidden 2" in rows

        window.until(at_the_end)
        window.keys("/", *"answer", "Enter")
        window.until("hit 1 of ")
        window.keys("G", "p")
        window.until("live, waiting")
        session.send(b"exit\r")
        assert session.finish() == 0
        window.until(lambda _: window.ended())
