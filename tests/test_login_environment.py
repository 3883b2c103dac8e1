"""What a recorded user brings along (variables, dotfiles, shells) changes nothing of his recording, nor it them."""

import os
import shlex
import subprocess
from pathlib import Path

import pytest

from host.loader_environment import VARIABLES
from tests.logins import USER, Login, made
from tests.recorded import output_of

HOSTILE = {
    "PYTHONPATH": "/tmp",
    "PYTHONHOME": "/nonexistent",
    "PYTHONSTARTUP": "/nonexistent.py",
    "PYTHONINSPECT": "1",
    "PYTHONWARNINGS": "error",
    "PYTHONCOERCECLOCALE": "warn",
    "PYTHONUTF8": "nonsense",
    "LD_LIBRARY_PATH": "/nonexistent",
    "LD_BIND_NOW": "1",
    "TERM": "x" * 5000,
    "SHELL": "/bin/false",
    "BASH_ENV": "/nonexistent",
    "ENV": "/nonexistent",
    "IFS": "abc",
    "SSH_ORIGINAL_COMMAND": "internal-sftp",
    "SSH_CONNECTION": "forged 1 forged 2",
    "odd name": "with = and\nnewline",
    "bytes": "\udcff\udc80",
    "EMPTY": "",
}
"""What a user may have set before the login shell begins."""


@pytest.fixture
def host():
    with made() as host:
        yield host


def use_shell(host, path):
    text = host.config.read_text()
    host.config.write_text(text.replace('"/bin/bash"', '"' + str(path).replace("\n", "\\n") + '"'))


def environment_of(data):
    """As it stands in memory, in its order."""
    return [entry for entry in data.split(b"\0") if entry]


def on_pipes(host, *arguments, variables, uid=USER, **options):
    """Run the login shell without a terminal, in no other environment than `variables`."""
    become = ["setpriv", f"--reuid={uid}", f"--regid={uid}", "--clear-groups", "--", host.login_shell, *arguments]
    return subprocess.run(
        [*host.inside, *become], env=variables, capture_output=True, timeout=60, stdin=subprocess.DEVNULL, **options
    )


LOCALES = (
    {},
    {"LC_CTYPE": "C"},
    {"LC_CTYPE": "POSIX"},
    {"LC_CTYPE": ""},
    {"LC_CTYPE": "C.UTF-8"},
    {"LC_CTYPE": "xx_YY.UTF-8"},
    {"LANG": "xx_YY.UTF-8"},
    {"LC_ALL": "C"},
    {"LC_ALL": "xx_YY.UTF-8", "LC_CTYPE": "C"},
)


def test_the_shell_has_the_environment_that_it_would_have_had(host):
    use_shell(host, "/usr/bin/env")
    host.start()
    for locale in LOCALES:
        variables = {**HOSTILE, **locale, "PATH": "/usr/bin:/bin"}
        become = ["setpriv", f"--reuid={USER}", f"--regid={USER}", "--clear-groups", "--", "/usr/bin/env", "-0"]
        without = subprocess.run([*host.inside, *become], env=variables, capture_output=True, timeout=60).stdout
        done = on_pipes(host, "-0", variables=variables)
        assert done.stderr == b""
        expected = [b"SHELL=/usr/bin/env" if one.startswith(b"SHELL=") else one for one in environment_of(without)]
        assert sorted(environment_of(done.stdout)) == sorted(expected), locale
    host.ended()
    assert len(list(host.recordings.iterdir())) == len(LOCALES)


def test_variables_of_the_loader_that_sshd_has_emptied_are_not_in_the_session(host):
    use_shell(host, "/usr/bin/env")
    host.start()
    emptied = dict.fromkeys(VARIABLES, "")
    done = on_pipes(host, "-0", variables={**emptied, "LD_LIBRARY_PATH": "/nonexistent", "PATH": "/usr/bin:/bin"})
    assert set(environment_of(done.stdout)) == {
        b"LD_LIBRARY_PATH=/nonexistent",
        b"PATH=/usr/bin:/bin",
        b"SHELL=/usr/bin/env",
    }


