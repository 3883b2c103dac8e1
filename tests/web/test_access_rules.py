"""Who may see and do what: the rules of [web.access], and what is known of FreeIPA while it does not answer."""

import re
import tomllib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.query.query import Grant
from auditor.web.access.access_rules import AccessError, AccessSettings, Account, read_access
from auditor.web.access.directory import PAUSE, Directory, UnknownError
from auditor.web.access.freeipa import FreeIpaError, RefusedError, enrolment
from auditor.web.access.groups import Groups
from auditor.web.access.scope import ALL, Scope
from auditor.web.access.viewer import Right

RULES = """
[[rule]]
group = "auditors"
scope = "all"
rights = ["watch", "control"]

[[rule]]
group = "web-auditors"
hostgroups = ["web"]
rights = ["watch"]

[[rule]]
role = ["Database Auditors"]
hosts = ["db*.example.test"]
groups = ["contractors"]
rights = ["watch"]

[[rule]]
group = "ipausers"
scope = "own"
rights = ["watch", "input"]
"""
HOSTGROUPS = {"web": ("web1.example.test", "web2.example.test")}
USERS = {"contractors": ("bob", "carol")}


class Known:
    """A directory that knows these."""

    def __init__(self, *groups, roles=()):
        self._account = Account("eve", frozenset(groups), frozenset(roles))

    def account(self, name):
        return self._account if name == "eve" else None

    def hosts(self, hostgroup):
        return HOSTGROUPS.get(hostgroup, ())

    def users(self, group):
        return USERS.get(group, ())


def viewer(*groups, roles=(), rules=RULES):
    return Groups(read_access(tomllib.loads(rules)), Known(*groups, roles=roles)).viewer("eve")


def test_the_first_rule_that_names_somebody_says_what_he_may_do():
    assert viewer("ipausers", "auditors").scope == ALL
    assert viewer("ipausers", "auditors").rights == {Right.WATCH, Right.CONTROL}
    assert viewer("ipausers").scope == Scope.own("eve")
    assert viewer("IPAUSERS").rights == {Right.WATCH, Right.INPUT}
    assert viewer("strangers") is None
    assert Groups(read_access(tomllib.loads(RULES)), Known()).viewer("nobody") is None


def test_host_groups_and_groups_of_users_become_their_members():
    assert viewer("web-auditors").scope.grants == (Grant(hosts=HOSTGROUPS["web"]),)
    of_databases = viewer(roles=["Database Auditors"]).scope
    assert of_databases.grants == (Grant(hosts=("db*.example.test",), users=USERS["contractors"]),)


def test_rules_with_the_same_rights_add_up_and_others_do_not():
    both = viewer("web-auditors", "ipausers", roles=["database auditors"])
    assert len(both.scope.grants) == 2
    assert both.rights == {Right.WATCH}, "no right of one rule reaches the recordings of another"


def test_an_empty_group_is_nobody_and_not_everybody():
    rules = '[[rule]]\nuser = "eve"\nhostgroups = "nowhere"\nrights = ["watch"]\n'
    assert not viewer(rules=rules).scope.grants[0].takes("bob", "web1.example.test")


@pytest.mark.parametrize(
    ("rule", "problem"),
    [
        ("", "about nobody; write group, role or user"),
        ('group = "a"', 'write scope = "all" or "own", or else some of hosts, hostgroups, users, groups'),
        ('group = "a"\nscope = "some"', 'write scope = "all" or "own"'),
        ('group = "a"\nscope = "all"\nhosts = ["x"]', "and not both"),
        ('group = "a"\nhosts = []', "hosts: it is empty"),
        ('group = ""', "group: it is empty"),
        ("group = 3", "group: 3 is neither a text nor a list of them"),
        ('gruop = "a"', "gruop: unknown; did you mean 'group'?"),
        ('group = "a"\nscope = "all"', "rights: write a list of watch, input"),
        ('group = "a"\nscope = "all"\nrights = ["export"]', "watch is part of each"),
        ('group = "a"\nscope = "all"\nrights = ["watch", "fly"]', '"fly" is none'),
    ],
)
def test_a_mistake_in_a_rule_is_told_with_its_place(rule, problem):
    with pytest.raises(AccessError, match=r"^web\.access\.rule 1: ") as raised:
        read_access(tomllib.loads(f"[[rule]]\n{rule}"))
    assert problem in str(raised.value)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("table", ["", "rule = 3", "rule = []", "keep = true", "keep = -1", "refresh = 0", "ca = 1"])
