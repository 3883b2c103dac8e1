"""Making the store: index templates, and the first index of each kind.

By default everything is made of what every Elasticsearch 8 has, without a license or a module: rolled kinds are an
alias with a row of indices behind it, of which the last is written to. `sessrec store setup` run again makes a new
one where the last has become too large; a full Elasticsearch can do that by itself (`--ilm`, `--data-stream`).
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from elasticsearch import ApiError, Elasticsearch

from auditor.elasticsearch.address import Address
from auditor.elasticsearch.connection import errors
from auditor.elasticsearch.layout import KINDS, MESSAGES, TEXTS, Kind, Names
from auditor.elasticsearch.mapping import MAX_KEYWORD, Fields, strict
from auditor.recordings.store import StoreError

REFRESH = "500ms"
"""When what was written is found by searches of others: half of the second that following may take in all."""

PRIORITY = 500
"""Of the templates: above those for everything that an administrator may have."""

ROLL_BYTES, ROLL_AGE = "30gb", "30d"
"""When the next index begins."""


@dataclass(frozen=True, slots=True)
class Options:
    """What a full Elasticsearch can do beyond the default, and how many `replicas` and `shards` indices have.

    `ilm`: it rolls over by itself, and deletes indices of messages and texts after `keep_days` (0: never).
    `data_stream`: messages are a data stream. `wildcard`: `text.wildcard` finds any part of a line in Kibana, as our
    own searches do without it. `shards` are of rolled kinds; the others have one.
    """

    ilm: bool = False
    data_stream: bool = False
    wildcard: bool = False
    keep_days: int = 0
    replicas: int = 1
    shards: int = 1


def setup(client: Elasticsearch, address: Address, options: Options) -> list[str]:
    """Make what is not there, and bring templates and mappings up to date; what was done, a line each."""
    names = Names(address.prefix)
    done = []
    if options.ilm:
        with _needing("--ilm", address):
            client.ilm.put_lifecycle(name=names.prefix, policy=_policy(options))
        done.append(f"lifecycle policy {names.prefix}")
    with _needing(" and ".join(_beyond(options)), address):
        for kind in KINDS:
            client.indices.put_index_template(name=names.of(kind), **template(kind, names, options))
            done.append(f"template {names.of(kind)}")
            done += _index(client, kind, names, options)
    return done


def template(kind: Kind, names: Names, options: Options) -> Fields:
    """The index template of a kind."""
    streamed = options.data_stream and kind is MESSAGES
    settings: Fields = {
        "number_of_shards": options.shards if kind.rolled else 1,
        "number_of_replicas": options.replicas,
        "refresh_interval": REFRESH,
        "codec": "best_compression" if kind.packed else "default",
    }
    if kind.order:
        settings["sort.field"] = [name for name, _ in kind.order]
        settings["sort.order"] = [direction for _, direction in kind.order]
    if options.ilm and kind.rolled:
        settings["lifecycle.name"] = names.prefix
        if not streamed:
            settings["lifecycle.rollover_alias"] = names.of(kind)
    made: Fields = {
        "index_patterns": [names.of(kind) if streamed else f"{names.of(kind)}-*"],
        "priority": PRIORITY,
        "template": {"settings": {"index": settings}, "mappings": strict(fields(kind, options), kind.unkept)},
    }
    if streamed:
        made["data_stream"] = {}
    return made


def fields(kind: Kind, options: Options) -> Mapping[str, Any]:
    """The fields of a kind of document."""
    if options.wildcard and kind is TEXTS:
        parts = {"wildcard": {"type": "wildcard", "ignore_above": MAX_KEYWORD}}
        return {**kind.fields, "text": {**kind.fields["text"], "fields": parts}}
    return kind.fields


@contextmanager
def _needing(what: str, address: Address) -> Iterator[None]:
    """What a smaller Elasticsearch does not know is named by the option that asked for it."""
    with errors(address):
        try:
            yield
        except ApiError as error:
            if what and error.status_code in (400, 404, 405):
                raise StoreError(
                    f"Elasticsearch at {address} lacks what {what} needs: leave it out ({error.message})"
                ) from error
            raise


def _beyond(options: Options) -> list[str]:
    return [
        option
        for option, given in (("--data-stream", options.data_stream), ("--wildcard", options.wildcard))
        if given
    ]


def _index(client: Elasticsearch, kind: Kind, names: Names, options: Options) -> list[str]:
    name = names.of(kind)
    if options.data_stream and kind is MESSAGES:
        if client.indices.exists(index=name):
            return []
        client.indices.create_data_stream(name=name)
        return [f"data stream {name}"]
    if client.indices.exists_alias(name=name):
        # Fields that this version knows and the one before did not.
        client.indices.put_mapping(index=name, properties=dict(fields(kind, options)), meta=strict({})["_meta"])
        return _rolled(client, name) if kind.rolled and not options.ilm else []
    client.indices.create(index=names.first(kind), aliases={name: {"is_write_index": True}})
    return [f"index {names.first(kind)}, alias {name}"]


def _rolled(client: Elasticsearch, name: str) -> list[str]:
    """Begin a new index where the last one has become too large or too old."""
    answer = client.indices.rollover(
        alias=name, conditions={"max_primary_shard_size": ROLL_BYTES, "max_age": ROLL_AGE}
    )
    return [f"index {answer['new_index']}, behind {answer['old_index']}"] if answer["rolled_over"] else []


def _policy(options: Options) -> Fields:
    phases: Fields = {
        "hot": {"actions": {"rollover": {"max_primary_shard_size": ROLL_BYTES, "max_age": ROLL_AGE}}},
    }
    if options.keep_days:
        phases["delete"] = {"min_age": f"{options.keep_days}d", "actions": {"delete": {}}}
    return {"phases": phases}
