"""Sessions of real programs on a PTY, as the packets of a recording."""

import os
import select
import signal
import time

from ptyprocess import PtyProcess

from recorder.formats.message import Input, Output, Resize


def recorded(arguments, keys, home, *, columns=80, rows=24, quiet=0.2, **environment):
    """The packets of a session in which each of `keys` is typed once the program has been quiet."""
    base = {"TERM": "xterm-256color", "LC_ALL": "C.UTF-8", "HOME": str(home), "PATH": os.environ["PATH"]}
    process = PtyProcess.spawn(arguments, dimensions=(rows, columns), env=base | environment, cwd=str(home))
    begun = time.monotonic()
    packets = [Resize(0, columns, rows)]

    def now():
        return int((time.monotonic() - begun) * 1000)

    try:
        for key in [b"", *keys]:
            if key:
                packets.append(Input(now(), key))
                process.write(key)
            wait = 1.0 if key else 5.0
            while select.select([process.fd], [], [], wait)[0]:
                try:
                    data = process.read(65536)
                except EOFError:
                    return packets
                packets.append(Output(now(), data))
                wait = quiet
    finally:
        process.kill(signal.SIGKILL)
        process.close(force=True)
    return packets


def output_of(packets):
    """The packets without what was typed, as most recordings have them."""
    return [packet for packet in packets if not isinstance(packet, Input)]
