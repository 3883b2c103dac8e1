"""How a store in Elasticsearch is named and reached, and how its documents give the messages again."""

import json
import re
import ssl

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from auditor.elasticsearch.actions import Action, requests
from auditor.elasticsearch.address import Address, AddressError
from auditor.elasticsearch.connection import connect
from auditor.elasticsearch.documents import bare_document, indexed_words, message_document, message_line
from auditor.elasticsearch.id_ranges import IdRanges
from auditor.elasticsearch.joints import joints, wanted
from auditor.elasticsearch.layout import KINDS, MESSAGES, TEXTS, Names, message_key, recording_key
from auditor.elasticsearch.mapping import strict
from auditor.elasticsearch.settings import STORE_TABLE
from auditor.elasticsearch.setup import Options, setup, template
from auditor.elasticsearch.store import ElasticsearchStore
from auditor.query.query import Selection
from auditor.recordings.store import StoreError
from auditor.recordings.store_name import store_name
from recorder.configuration import config as config_file
from recorder.configuration.config import ConfigError
from tests.certificates import self_signed
from tests.elasticsearch_node.proxy import PASS, Proxy
from tests.recordings import HERE, found, ingested, messages, write_objects, write_recording
from tests.sealing import line_of


def test_addresses_and_files_are_told_apart(tmp_path):
    assert Address.read("https://search.example.test/audit") == Address("https://search.example.test:9200", "audit")
    assert Address.read("http://[::1]:9201") == Address("http://[::1]:9201", "sessrec")
    assert str(Address.read("elasticsearch:audit")) == "elasticsearch:audit"
    assert store_name("elasticsearch") == Address("", "sessrec")
    for name in ("/var/store.sqlite", "store", "https", "file:x", "C:\\x"):
        assert store_name(name).name


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("https://alice:secret@h/x", "can be read by everybody on this machine"),
        ("https://", "write https://HOST:9200/PREFIX"),
        ("https://h:99999/x", "Port out of range"),
        ("https://h/Upper", "small letters"),
        ("https://h/a/b", "small letters"),
        ("https://h/x?y", "write https://HOST:9200/PREFIX"),
    ],
)
def test_what_is_no_address_is_said_without_its_secrets(text, said):
    with pytest.raises(AddressError, match=said) as caught:
        Address.read(text)
    assert "secret" not in str(caught.value)


@pytest.fixture
def config(tmp_path):
    def write(**settings):
        path = tmp_path / "config.toml"
        path.write_text("[store]\n" + "".join(f"{name} = {json.dumps(value)}\n" for name, value in settings.items()))
        return str(path)

    return write


def secret(tmp_path, text, mode=0o600):
    path = tmp_path / "secret"
    path.write_text(text + "\n")
    path.chmod(mode)
    return str(path)


def test_who_we_are_is_sent_and_stands_in_files_or_the_environment(elasticsearch_url, tmp_path, config):
    proxy = Proxy(elasticsearch_url)

    def sent(environ, **settings):
        client = connect(Address("", "x"), environ, config(url=proxy.url, **settings))
        client.info()
        client.close()
        return proxy.seen[-1].get("Authorization") or proxy.seen[-1].get("authorization")

    try:
        file = secret(tmp_path, "c2VjcmV0")
        assert sent({}) is None
        assert sent({}, api_key_file=file) == "ApiKey c2VjcmV0"
        assert sent({}, username="alice", password_file=file) == "Basic YWxpY2U6YzJWamNtVjA="
        assert sent({"SESSREC_STORE_API_KEY": "a2V5"}, api_key_file=file) == "ApiKey a2V5"
        environ = {"SESSREC_STORE_USERNAME": "bob", "SESSREC_STORE_PASSWORD": "pw"}
        assert sent(environ, api_key_file=file) == "Basic Ym9iOnB3"
    finally:
        proxy.close()


def test_mistakes_of_the_configuration_are_said(tmp_path, config):
    def said(address=Address("", "x"), **settings):  # noqa: B008
        with pytest.raises((StoreError, ConfigError)) as caught:
            connect(address, {}, config(**settings))
        return str(caught.value)

    assert "no Elasticsearch is named: write url into [store]" in said()
    assert "is not https://HOST:PORT" in said(url="search")
    assert "unknown setting" in said(uri="https://h")
    assert "can be read by everybody: chmod 600" in said(
        url="https://h", api_key_file=secret(tmp_path, "x", mode=0o644)
    )
    assert "no password_file" in said(url="https://h", username="alice")
    assert "cannot be read: No such file" in said(url="https://h", api_key_file="/nonexistent")
    assert "cannot be reached as it is configured" in said(cloud_id="nonsense")


def test_the_page_names_every_setting_and_its_example_is_valid():
    page = (HERE / "docs" / "elasticsearch.md").read_text()
    rows = re.findall(r"^\| (`[a-z_`, ]+) \|", page.partition("| setting |")[2].partition("\n\n")[0], re.MULTILINE)
    assert [name for row in rows for name in re.findall(r"`(\w+)`", row)] == list(STORE_TABLE)
    (example,) = re.findall(r"^```toml\n(.*?)^```", page, re.MULTILINE | re.DOTALL)
    assert config_file.parse(example.encode(), "example", config_file.STORE_SECTION, STORE_TABLE)["url"]


