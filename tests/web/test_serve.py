"""`sessrec serve` as a process: what it says and how it ends; encrypted; one's own recordings as they grow."""

import http.client
import re
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import time
import urllib.error
import urllib.request
import warnings

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import sessrec
from auditor.web.settings import WEB_TABLE, WebSettingsError, parse
from tests.peers import needs
from tests.recorded import ROOT, SESSREC, environment, record
from tests.recordings import recordings_of, write_recording
from tests.web.serving import Server


@pytest.fixture
def refused(tmp_path, monkeypatch, capsys):
    """Runs `sessrec serve ...`, which must refuse; its exit status, and the one line that it says."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))

    def run(*arguments):
        status = sessrec.main(["serve", *map(str, arguments)])
        said = capsys.readouterr()
        assert (said.out, said.err.count("\n")) == ("", 1)
        return status, said.err

    return run


def certificate(directory, name="127.0.0.1"):
    """A certificate of its own and its key; the files."""
    files = [directory / f"{name}.crt", directory / f"{name}.key"]
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
         "-subj", f"/CN={name}", "-addext", "subjectAltName=IP:127.0.0.1", "-out", files[0], "-keyout", files[1]],
        check=True, capture_output=True,
    )  # fmt: skip
    return files


@pytest.fixture
def serving(tmp_path):
    """Starts servers, and ends them."""
    started = []

    def start(*options, store=tmp_path / "store.sqlite"):
        started.append(Server(tmp_path, store, *options))
        return started[-1]

    yield start
    for server in started:
        server.close()


def test_it_ends_at_once_and_without_a_complaint_when_it_is_told_to(serving):
    server = serving()
    server.client()
    # A browser that keeps its connection does not hold it up.
    waiting = http.client.HTTPConnection(server.base.removeprefix("http://"), timeout=10)
    waiting.request("GET", "/static/base.css")
    waiting.getresponse().read()
    started = time.monotonic()
    server.process.send_signal(signal.SIGTERM)
    assert server.process.wait(20) == 0
    assert time.monotonic() - started < 10
    assert server.said() == ""


def test_another_address_is_printed_when_it_is_asked_for(serving):
    server = serving()
    first, second = server.address(), server.address()
    assert first != second
    for address in (first, second):
        assert (
            "Sessions"
            in urllib.request.build_opener(urllib.request.HTTPCookieProcessor()).open(address).read().decode()
        )
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(first)
    assert refused.value.code == 401
    assert "used already" in refused.value.read().decode()


MISTAKES = {
    "[web]\nlisten = 5\n": "web.toml:2: web.listen: 5 is not a string; write an address and a port",
    '[web]\nlisten = "localhost"\n': 'web.listen: "localhost" is not an address',
    '[web]\n\ntls = "x"\n': "web.toml:3: web.tls: unknown setting; did you mean 'tls_key'?",
    "[site]\n": "web.toml:1: site: unknown; write [web]",
    "web = 1\n": "web: 1 is not a table",
    "[web]\naccess = 1\n": "web.access: 1 is not a table",
    "[web\n": "not TOML",
    '[web]\nembed_origin = "https://a.test;script-src *"\n': "is not the address of a web server",
    '[web]\nembed_origin = "http://a.test"\n': "is not the address of a web server",
    '[web]\nnames = "a"\n': "is not a list of names",
    "[web]\nidle_minutes = 0\n": "out of range 1 to 1440",
    '[web]\nlisten = "0.0.0.0:8443"\n': "without TLS recordings would pass 0.0.0.0 in clear",
    "[web]\n": "nobody could sign in",
}


@pytest.mark.parametrize("text", MISTAKES)
def test_settings_that_cannot_be_used_are_told_in_one_line(tmp_path, refused, text):
    file = tmp_path / "web.toml"
    file.write_text(text)
    status, said = refused("--settings", file)
    assert status == 2
    assert MISTAKES[text] in said


def test_options_that_cannot_be_used_are_told_in_one_line(tmp_path, refused):
    (tmp_path / "not.crt").write_text("no certificate")
    both = ["--tls-cert", tmp_path / "not.crt", "--tls-key", tmp_path / "not.crt"]
    for options, expected, told in [
        (["--local", "--listen", "0.0.0.0:0"], 2, "for this machine only"),
        (["--local", "--listen", "192.0.2.1:80"], 2, "for this machine only"),
        (["--local", "--listen", "nowhere"], 2, "--listen: "),
        (["--local", "--tls-cert", tmp_path / "not.crt"], 2, "belong together"),
        (["--local", *both], 2, "are no certificate in PEM"),
        (["--settings", "/nowhere/web.toml"], 2, "/nowhere/web.toml: cannot be read: No such file or directory"),
        (["--local", "--store", "/proc/1/nothing/store"], 1, "cannot be opened"),
    ]:
        status, said = refused(*options)
        assert told in said
        assert status == expected, options


def test_a_port_that_is_taken_is_told_in_one_line(refused):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        status, said = refused("--local", "--listen", f"127.0.0.1:{port}")
    assert f"cannot listen on 127.0.0.1:{port}: Address already in use" in said
    assert status == 1


def test_without_the_packages_of_the_page_it_says_how_to_get_them(refused, monkeypatch):
    monkeypatch.delitem(sys.modules, "auditor.web.server", raising=False)
    monkeypatch.setitem(sys.modules, "uvicorn", None)
    status, said = refused("--local")
    assert "needs the Python package 'uvicorn'" in said
    assert "pip install 'freeipa-session-recording[web]'" in said
    assert status == 1


@settings(max_examples=200)
@given(st.binary(max_size=300))
def test_prop_any_file_of_settings_is_read_or_refused_in_one_line(data):
    said = "web.toml"
    try:
        parse(b"[web]\n" + data, "web.toml")
    except WebSettingsError as error:
        said = str(error)
    assert said.startswith("web.toml")
    assert said.isprintable()


@pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl makes the certificate")
def test_it_speaks_tls_by_itself_and_takes_a_renewed_certificate(serving, tmp_path):
    files = certificate(tmp_path)
    server = serving("--tls-cert", str(files[0]), "--tls-key", str(files[1]))
    assert server.base.startswith("https://")
    port = int(server.base.rpartition(":")[2])

    def presented():
        return ssl.get_server_certificate(("127.0.0.1", port), timeout=10)

    assert presented().strip() == files[0].read_text().strip()
    context = ssl.create_default_context(cafile=str(files[0]))
    with urllib.request.build_opener(urllib.request.HTTPSHandler(context=context), NoRedirect).open(
        server.address()
    ) as answer:
        cookie, headers = answer.headers["set-cookie"], answer.headers
    assert re.fullmatch(r"__Host-sessrec=[\w-]{43}; Path=/; HttpOnly; SameSite=Strict; Secure", cookie)
    assert "max-age" in headers["strict-transport-security"]
    old = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    old.check_hostname, old.verify_mode = False, ssl.CERT_NONE
    old.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        old.maximum_version = ssl.TLSVersion.TLSv1_1
    with pytest.raises(OSError, match=r"(?i)ssl|tls|protocol"):
        urllib.request.urlopen(server.base, context=old)

    renewed = certificate(tmp_path, "renewed")
    for old_file, new_file in zip(files, renewed, strict=True):
        new_file.replace(old_file)
    server.process.send_signal(signal.SIGHUP)
    wanted = files[0].read_text().strip()
    end = time.monotonic() + 10
    while presented().strip() != wanted:
        assert time.monotonic() < end
        time.sleep(0.05)
    # One that cannot be used leaves the old one.
    files[0].write_text("broken")
    server.process.send_signal(signal.SIGHUP)
    while "the old one stays" not in server.said():
        assert time.monotonic() < end + 10
        time.sleep(0.05)
    assert presented().strip() == wanted


class NoRedirect(urllib.request.HTTPRedirectHandler):
    def http_error_303(self, request, answer, code, message, headers):
        return answer


def test_one_s_own_recordings_are_there_as_they_grow(tmp_path):
    """Without --store: one's own store, brought up to date while the page is open."""
    own = recordings_of(tmp_path / "data")
    write_recording(own / "old.jsonl", ["$ ls\r\n"], user="before", rec="old")
    process = subprocess.Popen(
        [*SESSREC, "serve", "--local"], env=environment(tmp_path), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    session = None
    try:
        address = re.search(r"http://\S+", process.stdout.readline())[0]
        opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor())
        base = address.partition("/sign-in")[0]
        opener.open(address).read()

        def appears(text, path="/sessions"):
            end = time.monotonic() + 15
            while text not in opener.open(base + path).read().decode():
                assert time.monotonic() < end, text
                time.sleep(0.1)

        appears("before")
        own.mkdir(parents=True, exist_ok=True)
        session = record(tmp_path, "sh", file=own / "new.jsonl")
        session.send(b"echo seen$((40 + 2))\n")
        session.until(b"seen42")
        appears('class="state live"')
        appears("<mark>seen42</mark>", "/search?q=seen42")
        rec = re.search(r'href="/watch/([^"?]*)', opener.open(base + "/sessions?state=live").read().decode())[1]
        watched = opener.open(f"{base}/api/recordings/{rec}/live")
        assert watched.readline()
    finally:
        # Somebody watches a session that goes on: that holds it up no longer than a moment.
        started = time.monotonic()
        process.terminate()
        assert process.wait(20) == 0
        assert time.monotonic() - started < 10
        if session is not None:
            session.send(b"exit\n")
            session.finish()
        said = process.stderr.read()
        process.stdout.close()
        process.stderr.close()
    assert said == ""


