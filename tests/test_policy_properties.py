"""What holds of every set of policies, and of every entry; beside a model that decides in the plainest way."""

from dataclasses import replace

from cryptography import x509
from cryptography.x509.oid import NameOID
from hypothesis import assume, given
from hypothesis import strategies as st

from ipa_plugin.policy import (
    Action,
    Audit,
    Capture,
    Members,
    OnFailure,
    Overrides,
    Policy,
    Settings,
    Subject,
    check_audit_path,
    check_name,
    check_notice,
    decide,
    describe_audit,
    describe_capture,
    host_filter,
    order_of,
    policy_from_entry,
    read_policies,
)
from ipa_plugin.policy_dn import rdns_of

# Few values, so that policies meet each other and the subject often.
NAMES = st.sampled_from(["alice", "bob", "Carol", "web"])
GROUPS = st.frozensets(NAMES, max_size=2)
PATHS = st.frozensets(st.sampled_from(["/", "/etc", "/srv/a b", "/é"]), max_size=2)
CAPTURES = st.frozensets(st.sampled_from(Capture))
AUDITS = st.builds(Audit, exec=st.booleans(), network=st.booleans(), changes=PATHS, reads=PATHS)
NOTICES = st.sampled_from(["Hello", "hello", "Ask Rita."])
FAILURES = st.sampled_from(OnFailure)
SETTINGS = st.builds(Settings, CAPTURES, AUDITS, NOTICES | st.just(""), FAILURES)
OVERRIDES = st.builds(Overrides, st.none() | CAPTURES, st.none() | AUDITS, st.none() | NOTICES, st.none() | FAILURES)
MEMBERS = st.builds(Members, st.booleans(), GROUPS, GROUPS)
POLICIES = st.builds(
    Policy,
    name=st.sampled_from(["a", "A", "b", "night shift"]),
    enabled=st.sampled_from([True, True, False]),
    order=st.integers(0, 2),
    action=st.sampled_from(Action),
    users=MEMBERS,
    hosts=MEMBERS,
    overrides=OVERRIDES,
)
SETS = st.lists(POLICIES, max_size=6)
SUBJECTS = st.builds(Subject, NAMES, GROUPS, NAMES, GROUPS)


@given(SETS, SUBJECTS, SETTINGS)
def test_prop_decisions_are_those_of_the_model(policies, subject, defaults):
    decision = decide(policies, subject, defaults)
    expected = model(policies, subject, defaults)
    assert decision.recorded == (expected is not None)
    if expected is not None:
        settings = decision.settings
        assert {
            "capture": {str(kind) for kind in settings.capture},
            "audit": set(describe_audit(settings.audit)) - {"none"},
            "notices": settings.notice.split("\n") if settings.notice else [],
            "deny": settings.on_failure == "deny",
        } == expected


def model(policies, subject, defaults):
    """How `subject` is recorded, or None; one order after the other, one policy after the other."""
    for order in (2, 1, 0):
        found = [
            policy for policy in policies if policy.order == order and policy.enabled and concerns(policy, subject)
        ]
        if not found:
            continue
        if all(policy.action == "exempt" for policy in found):
            return None
        together = {"capture": set(), "audit": set(), "notices": [], "deny": False}
        notices = []
        for policy in found:
            if policy.action == "exempt":
                continue
            own = policy.overrides
            together["capture"] |= set(map(str, defaults.capture if own.capture is None else own.capture))
            audit = defaults.audit if own.audit is None else own.audit
            together["audit"] |= {name for name in ("exec", "network") if getattr(audit, name)}
            for path in audit.changes:
                together["audit"].add("changes under " + path)
            for path in audit.reads:
                together["audit"].add("reads under " + path)
            if (own.on_failure or defaults.on_failure) == "deny":
                together["deny"] = True
            notices.append((policy.name.lower(), policy.name, own.notice or "", own.notice or defaults.notice))
        for *_, notice in sorted(notices):
            if notice and notice not in together["notices"]:
                together["notices"].append(notice)
        return together
    return None


def concerns(policy, subject):
    def named(members, name, groups):
        lower = {group.lower() for group in groups}
        return members.everyone or name.lower() in members.names or bool(lower & members.groups)

    return named(policy.users, subject.user, subject.user_groups) and named(
        policy.hosts, subject.host, subject.host_groups
    )


