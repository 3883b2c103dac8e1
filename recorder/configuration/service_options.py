"""What the recorder's services are told when they are started, so that a test can run them elsewhere."""

import argparse
from pathlib import Path

from recorder.configuration.settings import CONFIG_FILE


def service_options(program: str, description: str, arguments: list[str]) -> argparse.Namespace:
    """`run` and `state`, Paths, and `config`."""
    parser = argparse.ArgumentParser(prog=program, description=description.partition("\n")[0])
    parser.add_argument("--run", type=Path, default=Path("/run/session-recording"), help="runtime directory")
    parser.add_argument("--config", default=CONFIG_FILE, help="configuration file")
    parser.add_argument("--state", type=Path, default=Path("/var/lib/session-recording"), help="where the key is")
    return parser.parse_args(arguments)
