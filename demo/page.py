"""The page in the browser: served for as long as the demonstration shows it."""

import json
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.cookiejar import CookieJar
from pathlib import Path
from threading import Timer
from urllib.error import URLError
from urllib.request import HTTPCookieProcessor, build_opener

from demo.failure import DemoFailed, expect

PATIENCE = 30
"""Seconds for a server to start, to answer and to end."""


def shown(sessrec: Path, environment: Mapping[str, str], rec: str) -> None:
    """Serve the page and see that the recording is on it. At a terminal it stays until Enter, for whoever sits there.
    Raises DemoFailed."""
    with _serving(sessrec, environment) as process:
        address = _address(process)
        print(address)
        expect(rec in _listed(address), f"the page does not list the recording {rec}")
        print("the recording is on the page")
        if sys.stdin.isatty() and sys.stdout.isatty():
            # That address was good for one browser, ours.
            process.send_signal(signal.SIGUSR1)
            print(f"\nOpen it, and press Enter here when you have seen enough:\n{_address(process)}", flush=True)
            sys.stdin.readline()
    expect(process.returncode == 0, f"'sessrec serve' ended with status {process.returncode}")


@contextmanager
def _serving(sessrec: Path, environment: Mapping[str, str]) -> "Iterator[subprocess.Popen[str]]":
    process = subprocess.Popen(
        [str(sessrec), "serve", "--local"],
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        yield process
        process.terminate()
        process.wait(PATIENCE)
    except subprocess.TimeoutExpired as error:
        raise DemoFailed("'sessrec serve' does not end") from error
    finally:
        process.kill()
        process.wait()


def _address(process: "subprocess.Popen[str]") -> str:
    """That which signs in, from the server's next line about it."""
    assert process.stdout is not None
    said = ""
    silent = Timer(PATIENCE, process.kill)
    silent.start()
    try:
        for line in process.stdout:
            if "http://" in line:
                return "http://" + line.strip().partition("http://")[2]
            said = line.strip()
    finally:
        silent.cancel()
    raise DemoFailed(f"'sessrec serve' says no address: {said}")


def _listed(address: str) -> list[str]:
    """The ids of the recordings on the page, after signing in."""
    opener = build_opener(HTTPCookieProcessor(CookieJar()))
    try:
        opener.open(address, timeout=PATIENCE).close()
        with opener.open(f"{address.partition('/sign-in')[0]}/api/recordings", timeout=PATIENCE) as answer:
            return [str(each["rec"]) for each in json.load(answer)["recordings"]]
    except (URLError, ValueError, KeyError) as error:
        raise DemoFailed(f"the page does not answer: {error}") from error
