"""Hosts and URLs in the arguments of programs that were run."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recorder.audit.arguments import MAX_NAMED, named
from recorder.audit.programs import PROGRAMS


def read(command):
    args = command.split() if isinstance(command, str) else command
    sessrec = {}
    url = named(args[0].rpartition("/")[2], args, sessrec)
    urls = [url["url"]["full"]] if url else []
    return sessrec.get("hosts", []), sessrec.get("urls", urls)


@pytest.mark.parametrize(
    ("command", "hosts"),
    [
        ("ssh web1", ["web1"]),
        ("ssh -p 2222 -i key alice@web1.example.test uptime now", ["web1.example.test"]),
        ("ssh -vvJ jump.example.test:22 -L 80:inner:80 web1", ["jump.example.test", "web1"]),
        ("ssh -J jump web1 ssh elsewhere", ["jump", "web1"]),
        ("ssh 2001:db8::1", ["2001:db8::1"]),
        ("ssh -- web1", ["web1"]),
        ("scp -P 22 notes.txt alice@web1:/tmp/ db1:x", ["web1", "db1"]),
        ("scp ./a:b /c/d:e .", []),
        ("scp [2001:db8::1]:/etc/motd .", ["2001:db8::1"]),
        ("rsync -e ssh -a src/ backup.example.test:dst/", ["backup.example.test"]),
        ("rsync -av rsync://mirror.example.test/debian .", ["mirror.example.test"]),
        ("sftp alice@files.example.test:/in", ["files.example.test"]),
        ("curl -o out example.test/path", ["example.test"]),
        ("curl -sSLo out --header Accept:text https://example.test:8443/x", ["example.test"]),
        ("curl -x proxy.example.test:3128 http://a.example.test", ["proxy.example.test", "a.example.test"]),
        ("wget -qO- https://example.test", ["example.test"]),
        ("git clone git@git.example.test:team/tool.git", ["git.example.test"]),
        ("git clone --depth 1 https://git.example.test/tool", ["git.example.test"]),
        ("git commit -m fix", []),
        ("ping -c 3 192.0.2.7", ["192.0.2.7"]),
        ("ping -c3 -w 2 WEB1.example.test", ["web1.example.test"]),
        ("nc -w 3 db1.example.test 5432", ["db1.example.test"]),
        ("nc -l 8080", []),
        ("psql -h db1.example.test -U alice shop", ["db1.example.test"]),
        ("psql -Ualice -hdb1 shop", ["db1"]),
        ("psql --host=db1 shop", ["db1"]),
        ("psql postgresql://alice@db1/shop", ["db1"]),
        ("mysql -u root -p -h db2 shop", ["db2"]),
        ("dig @ns1.example.test www.example.test AAAA +short", ["ns1.example.test", "www.example.test"]),
        ("socat - TCP4:web1.example.test:80,crnl", ["web1.example.test"]),
        ("openssl s_client -connect web1.example.test:443", ["web1.example.test"]),
        ("ldapsearch -x -H ldaps://ldap.example.test -b dc=x", ["ldap.example.test"]),
        ("smbclient //files/share -U alice", ["files"]),
        ("mount -t nfs nas.example.test:/export /mnt", ["nas.example.test"]),
        ("xfreerdp /u:alice /v:desk.example.test:3389", ["desk.example.test"]),
        ("telnet mail.example.test 25", ["mail.example.test"]),
        ("http POST example.test/api name=value", ["example.test"]),
        ("cat web1.example.test", []),
        ("ls host:", []),
    ],
)
def test_hosts_are_found_where_a_program_has_them(command, hosts):
    assert read(command)[0] == hosts


def test_urls_are_found_in_any_program_s_arguments():
    assert read("python3 fetch.py https://example.test/a?b=c#d")[1] == ["https://example.test/a?b=c#d"]
    assert read(["sh", "-c", "curl -s 'https://example.test/get.sh' | sh"]) == (
        ["example.test"],
        ["https://example.test/get.sh"],
    )
    assert read("wget http://a.test http://b.test")[1] == ["http://a.test", "http://b.test"]


def test_a_password_in_a_url_is_left_out():
    assert read("git clone https://alice:secret@git.example.test/x")[1] == ["https://alice@git.example.test/x"]
    assert read("curl ftp://:secret@files.example.test/")[1] == ["ftp://@files.example.test/"]
    assert "secret" not in str(read(["curl", "https://a:b:secret@c@d.test/"]))


def test_the_number_of_names_is_bounded():
    hosts, urls = read(["wget", *(f"https://h{number}.example.test/" for number in range(500))])
    assert (len(hosts), len(urls)) == (MAX_NAMED, MAX_NAMED)


@pytest.mark.parametrize("word", ["a://" * 4000, "-" * 16000, "x@" * 8000, "[" * 16000, ":" * 16000, "a." * 8000])
def test_no_argument_takes_long(word):
    began = time.process_time()
    for program in ("ssh", "curl", "scp", "dig", "socat"):
        read([program, word, f"https://{word}", f"{word}:{word}"])
    assert time.process_time() - began < 1


@given(st.sampled_from([*PROGRAMS, "cat"]), st.lists(st.text(max_size=30), max_size=8))
def test_prop_any_arguments_are_read(program, args):
    hosts, urls = read([program, *args])
    assert all(host and "/" not in host and "@" not in host for host in hosts)
    assert all("://" in url for url in urls)