def test_a_deployment_in_the_cloud_is_found_by_its_id(config):
    client = connect(Address("", "x"), {}, config(cloud_id="cluster:bG9jYWxob3N0JGFiY2QkZWZnaA=="))
    assert str(client.transport.node_pool.get().base_url) == "https://abcd.localhost:443"
    client.close()


def test_a_certificate_is_trusted_when_its_authority_is_named(elasticsearch_address, tmp_path, config):
    certificate = self_signed(tmp_path)
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(certificate)
    proxy = Proxy(elasticsearch_address.url, tls=tls)
    try:
        address = Address("", elasticsearch_address.prefix)
        client = connect(address, {}, config(url=proxy.url, ca_file=str(certificate)))
        assert client.info()["version"]["number"].startswith("8.")
        client.close()
        with pytest.raises(StoreError, match=r"certificate that is not trusted: name the authority's with ca_file"):
            ElasticsearchStore(Address(proxy.url, elasticsearch_address.prefix))
    finally:
        proxy.close()


def test_setting_up_again_changes_nothing_and_a_full_index_is_followed_by_another(elasticsearch_url, monkeypatch):
    address = Address(elasticsearch_url, "again")
    client = connect(address, {}, "/nonexistent")
    try:
        assert any("index again-messages-000001" in line for line in setup(client, address, Options(replicas=0)))
        assert all(line.startswith("template") for line in setup(client, address, Options(replicas=0)))
        monkeypatch.setattr("auditor.elasticsearch.setup.ROLL_AGE", "0s")
        assert "index again-messages-000002, behind again-messages-000001" in setup(
            client, address, Options(replicas=0)
        )
        store = ElasticsearchStore(address)
        assert list(store.recordings(Selection())) == []
        store.close()
        for option in (Options(ilm=True), Options(data_stream=True), Options(wildcard=True)):
            with pytest.raises(StoreError, match=r"lacks what --.* needs: leave it out"):
                setup(client, Address(elasticsearch_url, "more"), option)
    finally:
        for prefix in ("again", "more"):
            for index in client.indices.get(index=f"{prefix}-*", filter_path="*.aliases"):
                client.indices.delete(index=index)
            client.indices.delete_index_template(name=f"{prefix}-*")
        client.close()


def test_a_small_file_takes_few_requests(elasticsearch_address, proxy, tmp_path):
    """On a server that is far away, they are what the time goes into."""
    store = ElasticsearchStore(Address(proxy.url, elasticsearch_address.prefix))
    sent = []
    # Which indices there are is asked now and then.
    proxy.fate = lambda method, path, body: PASS if "aliases" in path else sent.append(path) or PASS
    try:
        _take_in(store, "r", tmp_path)
        # What is there of the recording; messages and lines; that they count; how far the file was read before; how
        # far now, and that this is its end.
        assert len(sent) == 6
        sent.clear()
        unfinished = tmp_path / "unfinished.jsonl"
        write_objects(unfinished, messages(["$ needle"], rec="unfinished")[:-1])
        ingested(store, unfinished)
        # What stands on its screen is added by itself: who adds, lines, that they count.
        assert len(sent) == 9
    finally:
        store.close()


def test_a_store_whose_texts_were_kept_otherwise_is_read_and_added_to(elasticsearch_url, monkeypatch, tmp_path):
    """Before they lay in the order in which they are found, compressed together with the words they are found by."""
    address = Address(elasticsearch_url, "before")
    client = connect(address, {}, "/nonexistent")
    try:
        client.indices.create(
            index="before-texts-000001",
            aliases={"before-texts": {"is_write_index": True}},
            settings={"codec": "best_compression", "number_of_replicas": 0},
            mappings=strict(TEXTS.fields),
        )
        setup(client, address, Options(replicas=0))
        store = ElasticsearchStore(address)
        _take_in(store, "r1", tmp_path)
        # Nothing that is there changes; what comes after a rollover is kept as it is today.
        monkeypatch.setattr("auditor.elasticsearch.setup.ROLL_AGE", "0s")
        setup(client, address, Options(replicas=0))
        _take_in(store, "r2", tmp_path)
        hits = [(rec, text) for rec, _, _, text in found(store, '"needle 1"', each=2)]
        assert sorted(hits) == [(rec, text) for rec in ("r1", "r2") for text in ("needle 1", "needle 10")]
        store.close()
        kept = client.search(index="before-texts", query={"term": {"kind": "printed"}}, size=100)["hits"]["hits"]
        assert {(hit["_index"][-1], "words" in hit["_source"]) for hit in kept} == {("1", True), ("2", False)}
    finally:
        for index in client.indices.get(index="before-*", filter_path="*.aliases"):
            client.indices.delete(index=index)
        client.indices.delete_index_template(name="before-*")
        client.close()