def test_on_a_terminal_only_the_names_of_shell_and_terminal_differ(host):
    use_shell(host, "/usr/bin/env")
    host.start()
    login = Login(host, "-0", SSH_TTY="/dev/pts/outer", LD_BIND_NOW="1", LC_MESSAGES="C")
    assert login.finish() == 0
    seen = set(environment_of(login.seen))
    [terminal] = [entry for entry in seen if entry.startswith(b"SSH_TTY=")]
    assert terminal.startswith(b"SSH_TTY=/dev/pts/")
    home = f"HOME={host.base}/home".encode()
    assert seen - {terminal} == {
        b"PATH=/usr/bin:/bin",
        home,
        b"TERM=xterm",
        b"LANG=C.UTF-8",
        b"PS1=$ ",
        b"LD_BIND_NOW=1",
        b"LC_MESSAGES=C",
        b"SHELL=/usr/bin/env",
    }


def test_no_variable_makes_a_session_one_that_is_not_recorded(host):
    host.start()
    (host.base / "home/sitecustomize.py").write_text("import os; os.execv('/bin/sh', ['sh', '-c', 'echo escaped'])\n")
    home = str(host.base / "home")
    login = Login(host, **{**HOSTILE, "TERM": "dumb", "PYTHONPATH": home, "IFS": " "})
    login.until("$ ")
    assert login.run("echo seen") == "seen"
    login.send("exit\n")
    assert login.finish() == 0
    assert b"escaped" not in login.seen
    host.ended()
    assert b"seen" in output_of(host.recording())


def test_modules_beside_the_login_shell_or_in_the_home_are_not_run(host):
    """Python would look for modules in the directory of the program and in that where it was started."""
    host.start()
    for name in ("_socket", "_signal", "tomllib", "fcntl", "posix", "sitecustomize", "usercustomize", "encodings"):
        (host.base / f"home/{name}.py").write_text("import os; os.write(2, b'escaped')\n")
    login = Login(host)
    login.until("$ ")
    login.send("exit\n")
    assert login.finish() == 0
    assert b"escaped" not in login.seen


def test_dotfiles_run_within_the_recording(host):
    home = host.base / "home"
    (home / ".bash_profile").write_text("echo from the profile; tty; exec /bin/sh\n")
    host.start()
    login = Login(host)
    login.until("$ ")
    [session] = host.live()
    login.send("exit 4\n")
    assert login.finish() == 4
    host.ended()
    assert f"from the profile\r\n/dev/{session['pty']}\r\n".encode() in output_of(host.recording())


def test_the_rc_file_of_ssh_runs_within_a_recording(host):
    """sshd starts it by the login shell, before the session, with a pipe as input and the terminal as output."""
    rc = host.base / "home/rc"
    rc.write_text("cat; for to in /dev/tty /dev/fd/1 /dev/fd/2; do echo needle >$to; done; tty </dev/tty\n")
    host.start()
    sshd = f"""echo cookie | {host.login_shell} -c '/bin/sh {rc}'; exec {host.login_shell}"""
    become = ["setpriv", f"--reuid={USER}", f"--regid={USER}", "--clear-groups", "--"]
    login = Login(host, argv=["sh", "-c", f'chown {USER}:5 $(tty); exec "$@"', "sh", *become, "/bin/sh", "-c", sshd])
    login.until("cookie")
    login.until("$ ")
    assert login.run("echo after") == "after"
    login.send("exit\n")
    assert login.finish() == 0
    host.ended()
    assert login.seen.count(b"needle\r\n") == 3
    first, second = sorted(host.recordings.iterdir(), key=lambda path: path.stat().st_mtime)
    assert output_of(first) + output_of(second) == login.seen


