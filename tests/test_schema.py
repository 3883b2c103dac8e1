"""The page about the schema, the schema itself, and what reads its values say the same."""

import re
import uuid
from pathlib import Path

import pytest

from ipa_plugin.policy import (
    DEFAULTS,
    OPTIONS,
    Action,
    OnFailure,
    Subject,
    decide,
    describe_audit,
    describe_capture,
    heartbeat_from_entry,
    host_filter,
    policy_from_entry,
    settings_from_entry,
)
from ipa_plugin.policy_settings import AUDIT_WORDS, CAPTURE_WORDS

ROOT = Path(__file__).parent.parent
PAGE = (ROOT / "docs/schema.md").read_text()
LDIF = (ROOT / "ipa_plugin/schema.d/75-session-recording.ldif").read_text()
UPDATES = (ROOT / "ipa_plugin/updates/75-session-recording.update").read_text()
ARC = f"2.25.{uuid.UUID('6772da33-7b34-4406-8b5e-1a1c64f473de').int}"
KINDS = {
    ("1.3.6.1.4.1.1466.115.121.1.15", "caseIgnoreMatch"): "text",
    ("1.3.6.1.4.1.1466.115.121.1.15", "caseExactMatch"): "exact text",
    ("1.3.6.1.4.1.1466.115.121.1.27", "integerMatch"): "integer",
    ("1.3.6.1.4.1.1466.115.121.1.24", "generalizedTimeMatch"): "time",
}


def definitions(kind):
    """{name: (OID, the rest of its definition)} of the schema file."""
    found = re.findall(rf"^{kind}: \( ([\d.]+) NAME '(\w+)' (.*) \)$", LDIF, re.MULTILINE)
    assert len(found) == LDIF.count(f"\n{kind}:")
    return {name: (oid, rest) for oid, name, rest in found}


def rows(heading):
    """The cells of the table below a heading, `code` without its marks, by the second cell."""
    table = re.search(r"(?:^\|.*\n)+", PAGE.partition(f"### {heading}\n")[2], re.MULTILINE)[0]
    cells = [[cell.strip() for cell in line.replace("`", "").split("|")[1:-1]] for line in table.splitlines()[2:]]
    return {row[1]: row for row in cells}


def words(cell):
    return set(cell.split(", ")) if cell else set()


def listed(rest, keyword):
    found = re.search(rf" {keyword} \( ([^)]*) \)", rest)
    return set(found[1].split(" $ ")) if found else set()


def example(object_class):
    """The page's entry of a class, as {attribute: values}."""
    (entry,) = [text for text in re.findall(r"```ldif\n(.*?)```", PAGE, re.DOTALL) if f": {object_class}\n" in text]
    attributes = {}
    for line in entry.splitlines():
        name, _, value = line.partition(": ")
        attributes.setdefault(name, []).append(value)
    return attributes


def test_the_page_names_every_attribute_with_its_number_and_kind():
    described = rows("Attributes")
    expected = {}
    for name, (oid, rest) in definitions("attributeTypes").items():
        kind = KINDS[re.search(r"SYNTAX ([\d.]+)", rest)[1], re.search(r"EQUALITY (\w+)", rest)[1]]
        expected[name] = (oid, kind if " SINGLE-VALUE " in rest else f"{kind}, several")
    assert {name: (f"{ARC}.{row[0]}", row[2]) for name, row in described.items()} == expected


def test_the_page_names_every_class_with_its_number_and_attributes():
    described = {
        name: (f"{ARC}.{oid}", above, words(must), words(may))
        for name, (oid, _, above, must, may) in rows("Object classes").items()
    }
    assert described == {
        name: (oid, re.search(r" SUP (\w+) STRUCTURAL ", rest)[1], listed(rest, "MUST"), listed(rest, "MAY"))
        for name, (oid, rest) in definitions("objectClasses").items()
    }


def test_no_number_is_given_twice():
    oids = [oid for kind in ("attributeTypes", "objectClasses") for oid, _ in definitions(kind).values()]
    assert len(set(oids)) == len(oids) == LDIF.count(" NAME ")
    assert ARC in PAGE


def acis(keyword):
    """(entry, ACI) of all lines of the update file with this keyword."""
    dn = ""
    for line in UPDATES.splitlines():
        if line.startswith("dn: "):
            dn = line.removeprefix("dn: ")
        if line.startswith(f"{keyword}: aci: "):
            yield dn, line.removeprefix(f"{keyword}: aci: ")


