"""The option for the file of policies."""

import argparse
from pathlib import Path

from auditor.ledger.retention_policies import FILE


def add_policies_argument(parser: argparse.ArgumentParser) -> None:
    """The option --policies."""
    parser.add_argument("--policies", type=Path, metavar="FILE", default=FILE, help=f"the policies (default: {FILE})")
