"""Programs whose arguments name hosts, and where in them: one line for each.

From the manuals of the programs. Options are those that take a value; one that is missing here has its value taken
for a host, where hosts stand alone. What else an option means does not matter.
"""

from typing import NamedTuple

HOST, COPY, WEB, DIG, SOCAT, SHARE, FREERDP = "host", "copy", "web", "dig", "socat", "share", "freerdp"


class Program(NamedTuple):
    """How a program's arguments are read.

    `words` says what stands alone: HOST, `[user@]host[:port]`; COPY, `host:path` among paths; WEB, a URL that may
    lack its `http://`; a form of the program's own; "" for nothing of the kind. `limit` is how many of them may be
    hosts, before a command or a port. `valued` are the letters of options that take a value, `long` the long ones
    where it is a word of its own. `hosts` are options whose value is a host, `host:port` or a URL. `skip` is how many
    words come first, as a sub-command.
    """

    words: str = ""
    limit: int = 99
    valued: str = ""
    long: tuple[str, ...] = ()
    hosts: tuple[str, ...] = ()
    skip: int = 0


_SSH = Program(HOST, 1, "BbcDEeFIiJLlmOoPpQRSWw", hosts=("-J", "-W"))
_CURL = Program(
    WEB,
    valued="AbCcDdEeFHhKmoPQrTtUuwXxYyz",
    long=("--data", "--data-binary", "--data-raw", "--data-urlencode", "--form", "--header", "--max-time", "--output",
          "--request", "--user", "--user-agent", "--cookie", "--cookie-jar", "--referer", "--connect-timeout",
          "--retry", "--cacert", "--cert", "--key", "--write-out", "--upload-file", "--resolve", "--range",
          "--config"),
    hosts=("-x", "--proxy", "--url"),
)  # fmt: skip
_WGET = Program(
    WEB,
    valued="aABDeiIloOPQRStTUwX",
    long=("--header", "--output-document", "--output-file", "--user", "--password", "--post-data", "--post-file",
          "--user-agent", "--directory-prefix", "--tries", "--timeout", "--input-file", "--referer"),
)  # fmt: skip
_GIT = Program(COPY, valued="bcCmoqu", long=("--branch", "--depth", "--origin", "--message", "--reference"))
_PING = Program(HOST, 99, "ceFgGIilmMnNoOpPQsStTWw")
_PSQL = Program(valued="cdFfLoPpRTUv", hosts=("-h", "--host"))
_PG_DUMP = Program(valued="EFfjNnpSTtUZ", hosts=("-h", "--host"))
_MYSQL = Program(valued="DehPSu", hosts=("-h", "--host"))
_LDAP = Program(valued="abDdEeFfloOPpRSsTUwXYyz", hosts=("-H", "-h"))
_NMAP = Program(HOST, 99, "DeghiopS", ("--script", "--top-ports", "--script-args", "--exclude"))
_KERBEROS = Program(valued="cCeEkKlnpqrsStTwxX", hosts=("-s",))