@given(SETS, SUBJECTS, SETTINGS, st.randoms(use_true_random=False))
def test_prop_the_order_of_policies_in_the_directory_never_matters(policies, subject, defaults, random):
    shuffled = random.sample(policies, len(policies))
    assert decide(shuffled, subject, defaults) == decide(policies, subject, defaults)


@given(SETS, SUBJECTS, SETTINGS)
def test_prop_disabled_policies_never_matter(policies, subject, defaults):
    enabled = [policy for policy in policies if policy.enabled]
    assert decide(policies, subject, defaults) == decide(enabled, subject, defaults)


@given(SETS, SUBJECTS, SETTINGS)
def test_prop_policies_that_do_not_match_never_matter(policies, subject, defaults):
    decision = decide(policies, subject, defaults)
    matching = [policy for policy in policies if policy.enabled and concerns(policy, subject)]
    assert decide(matching, subject, defaults) == decision
    assert sorted(decision.matched) == sorted(policy.name for policy in matching)


@given(SETS, SUBJECTS, SETTINGS)
def test_prop_a_decision_names_the_policies_that_make_it(policies, subject, defaults):
    """Those that decided decide the same without the others."""
    decision = decide(policies, subject, defaults)
    matching = [policy for policy in policies if policy.enabled and concerns(policy, subject)]
    highest = max((policy.order for policy in matching), default=0)
    action = Action.RECORD if decision.recorded else Action.EXEMPT
    deciding = [policy for policy in matching if policy.order == highest and policy.action is action]
    assert sorted(decision.decided) == sorted(policy.name for policy in deciding)
    assert set(decision.decided) <= set(decision.matched)
    alone = decide(deciding, subject, defaults)
    assert (alone.recorded, alone.settings) == (decision.recorded, decision.settings)
    assert (decision.settings is not None) == decision.recorded


@given(SETS, st.integers(0, 2), POLICIES, SUBJECTS, SETTINGS)
def test_prop_an_exempt_policy_of_lower_or_equal_order_never_ends_a_recording(
    others, order, exempt, subject, defaults
):
    policies = [*others, Policy("all", True, order, users=Members(True), hosts=Members(True))]
    before = decide(policies, subject, defaults)
    highest = max(policy.order for policy in policies if policy.enabled and concerns(policy, subject))
    exempt = replace(exempt, action=Action.EXEMPT, order=min(exempt.order, highest))
    after = decide([*policies, exempt], subject, defaults)
    assert (after.recorded, after.settings) == (before.recorded, before.settings)
    if before.recorded:
        assert after.decided == before.decided


@given(SETS, POLICIES, SUBJECTS, SETTINGS)
def test_prop_a_record_policy_of_equal_order_never_records_less(policies, record, subject, defaults):
    before = decide(policies, subject, defaults)
    orders = [policy.order for policy in policies if policy.enabled and concerns(policy, subject)]
    record = replace(record, action=Action.RECORD, order=max(orders, default=0))
    after = decide([*policies, record], subject, defaults)
    assert after.recorded >= before.recorded
    if before.settings is not None:
        old, new = before.settings, after.settings
        assert old.capture <= new.capture
        assert new.audit.exec >= old.audit.exec
        assert new.audit.network >= old.audit.network
        assert old.audit.changes <= new.audit.changes
        assert old.audit.reads <= new.audit.reads
        assert lines(old) <= lines(new)
        assert new.on_failure is OnFailure.DENY or old.on_failure is OnFailure.ALLOW


def lines(settings):
    return set(settings.notice.splitlines())


@given(SETS, SUBJECTS, SETTINGS)
def test_prop_renaming_policies_changes_nothing_but_names(policies, subject, defaults):
    """And the order of the notices, which is that of the names."""
    renamed = [replace(policy, name=f"{9 - number}") for number, policy in enumerate(policies)]
    before, after = decide(policies, subject, defaults), decide(renamed, subject, defaults)
    assert unnamed(after) == unnamed(before)
    assert len(after.matched) == len(before.matched)
    assert len(after.decided) == len(before.decided)


def unnamed(decision):
    settings = decision.settings
    return decision.recorded, settings and (replace(settings, notice=""), lines(settings))