def test_another_shell_by_exec_is_recorded_on(host):
    host.start()
    login = Login(host)
    login.until("$ ")
    login.send("exec env -i PS1='other> ' /bin/sh\n")
    login.until("other> ")
    assert login.run("readlink /proc/$$/exe") == os.path.realpath("/bin/sh")
    login.send("exit 5\n")
    assert login.finish() == 5
    host.ended()
    assert output_of(host.recording()) == login.seen


def test_a_shell_with_a_strange_path_is_started_as_it_is(host):
    directory = host.base / "shells"
    directory.mkdir(mode=0o755)
    shell = directory / " a\nb $(id) \u00f6\x1b[2J -l"
    # Not a script, whose argv[0] the kernel replaces.
    shell.symlink_to("/bin/bash")
    quoted = "".join(c if c.isalnum() or c in "/-_." else f"\\u{ord(c):04x}" for c in str(shell))
    host.config.write_text(host.config.read_text().replace("/bin/bash", quoted))
    host.start()
    login = Login(host)
    login.until("$ ")
    assert login.run("shopt login_shell").split() == ["login_shell", "on"]
    octal = "".join(f"\\{byte:03o}" for byte in os.fsencode(shell))
    login.send(f"[ \"$SHELL\" = \"$(printf '{octal}')\" ] && echo sa''me; exit 6\n")
    assert login.finish() == 6
    assert b"same\r\n" in login.seen


def test_arguments_reach_the_shell_byte_by_byte(host):
    host.start()
    odd = [b"-c", b'for word; do printf "<%s>" "$word"; done', b"", b"a\nb", b"\xff\x80 c", b"$(id)", b"x" * 100_000]
    become = [b"setpriv", b"--reuid=%d" % USER, b"--regid=%d" % USER, b"--clear-groups", b"--"]
    command = [*map(os.fsencode, host.inside), *become, os.fsencode(host.login_shell), *odd]
    done = subprocess.run(command, capture_output=True, timeout=60, env={"PATH": "/usr/bin:/bin"})
    assert done.stdout == b"".join(b"<%s>" % word for word in odd[3:])
    assert done.stderr == b""


def test_nothing_of_the_recorder_is_open_in_the_session(host):
    host.start()
    login = Login(host)
    login.until("$ ")
    [session] = host.live()
    names = login.run("for f in /proc/$$/fd/*; do readlink $f; done").split()
    assert f"/dev/{session['pty']}" in names
    assert f"/dev/{session['terminal']}" not in names
    assert not [name for name in names if name.startswith("socket:")]
    login.send("exit\n")
    assert login.finish() == 0


def test_signals_are_as_they_would_be(host):
    host.start()
    asked = ["grep", "-E", "^Sig(Blk|Ign)", "/proc/self/status"]
    login = Login(host, "-c", shlex.join(asked))
    assert login.finish() == 0
    # Whoever runs the tests may have ignored some himself.
    without = subprocess.run(asked, capture_output=True, check=True).stdout
    assert login.seen.split() == without.split()


def test_the_shell_is_a_login_shell_exactly_where_it_would_be(host):
    host.start()
    login = Login(host)
    login.until("$ ")
    assert login.run("echo $0; shopt login_shell").split() == ["-bash", "login_shell", "on"]
    login.send("exit\n")
    assert login.finish() == 0
    with_command = Login(host, "-c", "echo $0; shopt login_shell")
    assert with_command.finish() == 1
    assert with_command.seen.split() == [b"bash", b"login_shell", b"off"]


def test_a_script_as_a_shell_is_started(host):
    script = Path(host.base / "a shell")
    script.write_text("#!/bin/sh\necho this is $0\nexit 9\n")
    script.chmod(0o755)
    use_shell(host, script)
    host.start()
    login = Login(host)
    assert login.finish() == 9
    assert login.seen == f"this is {script}\r\n".encode()