def blocks(language):
    return re.findall(rf"^```{language}\n(.*?)^```$", (ROOT / "docs/web.md").read_text(), re.MULTILINE | re.DOTALL)


def test_every_setting_stands_in_the_documentation():
    text = (ROOT / "docs/web.md").read_text()
    for setting in WEB_TABLE.values():
        default = f"`{setting.default_text()}`" if setting.default_text() else ""
        (row,) = re.findall(rf"^\| `{setting.name}` \|(.*)\|$", text, re.MULTILINE)
        cells = [cell.strip() for cell in row.split("|")]
        assert (cells[0], cells[2]) == (default, setting.help)


def test_the_settings_of_the_documentation_are_valid():
    examples = [block for block in blocks("toml") if "[web]" in block]
    assert examples
    for block in examples:
        assert parse(block.encode(), "web.md").listen


@needs("systemd-analyze")
def test_the_service_of_the_documentation_is_valid(tmp_path):
    (unit,) = blocks("systemd")
    (tmp_path / "page.service").write_text(unit.replace("/opt/session-recording/bin/sessrec", "/bin/true"))
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", str(tmp_path / "page.service")], capture_output=True, text=True
    )
    complaints = [line for line in done.stderr.splitlines() if "page.service" in line]
    assert [line for line in complaints if "session-recording-web" not in line] == []
