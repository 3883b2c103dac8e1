"""When a wheel is built, the files of the player go into it."""

import subprocess
import sys
from pathlib import Path

from setuptools.command.build_py import build_py


class BuildWithPlayer(build_py):
    """The build of the packages, with the player brought before. Where that fails it warns, and the wheel has none:
    hosts that only record need no page."""

    def run(self) -> None:
        """See setuptools."""
        # By its path: what builds has none of this package on its own.
        subprocess.run([sys.executable, str(Path(__file__).with_name("player_files.py"))], check=False)
        super().run()