def _take_in(store, rec, place):
    path = place / f"{rec}.jsonl"
    write_recording(path, [f"needle {number}\r\n" for number in range(12)], rec=rec)
    ingested(store, path)


def test_templates_use_core_types_only_unless_more_is_asked_for():
    """The types that a full Elasticsearch has beyond those of the server alone."""
    names = Names("x")
    text = json.dumps([template(kind, names, Options()) for kind in KINDS])
    for beyond in ("wildcard", "constant_keyword", "match_only_text", "data_stream", "lifecycle"):
        assert beyond not in text
    full = Options(ilm=True, data_stream=True, wildcard=True)
    messages_template, texts_template = (template(kind, names, full) for kind in (MESSAGES, TEXTS))
    assert messages_template["data_stream"] == {}
    assert messages_template["index_patterns"] == ["x-messages"]
    assert texts_template["template"]["settings"]["index"]["lifecycle.rollover_alias"] == "x-texts"
    assert texts_template["template"]["mappings"]["properties"]["text"]["fields"]["wildcard"]["type"] == "wildcard"
    assert all(template(kind, names, full)["template"]["mappings"]["dynamic"] == "strict" for kind in KINDS)


@given(st.lists(st.integers(1, 60), max_size=80))
@example([1, 3, 2])
def test_prop_ranges_of_ids_are_a_set(ids):
    ranges = IdRanges()
    for id in ids:
        ranges.add(id)
    assert [id for id in range(70) if id in ranges] == sorted(set(ids))
    assert list(IdRanges.read(str(ranges))) == list(ranges)
    assert ranges.last == max(ids, default=0)
    assert all(last + 1 < first for (_, last), (first, _) in zip(list(ranges), list(ranges)[1:], strict=False))


JSON = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(),
        st.floats(allow_nan=False, allow_infinity=False),
        st.text(max_size=5),
    ),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=3), inner, max_size=3)),
    max_leaves=5,
)


@given(JSON, st.sampled_from([(",", ":"), (", ", ": ")]), st.booleans(), st.booleans())
def test_prop_a_message_comes_back_byte_by_byte(value, separators, is_ascii, stamped):
    fields = messages(["x\r\n"])[1] | {"sessrec": {"x": value}, "out_txt": "\x7f\x1b é\ud800"}
    if stamped:
        fields["@timestamp"] = value
    line = json.dumps(fields, separators=separators, ensure_ascii=is_ascii).encode("utf-8", "surrogatepass")
    if not is_ascii:
        line = line.replace("\ud800".encode("utf-8", "surrogatepass"), b"")
    for made in (message_document(line), bare_document(line)):
        assert message_line(json.loads(made)) == line


def test_the_recorder_s_own_lines_cost_no_second_copy():
    line = line_of(messages(["é\x7f\r\n"])[1])[:-1]
    assert len(message_document(line)) < len(line) + 40


@given(st.text("abé日 ", max_size=3000), st.integers(0, 3000), st.integers(1, 150))
def test_prop_every_part_of_a_long_word_is_whole_in_some_word(text, start, length):
    word = "x" * 700 + text.replace(" ", "").replace("日", "") + "y" * 700
    part = word[start : start + length]
    assert not part or any(part in window for window in indexed_words(word))


@given(st.text("abcdefg日_ -.\n", max_size=40), st.integers(0, 40), st.integers(1, 40))
@example("alpha be  gamma", 2, 9)
@example("a b c", 0, 5)
@example("alpha beta", 3, 5)
def test_prop_a_line_has_the_joints_of_every_part_of_it(line, start, length):
    term = " ".join(line[start : start + length].split())
    there = joints(" ".join(line.split()))
    found = wanted(term)
    assert there >= set(found.whole)
    assert any(each.startswith(found.beginning) for each in there) or not found.beginning


def test_a_phrase_is_looked_up_by_where_its_words_meet():
    assert wanted("alpha beta") == (["pha|bet"], "", True, True)
    assert wanted("lpha, be") == ([], "pha|be", True, True)
    assert wanted("al beta gamma") == (["eta|gam"], "", False, True)
    assert wanted("alpha") == ([], "", False, False)


@given(st.lists(st.integers(0, 3000), max_size=40))
def test_prop_requests_are_bounded_and_nothing_is_left_out(sizes):
    actions = [Action("index", "i", str(number), b"x" * size) for number, size in enumerate(sizes)]
    packed = list(requests(actions, 2000))
    assert [action for request in packed for action in request] == actions
    assert all(len(request) == 1 or sum(len(each.body) for each in request) <= 2000 for request in packed)


def test_documents_of_two_recordings_never_have_one_name():
    assert recording_key("a") == "a"
    assert message_key("a-1", 2) != message_key("a", 12)
    long = ["日" * 100, "日" * 101]
    assert len({recording_key(rec) for rec in long}) == 2
    assert all(len(message_key(rec, 2**53)) < 200 for rec in long)
