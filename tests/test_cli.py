"""The command `sessrec` as it is typed: verbs, their absence, and the ways in which a run can end."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

import sessrec

HERE = Path(__file__).parent.parent


def run(*argv, code=None, cwd=HERE, **more):
    command = [sys.executable, "-m", "sessrec", *argv] if code is None else [sys.executable, "-c", code]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False, timeout=60, **more)


def with_verb(tmp_path, source):
    """Python code that runs `sessrec probe ARGV`, where `probe` is a verb made of `source`."""
    (tmp_path / "probe_verb.py").write_text(source)
    return (
        f"import sys; sys.path[:0] = [{str(tmp_path)!r}, {str(HERE)!r}]\n"
        "import sessrec; sessrec.VERBS['probe'] = 'probe_verb'\n"
        "sys.exit(sessrec.main(['probe']))"
    )


def test_help_lists_every_verb_with_one_line():
    done = run("--help")
    assert done.returncode == 0
    assert done.stderr == ""
    listed = [line.split()[0] for line in done.stdout.splitlines() if line[:2] == "  " != line[2:4]]
    assert listed == list(sessrec.VERBS)


def test_no_verb_shows_the_list_as_an_error():
    done = run()
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("usage: sessrec VERB")


def test_an_unknown_verb_is_one_line_with_a_suggestion():
    done = run("serach")
    assert done.returncode == 2
    assert done.stderr == "sessrec: no verb 'serach', did you mean 'search'?; 'sessrec --help' lists them\n"


def test_an_unknown_verb_cannot_speak_to_the_terminal():
    assert "\x1b" not in run("\x1b]0;x\x07").stderr


def test_version_names_the_command():
    done = run("--version")
    assert done.returncode == 0
    assert done.stdout.startswith("sessrec ")


def test_a_recorded_host_without_the_auditor_says_so(tmp_path):
    (tmp_path / "recorder").symlink_to(HERE / "recorder")
    (tmp_path / "sessrec.py").symlink_to(HERE / "sessrec.py")
    # -P: the checkout's own directory, which has the auditor, is not searched.
    code = f"import sys; sys.path.insert(0, {str(tmp_path)!r}); import sessrec; sys.exit(sessrec.main(['list']))"
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", code], capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 1
    assert done.stderr == (
        "sessrec: 'list' is not available here: this installation has no auditor; "
        "run it where the auditor is installed (package freeipa-session-recording-auditor)\n"
    )


def test_a_missing_dependency_is_named(tmp_path):
    done = run(code=with_verb(tmp_path, "import no_such_package"))
    assert done.returncode == 1
    assert "'no_such_package', which is not installed" in done.stderr
    assert done.stderr.count("\n") == 1


def test_an_error_for_people_is_one_line_and_its_status(tmp_path):
    done = run(
        code=with_verb(
            tmp_path,
            "from recorder.errors import SessrecError\n"
            "class Broken(SessrecError):\n    exit_status = 3\n"
            "def main(argv): raise Broken('no such \\x1b[2J recording\\n')\n",
        )
    )
    assert done.returncode == 3
    assert done.stderr == "sessrec: no such \\x1b[2J recording\\n\n"


def test_a_file_that_cannot_be_opened_is_one_line(tmp_path):
    done = run(code=with_verb(tmp_path, "def main(argv): open('/no/such/file')\n"))
    assert (done.returncode, done.stderr) == (1, "sessrec: /no/such/file: No such file or directory\n")


def test_a_bug_keeps_its_traceback(tmp_path):
    done = run(code=with_verb(tmp_path, "def main(argv): raise RuntimeError('bug')\n"))
    assert "Traceback" in done.stderr


def test_ctrl_c_ends_without_a_traceback(tmp_path):
    done = run(code=with_verb(tmp_path, "import os, signal\ndef main(argv): os.kill(os.getpid(), signal.SIGINT)\n"))
    assert (done.returncode, done.stderr) == (130, "")


def test_a_reader_that_goes_away_ends_it_quietly(tmp_path):
    code = with_verb(tmp_path, "def main(argv):\n    print('x' * 1_000_000)\n    return 0\n")
    child = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    child.stdout.close()
    assert child.stderr.read() == b""
    child.stderr.close()
    assert child.wait(60) == 141


def test_output_that_cannot_be_written_is_said(tmp_path):
    code = with_verb(tmp_path, "def main(argv):\n    print('x')\n    return 0\n")
    with open("/dev/full", "w") as full:
        child = subprocess.run([sys.executable, "-E", "-c", code], stdout=full, stderr=subprocess.PIPE, check=False)
    assert (child.returncode, child.stderr) == (1, b"sessrec: No space left on device\n")


def test_arguments_are_parsed_and_the_status_returned(tmp_path):
    source = (
        "HELP = 'h'\n"
        "def add_arguments(parser): parser.add_argument('--n', type=int, default=7)\n"
        "def run(args): return args.n\n"
    )
    assert run(code=with_verb(tmp_path, source)).returncode == 7


def test_text_that_the_terminal_has_no_letters_for_is_escaped(tmp_path):
    source = "HELP = 'h'\ndef add_arguments(parser): pass\ndef run(args):\n    print('\\u65e5')\n    return 0\n"
    done = run(code=with_verb(tmp_path, source), env={**os.environ, "PYTHONIOENCODING": "latin-1"})
    assert (done.returncode, done.stdout) == (0, "\\u65e5\n")


@pytest.mark.parametrize("verb", sessrec.VERBS)
def test_every_verb_that_is_here_has_help(verb):
    try:
        module = sessrec.load(verb)
    except sessrec.NotInstalledError:
        pytest.skip("not built yet")
    assert module.HELP
    assert "\n" not in module.HELP
    assert f"sessrec {verb}" in sessrec.parser(verb, module).format_help()


def test_rec_imports_nothing_heavy_before_the_capture():
    """What stands between a person and the shell: any of these costs as much as the interpreter itself."""
    code = (
        "import sys; before = set(sys.modules)\n"
        "from recorder.configuration import settings; settings.CONFIG_FILE = '/no/such/file'\n"
        "import sessrec; settings.parse(['-o', 'F', '--latency=0.5', '--input', '--', 'true'])\n"
        "print(*sorted(set(sys.modules) - before - set(sys.builtin_module_names)))"
    )
    done = subprocess.run(
        [sys.executable, "-I", "-c", f"import sys; sys.path.insert(0, {str(HERE)!r})\n{code}"],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    loaded = done.stdout.split()
    assert "recorder.configuration.settings" in loaded
    assert [name for name in loaded if name.partition(".")[0] not in ("recorder", "sessrec")] == []
