"""A recorded session's worker as far as its control socket goes, and a directory with the rights of hosts there."""

import json
import os
import socket
import threading
import time

from sssd_responder.sessions.session_entries import Entry, RefusedError

HOST = "fqdn=client.lab.test,cn=computers,cn=accounts,dc=lab,dc=test"
OTTO = "uid=otto,cn=users,cn=accounts,dc=lab,dc=test"


def description(rec, **changed):
    return {
        "rec": rec,
        "user": "bob",
        "uid": 1002,
        "auid": 1002,
        "session": 7,
        "terminal": "pts/0",
        "pty": "pts/1",
        "from": "192.0.2.7",
        "policies": ["contractors"],
        "leader": os.getpid(),
        "worker": os.getpid(),
        "started": 1_700_000_000,
        "command": ["/bin/bash"],
        "kind": "terminal",
        **changed,
    }


class Worker:
    """Serves one session's files in a directory until `end`. `asked` is what it was asked for, and by whom.

    `answer`, if set, replaces what it would say. Watchers get `screen`, and then what `print` is told.
    """

    def __init__(self, directory, rec, **changed):
        self.state = "running"
        self.asked = []
        self.answer = None
        self.columns, self.rows = 80, 24
        self.screen = b""
        self.watchers = []
        self.description = description(rec, **changed)
        self._json = directory / f"{rec}.json"
        self._json.write_text(json.dumps(self.description))
        self._path = directory / f"{rec}.socket"
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        opened = os.open(directory, os.O_PATH)
        self._listener.bind(f"/proc/self/fd/{opened}/{rec}.socket")
        os.close(opened)
        self._listener.listen()
        threading.Thread(target=self._serve, daemon=True).start()

    def end(self):
        """As a worker ends: its watchers are told by the end of their connections, its files are gone."""
        self.kill()
        self._json.unlink(missing_ok=True)
        self._path.unlink(missing_ok=True)

    def kill(self):
        """Killed, it leaves its files."""
        if self._listener.fileno() >= 0:
            self._listener.shutdown(socket.SHUT_RDWR)
            self._listener.close()
        for watcher in self.watchers:
            watcher.close()

    def print(self, data):
        for watcher in self.watchers:
            watcher.send(b"o" + data)

    def resize(self, columns, rows):
        for watcher in self.watchers:
            watcher.send(b"r%dx%d" % (columns, rows))

    def _serve(self):
        while True:
            try:
                connection, _ = self._listener.accept()
                self._serve_one(connection)
            except OSError:
                return

    def _serve_one(self, connection):
        data = connection.recv(65536)
        if not data:
            connection.close()
            return
        said = json.loads(data)
        self.asked.append((said["ask"], said["by"]))
        self.state = {"suspend": "suspended", "resume": "running", "terminate": "ended"}.get(said["ask"], self.state)
        answer = {"state": self.state}
        if said["ask"] == "watch":
            answer |= {"columns": self.columns, "rows": self.rows}
        connection.send(json.dumps(answer).encode() if self.answer is None else self.answer)
        if said["ask"] == "watch":
            if self.screen:
                connection.send(b"o" + self.screen)
            self.watchers.append(connection)
        else:
            connection.close()


class MemoryDirectory:
    """What FreeIPA's directory has of one host, and what it lets that host do. `wants` is what an auditor does."""

    def __init__(self):
        self.own = HOST
        self.sessions = {}
        self.host = False
        self.beats = 0
        self.problem = None
        self.reads = 0
        self.opened = self.closed = 0
        self._clock = 0
        self._read_to = 0
        self.before_removal = None

    def connect(self):
        self._try()
        self.opened += 1
        self._read_to = 0
        return self

    def wants(self, rec, state, by=OTTO):
        self._write(rec, wanted=state, modifier=by)

    def _try(self):
        if self.problem:
            raise self.problem

    def _write(self, rec, **changed):
        self._clock += 1
        self.sessions[rec] = Entry(**{**self.sessions[rec].__dict__, "stamp": f"{self._clock:014}Z", **changed})

    # Entries, as session_entries has it.

    def heartbeat(self):
        self._try()
        return 300

    def read(self):
        self._try()
        self.reads += 1
        self._read_to = self._clock
        return dict(self.sessions) if self.host else None

    def changed(self):
        self._try()
        return self._clock > self._read_to

    def add_host(self):
        self._try()
        self.host = True

    def seen(self):
        self._try()
        self.beats += 1

    def remove_host(self):
        self._try()
        if self.sessions:
            raise RefusedError("not a leaf")
        self.host = False

    def add(self, session, state):
        self._try()
        if not self.host:
            raise RefusedError("no entry above")
        self.sessions[session.rec] = Entry(f"cn={session.rec}", session.rec, state)
        self._write(session.rec, modifier=HOST)

    def report(self, entry, state):
        self._try()
        self._write(entry.rec, state=state, modifier=HOST)

    def remove(self, entry):
        self._try()
        if self.before_removal:
            self.before_removal()
        now = self.sessions[entry.rec]
        if now.wanted and now.state != "ended":
            raise RefusedError("something is wanted")
        del self.sessions[entry.rec]

    def close(self):
        self.closed += 1


def until(condition, seconds=10):
    """Wait for something that another thread or process does."""
    end = time.monotonic() + seconds
    while not (met := condition()):
        assert time.monotonic() < end, "it does not happen"
        time.sleep(0.01)
    return met
