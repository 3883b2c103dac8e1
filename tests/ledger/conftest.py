"""`sessrec` within the test's own process: an interpreter for each of so many calls would take most of the time."""

import subprocess

import pytest

from sessrec import main


@pytest.fixture
def sessrec(monkeypatch, capfd):
    """As tests.recordings.sessrec: `sessrec(home, *argv)` gives the completed process, with text."""

    def run(home, *argv):
        monkeypatch.setenv("XDG_DATA_HOME", str(home))
        monkeypatch.setenv("TZ", "UTC")
        capfd.readouterr()
        try:
            status = main([str(each) for each in argv])
        except SystemExit as end:  # argparse
            status = end.code
        printed = capfd.readouterr()
        return subprocess.CompletedProcess(argv, status, printed.out, printed.err)

    return run
