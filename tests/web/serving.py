"""`sessrec serve --local` as a process, and what a person's account has."""

import os
import re
import signal
import subprocess
import threading
import urllib.request
from http.cookiejar import CookieJar

from tests.recorded import SESSREC, environment


class Server:
    """Serves a store to whoever opens `address()`. `home` is that person's home directory."""

    def __init__(self, home, store, *options, **variables):
        command = [*SESSREC, "serve", "--local", "--store", str(store), "--ledger", str(home / "ledger.db"), *options]
        self.errors = open(home / "serve.err", "ab")  # noqa: SIM115 - as long as the process
        self.process = subprocess.Popen(
            command,
            env=environment(home, TZ="UTC", **variables),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=self.errors,
            text=True,
        )
        self._first = self._printed()
        self.base = re.match(r"https?://[^/]+", self._first)[0]

    def address(self):
        """An address that signs one browser in."""
        if self._first:
            address, self._first = self._first, ""
            return address
        self.process.send_signal(signal.SIGUSR1)
        return self._printed()

    def _printed(self):
        timer = threading.Timer(30, self.process.kill)
        timer.start()
        line = self.process.stdout.readline()
        timer.cancel()
        found = re.search(r"https?://\S+", line)
        assert found, f"serve printed {line!r}, and {self.said()}"
        return found[0]

    def client(self):
        """A program that is signed in: `urllib`'s opener."""
        opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(CookieJar()))
        opener.open(self.address(), timeout=30).read()
        return opener

    def said(self):
        """What it told the administrator."""
        self.errors.flush()
        with open(self.errors.name) as file:
            return file.read()

    def memory(self):
        """MiB that the process has of its own and in memory now."""
        with open(f"/proc/{self.process.pid}/status") as file:
            return int(re.search(r"VmRSS:\s+(\d+)", file.read())[1]) / 1024

    def processor(self):
        """Seconds of the processor that it has used."""
        with open(f"/proc/{self.process.pid}/stat") as file:
            fields = file.read().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def close(self):
        self.process.terminate()
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process.stdout.close()
        self.errors.close()