PROGRAMS: dict[str, Program] = {
    "ssh": _SSH,
    "slogin": _SSH,
    "autossh": Program(HOST, 1, _SSH.valued + "M", hosts=_SSH.hosts),
    "mosh": Program(HOST, 1, "p"),
    "ssh-copy-id": Program(HOST, 1, "iopFt"),
    "ssh-keyscan": Program(HOST, 99, "fpTtO"),
    "scp": Program(COPY, valued="cDFiJloPSX", hosts=("-J",)),
    "sftp": Program(HOST, 1, "BbcDFiJloPRSsX", hosts=("-J",)),
    "sshfs": Program(COPY, valued="opF"),
    "rsync": Program(COPY, valued="BefMT@", long=("--rsh", "--exclude", "--include", "--bwlimit", "--port")),
    "rsh": Program(HOST, 1, "l"),
    "rlogin": Program(HOST, 1, "le"),
    "telnet": Program(HOST, 1, "abeklnSX"),
    "ftp": Program(HOST, 1, "NoPpqrsTuUwX"),
    "lftp": Program(HOST, 1, "cefpu"),
    "tftp": Program(HOST, 1, "cmRv"),
    "curl": _CURL,
    "wget": _WGET,
    "wget2": _WGET,
    "aria2c": Program(WEB, valued="dijkloOsStTUx"),
    "http": Program(WEB, 2, "aAop"),
    "https": Program(WEB, 2, "aAop"),
    "lynx": Program(WEB),
    "w3m": Program(WEB, valued="ITto"),
    "links": Program(WEB),
    "elinks": Program(WEB),
    "git": _GIT,
    "hg": Program(COPY, valued="bemrRu"),
    "svn": Program(COPY, valued="cFmrx"),
    "ping": _PING,
    "ping4": _PING,
    "ping6": _PING,
    "fping": Program(HOST, 99, "bBcCfgHiIlMOpQrStTx"),
    "arping": Program(HOST, 1, "cIisSwW"),
    "traceroute": Program(HOST, 1, "fgiMmNPpqswz"),
    "traceroute6": Program(HOST, 1, "fgiMmNPpqswz"),
    "tracepath": Program(HOST, 1, "lmp"),
    "mtr": Program(HOST, 1, "acfFiIlmoPQsyYZ"),
    "nc": Program(HOST, 1, "cegiIkMmOoPpqsTVwWxX"),
    "ncat": Program(HOST, 1, "cdegGiImopsw"),
    "netcat": Program(HOST, 1, "cegiIkMmOoPpqsTVwWxX"),
    "socat": Program(SOCAT),
    "openssl": Program(hosts=("-connect", "-proxy")),
    "nmap": _NMAP,
    "masscan": Program(HOST, 99, "peic"),
    "host": Program(HOST, 2, "cNmRtW"),
    "nslookup": Program(HOST, 2),
    "dig": Program(DIG, valued="bcfkpqtxy", hosts=("-q",)),
    "drill": Program(DIG, valued="bcdfikoptwy"),
    "resolvectl": Program(HOST, 99, "cipt", skip=1),
    "whois": Program(valued="hpgqti", hosts=("-h", "--host")),
    "psql": _PSQL,
    "pg_dump": _PG_DUMP,
    "pg_restore": _PG_DUMP,
    "pg_basebackup": _PG_DUMP,
    "createdb": _PG_DUMP,
    "mysql": _MYSQL,
    "mysqldump": _MYSQL,
    "mysqladmin": _MYSQL,
    "mariadb": _MYSQL,
    "mariadb-dump": _MYSQL,
    "redis-cli": Program(valued="aDdhilnprsu", hosts=("-h", "-u")),
    "mongo": Program(WEB, 1, hosts=("--host",)),
    "mongosh": Program(WEB, 1, hosts=("--host",)),
    "sqlplus": Program(COPY),
    "ldapsearch": _LDAP,
    "ldapmodify": _LDAP,
    "ldapadd": _LDAP,
    "ldapdelete": _LDAP,
    "ldappasswd": _LDAP,
    "ldapwhoami": _LDAP,
    "kadmin": _KERBEROS,
    "smbclient": Program(SHARE, 1, "ABcDdIilmNnOopRsTtUW", hosts=("-I", "-L")),
    "mount": Program(COPY, valued="Lot"),
    "mount.nfs": Program(COPY, valued="o"),
    "mount.cifs": Program(SHARE, 1, "o"),
    "showmount": Program(HOST, 1),
    "rdesktop": Program(HOST, 1, "acdegiklnprsTuxX"),
    "vncviewer": Program(HOST, 1),
    "docker": Program(hosts=("-H", "--host")),
    "podman": Program(hosts=("--url",)),
    "kubectl": Program(hosts=("-s", "--server")),
    "virsh": Program(hosts=("-c", "--connect")),
    "snmpwalk": Program(HOST, 1, "aAcCdlLMmnOPrtTuvxX"),
    "snmpget": Program(HOST, 1, "aAcCdlLMmnOPrtTuvxX"),
    "ntpdate": Program(HOST, 99, "aektop"),
    "xfreerdp": Program(FREERDP),
}  # fmt: skip
