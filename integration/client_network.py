"""A server of this machine, made reachable in the lab's client, out of whose network nothing leads."""

import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from integration.machine import LAB

LISTEN = """
import socket, sys
out = socket.socket(fileno=int(sys.argv[1]))
listening = socket.create_server(("127.0.0.1", int(sys.argv[2])))
socket.send_fds(out, [b"."], [listening.fileno()])
"""


@contextmanager
def reachable_in_client(port: int) -> Iterator[None]:
    """As the same port of 127.0.0.1 there, as long as this lasts."""
    listening = _listening_in_client(port)
    threading.Thread(target=_accept, args=(listening, port), daemon=True).start()
    try:
        yield
    finally:
        # A thread that waits in accept() is woken by this, and not by close().
        listening.shutdown(socket.SHUT_RDWR)
        listening.close()


def _listening_in_client(port: int) -> socket.socket:
    """A socket stays in the network where it was made, whoever has it."""
    inside = ("nsenter", f"--net=/proc/{_first_process()}/root/run/netns/client")
    here, there = socket.socketpair()
    with here, there:
        subprocess.run(
            [*inside, sys.executable, "-c", LISTEN, str(there.fileno()), str(port)],
            pass_fds=[there.fileno()],
            check=True,
            timeout=20,
        )
        _, (number,), _, _ = socket.recv_fds(here, 1, 1)
    return socket.socket(fileno=number)


def _first_process() -> str:
    """Of the running lab."""
    cache = os.environ.get("LAB_CACHE", "/var/cache/session-recording-lab")
    name = os.environ.get("LAB_NAME", "lab")
    script = f'. "{LAB.parent}/contained.sh"; first_process "{cache}/run/{name}"'
    return subprocess.run(["bash", "-c", script], stdout=subprocess.PIPE, text=True, check=True).stdout.strip()


def _accept(listening: socket.socket, port: int) -> None:
    while True:
        try:
            client, _ = listening.accept()
        except OSError:
            return
        server = socket.create_connection(("127.0.0.1", port))
        for source, target in ((client, server), (server, client)):
            threading.Thread(target=_copy, args=(source, target), daemon=True).start()


def _copy(source: socket.socket, target: socket.socket) -> None:
    try:
        while data := source.recv(65_536):
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)
    except OSError:
        return
