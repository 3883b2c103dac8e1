"""Socket addresses, as SOCKADDR has them: the kernel's `struct sockaddr` in hexadecimal."""

import ipaddress
from functools import lru_cache
from typing import Any

AF_INET, AF_INET6 = 2, 10


@lru_cache(maxsize=1024)
def address(saddr: str, little: bool) -> tuple[str, int, str] | None:
    """(address, port, `ipv4` or `ipv6`); None for local sockets and whatever is no address of the Internet.

    An IPv4 address that was given as IPv6 (::ffff:192.0.2.1) is IPv4, which is what goes over the wire.
    """
    try:
        raw = bytes.fromhex(saddr)
    except ValueError:
        return None
    family = int.from_bytes(raw[:2], "little" if little else "big")
    port = int.from_bytes(raw[2:4], "big")
    if family == AF_INET and len(raw) >= 8:
        return str(ipaddress.IPv4Address(raw[4:8])), port, "ipv4"
    if family == AF_INET6 and len(raw) >= 24:
        found = ipaddress.IPv6Address(raw[8:24])
        if found.ipv4_mapped is not None:
            return str(found.ipv4_mapped), port, "ipv4"
        return str(found), port, "ipv6"
    return None


def endpoint(text: str) -> dict[str, Any]:
    """An address or name as `source` has it; {} for none."""
    if not text:
        return {}
    try:
        return {"ip": str(ipaddress.ip_address(text.partition("%")[0]))}
    except ValueError:
        return {"address": text}