@given(SETS, POLICIES, SUBJECTS, SETTINGS)
def test_prop_members_can_be_spread_over_policies_of_the_same_settings(policies, policy, subject, defaults):
    parts = [
        replace(policy, name="names", users=replace(policy.users, groups=frozenset())),
        replace(policy, name="groups", users=replace(policy.users, names=frozenset())),
    ]
    whole, spread = decide([*policies, policy], subject, defaults), decide([*policies, *parts], subject, defaults)
    assert unnamed(spread) == unnamed(whole)


@given(SETS, SUBJECTS, SETTINGS)
def test_prop_the_case_of_names_never_matters(policies, subject, defaults):
    def upper(names):
        return frozenset(name.upper() for name in names)

    shouted = Subject(
        subject.user.upper(), upper(subject.user_groups), subject.host.upper(), upper(subject.host_groups)
    )
    loud = [
        replace(policy, users=Members(policy.users.everyone, upper(policy.users.names), upper(policy.users.groups)))
        for policy in policies
    ]
    assert decide(policies, shouted, defaults) == decide(policies, subject, defaults)
    assert decide(loud, subject, defaults) == decide(policies, subject, defaults)


# --- entries

SUFFIX = [("dc", "lab"), ("dc", "test")]
WORDS = ["record", "exempt", "output", "none", "exec", "deny", "all", "TRUE", "false", "7", "/etc", "Hello", ""]
ATTRIBUTES = [
    "cn", "ipaEnabledFlag", "userCategory", "hostCategory", "memberUser", "memberHost", "ipaRecordingAction",
    "ipaRecordingOrder", "ipaRecordingCapture", "ipaRecordingAudit", "ipaRecordingAuditChanges",
    "ipaRecordingAuditReads", "ipaRecordingNotice", "ipaRecordingOnFailure",
]  # fmt: skip
TEXTS = st.text(st.characters(), max_size=12)
"""Of any characters, lone surrogates among them."""
VALUES = st.sampled_from(WORDS) | TEXTS | st.binary(max_size=6) | st.booleans() | st.integers()
ENTRIES = st.dictionaries(
    st.sampled_from([spelt for name in ATTRIBUTES for spelt in (name, name.upper(), name.lower())]),
    st.lists(VALUES, max_size=3),
    max_size=6,
)
PLAIN = {"cn": ["p"], "ipaRecordingAction": ["record"]}


@given(st.lists(ENTRIES | ENTRIES.map(lambda entry: PLAIN | entry), max_size=3))
def test_prop_every_entry_makes_a_policy_or_one_clear_line(entries):
    policies, errors = read_policies(entries)
    assert len(policies) + len(errors) == len(entries)
    for error in errors:
        assert str(error).isprintable()
        assert error.policy
        assert error.option
        assert error.problem


@given(POLICIES)
def test_prop_a_policy_is_read_as_it_was_written(policy):
    if policy.action is Action.EXEMPT:
        policy = replace(policy, overrides=Overrides())
    if policy.overrides.audit == Audit():
        described = entry_of(policy)
        assert described["ipaRecordingAudit"] == ["none"]
    assert policy_from_entry(entry_of(policy)) == policy


def entry_of(policy):
    own = policy.overrides
    entry = {
        "cn": [policy.name],
        "ipaEnabledFlag": ["TRUE" if policy.enabled else "FALSE"],
        "ipaRecordingAction": [str(policy.action)],
        "ipaRecordingOrder": [str(policy.order)],
        "userCategory": ["all"] if policy.users.everyone else [],
        "hostCategory": ["all"] if policy.hosts.everyone else [],
        "memberUser": [written(("uid", name), "users") for name in policy.users.names]
        + [written(("cn", name), "groups") for name in policy.users.groups],
        "memberHost": [written(("fqdn", name), "computers") for name in policy.hosts.names]
        + [written(("cn", name), "hostgroups") for name in policy.hosts.groups],
    }
    if own.capture is not None:
        entry["ipaRecordingCapture"] = list(describe_capture(own.capture))
    if own.audit is not None:
        entry["ipaRecordingAudit"] = [word for word in describe_audit(own.audit) if " " not in word]
        entry["ipaRecordingAuditChanges"] = list(own.audit.changes)
        entry["ipaRecordingAuditReads"] = list(own.audit.reads)
    if own.notice is not None:
        entry["ipaRecordingNotice"] = [own.notice]
    if own.on_failure is not None:
        entry["ipaRecordingOnFailure"] = [str(own.on_failure)]
    return entry