def test_an_upgrade_takes_away_the_rights_that_an_earlier_version_gave():
    had = [tuple(line.split("\t")) for line in (ROOT / "tests/samples/acis.txt").read_text().splitlines()]
    given, taken = list(acis("add")), list(acis("remove"))
    assert not [aci for aci in given if aci not in had], "a new ACI: add it to tests/samples/acis.txt"
    left = [aci for aci in had if aci not in given and aci not in taken]
    assert not left, "an ACI that is not there any more: `remove: aci:` its text before its entry's first `add: aci:`"
    assert not set(given) & set(taken)


@pytest.mark.parametrize(
    ("attribute", "values"),
    [
        ("ipaRecordingAction", [*Action]),
        ("ipaRecordingCapture", CAPTURE_WORDS),
        ("ipaRecordingAudit", AUDIT_WORDS),
        ("ipaRecordingOnFailure", [*OnFailure]),
    ],
)
def test_the_page_and_the_schema_name_the_words_that_are_understood(attribute, values):
    line = next(line for line in PAGE.splitlines() if f"| `{attribute}` |" in line)
    assert re.findall(r"`([\w-]+)`", line)[1:] == [str(value) for value in values]
    described = re.search(r"DESC '[^']*: ([^']*)'", definitions("attributeTypes")[attribute][1])[1]
    assert described.split(", ") == [str(value) for value in values]


def test_every_attribute_that_options_set_is_one_of_a_policy_or_the_configuration():
    classes = definitions("objectClasses")
    ours = {
        name
        for object_class in ("ipaRecordingPolicyObject", "ipaRecordingConfigObject")
        for keyword in ("MUST", "MAY")
        for name in listed(classes[object_class][1], keyword)
    }
    of_freeipa = {"description", "userCategory", "hostCategory"}
    assert set(OPTIONS) - of_freeipa == ours


def test_the_examples_are_entries_of_their_classes():
    attributes_of_freeipa = set(re.findall(r"`(\w+)`", PAGE.partition("`ipaAssociation` is FreeIPA's own")[2][:400]))
    for name, (_, rest) in definitions("objectClasses").items():
        entry = example(name)
        must, may = listed(rest, "MUST"), listed(rest, "MAY")
        if "SUP ipaAssociation" in rest:
            must, may = must | {"ipaUniqueID", "cn"}, may | attributes_of_freeipa
        assert must <= set(entry)
        assert set(entry) <= must | may | {"dn", "objectClass"}
        naming, _, value = entry["dn"][0].partition(",")[0].partition("=")
        assert entry[naming] == [value]


def test_the_example_of_a_policy_means_what_the_page_says():
    policy = policy_from_entry(example("ipaRecordingPolicyObject"))
    subject = Subject("eve", frozenset({"contractors"}), "client.lab.test", frozenset({"web", "production"}))
    decision = decide([policy], subject, settings_from_entry(example("ipaRecordingConfigObject")))
    assert decision.decided == ("contractors",)
    assert "input" in describe_capture(decision.settings.capture)
    assert describe_audit(decision.settings.audit) == ("exec", "changes under /etc")
    assert decision.settings.on_failure is OnFailure.DENY


def test_the_configuration_that_is_installed_is_the_default_and_the_example():
    installed = {}
    for name, value in re.findall(r"^default: (\w+): (.*)$", UPDATES.partition("dn: cn=config,")[2], re.MULTILINE):
        if name == "objectClass" and installed.get("ipaRecordingHeartbeat"):
            break  # the next entry of the file
        installed.setdefault(name, []).append(value)
    entry = example("ipaRecordingConfigObject")
    del entry["dn"]
    assert installed == entry
    assert settings_from_entry(installed) == DEFAULTS
    assert heartbeat_from_entry(installed) == heartbeat_from_entry({})


def test_the_filter_of_the_page_is_the_one_that_hosts_use():
    accounts = "cn=accounts,dc=lab,dc=test"
    text = host_filter(f"fqdn=client.lab.test,cn=computers,{accounts}", [f"cn=web,cn=hostgroups,{accounts}"])
    assert f"\n{text}\n" in PAGE
