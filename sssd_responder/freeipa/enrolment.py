"""Where this host's FreeIPA is: /etc/ipa/default.conf, as `ipa-client-install` writes it."""

import configparser
from dataclasses import dataclass
from urllib.parse import urlsplit

from recorder.errors import SessrecError

DEFAULT_CONF = "/etc/ipa/default.conf"


class EnrolmentError(SessrecError):
    """What the host's enrolment says cannot be read."""


@dataclass(frozen=True)
class Enrolment:
    """The servers' URIs, in the order in which they are tried; the suffix of the directory; the domain; our name."""

    uris: tuple[str, ...]
    suffix: str
    domain: str
    host: str


def read_enrolment(path: str = DEFAULT_CONF) -> Enrolment | None:
    """The enrolment of this host; None where it is not enrolled. Raises EnrolmentError."""
    parser = configparser.ConfigParser(interpolation=None, strict=False)
    try:
        with open(path, encoding="utf-8") as file:
            parser.read_file(file)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise EnrolmentError(f"{path}: cannot be read: {error.strerror}") from error
    except (configparser.Error, UnicodeDecodeError) as error:
        raise EnrolmentError(f"{path}: is not as ipa-client-install writes it; enrol the host again") from error
    values = dict(parser.items("global")) if parser.has_section("global") else {}
    uris = _uris(values)
    if not uris or "basedn" not in values:
        raise EnrolmentError(f"{path}: names no server, or no basedn; enrol the host again")
    return Enrolment(uris, values["basedn"], values.get("domain", "").lower(), values.get("host", "").lower())


def full_name(name: str, enrolment: Enrolment | None) -> str:
    """A host's name with its domain, as the directory has it, of a name that may be without."""
    name = name.lower().rstrip(".")
    if "." in name or enrolment is None:
        return name
    if enrolment.host.partition(".")[0] == name:
        return enrolment.host
    return f"{name}.{enrolment.domain}" if enrolment.domain else name


def _uris(values: dict[str, str]) -> tuple[str, ...]:
    given = values.get("ldap_uri", "")
    # On a server that is ldapi, which is no way to be the host.
    uris = [given] if given.startswith(("ldap://", "ldaps://")) else []
    names = values.get("server", "").replace(",", " ").split()
    names.append(urlsplit(values.get("xmlrpc_uri", "")).hostname or "")
    uris += [f"ldap://{name}" for name in names if name]
    return tuple(dict.fromkeys(uris))