def written(first, container):
    rdns = [first, ("cn", container), ("cn", "accounts"), *SUFFIX]
    return ",".join(f"{attribute}={value}" for attribute, value in rdns)


CHECKED = [
    ("ipaRecordingNotice", check_notice),
    ("ipaRecordingAuditChanges", check_audit_path),
    ("ipaRecordingAuditReads", check_audit_path),
    ("cn", check_name),
    ("ipaRecordingOrder", order_of),
]


@given(
    st.sampled_from(CHECKED),
    TEXTS
    | st.sampled_from(["a" * 255, "é" * 256, "a" * 1001, "/" + "a" * 4095, "/" + "a" * 4096])
    | st.from_regex(r"(/|/[a.]|//?)+|[0-9]{1,8}", fullmatch=True),
)
def test_prop_the_commands_take_what_policies_can_mean(checked, text):
    attribute, check = checked
    try:
        check(text)
        right = True
    except ValueError:
        right = False
    assert bool(read_policies([PLAIN | {attribute: [text]}])[0]) == right


# --- names in DNs and filters

LDAP_NAMES = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=10)


@given(st.lists(st.tuples(st.sampled_from(["UID", "DC", "CN"]), LDAP_NAMES), min_size=1, max_size=4))
def test_prop_dns_are_read_as_another_library_writes_them(parts):
    kinds = {"UID": NameOID.USER_ID, "DC": NameOID.DOMAIN_COMPONENT, "CN": NameOID.COMMON_NAME}
    name = x509.Name([x509.NameAttribute(kinds[kind], value) for kind, value in reversed(parts)])
    assert rdns_of(name.rfc4514_string()) == [(kind.lower(), value) for kind, value in parts]


@given(LDAP_NAMES)
def test_prop_every_byte_of_a_name_may_be_escaped(name):
    escaped = "".join(f"\\{byte:02X}" for byte in name.encode())
    assert rdns_of(f"cn={escaped} , dc=x") == [("cn", name), ("dc", "x")]


PIECES = ["a", "é", " ", "=", "#", "\\,", "\\C3\\A9", "\\20", "+UID=b", "c+DC=d", ",DC=e", "\\", ";"]


@given(st.lists(st.sampled_from(PIECES), min_size=1, max_size=6).map("".join))
def test_prop_what_another_library_takes_for_a_dn_means_the_same_here(value):
    """But for values in hexadecimal BER, which are refused here."""
    assume(not value.startswith("#"))
    try:
        theirs = x509.Name.from_rfc4514_string(f"CN={value},UID=x")
    except ValueError:
        return
    expected = [
        tuple(zip(*((part.rfc4514_attribute_name.lower(), part.value) for part in rdn), strict=True))
        for rdn in reversed(theirs.rdns)
    ]
    assert rdns_of(f"CN={value},UID=x") == [
        ("+".join(attributes), "+".join(values)) for attributes, values in expected
    ]


@given(LDAP_NAMES, st.lists(LDAP_NAMES, max_size=3))
def test_prop_names_in_a_filter_stay_names(host, groups):
    kind, (by_class, enabled, concerned) = parsed(host_filter(host, groups))
    assert (kind, by_class, enabled) == (
        "&", ("objectClass", "ipaRecordingPolicyObject"), ("ipaEnabledFlag", "TRUE")
    )  # fmt: skip
    kind, alternatives = concerned
    members = [("memberHost", name) for name in (host, *sorted(set(groups)))]
    assert (kind, alternatives) == ("|", [("hostCategory", "all"), *members])


def parsed(text):
    """A filter of RFC 4515 as ("&" or "|", [filters]) and (attribute, value); no others are expected."""
    tree, rest = filter_at(text)
    assert rest == ""
    return tree


def filter_at(text):
    assert text[0] == "("
    if text[1] in "&|":
        kind, rest, found = text[1], text[2:], []
        while rest[0] == "(":
            tree, rest = filter_at(rest)
            found.append(tree)
        assert rest[0] == ")"
        return (kind, found), rest[1:]
    attribute, _, rest = text[1:].partition("=")
    value = bytearray()
    while rest[0] != ")":
        assert rest[0] not in "(*\0"
        if rest[0] == "\\":
            value.append(int(rest[1:3], 16))
            rest = rest[3:]
        else:
            value += rest[0].encode()
            rest = rest[1:]
    return (attribute, value.decode()), rest[1:]
