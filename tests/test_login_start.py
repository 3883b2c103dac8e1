"""What starts the login shell: from its byte-code where that is good, and in any case."""

import os
import py_compile
import subprocess
from pathlib import Path

import pytest

from tests.logins import INSTALLED, ROOT

PYTHON = "/usr/bin/python3"
SOURCE = "from posix import write\nwrite(1, b'source')\n"
COMPILED = "from posix import write\nwrite(1, b'stored')\n"
"""Of the same length: told apart from the source by nothing that the byte-code's head has."""


class Program:
    """The starter with a login shell that says where it comes from."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.module = directory / "login_shell.py"
        self.module.write_text(SOURCE)
        self.path = directory / "login-shell"
        self.path.write_text((ROOT / "host/files/login-shell").read_text().replace(INSTALLED, str(self.module)))
        self.path.chmod(0o755)

    def compile(self) -> Path:
        """Byte-code that belongs to the source by its head, and says something else; its path."""
        status = self.module.stat()
        self.module.write_text(COMPILED)
        os.utime(self.module, ns=(status.st_atime_ns, status.st_mtime_ns))
        subprocess.run([PYTHON, "-I", "-m", "compileall", "-q", self.module], check=True)
        self.module.write_text(SOURCE)
        os.utime(self.module, ns=(status.st_atime_ns, status.st_mtime_ns))
        (compiled,) = (self.directory / "__pycache__").iterdir()
        return compiled

    def says(self, cwd: Path | None = None, **variables: str) -> str:
        done = subprocess.run([self.path], capture_output=True, text=True, env=variables, cwd=cwd, timeout=60)
        assert (done.returncode, done.stderr) == (0, "")
        return done.stdout


@pytest.fixture
def program(tmp_path):
    return Program(tmp_path)


def test_nobody_waits_for_what_has_been_compiled(program):
    program.compile()
    assert program.says() == "stored"


def test_without_byte_code_the_login_shell_starts_and_writes_none(program):
    assert program.says() == "source"
    assert not (program.directory / "__pycache__").exists()


def test_byte_code_of_an_older_source_is_not_used(program):
    compiled = program.compile()
    os.utime(program.module, (1, 1))
    before = compiled.read_bytes()
    assert program.says() == "source"
    assert compiled.read_bytes() == before


@pytest.mark.parametrize(
    "broken",
    [
        pytest.param(lambda data: b"", id="empty"),
        pytest.param(lambda data: data[:10], id="half a head"),
        pytest.param(lambda data: data[:16], id="no code"),
        pytest.param(lambda data: data[:-20], id="cut off"),
        pytest.param(lambda data: data[:16] + bytes(len(data) - 16), id="zeros"),
        pytest.param(lambda data: data[:16] + b"N", id="something else"),
        pytest.param(lambda data: b"\0\0" + data[2:], id="another Python's"),
        pytest.param(lambda data: data[:4] + b"\xff" * 4 + data[8:], id="of an unknown kind"),
    ],
)
def test_broken_byte_code_keeps_nobody_out(program, broken):
    compiled = program.compile()
    compiled.write_bytes(broken(compiled.read_bytes()))
    assert program.says() == "source"


def test_byte_code_that_cannot_be_read_keeps_nobody_out(program):
    compiled = program.compile()
    compiled.unlink()
    compiled.mkdir()
    assert program.says() == "source"


def test_neither_variables_nor_the_working_directory_say_what_is_run(program, tmp_path):
    program.compile()
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    for name in ("login_shell.py", "_frozen_importlib_external.py", "posix.py", "sitecustomize.py"):
        (elsewhere / name).write_text("print('somebody else')\n")
    prefix = tmp_path / "prefix"
    cache = prefix / program.module.relative_to("/").with_name(next((tmp_path / "__pycache__").iterdir()).name)
    py_compile.compile(str(elsewhere / "login_shell.py"), str(cache))
    variables = {"PYTHONPATH": str(elsewhere), "PYTHONPYCACHEPREFIX": str(prefix), "PYTHONSTARTUP": str(elsewhere)}
    assert program.says(cwd=elsewhere, **variables) == "stored"
