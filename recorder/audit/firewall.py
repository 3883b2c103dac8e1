"""Packets that a rule of the firewall with the target AUDIT has told of."""

from typing import Any

from recorder.audit.addresses import endpoint
from recorder.audit.record import Record
from recorder.audit.values import number

_PROTOCOLS = {
    1: "icmp", 2: "igmp", 6: "tcp", 17: "udp", 47: "gre", 50: "esp", 51: "ah", 58: "ipv6-icmp", 132: "sctp"
}  # fmt: skip
"""The numbers of the Internet protocols that the kernel is likely to see (IANA, protocol numbers)."""


def packet(record: Record) -> dict[str, Any]:
    """`source`, `destination` and `network`. Kernels before 4.14 tell the ports as well."""
    fields = record.fields
    found: dict[str, Any] = {}
    for end, address, port in (("source", "saddr", "sport"), ("destination", "daddr", "dport")):
        told = endpoint(fields.get(address, ""))
        if port in fields:
            told["port"] = number(fields[port])
        if told:
            found[end] = told
    network = {}
    ip = found.get("source", {}).get("ip", "")
    if ip:
        network["type"] = "ipv6" if ":" in ip else "ipv4"
    protocol = number(fields.get("proto", ""))
    if protocol:
        network["transport"] = _PROTOCOLS.get(protocol, str(protocol))
    if network:
        found["network"] = network
    return found