def test_a_mistake_beside_the_rules_is_told(table):
    good = '\n[[rule]]\nuser = "a"\nscope = "own"\nrights = ["watch"]\n' if "rule" not in table and table else ""
    with pytest.raises(AccessError, match=r"^web\.access"):
        read_access(tomllib.loads(table + good))


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
names = st.sampled_from(["rule", "keep", "refresh", "server", "realm", "ca", "group", "scope", "hosts", "rights"])


@given(st.dictionaries(names, values | st.lists(st.dictionaries(names, values, max_size=5), max_size=2), max_size=4))
def test_prop_whatever_is_written_is_read_or_refused_in_one_line(table):
    said = ""
    try:
        assert isinstance(read_access(table), AccessSettings)
    except AccessError as error:
        said = str(error)
    assert "\n" not in said


class FreeIpa:
    """FreeIPA as far as the directory asks it."""

    realm = "EXAMPLE.TEST"

    def __init__(self):
        self.users = {"eve": {"krbprincipalname": ["eve@EXAMPLE.TEST"], "memberof_group": ["auditors"]}}
        self.away = False
        self.asked = 0

    def call(self, credentials, command, *arguments, **options):
        self.asked += 1
        if self.away:
            raise FreeIpaError("FreeIPA does not answer")
        if command == "user_show":
            if arguments[0] not in self.users:
                raise RefusedError("NotFound", f"{arguments[0]}: user not found")
            return {"result": self.users[arguments[0]]}
        return {"result": [{"fqdn": ["web1.example.test"]}], "truncated": options["in_hostgroup"] == ["huge"]}


class Service:
    def credentials(self):
        return None


@pytest.fixture
def freeipa():
    return FreeIpa()


@pytest.fixture
def now():
    return [1000.0]


@pytest.fixture
def directory(freeipa, now):
    said = []
    made = Directory(freeipa, Service(), 900.0, said.append, lambda: now[0])
    made.said = said
    return made


def test_what_was_known_counts_for_a_bounded_time_while_freeipa_is_away(directory, freeipa, now):
    assert directory.account("eve").groups == {"auditors"}
    freeipa.away = True
    now[0] += 899
    assert directory.account("eve").groups == {"auditors"}
    now[0] += 2
    with pytest.raises(UnknownError):
        directory.account("eve")
    with pytest.raises(UnknownError):
        directory.account("alice")
    freeipa.away = False
    now[0] += PAUSE
    assert directory.account("eve").groups == {"auditors"}


def test_freeipa_that_is_away_is_asked_now_and_then_only(directory, freeipa, now):
    freeipa.away = True
    for _ in range(100):
        now[0] += PAUSE / 50
        with pytest.raises(UnknownError):
            directory.account("eve")
    assert freeipa.asked <= 3
    assert len(directory.said) == freeipa.asked


@pytest.mark.parametrize(
    "changes",
    [
        {"nsaccountlock": True},
        {"nsaccountlock": ["TRUE"]},
        {"preserved": True},
        {"krbprincipalname": ["mallory@EXAMPLE.TEST"]},
        {"krbprincipalname": ["eve@OTHER.TEST"]},
        {"krbprincipalname": []},
    ],
)
def test_who_is_disabled_or_not_who_he_says_is_nobody(directory, freeipa, now, changes):
    assert directory.account("eve") is not None
    freeipa.users["eve"] |= changes
    now[0] += 60
    assert directory.account("eve") is None


def test_somebody_who_is_deleted_is_nobody_at_once(directory, freeipa, now):
    directory.account("eve")
    del freeipa.users["eve"]
    now[0] += 60
    assert directory.account("eve") is None


def test_a_list_that_freeipa_cuts_is_no_answer(directory):
    assert directory.hosts("web") == ("web1.example.test",)
    with pytest.raises(UnknownError):
        directory.hosts("huge")


def test_an_answer_without_what_it_must_have_is_no_answer(directory, freeipa):
    freeipa.users["eve"] = None
    with pytest.raises(UnknownError):
        directory.account("eve")


@pytest.mark.parametrize("text", ["", "[global]\nrealm = X\n", "server = a\n", "\xff\x00", "[global\n"])
def test_a_machine_that_is_not_enrolled_is_told_so(tmp_path, text):
    path = tmp_path / "default.conf"
    path.write_bytes(text.encode("latin-1"))
    with pytest.raises(FreeIpaError, match=re.escape("ipa-client-install")):
        enrolment(path)


def test_the_enrolment_names_server_and_realm(tmp_path):
    path = tmp_path / "default.conf"
    path.write_text("[global]\nhost = me.example.test\nserver = ipa.example.test\nrealm = EXAMPLE.TEST\nx = 100%\n")
    assert enrolment(path) == ("ipa.example.test", "EXAMPLE.TEST")
