"""Print what this host counts of itself in Prometheus' text format: sessions, bytes, losses, refused logins, what
waits, the age of policies.

With --textfile it is written for node_exporter's collector of text files instead; session-recording-metrics.timer
does so every minute, into the directory of Debian's package. It looks at what `sessrec host status` looks at, but
at nothing that takes long, and wakes no session that sleeps.

examples:
  sessrec host metrics
  sessrec host metrics --textfile /var/lib/prometheus/node-exporter/session-recording.prom
"""

import argparse
from pathlib import Path

HELP = "print numbers for Prometheus"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Where to."""
    parser.add_argument("--textfile", type=Path, metavar="FILE", help="replace this file instead of printing")


def run(args: argparse.Namespace) -> int:
    """Raises MetricsError, and UnknownStatusError for who is not root."""
    import os
    import sys

    from host.status_check import UnknownStatusError

    if os.geteuid() != 0:
        raise UnknownStatusError("must be run as root")
    try:
        from host.metrics import text, write
        from host.metrics_found import found
    except ModuleNotFoundError as error:
        raise UnknownStatusError(
            f"the Python package '{error.name}' is missing here: apt-get install python3-prometheus-client"
        ) from error

    data = text(found())
    if args.textfile is None:
        sys.stdout.write(data.decode())
    else:
        write(args.textfile, data)
    return 0
